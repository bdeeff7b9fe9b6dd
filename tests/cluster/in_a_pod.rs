//! The plugin in a real pod, without a kubeconfig: as the pod's service account, in the pod's namespace.

use std::path::Path;

use serde_json::{Value, json};
use testbed::{BUSYBOX_IMAGE, Testbed};

use crate::support::kubectl;

/// Folders of the machine that the pod sees: the plugin, and the C library that it is linked with.
fn folders() -> [(&'static str, &'static str, &'static str); 3] {
    let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-trainer"));
    let folder = plugin.parent().and_then(Path::to_str).unwrap();
    [
        ("plugin", folder, "/plugin"),
        ("lib", "/usr/lib", "/lib"),
        ("lib64", "/usr/lib64", "/lib64"),
    ]
}

fn pod(namespace: &str) -> Value {
    let mounts =
        folders().map(|(name, _, path)| json!({"name": name, "mountPath": path, "readOnly": true}));
    let volumes =
        folders().map(|(name, path, _)| json!({"name": name, "hostPath": {"path": path}}));
    let command = [
        "/plugin/kubectl-trainer",
        "verify",
        "--only",
        "TRN-IDENTITY",
        "-o",
        "json",
    ];
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "plugin", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "volumes": volumes,
            "containers": [{
                "name": "plugin", "image": BUSYBOX_IMAGE, "command": command, "volumeMounts": mounts,
            }],
        },
    })
}

#[test]
fn in_a_pod_the_plugin_is_its_service_account_in_its_namespace() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("in-a-pod").unwrap();
    let name = namespace.name();
    kubectl(
        &bed,
        &["-n", name, "wait", "--for=create", "serviceaccount/default"],
    );
    bed.apply(&pod(name).to_string()).unwrap();
    let ended = "--for=jsonpath={.status.phase}=Succeeded";
    kubectl(
        &bed,
        &["-n", name, "wait", ended, "pod/plugin", "--timeout=60s"],
    );
    let report = kubectl(&bed, &["-n", name, "logs", "plugin"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["context"], &report["namespace"]),
        (&json!(""), &json!(name))
    );
    let checks = report["checks"].as_array().unwrap();
    let identity = checks.iter().find(|check| check["id"] == "TRN-IDENTITY");
    assert_eq!(
        identity.unwrap()["facts"][0],
        format!("you are system:serviceaccount:{name}:default")
    );
}
