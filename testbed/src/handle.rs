//! The handle of a running bed, for tests and tools. All of it blocks; none of it owns processes but the keeper's.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::bundle::ReleaseManifests;
use crate::control_plane::{CONNECT_CONTROL, INNER_ADMIN};
use crate::door::DOOR_CONTROL;
use crate::error::Error;
use crate::fake_nodes;
use crate::faults::ProxyControl;
use crate::folder::BedFolder;
use crate::launch::Keeper;
use crate::namespace::Namespace;
use crate::options::Options;
use crate::pki::{PKI_FOLDER, Pki};
use crate::protocol::{NodeAction, Record, Request, ask};
use crate::trainer::{self, Installer, REQUEST_LIMIT};
use crate::user::{self, User};

/// A running bed. Cheap to clone; a bed that was started (not attached to) ends with its last clone.
#[derive(Clone)]
pub struct Testbed {
    inner: Arc<Inner>,
}

/// PEM files with which a client without kubeconfig is the administrator.
#[derive(Clone, Debug)]
pub struct AdminFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub authority: PathBuf,
}

struct Inner {
    folder: BedFolder,
    record: Record,
    keeper: Mutex<Option<Keeper>>,
}

/// A bed that ends without asking who has this.
pub(crate) struct WeakTestbed(Weak<Inner>);

impl WeakTestbed {
    pub(crate) const fn new() -> Self {
        Self(Weak::new())
    }

    /// As long as somebody else has the bed.
    pub(crate) fn upgrade(&self) -> Option<Testbed> {
        let inner = self.0.upgrade()?;
        Some(Testbed { inner })
    }
}

impl Testbed {
    pub(crate) fn downgrade(&self) -> WeakTestbed {
        WeakTestbed(Arc::downgrade(&self.inner))
    }

    /// Starts a bed that ends with this handle, or with this process, however that ends.
    pub fn start(options: &Options, progress: &mut dyn Write) -> Result<Self, Error> {
        let mut keeper = Keeper::launch(options, progress)?;
        keeper.wait_ready(progress)?;
        Self::open(&options.name, Some(keeper))
    }

    /// The handle of a bed that another process keeps. The bed goes on when the handle is dropped.
    pub fn attach(name: &str) -> Result<Self, Error> {
        Self::open(name, None)
    }

    fn open(name: &str, keeper: Option<Keeper>) -> Result<Self, Error> {
        let folder = BedFolder::new(name)?;
        let record = Record::read(&folder)?;
        let inner = Inner {
            folder,
            record,
            keeper: Mutex::new(keeper),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Lets a bed that this process started outlive it. It is then taken down by name.
    pub fn detach(&self) -> Result<(), Error> {
        let keeper = self
            .inner
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        keeper.map_or(Ok(()), Keeper::detach)
    }

    /// The name by which the bed is attached to and taken down.
    pub fn name(&self) -> &str {
        self.inner.folder.name()
    }

    /// What the bed was started with.
    pub fn options(&self) -> &Options {
        &self.inner.record.options
    }

    /// Where clients reach the API server: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.inner.record.url
    }

    /// The process id of the keeper, which owns everything of the bed.
    pub fn keeper(&self) -> u32 {
        self.inner.record.keeper
    }

    /// The bed's own kubectl, of the same version as its API server.
    pub fn kubectl_path(&self) -> &Path {
        &self.inner.record.kubectl
    }

    /// A kubeconfig file for a user, made on demand; it goes with the bed.
    pub fn kubeconfig(&self, user: &User<'_>) -> Result<PathBuf, Error> {
        user::kubeconfig(self, user)
    }

    /// Runs the bed's kubectl as the administrator to its end; the caller looks at how it ended.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output, Error> {
        let what = format!("kubectl {}", arguments.join(" "));
        self.kubectl_command()
            .args(arguments)
            .output()
            .map_err(Error::command(&what))
    }

