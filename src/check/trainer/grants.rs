//! What a controller's account needs by its release, and what bindings and roles grant it, as RBAC reckons. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};

use crate::{
    cluster::AccountName,
    releases::{ControllerRole, RELEASES, RoleReach},
};

/// One right that a controller needs, and the released role that gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub(super) verb: &'static str,
    /// Empty for the core group.
    pub(super) group: &'static str,
    /// With its subresource: `jobs/status`.
    pub(super) resource: &'static str,
    pub(super) role: &'static ControllerRole,
}

impl Need {
    fn is_same_right(&self, other: &Self) -> bool {
        (self.verb, self.group, self.resource) == (other.verb, other.group, other.resource)
    }

    /// Leases are only ever needed where the controller lives, however a release grants them.
    pub(super) fn reach(&self) -> RoleReach {
        match self.resource {
            "leases" => RoleReach::Namespace,
            _ => self.role.reach,
        }
    }
}

/// Everything that an account needs of what its released roles allow, for API groups that the server serves.
pub(super) fn needs(
    roles: &'static [ControllerRole],
    account: &str,
    served: &[String],
) -> Vec<Need> {
    let own = roles.iter().filter(|role| role.account == account);
    let is_served = |need: &Need| need.group.is_empty() || served.iter().any(|it| it == need.group);
    own.flat_map(role_needs)
        .filter(is_used)
        .filter(is_served)
        .collect()
}

/// Leader election reads, creates and updates its Lease and no more (client-go's `leaselock.go`); the released roles
/// also hold what it needed when it was made of `ConfigMaps`. JobSet's charts leave a part of both out.
fn is_used(need: &Need) -> bool {
    match (need.resource, need.role.reach) {
        ("leases", _) => ["get", "create", "update"].contains(&need.verb),
        ("configmaps", reach) => reach == RoleReach::Cluster,
        _ => true,
    }
}

/// Everything that a released role allows, right by right.
pub(super) fn role_needs(role: &'static ControllerRole) -> Vec<Need> {
    let mut needs = Vec::new();
    for rule in role.rules {
        for group in rule.api_groups {
            for resource in rule.resources {
                let verbs = rule.verbs.iter();
                needs.extend(verbs.map(|verb| Need {
                    verb,
                    group,
                    resource,
                    role,
                }));
            }
        }
    }
    needs
}

/// What every known release needs: all that can be asked of a controller whose release is not known.
pub(super) fn common_needs(account: &str, served: &[String]) -> Vec<Need> {
    let mut every = RELEASES
        .iter()
        .rev()
        .map(|release| needs(release.controller_roles, account, served));
    let newest = every.next().unwrap_or_default();
    every.fold(newest, |common, other| {
        let shared = |need: &Need| other.iter().any(|it| it.is_same_right(need));
        common.into_iter().filter(shared).collect()
    })
}

/// A `ClusterRoleBinding`, or a `RoleBinding` of the controllers' namespace.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) reach: RoleReach,
    pub(super) role: RoleName,
    pub(super) subjects: Vec<Subject>,
}

/// Which role a binding refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RoleName {
    /// `ClusterRole` or `Role`.
    pub(super) kind: String,
    pub(super) name: String,
}

impl RoleName {
    pub(super) fn released(role: &ControllerRole) -> Self {
        let kind = match role.reach {
            RoleReach::Cluster => "ClusterRole",
            RoleReach::Namespace => "Role",
        };
        Self {
            kind: kind.to_owned(),
            name: role.name.to_owned(),
        }
    }
}

impl From<RoleRef> for RoleName {
    fn from(reference: RoleRef) -> Self {
        Self {
            kind: reference.kind,
            name: reference.name,
        }
    }
}

impl From<ClusterRoleBinding> for Binding {
    fn from(binding: ClusterRoleBinding) -> Self {
        Self {
            name: binding.metadata.name.unwrap_or_default(),
            reach: RoleReach::Cluster,
            role: binding.role_ref.into(),
            subjects: binding.subjects.unwrap_or_default(),
        }
    }
}

impl From<RoleBinding> for Binding {
    fn from(binding: RoleBinding) -> Self {
        Self {
            name: binding.metadata.name.unwrap_or_default(),
            reach: RoleReach::Namespace,
            role: binding.role_ref.into(),
            subjects: binding.subjects.unwrap_or_default(),
        }
    }
}

