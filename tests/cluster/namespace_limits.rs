//! Namespaces that are gone or going, that are full, or that do not take the runtimes' pods.

use serde_json::{Value, json};
use testbed::{Namespace, Testbed};

use crate::{
    causes::{
        ACCOUNT_MISSING, LIMIT_RANGE, OWN_NAMESPACE_HELD, OWN_NAMESPACE_MISSING,
        OWN_NAMESPACE_TERMINATING, POD_REFUSED, POD_SECURITY, PULL_SECRET_MISSING, QUOTA_TOO_SMALL,
        QUOTA_USED_UP, QUOTA_USED_UP_IN_PART, REQUESTS_DEMANDED, WEBHOOK_UNREACHABLE,
    },
    support::{Trouble, Verified, expect_from, kubectl, paste, verify},
};

/// Looks at the namespace until exactly these troubles are there.
#[track_caller]
fn expect_in(bed: &Testbed, namespace: &str, expected: &[Trouble<'_>]) -> Verified {
    let failures = expected.iter().any(|(_, state, _)| *state == "failed");
    let look = || verify(bed, &["-n", namespace]);
    expect_from(look, (i32::from(failures), expected))
}

fn create(bed: &Testbed, namespace: &Namespace, kind: &str, rest: &Value) {
    let mut object = json!({"metadata": {"name": "fault", "namespace": namespace.name()}});
    let (version, kind) = kind.rsplit_once('/').unwrap();
    (object["apiVersion"], object["kind"]) = (json!(version), json!(kind));
    let fields = rest.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(fields);
    bed.apply(&object.to_string()).unwrap();
}

#[test]
fn a_namespace_that_does_not_exist_is_created_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    let name = format!("limits-absent-{}", std::process::id());
    let verified = expect_in(&bed, &name, OWN_NAMESPACE_MISSING);
    assert_eq!(
        verified.detail("TRN-NS-EXISTS"),
        format!("namespace {name} does not exist")
    );
    paste(&bed, verified.mend("TRN-NS-EXISTS"));
    expect_in(&bed, &name, &[]);
    kubectl(&bed, &["delete", "namespace", &name, "--wait=false"]);
}

#[test]
fn a_namespace_that_goes_names_what_keeps_it() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-going").unwrap();
    let finalizers = json!({"metadata": {
        "name": "fault", "namespace": namespace.name(), "finalizers": ["example.com/keeps-it"],
    }});
    create(&bed, &namespace, "v1/ConfigMap", &finalizers);
    kubectl(
        &bed,
        &["delete", "namespace", namespace.name(), "--wait=false"],
    );
    let told = || {
        let verified = expect_in(&bed, namespace.name(), OWN_NAMESPACE_TERMINATING);
        verified.finding("TRN-NS-EXISTS")["mend"]
            .is_string()
            .then_some(verified)
    };
    // The conditions come a moment after the deletion.
    let verified = std::iter::repeat_with(told)
        .take(200)
        .flatten()
        .next()
        .unwrap();
    let detail = verified.detail("TRN-NS-EXISTS");
    assert!(detail.contains("example.com/keeps-it"), "{detail}");
    paste(&bed, verified.mend("TRN-NS-EXISTS"));
    let free = r#"{"metadata":{"finalizers":null}}"#;
    let configmap = [
        "-n",
        namespace.name(),
        "patch",
        "configmap",
        "fault",
        "--type=merge",
        "-p",
        free,
    ];
    kubectl(&bed, &configmap);
    expect_in(&bed, namespace.name(), OWN_NAMESPACE_MISSING);
}

#[test]
fn a_namespace_held_by_its_own_finalizer_is_let_go_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    for place in ["spec", "metadata"] {
        let name = format!("limits-held-{place}-{}", std::process::id());
        let mut object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {},
        });
        object[place]["finalizers"] = json!(["example.com/keeps-it"]);
        bed.apply(&object.to_string()).unwrap();
        kubectl(&bed, &["delete", "namespace", &name, "--wait=false"]);
        let verified = expect_in(&bed, &name, OWN_NAMESPACE_HELD);
        let detail = verified.detail("TRN-NS-EXISTS");
        assert!(detail.contains("example.com/keeps-it"), "{detail}");
        paste(&bed, verified.mend("TRN-NS-EXISTS"));
        expect_in(&bed, &name, OWN_NAMESPACE_MISSING);
    }
}

