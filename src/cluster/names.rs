//! The names of objects, for a choice among them. Of each only the metadata is asked for.

use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::core::ApiResource;
use serde::Deserialize;

use super::{connect::Cluster, failure::Failure, requests::Scope, resources};

/// Whose names there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedKind {
    Namespace,
    ServiceAccount,
    Secret,
    ClusterTrainingRuntime,
    TrainingRuntime,
}

impl NamedKind {
    fn resource(self) -> ApiResource {
        match self {
            Self::Namespace => ApiResource::erase::<Namespace>(&()),
            Self::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
            Self::Secret => ApiResource::erase::<Secret>(&()),
            Self::ClusterTrainingRuntime => resources::cluster_training_runtimes(),
            Self::TrainingRuntime => resources::training_runtimes(),
        }
    }

    fn scope(self, namespace: &str) -> Scope {
        match self {
            Self::Namespace | Self::ClusterTrainingRuntime => Scope::Cluster,
            Self::ServiceAccount | Self::Secret | Self::TrainingRuntime => {
                Scope::Namespace(namespace.to_owned())
            }
        }
    }
}

/// An object among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedObject {
    pub name: String,
    /// Of a runtime: what it is for, such as `torch`.
    pub framework: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    metadata: ItemMetadata,
}

#[derive(Deserialize)]
struct ItemMetadata {
    name: String,
    #[serde(default)]
    labels: Labels,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default, rename = "trainer.kubeflow.org/framework")]
    framework: Option<String>,
}

impl Cluster {
    /// All of a kind in a namespace (which means nothing to kinds of the cluster), page by page, by name.
    pub async fn fetch_names(
        &self,
        kind: NamedKind,
        namespace: &str,
    ) -> Result<Vec<NamedObject>, Failure> {
        let scope = kind.scope(namespace);
        let items = self
            .fetch_metadata::<Item>(&kind.resource(), &scope)
            .await?;
        let named = items.into_iter().map(|item| NamedObject {
            name: item.metadata.name,
            framework: item.metadata.labels.framework,
        });
        Ok(named.collect())
    }
}
