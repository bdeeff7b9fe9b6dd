//! Why no trusted connection came about: finds the one cause in the chain of errors of hyper, rustls and the system.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage};

use super::{
    failure::{Target, shell_word},
    proxy::Proxy,
};

#[derive(Clone, Debug)]
pub enum UnreachableCause {
    /// The host name has no address.
    UnknownHost { source: Arc<io::Error> },
    /// Nobody listens on that port.
    Refused { source: Arc<io::Error> },
    /// No connection within the limit, or no route.
    NoConnection {
        /// What ended the waiting, if anything was waited for.
        limit: Option<Duration>,
        detail: String,
    },
    /// The server's certificate, or the client's, is not accepted.
    Certificate(CertificateFault),
    /// The proxy on the way failed.
    Proxy {
        proxy: String,
        origin: &'static str,
        detail: String,
    },
    /// The server speaks HTTP where the URL says https.
    NeedsHttp,
    /// The server speaks TLS where the URL says http.
    NeedsHttps,
    /// Something answers, but it is no API server.
    NotKubernetes { answer: String },
    /// The connection broke in another way.
    Broken { detail: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// Signed by an authority that the kubeconfig (or the system) does not trust.
    UnknownAuthority,
    /// Ended at this time (seconds since 1970), if the verifier told.
    Expired {
        ended: Option<i64>,
    },
    NotYetValid {
        starts: Option<i64>,
    },
    /// The certificate is for these names and not for the one in use.
    WrongName {
        expected: String,
        presented: Vec<String>,
    },
    /// The server refused the client's certificate with this TLS alert.
    ClientRefused {
        alert: String,
    },
    /// Malformed, revoked or otherwise unusable.
    Invalid {
        detail: String,
    },
}

/// An address that cannot be looked up; wraps the resolver's error so that it can be told from others.
#[derive(Debug)]
pub(super) struct LookupError {
    source: Arc<io::Error>,
}

impl LookupError {
    pub(super) fn new(source: io::Error) -> Self {
        Self {
            source: Arc::new(source),
        }
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "look-up failed: {}", self.source)
    }
}

impl Error for LookupError {}

/// What went wrong between here and an https proxy, so that its TLS is not taken for the server's.
#[derive(Debug)]
pub(super) struct ProxyLegError(Box<dyn Error + Send + Sync>);

impl ProxyLegError {
    pub(super) fn new(source: Box<dyn Error + Send + Sync>) -> Self {
        Self(source)
    }
}

impl fmt::Display for ProxyLegError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no connection to the proxy: {}", self.0)
    }
}

impl Error for ProxyLegError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// Judges a connection error. `proxy` is the proxy that was to be used, `limit` the connect limit.
pub(super) fn judge_connection(
    error: &(dyn Error + 'static),
    proxy: Option<&Proxy>,
    limit: Duration,
) -> UnreachableCause {
    let broken_tls = find::<TlsError>(error).map(judge_tls);
    let before_proxy = find::<ProxyLegError>(error).is_some();
    match (proxy, broken_tls) {
        (Some(proxy), Some(cause)) if before_proxy => {
            return at_proxy(proxy, cause.words(&proxy.shown()));
        }
        (_, Some(cause)) => return cause,
        (Some(proxy), None) => return at_proxy(proxy, innermost(error)),
        (None, None) => {}
    }
    if let Some(lookup) = find::<LookupError>(error) {
        return UnreachableCause::UnknownHost {
            source: Arc::clone(&lookup.source),
        };
    }
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => UnreachableCause::Refused {
            source: Arc::new(io::ErrorKind::ConnectionRefused.into()),
        },
        Some(io::ErrorKind::TimedOut) => UnreachableCause::NoConnection {
            limit: Some(limit),
            detail: innermost(error),
        },
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            UnreachableCause::NoConnection {
                limit: None,
                detail: innermost(error),
            }
        }
        _ => UnreachableCause::Broken {
            detail: innermost(error),
        },
    }
}

fn at_proxy(proxy: &Proxy, detail: String) -> UnreachableCause {
    UnreachableCause::Proxy {
        proxy: proxy.shown(),
        origin: proxy.origin(),
        detail,
    }
}

fn judge_tls(problem: &TlsError) -> UnreachableCause {
    match problem {
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => UnreachableCause::NeedsHttp,
        TlsError::InvalidCertificate(problem) => {
            UnreachableCause::Certificate(judge_certificate(problem))
        }
        TlsError::AlertReceived(alert) if speaks_of_certificate(*alert) => {
            UnreachableCause::Certificate(CertificateFault::ClientRefused {
                alert: format!("{alert:?}"),
            })
        }
        other => UnreachableCause::Broken {
            detail: other.to_string(),
        },
    }
}

/// The alerts with which a server turns a client's certificate down; others speak of the protocol.
fn speaks_of_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

