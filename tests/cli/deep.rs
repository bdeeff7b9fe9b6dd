//! `verify --deep` and `bootstrap --test-run` as they may not be asked for, and where no cluster can be reached.

use serde_json::Value;
use snapbox::str;

use crate::plugin::plugin;

/// Nothing listens there.
const UNREACHABLE: [&str; 2] = ["--server", "https://127.0.0.1:1"];

/// What is said to arguments that make no sense.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = plugin().args(arguments).args(UNREACHABLE).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_trial_has_to_be_told_where_and_is_made_on_one_cluster_as_one_caller() {
    snapbox::assert_data_eq!(
        refused(&["verify", "--deep"]),
        str![[r#"
error: --deep makes a TrainJob for a moment, and has to be told where
hint: name the namespace: kubectl trainer verify --deep -n NAMESPACE

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&["verify", "--deep", "--service-account", "trainer"]),
        str![[r#"
error: --deep makes a TrainJob for a moment, and has to be told where
hint: name the namespace: kubectl trainer verify --deep -n NAMESPACE

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&[
            "verify",
            "--deep",
            "-n",
            "a",
            "--context",
            "one",
            "--context",
            "two"
        ]),
        str![[r#"
error: --deep tries one cluster, but --context names several
hint: name one: kubectl trainer verify --deep -n NAMESPACE --context NAME

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&[
            "verify",
            "--deep",
            "-n",
            "a",
            "--as",
            "jane",
            "--service-account",
            "b"
        ]),
        str![[r#"
error: --deep can act as one somebody else, but --as, or the kubeconfig's `as`, and --service-account name two
hint: leave out one, or name the account by --as system:serviceaccount:NAMESPACE:NAME

"#]]
    );
}

#[test]
fn a_trial_is_none_before_an_installation_and_its_flags_and_checks_need_it() {
    snapbox::assert_data_eq!(
        refused(&["verify", "--deep", "--pre"]),
        str![[r#"
error: the argument '--deep' cannot be used with '--pre'
hint: leave one of them out; what each is for: kubectl trainer verify --help

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&["verify", "--deep-image", "busybox"]),
        str![[r#"
error: the following required arguments were not provided:
  <--deep>

Usage: kubectl trainer verify --deep-image <IMAGE> --server <URL> <--deep>

For more information, try '--help'.

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&["verify", "--only", "trn-deep-training"]),
        str![[r#"
error: TRN-DEEP-TRAINING is made only with --deep
hint: it makes a TrainJob for a moment: kubectl trainer verify --deep -n NAMESPACE --only TRN-DEEP-TRAINING

"#]]
    );
    snapbox::assert_data_eq!(
        refused(&["bootstrap", "team-a", "--deep-runtime", "own"]),
        str![[r#"
error: the following required arguments were not provided:
  <--test-run>

Usage: kubectl trainer bootstrap --deep-runtime <NAME> --server <URL> <--test-run> <NAMESPACE>

For more information, try '--help'.

"#]]
    );
}

#[test]
fn a_test_run_takes_an_account_that_may_train_and_something_that_is_made() {
    let test_run = |arguments: &[&str]| {
        let own = ["bootstrap", "team-a", "--test-run"];
        refused(&[&own[..], arguments].concat())
    };
    snapbox::assert_data_eq!(
        test_run(&["--persona", "viewer"]),
        str![[r#"
error: --test-run makes a training, which the persona viewer may not
hint: leave it out; what the account may do: kubectl trainer access list -n team-a

"#]]
    );
    snapbox::assert_data_eq!(
        test_run(&["--for-group", "data-science"]),
        str![[r#"
error: --test-run logs in as a service account, and none is named: people log in themselves
hint: leave it out; they try it themselves: kubectl trainer verify --deep -n team-a

"#]]
    );
    snapbox::assert_data_eq!(
        test_run(&["--diff"]),
        str![[r#"
error: the argument '--test-run' cannot be used with '--diff'
hint: leave one of them out; what each is for: kubectl trainer bootstrap --help

"#]]
    );
    snapbox::assert_data_eq!(
        test_run(&["-o", "json"]),
        str![[r#"
error: the argument '--test-run' cannot be used with '--output <json|yaml>'
hint: leave one of them out; what each is for: kubectl trainer bootstrap --help

"#]]
    );
}

#[test]
fn where_nothing_is_known_nothing_is_tried() {
    let output = plugin()
        .args(["verify", "--deep", "-n", "team-a", "-o", "json"])
        .args(UNREACHABLE)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let tried = checks.iter().filter(|check| check["category"] == "deep");
    let tried: Vec<_> = tried
        .map(|check| (check["state"].as_str(), check["skippedBecauseOf"].as_str()))
        .collect();
    assert_eq!(tried, [(Some("skipped"), Some("TRN-API")); 3]);
}
