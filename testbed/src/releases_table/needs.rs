//! What installing a release takes, from its objects: the kinds that are applied, and the controllers' pods.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use super::{facts, write_list};
use crate::bundle::ReleaseManifests;

/// Writes the fields `applied` and `pods` of a release.
pub(super) fn write(text: &mut String, release: &ReleaseManifests) -> fmt::Result {
    let objects = &release.manager;
    let applied = applied(objects.iter().chain(&release.runtimes));
    write_list(text, "applied", applied.iter().map(applied_entry))?;
    let is_deployment = |object: &&Value| facts::kind(object) == "Deployment";
    let deployments = objects.iter().filter(is_deployment);
    write_list(text, "pods", deployments.map(pod_entry))
}

/// A kind of objects, as requests name it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Applied<'a> {
    group: &'a str,
    /// Plural.
    resource: String,
    /// A variant of the plugin's `Reach`.
    reach: &'static str,
}

/// The kinds of these objects, once each. All kinds that releases hold take a plain s.
fn applied<'a>(objects: impl Iterator<Item = &'a Value>) -> BTreeSet<Applied<'a>> {
    let kinds = objects.map(|object| {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let namespace = object.pointer("/metadata/namespace");
        Applied {
            group: version.split_once('/').map_or("", |(group, _)| group),
            resource: format!("{}s", facts::kind(object).to_lowercase()),
            reach: namespace.map_or("Cluster", |_| "Namespace"),
        }
    });
    kinds.collect()
}

fn applied_entry(applied: &Applied<'_>) -> String {
    let Applied {
        group,
        resource,
        reach,
    } = applied;
    format!(
        "AppliedResource {{ group: {group:?}, resource: {resource:?}, reach: RoleReach::{reach} }}"
    )
}

fn pod_entry(deployment: &Value) -> String {
    let (name, spec) = (facts::name(deployment), admitted_pod(deployment));
    format!("PodFacts {{ deployment: {name:?}, spec: r#\"{spec}\"# }}")
}

/// The spec of a Deployment's pods, reduced to what admission and the scheduler look at.
fn admitted_pod(deployment: &Value) -> Value {
    let pod = &deployment["spec"]["template"]["spec"];
    let of_container = ["name", "image", "resources", "securityContext"];
    let containers = pod["containers"].as_array().into_iter().flatten();
    let mut spec = kept(pod, &["securityContext"]);
    spec["containers"] = containers
        .map(|container| kept(container, &of_container))
        .collect();
    spec
}

fn kept(object: &Value, fields: &[&str]) -> Value {
    let mut reduced = json!({});
    for field in fields {
        if let Some(value) = object.get(field) {
            reduced[*field] = value.clone();
        }
    }
    reduced
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{admitted_pod, applied};

    #[test]
    fn kinds_become_what_requests_name_them() {
        let objects = [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "a"}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "a"}}),
        ];
        let kinds = applied(objects.iter());
        let kinds: Vec<_> = kinds
            .iter()
            .map(|kind| (kind.group, kind.resource.as_str(), kind.reach))
            .collect();
        assert_eq!(
            kinds,
            [
                ("", "namespaces", "Cluster"),
                ("apps", "deployments", "Namespace")
            ]
        );
    }

    #[test]
    fn a_pod_is_reduced_to_what_admission_looks_at() {
        let resources = json!({"requests": {"cpu": "500m"}});
        let deployment = json!({"spec": {"template": {"spec": {
            "serviceAccountName": "a",
            "securityContext": {"runAsNonRoot": true},
            "containers": [{"name": "manager", "args": ["--x"], "resources": resources}],
        }}}});
        assert_eq!(
            admitted_pod(&deployment),
            json!({
                "securityContext": {"runAsNonRoot": true},
                "containers": [{"name": "manager", "resources": resources}],
            })
        );
    }
}
