//! CoreDNS, through which the pods of a job find each other by name.

use crate::error::Error;
use crate::folder::write_whole;
use crate::namespaces::{NamespaceSet, Service};
use crate::pki::subject;
use crate::site::{CONTROL_PLANE_ADDRESS, Site};

pub(crate) const DOMAIN: &str = "cluster.local";

pub(crate) fn start(site: &Site, set: &NamespaceSet) -> Result<Service, Error> {
    let subject = subject("coredns", &["system:masters"]);
    let kubeconfig = site.component_kubeconfig("coredns", "https://127.0.0.1", &subject)?;
    let corefile = site.folder.join("Corefile");
    write_whole(
        &corefile,
        corefile_text(&kubeconfig.display().to_string()).as_bytes(),
    )?;
    let arguments = ["-conf".to_owned(), corefile.display().to_string()];
    site.start(set, "coredns", &arguments)
}

/// Answers are never kept (`ttl 0`): a test that makes a Service wants to find it at once.
fn corefile_text(kubeconfig: &str) -> String {
    format!(
        ".:53 {{\n  bind {CONTROL_PLANE_ADDRESS}\n  errors\n  kubernetes {DOMAIN} in-addr.arpa {{\n    kubeconfig {kubeconfig} testbed\n    ttl 0\n  }}\n}}\n"
    )
}
