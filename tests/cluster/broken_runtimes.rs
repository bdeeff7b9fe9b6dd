//! Clusters without training runtimes, or with ones that the SDK does not see.

use testbed::Testbed;

use crate::support::{expect, expect_healthy, failed, kubectl, paste, trouble};

#[test]
fn a_missing_runtime_is_a_warning_that_names_it() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(
        &bed,
        &["delete", "clustertrainingruntime", "jax-distributed"],
    );
    let verified = expect(
        &bed,
        &[trouble("TRN-RUNTIMES", "warning", "RuntimesMissing")],
    );
    assert!(verified.detail("TRN-RUNTIMES").ends_with("jax-distributed"));
    bed.apply_runtimes().unwrap();
    expect_healthy(&bed);
}

#[test]
fn a_cluster_without_any_runtime_fails() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(&bed, &["delete", "clustertrainingruntimes", "--all"]);
    expect(&bed, &[failed("TRN-RUNTIMES", "NoRuntimes")]);
    bed.apply_runtimes().unwrap();
    expect_healthy(&bed);
}

#[test]
fn a_runtime_without_framework_is_labelled_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(
        &bed,
        &[
            "label",
            "clustertrainingruntime",
            "xgboost-distributed",
            "trainer.kubeflow.org/framework-",
        ],
    );
    let verified = expect(&bed, &[trouble("TRN-RUNTIMES", "warning", "NoFramework")]);
    paste(&bed, verified.mend("TRN-RUNTIMES"));
    expect_healthy(&bed);
}

#[test]
fn a_runtime_whose_deletion_is_stuck_is_freed_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let finalizer = r#"{"metadata":{"finalizers":["example.com/keeps-it"]}}"#;
    kubectl(
        &bed,
        &[
            "patch",
            "clustertrainingruntime",
            "mlx-distributed",
            "--type=merge",
            "-p",
            finalizer,
        ],
    );
    kubectl(
        &bed,
        &[
            "delete",
            "clustertrainingruntime",
            "mlx-distributed",
            "--wait=false",
        ],
    );
    let verified = expect(&bed, &[trouble("TRN-RUNTIMES", "warning", "DeletionStuck")]);
    paste(&bed, verified.mend("TRN-RUNTIMES"));
    bed.apply_runtimes().unwrap();
    expect_healthy(&bed);
}
