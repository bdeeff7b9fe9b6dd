//! Clusters whose webhooks are not configured, not trusted, or do not answer.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use testbed::{Fault, Matcher, Testbed, Times};

use crate::{
    causes::{
        BUNDLE_DIFFERS, BUNDLE_EMPTY, CALL_CUT, CALL_REFUSED, CALL_TIMED_OUT, CERTIFICATE_EXPIRED,
        CONFIGURATION_MISSING,
    },
    support::{expect, expect_healthy, kubectl, paste, saved, wait_until},
};

const NAMESPACE: &str = "kubeflow-system";
const VALIDATOR: &str = "validator.trainer.kubeflow.org";
const CONTROLLER_ROLE: &str = "kubeflow-trainer-controller-manager";

#[test]
fn a_deleted_webhook_configuration_is_named() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let configuration = saved(&bed, "validatingwebhookconfiguration", VALIDATOR);
    kubectl(
        &bed,
        &["delete", "validatingwebhookconfiguration", VALIDATOR],
    );
    let verified = expect(&bed, CONFIGURATION_MISSING);
    assert!(verified.detail("TRN-CA-BUNDLES").contains(VALIDATOR));
    bed.apply(&configuration.to_string()).unwrap();
    expect_healthy(&bed);
}

/// Takes from Trainer's controller the right to write what it would mend at once, and gives back the role as it was.
fn forbid_repair(bed: &Testbed, resource: &str) -> Value {
    let role = saved(bed, "clusterrole", CONTROLLER_ROLE);
    let mut reduced = role.clone();
    for rule in reduced["rules"].as_array_mut().unwrap() {
        if rule["resources"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one == resource)
        {
            rule["verbs"] = json!(["get", "list", "watch"]);
        }
    }
    replace(bed, &reduced);
    let account = format!("system:serviceaccount:{NAMESPACE}:{CONTROLLER_ROLE}");
    let question = ["auth", "can-i", "update", resource, "--as", &account];
    wait_until("the role does not allow it any more", || {
        !bed.kubectl(&question).unwrap().status.success()
    });
    role
}

/// Writes an object as it stands here, so that what is left out goes away.
fn replace(bed: &Testbed, object: &Value) {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("replacement.json");
    std::fs::write(&path, object.to_string()).unwrap();
    kubectl(bed, &["replace", "-f", path.to_str().unwrap()]);
}

fn set_ca_bundle(bed: &Testbed, bundle: &str) {
    let patch =
        json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]);
    let arguments = [
        "patch",
        "validatingwebhookconfiguration",
        VALIDATOR,
        "--type=json",
        "-p",
    ];
    kubectl(bed, &[&arguments[..], &[&patch.to_string()]].concat());
}

#[test]
fn an_emptied_or_foreign_ca_bundle_is_written_anew_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let role = forbid_repair(&bed, "validatingwebhookconfigurations");
    set_ca_bundle(&bed, "");
    expect(&bed, BUNDLE_EMPTY);
    let foreign = kubectl(
        &bed,
        &[
            "get",
            "secret",
            "-n",
            NAMESPACE,
            "jobset-webhook-server-cert",
            "-o",
            "jsonpath={.data.ca\\.crt}",
        ],
    );
    set_ca_bundle(&bed, &foreign);
    let verified = expect(&bed, BUNDLE_DIFFERS);
    replace(&bed, &role);
    paste(&bed, verified.mend("TRN-CA-BUNDLES"));
    expect_healthy(&bed);
}

/// A serving certificate for Trainer's Service that has expired, and its key.
fn expired_certificate() -> Value {
    let mut certificate =
        CertificateParams::new(vec![format!("{CONTROLLER_ROLE}.{NAMESPACE}.svc")]).unwrap();
    certificate.not_before = date_time_ymd(2024, 1, 1);
    certificate.not_after = date_time_ymd(2025, 1, 1);
    let key = KeyPair::generate().unwrap();
    json!({"tls.crt": certificate.self_signed(&key).unwrap().pem(), "tls.key": key.serialize_pem()})
}

#[test]
fn an_expired_certificate_is_renewed_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let role = forbid_repair(&bed, "secrets");
    let patch = json!({"stringData": expired_certificate()}).to_string();
    kubectl(
        &bed,
        &[
            "-n",
            NAMESPACE,
            "patch",
            "secret",
            "kubeflow-trainer-webhook-cert",
            "-p",
            &patch,
        ],
    );
    let verified = expect(&bed, CERTIFICATE_EXPIRED);
    assert!(
        verified
            .detail("TRN-CERTIFICATES")
            .contains("expired on 2025-01-01")
    );
    replace(&bed, &role);
    paste(&bed, verified.mend("TRN-CERTIFICATES"));
    expect_healthy(&bed);
}

#[test]
fn webhooks_that_refuse_cut_or_stall_are_told_apart() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let faults = [
        (Fault::Refuse, CALL_REFUSED),
        (Fault::Cut, CALL_CUT),
        (Fault::Stall, CALL_TIMED_OUT),
    ];
    for (fault, cause) in faults {
        let fault = bed
            .between_server_and_cluster()
            .set(Matcher::Target(":9443".to_owned()), fault, Times::Always)
            .unwrap();
        let verified = expect(&bed, cause);
        assert!(
            verified
                .detail("TRN-WEBHOOKS")
                .starts_with("the API server cannot call ")
        );
        drop(fault);
        expect_healthy(&bed);
    }
}
