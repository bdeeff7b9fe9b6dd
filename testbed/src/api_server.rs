//! kube-apiserver. Everything that it dials in the cluster (kubelets, webhooks) goes through the CONNECT proxy.

use serde_json::json;

use crate::control_plane::CONNECT_SOCKET;
use crate::error::Error;
use crate::etcd;
use crate::folder::write_whole;
use crate::namespaces::{NamespaceSet, Service};
use crate::process::{log_tail, run};
use crate::site::{CONTROL_PLANE_ADDRESS, SERVICE_RANGE, Site, flags};

const COMPONENT: &str = "kube-apiserver";
/// The log of requests, beside those of the programs.
const AUDIT: &str = "audit";
const AGGREGATOR_HEADERS: [(&str, &str); 4] = [
    ("requestheader-allowed-names", "front-proxy-client"),
    ("requestheader-username-headers", "X-Remote-User"),
    ("requestheader-group-headers", "X-Remote-Group"),
    ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
];

pub(crate) fn start(site: &Site, set: &NamespaceSet) -> Result<Service, Error> {
    let mut arguments = serving_flags(site);
    arguments.extend(identity_flags(site));
    arguments.push(format!(
        "--egress-selector-config-file={}",
        write_egress_selector(site)?
    ));
    arguments.extend(audit_flags(site)?);
    arguments.extend(site.options.api_server_flags.iter().cloned());
    site.start(set, COMPONENT, &arguments)
}

/// The policy that the documents give to users. What an administrator or a controller asks for is most of all requests,
/// and is not written down but for tokens and trainings.
fn audit_flags(site: &Site) -> Result<[String; 2], Error> {
    let path = site.folder.join("audit-policy.yaml");
    write_whole(&path, include_bytes!("../../docs/audit-policy.yaml"))?;
    Ok([
        format!("--audit-policy-file={}", path.display()),
        format!("--audit-log-path={}", site.log(AUDIT).display()),
    ])
}

/// Waits until the API server is ready; one that ends instead is an error at once.
pub(crate) fn wait_ready(
    site: &Site,
    set: &NamespaceSet,
    service: &mut Service,
) -> Result<(), Error> {
    let what = "kubectl get --raw /readyz";
    let mut ended = false;
    site.wait("the API server is ready", COMPONENT, || {
        ended = service.has_ended();
        ended || run(what, site.kubectl(set).args(["get", "--raw", "/readyz"])).is_ok()
    })?;
    if ended {
        return Err(Error::Command {
            what: format!("starting {COMPONENT}"),
            output: log_tail(&site.log(COMPONENT)),
        });
    }
    Ok(())
}

fn serving_flags(site: &Site) -> Vec<String> {
    flags(&[
        ("etcd-servers", etcd::CLIENT_URL.to_owned()),
        ("bind-address", "0.0.0.0".to_owned()),
        ("secure-port", "443".to_owned()),
        ("advertise-address", CONTROL_PLANE_ADDRESS.to_owned()),
        ("service-cluster-ip-range", SERVICE_RANGE.to_owned()),
        ("authorization-mode", "Node,RBAC".to_owned()),
        ("enable-admission-plugins", "NodeRestriction".to_owned()),
        ("enable-aggregator-routing", "true".to_owned()),
        ("kubelet-preferred-address-types", "InternalIP".to_owned()),
        (
            "service-account-issuer",
            "https://kubernetes.default.svc".to_owned(),
        ),
        ("allow-privileged", "true".to_owned()),
        ("profiling", "false".to_owned()),
    ])
    .into_iter()
    .chain(AGGREGATOR_HEADERS.map(|(flag, value)| format!("--{flag}={value}")))
    .chain([format!(
        "--requestheader-client-ca-file={}",
        site.pki.certificate("ca").display()
    )])
    .collect()
}

fn identity_flags(site: &Site) -> Vec<String> {
    let certificate = |name: &str| site.pki.certificate(name).display().to_string();
    let key = |name: &str| site.pki.key(name).display().to_string();
    flags(&[
        ("client-ca-file", certificate("ca")),
        ("tls-cert-file", certificate("apiserver")),
        ("tls-private-key-file", key("apiserver")),
        ("kubelet-client-certificate", certificate("kubelet-client")),
        ("kubelet-client-key", key("kubelet-client")),
        ("proxy-client-cert-file", certificate("front-proxy")),
        ("proxy-client-key-file", key("front-proxy")),
        (
            "service-account-key-file",
            site.pki.token_verifier().display().to_string(),
        ),
        ("service-account-signing-key-file", key("service-accounts")),
    ])
}

fn write_egress_selector(site: &Site) -> Result<String, Error> {
    let config = json!({
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{
            "name": "cluster",
            "connection": {
                "proxyProtocol": "HTTPConnect",
                "transport": {"uds": {"udsName": site.folder.join(CONNECT_SOCKET)}},
            },
        }],
    });
    let path = site.folder.join("egress-selector.json");
    write_whole(&path, config.to_string().as_bytes())?;
    Ok(path.display().to_string())
}
