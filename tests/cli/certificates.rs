//! Client certificates that a bed's API server knows, made as a test needs them.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair, SigningKey, date_time_ymd};

/// The authority of a bed.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The issuer keeps its own to itself.
    key: KeyPair,
}

/// When a certificate is valid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    Now,
    LongAgo,
}

/// PEM certificate and PEM key.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    /// Reads `ca.crt` and `ca.key`.
    pub(crate) fn read(folder: &Path) -> Self {
        let key =
            || KeyPair::from_pem(&fs::read_to_string(folder.join("ca.key")).unwrap()).unwrap();
        let certificate = fs::read_to_string(folder.join("ca.crt")).unwrap();
        Self {
            issuer: Issuer::from_ca_cert_pem(&certificate, key()).unwrap(),
            key: key(),
        }
    }

    /// A client certificate (X.509 v3) for a user.
    pub(crate) fn identity(&self, user: &str, validity: Validity) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters(user, validity)
            .signed_by(&key, &self.issuer)
            .unwrap();
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// The same as X.509 v1, which has no extensions; some distributions of Kubernetes hand these out.
    pub(crate) fn identity_v1(&self, user: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let modern = parameters(user, Validity::Now)
            .signed_by(&key, &self.issuer)
            .unwrap();
        let mut fields = children(value(modern.der()));
        let (body, algorithm) = (fields[0].to_vec(), fields[1].to_vec());
        fields = children(value(&body));
        // Without the version and the extensions, which are tagged 0 and 3, it is version 1.
        let kept: Vec<u8> = fields
            .into_iter()
            .filter(|field| !matches!(field[0], 0xa0 | 0xa3))
            .flatten()
            .copied()
            .collect();
        let body = encode(0x30, &kept);
        let signature = [vec![0], self.key.sign(&body).unwrap()].concat();
        let certificate = encode(0x30, &[body, algorithm, encode(0x03, &signature)].concat());
        Identity {
            certificate: pem(&certificate),
            key: key.serialize_pem(),
        }
    }
}

fn parameters(user: &str, validity: Validity) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, user);
    parameters
        .distinguished_name
        .push(DnType::OrganizationName, "system:masters");
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = if validity == Validity::Now {
        date_time_ymd(2120, 1, 1)
    } else {
        date_time_ymd(2021, 1, 1)
    };
    parameters
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// Length of the header, and of the value behind it, of a DER element.
fn header(element: &[u8]) -> (usize, usize) {
    match element[1] {
        short @ 0..=127 => (2, short.into()),
        long => {
            let digits = usize::from(long & 0x7f);
            let length = element[2..2 + digits]
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (2 + digits, length)
        }
    }
}

fn value(element: &[u8]) -> &[u8] {
    let (start, length) = header(element);
    &element[start..start + length]
}

fn children(mut value: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !value.is_empty() {
        let (start, length) = header(value);
        let (child, rest) = value.split_at(start + length);
        found.push(child);
        value = rest;
    }
    found
}

fn encode(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match u16::try_from(value.len()).unwrap().to_be_bytes() {
        [0, short @ 0..=127] => vec![short],
        [0, long] => vec![0x81, long],
        [high, low] => vec![0x82, high, low],
    };
    [vec![tag], length, value.to_vec()].concat()
}
