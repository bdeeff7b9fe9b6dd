//! The proxy's TLS, to both sides.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};

use super::{ApiProxyError, KeyPair};

pub(super) const HTTP1: &[u8] = b"http/1.1";
pub(super) const HTTP2: &[u8] = b"h2";

/// Asks every client for a certificate, and lets any in: like the API server, the proxy says no by an answer.
#[derive(Debug)]
pub(super) struct ClientCertificates {
    strict: Arc<dyn ClientCertVerifier>,
}

impl ClientCertificates {
    /// Whether the bed's authority vouches for the chain, which begins with the client's own certificate.
    pub(super) fn is_trusted(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((own, intermediates)) = chain.split_first() else {
            return false;
        };
        self.strict
            .verify_client_cert(own, intermediates, UnixTime::now())
            .is_ok()
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.strict.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}

/// The judge of clients' certificates by the authority in the file `ca`.
pub(super) fn client_certificates(ca: &Path) -> Result<Arc<ClientCertificates>, ApiProxyError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let strict = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider)
        .build()
        .map_err(|error| pem_error(ca, &error))?;
    Ok(Arc::new(ClientCertificates { strict }))
}

/// What clients meet.
pub(super) fn server_config(
    serving: &KeyPair,
    certificates: &Arc<ClientCertificates>,
) -> Result<Arc<ServerConfig>, ApiProxyError> {
    let verifier: Arc<dyn ClientCertVerifier> = Arc::<ClientCertificates>::clone(certificates);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            certificate_chain(&serving.certificate)?,
            private_key(&serving.key)?,
        )?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(Arc::new(config))
}

/// What an API server meets at a kubelet of the bed; nobody has to show a certificate.
pub(crate) fn open_server_config(serving: &KeyPair) -> Result<Arc<ServerConfig>, ApiProxyError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            certificate_chain(&serving.certificate)?,
            private_key(&serving.key)?,
        )?;
    config.alpn_protocols = vec![HTTP1.to_vec()];
    Ok(Arc::new(config))
}

/// What the API server meets, with or without a certificate.
pub(super) fn client_config(
    ca: &Path,
    shown: Option<&KeyPair>,
) -> Result<ClientConfig, ApiProxyError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(ca)?);
    let Some(shown) = shown else {
        return Ok(builder.with_no_client_auth());
    };
    Ok(builder.with_client_auth_cert(
        certificate_chain(&shown.certificate)?,
        private_key(&shown.key)?,
    )?)
}

fn roots(ca: &Path) -> Result<RootCertStore, ApiProxyError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificate_chain(ca)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificate_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, ApiProxyError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| pem_error(path, &error))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ApiProxyError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| pem_error(path, &error))
}

fn pem_error(path: &Path, error: &dyn std::fmt::Display) -> ApiProxyError {
    ApiProxyError::Pem {
        path: path.to_path_buf(),
        reason: error.to_string(),
    }
}
