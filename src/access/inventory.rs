//! What was granted to service accounts, which credentials of theirs are out, and which bindings of the cluster let
//! them submit training everywhere.

use jiff::Timestamp;
use serde_json::Value;

use super::{credential::Credential, label};
use crate::cluster::AccountName;

/// Kubernetes' own roles and bindings have this label.
const BUILT_IN: &str = "kubernetes.io/bootstrapping";
const TRAINER: &str = "trainer.kubeflow.org";
const JOBS: &str = "trainjobs";

/// A right that this program gave: one of its bindings, for one who is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub namespace: String,
    pub holder: GrantHolder,
    pub persona: Option<String>,
    pub role: String,
    pub binding: String,
    pub created: Option<Timestamp>,
}

/// Who has a right, as a binding names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantHolder {
    /// `ServiceAccount`, `User` or `Group`.
    pub kind: String,
    /// Of a service account.
    pub namespace: Option<String>,
    pub name: String,
}

impl Grant {
    /// From a `RoleBinding`; none for one that is not this program's.
    pub fn of_binding(binding: &Value) -> Vec<Self> {
        let text = |path: &str| binding.pointer(path).and_then(Value::as_str);
        let owned = |path: &str| text(path).unwrap_or_default().to_owned();
        let labels = binding.pointer("/metadata/labels");
        let label = |key: &str| Some(labels?.get(key)?.as_str()?.to_owned());
        if label(label::MANAGED_BY).as_deref() != Some(label::MANAGER) {
            return Vec::new();
        }
        let subjects = binding.get("subjects").and_then(Value::as_array);
        let holders = subjects.into_iter().flatten().map(GrantHolder::of_subject);
        let grant = |holder| Self {
            namespace: owned("/metadata/namespace"),
            holder,
            persona: label(label::PERSONA),
            role: owned("/roleRef/name"),
            binding: owned("/metadata/name"),
            created: text("/metadata/creationTimestamp").and_then(|at| at.parse().ok()),
        };
        holders.map(grant).collect()
    }

    /// The name of the service account of the same namespace that has it, if it is one.
    pub fn own_account(&self) -> Option<&str> {
        let is_here = self.holder.namespace.as_ref() == Some(&self.namespace);
        is_here.then_some(self.holder.name.as_str())
    }
}

impl GrantHolder {
    fn of_subject(subject: &Value) -> Self {
        let text = |field: &str| Some(subject.get(field)?.as_str()?.to_owned());
        Self {
            kind: text("kind").unwrap_or_default(),
            namespace: text("namespace"),
            name: text("name").unwrap_or_default(),
        }
    }

    /// As people read it where a service account of this namespace needs no more than its name.
    pub fn words(&self, here: &str) -> String {
        match &self.namespace {
            Some(namespace) if namespace == here => self.name.clone(),
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => format!("{} {}", self.kind.to_lowercase(), self.name),
        }
    }
}

/// A binding that lets service accounts create TrainJobs in every namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WideBinding {
    pub name: String,
    pub role: String,
    pub accounts: Vec<AccountName>,
    /// Users and groups that it binds too.
    pub others: usize,
}

impl WideBinding {
    /// The commands after which the same accounts may submit training in their own namespaces only; `plugin` is what
    /// runs this program.
    pub fn narrowing(&self, kubectl: &str, plugin: &str) -> Vec<String> {
        let name = &self.name;
        let bind = |account: &AccountName| {
            format!(
                "{plugin} bootstrap {} --service-account {}",
                account.namespace, account.name
            )
        };
        let mut commands: Vec<_> = self.accounts.iter().map(bind).collect();
        // Deleting it would take the right away from people too.
        let last = if self.others == 0 { "delete" } else { "edit" };
        commands.push(format!("{kubectl} {last} clusterrolebinding {name}"));
        commands
    }
}

/// The bindings that are too wide, among all of the cluster.
pub fn find_wide(bindings: &[Value], roles: &[Value]) -> Vec<WideBinding> {
    let creating: Vec<_> = roles
        .iter()
        .filter(|role| creates_jobs(role))
        .filter_map(|role| role.pointer("/metadata/name")?.as_str())
        .collect();
    let wide = bindings.iter().filter_map(|binding| {
        let role = binding.pointer("/roleRef/name")?.as_str()?;
        let own = binding
            .pointer("/metadata/labels")
            .and_then(|labels| labels.get(BUILT_IN));
        (creating.contains(&role) && own.is_none()).then_some(())?;
        let subjects = binding.get("subjects")?.as_array()?;
        let accounts: Vec<_> = subjects.iter().filter_map(account_of).collect();
        let others = subjects
            .iter()
            .filter(|subject| subject["kind"] != "ServiceAccount");
        (!accounts.is_empty()).then(|| WideBinding {
            name: binding
                .pointer("/metadata/name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            role: role.to_owned(),
            accounts,
            others: others.count(),
        })
    });
    wide.collect()
}

/// The cluster's own parts need what they have.
fn account_of(subject: &Value) -> Option<AccountName> {
    let text = |field: &str| subject.get(field).and_then(Value::as_str);
    let namespace = text("namespace")?;
    let counts = text("kind")? == "ServiceAccount" && !namespace.starts_with("kube-");
    counts.then(|| AccountName {
        namespace: namespace.to_owned(),
        name: text("name").unwrap_or_default().to_owned(),
    })
}

fn creates_jobs(role: &Value) -> bool {
    let rules = role.get("rules").and_then(Value::as_array);
    let has = |rule: &Value, field: &str, wanted: &str| {
        let entries = rule.get(field).and_then(Value::as_array);
        entries.is_some_and(|entries| entries.iter().any(|entry| entry == wanted || entry == "*"))
    };
    rules.is_some_and(|rules| {
        rules.iter().any(|rule| {
            has(rule, "apiGroups", TRAINER)
                && has(rule, "resources", JOBS)
                && has(rule, "verbs", "create")
        })
    })
}

/// All that is known, and what could not be asked.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub grants: Vec<Grant>,
    pub credentials: Vec<Credential>,
    pub wide: Vec<WideBinding>,
}

