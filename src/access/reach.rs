//! From where a server's address can be reached, as far as the address itself tells.

use std::net::IpAddr;

/// Who can reach an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing speaks against anybody.
    Unlimited,
    /// This machine alone.
    ThisMachine,
    /// Whoever is in the same network.
    SameNetwork,
    /// Pods of the cluster alone.
    InCluster,
}

impl Reach {
    /// What a reader of a file with this address should know.
    pub fn warning(self, server: &str) -> Option<String> {
        let limit = match self {
            Self::Unlimited => return None,
            Self::ThisMachine => {
                "is this machine: no other machine, and no pod, reaches the cluster there"
            }
            Self::SameNetwork => "is of a private network: only machines in it reach the cluster",
            Self::InCluster => "is known inside the cluster only: only its pods reach it there",
        };
        Some(format!("{server} {limit}"))
    }
}

/// Judges the host of a URL.
pub fn judge_server(url: &str) -> Reach {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.parse::<IpAddr>() {
        Ok(address) => judge_address(address),
        Err(_) => judge_name(&host.to_ascii_lowercase()),
    }
}

fn judge_address(address: IpAddr) -> Reach {
    if address.is_loopback() || address.is_unspecified() {
        return Reach::ThisMachine;
    }
    let private = match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // 100.64.0.0/10 is shared by the customers of a provider.
            address.is_private()
                || address.is_link_local()
                || (first == 100 && second & 0xc0 == 0x40)
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    if private {
        Reach::SameNetwork
    } else {
        Reach::Unlimited
    }
}

fn judge_name(name: &str) -> Reach {
    let name = name.trim_end_matches('.');
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    match () {
        () if name == "localhost" || ends(&[".localhost"]) => Reach::ThisMachine,
        () if ends(&[".svc", ".svc.cluster.local"]) => Reach::InCluster,
        () if ends(&[".internal", ".local", ".lan"]) => Reach::SameNetwork,
        // A name without a dot is looked up in the machine's own domain.
        () if !name.contains('.') => Reach::SameNetwork,
        () => Reach::Unlimited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_who_can_reach_it() {
        for (url, reach) in [
            ("https://127.0.0.1:36443", Reach::ThisMachine),
            ("https://[::1]:6443/", Reach::ThisMachine),
            ("https://localhost:6443", Reach::ThisMachine),
            ("https://10.0.0.4:6443", Reach::SameNetwork),
            ("https://172.18.0.2:6443", Reach::SameNetwork),
            ("https://172.32.0.2:6443", Reach::Unlimited),
            ("https://100.64.1.1", Reach::SameNetwork),
            ("https://100.128.1.1", Reach::Unlimited),
            ("https://[fd00::1]:6443", Reach::SameNetwork),
            ("https://kubernetes.default.svc", Reach::InCluster),
            ("https://api.corp.internal:6443", Reach::SameNetwork),
            ("https://control-plane:6443", Reach::SameNetwork),
            (
                "https://ABC.gr7.eu-west-1.eks.amazonaws.com",
                Reach::Unlimited,
            ),
            ("https://203.0.113.7:6443/k8s/clusters/c", Reach::Unlimited),
        ] {
            assert_eq!(judge_server(url), reach, "{url}");
        }
    }

    #[test]
    fn only_an_address_with_a_limit_is_warned_of() {
        assert_eq!(Reach::Unlimited.warning("https://a.example"), None);
        let warning = Reach::ThisMachine.warning("https://127.0.0.1:1").unwrap();
        assert!(warning.starts_with("https://127.0.0.1:1 is this machine"));
    }
}