impl Binding {
    /// The plural of its kind, as kubectl takes it.
    pub(super) const fn resource(&self) -> &'static str {
        match self.reach {
            RoleReach::Cluster => "clusterrolebinding",
            RoleReach::Namespace => "rolebinding",
        }
    }

    /// Whether it names the account itself.
    pub(super) fn names(&self, account: &AccountName) -> bool {
        let user = format!(
            "system:serviceaccount:{}:{}",
            account.namespace, account.name
        );
        self.subjects
            .iter()
            .any(|subject| match subject.kind.as_str() {
                "ServiceAccount" => {
                    subject.name == account.name
                        && subject.namespace.as_deref() == Some(account.namespace.as_str())
                }
                "User" => subject.name == user,
                _ => false,
            })
    }

    /// Whether it names a group that every account of the namespace is in.
    pub(super) fn includes(&self, account: &AccountName) -> bool {
        let own = format!("system:serviceaccounts:{}", account.namespace);
        let groups = [
            "system:serviceaccounts",
            "system:authenticated",
            own.as_str(),
        ];
        let mut subjects = self.subjects.iter();
        subjects.any(|subject| subject.kind == "Group" && groups.contains(&subject.name.as_str()))
    }

    /// The place in the list of subjects, and the namespace, of an account of this name in another namespace.
    pub(super) fn namesake(&self, account: &AccountName) -> Option<(usize, &str)> {
        let mut subjects = self.subjects.iter().enumerate();
        subjects.find_map(|(place, subject)| {
            let namespace = subject.namespace.as_deref()?;
            let is_namesake = subject.kind == "ServiceAccount"
                && subject.name == account.name
                && namespace != account.namespace;
            is_namesake.then_some((place, namespace))
        })
    }
}

/// The rules of roles that were asked for; `None` for a role that does not exist.
pub(super) type Roles = BTreeMap<RoleName, Option<Vec<PolicyRule>>>;

pub(super) fn rules_of_cluster_role(role: ClusterRole) -> Vec<PolicyRule> {
    role.rules.unwrap_or_default()
}

pub(super) fn rules_of_role(role: Role) -> Vec<PolicyRule> {
    role.rules.unwrap_or_default()
}

/// The needs that none of these bindings, by their roles, grants.
pub(super) fn lacking(needs: &[Need], bindings: &[&Binding], roles: &Roles) -> Vec<Need> {
    let granted = |need: &&Need| {
        bindings.iter().any(|binding| {
            let given = roles.get(&binding.role).into_iter().flatten().flatten();
            reaches(binding.reach, need.reach()) && given.into_iter().any(|rule| allows(rule, need))
        })
    };
    needs
        .iter()
        .filter(|need| !granted(need))
        .copied()
        .collect()
}

fn reaches(given: RoleReach, wanted: RoleReach) -> bool {
    given == RoleReach::Cluster || wanted == RoleReach::Namespace
}

