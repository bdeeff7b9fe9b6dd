//! Clusters whose CRDs are gone, old, or accompanied by those of older Kubeflow releases.

use std::path::Path;

use serde_json::json;
use testbed::{Testbed, bundle};

use crate::{
    causes::{CRD_MISSING, CRD_TOO_OLD, TRAINING_OPERATOR_V1},
    support::{expect, expect_healthy, kubectl, saved},
};

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
    let crd = "trainjobs.trainer.kubeflow.org";
    let definition = saved(&bed, "crd", crd);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let old = bundle::manifests(
        "2.1.0",
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
        format!("{crd} is that of Trainer 2.1.0, but the controller is v2.3.0")
    );
    bed.apply(&definition.to_string()).unwrap();
    expect_healthy(&bed);
}

#[test]
fn what_is_left_of_training_operator_v1_is_a_warning() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "pytorchjobs.kubeflow.org"},
        "spec": {
            "group": "kubeflow.org", "scope": "Namespaced",
            "names": {"kind": "PyTorchJob", "plural": "pytorchjobs", "singular": "pytorchjob"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    bed.apply(&definition.to_string()).unwrap();
    let verified = expect(&bed, TRAINING_OPERATOR_V1);
    crate::support::paste(&bed, verified.mend("TRN-LEGACY-V1"));
    kubectl(&bed, &["delete", "crd", "pytorchjobs.kubeflow.org"]);
    expect(&bed, &[]);
}
