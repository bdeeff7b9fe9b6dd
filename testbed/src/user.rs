//! Users of a bed's API server, and their kubeconfig files.

use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::error::Error;
use crate::handle::Testbed;
use crate::kubeconfig::{self, Credential};
use crate::pki::subject;
use crate::process::run;
use crate::trainer::REQUEST_LIMIT;

/// Who a kubeconfig is for.
#[derive(Clone, Debug)]
pub enum User<'a> {
    /// May do everything.
    Admin,
    /// A service account, made on demand, with these rules and no others.
    ServiceAccount {
        namespace: &'a str,
        name: &'a str,
        rules: &'a [Rule<'a>],
    },
    /// A person with a client certificate. Rights come from what is bound to the name and the group. There may be one
    /// group at most; the certificates made here hold no more.
    Certificate {
        name: &'a str,
        groups: &'a [&'a str],
    },
}

/// A right of a service account.
#[derive(Clone, Debug)]
pub struct Rule<'a> {
    pub reach: Reach,
    pub groups: &'a [&'a str],
    pub resources: &'a [&'a str],
    pub verbs: &'a [&'a str],
}

/// Where a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the service account's own namespace.
    Namespace,
    /// Everywhere, and for what belongs to no namespace.
    Cluster,
}

/// Makes what the user needs and writes its kubeconfig into the bed's folder.
pub(crate) fn kubeconfig(bed: &Testbed, user: &User<'_>) -> Result<PathBuf, Error> {
    match user {
        User::Admin => {
            let path = bed.folder().join("admin.kubeconfig");
            write(bed, "admin", &path, &Credential::Certificate("admin"))
        }
        User::Certificate { name, groups } => {
            let file = certificate_name(name);
            bed.pki().issue(&file, &subject(name, groups), &[])?;
            let path = bed.folder().join(&format!("{file}.kubeconfig"));
            write(bed, name, &path, &Credential::Certificate(&file))
        }
        User::ServiceAccount {
            namespace,
            name,
            rules,
        } => {
            bed.apply(&account(namespace, name, rules).to_string())?;
            let token = token(bed, namespace, name)?;
            let path = bed.folder().join(&format!("{namespace}_{name}.kubeconfig"));
            write(bed, name, &path, &Credential::Token(token.trim()))
        }
    }
}

fn token(bed: &Testbed, namespace: &str, name: &str) -> Result<String, Error> {
    let mut kubectl = bed.kubectl_command();
    kubectl
        .args([REQUEST_LIMIT, "create", "token", name])
        .args(["--namespace", namespace, "--duration=24h"]);
    run("kubectl create token", &mut kubectl)
}

fn write(
    bed: &Testbed,
    context: &str,
    path: &std::path::Path,
    credential: &Credential<'_>,
) -> Result<PathBuf, Error> {
    kubeconfig::write(path, context, bed.url(), &bed.pki(), credential)
}

/// Another one each time, so that the key of one test never meets the certificate of another.
fn certificate_name(user: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let user: String = user.chars().map(plain).collect();
    format!("user-{user}-{}-{count}", process::id())
}

/// The service account with a role, a cluster role, and their bindings.
fn account(namespace: &str, name: &str, rules: &[Rule<'_>]) -> Value {
    let here = json!({"name": name, "namespace": namespace});
    let everywhere = json!({"name": format!("{namespace}-{name}")});
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]);
    let group = "rbac.authorization.k8s.io";
    let version = "rbac.authorization.k8s.io/v1";
    let reference = |kind: &str, metadata: &Value| json!({"apiGroup": group, "kind": kind, "name": metadata["name"]});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here},
        {"apiVersion": version, "kind": "Role", "metadata": here, "rules": rules_for(Reach::Namespace, rules)},
        {"apiVersion": version, "kind": "RoleBinding", "metadata": here, "subjects": subjects, "roleRef": reference("Role", &here)},
        {"apiVersion": version, "kind": "ClusterRole", "metadata": everywhere, "rules": rules_for(Reach::Cluster, rules)},
        {"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": everywhere, "subjects": subjects, "roleRef": reference("ClusterRole", &everywhere)},
    ]})
}

fn rules_for(reach: Reach, rules: &[Rule<'_>]) -> Vec<Value> {
    rules
        .iter()
        .filter(|rule| rule.reach == reach)
        .map(|rule| json!({"apiGroups": rule.groups, "resources": rule.resources, "verbs": rule.verbs}))
        .collect()
}
