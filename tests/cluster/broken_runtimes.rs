//! Clusters without training runtimes, or with ones that the SDK does not see.

use snapbox::{cmd::Command, str};
use testbed::{Testbed, User};

use crate::{
    causes::{DELETION_STUCK, NO_FRAMEWORK, NO_RUNTIMES, RUNTIMES_MISSING},
    support::{expect, expect_healthy, kubectl, paste},
};

/// `verify` as a person runs it.
fn table(bed: &Testbed) -> Command {
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    Command::new(env!("CARGO_BIN_EXE_kubectl-trainer"))
        .env("KUBECONFIG", kubeconfig)
        .arg("verify")
}

#[test]
fn a_missing_runtime_is_a_warning_that_names_it() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(
        &bed,
        &["delete", "clustertrainingruntime", "jax-distributed"],
    );
    let verified = expect(&bed, RUNTIMES_MISSING);
    assert!(verified.detail("TRN-RUNTIMES").ends_with("jax-distributed"));
    table(&bed).assert().success().stderr_eq(str![]).stdout_eq(str![[r#"
Cluster
  ✓ ok       The API server answers and is 1.31 or newer  v1.[..]
  ✓ ok       The API server knows who you are             you are admin
Custom resource definitions
  ✓ ok       No older Kubeflow training API is left over  none found
  ✓ ok       Trainer's and JobSet's CRDs are served       4 of 4
  ✓ ok       The CRDs are of the controllers' release     Trainer v2.3.0
Controllers
  ✓ ok       Trainer and JobSet are installed             in kubeflow-system
  ✓ ok       No second Trainer or JobSet competes         one of each
  ✓ ok       The controllers of Trainer and JobSet run    v2.3.0, JobSet v0.12.0
  ✓ ok       The webhook Services lead to the right pods  2 Services
  ✓ ok       Each controller has a leader at work         2 leaders
  ✓ ok       The controllers may do what they have to     2 service accounts
Webhooks
  ✓ ok       The webhook certificates are valid           2 certificates
  ✓ ok       Every webhook entry trusts that certificate  8 entries
  ✓ ok       The webhooks answer when they are called     3 dry runs in default
Training runtimes
  ! warning  The release's training runtimes are there
             RuntimesMissing: release 2.3.0 ships 8 runtimes, of which are missing: jax-distributed
             mend: kubectl apply --server-side -k 'https://github.com/kubeflow/trainer.git/manifests/overlays/runtimes?ref=v2.3.0'
             see:  kubectl trainer explain TRN-RUNTIMES
  ✓ ok       The runtimes' pods are as Trainer expects    7 runtimes
Integrations
  ✓ ok       Progress reporting is off, or works          off (the default)
  ✓ ok       Kueue, where it is there, fits this Trainer  not installed
  ✓ ok       Gang scheduling has the PodGroups it needs   not installed
  ✓ ok       The data cache has what it needs             not installed
  ✓ ok       Runtimes made here get their volumes         no default StorageClass
  ✓ ok       Runtimes made here find their accelerators   the nodes have none

Kubeflow Trainer on context admin works, but deserves a look: 1 warning (TRN-RUNTIMES), 21 ok.

"#]]);
    bed.apply_runtimes().unwrap();
    expect_healthy(&bed);
    table(&bed)
        .assert()
        .success()
        .stderr_eq(str![])
        .stdout_eq(str![[r#"
Cluster
  ✓ ok       The API server answers and is 1.31 or newer  v1.[..]
  ✓ ok       The API server knows who you are             you are admin
Custom resource definitions
  ✓ ok       No older Kubeflow training API is left over  none found
  ✓ ok       Trainer's and JobSet's CRDs are served       4 of 4
  ✓ ok       The CRDs are of the controllers' release     Trainer v2.3.0
Controllers
  ✓ ok       Trainer and JobSet are installed             in kubeflow-system
  ✓ ok       No second Trainer or JobSet competes         one of each
  ✓ ok       The controllers of Trainer and JobSet run    v2.3.0, JobSet v0.12.0
  ✓ ok       The webhook Services lead to the right pods  2 Services
  ✓ ok       Each controller has a leader at work         2 leaders
  ✓ ok       The controllers may do what they have to     2 service accounts
Webhooks
  ✓ ok       The webhook certificates are valid           2 certificates
  ✓ ok       Every webhook entry trusts that certificate  8 entries
  ✓ ok       The webhooks answer when they are called     3 dry runs in default
Training runtimes
  ✓ ok       The release's training runtimes are there    all 8 of release 2.3.0
  ✓ ok       The runtimes' pods are as Trainer expects    8 runtimes
Integrations
  ✓ ok       Progress reporting is off, or works          off (the default)
  ✓ ok       Kueue, where it is there, fits this Trainer  not installed
  ✓ ok       Gang scheduling has the PodGroups it needs   not installed
  ✓ ok       The data cache has what it needs             not installed
  ✓ ok       Runtimes made here get their volumes         no default StorageClass
  ✓ ok       Runtimes made here find their accelerators   the nodes have none

Kubeflow Trainer on context admin is healthy: all 22 checks passed.

"#]]);
}

#[test]
fn a_cluster_without_any_runtime_fails() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(&bed, &["delete", "clustertrainingruntimes", "--all"]);
    expect(&bed, NO_RUNTIMES);
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
    let verified = expect(&bed, NO_FRAMEWORK);
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
    let verified = expect(&bed, DELETION_STUCK);
    paste(&bed, verified.mend("TRN-RUNTIMES"));
    bed.apply_runtimes().unwrap();
    expect_healthy(&bed);
}
