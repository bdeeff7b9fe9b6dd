//! A user with a token in a file, and its rotation: the file gets a new one, and the old one is refused from then on.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::fault::replace;
use super::site::Site;
use crate::process::StepError;

/// The service account of this run's followers.
const ACCOUNT: &str = "reader";

/// Tokens of one service account, each bound to a secret of its own, without which it is worth nothing.
pub(super) struct RotatingToken<'a> {
    site: &'a Site,
    namespace: String,
    file: PathBuf,
    pub(super) kubeconfig: PathBuf,
    number: Cell<u32>,
}

impl<'a> RotatingToken<'a> {
    /// Makes the account, its first token, and a kubeconfig that names the token's file.
    pub(super) fn create(
        site: &'a Site,
        namespace: &str,
        folder: &Path,
    ) -> Result<RotatingToken<'a>, StepError> {
        let token = RotatingToken {
            site,
            namespace: namespace.to_owned(),
            file: folder.join("token"),
            kubeconfig: folder.join("token.kubeconfig"),
            number: Cell::new(0),
        };
        let list = json!({"apiVersion": "v1", "kind": "List", "items": token.account()});
        site.bed.apply(&list.to_string())?;
        replace(&token.file, &token.issue()?)?;
        token.write_kubeconfig()?;
        Ok(token)
    }

    fn account(&self) -> Value {
        let namespace = &self.namespace;
        let group = "rbac.authorization.k8s.io";
        json!([
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace}},
            {"apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding",
             "metadata": {"name": format!("{namespace}-{ACCOUNT}")},
             "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
             "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}]},
        ])
    }

    fn write_kubeconfig(&self) -> Result<(), StepError> {
        let admin = self.site.admin()?;
        let broken = |error| StepError::io(admin.display(), error);
        let text = std::fs::read_to_string(&admin).map_err(broken)?;
        let mut kubeconfig: Value =
            serde_json::from_str(&text).map_err(|error| broken(error.into()))?;
        kubeconfig["users"][0]["user"] = json!({"tokenFile": self.file});
        replace(&self.kubeconfig, &kubeconfig.to_string())
    }

    /// A token that is bound to the secret of the present number.
    fn issue(&self) -> Result<String, StepError> {
        let (namespace, secret) = (self.namespace.as_str(), self.secret());
        // Left over from an earlier run in the same namespace.
        self.drop_secret()?;
        self.site
            .kubectl(&["-n", namespace, "create", "secret", "generic", &secret])?;
        let bound = ["--bound-object-kind=Secret", "--bound-object-name", &secret];
        let create = ["-n", namespace, "create", "token", ACCOUNT];
        let token = self.site.kubectl(&[create.as_slice(), &bound].concat())?;
        Ok(token.trim().to_owned())
    }

    fn secret(&self) -> String {
        format!("token-{}", self.number.get())
    }

    fn drop_secret(&self) -> Result<(), StepError> {
        let (namespace, secret) = (self.namespace.as_str(), self.secret());
        let delete = ["-n", namespace, "delete", "secret", &secret];
        self.site
            .kubectl(&[delete.as_slice(), &["--ignore-not-found"]].concat())
            .map(drop)
    }

    /// Puts another token into the file, makes the old one worthless, and returns the old one.
    pub(super) fn rotate(&self) -> Result<String, StepError> {
        let old = std::fs::read_to_string(&self.file)
            .map_err(|error| StepError::io(self.file.display(), error))?;
        let number = self.number.get();
        self.number.set(number + 1);
        replace(&self.file, &self.issue()?)?;
        self.number.set(number);
        self.drop_secret()?;
        self.number.set(number + 1);
        Ok(old)
    }

    /// Whether the API server takes a token. It remembers for some seconds what it has accepted.
    pub(super) fn is_taken(&self, token: &str) -> bool {
        let mut kubectl = std::process::Command::new(self.site.bed.kubectl_path());
        kubectl.args(["get", "--raw", "/api", "--token", token]);
        kubectl.args([
            "--server",
            self.site.bed.url(),
            "--insecure-skip-tls-verify",
        ]);
        // Without a kubeconfig no certificate stands in for the token.
        kubectl.env("KUBECONFIG", "/dev/null");
        kubectl.output().is_ok_and(|output| output.status.success())
    }
}
