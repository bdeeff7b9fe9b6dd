//! Puts fake nodes beside the real ones: kwok in the control plane, one node object each, and their runtime.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::api_proxy::KeyPair;
use crate::control_plane::{INNER_ADMIN, own_program};
use crate::error::Error;
use crate::folder::{BedFolder, write_whole};
use crate::kwok::{self, KwokOptions, SlotLog};
use crate::log_server::{self, LogServerOptions};
use crate::namespaces::{NamespaceSet, Service};
use crate::options::FakeLogs;
use crate::pki::{PKI_FOLDER, Pki, subject};
use crate::process::run_with_input;
use crate::site::{CONTROL_PLANE_IP, Site};

/// Where kwok serves.
const KWOK_PORT: u16 = 10247;
/// Where the bed's own log server serves.
const LOG_SERVER_PORT: u16 = 10248;
/// In the bed's folder.
const LOG_FILE: &str = "fake-containers.log";
/// The log server's certificate in the bed's PKI folder.
const LOG_SERVER: &str = "log-server";
/// Namespaces whose fake pods have a log of their own.
const SLOTS: u8 = 8;

/// Starts kwok and what serves the logs, and makes the nodes. What their pods have "written" is the file of `log_file`.
pub(crate) fn start(site: &Site, set: &NamespaceSet) -> Result<Vec<Service>, Error> {
    let log = log_file(&site.folder);
    let slots: Vec<SlotLog> = (0..SLOTS).map(|slot| slot_log(site, slot)).collect();
    for log in slots.iter().map(|slot| &slot.file).chain([&log]) {
        fs::write(log, "").map_err(Error::file("write", log))?;
    }
    let config = site.folder.join("kwok.json");
    write_whole(&config, kwok::configuration(&slots, &log).as_bytes())?;
    let options = KwokOptions {
        kubeconfig: site.folder.join(INNER_ADMIN),
        config,
        node_address: CONTROL_PLANE_IP,
        node_port: match site.options.fake_logs {
            FakeLogs::Kwok => KWOK_PORT,
            FakeLogs::Fast => LOG_SERVER_PORT,
        },
        port: KWOK_PORT,
    };
    let mut command = set.command(site.programs.path("kwok"));
    command.args(kwok::arguments(&options));
    let mut services = vec![Service::start(&mut command, &site.log("kwok"))?];
    if site.options.fake_logs == FakeLogs::Fast {
        services.push(start_log_server(site, set)?);
    }
    let nodes: Vec<Value> = (1..=site.options.fake_nodes)
        .map(|number| kwok::fake_node(&name(number)))
        .collect();
    apply(site, set, "making the fake nodes", &nodes)?;
    Ok(services)
}

fn start_log_server(site: &Site, set: &NamespaceSet) -> Result<Service, Error> {
    let address = CONTROL_PLANE_IP.to_string();
    site.pki
        .issue(LOG_SERVER, &subject(LOG_SERVER, &[]), &[address])?;
    let mut command = set.command(own_program()?);
    command.arg("log-server").arg(site.folder.path());
    Service::start(&mut command, &site.log(LOG_SERVER))
}

/// The log server's process: serves the API server of the bed in this folder until it is killed.
pub fn serve_logs(bed: &Path) -> Result<(), Error> {
    let what = "serving the logs of fake nodes";
    let pki = Pki::at(bed.join(PKI_FOLDER));
    let options = LogServerOptions {
        address: SocketAddr::from((CONTROL_PLANE_IP, LOG_SERVER_PORT)),
        serving: KeyPair {
            certificate: pki.certificate(LOG_SERVER),
            key: pki.key(LOG_SERVER),
        },
        log: bed.join(LOG_FILE),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::command(what))?;
    match runtime.block_on(log_server::serve(options)) {
        Ok(never) => match never {},
        Err(error) => Err(Error::command(what)(error)),
    }
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
    folder.join(LOG_FILE)
}

/// What the fake containers of a slot's namespace have written.
pub(crate) fn slot_log_file(folder: &BedFolder, slot: u8) -> PathBuf {
    folder.join(&format!("fake-slot-{slot}.log"))
}

/// The namespace of a slot.
pub(crate) fn slot_namespace(slot: u8) -> String {
    format!("fake-slot-{slot}")
}

fn slot_log(site: &Site, slot: u8) -> SlotLog {
    SlotLog {
        namespace: slot_namespace(slot),
        file: slot_log_file(&site.folder, slot),
    }
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
