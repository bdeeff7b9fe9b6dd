//! Writes kubeconfig files: for the bed's own components, and for the users of tests.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::Error;
use crate::folder::write_whole;
use crate::pki::Pki;

/// How a kubeconfig's user proves who it is.
pub(crate) enum Credential<'a> {
    /// The name of a certificate and key in the bed's PKI folder.
    Certificate(&'a str),
    Token(&'a str),
}

/// Writes a kubeconfig with one context, named `context`. JSON is YAML, so no YAML writer is needed.
pub(crate) fn write(
    path: &Path,
    context: &str,
    server: &str,
    pki: &Pki,
    credential: &Credential<'_>,
) -> Result<PathBuf, Error> {
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": {"server": server, "certificate-authority": pki.certificate("ca")}}],
        "users": [{"name": context, "user": user(pki, credential)}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    });
    let text =
        serde_json::to_vec_pretty(&kubeconfig).map_err(Error::command("writing a kubeconfig"))?;
    write_whole(path, &text)?;
    Ok(path.to_owned())
}

fn user(pki: &Pki, credential: &Credential<'_>) -> Value {
    match credential {
        Credential::Certificate(name) => json!({
            "client-certificate": pki.certificate(name),
            "client-key": pki.key(name),
        }),
        Credential::Token(token) => json!({ "token": token }),
    }
}
