//! Healthy clusters of the older releases with the facts that differ there, and one thing each that breaks differently.

use serde_json::json;
use testbed::{Options, Testbed, is_skipped, record_skip};

use crate::{
    causes::{CONTAINER_MISSING, DELETION_STUCK, KUEUE_TOO_NEW, RUNTIMES_MISSING},
    own_runtimes::{container, training_runtime},
    support::{Verified, expect, kubectl, paste, verify},
};

/// Which release the bed has, such as `v2.3.0`.
pub(crate) fn release(bed: &Testbed) -> &str {
    bed.options().trainer.as_deref().unwrap()
}

/// Whether the bed's Trainer has what came with this minor version of 2; a test that needs it is skipped without.
pub(crate) fn is_at_least(bed: &Testbed, minor: u32) -> bool {
    let found = release(bed).trim_start_matches("v2.").split('.').next();
    let found: u32 = found.unwrap().parse().unwrap();
    if found < minor {
        record_skip(&format!(
            "it needs Trainer 2.{minor}, and this is {}",
            release(bed)
        ));
    }
    found >= minor
}

/// What a check says first when it is ok.
pub(crate) fn fact<'a>(verified: &'a Verified, id: &str) -> &'a str {
    let checks = verified.report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == id).unwrap();
    check["facts"][0].as_str().unwrap_or_default()
}

/// What must be said first of each of these checks.
struct Facts<'a> {
    schema: &'a str,
    deployments: &'a str,
    ca_bundles: &'a str,
    runtimes: &'a str,
    progress: &'a str,
    storage_class: &'a str,
}

/// A bed with this release; it has no trouble of any kind, and these facts.
fn healthy_bed(release: &str, facts: &Facts<'_>) -> Option<Testbed> {
    if is_skipped() {
        return None;
    }
    let options = Options {
        trainer: Some(release.to_owned()),
        ..Options::default()
    };
    let bed = Testbed::start(&options, &mut std::io::sink()).unwrap();
    let verified = verify(&bed, &[]);
    assert_eq!(verified.troubles(), [], "{:#?}", verified.problems());
    assert_eq!(verified.exit_code, 0);
    for (id, expected) in [
        ("TRN-CRD-SCHEMA", facts.schema),
        ("TRN-DEPLOYMENTS", facts.deployments),
        ("TRN-CA-BUNDLES", facts.ca_bundles),
        ("TRN-RUNTIMES", facts.runtimes),
        ("TRN-PROGRESS", facts.progress),
        ("TRN-STORAGE-CLASS", facts.storage_class),
    ] {
        assert_eq!(fact(&verified, id), expected, "{id}");
    }
    Some(bed)
}

/// Up to 2.2 a runtime that a `TrainJob` names has a finalizer; since 2.3 it has none.
#[test]
fn a_runtime_of_2_2_that_is_deleted_while_in_use_is_freed_by_the_printed_mend() {
    let facts = Facts {
        schema: "Trainer v2.2.1",
        deployments: "v2.2.1, JobSet v0.11.0",
        ca_bundles: "8 entries",
        runtimes: "all 8 of release 2.2.1",
        progress: "off (the default)",
        storage_class: "no default StorageClass",
    };
    let Some(bed) = healthy_bed("v2.2.1", &facts) else {
        return;
    };
    let job = json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {"name": "user", "namespace": "default"},
        "spec": {"runtimeRef": {"name": "mlx-distributed"}, "suspend": true},
    });
    bed.apply(&job.to_string()).unwrap();
    let runtime = "clustertrainingruntime/mlx-distributed";
    let finalizer = "--for=jsonpath={.metadata.finalizers[0]}=trainer.kubeflow.org/resource-in-use";
    kubectl(&bed, &["wait", runtime, finalizer, "--timeout=60s"]);
    kubectl(&bed, &["delete", runtime, "--wait=false"]);
    let verified = expect(&bed, DELETION_STUCK);
    paste(&bed, verified.mend("TRN-RUNTIMES"));
    expect(&bed, RUNTIMES_MISSING);
    bed.apply_runtimes().unwrap();
    expect(&bed, &[]);
}

/// 2.1 has no mutating webhook, no `ConfigMap` that names the release, and not the field that Kueue 0.17 writes.
#[test]
fn a_new_kueue_beside_2_1_is_told_before_a_trainjob_waits_for_ever() {
    let facts = Facts {
        schema: "Trainer v2.1.0",
        deployments: "v2.1.0, JobSet v0.10.1",
        ca_bundles: "7 entries",
        runtimes: "all 6 of release 2.1.0",
        progress: "not part of Trainer v2.1.0, since 2.2",
        storage_class: "no runtime asks for volumes",
    };
    let Some(bed) = healthy_bed("v2.1.0", &facts) else {
        return;
    };
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "workloads.kueue.x-k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": "kueue.x-k8s.io", "scope": "Namespaced",
            "names": {"kind": "Workload", "plural": "workloads"},
            "versions": [{"name": "v1beta2", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    bed.apply(&definition.to_string()).unwrap();
    let namespace = bed.namespace("kueue").unwrap();
    let controller = |tag: &str| {
        let labels = json!({"app.kubernetes.io/name": "kueue"});
        let image = format!("registry.k8s.io/kueue/kueue:{tag}");
        let pod = json!({"containers": [{"name": "manager", "image": image}]});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "kueue-controller-manager", "namespace": namespace.name(), "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        });
        bed.apply(&deployment.to_string()).unwrap();
    };
    controller("v0.17.3");
    let verified = expect(&bed, KUEUE_TOO_NEW);
    assert_eq!(
        verified.detail("TRN-KUEUE"),
        "Kueue is v0.17.3, which needs Trainer 2.2 or newer, but Trainer is v2.1.0"
    );
    controller("v0.16.4");
    assert_eq!(fact(&expect(&bed, &[]), "TRN-KUEUE"), "Kueue v0.16.4");
}

/// 2.0 has flags instead of a configuration, and its webhook takes a runtime without the container that it fills in.
#[test]
fn a_runtime_that_only_2_0_takes_is_corrected_by_the_printed_mend() {
    let facts = Facts {
        schema: "Trainer v2.0.1",
        deployments: "v2.0.1, JobSet v0.8.2",
        ca_bundles: "7 entries",
        runtimes: "all 6 of release 2.0.1",
        progress: "not part of Trainer v2.0.1, since 2.2",
        storage_class: "no runtime asks for volumes",
    };
    let Some(bed) = healthy_bed("v2.0.1", &facts) else {
        return;
    };
    let mut runtime = training_runtime();
    container(&mut runtime)["name"] = json!("main");
    bed.apply(&runtime.to_string()).unwrap();
    let verified = expect(&bed, CONTAINER_MISSING);
    paste(&bed, verified.mend("TRN-RUNTIME-PODS"));
    expect(&bed, &[]);
}
