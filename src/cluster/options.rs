//! What the user may say about the connection: kubectl's flags as plain data, without clap.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{failure::shell_word, proxy::without_credentials, request_log::RequestLog};

pub(super) const KUBECONFIG: &str = "--kubeconfig";
pub(super) const CONTEXT: &str = "--context";
/// What the flags of impersonation have in common; no other flag that is shown begins so.
pub(super) const IMPERSONATE: &str = "--as";

/// kubectl's connection flags. An unset field means "as the kubeconfig says".
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    /// `--kubeconfig`: the one file to read, in place of the `KUBECONFIG` list.
    pub kubeconfig: Option<PathBuf>,
    /// A kubeconfig's text, which is then all that is read: for a credential that is tried before it is written down.
    pub kubeconfig_text: Option<SecretString>,
    /// `--context`: the entry under `contexts`.
    pub context: Option<String>,
    /// `--cluster`: the entry under `clusters`.
    pub cluster: Option<String>,
    /// `--user`: the entry under `users`.
    pub user: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--server`: URL or `host:port` of the API server.
    pub server: Option<String>,
    /// `--tls-server-name`: the name that the server's certificate is checked against.
    pub tls_server_name: Option<String>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: Option<bool>,
    /// `--certificate-authority`: a PEM file.
    pub certificate_authority: Option<PathBuf>,
    /// `--client-certificate`: a PEM file.
    pub client_certificate: Option<PathBuf>,
    /// `--client-key`: a PEM file.
    pub client_key: Option<PathBuf>,
    /// `--token`.
    pub token: Option<SecretString>,
    /// `--username`.
    pub username: Option<String>,
    /// `--password`.
    pub password: Option<SecretString>,
    /// `--as`, `--as-uid`, `--as-group`, `--as-user-extra`.
    pub impersonate: Impersonation,
    /// `--request-timeout`; `None` (also for `0`) means 30 s.
    pub request_timeout: Option<Duration>,
    /// `--disable-compression`.
    pub compression: Compression,
    /// Whether a credential plugin may ask questions.
    pub attendance: Attendance,
    /// Where each request is reported, for `-v` and `-vv`.
    pub request_log: RequestLog,
}

impl ConnectionOptions {
    /// Whether flags say more of the server or the caller than which context, namespace and file.
    pub fn has_login_flags(&self) -> bool {
        let paths = [
            &self.certificate_authority,
            &self.client_certificate,
            &self.client_key,
        ];
        let texts = [
            &self.cluster,
            &self.user,
            &self.server,
            &self.tls_server_name,
            &self.username,
            &self.impersonate.user,
        ];
        let secrets = [&self.token, &self.password];
        paths.iter().any(|path| path.is_some())
            || texts.iter().any(|text| text.is_some())
            || secrets.iter().any(|secret| secret.is_some())
            || self.insecure_skip_tls_verify.is_some()
    }

    /// The given flags with which kubectl reaches the same cluster as the same caller, each ready for a shell.
    /// Credentials are left out, because these flags are shown.
    pub(super) fn kubectl_flags(&self) -> Vec<String> {
        let file = self.kubeconfig.as_ref().map(|file| file.to_string_lossy());
        let server = self.server.as_deref().map(without_credentials);
        let act_as = &self.impersonate;
        let single = [
            (KUBECONFIG, file.as_deref()),
            (CONTEXT, self.context.as_deref()),
            ("--cluster", self.cluster.as_deref()),
            ("--user", self.user.as_deref()),
            ("--server", server.as_deref()),
            ("--as", act_as.user.as_deref()),
            ("--as-uid", act_as.uid.as_deref()),
        ];
        let groups = act_as.groups.iter();
        let groups = groups.map(|group| ("--as-group", group.as_str()));
        let given = single
            .into_iter()
            .filter_map(|(flag, value)| Some((flag, value?)));
        let shown = given
            .chain(groups)
            .map(|(flag, value)| format!("{flag} {}", shell_word(value)));
        shown.collect()
    }
}

/// Whether the server may compress its answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    #[default]
    Accepted,
    Refused,
}

/// Whom to act as. Everything but `user` needs `user`, as the API server demands.
#[derive(Clone, Debug, Default)]
pub struct Impersonation {
    pub user: Option<String>,
    pub uid: Option<String>,
    pub groups: Vec<String>,
    /// Key and value of each `--as-user-extra key=value`, in the order given.
    pub extra: Vec<(String, String)>,
}

/// Whether a person can answer a credential plugin's questions: standard input is a terminal, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attendance {
    Interactive,
    #[default]
    Unattended,
    /// Somebody is in the middle of typing, and has not asked for anything: what a plugin says is not shown either.
    Unasked,
}
