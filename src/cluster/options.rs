//! What the user may say about the connection: kubectl's flags as plain data, without clap.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::request_log::RequestLog;

/// kubectl's connection flags. An unset field means "as the kubeconfig says".
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    /// `--kubeconfig`: the one file to read, in place of the `KUBECONFIG` list.
    pub kubeconfig: Option<PathBuf>,
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
    pub disable_compression: bool,
    /// Whether a credential plugin may ask questions.
    pub attendance: Attendance,
    /// Where each request is reported, for `-v` and `-vv`.
    pub request_log: RequestLog,
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
}
