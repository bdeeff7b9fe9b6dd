//! `version`: the plugin's own words, with and without a cluster. Whether manifests are inside depends on the build,
//! so the snapshots leave those lines open.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use snapbox::str;
use testbed::{Testbed, User};

use crate::plugin::plugin;

#[test]
fn the_plugin_knows_its_own_version_without_a_cluster() {
    plugin()
        .args(["version", "--client"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Plugin:        0.1.0
Knows Trainer: 2.0.1, 2.1.0, 2.2.1, 2.3.0
...

"#]])
        .stderr_eq(str![]);
}

#[test]
fn the_same_is_there_for_programs() {
    plugin()
        .args(["version", "--client", "-o", "yaml"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
client:
  version: "0.1.0"
  knownReleases:
  - "2.0.1"
  - "2.1.0"
  - "2.2.1"
  - "2.3.0"
  bundledReleases:[..]
...

"#]])
        .stderr_eq(str![]);
    plugin()
        .args(["version", "--client", "-o", "json"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
{
    "client": {
        "version": "0.1.0",
        "knownReleases": [
            "2.0.1",
            "2.1.0",
            "2.2.1",
            "2.3.0"
        ],
        "bundledReleases": [..]
...
    }
}

"#]])
        .stderr_eq(str![]);
}

#[test]
fn the_flag_says_the_version_alone() {
    plugin()
        .arg("--version")
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
kubectl-trainer 0.1.0

"#]])
        .stderr_eq(str![]);
}

#[test]
fn without_a_cluster_the_plugins_version_is_still_shown_and_a_warning_says_why() {
    plugin()
        .arg("version")
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Plugin:        0.1.0
Knows Trainer: 2.0.1, 2.1.0, 2.2.1, 2.3.0
...
Kubernetes:    unknown (no cluster)
Trainer:       unknown

"#]])
        .stderr_eq(str![[r#"
warning: no cluster is configured: there is no kubeconfig at /nonexistent/.kube/config
hint: [..]

"#]]);
}

#[test]
fn a_server_that_says_nothing_is_given_up_after_five_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", silent.local_addr().unwrap());
    let begin = Instant::now();
    plugin()
        .args(["version", "--server", &server])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
...
Kubernetes:    unknown (https://127.0.0.1:[..])
Trainer:       unknown

"#]])
        .stderr_eq(str![[r#"
warning: cannot read the server's version: [..]
hint: [..]

"#]]);
    assert!(begin.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_cluster_says_its_versions_also_to_somebody_without_rights() {
    let Some(bed) = Testbed::shared() else { return };
    let nobody = User::ServiceAccount {
        namespace: "default",
        name: "nobody",
        rules: &[],
    };
    for user in [User::Admin, nobody] {
        plugin()
            .env("KUBECONFIG", bed.kubeconfig(&user).unwrap())
            .arg("version")
            .assert()
            .code(0)
            .stdout_eq(str![[r#"
...
Kubernetes:    v1.[..]
Trainer:       2.3.0 (namespace kubeflow-system)

"#]])
            .stderr_eq(str![]);
    }
}

#[test]
fn quiet_leaves_the_answer_and_no_warning() {
    plugin()
        .args(["version", "-q"])
        .assert()
        .code(0)
        .stderr_eq(str![]);
}
