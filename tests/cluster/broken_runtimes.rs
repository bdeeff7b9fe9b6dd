//! Clusters without training runtimes, or with ones that the SDK does not see.

use serde_json::json;
use snapbox::{cmd::Command, str};
use testbed::{BUSYBOX_IMAGE, Testbed, User, record_skip, trainer::DEFAULT_RELEASE};

use crate::{
    causes::{
        CONTAINER_MISSING, DELETION_STUCK, DEPRECATED, FLOATING_IMAGE, NO_CLUSTER_RUNTIMES,
        NO_FRAMEWORK, NO_RUNTIMES, NO_TRAINER_STEP, OTHER_RELEASE, REPLICAS_NOT_ONE,
        RUNTIMES_MISSING,
    },
    own_runtimes::{self, training_runtime},
    releases::release,
    support::{expect, expect_healthy, kubectl, paste, wait_until},
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
    if release(&bed) != DEFAULT_RELEASE {
        record_skip("the tables are those of the newest release");
        return;
    }
    kubectl(
        &bed,
        &["delete", "clustertrainingruntime", "jax-distributed"],
    );
    let verified = expect(&bed, RUNTIMES_MISSING);
    assert!(verified.detail("TRN-RUNTIMES").ends_with("jax-distributed"));
    // A controller that was started anew leads only when the lease of the one before has run out.
    wait_until("2 leaders", || {
        let output = table(&bed).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains(" 2 leaders\n")
    });
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
    assert_table_of_a_healthy_cluster(&bed);
}

#[track_caller]
fn assert_table_of_a_healthy_cluster(bed: &Testbed) {
    table(bed)
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
fn a_cluster_without_any_runtime_fails_and_one_with_runtimes_of_namespaces_only_is_warned() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(&bed, &["delete", "clustertrainingruntimes", "--all"]);
    expect(&bed, NO_RUNTIMES);
    bed.apply(&training_runtime().to_string()).unwrap();
    let verified = expect(&bed, NO_CLUSTER_RUNTIMES);
    assert_eq!(
        verified.detail("TRN-RUNTIMES"),
        "there is no ClusterTrainingRuntime, only 1 TrainingRuntime in its namespace"
    );
    own_runtimes::delete(&bed);
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
            "deepspeed-distributed",
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

#[test]
fn a_runtime_that_is_deprecated_or_of_another_release_is_a_warning() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let runtime = ["clustertrainingruntime", "mlx-distributed"];
    let deprecated = "trainer.kubeflow.org/support=deprecated";
    kubectl(&bed, &[&["label"], &runtime[..], &[deprecated]].concat());
    let verified = expect(&bed, DEPRECATED);
    assert_eq!(
        verified.detail("TRN-RUNTIMES"),
        "runtime mlx-distributed is deprecated"
    );
    let supported = "trainer.kubeflow.org/support-";
    kubectl(&bed, &[&["label"], &runtime[..], &[supported]].concat());

    let image = "ghcr.io/kubeflow/trainer/mlx-runtime:v2.9.0";
    let path =
        "/spec/template/spec/replicatedJobs/0/template/spec/template/spec/containers/0/image";
    let operations = json!([{"op": "replace", "path": path, "value": image}]).to_string();
    kubectl(
        &bed,
        &[
            &["patch"],
            &runtime[..],
            &["--type=json", "-p", &operations],
        ]
        .concat(),
    );
    let verified = expect(&bed, OTHER_RELEASE);
    assert!(
        verified
            .detail("TRN-RUNTIMES")
            .ends_with(&format!("mlx-distributed ({image})"))
    );
    bed.apply_runtimes().unwrap();
    expect(&bed, &[]);
}

#[test]
fn a_runtime_without_the_shape_that_trainer_fills_in_is_corrected_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let containers = "template/spec/template/spec/containers/0";
    bed.apply(&training_runtime().to_string()).unwrap();
    expect(&bed, &[]);
    own_runtimes::patch(
        &bed,
        "replace",
        &format!("{containers}/name"),
        &json!("main"),
    );
    paste(
        &bed,
        expect(&bed, CONTAINER_MISSING).mend("TRN-RUNTIME-PODS"),
    );
    expect(&bed, &[]);
    own_runtimes::patch(&bed, "replace", "replicas", &json!(2));
    paste(
        &bed,
        expect(&bed, REPLICAS_NOT_ONE).mend("TRN-RUNTIME-PODS"),
    );
    expect(&bed, &[]);
    let image = format!("{containers}/image");
    own_runtimes::patch(&bed, "replace", &image, &json!("example.com/own:latest"));
    let verified = expect(&bed, FLOATING_IMAGE);
    assert_eq!(
        verified.detail("TRN-RUNTIME-PODS"),
        "TrainingRuntime default/own has example.com/own:latest"
    );
    own_runtimes::patch(&bed, "replace", &image, &json!(BUSYBOX_IMAGE));
    own_runtimes::patch(&bed, "replace", "template/metadata/labels", &json!({}));
    expect(&bed, NO_TRAINER_STEP);
    own_runtimes::delete(&bed);
    expect(&bed, &[]);
}
