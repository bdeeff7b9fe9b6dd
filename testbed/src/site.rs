//! What every component of a starting bed needs: its folder, options, programs, certificates, and the way to stop.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::control_plane::INNER_ADMIN;
use crate::error::Error;
use crate::folder::BedFolder;
use crate::kubeconfig::{self, Credential};
use crate::namespaces::{NamespaceSet, Service};
use crate::options::Options;
use crate::pki::{Pki, Subject};
use crate::process::{Stop, Wait};
use crate::programs::Programs;

/// The control plane's address on the bridge to the nodes; DNS answers there too.
pub(crate) const CONTROL_PLANE_ADDRESS: &str = "10.10.0.1";
/// The same, for who wants numbers.
pub(crate) const CONTROL_PLANE_IP: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
/// The address of the Service `kubernetes`. It sits on the control plane's loopback, so no kube-proxy is needed.
pub(crate) const KUBERNETES_SERVICE_ADDRESS: &str = "10.96.0.1";
pub(crate) const SERVICE_RANGE: &str = "10.96.0.0/16";

/// The building site of one bed. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) folder: BedFolder,
    pub(crate) options: Options,
    pub(crate) programs: Programs,
    pub(crate) pki: Pki,
    pub(crate) stop: Stop,
}

impl Site {
    /// Starts a program of the catalogue in a set of namespaces; its log is `log/COMPONENT.log`.
    pub(crate) fn start(
        &self,
        set: &NamespaceSet,
        component: &str,
        arguments: &[String],
    ) -> Result<Service, Error> {
        let program = component
            .split_once('@')
            .map_or(component, |(program, _)| program);
        let mut command = set.command(self.programs.path(program));
        command.args(arguments);
        Service::start(&mut command, &self.log(component))
    }

    /// `kubelet@n1` logs to `kubelet-n1.log`.
    pub(crate) fn log(&self, component: &str) -> PathBuf {
        self.folder.log(&component.replace('@', "-"))
    }

    /// kubectl as the administrator, inside the control plane.
    pub(crate) fn kubectl(&self, control_plane: &NamespaceSet) -> Command {
        let mut command = control_plane.command(self.programs.path("kubectl"));
        command.env("KUBECONFIG", self.folder.join(INNER_ADMIN));
        command
    }

    /// Issues a certificate and writes `NAME.kubeconfig` with it, for a component inside the bed.
    pub(crate) fn component_kubeconfig(
        &self,
        name: &str,
        server: &str,
        subject: &Subject<'_>,
    ) -> Result<PathBuf, Error> {
        self.pki.issue(name, subject, &[])?;
        let path = self.folder.join(&format!("{name}.kubeconfig"));
        kubeconfig::write(
            &path,
            "testbed",
            server,
            &self.pki,
            &Credential::Certificate(name),
        )
    }

    /// Waits for a condition; the log of `component` tells why it did not come.
    pub(crate) fn wait(
        &self,
        what: &str,
        component: &str,
        condition: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let wait = Wait {
            what,
            limit: Duration::from_secs(90),
            log: &self.log(component),
        };
        self.stop.wait_until(&wait, condition)
    }
}

/// `--flag=value` arguments from pairs.
pub(crate) fn flags(pairs: &[(&str, String)]) -> Vec<String> {
    pairs
        .iter()
        .map(|(flag, value)| format!("--{flag}={value}"))
        .collect()
}