fn judge_certificate(problem: &CertificateError) -> CertificateFault {
    let seconds = |time: &rustls::pki_types::UnixTime| i64::try_from(time.as_secs()).ok();
    match problem {
        CertificateError::UnknownIssuer => CertificateFault::UnknownAuthority,
        CertificateError::Expired => CertificateFault::Expired { ended: None },
        CertificateError::ExpiredContext { not_after, .. } => CertificateFault::Expired {
            ended: seconds(not_after),
        },
        CertificateError::NotValidYet => CertificateFault::NotYetValid { starts: None },
        CertificateError::NotValidYetContext { not_before, .. } => CertificateFault::NotYetValid {
            starts: seconds(not_before),
        },
        CertificateError::NotValidForName => CertificateFault::WrongName {
            expected: String::new(),
            presented: Vec::new(),
        },
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => CertificateFault::WrongName {
            expected: expected.to_str().into_owned(),
            presented: presented.iter().map(|name| plain_name(name)).collect(),
        },
        // A leaf that is its own authority, or an authority served as a leaf: webpki calls it so, Go accepts it.
        other => CertificateFault::Invalid {
            detail: other.to_string(),
        },
    }
}

/// The verifier names a certificate's names as `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn plain_name(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// The first error of type `E` in the chain. `io::Error` hides its inner error from `source`, so it is opened too.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| find::<E>(inner)) {
            return Some(found);
        }
        next = current.source();
    }
    None
}

/// The text of the last error in the chain: the system's or the library's own word.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

impl UnreachableCause {
    pub(super) fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::UnknownHost { source } => Some(source.as_ref()),
            _ => None,
        }
    }

    pub(super) fn words(&self, server: &str) -> String {
        match self {
            Self::UnknownHost { .. } => format!("the host name in {server} has no address"),
            Self::Refused { .. } => format!("nothing listens at {server} (connection refused)"),
            Self::NoConnection { limit, detail } => {
                let within = limit.map_or(String::new(), |limit| {
                    format!(" within {} s", limit.as_secs_f64())
                });
                format!("no connection to {server}{within} ({detail})")
            }
            Self::Certificate(fault) => fault.words(server),
            Self::Proxy {
                proxy,
                origin,
                detail,
            } => {
                format!("the proxy {proxy} (from {origin}) gives no way to {server}: {detail}")
            }
            Self::NeedsHttp => {
                format!("{server} does not speak TLS, yet its URL begins with https://")
            }
            Self::NeedsHttps => format!("{server} speaks TLS, yet its URL begins with http://"),
            Self::NotKubernetes { answer } => {
                format!("{server} is not a Kubernetes API server; it answered: {answer}")
            }
            Self::Broken { detail } => format!("the connection to {server} broke: {detail}"),
        }
    }

    pub(super) fn hint(&self, target: &Target) -> String {
        let set_server = |url: &str| {
            format!(
                "{} set-cluster {} --server={url}",
                target.kubectl_config(),
                cluster_word(target)
            )
        };
        match self {
            Self::UnknownHost { .. } => {
                format!(
                    "check the name, your DNS and VPN; the address is set by: {}",
                    set_server("https://HOST:PORT")
                )
            }
            Self::Refused { .. } => format!(
                "is the cluster running, and is this its address? another context: {} use-context NAME; another address: {}",
                target.kubectl_config(),
                set_server("https://HOST:PORT")
            ),
            Self::NoConnection { .. } => format!(
                "a firewall, a VPN that is off, or a private address; compare with: {} cluster-info",
                target.kubectl()
            ),
            Self::Certificate(fault) => fault.hint(target),
            Self::Proxy { origin, .. } => proxy_hint(origin, target),
            Self::NeedsHttp => format!(
                "is this the API server's port? if so, correct the URL: {}",
                set_server(&target.server.replacen("https://", "http://", 1))
            ),
            Self::NeedsHttps => format!(
                "correct the URL: {}",
                set_server(&target.server.replacen("http://", "https://", 1))
            ),
            Self::NotKubernetes { .. } => format!(
                "a login page or another service has this address; set the API server's: {}",
                set_server("https://HOST:PORT")
            ),
            Self::Broken { .. } => format!(
                "try again, then compare with: {} get --raw /readyz",
                target.kubectl()
            ),
        }
    }
}

fn proxy_hint(origin: &str, target: &Target) -> String {
    if origin == Proxy::KUBECONFIG {
        return format!(
            "correct it with: {} set clusters.{}.proxy-url URL",
            target.kubectl_config(),
            cluster_word(target)
        );
    }
    let host = target
        .server
        .parse::<http::Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned))
        .unwrap_or_default();
    format!("go around the proxy with: export NO_PROXY={host}")
}

impl CertificateFault {
    fn words(&self, server: &str) -> String {
        match self {
            Self::UnknownAuthority => {
                format!(
                    "the certificate of {server} is signed by an authority that is not trusted here"
                )
            }
            Self::Expired { ended } => format!("the certificate of {server} expired{}", at(*ended)),
            Self::NotYetValid { starts } => format!(
                "the certificate of {server} is not valid yet{}",
                at(*starts)
            ),
            Self::WrongName {
                expected,
                presented,
            } => format!(
                "the certificate of {server} is not for \"{expected}\", but for {}",
                if presented.is_empty() {
                    "no name".to_owned()
                } else {
                    presented.join(", ")
                }
            ),
            Self::ClientRefused { alert } => {
                format!("{server} refused the TLS connection: {alert}")
            }
            Self::Invalid { detail } => {
                format!("the certificate of {server} cannot be used: {detail}")
            }
        }
    }

