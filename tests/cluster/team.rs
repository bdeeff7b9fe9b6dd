//! A namespace with a service account, and what the tests of `access` ask about its credentials.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use tempfile::TempDir;
use testbed::{Namespace, Testbed, User};

use crate::support::{binary, kubectl};

/// The service account of every team.
pub(crate) const ACCOUNT: &str = "ci";

pub(crate) struct Team {
    pub(crate) bed: Testbed,
    pub(crate) namespace: Namespace,
    pub(crate) folder: TempDir,
    admin: PathBuf,
}

impl Team {
    pub(crate) fn new(bed: Testbed, hint: &str) -> Self {
        let namespace = bed.namespace(hint).unwrap();
        kubectl(
            &bed,
            &["create", "serviceaccount", ACCOUNT, "-n", namespace.name()],
        );
        Self {
            admin: bed.kubeconfig(&User::Admin).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            namespace,
            bed,
        }
    }

    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace.name())
    }

    /// A place for a file.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `access ...` of this namespace, as the administrator, to be run.
    pub(crate) fn access(&self, words: &[&str]) -> Command {
        let mut command = binary();
        command
            .arg("access")
            .args(words)
            .args(["-n", self.namespace.name()])
            .env("KUBECONFIG", &self.admin)
            .env("PATH", self.path())
            .current_dir(self.folder.path());
        command
    }

    /// Any command of the plugin, as the administrator.
    #[track_caller]
    pub(crate) fn plugin(&self, words: &[&str]) {
        let mut command = binary();
        let output = command
            .args(words)
            .env("KUBECONFIG", &self.admin)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
    }

    /// The bed's kubectl and the plugin, before all else.
    fn path(&self) -> std::ffi::OsString {
        let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-trainer"));
        let folders =
            [plugin, self.bed.kubectl_path()].map(|file| file.parent().unwrap().to_owned());
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let folders = folders.into_iter().chain(std::env::split_paths(&rest));
        std::env::join_paths(folders).unwrap()
    }

    /// A line as it is typed into a shell, in the folder of the test's files and as the administrator.
    pub(crate) fn shell(&self, line: &str) -> Output {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).env("KUBECONFIG", &self.admin);
        shell
            .env("PATH", self.path())
            .current_dir(self.folder.path());
        shell.output().unwrap()
    }

    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let output = self.access(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        output
    }

    /// A new token.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let output = self.run(&["token", ACCOUNT]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A new kubeconfig with a token.
    #[track_caller]
    pub(crate) fn kubeconfig(&self, name: &str) -> PathBuf {
        let file = self.file(name);
        self.run(&["kubeconfig", ACCOUNT, "-f", file.to_str().unwrap()]);
        file
    }

    /// What `access list -o json` says.
    #[track_caller]
    pub(crate) fn list(&self) -> Value {
        serde_json::from_slice(&self.run(&["list", "-o", "json"]).stdout).unwrap()
    }

    /// Whom kubectl logs in as with this file alone; none where it is refused.
    pub(crate) fn login(&self, file: &Path) -> Option<String> {
        let output = Command::new(self.bed.kubectl_path())
            .args(["auth", "whoami", "-o", "json", "--kubeconfig"])
            .arg(file)
            .env("PATH", self.path())
            .output()
            .unwrap();
        let review: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(
            review["status"]["userInfo"]["username"]
                .as_str()?
                .to_owned(),
        )
    }

    /// The names of the namespace's objects of a kind that the plugin labelled.
    pub(crate) fn labelled(&self, kind: &str) -> String {
        let selector = "app.kubernetes.io/managed-by=kubectl-trainer";
        kubectl(
            &self.bed,
            &[
                "get",
                kind,
                "-n",
                self.namespace.name(),
                "-l",
                selector,
                "-o",
                "name",
            ],
        )
    }
}

/// What a token says of itself.
pub(crate) fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(middle).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The name under which the audit log knows a token.
pub(crate) fn id_of(token: &str) -> String {
    claims(token)["jti"].as_str().unwrap().to_owned()
}

/// The token in a kubeconfig.
pub(crate) fn token_in(kubeconfig: &Path) -> String {
    let text = fs::read_to_string(kubeconfig).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "));
    line.unwrap().to_owned()
}
