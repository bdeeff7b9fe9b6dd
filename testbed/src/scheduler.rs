//! kube-scheduler: gives pods their nodes.

use crate::error::Error;
use crate::namespaces::{NamespaceSet, Service};
use crate::pki::subject;
use crate::site::{Site, flags};

pub(crate) fn start(site: &Site, set: &NamespaceSet) -> Result<Service, Error> {
    let subject = subject("system:kube-scheduler", &[]);
    let kubeconfig = site.component_kubeconfig("kube-scheduler", "https://127.0.0.1", &subject)?;
    let kubeconfig = kubeconfig.display().to_string();
    let arguments = flags(&[
        ("kubeconfig", kubeconfig.clone()),
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig),
        ("bind-address", "127.0.0.1".to_owned()),
        ("leader-elect", "false".to_owned()),
    ]);
    site.start(set, "kube-scheduler", &arguments)
}
