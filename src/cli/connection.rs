//! kubectl's connection flags, as a user may type them.

use std::{borrow::Cow, ffi::OsString, path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};

use super::{parse_duration, parse_object_name};
use crate::cluster::{Compression, ConnectionOptions, Impersonation};

/// kubectl's connection flags, with kubectl's meaning.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection (the same as kubectl's)")]
pub struct ConnectionArgs {
    /// Namespace; without it, the context's, else `default`
    #[arg(short, long, global = true, value_name = "NAME", value_parser = parse_namespace)]
    namespace: Option<String>,
    /// Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    context: Vec<String>,
    /// The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    #[arg(long, global = true, value_name = "FILE", value_parser = path())]
    kubeconfig: Option<PathBuf>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    user: Option<String>,
    /// URL of the API server
    #[arg(short, long, global = true, value_name = "URL", hide_short_help = true)]
    server: Option<String>,
    /// Name that the server's certificate must have
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    tls_server_name: Option<String>,
    /// Do not check the server's certificate; the connection is then not safe
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        num_args = 0..=1,
        require_equals = true,
        value_name = "true|false",
        hide_possible_values = true,
        default_missing_value = "true"
    )]
    insecure_skip_tls_verify: Option<bool>,
    /// PEM file of the authority that signed the server's certificate
    #[arg(long, global = true, value_name = "FILE", value_parser = path(), hide_short_help = true)]
    certificate_authority: Option<PathBuf>,
    /// PEM file of the client certificate
    #[arg(long, global = true, value_name = "FILE", value_parser = path(), hide_short_help = true)]
    client_certificate: Option<PathBuf>,
    /// PEM file of the client certificate's key
    #[arg(long, global = true, value_name = "FILE", value_parser = path(), hide_short_help = true)]
    client_key: Option<PathBuf>,
    /// Bearer token
    #[arg(long, global = true, value_name = "TOKEN", hide_short_help = true)]
    token: Option<String>,
    /// User name for basic authentication
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    username: Option<String>,
    /// Password for basic authentication
    #[arg(long, global = true, value_name = "PASSWORD", hide_short_help = true)]
    password: Option<String>,
    /// Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    #[arg(
        long = "as",
        global = true,
        value_name = "USER",
        hide_short_help = true
    )]
    act_as: Option<String>,
    /// Act as a member of this group; may be repeated
    #[arg(
        long = "as-group",
        global = true,
        value_name = "GROUP",
        hide_short_help = true
    )]
    act_as_groups: Vec<String>,
    /// Act as the user with this UID
    #[arg(
        long = "as-uid",
        global = true,
        value_name = "UID",
        hide_short_help = true
    )]
    act_as_uid: Option<String>,
    /// Act with this extra attribute; may be repeated
    #[arg(long = "as-user-extra", global = true, value_name = "KEY=VALUE", value_parser = parse_pair, hide_short_help = true)]
    act_as_extra: Vec<(String, String)>,
    /// Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration, hide_short_help = true)]
    request_timeout: Option<Duration>,
    /// Do not ask the server to compress its answers
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        num_args = 0..=1,
        require_equals = true,
        value_name = "true|false",
        hide_possible_values = true,
        default_missing_value = "true"
    )]
    disable_compression: Option<bool>,
    /// Accepted and ignored: the plugin keeps no cache
    #[arg(long, global = true, value_name = "FOLDER", value_parser = path(), hide_short_help = true)]
    cache_dir: Option<PathBuf>,
}

impl ConnectionArgs {
    /// The flags as plain data. `--cache-dir` ends here: there is no cache.
    pub fn options(&self) -> ConnectionOptions {
        ConnectionOptions {
            kubeconfig: given_path(self.kubeconfig.as_ref()),
            context: self.contexts().first().cloned(),
            cluster: given(self.cluster.as_ref()),
            user: given(self.user.as_ref()),
            namespace: given(self.namespace.as_ref()),
            server: given(self.server.as_ref()),
            tls_server_name: given(self.tls_server_name.as_ref()),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            certificate_authority: given_path(self.certificate_authority.as_ref()),
            client_certificate: given_path(self.client_certificate.as_ref()),
            client_key: given_path(self.client_key.as_ref()),
            token: given(self.token.as_ref()).map(Into::into),
            username: given(self.username.as_ref()),
            password: given(self.password.as_ref()).map(Into::into),
            impersonate: self.impersonation(),
            request_timeout: self.request_timeout.filter(|limit| !limit.is_zero()),
            compression: match self.disable_compression {
                Some(true) => Compression::Refused,
                Some(false) | None => Compression::Accepted,
            },
            ..ConnectionOptions::default()
        }
    }

    /// The contexts that were named, each once, in the order in which they were named.
    pub fn contexts(&self) -> Vec<String> {
        let mut contexts: Vec<String> = Vec::new();
        for name in self.context.iter().filter(|name| !name.is_empty()) {
            if !contexts.contains(name) {
                contexts.push(name.clone());
            }
        }
        contexts
    }

    /// Takes the contexts from the words of a command line that parses: of a flag that stands on both sides of the
    /// command, the parser keeps the later side only.
    pub fn hear_every_context(&mut self, words: &[OsString]) {
        let mut words = words.iter().map(|word| word.to_string_lossy());
        self.context.clear();
        while let Some(word) = words.next() {
            let value = match word.strip_prefix("--context") {
                Some("") => words.next().map(Cow::into_owned),
                Some(rest) => rest.strip_prefix('=').map(str::to_owned),
                None => None,
            };
            self.context.extend(value);
        }
    }

    fn impersonation(&self) -> Impersonation {
        Impersonation {
            user: given(self.act_as.as_ref()),
            uid: given(self.act_as_uid.as_ref()),
            groups: self.act_as_groups.clone(),
            extra: self.act_as_extra.clone(),
        }
    }
}

/// An empty value, such as that of an unset variable, means "not given", as in kubectl.
fn given(value: Option<&String>) -> Option<String> {
    value.cloned().filter(|text| !text.is_empty())
}

fn given_path(value: Option<&PathBuf>) -> Option<PathBuf> {
    value.cloned().filter(|path| !path.as_os_str().is_empty())
}

/// clap's own parser of paths refuses an empty one.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Empty means "not given", as in kubectl.
pub(super) fn parse_namespace(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    parse_object_name(text).map(|()| text.to_owned())
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}
