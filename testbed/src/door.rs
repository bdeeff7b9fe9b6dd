//! The door: a listener on 127.0.0.1 of this machine whose other side is in the control plane's network.
//!
//! It is a process of its own. It binds first and changes its network afterwards, so one hop is enough.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::api_proxy::{ApiProxyOptions, KeyPair, Upstream, bind_free_port, serve_api};
use crate::control_plane::{bound_to_this_thread, own_program};
use crate::error::Error;
use crate::namespaces::NamespaceSet;
use crate::pki::{PKI_FOLDER, Pki};
use crate::process::log_tail;
use crate::site::Site;

/// Where the API server listens, in the control plane's network.
const API_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 443);
/// The socket at which the door takes faults, in the bed's folder.
pub(crate) const DOOR_CONTROL: &str = "door-control.sock";

/// The door of a running bed. Dropping it closes it.
pub(crate) struct Door {
    process: Child,
    address: SocketAddr,
}

impl Door {
    /// Opens the door at a free port. Must be called on a thread that lives as long as the bed.
    pub(crate) fn open(site: &Site, control_plane: &NamespaceSet) -> Result<Self, Error> {
        let log = site.log("door");
        let errors = File::create(&log).map_err(Error::file("write", &log))?;
        let mut process = bound_to_this_thread(&own_program()?)
            .arg("door")
            .arg(control_plane.init().to_string())
            .arg(site.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(Error::command("starting the door"))?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(Error::command("starting the door"))?;
        }
        let address = line.trim().parse().map_err(|_| Error::Command {
            what: "starting the door".to_owned(),
            output: log_tail(&log),
        })?;
        Ok(Self { process, address })
    }

    /// For kubeconfigs: `https://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The door's process: says its address on stdout, then carries requests until it is killed.
pub fn serve(control_plane_init: u32, bed: &Path) -> Result<(), Error> {
    let what = "opening the door";
    let listener = bind_free_port().map_err(Error::command(what))?;
    let address = listener.local_addr().map_err(Error::command(what))?;
    enter_network(control_plane_init)?;
    writeln!(std::io::stdout(), "{address}").map_err(Error::command(what))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::command(what))?;
    runtime
        .block_on(serve_api(options(listener, bed)))
        .map_err(Error::command(what))
}

fn options(listener: TcpListener, bed: &Path) -> ApiProxyOptions {
    let pki = Pki::at(bed.join(PKI_FOLDER));
    let pair = |name: &str| KeyPair {
        certificate: pki.certificate(name),
        key: pki.key(name),
    };
    ApiProxyOptions {
        listener,
        control: bed.join(DOOR_CONTROL),
        upstream: Upstream::Tcp(API_SERVER),
        server_name: "localhost".to_owned(),
        ca_certificate: pki.certificate("ca"),
        serving: pair("apiserver"),
        front_proxy: pair("front-proxy"),
    }
}

fn enter_network(init: u32) -> Result<(), Error> {
    let path = PathBuf::from(format!("/proc/{init}/ns/net"));
    let network = File::open(&path).map_err(Error::file("open", &path))?;
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(Error::command("entering the control plane's network"))
}
