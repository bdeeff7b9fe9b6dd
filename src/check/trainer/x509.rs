//! Reads PEM certificates: names, times, and whether one signed another. Pure; it trusts nothing and nobody.

use jiff::Timestamp;
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    pem::Pem,
    prelude::{FromDer as _, ParsedExtension},
};

/// A serving certificate, next to the authority that should have signed it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// DNS names of the extension; the subject's common name no longer counts.
    pub(super) names: Vec<String>,
    pub(super) starts: Timestamp,
    pub(super) ends: Timestamp,
    pub(super) issued_by_authority: Issued,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issued {
    ByTheAuthority,
    ByAnother,
}

/// Which of the two certificates cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Leaf,
    Authority,
}

impl Unreadable {
    /// The key of the Secret that holds it.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Leaf => "tls.crt",
            Self::Authority => "ca.crt",
        }
    }
}

impl Leaf {
    /// The first certificate of `certificate`, judged by any of `authority`; both PEM.
    pub(super) fn parse(certificate: &[u8], authority: &[u8]) -> Result<Self, Unreadable> {
        let chain = parse_pem(certificate);
        let leaf = chain
            .first()
            .and_then(|der| parse_der(der))
            .ok_or(Unreadable::Leaf)?;
        let authorities = parse_pem(authority);
        let authorities: Vec<_> = authorities
            .iter()
            .filter_map(|der| parse_der(der))
            .collect();
        if authorities.is_empty() {
            return Err(Unreadable::Authority);
        }
        let signed = authorities
            .iter()
            .any(|authority| leaf.verify_signature(Some(authority.public_key())).is_ok());
        let time = |seconds| Timestamp::from_second(seconds).map_err(|_| Unreadable::Leaf);
        Ok(Self {
            names: dns_names(&leaf),
            starts: time(leaf.validity().not_before.timestamp())?,
            ends: time(leaf.validity().not_after.timestamp())?,
            issued_by_authority: if signed {
                Issued::ByTheAuthority
            } else {
                Issued::ByAnother
            },
        })
    }
}

/// The certificates of a PEM text as DER; text that is none is left out.
pub(super) fn parse_pem(text: &[u8]) -> Vec<Vec<u8>> {
    let blocks = Pem::iter_from_buffer(text).filter_map(Result::ok);
    blocks
        .filter(|block| block.label == "CERTIFICATE")
        .map(|block| block.contents)
        .collect()
}

fn parse_der(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der)
        .ok()
        .map(|(_, certificate)| certificate)
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.extensions().iter().filter_map(|extension| {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        }
    });
    names
        .flatten()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}
