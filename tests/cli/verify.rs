//! `verify` where no cluster can be reached: one whole report in every format, and what its arguments may be.
//! What it finds on real clusters is in `tests/cluster`.

use serde_json::Value;
use snapbox::str;

use crate::{
    plugin::plugin,
    schemas::{assert_follows, junit_errors, validator},
};

/// Nothing listens there.
const UNREACHABLE: [&str; 2] = ["--server", "https://127.0.0.1:1"];

fn report(format: &str) -> String {
    let output = plugin()
        .args(["verify", "-o", format])
        .args(UNREACHABLE)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_says_what_is_looked_at_and_how_it_ends() {
    let output = plugin().args(["verify", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (own, _) = help.split_once("\nOutput:").unwrap();
    snapbox::assert_data_eq!(
        own,
        str![[r#"
Check that Kubeflow Trainer is installed and working

Looks at the API server, the CRDs, the controllers, their webhooks (which are really called, by dry
run) and the training runtimes, and changes nothing. What you are not allowed to look at is reported
as unknown, with the missing rule. With -v the report unfolds: every check with all that it saw.

With -n, --as or --service-account it also tells whether you, or whom you name, may train in that
namespace: its rights, quotas and service accounts, and whether the pods of the runtimes are
admitted.

With --deep it also tries: a TrainJob of every runtime by dry run, then a real one on two nodes of
the namespace, which is followed to its end, read and removed, also at Ctrl-C. With
--service-account that is done as the account, which takes the right to impersonate it.

Ends with 0 when nothing failed, 1 when a check failed, 4 when nothing failed but you may not look
at everything that counts, and 3 when the cluster cannot be reached or does not know you. With
--wait it ends as soon as nothing that can heal is failed; when the time is over first, with the
same codes as without.

Usage: kubectl trainer verify [OPTIONS]

Options:
  -o, --output <FORMAT>
          Format of the report
          
          [default: table]
          [possible values: table, json, yaml, junit]

      --wait <DURATION>
          Try failed checks again for as long as this, such as 90s or 5m

      --only <ID>
          Only this check and what it requires; may be repeated, or a list with commas

      --skip <ID>
          Not this check; may be repeated, or a list with commas

      --strict
          Warnings count as failures

      --pre
          Check, before anything is installed, whether a release can be installed on this cluster,
          by you

      --service-account <NAME>
          Whether this service account may train, not you; also NAMESPACE/NAME

      --deep
          Also make a real training on two nodes in the namespace of -n, follow it to its end, and
          remove it

      --deep-runtime <NAME>
          The runtime of that training; without it torch-distributed, or another of nodes alone

      --deep-image <IMAGE>
          Its image, in which a shell is enough; without it the runtime's own

      --deep-timeout <DURATION>
          How long it may take; where images are large, the first time takes longer
          
          [default: 5m]

  -h, --help
          Print help (see a summary with '-h')

"#]]
    );
}

#[test]
fn an_unreachable_server_is_a_report_with_one_failure() {
    plugin().arg("verify").args(UNREACHABLE).assert().code(3).stderr_eq(str![]).stdout_eq(str![[r#"
Cluster
  ✗ failed   The API server answers and is 1.31 or newer
             ConnectionRefused: cannot read the server's version: nothing listens at https://127.0.0.1:1 (connection refused)
             hint: is the cluster running, and is this its address? another context: kubectl config use-context NAME; another address: kubectl config set-cluster NAME --server=https://HOST:PORT
             see:  kubectl trainer explain TRN-API
Not made
  - skipped  because TRN-API failed: 21 other checks

Nothing is known of Kubeflow Trainer: the API server cannot be reached or does not know you.

"#]]);
}

#[test]
fn a_missing_kubeconfig_is_a_report_too() {
    plugin().arg("verify").assert().code(3).stderr_eq(str![]).stdout_eq(str![[r#"
Cluster
  ✗ failed   The API server answers and is 1.31 or newer
             KubeconfigUnusable: no cluster is configured: there is no kubeconfig at /nonexistent/.kube/config
             hint: name the file with --kubeconfig FILE, or with: export KUBECONFIG=FILE
             see:  kubectl trainer explain TRN-API
Not made
  - skipped  because TRN-API failed: 21 other checks

Nothing is known of Kubeflow Trainer: the API server cannot be reached or does not know you.

"#]]);
}

#[test]
fn nobody_waits_for_a_kubeconfig_to_heal() {
    plugin()
        .args(["verify", "--wait", "10m"])
        .assert()
        .code(3)
        .stderr_eq(str![]);
}

#[test]
fn waiting_for_a_server_says_so_and_ends_with_its_limit() {
    plugin()
        .args(["verify", "--wait", "100ms"])
        .args(UNREACHABLE)
        .assert()
        .code(3)
        .stderr_eq(str![[r#"
waiting for TRN-API (ConnectionRefused)

"#]]);
}

#[test]
fn json_follows_the_published_schema() {
    let document: Value = serde_json::from_str(&report("json")).unwrap();
    assert_follows("verify", &document);
    assert_eq!(
        (&document["verdict"], &document["exitCode"]),
        (&"unreachable".into(), &3.into())
    );
    let mut wrong = document;
    wrong["checks"][0]["state"] = "fine".into();
    assert!(
        !validator("verify").is_valid(&wrong),
        "the schema takes anything"
    );
}

#[test]
fn junit_follows_the_published_schema() {
    let right = report("junit");
    assert_eq!(junit_errors(&right), [] as [String; 0]);
    for (from, to) in [
        ("classname=\"TRN-API\"", "classname=\"API\""),
        (" errors=\"0\"", ""),
        (" type=\"ConnectionRefused\"", ""),
        ("</properties>", "</properties><testsuite/>"),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(junit_errors(&wrong), [] as [String; 0], "{from}");
    }
}

/// Ways to end without a look at a cluster, each with what is left of the arguments.
#[test]
fn every_path_gives_one_document_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    std::fs::write(&broken, "{ not a kubeconfig").unwrap();
    let broken = broken.to_str().unwrap();
    let paths: [&[&str]; 9] = [
        &UNREACHABLE,
        &["--pre"],
        &["--pre", "--server", "https://127.0.0.1:1"],
        &[],
        &["--kubeconfig", broken],
        &["--kubeconfig", broken, "--strict", "--wait", "1s"],
        &["--only", "TRN-WEBHOOKS,TRN-CRDS"],
        &["--skip", "TRN-IDENTITY", "-n", "team"],
        &["--context", "one", "--context", "two"],
    ];
    for path in paths {
        let text = |format: &str| {
            let words = ["verify", "-o", format];
            let output = plugin()
                .args(words)
                .args(path)
                .assert()
                .code(3)
                .stderr_eq("");
            String::from_utf8(output.get_output().stdout.clone()).unwrap()
        };
        let json: Value = serde_json::from_str(&text("json")).unwrap();
        let schema = if path.contains(&"two") {
            "verify-list"
        } else {
            "verify"
        };
        assert_follows(schema, &json);
        let yaml: Value = serde_saphyr::from_str(&text("yaml")).unwrap();
        assert_eq!(yaml, json);
        assert_eq!(junit_errors(&text("junit")), [] as [String; 0], "{path:?}");
        assert!(text("table").contains("Nothing is known of "), "{path:?}");
    }
}

#[test]
fn only_and_skip_choose_and_the_document_says_what_was_left_out() {
    let ids = |arguments: &[&str]| {
        let output = plugin()
            .args(["verify", "-o", "json"])
            .args(arguments)
            .output()
            .unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = json["checks"].as_array().unwrap().iter();
        let ids: Vec<_> = checks
            .map(|check| check["id"].as_str().unwrap().to_owned())
            .collect();
        (ids, json["selection"].clone())
    };
    let (all, selection) = ids(&[]);
    assert_eq!(
        (
            &selection["complete"],
            &selection["checks"],
            &selection["of"]
        ),
        (&true.into(), &all.len().into(), &all.len().into())
    );
    let (made, selection) = ids(&["--only", "trn-crds", "--only=TRN-IDENTITY"]);
    assert_eq!(made, ["TRN-API", "TRN-IDENTITY", "TRN-CRDS"]);
    assert_eq!(
        (
            &selection["complete"],
            &selection["checks"],
            &selection["of"]
        ),
        (&false.into(), &3.into(), &all.len().into())
    );
    let (made, selection) = ids(&["--skip", "TRN-CRDS,TRN-WEBHOOKS"]);
    assert_eq!(made.len(), all.len() - 2);
    assert_eq!(
        selection["leftOut"],
        serde_json::json!(["TRN-CRDS", "TRN-WEBHOOKS"])
    );
}

#[test]
fn wishes_that_cannot_be_fulfilled_are_usage_errors() {
    let refused = |arguments: &[&str]| {
        let output = plugin()
            .arg("verify")
            .args(arguments)
            .assert()
            .code(2)
            .stdout_eq("");
        String::from_utf8(output.get_output().stderr.clone()).unwrap()
    };
    snapbox::assert_data_eq!(
        refused(&["--only", "TRN-WEBHOKS"]),
        str![[r#"
error: there is no check "TRN-WEBHOKS" in this run
hint: did you mean TRN-WEBHOOKS? all checks: kubectl trainer explain

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&["--skip", "moon"]),
        str![[r#"
error: there is no check "moon" in this run
hint: all checks: kubectl trainer explain

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&["--only", "TRN-CRDS", "--skip", "trn-crds"]),
        str![[r#"
error: TRN-CRDS is named by both --only and --skip; name it once

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&["--pre", "-n", "team-a"]),
        str![[r#"
error: --pre cannot be used with --namespace: a release is applied to the namespace that its manifests name, or that Trainer already lives in
hint: whether you may train in a namespace: kubectl trainer verify -n NAMESPACE, once Trainer is installed

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&["--only", "TRN-API", "--skip", "TRN-IDENTITY", "--skip", ""]),
        str![[r#"
error: there is no check "" in this run
hint: all checks: kubectl trainer explain

"#]]
    );
}

#[test]
fn yaml_says_what_json_says() {
    let json: Value = serde_json::from_str(&report("json")).unwrap();
    let yaml: Value = serde_saphyr::from_str(&report("yaml")).unwrap();
    assert_eq!(yaml, json);
}

#[test]
fn junit_counts_one_failure_and_all_others_as_skipped() {
    let json: Value = serde_json::from_str(&report("json")).unwrap();
    let all = json["checks"].as_array().unwrap().len();
    let report = quick_junit::Report::deserialize_from_str(&report("junit")).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (all, 1, 0));
    let cases = report
        .test_suites
        .iter()
        .flat_map(|suite| &suite.test_cases);
    let skipped =
        cases.filter(|case| matches!(case.status, quick_junit::TestCaseStatus::Skipped { .. }));
    assert_eq!(skipped.count(), report.tests - 1);
}

#[test]
fn a_format_that_does_not_exist_is_refused_with_those_that_do() {
    plugin()
        .args(["verify", "-o", "xml"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'xml' for '--output <FORMAT>'
  [possible values: table, json, yaml, junit]

  tip: a similar value exists: 'yaml'

For more information, try '--help'.

"#]]);
}

#[test]
fn a_wait_that_is_no_duration_is_refused() {
    plugin()
        .args(["verify", "--wait", "soon"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'soon' for '--wait <DURATION>': expected a duration such as 30s, 5m or 1h30m

For more information, try '--help'.

"#]]);
}
