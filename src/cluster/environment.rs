//! What the environment says about the connection: the kubeconfig list, the home folder, proxies, the pod.

use std::path::PathBuf;

use super::{options::ConnectionOptions, proxy::ProxyEnvironment};

/// What this room takes from the environment.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    pub(super) kubeconfig_list: Vec<PathBuf>,
    pub(super) home: Option<PathBuf>,
    pub(super) proxies: ProxyEnvironment,
    pub(super) surroundings: Surroundings,
}

/// Where this process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// In a pod, which has a service account.
    Pod,
    #[default]
    Elsewhere,
}

/// The kubeconfig files to read, the first before the others.
#[derive(Clone, Debug)]
pub(super) struct KubeconfigFiles {
    pub(super) paths: Vec<PathBuf>,
    pub(super) named_by: NamedBy,
}

/// What says which files these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// `--kubeconfig`: the file has to be there.
    Flag,
    /// `KUBECONFIG` or habit: files may be missing.
    Environment,
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
            surroundings: match std::env::var_os("KUBERNETES_SERVICE_HOST") {
                Some(_) => Surroundings::Pod,
                None => Surroundings::Elsewhere,
            },
        }
    }

    pub(super) fn kubeconfig_files(&self, options: &ConnectionOptions) -> KubeconfigFiles {
        if let Some(file) = &options.kubeconfig {
            return KubeconfigFiles {
                paths: vec![file.clone()],
                named_by: NamedBy::Flag,
            };
        }
        let usual = self.home.iter().map(|home| home.join(".kube/config"));
        let paths = match self.kubeconfig_list.as_slice() {
            [] => usual.collect(),
            list => list.to_vec(),
        };
        KubeconfigFiles {
            paths,
            named_by: NamedBy::Environment,
        }
    }
}
