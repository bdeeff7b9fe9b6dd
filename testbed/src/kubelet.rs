//! The kubelet of one node.

use std::path::Path;

use serde_json::{Value, json};

use crate::containerd::{SOCKET, search_path};
use crate::dns;
use crate::error::Error;
use crate::folder::write_whole;
use crate::namespaces::{NamespaceSet, Service};
use crate::pki::subject;
use crate::site::{CONTROL_PLANE_ADDRESS, Site};

/// A kubelet's place: the node's name and address, its folder, its cgroup, and the key of its taint.
pub(crate) struct Place<'a> {
    pub(crate) node: &'a str,
    pub(crate) address: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) cgroup_root: String,
    pub(crate) taint: Option<&'a str>,
}

/// Starts the kubelet; also again, after it was stopped.
pub(crate) fn start(site: &Site, set: &NamespaceSet, place: &Place<'_>) -> Result<Service, Error> {
    let name = format!("kubelet-{}", place.node);
    let user = format!("system:node:{}", place.node);
    let server = format!("https://{CONTROL_PLANE_ADDRESS}");
    let kubeconfig =
        site.component_kubeconfig(&name, &server, &subject(&user, &["system:nodes"]))?;
    let config = place.folder.join("kubelet.json");
    write_whole(&config, configuration(site, place).to_string().as_bytes())?;
    let mut command = set.command("env");
    command
        .arg(search_path(site))
        .arg(site.programs.path("kubelet"))
        .arg(format!("--config={}", config.display()))
        .arg(format!("--kubeconfig={}", kubeconfig.display()))
        .arg("--root-dir=/var/lib/kubelet")
        .arg(format!("--hostname-override={}", place.node))
        .arg(format!("--node-ip={}", place.address));
    Service::start(&mut command, &site.log(&name))
}

/// `syncFrequency` is short because a controller waits for a Secret that is filled after its pod has started. The
/// lease is renewed every two seconds (a quarter of its length), so that a busy machine does not make a node look
/// dead within the short grace period of the bed.
/// Scores and file limits are what a process without `CAP_SYS_RESOURCE` may set.
fn configuration(site: &Site, place: &Place<'_>) -> Value {
    let rotation = &site.options.log_rotation;
    let taint = |key| json!({"key": key, "effect": "NoSchedule"});
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": place.cgroup_root,
        "oomScoreAdj": 0,
        "maxOpenFiles": 20000,
        "failSwapOn": false,
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": site.pki.certificate("ca")},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [CONTROL_PLANE_ADDRESS],
        "clusterDomain": dns::DOMAIN,
        "resolvConf": place.folder.join("resolv.conf"),
        "containerLogMaxSize": rotation.max_size,
        "containerLogMaxFiles": rotation.max_files,
        "containerLogMonitorInterval": format!("{}s", rotation.monitor_seconds),
        "syncFrequency": "1s",
        "nodeLeaseDurationSeconds": 8,
        "registerWithTaints": place.taint.map(taint).into_iter().collect::<Vec<_>>(),
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%",
        },
        "volumePluginDir": "/run/kubelet-volume-plugins",
    })
}