#[test]
fn a_quota_that_is_used_up_is_raised_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-full").unwrap();
    let quota = json!({"spec": {"hard": {"pods": "1"}}});
    create(&bed, &namespace, "v1/ResourceQuota", &quota);
    // The quota's controller has to have seen the quota before it counts.
    let path = "--for=jsonpath={.status.hard.pods}=1";
    kubectl(
        &bed,
        &["-n", namespace.name(), "wait", path, "resourcequota/fault"],
    );
    namespace.run_pod("occupant", "sleep 600").unwrap();
    let verified = expect_in(&bed, namespace.name(), QUOTA_USED_UP);
    let detail = verified.detail("TRN-NS-QUOTA");
    assert!(detail.ends_with("is used up: pods 1 of 1"), "{detail}");
    paste(&bed, verified.mend("TRN-NS-QUOTA"));
    expect_in(&bed, namespace.name(), &[]);
}

#[test]
fn a_namespace_without_devices_is_a_warning() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-devices").unwrap();
    let quota = json!({"spec": {"hard": {"requests.nvidia.com/gpu": "0"}}});
    create(&bed, &namespace, "v1/ResourceQuota", &quota);
    expect_in(&bed, namespace.name(), QUOTA_USED_UP_IN_PART);
    kubectl(
        &bed,
        &["-n", namespace.name(), "delete", "resourcequota", "fault"],
    );
    expect_in(&bed, namespace.name(), &[]);
}

#[test]
fn a_quota_with_less_left_than_a_runtime_asks_for_is_quoted() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-small").unwrap();
    let quota = json!({"spec": {"hard": {"requests.nvidia.com/gpu": "1"}}});
    create(&bed, &namespace, "v1/ResourceQuota", &quota);
    let verified = expect_in(&bed, namespace.name(), QUOTA_TOO_SMALL);
    let detail = verified.detail("TRN-NS-POD-ADMISSION");
    assert!(
        detail.contains("exceeded quota: fault, requested: requests.nvidia.com/gpu=2"),
        "{detail}"
    );
    kubectl(
        &bed,
        &["-n", namespace.name(), "delete", "resourcequota", "fault"],
    );
    expect_in(&bed, namespace.name(), &[]);
}

#[test]
fn a_quota_that_demands_requests_gets_defaults_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-demand").unwrap();
    let quota = json!({"spec": {"hard": {"requests.cpu": "100", "limits.memory": "100Gi"}}});
    create(&bed, &namespace, "v1/ResourceQuota", &quota);
    let verified = expect_in(&bed, namespace.name(), REQUESTS_DEMANDED);
    let detail = verified.detail("TRN-NS-QUOTA");
    assert!(
        detail.contains("limits.memory of every container"),
        "{detail}"
    );
    paste(&bed, verified.mend("TRN-NS-QUOTA"));
    expect_in(&bed, namespace.name(), &[]);
}

#[test]
fn pod_security_that_refuses_all_runtimes_is_lowered_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-security").unwrap();
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl(&bed, &["label", "namespace", namespace.name(), label]);
    let verified = expect_in(&bed, namespace.name(), POD_SECURITY);
    let detail = verified.detail("TRN-NS-POD-ADMISSION");
    assert!(
        detail.starts_with("pods of all 8 runtimes are refused: violates PodSecurity"),
        "{detail}"
    );
    paste(&bed, verified.mend("TRN-NS-POD-ADMISSION"));
    expect_in(&bed, namespace.name(), &[]);
}

