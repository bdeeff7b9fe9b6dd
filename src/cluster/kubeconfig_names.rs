//! What a kubeconfig has to choose from: its contexts, clusters and users, by name.

use super::{
    environment::Environment,
    files::{Reading, read_aside},
    kubeconfig::load,
    kubeconfig_fault::{KubeconfigFault, Section},
    options::ConnectionOptions,
};

/// One entry under `contexts`, `clusters` or `users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeconfigEntry {
    pub name: String,
    /// Of a context: its cluster. Of a cluster: its server.
    pub leads_to: Option<String>,
    /// Of a context: the namespace that it means.
    pub namespace: Option<String>,
}

/// The entries of one section of the kubeconfig that these options name, in its order. Only files are read.
pub async fn fetch_kubeconfig_entries(
    options: &ConnectionOptions,
    section: Section,
) -> Result<Vec<KubeconfigEntry>, KubeconfigFault> {
    let files = Environment::read().kubeconfig_files(options);
    let first = files.paths.first().cloned();
    let kubeconfig = read_aside(Reading::Kubeconfig(first), move || load(&files)).await?;
    let entry = |name: String, leads_to: Option<String>| KubeconfigEntry {
        name,
        leads_to,
        namespace: None,
    };
    let entries = match section {
        Section::Context => {
            let contexts = kubeconfig.contexts.into_iter().map(|named| {
                let context = named.context.unwrap_or_default();
                KubeconfigEntry {
                    name: named.name,
                    leads_to: Some(context.cluster),
                    namespace: context.namespace,
                }
            });
            contexts.collect()
        }
        Section::Cluster => {
            let clusters = kubeconfig.clusters.into_iter();
            let server = clusters.map(|named| {
                let server = named.cluster.and_then(|cluster| cluster.server);
                entry(named.name, server)
            });
            server.collect()
        }
        Section::User => {
            let users = kubeconfig.auth_infos.into_iter();
            users.map(|named| entry(named.name, None)).collect()
        }
        Section::Pod => Vec::new(),
    };
    Ok(entries)
}
