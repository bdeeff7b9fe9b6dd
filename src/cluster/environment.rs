//! What the environment says about the connection: the kubeconfig list, the home folder, proxies, the pod.

use std::path::PathBuf;

use super::{options::ConnectionOptions, proxy::ProxyEnvironment};

/// What this room takes from the environment.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    pub(super) kubeconfig_list: Vec<PathBuf>,
    pub(super) home: Option<PathBuf>,
    pub(super) proxies: ProxyEnvironment,
    pub(super) in_pod: bool,
}

impl Environment {
    pub(super) fn read() -> Self {
        let first = |names: [&str; 2]| {
            names
                .iter()
                .filter_map(|name| std::env::var(name).ok())
                .find(|value| !value.is_empty())
                .unwrap_or_default()
        };
        let list = std::env::var_os("KUBECONFIG").unwrap_or_default();
        Self {
            kubeconfig_list: std::env::split_paths(&list)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            home: std::env::home_dir(),
            proxies: ProxyEnvironment {
                https: first(["HTTPS_PROXY", "https_proxy"]),
                http: first(["HTTP_PROXY", "http_proxy"]),
                bypass: first(["NO_PROXY", "no_proxy"]),
            },
            in_pod: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }

    /// The files to read, and whether their absence is an error.
    pub(super) fn kubeconfig_files(&self, options: &ConnectionOptions) -> (Vec<PathBuf>, bool) {
        if let Some(file) = &options.kubeconfig {
            return (vec![file.clone()], true);
        }
        if !self.kubeconfig_list.is_empty() {
            return (self.kubeconfig_list.clone(), false);
        }
        (
            self.home
                .iter()
                .map(|home| home.join(".kube").join("config"))
                .collect(),
            false,
        )
    }
}
