//! The `ClusterRole`s that a cluster's administrator installs once: the personas' rules for any namespace, and by
//! labels for everybody who already is a viewer, an editor or an administrator of a namespace.

use serde_json::{Value, json};

use super::{
    grant::{cluster_runtimes_role, labels},
    persona::{Names, Part, Persona, SHIPPED, shipped_role},
};
use crate::cluster::{Manifest, ObjectKind, ObjectPlace};

/// Whose holders get the roles' rules too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// Kubernetes' own view, edit and admin.
    Kubernetes,
    /// Kubeflow's kubeflow-view, kubeflow-edit and kubeflow-admin, which are made where they are missing.
    Kubeflow,
    /// Nobody: the roles are only there to be bound.
    None,
}

const KUBERNETES_LABEL: &str = "rbac.authorization.k8s.io/aggregate-to-";
const KUBEFLOW_LABEL: &str = "rbac.authorization.kubeflow.org/aggregate-to-";

/// The roles, without the parents that they are added to.
pub fn shipped_roles(aggregations: &[Aggregation]) -> Vec<Manifest> {
    let personas = SHIPPED.iter().map(|persona| role(*persona, aggregations));
    personas.chain([cluster_runtimes_role()]).collect()
}

fn role(persona: Persona, aggregations: &[Aggregation]) -> Manifest {
    let parts = [Part::Core, Part::Diagnose, Part::Delegate];
    let rules = parts.iter().flat_map(|part| persona.rules(*part));
    // A role for any namespace cannot name one.
    let rules = rules.filter(|rule| rule.names != Names::OfNamespace);
    let rules: Vec<_> = rules.map(|rule| rule.in_role("")).collect();
    let mut metadata = labels(Some(persona), None);
    for label in aggregations
        .iter()
        .filter_map(|it| parent_label(*it, persona))
    {
        metadata["labels"][label] = json!("true");
    }
    let place = ObjectPlace::of_cluster(ObjectKind::ClusterRole, shipped_role(persona));
    Manifest::new(place, json!({ "metadata": metadata, "rules": rules }))
}

/// In each family the viewer's rules reach the editor, and the editor's the administrator, by the parents themselves.
fn parent_label(aggregation: Aggregation, persona: Persona) -> Option<String> {
    let parent = match persona {
        Persona::Viewer => "view",
        Persona::Submitter => "edit",
        _ => "admin",
    };
    match aggregation {
        Aggregation::Kubernetes => Some(format!("{KUBERNETES_LABEL}{parent}")),
        Aggregation::Kubeflow => Some(format!("{KUBEFLOW_LABEL}kubeflow-{parent}")),
        Aggregation::None => None,
    }
}

/// Kubeflow's parents, as Kubeflow itself ships them: each takes the rules of the one before.
pub fn kubeflow_parents() -> Vec<Manifest> {
    let parent = |name: &str, next: Option<&str>| {
        let selector = json!({ "matchLabels": { (format!("{KUBEFLOW_LABEL}{name}")): "true" } });
        let mut metadata = labels(None, None);
        if let Some(next) = next {
            metadata["labels"][format!("{KUBEFLOW_LABEL}{next}")] = json!("true");
        }
        let fields: Value = json!({
            "metadata": metadata,
            "aggregationRule": { "clusterRoleSelectors": [selector] },
        });
        let place = ObjectPlace::of_cluster(ObjectKind::ClusterRole, name);
        Manifest::new(place, fields)
    };
    vec![
        parent("kubeflow-view", Some("kubeflow-edit")),
        parent("kubeflow-edit", Some("kubeflow-admin")),
        parent("kubeflow-admin", None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_goes_to_the_parent_of_its_rank_under_the_labels_that_were_asked_for() {
        let roles = shipped_roles(&[Aggregation::Kubernetes, Aggregation::Kubeflow]);
        let labels = &roles[1].body["metadata"]["labels"];
        assert_eq!(roles[1].place.name, "kubectl-trainer-submitter");
        assert_eq!(
            labels["rbac.authorization.k8s.io/aggregate-to-edit"],
            "true"
        );
        assert_eq!(
            labels["rbac.authorization.kubeflow.org/aggregate-to-kubeflow-edit"],
            "true"
        );
        let plain = shipped_roles(&[Aggregation::None]);
        let labels = plain[1].body["metadata"]["labels"].as_object().unwrap();
        assert!(labels.keys().all(|key| !key.contains("aggregate-to")));
    }

    #[test]
    fn reading_the_clusters_runtimes_is_added_to_no_parent() {
        let roles = shipped_roles(&[Aggregation::Kubernetes]);
        let labels = roles[3].body["metadata"]["labels"].as_object().unwrap();
        assert_eq!(roles[3].place.name, "kubectl-trainer-cluster-runtimes-view");
        assert!(labels.keys().all(|key| !key.contains("aggregate-to")));
    }

    #[test]
    fn a_role_for_any_namespace_names_none() {
        for role in shipped_roles(&[Aggregation::None]) {
            let rules = role.body["rules"].as_array().unwrap();
            let names = rules
                .iter()
                .filter(|rule| rule["resources"][0] == "namespaces");
            assert_eq!(names.count(), 0);
        }
    }
}
