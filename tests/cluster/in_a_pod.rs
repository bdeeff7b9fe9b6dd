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
    let container = |name: &str, arguments: &[&str]| {
        let command = [&["/plugin/kubectl-trainer"][..], arguments, &["-o", "json"]].concat();
        json!({
            "name": name, "image": BUSYBOX_IMAGE, "command": command, "volumeMounts": mounts,
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "plugin", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "volumes": volumes,
            "containers": [
                container("plugin", &["verify", "--only", "TRN-IDENTITY"]),
                container("access", &["access", "verify", "--persona", "user-code"]),
            ],
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
    let report_of = |container: &str| -> Value {
        let report = kubectl(&bed, &["-n", name, "logs", "plugin", "-c", container]);
        serde_json::from_str(&report).unwrap()
    };
    let fact = |report: &Value, id: &str| {
        let mut checks = report["checks"].as_array().unwrap().iter();
        let check = checks.find(|check| check["id"] == id);
        check.unwrap()["facts"][0].clone()
    };
    let report = report_of("plugin");
    assert_eq!(
        (&report["context"], &report["namespace"]),
        (&json!(""), &json!(name))
    );
    assert_eq!(
        fact(&report, "TRN-IDENTITY"),
        format!("you are system:serviceaccount:{name}:default")
    );
    // Its token is in no kubeconfig, and verified all the same.
    let verified = report_of("access");
    assert_eq!(verified["exitCode"], 0, "{verified:#}");
    assert_eq!(
        fact(&verified, "TRN-ACCESS-CREDENTIAL"),
        format!("a token of {name}/default")
    );
}
