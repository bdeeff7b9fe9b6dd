//! What somebody else needs to reach the same server: address, authority, name and proxy, taken as one from where this
//! connection has them. An address with the authority of another place is the usual reason why certificates fail.

use std::path::PathBuf;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::Config;

use super::{connect::shown_server, proxy::without_credentials};

/// Characters a line of PEM.
const PEM_LINE: usize = 64;

/// Whether this connection looks at the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateCheck {
    On,
    Off,
}

/// Whether the proxy's URL had a user's name or password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyLogin {
    None,
    LeftOut,
}

/// The way to a server, without any credential: also those are left out that stand in URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEntry {
    pub server: String,
    /// PEM; none where the system's authorities are trusted.
    pub authority: Option<String>,
    pub tls_server_name: Option<String>,
    /// The kubeconfig's; proxies of the environment are this machine's own.
    pub proxy_url: Option<String>,
    pub proxy_login: ProxyLogin,
    pub check: CertificateCheck,
    /// The files that the connection was read from; none in a pod.
    pub kubeconfig: Vec<PathBuf>,
}

impl ServerEntry {
    pub(super) fn new(config: &Config, proxy_url: Option<&str>, kubeconfig: Vec<PathBuf>) -> Self {
        let check = if config.accept_invalid_certs {
            CertificateCheck::Off
        } else {
            CertificateCheck::On
        };
        let proxy = proxy_url.map(without_credentials);
        Self {
            server: shown_server(&config.cluster_url.to_string()),
            authority: config.root_cert.as_deref().map(pem),
            tls_server_name: config.tls_server_name.clone(),
            proxy_login: if proxy.as_deref() == proxy_url {
                ProxyLogin::None
            } else {
                ProxyLogin::LeftOut
            },
            proxy_url: proxy,
            check,
            kubeconfig,
        }
    }

    /// The authority as kubeconfigs and variables carry it.
    pub fn authority_data(&self) -> Option<String> {
        let authority = self.authority.as_ref()?;
        Some(BASE64_STANDARD.encode(authority))
    }
}

fn pem(certificates: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for (at, letter) in BASE64_STANDARD.encode(certificate).chars().enumerate() {
            if at > 0 && at % PEM_LINE == 0 {
                text.push('\n');
            }
            text.push(letter);
        }
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logins_that_stand_in_urls_are_left_out() {
        let config = Config::new("https://jane:sesame@host:6443/base/".parse().unwrap());
        let entry = ServerEntry::new(&config, Some("http://jane:sesame@proxy:3128"), Vec::new());
        assert_eq!(entry.server, "https://host:6443/base");
        assert_eq!(entry.proxy_url.as_deref(), Some("http://proxy:3128"));
        assert_eq!(entry.proxy_login, ProxyLogin::LeftOut);
        let entry = ServerEntry::new(&config, Some("http://proxy:3128"), Vec::new());
        assert_eq!(entry.proxy_login, ProxyLogin::None);
    }

    #[test]
    fn certificates_are_written_as_openssl_writes_them() {
        let text = pem(&[vec![0; 50], vec![1]]);
        assert_eq!(
            text,
            format!(
                "-----BEGIN CERTIFICATE-----\n{}\nAAA=\n-----END CERTIFICATE-----\n\
                 -----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----\n",
                "A".repeat(64)
            )
        );
    }
}
