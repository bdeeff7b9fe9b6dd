//! Who a client is by its certificate, in the words of an authenticating proxy.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::tls::ClientCertificates;

/// Every header with this beginning is the proxy's to set, so a client's are taken away.
const HEADER_PREFIX: &str = "x-remote-";
const USER: HeaderName = HeaderName::from_static("x-remote-user");
const GROUP: HeaderName = HeaderName::from_static("x-remote-group");
/// Where the API server itself notes which certificate it saw; the slash is escaped.
const CREDENTIAL: HeaderName =
    HeaderName::from_static("x-remote-extra-authentication.kubernetes.io%2fcredential-id");

/// What a client's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientIdentity {
    /// No certificate was shown, or one without a name.
    Unnamed,
    /// The bed's authority vouches for this user.
    Named {
        user: String,
        groups: Vec<String>,
        credential: String,
    },
    /// Nobody vouches for the certificate.
    Untrusted,
}

/// Which connection to the API server a client's requests take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdentityKind {
    /// With the proxy's certificate: the API server believes the headers.
    Vouched,
    /// Without any certificate: only a token counts.
    Bare,
}

impl ClientIdentity {
    /// Reads the chain that a client showed, its own certificate first.
    pub(super) fn of(
        chain: Option<&[CertificateDer<'_>]>,
        certificates: &ClientCertificates,
    ) -> ClientIdentity {
        let Some(chain @ [own, ..]) = chain else {
            return ClientIdentity::Unnamed;
        };
        if !certificates.is_trusted(chain) {
            return ClientIdentity::Untrusted;
        }
        named(own).unwrap_or(ClientIdentity::Unnamed)
    }

    pub(super) fn kind(&self) -> IdentityKind {
        match self {
            ClientIdentity::Named { .. } => IdentityKind::Vouched,
            ClientIdentity::Unnamed | ClientIdentity::Untrusted => IdentityKind::Bare,
        }
    }

    /// Replaces what a client says about itself by what its certificate says.
    pub(super) fn write_headers(&self, headers: &mut HeaderMap) {
        let claimed: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with(HEADER_PREFIX))
            .cloned()
            .collect();
        for name in claimed {
            headers.remove(name);
        }
        let ClientIdentity::Named {
            user,
            groups,
            credential,
        } = self
        else {
            return;
        };
        let values = [(USER, user), (CREDENTIAL, credential)]
            .into_iter()
            .chain(groups.iter().map(|group| (GROUP, group)));
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.append(name, value);
            }
        }
    }
}

/// User and groups as the API server reads them: common name and organizations.
fn named(certificate: &CertificateDer<'_>) -> Option<ClientIdentity> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let subject = parsed.subject();
    let user = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let groups = subject
        .iter_organization()
        .filter_map(|group| Some(group.as_str().ok()?.to_owned()))
        .collect();
    let mut credential = "X509SHA256=".to_owned();
    for byte in Sha256::digest(certificate) {
        // Writing to a String cannot fail.
        let _ = write!(credential, "{byte:02x}");
    }
    Some(ClientIdentity::Named {
        user,
        groups,
        credential,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::ClientIdentity;

    #[test]
    fn what_a_client_claims_about_itself_is_taken_away() {
        let claimed = || {
            let mut headers = HeaderMap::new();
            for name in [
                "x-remote-user",
                "x-remote-group",
                "x-remote-extra-scopes",
                "x-remote-uid",
                "impersonate-user",
            ] {
                headers.append(name, "system:admin".parse().unwrap());
            }
            headers
        };
        let mut bare = claimed();
        ClientIdentity::Unnamed.write_headers(&mut bare);
        assert_eq!(
            bare.keys()
                .map(http::HeaderName::as_str)
                .collect::<Vec<_>>(),
            ["impersonate-user"]
        );

        let mut named = claimed();
        let groups = vec!["one".to_owned(), "two".to_owned()];
        let (user, credential) = ("jane".to_owned(), "X509SHA256=00".to_owned());
        ClientIdentity::Named {
            user,
            groups,
            credential,
        }
        .write_headers(&mut named);
        assert_eq!(
            named.get_all("x-remote-user").iter().collect::<Vec<_>>(),
            ["jane"]
        );
        assert_eq!(
            named.get_all("x-remote-group").iter().collect::<Vec<_>>(),
            ["one", "two"]
        );
    }
}
