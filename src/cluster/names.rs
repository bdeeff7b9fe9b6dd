//! The names of objects, for a choice among them. Of each only the metadata is asked for.

use http::{Request, header::ACCEPT};
use serde::Deserialize;

use super::{connect::Cluster, failure::Failure, listing::METADATA_ONLY};

/// Objects a page; kubectl's own chunk size.
const PAGE: u32 = 500;

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
    /// Where a list of them is, and what it is called.
    fn collection(self, namespace: &str) -> (String, &'static str) {
        const TRAINER: &str = "/apis/trainer.kubeflow.org/v1alpha1";
        match self {
            Self::Namespace => ("/api/v1/namespaces".to_owned(), "namespaces"),
            Self::ServiceAccount => (
                format!("/api/v1/namespaces/{namespace}/serviceaccounts"),
                "serviceaccounts",
            ),
            Self::Secret => (format!("/api/v1/namespaces/{namespace}/secrets"), "secrets"),
            Self::ClusterTrainingRuntime => (
                format!("{TRAINER}/clustertrainingruntimes"),
                "clustertrainingruntimes.trainer.kubeflow.org",
            ),
            Self::TrainingRuntime => (
                format!("{TRAINER}/namespaces/{namespace}/trainingruntimes"),
                "trainingruntimes.trainer.kubeflow.org",
            ),
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
struct Page {
    metadata: PageMetadata,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: String,
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
        let (path, resource) = kind.collection(namespace);
        let words = format!("list {resource}");
        let mut found = Vec::new();
        let mut next = String::new();
        loop {
            let mut uri = format!("{path}?limit={PAGE}");
            if !next.is_empty() {
                uri.push_str(&format!("&continue={next}"));
            }
            let request = Request::get(uri).header(ACCEPT, METADATA_ONLY);
            let page: Page = self.fetch_json(&words, request.body(Vec::new())).await?;
            found.extend(page.items.into_iter().map(|item| NamedObject {
                name: item.metadata.name,
                framework: item.metadata.labels.framework,
            }));
            next = page.metadata.next;
            if next.is_empty() {
                return Ok(found);
            }
        }
    }
}
