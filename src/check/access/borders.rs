//! The other side of the matrix: what leads beyond a persona, and none may but those whose own rules allow it. Pure.

use super::rights::{Area, CLUSTER_RUNTIMES, Place, Right, required};
use crate::{
    access::persona::Persona,
    cluster::{NamedRule, resources::TRAINER_GROUP},
};

const APPS: &str = "apps";
const RBAC: &str = "rbac.authorization.k8s.io";
const EXTENSIONS: &str = "apiextensions.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

/// What leads beyond a persona, in the parts in which a person thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Border {
    OtherNamespaces,
    Training,
    Secrets,
    Pods,
    Impersonation,
    Rights,
    Cluster,
}

type Words = &'static [&'static str];

/// Verbs on resources of a group, at a place.
struct Row(Border, Place, Words, &'static str, Words);

const READS: Words = &["get", "list"];
const WRITES: Words = &["create", "update", "patch", "delete"];
const CHANGES: Words = &["create", "update", "patch"];
const AMENDS: Words = &["update", "patch"];
const EVERYTHING: Words = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];

const TABLE: [Row; 29] = [
    Row(
        Border::OtherNamespaces,
        Place::Elsewhere,
        &["create", "list"],
        TRAINER_GROUP,
        &["trainjobs"],
    ),
    Row(
        Border::OtherNamespaces,
        Place::Elsewhere,
        READS,
        "",
        &["secrets", "pods"],
    ),
    Row(
        Border::OtherNamespaces,
        Place::Cluster,
        &["list", "create"],
        TRAINER_GROUP,
        &["trainjobs"],
    ),
    Row(
        Border::OtherNamespaces,
        Place::Cluster,
        &["list"],
        "",
        &["secrets", "pods"],
    ),
    Row(
        Border::Training,
        Place::Here,
        EVERYTHING,
        TRAINER_GROUP,
        &["trainjobs", "trainingruntimes"],
    ),
    Row(
        Border::Training,
        Place::Cluster,
        WRITES,
        TRAINER_GROUP,
        &[CLUSTER_RUNTIMES],
    ),
    Row(
        Border::Training,
        Place::Here,
        CHANGES,
        "jobset.x-k8s.io",
        &["jobsets"],
    ),
    Row(Border::Secrets, Place::Here, EVERYTHING, "", &["secrets"]),
    Row(Border::Pods, Place::Here, WRITES, "", &["pods"]),
    Row(
        Border::Pods,
        Place::Here,
        &["get", "create"],
        "",
        &["pods/exec", "pods/attach", "pods/portforward"],
    ),
    Row(
        Border::Pods,
        Place::Here,
        AMENDS,
        "",
        &["pods/ephemeralcontainers"],
    ),
    Row(
        Border::Pods,
        Place::Here,
        CHANGES,
        "",
        &["replicationcontrollers"],
    ),
    Row(
        Border::Pods,
        Place::Here,
        CHANGES,
        "batch",
        &["jobs", "cronjobs"],
    ),
    Row(
        Border::Pods,
        Place::Here,
        CHANGES,
        APPS,
        &["deployments", "statefulsets", "daemonsets", "replicasets"],
    ),
    Row(
        Border::Impersonation,
        Place::Cluster,
        &["impersonate"],
        "",
        &["users", "groups"],
    ),
    Row(
        Border::Impersonation,
        Place::Here,
        &["impersonate", "create"],
        "",
        &["serviceaccounts"],
    ),
    Row(
        Border::Impersonation,
        Place::Here,
        &["create"],
        "",
        &["serviceaccounts/token"],
    ),
    Row(
        Border::Rights,
        Place::Here,
        WRITES,
        RBAC,
        &["roles", "rolebindings"],
    ),
    Row(
        Border::Rights,
        Place::Cluster,
        WRITES,
        RBAC,
        &["clusterroles", "clusterrolebindings"],
    ),
    Row(
        Border::Rights,
        Place::Here,
        &["escalate", "bind"],
        RBAC,
        &["roles", "clusterroles"],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        &["create", "delete"],
        "",
        &["namespaces"],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        &["get", "create"],
        "",
        &["nodes/proxy"],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        AMENDS,
        "",
        &["nodes", "nodes/status"],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        WRITES,
        "",
        &["persistentvolumes"],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        AMENDS,
        CERTIFICATES,
        &["certificatesigningrequests/approval"],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        CHANGES,
        EXTENSIONS,
        &["customresourcedefinitions"],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        WRITES,
        ADMISSION,
        &[
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
        ],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        WRITES,
        ADMISSION,
        &[
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        ],
    ),
    Row(
        Border::Cluster,
        Place::Cluster,
        WRITES,
        ADMISSION,
        &[
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        ],
    ),
];

