//! What revoking removes: credentials by name, or everything that was made for a service account, and nothing else.

use serde_json::Value;

use super::{credential::Credential, label};
use crate::cluster::{AccountName, ObjectKind, ObjectPlace};

/// One object that will be deleted, if it is still the one that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    pub place: ObjectPlace,
    pub uid: String,
    /// What goes with it, or where it is, for people.
    pub what: String,
}

impl Removal {
    pub fn of_credential(credential: &Credential) -> Self {
        Self {
            place: ObjectPlace::in_namespace(
                ObjectKind::Secret,
                &credential.namespace,
                &credential.marker,
            ),
            uid: credential.marker_uid.clone(),
            what: format!(
                "credential {} of {}/{}",
                credential.id, credential.namespace, credential.account
            ),
        }
    }

    fn of_object(kind: ObjectKind, object: &Value) -> Option<Self> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let name = text("/metadata/name")?;
        let place = match text("/metadata/namespace") {
            Some(namespace) => ObjectPlace::in_namespace(kind, namespace, name),
            None => ObjectPlace::of_cluster(kind, name),
        };
        let what = match &place.namespace {
            Some(namespace) => format!("namespace {namespace}"),
            None => "the whole cluster".to_owned(),
        };
        Some(Self {
            what,
            place,
            uid: text("/metadata/uid")?.to_owned(),
        })
    }
}

/// Which credential a text names, among these.
pub fn choose<'a>(credentials: &'a [Credential], text: &str) -> Result<&'a Credential, Unclear> {
    let exact = credentials.iter().find(|credential| credential.id == text);
    let mut meant = credentials
        .iter()
        .filter(|credential| credential.is_meant_by(text));
    match (exact, meant.next(), meant.next()) {
        (Some(one), ..) | (None, Some(one), None) => Ok(one),
        (None, None, _) => Err(Unclear::None),
        (None, Some(_), Some(_)) => Err(Unclear::Several),
    }
}

/// A text names no credential, or more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    None,
    Several,
}

/// What there is in a namespace and the cluster, from which the objects of one account are picked.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// All bindings of the namespace, also those of others.
    pub bindings: &'a [Value],
    /// The roles of the namespace that this program made.
    pub roles: &'a [Value],
    /// The bindings of the cluster that this program made.
    pub cluster_bindings: &'a [Value],
    /// The service account itself.
    pub account: Option<&'a Value>,
}

/// Everything that was made for this account: its bindings, roles that nobody else is bound to, and the account itself
/// where this program made it.
pub fn grant_objects(name: &AccountName, around: Surroundings<'_>) -> Vec<Removal> {
    let (mine, others): (Vec<_>, Vec<_>) = around
        .bindings
        .iter()
        .partition(|binding| is_own(binding) && binds(binding, name));
    let kept: Vec<_> = others
        .iter()
        .filter_map(|binding| role_of(binding))
        .collect();
    let unbound = mine.iter().filter_map(|binding| role_of(binding));
    let unbound: Vec<_> = unbound.filter(|role| !kept.contains(role)).collect();
    let roles = around.roles.iter().filter(|role| {
        let name = role.pointer("/metadata/name").and_then(Value::as_str);
        is_own(role) && name.is_some_and(|name| unbound.contains(&name))
    });
    let cluster_bindings = around
        .cluster_bindings
        .iter()
        .filter(|binding| is_own(binding) && binds(binding, name));
    let account = around.account.into_iter().filter(|account| is_own(account));
    let found = cluster_bindings
        .map(|object| (ObjectKind::ClusterRoleBinding, object))
        .chain(mine.iter().map(|object| (ObjectKind::RoleBinding, *object)))
        .chain(roles.map(|object| (ObjectKind::Role, object)))
        .chain(account.map(|object| (ObjectKind::ServiceAccount, object)));
    found
        .filter_map(|(kind, object)| Removal::of_object(kind, object))
        .collect()
}

/// The role of the namespace that a binding gives.
fn role_of(binding: &Value) -> Option<&str> {
    let role = binding.get("roleRef")?;
    (role["kind"] == "Role").then_some(())?;
    role.get("name")?.as_str()
}

