//! Which proxy, if any, lies between here and the API server: `proxy-url` of the kubeconfig, else the environment.
//! The rules are Go's: a loopback address is never proxied because of the environment.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

/// A proxy to use.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    /// Scheme, host and port, without user and password.
    pub(super) uri: Uri,
    pub(super) basic_auth: Option<HeaderValue>,
    /// User and password for SOCKS.
    pub(super) raw_auth: Option<(String, String)>,
    origin: &'static str,
}

/// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; upper case wins over lower case, as in Go.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxyEnvironment {
    pub(super) https: String,
    pub(super) http: String,
    pub(super) bypass: String,
}

impl Proxy {
    pub(super) const KUBECONFIG: &'static str = "proxy-url of the kubeconfig";
    const ENVIRONMENT: &'static str = "the environment";

    /// The address as it may be shown: without credentials.
    pub(super) fn shown(&self) -> String {
        self.uri.to_string().trim_end_matches('/').to_owned()
    }

    pub(super) fn origin(&self) -> &'static str {
        self.origin
    }
}

/// Chooses the proxy for `server`. An unusable `proxy-url` gives `Err` with the reason.
pub(super) fn choose(
    server: &Uri,
    configured: Option<&str>,
    environment: &ProxyEnvironment,
) -> Result<Option<Proxy>, String> {
    if let Some(url) = configured.filter(|url| !url.is_empty()) {
        let known = ["http://", "https://", "socks5://", "socks5h://"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(format!(
                "proxy-url \"{}\" must begin with http://, https:// or socks5://",
                without_credentials(url)
            ));
        }
        let matcher = Matcher::builder().all(url.to_owned()).build();
        let proxy = intercept(&matcher, server, Proxy::KUBECONFIG);
        return proxy
            .map(Some)
            .ok_or_else(|| format!("proxy-url \"{}\" is not a URL", without_credentials(url)));
    }
    if is_loopback(server.host().unwrap_or_default()) {
        return Ok(None);
    }
    let matcher = Matcher::builder()
        .https(environment.https.clone())
        .http(environment.http.clone())
        .no(without_ports(&environment.bypass, server.port_u16()))
        .build();
    Ok(intercept(&matcher, server, Proxy::ENVIRONMENT))
}

/// A URL as it may be shown. What stands before its last `@` may be a user name and a password, which may hold any
/// character: rather too much is removed than too little.
pub(super) fn without_credentials(url: &str) -> String {
    let start = url.find("://").map_or(0, |position| position + 3);
    let (scheme, rest) = url.split_at(start);
    match rest.rsplit_once('@') {
        Some((_, shown)) => format!("{scheme}{shown}"),
        None => url.to_owned(),
    }
}

fn intercept(matcher: &Matcher, server: &Uri, origin: &'static str) -> Option<Proxy> {
    let found = matcher.intercept(server)?;
    Some(Proxy {
        uri: found.uri().clone(),
        basic_auth: found.basic_auth().cloned(),
        raw_auth: found
            .raw_auth()
            .map(|(user, password)| (user.to_owned(), password.to_owned())),
        origin,
    })
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Go lets an entry of `NO_PROXY` name a port; the matcher does not. Keeps the entries that speak of this port.
fn without_ports(no_proxy: &str, port: Option<u16>) -> String {
    let keep = |entry: &str| match entry.rsplit_once(':') {
        Some((host, digits)) if !host.contains(':') && digits.parse::<u16>().is_ok() => {
            (digits.parse::<u16>().ok() == port).then(|| host.to_owned())
        }
        _ => Some(entry.to_owned()),
    };
    no_proxy
        .split(',')
        .map(str::trim)
        .filter_map(keep)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(no_proxy: &str) -> ProxyEnvironment {
        ProxyEnvironment {
            https: "http://proxy.example:3128".to_owned(),
            http: String::new(),
            bypass: no_proxy.to_owned(),
        }
    }

    fn chosen(server: &str, configured: Option<&str>, no_proxy: &str) -> Option<String> {
        choose(&server.parse().unwrap(), configured, &environment(no_proxy))
            .unwrap()
            .map(|proxy| proxy.shown())
    }

    #[test]
    fn the_environment_gives_a_proxy_to_https_servers_only() {
        assert_eq!(
            chosen("https://api.example:6443", None, "").as_deref(),
            Some("http://proxy.example:3128")
        );
        assert_eq!(chosen("http://api.example:8080", None, ""), None);
    }

    #[test]
    fn loopback_is_never_proxied_because_of_the_environment() {
        for server in [
            "https://127.0.0.1:6443",
            "https://localhost:6443",
            "https://[::1]:6443",
        ] {
            assert_eq!(chosen(server, None, ""), None, "{server}");
        }
    }

    #[test]
    fn no_proxy_speaks_of_the_server_and_may_name_its_port() {
        assert_eq!(
            chosen("https://api.example:6443", None, "other, .example,"),
            None
        );
        assert_eq!(
            chosen("https://api.example:6443", None, "api.example:6443"),
            None
        );
        assert!(chosen("https://api.example:6443", None, "api.example:443").is_some());
        assert_eq!(chosen("https://10.1.2.3:6443", None, "10.0.0.0/8"), None);
    }

    #[test]
    fn proxy_url_wins_over_the_environment_and_over_loopback() {
        let proxy = chosen(
            "https://127.0.0.1:6443",
            Some("http://user:secret@127.0.0.1:9"),
            "127.0.0.1",
        );
        assert_eq!(proxy.as_deref(), Some("http://127.0.0.1:9"));
    }

    #[test]
    fn a_password_in_a_url_is_never_shown() {
        for (url, shown) in [
            ("https://user:secret@host:1/base", "https://host:1/base"),
            ("user:secret@host:1", "host:1"),
            ("https://user:se/cr@et@host", "https://host"),
            ("https://host:1/base", "https://host:1/base"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
        for url in ["ftp://user:secret@a", "http://user:secret@a b"] {
            let refused = choose(
                &"https://a:1".parse().unwrap(),
                Some(url),
                &ProxyEnvironment::default(),
            );
            assert!(!refused.unwrap_err().contains("secret"), "{url}");
        }
    }

    #[test]
    fn a_proxy_url_of_an_unknown_kind_is_refused() {
        let refused = choose(
            &"https://a:1".parse().unwrap(),
            Some("ftp://a"),
            &ProxyEnvironment::default(),
        );
        assert!(refused.unwrap_err().contains("must begin with http://"));
    }
}
