//! Clusters whose CRDs are gone, old, or accompanied by those of older Kubeflow releases.

use std::path::Path;

use serde_json::{Value, json};
use testbed::{Testbed, bundle};

use crate::{
    causes::{
        CRD_MISSING, CRD_NAMES_TAKEN, CRD_NOT_SERVED, CRD_TERMINATING, CRD_TOO_OLD, KFDEF,
        KFDEF_OPERATOR, TRAINING_OPERATOR_V1,
    },
    own_runtimes::{NAME, NAMESPACE, training_runtime},
    releases::{is_at_least, release},
    support::{expect, expect_healthy, kubectl, paste, saved},
};

const TRAINING_RUNTIMES: &str = "trainingruntimes.trainer.kubeflow.org";

#[test]
fn a_deleted_crd_is_named_and_what_builds_on_it_is_skipped() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let crd = "trainingruntimes.trainer.kubeflow.org";
    let definition = saved(&bed, "crd", crd);
    kubectl(&bed, &["delete", "crd", crd]);
    let verified = expect(&bed, CRD_MISSING);
    assert_eq!(
        verified.detail("TRN-CRDS"),
        format!("CRD {crd} does not exist")
    );
    bed.apply(&definition.to_string()).unwrap();
    expect_healthy(&bed);
}

#[test]
fn an_old_crd_under_a_new_controller_is_named_with_both_releases() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    if !is_at_least(&bed, 1) {
        return;
    }
    let older = match release(&bed) {
        "v2.1.0" => "2.0.1",
        _ => "2.1.0",
    };
    let crd = "trainjobs.trainer.kubeflow.org";
    let definition = saved(&bed, "crd", crd);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let old = bundle::manifests(
        older,
        &bundle::default_path(target),
        bed.kubectl_path(),
        &mut std::io::sink(),
    )
    .unwrap();
    let old = old
        .manager
        .iter()
        .find(|object| object["metadata"]["name"] == crd)
        .unwrap();
    bed.apply(&old.to_string()).unwrap();
    let verified = expect(&bed, CRD_TOO_OLD);
    assert_eq!(
        verified.detail("TRN-CRD-SCHEMA"),
        format!(
            "{crd} is that of Trainer {older}, but the controller is {}",
            release(&bed)
        )
    );
    bed.apply(&definition.to_string()).unwrap();
    expect_healthy(&bed);
}

/// A definition that serves `v1` of this kind and knows nothing else of it.
fn definition(plural: &str, group: &str, kind: &str) -> Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}

#[test]
fn a_crd_whose_deletion_waits_for_an_object_is_told_with_what_holds_it() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let definition = saved(&bed, "crd", TRAINING_RUNTIMES);
    let mut held = training_runtime();
    held["metadata"]["finalizers"] = json!(["example.com/keeps-it"]);
    bed.apply(&held.to_string()).unwrap();
    kubectl(&bed, &["delete", "crd", TRAINING_RUNTIMES, "--wait=false"]);
    let verified = expect(&bed, CRD_TERMINATING);
    let held_by = "customresourcecleanup.apiextensions.k8s.io holds it";
    assert!(
        verified.detail("TRN-CRDS").contains(held_by),
        "{}",
        verified.detail("TRN-CRDS")
    );
    paste(&bed, verified.mend("TRN-CRDS"));
    let free = r#"{"metadata":{"finalizers":null}}"#;
    let patch = ["patch", "trainingruntime", NAME, "--type=merge", "-p", free];
    kubectl(&bed, &[&["-n", NAMESPACE], &patch[..]].concat());
    let gone = [
        "wait",
        "crd",
        TRAINING_RUNTIMES,
        "--for=delete",
        "--timeout=60s",
    ];
    kubectl(&bed, &gone);
    bed.apply(&definition.to_string()).unwrap();
    expect_healthy(&bed);
}

#[test]
fn a_version_that_is_no_longer_served_is_served_again_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let off = r#"[{"op":"replace","path":"/spec/versions/0/served","value":false}]"#;
    kubectl(
        &bed,
        &["patch", "crd", TRAINING_RUNTIMES, "--type=json", "-p", off],
    );
    let verified = expect(&bed, CRD_NOT_SERVED);
    paste(&bed, verified.mend("TRN-CRDS"));
    expect_healthy(&bed);
}

#[test]
fn a_crd_whose_names_another_one_holds_is_told_with_the_servers_words() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let own = saved(&bed, "crd", TRAINING_RUNTIMES);
    kubectl(&bed, &["delete", "crd", TRAINING_RUNTIMES]);
    let stranger = definition("strangers", "trainer.kubeflow.org", "TrainingRuntime");
    bed.apply(&stranger.to_string()).unwrap();
    bed.apply(&own.to_string()).unwrap();
    let verified = expect(&bed, CRD_NAMES_TAKEN);
    let detail = verified.detail("TRN-CRDS");
    assert!(
        detail.contains("is not NamesAccepted: \"TrainingRuntime"),
        "{detail}"
    );
    kubectl(&bed, &["delete", "crd", "strangers.trainer.kubeflow.org"]);
    expect_healthy(&bed);
}

#[test]
fn the_operator_of_early_kubeflow_is_stopped_by_the_printed_mend_and_its_api_is_still_told() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let labels = json!({"app": "kubeflow-operator"});
    let pod = json!({"containers": [{"name": "operator", "image": "aipipeline/kubeflow-operator:v1.2.0"}]});
    let operator = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "kubeflow-operator", "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    });
    let definition = definition("kfdefs", "kfdef.apps.kubeflow.org", "KfDef");
    bed.apply(&definition.to_string()).unwrap();
    bed.apply(&operator.to_string()).unwrap();
    let verified = expect(&bed, KFDEF_OPERATOR);
    paste(&bed, verified.mend("TRN-LEGACY-V1"));
    let verified = expect(&bed, KFDEF);
    paste(&bed, verified.mend("TRN-LEGACY-V1"));
    kubectl(
        &bed,
        &["-n", "default", "delete", "deployment", "kubeflow-operator"],
    );
    kubectl(&bed, &["delete", "crd", "kfdefs.kfdef.apps.kubeflow.org"]);
    expect(&bed, &[]);
}

#[test]
fn what_is_left_of_training_operator_v1_is_a_warning() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let definition = definition("pytorchjobs", "kubeflow.org", "PyTorchJob");
    bed.apply(&definition.to_string()).unwrap();
    let verified = expect(&bed, TRAINING_OPERATOR_V1);
    paste(&bed, verified.mend("TRN-LEGACY-V1"));
    kubectl(&bed, &["delete", "crd", "pytorchjobs.kubeflow.org"]);
    expect(&bed, &[]);
}
