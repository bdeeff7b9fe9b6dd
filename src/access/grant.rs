//! The objects that give somebody a persona in a namespace. One binding for each who is bound: the subjects of a
//! binding are one list to the server, and whoever writes it last would take the others' rights away.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    label::{self, MANAGER},
    persona::{Part, Persona, role_name},
};
use crate::cluster::{AccountName, Manifest, ObjectKind, ObjectPlace};

/// The `ClusterRole` that reads the cluster's runtimes and nothing else.
pub const CLUSTER_RUNTIMES_ROLE: &str = "kubectl-trainer-cluster-runtimes-view";
const RBAC: &str = "rbac.authorization.k8s.io";
/// Letters of a digest that stands for a name that no object can have.
const DIGEST_LETTERS: usize = 16;

/// Who gets rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Account(AccountName),
    User(String),
    Group(String),
}

impl Subject {
    /// For sentences.
    pub fn words(&self) -> String {
        match self {
            Self::Account(account) => {
                format!("service account {}/{}", account.namespace, account.name)
            }
            Self::User(name) => format!("user {name}"),
            Self::Group(name) => format!("group {name}"),
        }
    }

    fn reference(&self) -> Value {
        match self {
            Self::Account(account) => json!({
                "kind": "ServiceAccount",
                "name": account.name,
                "namespace": account.namespace,
            }),
            Self::User(name) => json!({ "apiGroup": RBAC, "kind": "User", "name": name }),
            Self::Group(name) => json!({ "apiGroup": RBAC, "kind": "Group", "name": name }),
        }
    }

    /// A part of a binding's name that nobody else's binding in the namespace has: accounts of the namespace by their
    /// names, in which there is no colon.
    fn key(&self, namespace: &str) -> String {
        match self {
            Self::Account(account) if account.namespace == namespace => {
                // `diagnose-x` would be taken for the binding of x to that part.
                let parts = [Part::Logs, Part::Diagnose, Part::Delegate];
                let named_as_part = parts.iter().any(|part| {
                    let prefix = part.suffix().trim_start_matches('-');
                    account.name.starts_with(&format!("{prefix}-"))
                });
                if named_as_part {
                    format!("account:{namespace}:{}", account.name)
                } else {
                    account.name.clone()
                }
            }
            Self::Account(account) => format!("account:{}:{}", account.namespace, account.name),
            Self::User(name) => format!("user:{}", part_of_name(name)),
            Self::Group(name) => format!("group:{}", part_of_name(name)),
        }
    }

    fn account(&self) -> Option<&str> {
        match self {
            Self::Account(account) => Some(&account.name),
            Self::User(_) | Self::Group(_) => None,
        }
    }
}

/// A name as a part of an object's name: as it is where it can be one, else a digest of it.
fn part_of_name(name: &str) -> String {
    let sound = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '-' | '.' | '@');
    if name.len() <= 100 && name.chars().all(sound) {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let mut letters = String::new();
    for byte in &digest {
        letters.push_str(&format!("{byte:02x}"));
    }
    letters.truncate(DIGEST_LETTERS);
    letters
}

/// Metadata with the labels of everything that is made for a persona, and for an account where it is about one.
pub(super) fn labels(persona: Option<Persona>, account: Option<&str>) -> Value {
    json!({ "labels": label::labels(persona.map(Persona::name), account) })
}

pub fn namespace(name: &str) -> Manifest {
    let place = ObjectPlace::of_cluster(ObjectKind::Namespace, name);
    Manifest::new(place, json!({ "metadata": labels(None, None) }))
}

/// A service account. Pods of training code get no token of it.
pub fn account(account: &AccountName, persona: Persona) -> Manifest {
    let place = ObjectPlace::in_namespace(
        ObjectKind::ServiceAccount,
        &account.namespace,
        &account.name,
    );
    let mut fields = json!({ "metadata": labels(Some(persona), Some(&account.name)) });
    if persona == Persona::UserCode {
        fields["automountServiceAccountToken"] = json!(false);
    }
    Manifest::new(place, fields)
}

