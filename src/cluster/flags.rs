//! What the values of connection flags get wrong by themselves. A mistake that was typed is told as one, and not as a
//! mistake of the kubeconfig that the flag lies over.

use std::path::Path;

use http::HeaderValue;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};

use super::{
    failure::shell_word, kubeconfig_fault::KubeconfigFault, options::ConnectionOptions,
    proxy::without_credentials,
};

/// Refuses values that no server, certificate or header can be. Reads the files that the flags name.
pub(super) fn check(options: &ConnectionOptions) -> Result<(), KubeconfigFault> {
    if let Some(token) = &options.token {
        check_token(token)?;
    }
    if let Some(name) = &options.tls_server_name {
        check_server_name(name)?;
    }
    if let Some(server) = &options.server {
        check_server(server)?;
    }
    if let Some(file) = &options.certificate_authority {
        check_certificates("--certificate-authority", file)?;
    }
    if let Some(file) = &options.client_certificate {
        check_certificates("--client-certificate", file)?;
    }
    match &options.client_key {
        Some(file) => check_key(file),
        None => Ok(()),
    }
}

fn bad(flag: &'static str, problem: impl Into<String>, hint: impl Into<String>) -> KubeconfigFault {
    KubeconfigFault::BadFlag {
        flag,
        problem: problem.into(),
        hint: hint.into(),
    }
}

/// Whether an HTTP header can hold the token.
pub(super) fn fits_header(token: &SecretString) -> bool {
    HeaderValue::from_str(token.expose_secret()).is_ok()
}

fn check_token(token: &SecretString) -> Result<(), KubeconfigFault> {
    if fits_header(token) {
        return Ok(());
    }
    Err(bad(
        "--token",
        "it has characters, such as line ends, that no token has",
        "give the token alone, on one line",
    ))
}

fn check_server_name(name: &str) -> Result<(), KubeconfigFault> {
    match ServerName::try_from(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(bad(
            "--tls-server-name",
            format!("\"{name}\" is neither a host name nor an address"),
            "give a name that stands in the server's certificate, such as kubernetes.default",
        )),
    }
}

fn check_server(server: &str) -> Result<(), KubeconfigFault> {
    match parse_server(server) {
        Some(_) => Ok(()),
        None => Err(bad(
            "--server",
            format!("\"{}\" is not a URL", without_credentials(server)),
            "write it as --server https://HOST:PORT",
        )),
    }
}

/// The server's URL, if it is one that leads somewhere. client-go takes `host:port` for `http://host:port`.
pub(super) fn parse_server(given: &str) -> Option<http::Uri> {
    let has_host = |uri: &http::Uri| uri.host().is_some_and(|host| !host.is_empty());
    let is_known = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    server_url(given)
        .parse::<http::Uri>()
        .ok()
        .filter(|uri| is_known(uri) && has_host(uri) && has_sound_port(uri))
}

pub(super) fn server_url(given: &str) -> String {
    if given.contains("://") {
        given.to_owned()
    } else {
        format!("http://{given}")
    }
}

/// `http` takes any digits for a port; those that are none would end as the default port.
fn has_sound_port(uri: &http::Uri) -> bool {
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, rest)| rest);
    match place.rsplit_once(':') {
        Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => {
            port.parse::<u16>().is_ok()
        }
        _ => true,
    }
}

fn check_certificates(flag: &'static str, file: &Path) -> Result<(), KubeconfigFault> {
    let text = read(flag, file)?;
    let mut certificates = CertificateDer::pem_slice_iter(&text);
    match certificates.next() {
        Some(Ok(_)) if certificates.all(|certificate| certificate.is_ok()) => Ok(()),
        _ => Err(no_pem(flag, file, "certificate")),
    }
}

fn check_key(file: &Path) -> Result<(), KubeconfigFault> {
    const FLAG: &str = "--client-key";
    let text = read(FLAG, file)?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(_) => Ok(()),
        Err(_) => Err(no_pem(FLAG, file, "key")),
    }
}

fn read(flag: &'static str, file: &Path) -> Result<Vec<u8>, KubeconfigFault> {
    std::fs::read(file).map_err(|error| {
        let problem = format!("{} cannot be read: {error}", file.display());
        bad(flag, problem, look_at(file))
    })
}

fn no_pem(flag: &'static str, file: &Path, what: &str) -> KubeconfigFault {
    let problem = format!("{} holds no PEM {what}", file.display());
    bad(flag, problem, look_at(file))
}

fn look_at(file: &Path) -> String {
    format!("look at it: ls -l {}", shell_word(&file.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(options: &ConnectionOptions) -> Option<String> {
        check(options).err().map(|fault| fault.to_string())
    }

    fn of_server(server: &str) -> Option<String> {
        problem(&ConnectionOptions {
            server: Some(server.to_owned()),
            ..ConnectionOptions::default()
        })
    }

    #[test]
    fn servers_are_read_as_client_go_reads_them() {
        for server in [
            "https://a:6443",
            "a",
            "a:8080",
            "http://[::1]:1/base",
            "https://[::1]",
            "https://u:p@a",
        ] {
            assert_eq!(of_server(server), None, "{server}");
        }
        for server in [
            "not a url",
            "https://",
            "ftp://a",
            "https://a:99999",
            "https://a:x",
        ] {
            assert!(of_server(server).is_some(), "{server}");
        }
    }

    #[test]
    fn a_password_in_a_bad_server_is_not_shown() {
        let problem = of_server("https://ann:sesame@a b").unwrap();
        assert_eq!(
            problem,
            "--server cannot be used: \"https://a b\" is not a URL"
        );
    }

    #[test]
    fn names_and_tokens_are_judged_without_a_kubeconfig() {
        let options = |token: &str, name: &str| ConnectionOptions {
            token: Some(token.to_owned().into()),
            tls_server_name: Some(name.to_owned()),
            ..ConnectionOptions::default()
        };
        assert_eq!(problem(&options("t", "kubernetes.default")), None);
        assert_eq!(problem(&options("t", "10.0.0.1")), None);
        assert!(
            problem(&options("one\ntwo", "a"))
                .unwrap()
                .starts_with("--token ")
        );
        assert!(
            problem(&options("t", "a b"))
                .unwrap()
                .starts_with("--tls-server-name ")
        );
    }

    #[test]
    fn files_have_to_be_there_and_to_hold_what_they_are_named_for() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let options = |path: &Path| ConnectionOptions {
            certificate_authority: Some(path.to_owned()),
            ..ConnectionOptions::default()
        };
        let empty = problem(&options(file.path())).unwrap();
        assert!(empty.ends_with("holds no PEM certificate"), "{empty}");
        let missing = problem(&options(Path::new("/no/such/file"))).unwrap();
        assert!(
            missing.contains("/no/such/file cannot be read: No such file"),
            "{missing}"
        );
    }
}
