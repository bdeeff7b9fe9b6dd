//! The certificates of a bed: one authority, from which any process that can read the bed's folder issues more.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::error::Error;
use crate::folder::write_whole;

/// In a bed's folder.
pub(crate) const PKI_FOLDER: &str = "pki";
const AUTHORITY_NAME: &str = "kubectl-trainer-testbed";
const WHAT: &str = "making a certificate";
/// Every name and address under which the API server is reached.
const SERVER_NAMES: [&str; 8] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    "10.96.0.1",
    "10.10.0.1",
];

/// The folder with the authority and everything that it issued, as `NAME.crt` and `NAME.key`.
#[derive(Clone, Debug)]
pub(crate) struct Pki {
    folder: PathBuf,
}

/// Whom a certificate names.
pub(crate) struct Subject<'a> {
    pub(crate) common_name: &'a str,
    /// One at most: `rcgen` writes each kind of name once.
    pub(crate) organizations: &'a [&'a str],
}

impl Pki {
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes the authority, the API server's certificates and the key of the service account tokens.
    pub(crate) fn create(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(Error::file("make", &self.folder))?;
        let key = KeyPair::generate().map_err(Error::command(WHAT))?;
        let certificate = authority()
            .self_signed(&key)
            .map_err(Error::command(WHAT))?;
        self.write("ca", &certificate.pem(), &key)?;
        let server = subject("kube-apiserver", &[]);
        self.issue("apiserver", &server, &SERVER_NAMES.map(str::to_owned))?;
        self.issue(
            "kubelet-client",
            &subject("apiserver-kubelet-client", &["system:masters"]),
            &[],
        )?;
        self.issue("front-proxy", &subject("front-proxy-client", &[]), &[])?;
        let tokens = KeyPair::generate().map_err(Error::command(WHAT))?;
        write_whole(
            &self.key("service-accounts"),
            tokens.serialize_pem().as_bytes(),
        )?;
        write_whole(
            &self.folder.join("service-accounts.pub"),
            tokens.public_key_pem().as_bytes(),
        )
    }

    /// Issues `NAME.crt` and `NAME.key`, good for client and server alike.
    pub(crate) fn issue(
        &self,
        name: &str,
        subject: &Subject<'_>,
        addresses: &[String],
    ) -> Result<(), Error> {
        let path = self.key("ca");
        let pem = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let authority_key = KeyPair::from_pem(&pem).map_err(Error::command(WHAT))?;
        let issuer = Issuer::new(authority(), authority_key);
        let mut request =
            CertificateParams::new(addresses.to_vec()).map_err(Error::command(WHAT))?;
        request.distinguished_name = rcgen::DistinguishedName::new();
        request
            .distinguished_name
            .push(DnType::CommonName, subject.common_name);
        match subject.organizations {
            [] => {}
            [one] => request
                .distinguished_name
                .push(DnType::OrganizationName, *one),
            [..] => return Err(too_many_groups(subject.common_name)),
        }
        request.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        request.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        let key = KeyPair::generate().map_err(Error::command(WHAT))?;
        let certificate = request
            .signed_by(&key, &issuer)
            .map_err(Error::command(WHAT))?;
        self.write(name, &certificate.pem(), &key)
    }

    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.crt"))
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// The public half of the key that signs service account tokens.
    pub(crate) fn token_verifier(&self) -> PathBuf {
        self.folder.join("service-accounts.pub")
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> Result<(), Error> {
        write_whole(&self.key(name), key.serialize_pem().as_bytes())?;
        write_whole(&self.certificate(name), certificate.as_bytes())
    }
}

pub(crate) fn subject<'a>(common_name: &'a str, organizations: &'a [&'a str]) -> Subject<'a> {
    Subject {
        common_name,
        organizations,
    }
}

fn too_many_groups(user: &str) -> Error {
    Error::Command {
        what: format!("making a certificate for {user}"),
        output: "it can name one group only; use a service account with rules instead".to_owned(),
    }
}

/// The authority is the same each time but for its key, so that the key alone is enough to issue more.
fn authority() -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = rcgen::DistinguishedName::new();
    authority
        .distinguished_name
        .push(DnType::CommonName, AUTHORITY_NAME);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    authority
}