    fn hint(&self, target: &Target) -> String {
        let (config, cluster) = (target.kubectl_config(), cluster_word(target));
        match self {
            Self::UnknownAuthority => format!(
                "is this the right cluster? then set its authority: {config} set-cluster {cluster} --certificate-authority=FILE --embed-certs"
            ),
            Self::Expired { .. } => {
                "renew it on the control plane, e.g.: kubeadm certs renew apiserver".to_owned()
            }
            Self::NotYetValid { .. } => "check this machine's clock: date -u".to_owned(),
            Self::WrongName { .. } => format!(
                "use one of these names in the URL, or: {config} set-cluster {cluster} --tls-server-name=NAME"
            ),
            Self::ClientRefused { .. } => format!(
                "the client certificate is missing, expired or of another authority; look at user \"{}\": {} config view --minify",
                target.user,
                target.kubectl()
            ),
            Self::Invalid { .. } => {
                format!("look at it: {} get --raw /livez --v=8", target.kubectl())
            }
        }
    }
}

fn cluster_word(target: &Target) -> String {
    if target.cluster.is_empty() {
        "NAME".to_owned()
    } else {
        shell_word(&target.cluster)
    }
}

fn at(seconds: Option<i64>) -> String {
    seconds
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or(String::new(), |time| format!(" ({time})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As hyper hands it on: the real error inside an `io::Error` inside another.
    fn wrapped(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
        io::Error::other(io::Error::other(error))
    }

    fn target() -> Target {
        Target {
            context: "c".to_owned(),
            cluster: "one".to_owned(),
            user: "ann".to_owned(),
            server: "https://one:6443".to_owned(),
            ..Target::default()
        }
    }

    fn sentence(error: &(dyn Error + 'static)) -> (String, String) {
        let cause = judge_connection(error, None, Duration::from_secs(10));
        (cause.words("https://one:6443"), cause.hint(&target()))
    }

    #[test]
    fn the_cause_is_found_however_deep_it_lies() {
        let refused = wrapped(io::Error::from(io::ErrorKind::ConnectionRefused));
        // The outermost `io::Error` has another kind; what counts is that nobody listens.
        assert!(matches!(
            judge_connection(
                &io::Error::from(io::ErrorKind::ConnectionRefused),
                None,
                Duration::ZERO
            ),
            UnreachableCause::Refused { .. }
        ));
        assert!(find::<io::Error>(&refused).is_some());
        let tls = wrapped(TlsError::InvalidCertificate(
            CertificateError::UnknownIssuer,
        ));
        assert_eq!(
            sentence(&tls).0,
            "the certificate of https://one:6443 is signed by an authority that is not trusted here"
        );
    }

    #[test]
    fn a_name_that_has_no_address_is_told_from_other_failures() {
        let lookup = wrapped(LookupError::new(io::Error::other(
            "Name or service not known",
        )));
        let (words, hint) = sentence(&lookup);
        assert_eq!(words, "the host name in https://one:6443 has no address");
        assert!(hint.contains("kubectl config set-cluster one --server="));
    }

    #[test]
    fn certificates_say_since_when_and_for_whom() {
        let at =
            |seconds| rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = TlsError::InvalidCertificate(CertificateError::ExpiredContext {
            time: at(9),
            not_after: at(0),
        });
        assert_eq!(
            sentence(&wrapped(expired)).0,
            "the certificate of https://one:6443 expired (1970-01-01T00:00:00Z)"
        );
        let name = TlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected: "two".try_into().unwrap(),
            presented: vec![
                "DnsName(\"localhost\")".to_owned(),
                "IpAddress(127.0.0.1)".to_owned(),
            ],
        });
        assert_eq!(
            sentence(&wrapped(name)).0,
            "the certificate of https://one:6443 is not for \"two\", but for localhost, 127.0.0.1"
        );
    }

    #[test]
    fn tls_and_plain_http_are_told_apart() {
        let plain = wrapped(TlsError::InvalidMessage(InvalidMessage::InvalidContentType));
        let (words, hint) = sentence(&plain);
        assert_eq!(
            words,
            "https://one:6443 does not speak TLS, yet its URL begins with https://"
        );
        assert_eq!(
            hint,
            "is this the API server's port? if so, correct the URL: kubectl config set-cluster one --server=http://one:6443"
        );
    }

    #[test]
    fn what_the_server_holds_against_the_client_names_the_user() {
        let alert = wrapped(TlsError::AlertReceived(
            rustls::AlertDescription::CertificateExpired,
        ));
        let (words, hint) = sentence(&alert);
        assert_eq!(
            words,
            "https://one:6443 refused the TLS connection: CertificateExpired"
        );
        assert!(hint.contains("user \"ann\""));
    }
}
