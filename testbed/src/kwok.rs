//! Fake nodes: what kwok is told, so that pods without containers look as a test wants them to ([`FATE`]).
//!
//! Fake containers count as running for the log server whatever their status says, so ends of logs can be seen on
//! real nodes only. Each followed log takes one of the machine's inotify instances (often 128 in all); beyond them a
//! follower gets an error as its last line.

mod stages;

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Annotation of a pod: `run` (as without it), `pending`, `complete`, `fail`, `oom`, `image-pull-error`, `crash-loop`.
pub const FATE: &str = "testbed/fate";
/// Annotation of a pod: how long it runs before its fate, as Go writes durations (`1m30s`); at once without it.
pub const AFTER: &str = "testbed/after";
/// Annotation of a pod that fails or crashes: the exit code of its containers; 1 without it.
pub const EXIT_CODE: &str = "testbed/exit-code";
/// Name of the runtime that sends jobs to fake nodes.
pub(crate) const FAKE_RUNTIME: &str = "fake-nodes";

/// The label of fake nodes, and its value.
const NODE_LABEL: (&str, &str) = ("testbed/node", "fake");
/// The taint of fake nodes.
const TAINT: &str = "testbed/fake";
/// By this annotation kwok knows its nodes.
const KWOK_NODE: (&str, &str) = ("kwok.x-k8s.io/node", "fake");
/// Addresses of fake pods; nobody answers there.
const POD_RANGE: &str = "10.245.0.0/16";
/// A quarter of it passes between two signs of life, well within the grace period of a bed.
const LEASE_SECONDS: u32 = 12;

/// How to run kwok.
#[derive(Clone, Debug)]
pub(crate) struct KwokOptions {
    pub(crate) kubeconfig: PathBuf,
    /// A file with [`configuration`].
    pub(crate) config: PathBuf,
    /// Where the API server finds the kubelet of every fake node.
    pub(crate) node_address: Ipv4Addr,
    pub(crate) node_port: u16,
    /// Where kwok itself serves, at the same address.
    pub(crate) port: u16,
}

/// The arguments of `kwok`.
pub(crate) fn arguments(options: &KwokOptions) -> Vec<OsString> {
    let selector = format!("{}={}", KWOK_NODE.0, KWOK_NODE.1);
    let texts = [
        ("--manage-nodes-with-annotation-selector", selector),
        ("--node-ip", options.node_address.to_string()),
        ("--node-port", options.node_port.to_string()),
        (
            "--server-address",
            format!("{}:{}", options.node_address, options.port),
        ),
        ("--cidr", POD_RANGE.to_owned()),
        ("--node-lease-duration-seconds", LEASE_SECONDS.to_string()),
    ]
    .map(|(flag, value)| (flag, OsString::from(value)));
    let files = [
        ("--kubeconfig", &options.kubeconfig),
        ("--config", &options.config),
    ]
    .map(|(flag, path)| (flag, path.clone().into_os_string()));
    files
        .into_iter()
        .chain(texts)
        .flat_map(|(flag, value)| [flag.into(), value])
        .collect()
}

/// A namespace whose pods have a log of their own.
#[derive(Clone, Debug)]
pub(crate) struct SlotLog {
    pub(crate) namespace: String,
    pub(crate) file: PathBuf,
}

/// The text of kwok's configuration file. `log_file` is what every fake container has written that is in no namespace
/// of a slot, in the format of the container runtime interface: `2026-01-31T12:00:00.000000000Z stdout F text`; lines
/// may be added at any time.
pub(crate) fn configuration(slots: &[SlotLog], log_file: &Path) -> String {
    // kwok takes the first that fits.
    let slots = slots.iter().map(|slot| {
        let selector = json!({"matchNamespaces": [slot.namespace]});
        cluster_logs(&slot.namespace, &selector, &slot.file)
    });
    let logs: Vec<Value> = slots
        .chain([cluster_logs("fake-containers", &Value::Null, log_file)])
        .collect();
    let documents: Vec<String> = stages::all()
        .iter()
        .chain(&logs)
        .map(Value::to_string)
        .collect();
    documents.join("\n---\n")
}

