//! Who keeps an object as it is: Helm, or a tool that applies what lies in a repository. Pure.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cluster::MANAGED_BY;

/// Who would undo, or be confused by, a change by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// With the name of the Helm release.
    Helm(String),
    ArgoCd,
    Flux,
}

impl fmt::Display for Keeper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helm(release) if release.is_empty() => formatter.write_str("Helm"),
            Self::Helm(release) => write!(formatter, "Helm (release {release})"),
            Self::ArgoCd => formatter.write_str("Argo CD"),
            Self::Flux => formatter.write_str("Flux"),
        }
    }
}

const HELM_RELEASE: &str = "meta.helm.sh/release-name";
/// Argo CD's marks: the annotation is its default, the labels are what it can be set to.
const ARGO_MARKS: [&str; 2] = [
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
];
/// Flux marks what either of its two controllers applies.
const FLUX_MARKS: [&str; 2] = [
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
];
/// Names under which they write fields.
const ARGO_WRITERS: [&str; 2] = ["argocd-controller", "argocd-application-controller"];
const FLUX_WRITERS: [&str; 2] = ["kustomize-controller", "helm-controller"];

/// Tools that apply from a repository come before Helm, because they may use charts.
pub(super) fn find_keeper(object: &ObjectMeta) -> Option<Keeper> {
    let maps = [&object.annotations, &object.labels];
    let value = |key: &str| maps.iter().find_map(|map| map.as_ref()?.get(key));
    let is_marked = |keys: &[&str]| keys.iter().any(|key| value(key).is_some());
    let is_written_by = |names: &[&str]| writers(object).any(|writer| names.contains(&writer));
    if is_marked(&ARGO_MARKS) || is_written_by(&ARGO_WRITERS) {
        Some(Keeper::ArgoCd)
    } else if is_marked(&FLUX_MARKS) || is_written_by(&FLUX_WRITERS) {
        Some(Keeper::Flux)
    } else if value(MANAGED_BY).is_some_and(|name| name == "Helm") || value(HELM_RELEASE).is_some()
    {
        Some(Keeper::Helm(
            value(HELM_RELEASE).cloned().unwrap_or_default(),
        ))
    } else {
        None
    }
}

/// Who wrote fields other than the status, as the API server noted.
pub(super) fn writers(object: &ObjectMeta) -> impl Iterator<Item = &str> {
    let entries = object.managed_fields.iter().flatten();
    entries
        .filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty())
        .filter_map(|entry| entry.manager.as_deref())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(metadata: &Value) -> Option<String> {
        let metadata: ObjectMeta = serde_json::from_value(metadata.clone()).unwrap();
        find_keeper(&metadata).map(|keeper| keeper.to_string())
    }

    #[test]
    fn a_keeper_is_known_by_its_marks_or_by_what_it_wrote() {
        let helm = json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "trainer"}});
        let flux = json!({"labels": {"app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "trainer"}});
        let argo =
            json!({"managedFields": [{"manager": "argocd-controller", "operation": "Apply"}]});
        assert_eq!(found(&helm).as_deref(), Some("Helm (release trainer)"));
        assert_eq!(found(&flux).as_deref(), Some("Flux"));
        assert_eq!(found(&argo).as_deref(), Some("Argo CD"));
    }

    #[test]
    fn kubectl_and_whoever_writes_the_status_keep_nothing() {
        let written = |manager: &str, part: &str| json!({"managedFields": [{"manager": manager, "operation": "Update", "subresource": part}]});
        assert_eq!(found(&written("kubectl", "")), None);
        assert_eq!(found(&written("helm-controller", "status")), None);
        assert_eq!(
            found(&json!({"labels": {"app.kubernetes.io/managed-by": "kustomize"}})),
            None
        );
    }
}
