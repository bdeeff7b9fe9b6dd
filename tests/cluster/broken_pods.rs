//! Clusters in which a controller's pod is not created, dies for want of memory, or sits on a node that is gone.

use serde_json::{Value, json};
use testbed::Testbed;

use crate::{
    causes::{NODE_LOST, OUT_OF_MEMORY, POD_SECURITY_FORBIDS, POLICY_FORBIDS, QUOTA_FORBIDS},
    support::{expect, expect_healthy, kubectl, paste, wait_until},
};

const NAMESPACE: &str = "kubeflow-system";
const JOBSET: &str = "deployment/jobset-controller-manager";

/// Changes JobSet's container; no older pod stays at work.
fn change_container(bed: &Testbed, change: &Value) {
    let mut container = json!({"name": "manager"});
    container
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let patch = json!({"spec": {
        "strategy": {"type": "Recreate", "rollingUpdate": null},
        "template": {"spec": {"containers": [container]}},
    }});
    kubectl(
        bed,
        &["-n", NAMESPACE, "patch", JOBSET, "-p", &patch.to_string()],
    );
}

fn undo(bed: &Testbed) {
    kubectl(bed, &["-n", NAMESPACE, "rollout", "undo", JOBSET]);
    expect_healthy(bed);
}

/// Has the `ReplicaSet` try again at once. It waits longer after each refusal, which mends nothing and costs time.
fn try_again(bed: &Testbed) {
    let touch = [
        "annotate",
        "replicasets",
        "--all",
        "--overwrite",
        "example.com/try=again",
    ];
    kubectl(bed, &[&["-n", NAMESPACE], &touch[..]].concat());
}

/// Ends JobSet's pods at once, so that the `ReplicaSet` has to make new ones.
fn end_pods(bed: &Testbed) {
    let selector = "control-plane=controller-manager";
    kubectl(
        bed,
        &[
            "-n",
            NAMESPACE,
            "delete",
            "pods",
            "-l",
            selector,
            "--grace-period=1",
        ],
    );
}

#[test]
fn a_memory_limit_that_is_too_low_is_named_and_raised_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let memory = json!({"memory": "8Mi"});
    change_container(
        &bed,
        &json!({"resources": {"limits": memory, "requests": memory}}),
    );
    let verified = expect(&bed, OUT_OF_MEMORY);
    let detail = verified.detail("TRN-DEPLOYMENTS");
    assert!(detail.ends_with("its limit of 8Mi"), "{detail}");
    paste(&bed, verified.mend("TRN-DEPLOYMENTS"));
    expect_healthy(&bed);
}

#[test]
fn a_quota_without_room_for_the_pod_is_raised_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(
        &bed,
        &[
            "-n",
            NAMESPACE,
            "create",
            "quota",
            "no-more",
            "--hard=pods=1",
        ],
    );
    end_pods(&bed);
    let verified = expect(&bed, QUOTA_FORBIDS);
    paste(&bed, verified.mend("TRN-DEPLOYMENTS"));
    try_again(&bed);
    expect_healthy(&bed);
    kubectl(&bed, &["-n", NAMESPACE, "delete", "quota", "no-more"]);
}

#[test]
fn a_pod_security_level_that_forbids_the_pod_is_lowered_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let label = "pod-security.kubernetes.io/enforce";
    kubectl(
        &bed,
        &[
            "label",
            "namespace",
            NAMESPACE,
            &format!("{label}=restricted"),
        ],
    );
    change_container(
        &bed,
        &json!({"securityContext": {"allowPrivilegeEscalation": true}}),
    );
    let verified = expect(&bed, POD_SECURITY_FORBIDS);
    let detail = verified.detail("TRN-DEPLOYMENTS");
    assert!(
        detail.contains("allowPrivilegeEscalation != false"),
        "{detail}"
    );
    paste(&bed, verified.mend("TRN-DEPLOYMENTS"));
    try_again(&bed);
    expect_healthy(&bed);
    kubectl(
        &bed,
        &["label", "namespace", NAMESPACE, &format!("{label}-")],
    );
    undo(&bed);
}

/// A policy that lets nobody make pods in the installation's namespace, and its binding.
fn policy() -> String {
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}});
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]});
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "no-new-pods"},
        "spec": {
            "matchConstraints": {"namespaceSelector": selector, "resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "change freeze"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "no-new-pods"},
        "spec": {"policyName": "no-new-pods", "validationActions": ["Deny"]},
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]}).to_string()
}

#[test]
fn a_policy_that_refuses_the_pod_is_named_with_what_it_says() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    bed.apply(&policy()).unwrap();
    let probe = [
        "-n",
        NAMESPACE,
        "run",
        "probe",
        "--image=probe",
        "--dry-run=server",
    ];
    wait_until("the policy holds", || {
        !bed.kubectl(&probe).unwrap().status.success()
    });
    end_pods(&bed);
    let verified = expect(&bed, POLICY_FORBIDS);
    let detail = verified.detail("TRN-DEPLOYMENTS");
    assert!(
        detail.contains("'no-new-pods'") && detail.contains("change freeze"),
        "{detail}"
    );
    let mend = verified.mend("TRN-DEPLOYMENTS");
    assert!(
        mend.ends_with(" get validatingadmissionpolicy no-new-pods -o yaml"),
        "{mend}"
    );
    for kind in [
        "validatingadmissionpolicybinding",
        "validatingadmissionpolicy",
    ] {
        kubectl(&bed, &["delete", kind, "no-new-pods"]);
    }
    wait_until("the policy is gone", || {
        bed.kubectl(&probe).unwrap().status.success()
    });
    try_again(&bed);
    expect_healthy(&bed);
}

#[test]
fn a_node_whose_kubelet_is_gone_is_told_from_a_crash() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    bed.stop_kubelet("n1").unwrap();
    let verified = expect(&bed, NODE_LOST);
    let detail = verified.detail("TRN-DEPLOYMENTS");
    assert!(detail.contains("node n1 of pod "), "{detail}");
    bed.start_kubelet("n1").unwrap();
    expect_healthy(&bed);
}
