//! kube-controller-manager: turns Jobs into pods, signs certificates, and says when a node is gone.

use crate::error::Error;
use crate::namespaces::{NamespaceSet, Service};
use crate::pki::subject;
use crate::site::{Site, flags};

pub(crate) fn start(site: &Site, set: &NamespaceSet) -> Result<Service, Error> {
    let subject = subject("system:kube-controller-manager", &[]);
    let kubeconfig =
        site.component_kubeconfig("kube-controller-manager", "https://127.0.0.1", &subject)?;
    let kubeconfig = kubeconfig.display().to_string();
    let (certificate, key) = (
        site.pki.certificate("ca").display().to_string(),
        site.pki.key("ca").display().to_string(),
    );
    let arguments = flags(&[
        ("kubeconfig", kubeconfig.clone()),
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig),
        ("bind-address", "127.0.0.1".to_owned()),
        ("leader-elect", "false".to_owned()),
        (
            "node-monitor-grace-period",
            format!("{}s", site.options.node_grace_seconds),
        ),
        ("node-monitor-period", "2s".to_owned()),
        ("use-service-account-credentials", "true".to_owned()),
        (
            "service-account-private-key-file",
            site.pki.key("service-accounts").display().to_string(),
        ),
        ("root-ca-file", certificate.clone()),
        ("cluster-signing-cert-file", certificate),
        ("cluster-signing-key-file", key),
    ]);
    site.start(set, "kube-controller-manager", &arguments)
}