fn cluster_logs(name: &str, selector: &Value, log_file: &Path) -> Value {
    json!({
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": name},
        "spec": {"selector": selector, "logs": [{"logsFile": log_file, "follow": true}]},
    })
}

/// A node for kwok, with room for any number of pods that tolerate its taint.
pub(crate) fn fake_node(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {KWOK_NODE.0: KWOK_NODE.1},
            "labels": {
                NODE_LABEL.0: NODE_LABEL.1,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
            },
        },
        "spec": {"taints": [{"key": TAINT, "value": "true", "effect": "NoSchedule"}]},
    })
}

/// The `ClusterTrainingRuntime` whose jobs run on fake nodes.
pub(crate) fn fake_runtime() -> Value {
    let pod = json!({
        "nodeSelector": {NODE_LABEL.0: NODE_LABEL.1},
        "tolerations": [{"key": TAINT, "operator": "Exists"}],
        "containers": [{"name": "node", "image": "testbed/fake:1"}],
    });
    let job = json!({
        "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
        "spec": {"template": {"spec": pod}},
    });
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "ClusterTrainingRuntime",
        "metadata": {"name": FAKE_RUNTIME, "labels": {"trainer.kubeflow.org/framework": "torch"}},
        "spec": {
            "mlPolicy": {"numNodes": 1, "torch": {}},
            "template": {"spec": {"replicatedJobs": [{"name": "node", "template": job}]}},
        },
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::path::Path;

    use serde_json::Value;

    use super::{KwokOptions, SlotLog, arguments, configuration, fake_node, fake_runtime};

    #[test]
    fn the_runtime_selects_and_tolerates_exactly_the_fake_nodes() {
        let (node, runtime) = (fake_node("f1"), fake_runtime());
        let pod = &runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
            ["spec"];
        for (label, value) in pod["nodeSelector"].as_object().unwrap() {
            assert_eq!(&node["metadata"]["labels"][label], value);
        }
        assert_eq!(
            pod["tolerations"][0]["key"],
            node["spec"]["taints"][0]["key"]
        );
    }

    #[test]
    fn every_document_of_the_configuration_is_of_kwok_and_the_last_names_the_log() {
        let slot = SlotLog {
            namespace: "slot".to_owned(),
            file: "/x/slot.log".into(),
        };
        let text = configuration(&[slot], Path::new("/x/fake.log"));
        let documents: Vec<Value> = text
            .split("\n---\n")
            .map(|part| serde_json::from_str(part).unwrap())
            .collect();
        assert!(
            documents
                .iter()
                .all(|document| document["apiVersion"] == "kwok.x-k8s.io/v1alpha1")
        );
        assert_eq!(
            documents.last().unwrap()["spec"]["logs"][0]["logsFile"],
            "/x/fake.log"
        );
        let slot = &documents[documents.len() - 2]["spec"];
        assert_eq!(
            (
                &slot["selector"]["matchNamespaces"][0],
                &slot["logs"][0]["logsFile"]
            ),
            (&"slot".into(), &"/x/slot.log".into())
        );
    }

    #[test]
    fn every_flag_has_its_value() {
        let options = KwokOptions {
            kubeconfig: "k".into(),
            config: "c".into(),
            node_address: Ipv4Addr::new(10, 10, 0, 1),
            node_port: 10248,
            port: 10247,
        };
        let arguments = arguments(&options);
        assert_eq!(arguments.len(), 16);
        let (flags, values): (Vec<_>, Vec<_>) =
            arguments.chunks(2).map(|pair| (&pair[0], &pair[1])).unzip();
        assert!(
            flags
                .iter()
                .all(|flag| flag.to_string_lossy().starts_with("--"))
        );
        for value in ["10.10.0.1:10247", "10248"] {
            assert!(values.iter().any(|given| *given == value));
        }
    }
}
