//! Clusters with one installation too many, one that is going, or a controller whose leader is gone.

use serde_json::json;
use testbed::{Options, Testbed, is_skipped};

use crate::{
    causes::{HOLDER_GONE, INSTALLATION_TERMINATING, SECOND_JOBSET},
    support::{expect, expect_healthy, kubectl, paste, saved},
};

const NAMESPACE: &str = "kubeflow-system";
const JOBSET: &str = "jobset-controller-manager";
const LEASE: &str = "6d4f6a47.jobset.x-k8s.io";

#[test]
fn a_second_jobset_is_put_to_rest_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let mut second = saved(
        &bed,
        &format!("deployment/{JOBSET}"),
        &format!("--namespace={NAMESPACE}"),
    );
    second["metadata"]["namespace"] = json!("jobset-system");
    kubectl(&bed, &["create", "namespace", "jobset-system"]);
    bed.apply(&second.to_string()).unwrap();
    let verified = expect(&bed, SECOND_JOBSET);
    assert_eq!(
        verified.detail("TRN-INSTALLS"),
        "JobSet runs as kubeflow-system/jobset-controller-manager (the webhook configurations lead there) \
         and as jobset-system/jobset-controller-manager"
    );
    paste(&bed, verified.mend("TRN-INSTALLS"));
    expect_healthy(&bed);
    kubectl(
        &bed,
        &["delete", "namespace", "jobset-system", "--wait=false"],
    );
}

/// The pod runs, is ready and answers webhooks; only the Lease tells that it does nothing else.
#[test]
fn a_lease_of_a_controller_that_is_gone_is_freed_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let holder = "jobset-controller-manager-00000000-00000_00000000-0000-0000-0000-000000000000";
    let now = "2099-01-01T00:00:00.000000Z";
    let spec = json!({"holderIdentity": holder, "leaseDurationSeconds": 3600, "renewTime": now});
    let patch = json!({"spec": spec}).to_string();
    kubectl(
        &bed,
        &[
            "-n",
            NAMESPACE,
            "patch",
            "lease",
            LEASE,
            "--type=merge",
            "-p",
            &patch,
        ],
    );
    let verified = expect(&bed, HOLDER_GONE);
    let detail = verified.detail("TRN-LEASES");
    assert!(
        detail.contains("by jobset-controller-manager-00000000-00000, which is gone"),
        "{detail}"
    );
    paste(&bed, verified.mend("TRN-LEASES"));
    expect_healthy(&bed);
}

/// What an uninstallation leaves when an object in the namespace has a finalizer that nobody removes.
#[test]
fn a_namespace_of_the_installation_that_cannot_go_is_told_with_what_holds_it() {
    if is_skipped() {
        return;
    }
    let options = Options {
        nodes: 0,
        ..Options::default()
    };
    let bed = Testbed::start(&options, &mut std::io::sink()).unwrap();
    kubectl(&bed, &["create", "namespace", NAMESPACE]);
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "held", "namespace": NAMESPACE, "finalizers": ["example.com/hold"],
    }});
    bed.apply(&held.to_string()).unwrap();
    bed.apply(&webhooks()).unwrap();
    kubectl(&bed, &["delete", "namespace", NAMESPACE, "--wait=false"]);
    let held = "--for=condition=NamespaceFinalizersRemaining";
    let namespace = format!("namespace/{NAMESPACE}");
    kubectl(&bed, &["wait", held, &namespace, "--timeout=60s"]);
    let verified = expect(&bed, INSTALLATION_TERMINATING);
    let detail = verified.detail("TRN-NAMESPACE");
    assert!(
        detail.contains("example.com/hold in 1 resource instances"),
        "{detail}"
    );
    let mend = verified.mend("TRN-NAMESPACE");
    assert!(
        mend.contains(" -n kubeflow-system get configmaps -o "),
        "{mend}"
    );
    paste(&bed, mend);
}

/// The webhook configurations of both parts, as they lead to the namespace.
fn webhooks() -> String {
    let configuration = |kind: &str, name: &str, service: &str| {
        let service = json!({"namespace": NAMESPACE, "name": service});
        let webhook = json!({
            "name": "left.example.com", "clientConfig": {"service": service}, "rules": [],
            "sideEffects": "None", "admissionReviewVersions": ["v1"],
        });
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": name}, "webhooks": [webhook],
        })
    };
    let items = [
        configuration(
            "ValidatingWebhookConfiguration",
            "validator.trainer.kubeflow.org",
            "kubeflow-trainer-controller-manager",
        ),
        configuration(
            "ValidatingWebhookConfiguration",
            "jobset-validating-webhook-configuration",
            "jobset-webhook-service",
        ),
    ];
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}