impl Inventory {
    /// Grants by account, then credentials with those first that end last.
    pub fn sort(&mut self) {
        self.grants.sort_by(|one, other| {
            let key = |grant: &Grant| {
                (
                    grant.namespace.clone(),
                    grant.holder.clone(),
                    grant.role.clone(),
                )
            };
            key(one).cmp(&key(other))
        });
        self.credentials.sort_by(|one, other| {
            let key = |credential: &Credential| {
                (
                    credential.namespace.clone(),
                    credential.account.clone(),
                    credential.issued,
                )
            };
            key(one).cmp(&key(other))
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(name: &str, verbs: &[&str]) -> Value {
        json!({
            "metadata": { "name": name },
            "rules": [{
                "apiGroups": [TRAINER],
                "resources": ["clustertrainingruntimes", "trainingruntimes", "trainjobs"],
                "verbs": verbs,
            }],
        })
    }

    fn binding(name: &str, role: &str, subjects: &Value) -> Value {
        json!({
            "metadata": { "name": name },
            "roleRef": { "kind": "ClusterRole", "name": role },
            "subjects": subjects,
        })
    }

    fn editor() -> Value {
        json!({ "kind": "ServiceAccount", "name": "default-editor", "namespace": "team-a" })
    }

    #[test]
    fn a_binding_that_lets_a_namespaces_account_create_jobs_everywhere_is_too_wide() {
        let roles = [
            role("trainer-crd-access", &["get", "create", "delete"]),
            role("view", &["get", "list"]),
            json!({ "metadata": { "name": "cluster-admin" }, "rules": [
                { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] },
            ] }),
        ];
        let system = json!({ "kind": "ServiceAccount", "name": "x", "namespace": "kube-system" });
        let group = json!({ "kind": "Group", "name": "admins" });
        let bindings = [
            binding(
                "default-editor-trainer-binding",
                "trainer-crd-access",
                &json!([editor()]),
            ),
            binding("reads", "view", &json!([editor()])),
            binding("system", "cluster-admin", &json!([system])),
            binding("people", "cluster-admin", &json!([group])),
            binding("mixed", "cluster-admin", &json!([group, editor()])),
        ];
        let wide = find_wide(&bindings, &roles);
        let names: Vec<_> = wide.iter().map(|wide| wide.name.as_str()).collect();
        assert_eq!(names, ["default-editor-trainer-binding", "mixed"]);
        assert_eq!(
            wide[0].narrowing("kubectl", "kubectl trainer"),
            [
                "kubectl trainer bootstrap team-a --service-account default-editor",
                "kubectl delete clusterrolebinding default-editor-trainer-binding",
            ]
        );
        assert_eq!(
            wide[1]
                .narrowing("kubectl", "kubectl trainer")
                .last()
                .map(String::as_str),
            Some("kubectl edit clusterrolebinding mixed")
        );
    }

    #[test]
    fn what_the_cluster_brings_itself_is_not_flagged() {
        let roles = [role("r", &["*"])];
        let mut binding = binding("b", "r", &json!([editor()]));
        binding["metadata"]["labels"] = json!({ BUILT_IN: "rbac-defaults" });
        assert_eq!(find_wide(&[binding], &roles), []);
    }

    #[test]
    fn only_bindings_of_this_program_are_grants() {
        let mut binding = binding("b", "kubectl-trainer-submitter", &json!([editor()]));
        binding["metadata"]["namespace"] = "team-a".into();
        assert_eq!(Grant::of_binding(&binding), []);
        binding["metadata"]["labels"] = label::labels(Some("submitter"), Some("default-editor"));
        let grants = Grant::of_binding(&binding);
        let [grant] = grants.as_slice() else {
            panic!("{grants:?}");
        };
        assert_eq!(
            (
                grant.own_account(),
                grant.persona.as_deref(),
                grant.role.as_str()
            ),
            (
                Some("default-editor"),
                Some("submitter"),
                "kubectl-trainer-submitter"
            )
        );
    }

    #[test]
    fn people_and_accounts_of_other_namespaces_have_grants_too() {
        let ann = json!({ "kind": "User", "name": "ann" });
        let other = json!({ "kind": "ServiceAccount", "name": "ci", "namespace": "team-b" });
        let mut binding = binding("b", "r", &json!([ann, other, editor()]));
        binding["metadata"]["namespace"] = "team-a".into();
        binding["metadata"]["labels"] = label::labels(None, Some("ci"));
        let grants = Grant::of_binding(&binding);
        let words: Vec<_> = grants
            .iter()
            .map(|grant| grant.holder.words("team-a"))
            .collect();
        assert_eq!(words, ["user ann", "team-b/ci", "default-editor"]);
        let own: Vec<_> = grants.iter().filter_map(Grant::own_account).collect();
        assert_eq!(own, ["default-editor"]);
    }
}
