//! A bed and a folder in which a test makes kubeconfigs for it, and what kubectl and the plugin make of them.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Testbed, User};

use crate::{
    certificates::{Authority, Identity, Validity},
    direct,
    plugin::BINARY,
};

/// Everything that a kubeconfig for the bed may need.
pub(crate) struct Workshop {
    folder: TempDir,
    pub(crate) authority: Authority,
    pub(crate) ca: String,
    /// `https://127.0.0.1:PORT`, straight to the API server.
    pub(crate) server: String,
    /// Of a service account.
    pub(crate) token: String,
    kubectl: PathBuf,
}

/// How a case calls both programs.
#[derive(Default)]
pub(crate) struct Call {
    /// The value of `KUBECONFIG`.
    pub(crate) kubeconfig: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// Whom and where a program reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) user: String,
    pub(crate) server: String,
    pub(crate) namespace: String,
}

impl Workshop {
    pub(crate) fn new(bed: &Testbed) -> Self {
        let admin = bed.kubeconfig(&User::Admin).unwrap();
        let pki = admin.parent().unwrap().join("pki");
        let account = User::ServiceAccount {
            namespace: "default",
            name: "workshop",
            rules: &[],
        };
        let account = read_json(&bed.kubeconfig(&account).unwrap());
        Self {
            folder: tempfile::tempdir().unwrap(),
            authority: Authority::read(&pki),
            ca: fs::read_to_string(pki.join("ca.crt")).unwrap(),
            server: direct::open(admin.parent().unwrap()),
            token: account["users"][0]["user"]["token"]
                .as_str()
                .unwrap()
                .to_owned(),
            kubectl: bed.kubectl_path().to_owned(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and gives its path as text.
    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.path(name), content).unwrap();
        self.path(name).to_string_lossy().into_owned()
    }

    /// A shell script that can be run.
    pub(crate) fn write_script(&self, name: &str, body: &str) -> String {
        let path = self.write(name, &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The bed's server with its authority.
    pub(crate) fn cluster(&self) -> Value {
        json!({ "server": self.server, "certificate-authority-data": base64(&self.ca) })
    }

    /// A user with a client certificate of the bed.
    pub(crate) fn user(&self, name: &str) -> Value {
        embedded(&self.authority.identity(name, Validity::Now))
    }

    /// One cluster, one user and one context that joins them, as the file `name`.
    pub(crate) fn simple(&self, name: &str, cluster: &Value, user: &Value) -> Call {
        let content = kubeconfig(
            cluster,
            user,
            &json!({ "cluster": "bed", "user": "someone" }),
        );
        Call {
            kubeconfig: self.write(name, &content.to_string()),
            ..Call::default()
        }
    }

    /// What the real kubectl reaches, or what it says.
    pub(crate) fn ask_kubectl(&self, call: &Call) -> Result<Reached, String> {
        let whoami = self.run(
            Command::new(&self.kubectl).args(["auth", "whoami", "-o", "json"]),
            call,
        )?;
        let view = self.run(
            Command::new(&self.kubectl).args(["config", "view", "--minify", "-o", "json"]),
            call,
        )?;
        // `config view` shows the file; a flag lies over it.
        let flag = call.arguments.iter().position(|word| word == "--namespace");
        let flag = flag
            .and_then(|position| call.arguments.get(position + 1))
            .map(String::as_str);
        let namespace = view["contexts"][0]["context"]["namespace"].as_str();
        let namespace = flag.or(namespace).unwrap_or("default");
        Ok(Reached {
            user: text(&whoami["status"]["userInfo"]["username"]),
            server: text(&view["clusters"][0]["cluster"]["server"]),
            namespace: namespace.to_owned(),
        })
    }

    /// What the plugin reaches, or what it says.
    pub(crate) fn ask_plugin(&self, call: &Call) -> Result<Reached, String> {
        let output = self.output(Command::new(BINARY).args(["verify", "-o", "json"]), call);
        let report: Value = serde_json::from_slice(&output.stdout).map_err(|_| said(&output))?;
        let checks = report["checks"].as_array().unwrap();
        let identity = checks
            .iter()
            .find(|check| check["id"] == "TRN-IDENTITY")
            .unwrap();
        if identity["state"] != "ok" {
            let findings = checks
                .iter()
                .flat_map(|check| check["findings"].as_array().unwrap());
            let details: Vec<_> = findings.map(|finding| text(&finding["detail"])).collect();
            assert_eq!(report["exitCode"], 3, "{report}");
            return Err(details.first().cloned().unwrap_or_default());
        }
        let user = text(&identity["facts"][0]);
        Ok(Reached {
            user: user.strip_prefix("you are ").unwrap().to_owned(),
            server: text(&report["server"]),
            namespace: text(&report["namespace"]),
        })
    }

    fn run(&self, command: &mut Command, call: &Call) -> Result<Value, String> {
        let output = self.output(command, call);
        if !output.status.success() {
            return Err(said(&output));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    }

    /// Runs a program in the workshop's folder with no other environment than the case's.
    fn output(&self, command: &mut Command, call: &Call) -> Output {
        command
            .args(&call.arguments)
            .current_dir(self.folder.path())
            .env_clear();
        command
            .env("KUBECONFIG", &call.kubeconfig)
            .env("HOME", self.folder.path());
        command.env("PATH", env::var_os("PATH").unwrap_or_default());
        command
            .envs(call.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap()
    }
}

/// A kubeconfig with one entry a list.
pub(crate) fn kubeconfig(cluster: &Value, user: &Value, context: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "only",
        "clusters": [{ "name": "bed", "cluster": cluster }],
        "users": [{ "name": "someone", "user": user }],
        "contexts": [{ "name": "only", "context": context }]
    })
}

/// A certificate and its key inside the kubeconfig.
pub(crate) fn embedded(identity: &Identity) -> Value {
    json!({
        "client-certificate-data": base64(&identity.certificate),
        "client-key-data": base64(&identity.key)
    })
}

fn base64(text: &str) -> String {
    use ::base64::{Engine, engine::general_purpose::STANDARD};

    STANDARD.encode(text)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