/// The Role of each part that the persona has.
pub fn roles(namespace: &str, persona: Persona, parts: &[Part]) -> Vec<Manifest> {
    let role = |part: &Part| {
        let rules: Vec<_> = persona
            .rules(*part)
            .iter()
            .map(|rule| rule.in_role(namespace))
            .collect();
        let name = role_name(persona, *part);
        let place = ObjectPlace::in_namespace(ObjectKind::Role, namespace, name);
        let fields = json!({ "metadata": labels(Some(persona), None), "rules": rules });
        (!rules.is_empty()).then(|| Manifest::new(place, fields))
    };
    parts.iter().filter_map(role).collect()
}

/// The bindings of one subject to the Roles of [`roles`].
pub fn bindings(
    namespace: &str,
    persona: Persona,
    parts: &[Part],
    subject: &Subject,
) -> Vec<Manifest> {
    let held = parts
        .iter()
        .filter(|part| !persona.rules(**part).is_empty());
    let binding = |part: &Part| {
        let role = role_name(persona, *part);
        binding(
            namespace,
            &role,
            subject,
            &labels(Some(persona), subject.account()),
        )
    };
    held.map(binding).collect()
}

/// One subject bound to one Role of the namespace, under a name made of both.
pub(super) fn binding(
    namespace: &str,
    role: &str,
    subject: &Subject,
    metadata: &Value,
) -> Manifest {
    let name = format!("{role}-{}", subject.key(namespace));
    let place = ObjectPlace::in_namespace(ObjectKind::RoleBinding, namespace, name);
    Manifest::new(
        place,
        json!({
            "metadata": metadata,
            "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": role },
            "subjects": [subject.reference()],
        }),
    )
}

/// The binding's name by which a subject reads the cluster's runtimes for its work in this namespace.
pub fn cluster_runtimes_binding(namespace: &str, subject: &Subject) -> String {
    match subject {
        Subject::Account(account) => format!(
            "kubectl-trainer:{}:{}:cluster-runtimes",
            account.namespace, account.name
        ),
        other => format!("kubectl-trainer:{}:cluster-runtimes", other.key(namespace)),
    }
}

/// Reading the cluster's runtimes, for this subject alone.
pub fn cluster_runtimes(namespace: &str, persona: Persona, subject: &Subject) -> [Manifest; 2] {
    let binding = ObjectPlace::of_cluster(
        ObjectKind::ClusterRoleBinding,
        cluster_runtimes_binding(namespace, subject),
    );
    let role = json!({ "apiGroup": RBAC, "kind": "ClusterRole", "name": CLUSTER_RUNTIMES_ROLE });
    let fields = json!({
        "metadata": labels(Some(persona), subject.account()),
        "roleRef": role,
        "subjects": [subject.reference()],
    });
    [cluster_runtimes_role(), Manifest::new(binding, fields)]
}

/// The role behind [`cluster_runtimes`].
pub fn cluster_runtimes_role() -> Manifest {
    let place = ObjectPlace::of_cluster(ObjectKind::ClusterRole, CLUSTER_RUNTIMES_ROLE);
    let rule = json!({
        "apiGroups": ["trainer.kubeflow.org"],
        "resources": ["clustertrainingruntimes"],
        "verbs": ["get", "list", "watch"],
    });
    let fields = json!({ "metadata": labels(None, None), "rules": [rule] });
    Manifest::new(place, fields)
}

/// Amounts by resource, as they were typed.
pub type Amounts = [(String, String)];

/// What all objects of the namespace together may have. `trainjobs` counts TrainJobs.
pub fn quota(namespace: &str, hard: &Amounts) -> Manifest {
    let hard: Value = hard
        .iter()
        .map(|(resource, amount)| match resource.as_str() {
            "trainjobs" => ("count/trainjobs.trainer.kubeflow.org".to_owned(), amount),
            resource => (resource.to_owned(), amount),
        })
        .map(|(resource, amount)| (resource, Value::from(amount.as_str())))
        .collect();
    let place = ObjectPlace::in_namespace(ObjectKind::ResourceQuota, namespace, MANAGER);
    let fields = json!({ "metadata": labels(None, None), "spec": { "hard": hard } });
    Manifest::new(place, fields)
}