#[test]
fn a_limit_range_that_refuses_the_pods_is_quoted() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-range").unwrap();
    let limits =
        json!({"spec": {"limits": [{"type": "Container", "maxLimitRequestRatio": {"cpu": "1"}}]}});
    create(&bed, &namespace, "v1/LimitRange", &limits);
    let verified = expect_in(&bed, namespace.name(), LIMIT_RANGE);
    let detail = verified.detail("TRN-NS-POD-ADMISSION");
    assert!(
        detail.contains("cpu max limit to request ratio per Container is 1"),
        "{detail}"
    );
    kubectl(
        &bed,
        &["-n", namespace.name(), "delete", "limitrange", "fault"],
    );
    expect_in(&bed, namespace.name(), &[]);
}

/// A runtime of the namespace whose pods have this besides their container.
fn create_runtime(bed: &Testbed, namespace: &Namespace, pod: &Value) {
    let mut spec = json!({"containers": [{"name": "node", "image": "none:v1"}]});
    spec.as_object_mut()
        .unwrap()
        .extend(pod.as_object().unwrap().clone());
    let trainer = json!({"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}});
    let job = json!({"name": "node", "template": {"metadata": trainer, "spec": {"template": {"spec": spec}}}});
    let runtime = json!({
        "metadata": {
            "name": "fault", "namespace": namespace.name(),
            "labels": {"trainer.kubeflow.org/framework": "torch"},
        },
        "spec": {
            "mlPolicy": {"numNodes": 1, "torch": {}},
            "template": {"spec": {"replicatedJobs": [job]}},
        },
    });
    create(
        bed,
        namespace,
        "trainer.kubeflow.org/v1alpha1/TrainingRuntime",
        &runtime,
    );
}

#[test]
fn a_service_account_that_a_runtime_names_is_created_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-account").unwrap();
    create_runtime(&bed, &namespace, &json!({"serviceAccountName": "absent"}));
    let verified = expect_in(&bed, namespace.name(), ACCOUNT_MISSING);
    paste(&bed, verified.mend("TRN-NS-SERVICE-ACCOUNT"));
    expect_in(&bed, namespace.name(), &[]);
}

#[test]
fn a_pull_secret_that_is_not_there_is_a_warning_until_it_is() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-secret").unwrap();
    let patch = r#"{"imagePullSecrets":[{"name":"registry"}]}"#;
    let account = [
        "-n",
        namespace.name(),
        "patch",
        "serviceaccount",
        "default",
        "-p",
        patch,
    ];
    kubectl(&bed, &account);
    expect_in(&bed, namespace.name(), PULL_SECRET_MISSING);
    let login = [
        "--docker-server=registry.invalid",
        "--docker-username=a",
        "--docker-password=b",
    ];
    let secret = [
        "-n",
        namespace.name(),
        "create",
        "secret",
        "docker-registry",
        "registry",
    ];
    kubectl(&bed, &[&secret[..], &login].concat());
    expect_in(&bed, namespace.name(), &[]);
}

#[test]
fn a_runtime_whose_pods_are_refused_for_another_reason_is_named_with_the_servers_words() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("limits-refused").unwrap();
    create_runtime(&bed, &namespace, &json!({"priorityClassName": "absent"}));
    let verified = expect_in(&bed, namespace.name(), POD_REFUSED);
    assert_eq!(
        verified.detail("TRN-NS-POD-ADMISSION"),
        format!(
            "pods of {}/fault are refused: no PriorityClass with name absent was found",
            namespace.name()
        )
    );
}

#[test]
fn a_webhook_of_others_that_gets_no_answer_is_told_as_what_it_is() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let namespace = bed.namespace("limits-webhook").unwrap();
    let name = json!({"name": "policy.example.com"});
    let webhook = json!({
        "name": "policy.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1, "clientConfig": {"url": "https://127.0.0.1:1/"},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    });
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": name, "webhooks": [webhook],
    });
    bed.apply(&configuration.to_string()).unwrap();
    expect_in(&bed, namespace.name(), WEBHOOK_UNREACHABLE);
    kubectl(
        &bed,
        &[
            "delete",
            "validatingwebhookconfiguration",
            "policy.example.com",
        ],
    );
    expect_in(&bed, namespace.name(), &[]);
}
