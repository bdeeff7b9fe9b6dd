//! Several `--context` where no cluster can be reached: each has its part in every format, and other commands refuse.
//! Contexts of real clusters are in `tests/cluster/contexts.rs`.

use std::path::Path;

use serde_json::Value;
use snapbox::{cmd::Command, str};
use tempfile::TempDir;

use crate::plugin::plugin;

const KUBECONFIG: &str = "apiVersion: v1
kind: Config
clusters:
- name: here
  cluster: {server: 'https://127.0.0.1:1'}
users:
- name: someone
  user: {token: any}
contexts:
- name: dev
  context: {cluster: here, user: someone, namespace: team}
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config"), KUBECONFIG).unwrap();
    folder
}

/// The command with a context that cannot be reached before it, and one that does not exist after it.
fn with_contexts(folder: &Path, words: &[&str]) -> Command {
    plugin()
        .env("KUBECONFIG", folder.join("config"))
        .args(["--context", "dev"])
        .args(words)
        .args(["--context=moon", "--context", "dev"])
}

#[test]
fn contexts_stand_side_by_side_and_each_says_why_nothing_is_known() {
    let folder = folder();
    with_contexts(folder.path(), &["verify", "--only", "TRN-IDENTITY"])
        .assert()
        .code(3)
        .stderr_eq(str![])
        .stdout_eq(str![[r#"
CHECK                                                      dev        moon
TRN-API       The API server answers and is 1.31 or newer  ✗ failed   ✗ failed
TRN-IDENTITY  The API server knows who you are             - skipped  - skipped

Context dev
Cluster
  ✗ failed   The API server answers and is 1.31 or newer
             ConnectionRefused: cannot read the server's version: nothing listens at https://127.0.0.1:1 (connection refused)
             hint: is the cluster running, and is this its address? another context: kubectl config use-context NAME; another address: kubectl config set-cluster here --server=https://HOST:PORT
             see:  kubectl trainer explain TRN-API
Not made
  - skipped  because TRN-API failed: TRN-IDENTITY

Context moon
Cluster
  ✗ failed   The API server answers and is 1.31 or newer
             KubeconfigUnusable: there is no context "moon" in the kubeconfig
             hint: there are: dev; see: kubectl config get-contexts
             see:  kubectl trainer explain TRN-API
Not made
  - skipped  because TRN-API failed: TRN-IDENTITY

Nothing is known of Kubeflow Trainer on context dev: the API server cannot be reached or does not know you.
Nothing is known of Kubeflow Trainer on context moon: the API server cannot be reached or does not know you.

"#]]);
}

#[test]
fn json_and_yaml_are_one_document_that_follows_the_published_schema() {
    let folder = folder();
    let text = |format: &str| {
        let output = with_contexts(folder.path(), &["verify", "-o", format]);
        let output = output.assert().code(3).stderr_eq(str![]);
        String::from_utf8(output.get_output().stdout.clone()).unwrap()
    };
    let document: Value = serde_json::from_str(&text("json")).unwrap();
    crate::schemas::assert_follows("verify-list", &document);
    let contexts: Vec<_> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (
                item["context"].as_str().unwrap(),
                item["namespace"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(contexts, [("dev", "team"), ("moon", "default")]);
    let yaml: Value = serde_saphyr::from_str(&text("yaml")).unwrap();
    assert_eq!(yaml, document);
}

#[test]
fn junit_has_a_suite_a_context() {
    let folder = folder();
    let output = with_contexts(folder.path(), &["verify", "-o", "junit"]);
    let output = output.assert().code(3).stderr_eq(str![]);
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert_eq!(crate::schemas::junit_errors(&text), [] as [String; 0]);
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let suites = report.test_suites.iter();
    let names: Vec<_> = suites.map(|suite| suite.name.as_str().to_owned()).collect();
    assert_eq!(names, ["dev", "moon"]);
    assert_eq!(report.failures, 2);
}

#[test]
fn a_list_of_runtimes_names_what_each_context_does_not_give() {
    let folder = folder();
    with_contexts(folder.path(), &["runtimes", "list"])
        .assert()
        .code(3)
        .stderr_eq(str![[r#"
error: context dev: cannot list clustertrainingruntimes.trainer.kubeflow.org: nothing listens at https://127.0.0.1:1 (connection refused)
hint: is the cluster running, and is this its address? another context: kubectl config use-context NAME; another address: kubectl config set-cluster here --server=https://HOST:PORT
error: context moon: there is no context "moon" in the kubeconfig
hint: there are: dev; see: kubectl config get-contexts

"#]])
        .stdout_eq(str![]);
    let output = with_contexts(folder.path(), &["runtimes", "list", "-o", "json"]);
    let output = output.assert().code(3).get_output().stdout.clone();
    let document: Value = serde_json::from_slice(&output).unwrap();
    crate::schemas::assert_follows("runtimes-list", &document);
    assert_eq!(document["items"][1]["context"], "moon");
}

#[test]
fn names_are_not_listed_where_they_do_not_tell_clusters_apart() {
    let folder = folder();
    with_contexts(folder.path(), &["runtimes", "list", "-o", "name"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: -o name does not say of which cluster a name is
hint: name one --context, or ask with -o json

"#]]);
}

#[test]
fn commands_that_speak_of_one_cluster_take_one_context() {
    let folder = folder();
    for words in [
        &["version"] as &[_],
        &["explain"],
        &["runtimes", "show", "torch"],
    ] {
        with_contexts(folder.path(), words)
            .assert()
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: this command speaks of one cluster, but --context names 2: dev, moon
hint: name one; verify, runtimes list and access kubeconfig take several

"#]]);
    }
}
