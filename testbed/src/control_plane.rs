//! The control plane: one set of namespaces, whose network is also the switch between the nodes.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::folder::BedFolder;
use crate::kubeconfig::{self, Credential};
use crate::namespaces::{NamespaceSet, Service};
use crate::pki::subject;
use crate::process::run;
use crate::site::{CONTROL_PLANE_ADDRESS, KUBERNETES_SERVICE_ADDRESS, Site};
use crate::trainer::REQUEST_LIMIT;
use crate::{api_server, connect_proxy, controller_manager, dns, etcd, fake_nodes, scheduler};

/// A bridge without an address of its own takes that of one of its links, which can be another whenever a node comes or
/// goes. All other nodes would then miss the control plane for half a minute.
const BRIDGE_ADDRESS: &str = "02:00:0a:0a:00:01";
/// The socket at which the CONNECT proxy serves the API server, in the bed's folder.
pub(crate) const CONNECT_SOCKET: &str = "connect.sock";
/// The administrator's kubeconfig for programs in the control plane's network, in the bed's folder.
pub(crate) const INNER_ADMIN: &str = "inner-admin.kubeconfig";
/// The socket at which it takes faults.
pub(crate) const CONNECT_CONTROL: &str = "connect-control.sock";

/// Dropping it ends the namespaces first, and with them every service.
pub(crate) struct ControlPlane {
    pub(crate) set: NamespaceSet,
    api_server: Option<Service>,
    services: Vec<Service>,
}

impl ControlPlane {
    /// Makes the namespaces with a bridge for the nodes, and the certificates.
    pub(crate) fn create(site: &Site) -> Result<Self, Error> {
        site.pki.create()?;
        site.pki
            .issue("admin", &subject("admin", &["system:masters"]), &[])?;
        write_inner_kubeconfig(&site.folder, site)?;
        let log = site.log("namespaces@control-plane");
        let set = NamespaceSet::create("control-plane", "", &log, &site.stop)?;
        set.ip(&format!(
            "link add bridge0 address {BRIDGE_ADDRESS} type bridge"
        ))?;
        set.ip(&format!("addr add {CONTROL_PLANE_ADDRESS}/24 dev bridge0"))?;
        set.ip("link set bridge0 up")?;
        set.ip(&format!("addr add {KUBERNETES_SERVICE_ADDRESS}/32 dev lo"))?;
        set.forward_packets()?;
        Ok(Self {
            set,
            api_server: None,
            services: Vec::new(),
        })
    }

    /// Starts the store, the CONNECT proxy and the API server, and the rest once the API server is ready.
    pub(crate) fn start(&mut self, site: &Site) -> Result<(), Error> {
        self.services.push(etcd::start(site, &self.set)?);
        self.services.push(start_connect_proxy(site, &self.set)?);
        self.start_api_server(site)?;
        self.services
            .push(controller_manager::start(site, &self.set)?);
        self.services.push(scheduler::start(site, &self.set)?);
        self.services.push(dns::start(site, &self.set)?);
        if site.options.fake_nodes > 0 {
            self.services.extend(fake_nodes::start(site, &self.set)?);
        }
        Ok(())
    }

    /// Ends the API server, if it runs, and starts it until it is ready.
    pub(crate) fn start_api_server(&mut self, site: &Site) -> Result<(), Error> {
        // Killed and waited for, so that its port is free.
        self.api_server = None;
        let mut api_server = api_server::start(site, &self.set)?;
        api_server::wait_ready(site, &self.set, &mut api_server)?;
        self.api_server = Some(api_server);
        Ok(())
    }

    /// kubectl as the administrator, not through the door.
    pub(crate) fn kubectl(&self, site: &Site, arguments: &[&str]) -> Result<String, Error> {
        let mut command = site.kubectl(&self.set);
        if arguments.first() != Some(&"wait") {
            command.arg(REQUEST_LIMIT);
        }
        run(
            &format!("kubectl {}", arguments.join(" ")),
            command.args(arguments),
        )
    }
}

/// The proxy through which the API server reaches kubelets and webhooks; tests put faults into it.
fn start_connect_proxy(site: &Site, set: &NamespaceSet) -> Result<Service, Error> {
    let mut command = set.command(own_program()?);
    command.arg("connect-proxy").arg(site.folder.path());
    Service::start(&mut command, &site.log("connect-proxy"))
}

/// The CONNECT proxy's process: serves the API server of the bed in this folder until it is killed.
pub fn serve_connect(bed: &Path) -> Result<(), Error> {
    let what = "serving the CONNECT proxy";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::command(what))?;
    let (socket, control) = (bed.join(CONNECT_SOCKET), bed.join(CONNECT_CONTROL));
    let serving = connect_proxy::serve_connect(&socket, &control);
    runtime.block_on(serving).map_err(Error::command(what))
}

/// This very program, which also holds the proxies.
pub(crate) fn own_program() -> Result<PathBuf, Error> {
    env::current_exe().map_err(Error::file("find", Path::new("/proc/self/exe")))
}

fn write_inner_kubeconfig(folder: &BedFolder, site: &Site) -> Result<(), Error> {
    let path = folder.join(INNER_ADMIN);
    let credential = Credential::Certificate("admin");
    kubeconfig::write(
        &path,
        "testbed",
        "https://127.0.0.1",
        &site.pki,
        &credential,
    )
    .map(drop)
}

/// A command that ends when the thread that starts it does, so that nothing outlives a killed keeper.
pub(crate) fn bound_to_this_thread(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
