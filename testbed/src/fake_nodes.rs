//! Puts fake nodes beside the real ones: kwok in the control plane, one node object each, and their runtime.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::error::Error;
use crate::folder::{BedFolder, write_whole};
use crate::kwok::{self, KwokOptions};
use crate::namespaces::{NamespaceSet, Service};
use crate::process::run_with_input;
use crate::site::{CONTROL_PLANE_IP, Site};

/// Where the API server finds the kubelet of every fake node.
const PORT: u16 = 10247;

/// Starts kwok and makes the nodes. What their pods have "written" is the file of `log_file`.
pub(crate) fn start(site: &Site, set: &NamespaceSet) -> Result<Service, Error> {
    let log = log_file(&site.folder);
    fs::write(&log, "").map_err(Error::file("write", &log))?;
    let config = site.folder.join("kwok.json");
    write_whole(&config, kwok::configuration(&log).as_bytes())?;
    let options = KwokOptions {
        kubeconfig: site.folder.join("inner-admin.kubeconfig"),
        config,
        node_address: CONTROL_PLANE_IP,
        port: PORT,
    };
    let mut command = set.command(site.programs.path("kwok"));
    let service = Service::start(command.args(kwok::arguments(&options)), &site.log("kwok"))?;
    let nodes: Vec<Value> = (1..=site.options.fake_nodes)
        .map(|number| kwok::fake_node(&name(number)))
        .collect();
    apply(site, set, "making the fake nodes", &nodes)?;
    Ok(service)
}

/// Makes the runtime that sends jobs to the fake nodes; Trainer must be there.
pub(crate) fn apply_runtime(site: &Site, set: &NamespaceSet) -> Result<(), Error> {
    apply(
        site,
        set,
        "making the runtime of the fake nodes",
        &[kwok::fake_runtime()],
    )
}

/// What every fake container has written, in the format of container runtimes; lines may be added.
pub(crate) fn log_file(folder: &BedFolder) -> PathBuf {
    folder.join("fake-containers.log")
}

/// `fake-1`, `fake-2` and so on.
fn name(number: u16) -> String {
    format!("fake-{number}")
}

fn apply(site: &Site, set: &NamespaceSet, what: &str, objects: &[Value]) -> Result<(), Error> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let mut kubectl = site.kubectl(set);
    kubectl.args(["apply", "--server-side", "-f", "-"]);
    run_with_input(what, &mut kubectl, &list.to_string()).map(drop)
}
