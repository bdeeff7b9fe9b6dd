//! Clusters whose controllers do not run, or whose Services lead elsewhere.

use serde_json::json;
use testbed::{BUSYBOX_IMAGE, Testbed};

use crate::{
    causes::{
        CRASH_LOOP, DEPLOYMENT_MISSING, FOREIGN_ENDPOINTS, IMAGE_NOT_PULLED,
        IMAGE_NOT_PULLED_AT_ALL, NO_ENDPOINTS, ROLLOUT_PAUSED, SCALED_TO_ZERO, SERVICE_MISSING,
        UNSCHEDULABLE, UNSCHEDULABLE_AT_ALL,
    },
    support::{expect, expect_healthy, expect_words, kubectl, paste, saved},
};

const NAMESPACE: &str = "kubeflow-system";
const TRAINER: &str = "deployment/kubeflow-trainer-controller-manager";
const JOBSET: &str = "deployment/jobset-controller-manager";

fn patch(bed: &Testbed, object: &str, patch: &serde_json::Value) {
    kubectl(
        bed,
        &["-n", NAMESPACE, "patch", object, "-p", &patch.to_string()],
    );
}

#[test]
fn a_controller_that_is_scaled_to_zero_is_scaled_up_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(&bed, &["-n", NAMESPACE, "scale", JOBSET, "--replicas=0"]);
    let verified = expect(&bed, SCALED_TO_ZERO);
    paste(&bed, verified.mend("TRN-DEPLOYMENTS"));
    expect_healthy(&bed);
}

#[test]
fn an_image_that_cannot_be_pulled_is_a_warning_while_the_older_pod_serves() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let image = "manager=registry.invalid/trainer/trainer-controller-manager:absent";
    kubectl(&bed, &["-n", NAMESPACE, "set", "image", TRAINER, image]);
    let verified = expect(&bed, IMAGE_NOT_PULLED);
    assert!(
        verified
            .detail("TRN-DEPLOYMENTS")
            .contains("registry.invalid"),
        "{}",
        verified.detail("TRN-DEPLOYMENTS")
    );
    paste(&bed, verified.mend("TRN-DEPLOYMENTS"));
    expect_healthy(&bed);
}

/// A change to a Deployment's pods that leaves no older pod at work.
fn replace_pods(bed: &Testbed, object: &str, pod: &serde_json::Value) {
    let broken = json!({"spec": {
        "strategy": {"type": "Recreate", "rollingUpdate": null},
        "template": {"spec": pod},
    }});
    patch(bed, object, &broken);
}

#[test]
fn an_image_that_cannot_be_pulled_is_a_failure_when_no_older_pod_serves() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let container = json!({"name": "manager", "image": "registry.invalid/jobset/jobset:v0.12.0"});
    replace_pods(&bed, JOBSET, &json!({"containers": [container]}));
    expect(&bed, IMAGE_NOT_PULLED_AT_ALL);
    kubectl(&bed, &["-n", NAMESPACE, "rollout", "undo", JOBSET]);
    expect_healthy(&bed);
}

#[test]
fn a_crash_loop_is_told_with_what_the_controller_said_last() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let container = json!({"name": "manager", "args": ["--no-such-flag"]});
    let broken = json!({"spec": {
        "strategy": {"type": "Recreate", "rollingUpdate": null},
        "template": {"spec": {"containers": [container]}},
    }});
    patch(&bed, JOBSET, &broken);
    let words = "flag provided but not defined: -no-such-flag";
    expect_words(&bed, CRASH_LOOP, "TRN-DEPLOYMENTS", words);
    kubectl(&bed, &["-n", NAMESPACE, "rollout", "undo", JOBSET]);
    expect_healthy(&bed);
}

#[test]
fn a_pod_that_no_node_takes_is_told_with_the_schedulers_words() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    patch(
        &bed,
        TRAINER,
        &json!({"spec": {"template": {"spec": {"nodeSelector": {"example.com/nowhere": "true"}}}}}),
    );
    let verified = expect(&bed, UNSCHEDULABLE);
    assert!(
        verified
            .detail("TRN-DEPLOYMENTS")
            .contains("didn't match Pod's node affinity/selector")
    );
    paste(&bed, verified.mend("TRN-DEPLOYMENTS"));
    expect_healthy(&bed);
}

