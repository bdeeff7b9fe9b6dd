//! A certificate authority in a folder of its own.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;
use testbed::api_proxy;

pub(crate) struct Authority {
    pub(crate) folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// An authority whose certificate is `ca.crt` in its folder.
    pub(crate) fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let mut params = named("authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.crt"), certificate.pem()).unwrap();
        Authority {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn issue(&self, user: &str, groups: &[&str]) -> api_proxy::KeyPair {
        let key = KeyPair::generate().unwrap();
        let certificate = named(user, groups).signed_by(&key, &self.issuer).unwrap();
        let files = api_proxy::KeyPair {
            certificate: self.folder.path().join(format!("{user}.crt")),
            key: self.folder.path().join(format!("{user}.key")),
        };
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

fn named(user: &str, groups: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    // A distinguished name keeps one value a key, so a second organization goes in by its number.
    let keys = [
        DnType::OrganizationName,
        DnType::CustomDnType(vec![2, 5, 4, 10]),
    ];
    for (key, group) in keys.into_iter().zip(groups) {
        params.distinguished_name.push(key, *group);
    }
    params
}
