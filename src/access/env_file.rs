//! An env file: one `NAME=VALUE` a line, each value quoted where a shell would read it otherwise.

use std::path::Path;

use super::credential::{Holder, Issued};
use crate::cluster::{ServerEntry, shell_word};

/// The variables by name, as `python.rs` reads them.
pub(super) const SERVER: &str = "K8S_API_SERVER";
pub(super) const TOKEN: &str = "K8S_SERVICE_ACCOUNT_TOKEN";
pub(super) const NAMESPACE: &str = "K8S_NAMESPACE";
pub(super) const AUTHORITY_FILE: &str = "K8S_CA_CERT_FILE";
pub(super) const AUTHORITY_DATA: &str = "K8S_CA_CERT_DATA";
pub(super) const TLS_SERVER_NAME: &str = "K8S_TLS_SERVER_NAME";
pub(super) const PROXY: &str = "K8S_PROXY_URL";
const EXPIRES_AT: &str = "K8S_TOKEN_EXPIRES_AT";
/// The Kubeflow SDK looks there for the version of Trainer.
const SYSTEM_NAMESPACE: &str = "KUBEFLOW_SYSTEM_NAMESPACE";

/// Where the authority of the server's certificate is found.
#[derive(Clone, Copy, Debug)]
pub enum Authority<'a> {
    File(&'a Path),
    /// In the env file itself, which then needs no other.
    Inside,
}

/// What an env file tells.
#[derive(Clone, Copy, Debug)]
pub struct EnvFile<'a> {
    pub entry: &'a ServerEntry,
    pub holder: &'a Holder,
    pub token: &'a str,
    pub issued: &'a Issued,
    pub authority: Authority<'a>,
    /// Where Trainer lives, if that is known.
    pub system_namespace: Option<&'a str>,
}

impl EnvFile<'_> {
    pub fn text(&self) -> String {
        let mut text = format!(
            "# Service account {}/{}, credential {}.\n\
             # The Kubeflow SDK reads none of the K8S_ variables by itself; this does: `kubectl trainer access env -o python`\n",
            self.holder.namespace, self.holder.account, self.issued.id
        );
        for (name, value) in self.variables() {
            if let Some(value) = value {
                text.push_str(&format!("{name}={}\n", shell_word(&value)));
            }
        }
        text
    }

    fn variables(&self) -> [(&'static str, Option<String>); 9] {
        let authority = self.entry.authority.as_ref();
        let (file, data) = match self.authority {
            Authority::File(path) => (authority.map(|_| path.display().to_string()), None),
            Authority::Inside => (None, self.entry.authority_data()),
        };
        [
            (SERVER, Some(self.entry.server.clone())),
            (NAMESPACE, Some(self.holder.namespace.clone())),
            (AUTHORITY_FILE, file),
            (AUTHORITY_DATA, data),
            (TLS_SERVER_NAME, self.entry.tls_server_name.clone()),
            (PROXY, self.entry.proxy_url.clone()),
            (TOKEN, Some(self.token.to_owned())),
            (EXPIRES_AT, self.issued.expires.map(|at| at.to_string())),
            (SYSTEM_NAMESPACE, self.system_namespace.map(str::to_owned)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::cluster::{CertificateCheck, ProxyLogin};

    fn text(authority: Authority<'_>, server: &str) -> String {
        let entry = ServerEntry {
            server: server.to_owned(),
            authority: Some("PEM\n".to_owned()),
            tls_server_name: None,
            proxy_url: Some("http://proxy:3128".to_owned()),
            proxy_login: ProxyLogin::None,
            check: CertificateCheck::On,
            kubeconfig: Vec::new(),
        };
        let holder = Holder {
            namespace: "team-a".to_owned(),
            account: "trainer-ci".to_owned(),
            uid: "u".to_owned(),
            persona: None,
        };
        let issued = Issued {
            id: "5b7c".to_owned(),
            issued: Timestamp::UNIX_EPOCH,
            expires: Some(Timestamp::from_second(3600).unwrap()),
        };
        let file = EnvFile {
            entry: &entry,
            holder: &holder,
            token: "eyJ",
            issued: &issued,
            authority,
            system_namespace: Some("kubeflow-system"),
        };
        file.text()
    }

    #[test]
    fn the_authority_is_named_by_its_file_beside_it() {
        let folder = Path::new("/home/ann/my env/ca.crt");
        assert_data_eq!(
            text(Authority::File(folder), "https://api.example:6443"),
            str![[r#"
# Service account team-a/trainer-ci, credential 5b7c.
# The Kubeflow SDK reads none of the K8S_ variables by itself; this does: `kubectl trainer access env -o python`
K8S_API_SERVER=https://api.example:6443
K8S_NAMESPACE=team-a
K8S_CA_CERT_FILE='/home/ann/my env/ca.crt'
K8S_PROXY_URL=http://proxy:3128
K8S_SERVICE_ACCOUNT_TOKEN=eyJ
K8S_TOKEN_EXPIRES_AT=1970-01-01T01:00:00Z
KUBEFLOW_SYSTEM_NAMESPACE=kubeflow-system

"#]]
        );
    }

    #[test]
    fn without_a_file_beside_it_the_authority_is_inside() {
        let text = text(Authority::Inside, "https://a/$(reboot)");
        assert!(text.contains("\nK8S_CA_CERT_DATA=UEVNCg==\n"), "{text}");
        assert!(
            text.contains("\nK8S_API_SERVER='https://a/$(reboot)'\n"),
            "{text}"
        );
        assert!(!text.contains("K8S_CA_CERT_FILE"), "{text}");
    }
}