#[test]
fn a_pod_that_no_node_takes_is_a_failure_when_no_older_pod_serves() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let resources = json!({"requests": {"cpu": "1000"}});
    let container = json!({"name": "manager", "resources": resources});
    replace_pods(&bed, JOBSET, &json!({"containers": [container]}));
    let verified = expect(&bed, UNSCHEDULABLE_AT_ALL);
    let detail = verified.detail("TRN-DEPLOYMENTS");
    assert!(detail.contains("Insufficient cpu"), "{detail}");
    kubectl(&bed, &["-n", NAMESPACE, "rollout", "undo", JOBSET]);
    expect_healthy(&bed);
}

#[test]
fn a_deployment_that_was_deleted_is_named() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let name = JOBSET.trim_start_matches("deployment/");
    let deployment = saved_here(&bed, "deployment", name);
    kubectl(&bed, &["-n", NAMESPACE, "delete", JOBSET]);
    let verified = expect(&bed, DEPLOYMENT_MISSING);
    assert_eq!(
        verified.detail("TRN-DEPLOYMENTS"),
        "there is no Deployment of JobSet in namespace kubeflow-system"
    );
    bed.apply(&deployment).unwrap();
    expect_healthy(&bed);
}

#[test]
fn a_change_that_a_paused_rollout_holds_back_is_let_through_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(&bed, &["-n", NAMESPACE, "rollout", "pause", JOBSET]);
    let annotation = json!({"example.com/changed": "yes"});
    let change = json!({"spec": {"template": {"metadata": {"annotations": annotation}}}});
    patch(&bed, JOBSET, &change);
    let verified = expect(&bed, ROLLOUT_PAUSED);
    paste(&bed, verified.mend("TRN-DEPLOYMENTS"));
    expect_healthy(&bed);
}

#[test]
fn a_service_that_was_deleted_is_made_anew_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let service = saved_here(&bed, "service", "jobset-webhook-service");
    let delete = [
        "-n",
        NAMESPACE,
        "delete",
        "service",
        "jobset-webhook-service",
    ];
    kubectl(&bed, &delete);
    let verified = expect(&bed, SERVICE_MISSING);
    paste(&bed, verified.mend("TRN-ENDPOINTS"));
    expect_healthy(&bed);
    kubectl(&bed, &delete);
    bed.apply(&service).unwrap();
    expect_healthy(&bed);
}

/// An object of the installation's namespace, ready to be applied again.
fn saved_here(bed: &Testbed, kind: &str, name: &str) -> String {
    let mut object = saved(
        bed,
        &format!("{kind}/{name}"),
        &format!("--namespace={NAMESPACE}"),
    );
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    object.to_string()
}

#[test]
fn a_service_that_selects_nobody_is_corrected_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let selector = json!({"spec": {"selector": {"app.kubernetes.io/component": "nobody"}}});
    patch(
        &bed,
        "service/kubeflow-trainer-controller-manager",
        &selector,
    );
    let verified = expect(&bed, NO_ENDPOINTS);
    paste(&bed, verified.mend("TRN-ENDPOINTS"));
    expect_healthy(&bed);
}

#[test]
fn a_foreign_pod_behind_the_service_is_shut_out_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let stranger = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "stranger", "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/component": "manager"},
        },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "sleep", "image": BUSYBOX_IMAGE, "command": ["sleep", "3600"]}],
        },
    });
    bed.apply(&stranger.to_string()).unwrap();
    let verified = expect(&bed, FOREIGN_ENDPOINTS);
    assert!(verified.detail("TRN-ENDPOINTS").ends_with("stranger"));
    paste(&bed, verified.mend("TRN-ENDPOINTS"));
    expect_healthy(&bed);
    kubectl(
        &bed,
        &["-n", NAMESPACE, "delete", "pod", "stranger", "--wait=false"],
    );
}