/// Objects that are worth asking about by their names: what may not be done to all may be done to these.
const NAMED: [(Border, &str, &str, &str, &[&str]); 2] = [
    (
        Border::Rights,
        "bind",
        RBAC,
        "clusterroles",
        &["cluster-admin", "admin", "edit"],
    ),
    (
        Border::Impersonation,
        "impersonate",
        "",
        "serviceaccounts",
        &["default"],
    ),
];

/// How many objects of one rule are asked about.
const NAMES_OF_A_RULE: usize = 8;

/// What the persona must not be allowed: all of the table that its own rules do not allow it.
pub(super) fn forbidden(persona: Persona, border: Border) -> Vec<Right> {
    let mut rights = on_all_objects(border);
    rights.retain(|right| !may(persona, right));
    let named = NAMED.iter().filter(|row| row.0 == border);
    rights.extend(named.flat_map(|(_, verb, group, resource, names)| {
        let of = move |name: &&str| Right {
            name: Some((*name).to_owned()),
            ..Right::new(Place::Here, verb, group, resource)
        };
        names.iter().map(of)
    }));
    rights
}

fn on_all_objects(border: Border) -> Vec<Right> {
    let rows = TABLE.iter().filter(|row| row.0 == border);
    let rights = rows.flat_map(|Row(_, place, verbs, group, resources)| {
        resources.iter().flat_map(move |resource| {
            let verbs = verbs.iter();
            verbs.map(move |verb| Right::new(*place, verb, group, resource))
        })
    });
    rights.collect()
}

/// Whether the persona's own rules allow it, also those that not everybody of this persona has.
fn may(persona: Persona, right: &Right) -> bool {
    let part = persona.part_with(right.verb, right.group, right.resource);
    right.place == Place::Here && part.is_some()
}

/// What rules about named objects seem to allow beyond the persona, to be asked about by those names. Of many objects the
/// first show it.
pub(super) fn listed(
    persona: Persona,
    border: Border,
    namespace: &str,
    rules: &[NamedRule],
) -> Vec<Right> {
    let known = forbidden(persona, border);
    let due = required(persona, Area::Extras, namespace);
    let mut found: Vec<Right> = Vec::new();
    for right in known.iter().filter(|right| right.name.is_none()) {
        let fitting = rules.iter().filter(|rule| is_about(rule, right));
        let objects = fitting.flat_map(|rule| rule.names.iter().take(NAMES_OF_A_RULE));
        for object in objects {
            let named = Right {
                name: Some(object.clone()),
                ..right.clone()
            };
            if !due.contains(&named) && !known.contains(&named) && !found.contains(&named) {
                found.push(named);
            }
        }
    }
    found
}

fn is_about(rule: &NamedRule, right: &Right) -> bool {
    let has = |entries: &[String], wanted: &str| {
        let mut entries = entries.iter();
        entries.any(|entry| entry == "*" || entry == wanted)
    };
    let part = right.resource.split_once('/');
    let any = part.map(|(_, part)| format!("*/{part}"));
    has(&rule.verbs, right.verb)
        && has(&rule.groups, right.group)
        && (has(&rule.resources, right.resource)
            || any.is_some_and(|any| rule.resources.contains(&any)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verb: &str, group: &str, resource: &str, names: &[&str]) -> NamedRule {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        NamedRule {
            verbs: owned(&[verb]),
            groups: owned(&[group]),
            resources: owned(&[resource]),
            names: owned(names),
        }
    }

    #[test]
    fn a_listed_rule_about_named_objects_is_asked_about_by_their_names() {
        let rules = [
            rule("get", "", "secrets", &["db", "registry"]),
            rule("get", "", "pods", &["one"]),
        ];
        let found = |border| listed(Persona::Submitter, border, "team-a", &rules);
        let secret = |name: &str| Right {
            name: Some(name.to_owned()),
            ..Right::new(Place::Here, "get", "", "secrets")
        };
        assert_eq!(found(Border::Secrets), [secret("db"), secret("registry")]);
        // Pods may be read anyway.
        assert_eq!(found(Border::Pods), []);
        let everything = [rule("*", "*", "*/exec", &["one"])];
        let exec = listed(Persona::Submitter, Border::Pods, "team-a", &everything);
        assert_eq!(exec.len(), 2, "{exec:?}");
    }

    #[test]
    fn an_admin_may_bind_the_shipped_roles_and_is_asked_about_no_others_than_listed() {
        let names = ["kubectl-trainer-viewer", "cluster-admin", "view"];
        let rules = [rule("bind", RBAC, "clusterroles", &names)];
        let found = listed(Persona::Admin, Border::Rights, "team-a", &rules);
        let names: Vec<_> = found.iter().filter_map(|it| it.name.as_deref()).collect();
        assert_eq!(names, ["view"]);
        let always = forbidden(Persona::Admin, Border::Rights);
        assert!(
            always
                .iter()
                .any(|it| it.name.as_deref() == Some("cluster-admin"))
        );
    }
}
