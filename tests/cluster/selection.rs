//! A part of the checks, warnings as failures, and that a broken cluster is told in the same words every time.

use std::{collections::BTreeSet, thread};

use serde_json::{Value, json};
use testbed::{Testbed, User};

use crate::{
    causes::{RUNTIMES_MISSING, SCALED_TO_ZERO},
    schemas::junit_errors,
    support::{binary, expect, expect_healthy, kubectl, saved, verify},
};

#[test]
fn a_healthy_part_is_never_called_a_healthy_cluster() {
    let Some(bed) = Testbed::shared() else { return };
    let whole = verify(&bed, &[]).report;
    let part = verify(&bed, &["--only", "TRN-CRDS"]);
    assert_eq!((part.exit_code, part.troubles()), (0, Vec::new()));
    let all = whole["checks"].as_array().unwrap().len();
    assert_eq!(part.report["selection"]["of"], json!(all));
    assert_eq!(
        part.report["message"],
        json!(format!(
            "Kubeflow Trainer on context admin was looked at only in part, 3 of {all} checks: 3 ok."
        ))
    );
    let without = verify(&bed, &["--skip", "TRN-CRDS"]);
    let ids = |report: &Value| -> BTreeSet<String> {
        let checks = report["checks"].as_array().unwrap().iter();
        checks.map(|check| check["id"].to_string()).collect()
    };
    let missing: Vec<_> = ids(&whole)
        .difference(&ids(&without.report))
        .cloned()
        .collect();
    assert_eq!(missing, ["\"TRN-CRDS\""]);
    assert_eq!(without.exit_code, 0);
}

#[test]
fn what_requires_a_skipped_check_is_made_all_the_same() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let namespace = ["-n", "kubeflow-system"];
    let jobset = "deployment/jobset-controller-manager";
    kubectl(
        &bed,
        &[&namespace[..], &["scale", jobset, "--replicas=0"]].concat(),
    );
    let verified = expect(&bed, SCALED_TO_ZERO);
    let skipping = verify(&bed, &["--skip", "TRN-DEPLOYMENTS"]);
    let made: Vec<_> = skipping.troubles();
    assert!(
        made.iter()
            .any(|(id, state, _)| (*id, *state) == ("TRN-ENDPOINTS", "failed")),
        "{made:?}"
    );
    every_run_says_the_same(&bed);
    crate::support::paste(&bed, verified.mend("TRN-DEPLOYMENTS"));
    expect_healthy(&bed);
}

/// Twenty runs in every format, byte by byte; both of the machine's ways of racing: alone and beside others.
#[track_caller]
fn every_run_says_the_same(bed: &Testbed) {
    const RUNS: usize = 20;
    const FORMATS: [&str; 4] = ["table", "json", "yaml", "junit"];
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let run = |format: &str| {
        let output = binary()
            .args(["verify", "-o", format, "--kubeconfig"])
            .arg(&kubeconfig)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).unwrap()
    };
    let texts =
        |format: &'static str| -> BTreeSet<String> { (0..RUNS).map(|_| run(format)).collect() };
    thread::scope(|scope| {
        let formats = FORMATS.map(|format| scope.spawn(move || (format, texts(format))));
        for (format, texts) in formats.map(|running| running.join().unwrap()) {
            assert_eq!(texts.len(), 1, "{format}: {texts:#?}");
            if format == "junit" {
                assert_eq!(junit_errors(texts.first().unwrap()), [] as [String; 0]);
            }
        }
    });
}

#[test]
fn under_strictness_a_warning_ends_with_1_until_it_is_mended() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let runtime = saved(&bed, "clustertrainingruntime", "torch-distributed");
    kubectl(
        &bed,
        &["delete", "clustertrainingruntime", "torch-distributed"],
    );
    expect(&bed, RUNTIMES_MISSING);
    let strict = verify(&bed, &["--strict"]);
    assert_eq!(
        (strict.exit_code, strict.troubles()),
        (1, RUNTIMES_MISSING.to_vec())
    );
    let message = strict.report["message"].as_str().unwrap();
    assert!(
        message
            .contains("works, but --strict takes warnings for failures: 1 warning (TRN-RUNTIMES)"),
        "{message}"
    );
    bed.apply(&runtime.to_string()).unwrap();
    let healthy = verify(&bed, &["--strict", "--wait", "30s"]);
    assert_eq!(healthy.exit_code, 0, "{:#?}", healthy.problems());
    expect_healthy(&bed);
}
