//! What the API server serves, in two requests: every resource with its group, its short names and its parts.

use http::{Request, header::ACCEPT};
use serde::Deserialize;

use super::{connect::Cluster, failure::Failure};

/// Servers since 1.30 answer with all groups and versions in one document.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// One resource as people and rules name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServedResource {
    /// Empty for the core group.
    pub group: String,
    pub plural: String,
    pub singular: String,
    pub kind: String,
    pub short_names: Vec<String>,
    pub reach: ResourceReach,
    /// Such as `log` of pods.
    pub parts: Vec<String>,
}

/// Whether objects live in a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResourceReach {
    #[default]
    Namespaced,
    Cluster,
}

impl ServedResource {
    /// `trainjobs.trainer.kubeflow.org`.
    pub fn full_name(&self) -> String {
        match self.group.as_str() {
            "" => self.plural.clone(),
            group => format!("{}.{group}", self.plural),
        }
    }

    fn is_called(&self, name: &str) -> bool {
        self.plural == name
            || self.singular == name
            || self.kind.to_ascii_lowercase() == name
            || self.short_names.iter().any(|short| short == name)
    }
}

/// The resource that a user means by a plural, a singular, a kind or a short name, with or without its group. Where
/// several groups have one of that name, the core group and then the server's order decide, as with kubectl.
pub fn find_resource<'a>(served: &'a [ServedResource], name: &str) -> Option<&'a ServedResource> {
    let name = name.to_ascii_lowercase();
    let called = served.iter().find(|resource| resource.is_called(&name));
    called.or_else(|| {
        let (short, group) = name.split_once('.')?;
        let fits =
            |resource: &&ServedResource| resource.group == group && resource.is_called(short);
        served.iter().find(fits)
    })
}

#[derive(Deserialize)]
struct GroupList {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct GroupName {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    resources: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    resource: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    subresources: Vec<Part>,
}

#[derive(Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct Part {
    subresource: String,
}

impl Cluster {
    /// Every resource that the server serves, once, those of the core group first. Everybody with an identity may ask.
    pub async fn fetch_served(&self) -> Result<Vec<ServedResource>, Failure> {
        let (core, others) = futures::join!(self.fetch_groups("/api"), self.fetch_groups("/apis"));
        let groups = core?.items.into_iter().chain(others?.items);
        let mut served: Vec<ServedResource> = Vec::new();
        for group in groups {
            let name = group.metadata.name;
            let entries = group.versions.into_iter().flat_map(|it| it.resources);
            for resource in entries.map(|entry| entry.of_group(&name)) {
                let same = |known: &ServedResource| {
                    (&known.group, &known.plural) == (&resource.group, &resource.plural)
                };
                if !served.iter().any(same) {
                    served.push(resource);
                }
            }
        }
        Ok(served)
    }

    async fn fetch_groups(&self, path: &str) -> Result<GroupList, Failure> {
        let request = Request::get(path)
            .header(ACCEPT, AGGREGATED)
            .body(Vec::new());
        self.fetch_json("ask what the server serves", request).await
    }
}

impl Entry {
    fn of_group(self, group: &str) -> ServedResource {
        ServedResource {
            group: group.to_owned(),
            plural: self.resource,
            singular: self.singular_resource,
            kind: self.response_kind.map_or_else(String::new, |it| it.kind),
            short_names: self.short_names,
            reach: match self.scope.as_str() {
                "Cluster" => ResourceReach::Cluster,
                _ => ResourceReach::Namespaced,
            },
            parts: self
                .subresources
                .into_iter()
                .map(|it| it.subresource)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, plural: &str, singular: &str, short: &[&str]) -> ServedResource {
        ServedResource {
            group: group.to_owned(),
            plural: plural.to_owned(),
            singular: singular.to_owned(),
            kind: singular.to_owned(),
            short_names: short.iter().map(|name| (*name).to_owned()).collect(),
            ..ServedResource::default()
        }
    }

    #[test]
    fn a_resource_is_found_by_every_name_that_kubectl_takes() {
        let served = [
            resource("", "pods", "pod", &["po"]),
            resource("", "events", "event", &["ev"]),
            resource("events.k8s.io", "events", "event", &["ev"]),
            resource("trainer.kubeflow.org", "trainjobs", "trainjob", &[]),
        ];
        let found = |name: &str| find_resource(&served, name).map(ServedResource::full_name);
        for name in [
            "trainjobs",
            "trainjob",
            "TrainJob",
            "trainjobs.trainer.kubeflow.org",
        ] {
            assert_eq!(
                found(name).as_deref(),
                Some("trainjobs.trainer.kubeflow.org"),
                "{name}"
            );
        }
        assert_eq!(found("po").as_deref(), Some("pods"));
        assert_eq!(found("ev").as_deref(), Some("events"));
        assert_eq!(
            found("events.events.k8s.io").as_deref(),
            Some("events.events.k8s.io")
        );
        assert_eq!(found("trainjobs.kubeflow.org"), None);
    }
}