    /// The bed's kubectl as the administrator, to be given arguments.
    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(self.kubectl_path());
        command.env("KUBECONFIG", self.inner.folder.join("admin.kubeconfig"));
        command
    }

    /// A program in the control plane's network, where the API server itself answers at `https://127.0.0.1`. For
    /// measurements, in which the door would take part.
    pub fn command_inside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.inner.record.control_plane.to_string()])
            .args(["--net", "--"])
            .arg(program)
            .env("KUBECONFIG", self.inner.folder.join(INNER_ADMIN));
        command
    }

    /// The administrator's certificate and key, and the authority's certificate, for clients that read no kubeconfig.
    pub fn admin_files(&self) -> AdminFiles {
        let pki = self.pki();
        AdminFiles {
            certificate: pki.certificate("admin"),
            key: pki.key("admin"),
            authority: pki.certificate("ca"),
        }
    }

    /// Applies a manifest (YAML or JSON) as the administrator.
    pub fn apply(&self, manifest: &str) -> Result<(), Error> {
        let mut kubectl = self.kubectl_command();
        kubectl.args([REQUEST_LIMIT, "apply", "--server-side"]);
        kubectl.args(["--force-conflicts", "-f", "-"]);
        crate::process::run_with_input("kubectl apply", &mut kubectl, manifest).map(drop)
    }

    /// A new namespace whose name begins with `hint`; dropping it removes it.
    pub fn namespace(&self, hint: &str) -> Result<Namespace, Error> {
        Namespace::create(self, hint)
    }

    /// Applies the released runtimes of the bed's Trainer again.
    pub fn apply_runtimes(&self) -> Result<(), Error> {
        let manifests = self.manifests()?;
        let kubectl = || self.kubectl_command();
        Installer {
            kubectl: &kubectl,
            manifests: &manifests,
        }
        .apply_runtimes()
    }

    /// Whether every webhook of Trainer and JobSet answers; the error names the first that does not.
    pub fn probe_webhooks(&self) -> Result<(), Error> {
        let manifests = self.manifests()?;
        let kubectl = || self.kubectl_command();
        Installer {
            kubectl: &kubectl,
            manifests: &manifests,
        }
        .probe_webhooks()
    }

    /// What the bed's Trainer release installs.
    pub(crate) fn manifests(&self) -> Result<ReleaseManifests, Error> {
        let installed = trainer::manifests(self.options(), &mut std::io::sink())?;
        installed.ok_or_else(|| Error::Command {
            what: "finding Trainer".to_owned(),
            output: "this bed has none; start one with: cargo xtask cluster up --trainer v2.3.0"
                .to_owned(),
        })
    }

    /// Faults between clients and the API server.
    pub fn between_client_and_server(&self) -> ProxyControl {
        ProxyControl::new(self.inner.folder.join(DOOR_CONTROL))
    }

    /// Faults between the API server and what it dials: kubelets (`10.10.0.11:10250` is `n1`'s) and webhooks.
    pub fn between_server_and_cluster(&self) -> ProxyControl {
        ProxyControl::new(self.inner.folder.join(CONNECT_CONTROL))
    }

    /// Kills the kubelet of a node, such as `n1`; containers go on.
    pub fn stop_kubelet(&self, node: &str) -> Result<(), Error> {
        self.ask(&Request::Node(NodeAction::StopKubelet, node.to_owned()))
    }

    /// Starts a stopped kubelet again and waits until its node is ready.
    pub fn start_kubelet(&self, node: &str) -> Result<(), Error> {
        self.ask(&Request::Node(NodeAction::StartKubelet, node.to_owned()))
    }

    /// Kills the API server and starts it again; all connections to it break. Returns when it is ready.
    pub fn restart_api_server(&self) -> Result<(), Error> {
        self.ask(&Request::RestartApiServer)
    }

    /// Ends everything on a node at once, as a power cut does.
    pub fn kill_node(&self, node: &str) -> Result<(), Error> {
        self.ask(&Request::Node(NodeAction::Kill, node.to_owned()))
    }

    /// Brings a killed node back, or one whose kubelet was stopped, and waits until it is ready. The containers of a
    /// killed one are gone.
    pub fn start_node(&self, node: &str) -> Result<(), Error> {
        self.ask(&Request::Node(NodeAction::Start, node.to_owned()))
    }

    fn ask(&self, request: &Request) -> Result<(), Error> {
        ask(&self.inner.folder, request)
    }

    /// What a component has written so far, such as `kube-apiserver` or `kubelet-n1`.
    pub fn component_log(&self, component: &str) -> Result<String, Error> {
        let path = self.inner.folder.log(component);
        let text = fs::read(&path).map_err(Error::file("read", &path))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// A place for files of the caller's that shall go with the bed, on the same disk as the nodes' files.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.inner.folder.join(&format!("scratch/{name}"))
    }

    /// The folder on this machine in which a real node, such as `n1`, keeps the logs of its pods: `/var/log/pods`.
    pub fn pod_logs(&self, node: &str) -> PathBuf {
        self.inner.folder.join(&format!("{node}/log/pods"))
    }

    /// What containers on fake nodes have written whose pods are in the namespace of this slot; see [`Self::fake_slot`].
    pub fn fake_slot_log(&self, slot: u8) -> PathBuf {
        fake_nodes::slot_log_file(&self.inner.folder, slot)
    }

    /// A namespace whose pods on fake nodes have a log of their own. Slots are 0 to 7; the caller uses one at a time.
    pub fn fake_slot(&self, slot: u8) -> Result<Namespace, Error> {
        Namespace::create_named(self, fake_nodes::slot_namespace(slot))
    }

    /// What every other container on a fake node has written, in the format of container runtimes; lines may be added.
    pub fn fake_log(&self) -> PathBuf {
        fake_nodes::log_file(&self.inner.folder)
    }

    pub(crate) fn folder(&self) -> &BedFolder {
        &self.inner.folder
    }

    pub(crate) fn pki(&self) -> Pki {
        Pki::at(self.inner.folder.join(PKI_FOLDER))
    }
}
