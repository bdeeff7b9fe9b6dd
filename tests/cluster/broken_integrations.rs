//! Clusters on which progress reports get lost, or whose own runtimes ask for what is not there.

use serde_json::{Value, json};
use testbed::Testbed;

use crate::{
    causes::{
        NO_DEFAULT_STORAGE_CLASS, NO_LEADER_WORKER_SETS, NO_POD_GROUPS, NO_SUCH_ACCELERATOR,
        STATUS_PORT_CLOSED, STATUS_PORT_MISSING, STORAGE_CLASS_MISSING,
    },
    own_runtimes::{container, delete, training_runtime},
    releases::{fact, is_at_least},
    support::{expect, expect_healthy, kubectl, paste},
};

const TRAINER_NAMESPACE: &str = "kubeflow-system";
const TRAINER: &str = "kubeflow-trainer-controller-manager";

#[test]
fn progress_reports_need_the_services_port_and_a_way_through_the_policies() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    if !is_at_least(&bed, 2) {
        return;
    }
    let argument = json!([{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--feature-gates=TrainJobStatus=true"}]);
    let inside = ["-n", TRAINER_NAMESPACE];
    let patch = |kind: &str, patch: &Value| {
        let change = [
            "patch",
            kind,
            TRAINER,
            "--type=json",
            "-p",
            &patch.to_string(),
        ];
        kubectl(&bed, &[&inside[..], &change].concat());
    };
    patch("deployment", &argument);
    expect_healthy(&bed);
    let on = format!("on, at {TRAINER}.{TRAINER_NAMESPACE}.svc:10443");
    assert_eq!(fact(&expect(&bed, &[]), "TRN-PROGRESS"), on);

    patch(
        "service",
        &json!([{"op": "remove", "path": "/spec/ports/2"}]),
    );
    let verified = expect(&bed, STATUS_PORT_MISSING);
    paste(&bed, verified.mend("TRN-PROGRESS"));
    expect(&bed, &[]);

    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "same-namespace", "namespace": TRAINER_NAMESPACE},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]},
    });
    bed.apply(&policy.to_string()).unwrap();
    let verified = expect(&bed, STATUS_PORT_CLOSED);
    assert!(verified.detail("TRN-PROGRESS").contains("(same-namespace)"));
    kubectl(
        &bed,
        &[&inside[..], &["delete", "networkpolicy", "same-namespace"]].concat(),
    );
    expect(&bed, &[]);
}

/// A definition that serves this kind and knows nothing else of it.
fn definition(plural: &str, group: &str, version: &str, kind: &str) -> String {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    definition.to_string()
}

#[test]
fn gang_scheduling_needs_the_pod_groups_of_its_scheduler() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let mut runtime = training_runtime();
    runtime["spec"]["podGroupPolicy"] = json!({"coscheduling": {}});
    bed.apply(&runtime.to_string()).unwrap();
    let verified = expect(&bed, NO_POD_GROUPS);
    assert!(
        verified
            .detail("TRN-POD-GROUPS")
            .ends_with("TrainingRuntime default/own")
    );
    let group = "scheduling.x-k8s.io";
    bed.apply(&definition("podgroups", group, "v1alpha1", "PodGroup"))
        .unwrap();
    assert_eq!(
        fact(&expect(&bed, &[]), "TRN-POD-GROUPS"),
        "scheduler-plugins"
    );
    delete(&bed);
    kubectl(&bed, &["delete", "crd", "podgroups.scheduling.x-k8s.io"]);
}

#[test]
fn the_data_cache_needs_leader_worker_sets() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let mut runtime = training_runtime();
    container(&mut runtime)["env"] =
        json!([{"name": "CACHE_IMAGE", "value": "example.com/cache:v1"}]);
    bed.apply(&runtime.to_string()).unwrap();
    expect(&bed, NO_LEADER_WORKER_SETS);
    let group = "leaderworkerset.x-k8s.io";
    bed.apply(&definition(
        "leaderworkersets",
        group,
        "v1",
        "LeaderWorkerSet",
    ))
    .unwrap();
    expect(&bed, &[]);
    delete(&bed);
    kubectl(
        &bed,
        &["delete", "crd", "leaderworkersets.leaderworkerset.x-k8s.io"],
    );
}

#[test]
fn volumes_need_a_storage_class_which_the_printed_mend_makes_the_default() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    if !is_at_least(&bed, 2) {
        return;
    }
    let claim = |class: Option<&str>| {
        let resources = json!({"requests": {"storage": "1Gi"}});
        let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": resources});
        if let Some(class) = class {
            spec["storageClassName"] = json!(class);
        }
        let template = json!({"metadata": {"name": "initializer"}, "spec": spec});
        let mut runtime = training_runtime();
        runtime["spec"]["template"]["spec"]["volumeClaimPolicies"] =
            json!([{"templates": [template]}]);
        bed.apply(&runtime.to_string()).unwrap();
    };
    claim(Some("disk"));
    expect(&bed, STORAGE_CLASS_MISSING);
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "disk"}, "provisioner": "example.com/disk"});
    bed.apply(&class.to_string()).unwrap();
    expect(&bed, &[]);

    delete(&bed);
    claim(None);
    let verified = expect(&bed, NO_DEFAULT_STORAGE_CLASS);
    paste(&bed, verified.mend("TRN-STORAGE-CLASS"));
    assert_eq!(
        fact(&expect(&bed, &[]), "TRN-STORAGE-CLASS"),
        "disk is the default"
    );
    delete(&bed);
    kubectl(&bed, &["delete", "storageclass", "disk"]);
}

#[test]
fn a_runtime_that_asks_for_an_accelerator_which_no_node_offers_is_named() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let mut runtime = training_runtime();
    container(&mut runtime)["resources"] = json!({"limits": {"example.com/gpu": 2}});
    bed.apply(&runtime.to_string()).unwrap();
    let verified = expect(&bed, NO_SUCH_ACCELERATOR);
    assert_eq!(
        verified.detail("TRN-ACCELERATORS"),
        "no node offers example.com/gpu, which these ask for: TrainingRuntime default/own"
    );
    let offer = json!({"example.com/gpu": "4"});
    let offer = json!({"status": {"capacity": offer, "allocatable": offer}}).to_string();
    kubectl(
        &bed,
        &["patch", "node", "n1", "--subresource=status", "-p", &offer],
    );
    let verified = expect(&bed, &[]);
    assert_eq!(
        fact(&verified, "TRN-ACCELERATORS"),
        "4 example.com/gpu on 1 node"
    );
    delete(&bed);
    let withdrawn = json!({"example.com/gpu": null});
    let withdrawn =
        json!({"status": {"capacity": withdrawn, "allocatable": withdrawn}}).to_string();
    kubectl(
        &bed,
        &[
            "patch",
            "node",
            "n1",
            "--subresource=status",
            "-p",
            &withdrawn,
        ],
    );
}