/// As RBAC reckons, for a request that names no object.
pub(super) fn allows(rule: &PolicyRule, need: &Need) -> bool {
    let has = |list: Option<&Vec<String>>, wanted: &str| {
        list.is_some_and(|list| list.iter().any(|one| one == "*" || one == wanted))
    };
    let any_parent = need
        .resource
        .split_once('/')
        .map(|(_, part)| format!("*/{part}"));
    let resources = rule.resources.as_ref();
    let resource =
        has(resources, need.resource) || any_parent.is_some_and(|pattern| has(resources, &pattern));
    let every_object = rule.resource_names.as_ref().is_none_or(Vec::is_empty);
    has(Some(&rule.verbs), need.verb)
        && has(rule.api_groups.as_ref(), need.group)
        && resource
        && every_object
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::releases;

    fn served() -> Vec<String> {
        [
            "batch",
            "jobset.x-k8s.io",
            "coordination.k8s.io",
            "events.k8s.io",
            "trainer.kubeflow.org",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn release_needs(version: &str, account: &str) -> Vec<Need> {
        let release = releases::find(version).unwrap();
        needs(release.controller_roles, account, &served())
    }

    fn has(needs: &[Need], verb: &str, resource: &str) -> bool {
        needs
            .iter()
            .any(|need| (need.verb, need.resource) == (verb, resource))
    }

    #[test]
    fn needs_are_those_of_the_release_the_account_and_the_served_groups() {
        let jobset = release_needs("2.3.0", "jobset-controller-manager");
        assert!(has(&jobset, "create", "jobs") && has(&jobset, "update", "jobs/status"));
        assert!(
            !has(&jobset, "create", "tokenreviews"),
            "its group is not served"
        );
        assert!(!has(&jobset, "get", "trainjobs"));
        let trainer = release_needs("2.3.0", "kubeflow-trainer-controller-manager");
        assert!(has(&trainer, "update", "leases"));
        let older = release_needs("2.0.1", "kubeflow-trainer-controller-manager");
        assert!(!has(&older, "update", "leases"));
        let common = common_needs("kubeflow-trainer-controller-manager", &served());
        assert!(has(&common, "update", "trainjobs") && !has(&common, "update", "leases"));
    }

    fn rule(value: Value) -> PolicyRule {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn rules_are_read_with_stars_subresources_and_names() {
        let needs = release_needs("2.3.0", "jobset-controller-manager");
        let need = |verb: &str, resource: &str| {
            *needs
                .iter()
                .find(|need| (need.verb, need.resource) == (verb, resource))
                .unwrap()
        };
        let exact =
            rule(json!({"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}));
        assert!(allows(&exact, &need("create", "jobs")));
        assert!(!allows(&exact, &need("delete", "jobs")));
        assert!(!allows(&exact, &need("get", "jobs/status")));
        let all = rule(json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}));
        assert!(allows(&all, &need("get", "jobs/status")));
        let status =
            rule(json!({"apiGroups": ["batch"], "resources": ["*/status"], "verbs": ["get"]}));
        assert!(allows(&status, &need("get", "jobs/status")));
        assert!(
            !allows(&status, &need("get", "jobsets/status")),
            "another group"
        );
        let named = rule(
            json!({"apiGroups": ["batch"], "resources": ["jobs"], "resourceNames": ["a"], "verbs": ["create"]}),
        );
        assert!(!allows(&named, &need("create", "jobs")));
    }

    fn bound(kind: &str, rules: &Value) -> (Binding, Option<Vec<PolicyRule>>) {
        let object = json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "chart"}});
        let binding = if kind == "Role" {
            Binding::from(serde_json::from_value::<RoleBinding>(object).unwrap())
        } else {
            Binding::from(serde_json::from_value::<ClusterRoleBinding>(object).unwrap())
        };
        (
            binding,
            Some(serde_json::from_value(rules.clone()).unwrap()),
        )
    }

    /// The `ClusterRole` and `Role` of JobSet's chart 0.11.0; those of 0.8.2 and 0.10.1 have the same on Leases.
    fn chart_of_jobset() -> [(Binding, Option<Vec<PolicyRule>>); 2] {
        let rule = |group: &str, resources: &[&str], verbs: &str| {
            let verbs: Vec<_> = verbs.split(' ').collect();
            json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
        };
        let all = "create delete get list patch update watch";
        let cluster = json!([
            rule("", &["events"], "create patch update watch"),
            rule("", &["nodes"], "get list watch"),
            rule("", &["persistentvolumeclaims"], "create get list watch"),
            rule("", &["pods"], "delete get list patch update watch"),
            rule("", &["services"], all),
            rule("batch", &["jobs"], all),
            rule("batch", &["jobs/status"], "get update patch"),
            rule("jobset.x-k8s.io", &["jobsets"], all),
            rule("jobset.x-k8s.io", &["jobsets/finalizers"], "update"),
            rule("jobset.x-k8s.io", &["jobsets/status"], "get update patch"),
        ]);
        let own = json!([
            rule("", &["configmaps"], all),
            rule("", &["secrets"], "get list update watch"),
            rule(
                "coordination.k8s.io",
                &["leases"],
                "get list watch create update delete"
            ),
        ]);
        [bound("ClusterRole", &cluster), bound("Role", &own)]
    }

    #[test]
    fn the_charts_of_jobset_grant_all_that_is_needed() {
        let needs = release_needs("2.2.1", "jobset-controller-manager");
        assert!(has(&needs, "update", "leases") && !has(&needs, "patch", "leases"));
        let grants = chart_of_jobset();
        let bindings: Vec<_> = grants.iter().map(|(binding, _)| binding).collect();
        let roles: Roles = grants
            .iter()
            .map(|(binding, rules)| (binding.role.clone(), rules.clone()))
            .collect();
        assert_eq!(names(&lacking(&needs, &bindings, &roles)), [""; 0]);
    }

    #[test]
    fn without_an_election_the_role_for_it_is_not_missed() {
        let mut needs = release_needs("2.3.0", "jobset-controller-manager");
        needs.retain(|need| need.resource != "leases");
        let of_election = |need: &&Need| need.role.name == "jobset-leader-election-role";
        let left: Vec<_> = needs.iter().filter(of_election).copied().collect();
        // The manager's role of chart 0.12.0 grants these in the whole cluster.
        assert_eq!(names(&left), ["create events", "patch events"]);
    }

    fn names(needs: &[Need]) -> Vec<String> {
        let name = |need: &Need| format!("{} {}", need.verb, need.resource);
        needs.iter().map(name).collect()
    }

    #[test]
    fn a_binding_of_the_namespace_does_not_reach_the_cluster() {
        let account = AccountName {
            namespace: "ml".to_owned(),
            name: "jobset-controller-manager".to_owned(),
        };
        let needs = release_needs("2.3.0", &account.name);
        let role_ref =
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "all"});
        let subjects = json!([{"kind": "ServiceAccount", "name": account.name, "namespace": "ml"}]);
        let own: RoleBinding =
            serde_json::from_value(json!({"roleRef": role_ref, "subjects": subjects})).unwrap();
        let everywhere: ClusterRoleBinding =
            serde_json::from_value(json!({"roleRef": role_ref, "subjects": subjects})).unwrap();
        let all = rule(json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}));
        let (own, everywhere) = (Binding::from(own), Binding::from(everywhere));
        let roles = Roles::from([(own.role.clone(), Some(vec![all]))]);
        let left = lacking(&needs, &[&own], &roles);
        assert!(has(&left, "create", "jobs") && !has(&left, "update", "secrets"));
        assert!(lacking(&needs, &[&everywhere], &roles).is_empty());
        assert!(own.names(&account) && own.namesake(&account).is_none());
        let elsewhere = AccountName {
            namespace: "kubeflow".to_owned(),
            ..account
        };
        assert_eq!(own.namesake(&elsewhere), Some((0, "ml")));
    }
}