fn label_of<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

fn is_own(object: &Value) -> bool {
    label_of(object, label::MANAGED_BY) == Some(label::MANAGER)
}

fn binds(binding: &Value, account: &AccountName) -> bool {
    let subjects = binding.get("subjects").and_then(Value::as_array);
    subjects.is_some_and(|subjects| {
        subjects.iter().any(|subject| {
            subject["kind"] == "ServiceAccount"
                && subject["namespace"] == account.namespace.as_str()
                && subject["name"] == account.name.as_str()
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, account: Option<&str>) -> Value {
        let labels = account.map_or(json!({}), |account| label::labels(None, Some(account)));
        json!({ "metadata": {
            "name": name, "namespace": "team-a", "uid": format!("uid-{name}"), "labels": labels,
        } })
    }

    fn binding(name: &str, account: Option<&str>, role: &str) -> Value {
        let mut binding = object(name, account);
        binding["roleRef"] = json!({ "kind": "Role", "name": role });
        let name = account.unwrap_or("anybody");
        binding["subjects"] =
            json!([{ "kind": "ServiceAccount", "namespace": "team-a", "name": name }]);
        binding
    }

    fn cluster_binding(namespace: &str, account: &str) -> Value {
        let mut binding = object(
            &format!("kubectl-trainer:{namespace}:{account}"),
            Some(account),
        );
        binding["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("namespace");
        binding["subjects"] =
            json!([{ "kind": "ServiceAccount", "namespace": namespace, "name": account }]);
        binding
    }

    fn removed(bindings: &[Value], roles: &[Value], account: &Value) -> Vec<String> {
        let name = AccountName {
            namespace: "team-a".to_owned(),
            name: "ci".to_owned(),
        };
        let cluster_bindings = [
            cluster_binding("team-a", "ci"),
            cluster_binding("team-b", "ci"),
        ];
        let around = Surroundings {
            bindings,
            roles,
            cluster_bindings: &cluster_bindings,
            account: Some(account),
        };
        let removals = grant_objects(&name, around);
        let places = removals.iter().map(|removal| removal.place.words());
        places.collect()
    }

    #[test]
    fn what_was_made_for_the_account_goes_and_what_others_made_stays() {
        let bindings = [
            binding("mine", Some("ci"), "kubectl-trainer-ci"),
            binding("theirs", None, "hand-made"),
            binding("of-another", Some("notebook"), "kubectl-trainer-submitter"),
        ];
        let roles = [
            object("kubectl-trainer-ci", Some("ci")),
            object("kubectl-trainer-submitter", Some("notebook")),
        ];
        assert_eq!(
            removed(&bindings, &roles, &object("ci", Some("ci"))),
            [
                "ClusterRoleBinding kubectl-trainer:team-a:ci",
                "RoleBinding team-a/mine",
                "Role team-a/kubectl-trainer-ci",
                "ServiceAccount team-a/ci",
            ]
        );
    }

    #[test]
    fn an_account_of_the_same_name_in_another_namespace_keeps_what_it_has() {
        let mut foreign = binding("theirs", Some("ci"), "kubectl-trainer-ci");
        foreign["subjects"][0]["namespace"] = "team-b".into();
        let roles = [object("kubectl-trainer-ci", None)];
        assert_eq!(
            removed(&[foreign], &roles, &object("ci", None)),
            ["ClusterRoleBinding kubectl-trainer:team-a:ci"]
        );
    }

    #[test]
    fn a_role_that_another_is_bound_to_stays_and_so_does_an_account_that_was_there_before() {
        let bindings = [
            binding("mine", Some("ci"), "shared"),
            binding("theirs", None, "shared"),
        ];
        let roles = [object("shared", Some("ci"))];
        assert_eq!(
            removed(&bindings, &roles, &object("ci", None)),
            [
                "ClusterRoleBinding kubectl-trainer:team-a:ci",
                "RoleBinding team-a/mine"
            ]
        );
    }
}
