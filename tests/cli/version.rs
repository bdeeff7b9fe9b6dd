//! `version`: the plugin's own words, with and without a cluster. Whether manifests are inside depends on the build,
//! so the snapshots leave those lines open.

use snapbox::str;

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

"#]]);
}

#[test]
fn quiet_leaves_the_answer_and_no_warning() {
    plugin()
        .args(["version", "-q"])
        .assert()
        .code(0)
        .stderr_eq(str![]);
}
