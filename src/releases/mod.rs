//! What each supported release of Kubeflow Trainer ships, as constant data, and how a live cluster is matched with it.
//!
//! `table.rs` is generated from the released manifests by `cargo xtask bundle`; this file owns the shapes.

pub mod archive;
pub mod bundle;
mod schema;
mod table;

pub use schema::{fingerprint, schema_paths};
pub use table::RELEASES;

/// The newest release of the same minor version as `version`: `v2.2.0` gives 2.2.1. Patches change neither APIs nor
/// the set of runtimes.
pub fn find(version: &str) -> Option<&'static Release> {
    let wanted = minor_version(version)?;
    RELEASES
        .iter()
        .rfind(|release| minor_version(release.version) == Some(wanted))
}

/// The releases whose definition `crd` has this fingerprint, oldest first; none when it is of no known release.
pub fn with_fingerprint(crd: &str, fingerprint: &str) -> Vec<&'static Release> {
    let same = |facts: &&SchemaFacts| facts.crd == crd && facts.fingerprint == fingerprint;
    RELEASES
        .iter()
        .filter(|release| release.schemas.iter().any(|facts| same(&facts)))
        .collect()
}

/// Major and minor number of `v1.31.4+k3s1` or `2.3.0`; `None` for `master`, `latest` and the like.
pub fn minor_version(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// One release of Trainer together with the JobSet release that it is shipped with.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// Without the leading `v`: `2.3.0`.
    pub version: &'static str,
    /// Without the leading `v`: `0.12.0`.
    pub jobset_version: &'static str,
    /// Of the container `manager` of the Trainer Deployment.
    pub trainer_image: &'static str,
    /// Of the container `manager` of the JobSet Deployment, at the registry that keeps it.
    pub jobset_image: &'static str,
    /// In the namespace of the installation.
    pub deployments: &'static [&'static str],
    /// One entry for every served version of the four custom resource definitions.
    pub schemas: &'static [SchemaFacts],
    /// What the release before this one had and this one has not.
    pub dropped_fields: &'static [DroppedField],
    /// The `ClusterTrainingRuntime` objects, by name.
    pub runtimes: &'static [RuntimeFacts],
    /// The roles that the two controllers work with: those of the cluster, then those of their namespace.
    pub controller_roles: &'static [ControllerRole],
    /// What kinds of objects are applied when the release is installed, controllers and runtimes.
    pub applied: &'static [AppliedResource],
    /// The controllers' pods, one for each of `deployments`.
    pub pods: &'static [PodFacts],
    /// Both kinds, validating and mutating.
    pub webhook_configurations: &'static [WebhookConfigurationFacts],
}

/// The schema of one served version of one custom resource definition.
#[derive(Debug, PartialEq, Eq)]
pub struct SchemaFacts {
    /// Full name: `trainjobs.trainer.kubeflow.org`.
    pub crd: &'static str,
    /// API version: `v1alpha1`.
    pub version: &'static str,
    /// As [`fingerprint`] computes it.
    pub fingerprint: &'static str,
}

/// A field that an upgrade to this release removes from stored objects.
#[derive(Debug, PartialEq, Eq)]
pub struct DroppedField {
    /// Full name of the custom resource definition.
    pub crd: &'static str,
    /// From the object's root, as [`schema_paths`] writes it: `.spec.podSpecOverrides`. Its children are not listed.
    pub path: &'static str,
}

/// One `ClusterTrainingRuntime` of a release.
#[derive(Debug, PartialEq, Eq)]
pub struct RuntimeFacts {
    pub name: &'static str,
    /// Value of the label `trainer.kubeflow.org/framework`.
    pub framework: Option<&'static str>,
    pub support: Support,
    /// Every container image of its pods, without repetition, in alphabetical order.
    pub images: &'static [&'static str],
}

/// The label `trainer.kubeflow.org/support` of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Supported,
    Deprecated,
}

/// A kind of objects that installing a release applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedResource {
    /// Empty for the core group.
    pub group: &'static str,
    /// Plural: `deployments`.
    pub resource: &'static str,
    pub reach: RoleReach,
}

/// What admission and the scheduler look at in a controller's pod.
#[derive(Debug, PartialEq, Eq)]
pub struct PodFacts {
    pub deployment: &'static str,
    /// A pod's spec as JSON: images, resources and security contexts.
    pub spec: &'static str,
}

/// A `ClusterRole` (of the cluster) or `Role` (of the installation's namespace) that a controller of the release needs.
#[derive(Debug, PartialEq, Eq)]
pub struct ControllerRole {
    pub name: &'static str,
    pub reach: RoleReach,
    /// Of the `ClusterRoleBinding` or `RoleBinding`.
    pub binding: &'static str,
    /// Of the controller's service account.
    pub account: &'static str,
    pub rules: &'static [RuleFacts],
}

/// Where an object belongs, or a role's rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleReach {
    Cluster,
    /// The namespace of the installation.
    Namespace,
}

/// One rule of a role; the core API group is the empty string.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleFacts {
    pub api_groups: &'static [&'static str],
    pub resources: &'static [&'static str],
    pub verbs: &'static [&'static str],
}

/// A webhook configuration and the webhooks in it.
#[derive(Debug, PartialEq, Eq)]
pub struct WebhookConfigurationFacts {
    pub kind: WebhookKind,
    pub name: &'static str,
    pub webhooks: &'static [&'static str],
}

/// Which of the two webhook configuration kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKind {
    Mutating,
    Validating,
}

#[cfg(test)]
mod tests {
    use super::{RELEASES, find, minor_version, with_fingerprint};

    #[test]
    fn a_patch_release_is_found_by_its_minor_version() {
        assert_eq!(find("v2.2.0").map(|release| release.version), Some("2.2.1"));
        assert_eq!(find("2.3.0").map(|release| release.version), Some("2.3.0"));
        assert_eq!(find("v2.9.0"), None);
        assert_eq!(find("latest"), None);
    }

    #[test]
    fn every_fingerprint_of_the_table_leads_back_to_its_release() {
        for release in RELEASES {
            for facts in release.schemas {
                assert!(with_fingerprint(facts.crd, facts.fingerprint).contains(&release));
            }
        }
        assert!(with_fingerprint("trainjobs.trainer.kubeflow.org", "0000000000000000").is_empty());
    }

    #[test]
    fn versions_are_read_with_and_without_a_v_and_vendors_additions() {
        assert_eq!(minor_version("v1.31.4+k3s1"), Some((1, 31)));
        assert_eq!(minor_version("1.32-eks"), Some((1, 32)));
        assert_eq!(minor_version("master"), None);
    }
}