/// What a container gets that does not say what it needs; a quota refuses such containers otherwise.
pub fn limits(namespace: &str, default: &Amounts) -> Manifest {
    let amounts: Value = default
        .iter()
        .map(|(resource, amount)| (resource.clone(), Value::from(amount.as_str())))
        .collect();
    let place = ObjectPlace::in_namespace(ObjectKind::LimitRange, namespace, MANAGER);
    let limit = json!({ "default": amounts, "defaultRequest": amounts, "type": "Container" });
    let fields = json!({ "metadata": labels(None, None), "spec": { "limits": [limit] } });
    Manifest::new(place, fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str) -> Subject {
        Subject::Account(AccountName {
            namespace: "team-a".to_owned(),
            name: name.to_owned(),
        })
    }

    fn names(subject: &Subject) -> Vec<String> {
        let parts = [Part::Core, Part::Diagnose];
        let bindings = bindings("team-a", Persona::Submitter, &parts, subject);
        bindings.into_iter().map(|it| it.place.name).collect()
    }

    #[test]
    fn each_part_has_a_role_and_each_subject_a_binding_to_each() {
        let parts = [Part::Core, Part::Diagnose, Part::Delegate];
        let roles = roles("team-a", Persona::Submitter, &parts);
        let places: Vec<_> = roles.iter().map(|it| it.place.words()).collect();
        assert_eq!(
            places,
            [
                "Role team-a/kubectl-trainer-submitter",
                "Role team-a/kubectl-trainer-submitter-diagnose"
            ]
        );
        assert_eq!(
            names(&own("trainer-submitter")),
            [
                "kubectl-trainer-submitter-trainer-submitter",
                "kubectl-trainer-submitter-diagnose-trainer-submitter"
            ]
        );
    }

    #[test]
    fn no_two_subjects_share_a_binding() {
        let account = |namespace: &str, name: &str| {
            Subject::Account(AccountName {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
        };
        let subjects = [
            own("jane"),
            own("user-jane"),
            own("diagnose-jane"),
            account("user", "jane"),
            Subject::User("jane".to_owned()),
            Subject::Group("jane".to_owned()),
            Subject::User("Jane Doe".to_owned()),
            Subject::User("jane@example.com".to_owned()),
        ];
        let mut every: Vec<_> = subjects.iter().flat_map(names).collect();
        assert!(every.contains(&"kubectl-trainer-submitter-user:jane@example.com".to_owned()));
        assert!(every.iter().all(|name| !name.contains(['/', '%', ' '])));
        let count = every.len();
        every.sort();
        every.dedup();
        assert_eq!(every.len(), count);
    }

    #[test]
    fn reading_cluster_runtimes_is_bound_to_one_account_alone() {
        let [role, binding] = cluster_runtimes("team-a", Persona::Ci, &own("bot"));
        assert_eq!(role.place.name, CLUSTER_RUNTIMES_ROLE);
        assert_eq!(
            binding.place.name,
            "kubectl-trainer:team-a:bot:cluster-runtimes"
        );
        assert_eq!(
            binding.body["subjects"],
            json!([{ "kind": "ServiceAccount", "name": "bot", "namespace": "team-a" }])
        );
    }

    #[test]
    fn training_code_gets_no_token_in_its_pods() {
        let code = AccountName {
            namespace: "team-a".to_owned(),
            name: "code".to_owned(),
        };
        let manifest = account(&code, Persona::UserCode);
        assert_eq!(manifest.body["automountServiceAccountToken"], false);
        let manifest = account(&code, Persona::Submitter);
        assert_eq!(manifest.body.get("automountServiceAccountToken"), None);
    }

    #[test]
    fn trainjobs_are_counted_under_their_long_name() {
        let amounts = [("trainjobs".to_owned(), "5".to_owned())];
        assert_eq!(
            quota("team-a", &amounts).body["spec"]["hard"],
            json!({ "count/trainjobs.trainer.kubeflow.org": "5" })
        );
    }
}
