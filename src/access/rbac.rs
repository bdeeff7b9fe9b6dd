//! Why somebody may do something, or not, as far as roles and bindings tell: which bindings grant it, and which come
//! near. Whether it is allowed is for the API server to say. Pure.

use serde_json::Value;

/// Kubernetes' own bindings have this label.
const BUILT_IN: &str = "/metadata/labels/kubernetes.io~1bootstrapping";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    pub verb: String,
    /// Empty for the core group.
    pub group: String,
    /// With its part: `pods/log`.
    pub resource: String,
    /// `None` at the cluster scope.
    pub namespace: Option<String>,
    pub name: Option<String>,
}

/// Who is asked about, as the API server knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub user: String,
    pub groups: Vec<String>,
}

/// All roles and bindings that could be read.
#[derive(Clone, Debug, Default)]
pub struct Rbac {
    pub cluster_roles: Vec<Value>,
    pub cluster_bindings: Vec<Value>,
    pub roles: Vec<Value>,
    pub bindings: Vec<Value>,
    /// What could not be read, in words.
    pub unread: Vec<String>,
}

/// A binding of the actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// `RoleBinding` or `ClusterRoleBinding`.
    pub kind: String,
    /// Of a `RoleBinding`.
    pub namespace: Option<String>,
    pub name: String,
    /// `Role` or `ClusterRole`.
    pub role_kind: String,
    pub role: String,
    /// The one of its subjects that is meant: `ServiceAccount team-a/ci`.
    pub subject: String,
}

/// Why something that looks as if it granted it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// A `RoleBinding` grants nothing at the cluster scope.
    DeadRule,
    OtherNamespace,
    OtherGroup,
    OtherVerbs,
    OtherNames,
    /// `pods` is not `pods/log`.
    OtherPart,
    /// The role that is bound is not there.
    NoRole,
    /// A service account of that name in another namespace is bound.
    OtherSubject,
}

/// What comes near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    pub miss: Miss,
    pub detail: String,
}

/// What roles and bindings tell of a deed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    pub granting: Vec<Bound>,
    /// The bindings of the actor that hold where the deed is, but for those that Kubernetes brings itself.
    pub bound: Vec<Bound>,
    pub near: Vec<NearMiss>,
}

/// Looks through all that could be read.
pub fn explain(deed: &Deed, actor: &Actor, rbac: &Rbac) -> Explanation {
    let mut explanation = Explanation::default();
    for binding in rbac.cluster_bindings.iter().chain(&rbac.bindings) {
        let Some(subject) = subject_of(binding, actor) else {
            explanation
                .near
                .extend(judge_subject(deed, actor, binding, rbac));
            continue;
        };
        let bound = Bound::of(binding, subject);
        let Some(rules) = rbac.rules_of(&bound) else {
            explanation
                .near
                .extend(judge_missing_role(deed, &bound, rbac));
            continue;
        };
        let allows = rules
            .iter()
            .any(|rule| judge_rule(rule, deed) == Fit::Allows);
        match bound.reach(deed) {
            Reach::Here => {
                if allows {
                    explanation.granting.push(bound.clone());
                } else {
                    let near = rules.iter().filter_map(|rule| near_rule(rule, deed, &bound));
                    explanation.near.extend(near);
                }
                // What every cluster binds itself says nothing of this actor.
                if binding.pointer(BUILT_IN).is_none() {
                    explanation.bound.push(bound);
                }
            }
            Reach::Below if allows => explanation.near.push(NearMiss {
                miss: Miss::DeadRule,
                detail: format!(
                    "{} has it, but is bound by {}, and a RoleBinding grants nothing at the cluster scope",
                    bound.role_words(),
                    bound.binding_words()
                ),
            }),
            Reach::Elsewhere if allows => explanation.near.push(NearMiss {
                miss: Miss::OtherNamespace,
                detail: format!(
                    "{} grants it in namespace {}, not here",
                    bound.binding_words(),
                    bound.namespace.as_deref().unwrap_or_default()
                ),
            }),
            Reach::Below | Reach::Elsewhere => {}
        }
    }
    explanation.near.dedup();
    explanation
}

/// Where a binding holds, seen from the deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Here,
    /// In one namespace, while the deed is the whole cluster's.
    Below,
    Elsewhere,
}

impl Bound {
    fn of(binding: &Value, subject: String) -> Self {
        let text = |path: &str| {
            let value = binding.pointer(path).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let namespace = Some(text("/metadata/namespace")).filter(|name| !name.is_empty());
        Self {
            kind: match namespace {
                Some(_) => "RoleBinding".to_owned(),
                None => "ClusterRoleBinding".to_owned(),
            },
            namespace,
            name: text("/metadata/name"),
            role_kind: text("/roleRef/kind"),
            role: text("/roleRef/name"),
            subject,
        }
    }

    fn reach(&self, deed: &Deed) -> Reach {
        match (&self.namespace, &deed.namespace) {
            (None, _) => Reach::Here,
            (Some(_), None) => Reach::Below,
            (Some(own), Some(asked)) if own == asked => Reach::Here,
            (Some(_), Some(_)) => Reach::Elsewhere,
        }
    }

    /// `RoleBinding team-a/NAME`.
    pub fn binding_words(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// `Role team-a/NAME`.
    pub fn role_words(&self) -> String {
        match (&self.namespace, self.role_kind.as_str()) {
            (Some(namespace), "Role") => format!("Role {namespace}/{}", self.role),
            (_, kind) => format!("{kind} {}", self.role),
        }
    }
}

impl Rbac {
    /// The rules of the role that is bound; `None` where it could not be found.
    fn rules_of(&self, bound: &Bound) -> Option<Vec<Value>> {
        let (roles, namespace) = match bound.role_kind.as_str() {
            "Role" => (&self.roles, bound.namespace.as_deref()),
            _ => (&self.cluster_roles, None),
        };
        let found = roles.iter().find(|role| {
            let text = |path: &str| role.pointer(path).and_then(Value::as_str);
            text("/metadata/name") == Some(bound.role.as_str())
                && text("/metadata/namespace") == namespace
        })?;
        let listed = found.get("rules").and_then(Value::as_array);
        Some(listed.cloned().unwrap_or_default())
    }
}

/// The subject of a binding that is the actor, in words.
fn subject_of(binding: &Value, actor: &Actor) -> Option<String> {
    let subjects = binding.get("subjects")?.as_array()?;
    let here = binding
        .pointer("/metadata/namespace")
        .and_then(Value::as_str);
    subjects.iter().find_map(|subject| {
        let text = |field: &str| subject.get(field).and_then(Value::as_str);
        let name = text("name")?;
        match text("kind")? {
            "User" if name == actor.user => Some(format!("User {name}")),
            "Group" if actor.groups.iter().any(|group| group == name) => {
                Some(format!("Group {name}"))
            }
            "ServiceAccount" => {
                let namespace = text("namespace").or(here)?;
                let user = format!("system:serviceaccount:{namespace}:{name}");
                (user == actor.user).then(|| format!("ServiceAccount {namespace}/{name}"))
            }
            _ => None,
        }
    })
}

/// A binding that would grant it, to an account of the same name elsewhere.
fn judge_subject(deed: &Deed, actor: &Actor, binding: &Value, rbac: &Rbac) -> Option<NearMiss> {
    let account = actor.user.strip_prefix("system:serviceaccount:")?;
    let (own_namespace, own_name) = account.split_once(':')?;
    let subjects = binding.get("subjects")?.as_array()?;
    let text = |subject: &Value, field: &str| Some(subject.get(field)?.as_str()?.to_owned());
    let other = subjects.iter().find_map(|subject| {
        let is_namesake = text(subject, "kind")? == "ServiceAccount"
            && text(subject, "name")? == own_name
            && text(subject, "namespace")? != own_namespace;
        is_namesake.then(|| text(subject, "namespace"))?
    })?;
    let bound = Bound::of(binding, String::new());
    let rules = rbac.rules_of(&bound)?;
    let allows = rules
        .iter()
        .any(|rule| judge_rule(rule, deed) == Fit::Allows);
    (allows && bound.reach(deed) == Reach::Here).then(|| NearMiss {
        miss: Miss::OtherSubject,
        detail: format!(
            "{} grants it to service account {other}/{own_name}, not to {own_namespace}/{own_name}",
            bound.binding_words()
        ),
    })
}

/// A role that could not be read may be there all the same.
fn judge_missing_role(deed: &Deed, bound: &Bound, rbac: &Rbac) -> Option<NearMiss> {
    (rbac.unread.is_empty() && bound.reach(deed) == Reach::Here).then(|| NearMiss {
        miss: Miss::NoRole,
        detail: format!(
            "{} binds {}, which does not exist",
            bound.binding_words(),
            bound.role_words()
        ),
    })
}

/// How a rule and a deed go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Allows,
    OtherGroup,
    OtherVerbs,
    OtherNames,
    OtherPart,
    No,
}

fn entries<'a>(rule: &'a Value, field: &str) -> Vec<&'a str> {
    let entries = rule.get(field).and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn judge_rule(rule: &Value, deed: &Deed) -> Fit {
    let has = |field: &str, wanted: &str| {
        let entries = entries(rule, field);
        entries
            .iter()
            .any(|entry| *entry == "*" || *entry == wanted)
    };
    let verb = has("verbs", &deed.verb);
    let group = has("apiGroups", &deed.group);
    let resource = has("resources", &deed.resource)
        || deed
            .resource
            .split_once('/')
            .is_some_and(|(_, part)| has("resources", &format!("*/{part}")));
    let base = deed.resource.split('/').next().unwrap_or_default();
    let literal = entries(rule, "resources").contains(&deed.resource.as_str());
    let objects = entries(rule, "resourceNames");
    let named = objects.is_empty()
        || deed
            .name
            .as_ref()
            .is_some_and(|name| objects.contains(&name.as_str()));
    match (group, resource, verb, named) {
        (true, true, true, true) => Fit::Allows,
        (true, true, true, false) => Fit::OtherNames,
        (true, true, false, true) => Fit::OtherVerbs,
        // Whoever has all of another group has not come near this one.
        (false, true, true, _) if literal => Fit::OtherGroup,
        (true, false, true, _) if entries(rule, "resources").contains(&base) => Fit::OtherPart,
        _ => Fit::No,
    }
}

fn near_rule(rule: &Value, deed: &Deed, bound: &Bound) -> Option<NearMiss> {
    let owner = bound.role_words();
    let list = |field: &str| entries(rule, field).join(", ");
    let (miss, detail) = match judge_rule(rule, deed) {
        Fit::OtherVerbs => (
            Miss::OtherVerbs,
            format!(
                "{owner} allows {} there, and not {}",
                list("verbs"),
                deed.verb
            ),
        ),
        Fit::OtherGroup => (
            Miss::OtherGroup,
            format!(
                "{owner} names {} of apiGroup \"{}\", which is another than \"{}\"",
                deed.resource,
                list("apiGroups"),
                deed.group
            ),
        ),
        Fit::OtherNames => (
            Miss::OtherNames,
            format!("{owner} allows it for {} alone", list("resourceNames")),
        ),
        Fit::OtherPart => (
            Miss::OtherPart,
            format!(
                "{owner} names {}, which does not include {}",
                list("resources"),
                deed.resource
            ),
        ),
        Fit::Allows | Fit::No => return None,
    };
    Some(NearMiss { miss, detail })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TRAINER: &str = "trainer.kubeflow.org";

    fn deed(verb: &str, resource: &str, namespace: Option<&str>) -> Deed {
        let group = if resource.starts_with("pods") {
            ""
        } else {
            TRAINER
        };
        Deed {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: None,
        }
    }

    fn actor() -> Actor {
        Actor {
            user: "system:serviceaccount:team-a:ci".to_owned(),
            groups: vec!["system:authenticated".to_owned()],
        }
    }

    fn role(namespace: Option<&str>, name: &str, rule: &Value) -> Value {
        let mut made = json!({ "metadata": { "name": name }, "rules": [rule] });
        if let Some(namespace) = namespace {
            made["metadata"]["namespace"] = namespace.into();
        }
        made
    }

    fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
        json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
    }

    fn binding(namespace: Option<&str>, role: (&str, &str), account: &str) -> Value {
        let mut binding = json!({
            "metadata": { "name": "b" },
            "roleRef": { "kind": role.0, "name": role.1 },
            "subjects": [{ "kind": "ServiceAccount", "namespace": account, "name": "ci" }],
        });
        if let Some(namespace) = namespace {
            binding["metadata"]["namespace"] = namespace.into();
        }
        binding
    }

    /// One Role of team-a with this rule, bound there.
    fn world(rule: &Value) -> Rbac {
        Rbac {
            roles: vec![role(Some("team-a"), "r", rule)],
            bindings: vec![binding(Some("team-a"), ("Role", "r"), "team-a")],
            ..Rbac::default()
        }
    }

    fn misses(deed: &Deed, rbac: &Rbac) -> Vec<Miss> {
        let explanation = explain(deed, &actor(), rbac);
        assert_eq!(explanation.granting, []);
        explanation.near.iter().map(|near| near.miss).collect()
    }

    #[test]
    fn a_binding_whose_role_has_it_grants_it() {
        let rbac = world(&rule(TRAINER, &["trainjobs"], &["create"]));
        let explanation = explain(
            &deed("create", "trainjobs", Some("team-a")),
            &actor(),
            &rbac,
        );
        let [bound] = explanation.granting.as_slice() else {
            panic!("{explanation:?}");
        };
        assert_eq!(
            (
                bound.binding_words().as_str(),
                bound.role_words().as_str(),
                bound.subject.as_str()
            ),
            (
                "RoleBinding team-a/b",
                "Role team-a/r",
                "ServiceAccount team-a/ci"
            )
        );
    }

    #[test]
    fn what_everybody_may_is_granted_to_their_group() {
        let mut everybody = binding(None, ("ClusterRole", "view"), "x");
        everybody["subjects"] = json!([{ "kind": "Group", "name": "system:authenticated" }]);
        let rbac = Rbac {
            cluster_roles: vec![role(None, "view", &rule("*", &["*"], &["*"]))],
            cluster_bindings: vec![everybody],
            ..Rbac::default()
        };
        let explanation = explain(
            &deed("list", "clustertrainingruntimes", None),
            &actor(),
            &rbac,
        );
        assert_eq!(
            explanation.granting[0].subject,
            "Group system:authenticated"
        );
    }

    #[test]
    fn each_way_of_coming_near_is_told_apart() {
        let create = deed("create", "trainjobs", Some("team-a"));
        for (rule, expected) in [
            (rule(TRAINER, &["trainjobs"], &["get"]), Miss::OtherVerbs),
            (
                rule("kubeflow.org", &["trainjobs"], &["create"]),
                Miss::OtherGroup,
            ),
        ] {
            assert_eq!(misses(&create, &world(&rule)), [expected]);
        }
        let log = deed("get", "pods/log", Some("team-a"));
        assert_eq!(
            misses(&log, &world(&rule("", &["pods"], &["get"]))),
            [Miss::OtherPart]
        );
        let mut named = rule(TRAINER, &["trainjobs"], &["get"]);
        named["resourceNames"] = json!(["one"]);
        let get = deed("get", "trainjobs", Some("team-a"));
        assert_eq!(misses(&get, &world(&named)), [Miss::OtherNames]);
        // Other verbs on other objects, and all of another group, are not near.
        assert_eq!(misses(&create, &world(&named)), []);
        let everything = rule("kubeflow.org", &["*"], &["*"]);
        assert_eq!(misses(&create, &world(&everything)), []);
        assert_eq!(misses(&create, &world(&rule("", &["pods"], &["get"]))), []);
    }

    #[test]
    fn a_role_binding_never_reaches_the_cluster_or_another_namespace() {
        let rbac = Rbac {
            cluster_roles: vec![role(None, "view", &rule(TRAINER, &["*"], &["list"]))],
            bindings: vec![binding(Some("team-a"), ("ClusterRole", "view"), "team-a")],
            ..Rbac::default()
        };
        let of_cluster = deed("list", "clustertrainingruntimes", None);
        assert_eq!(misses(&of_cluster, &rbac), [Miss::DeadRule]);
        let elsewhere = deed("list", "trainjobs", Some("team-b"));
        assert_eq!(misses(&elsewhere, &rbac), [Miss::OtherNamespace]);
    }

    #[test]
    fn a_namesake_and_a_role_that_is_not_there_are_seen() {
        let create = deed("create", "trainjobs", Some("team-a"));
        let mut rbac = world(&rule(TRAINER, &["trainjobs"], &["create"]));
        rbac.bindings = vec![binding(Some("team-a"), ("Role", "r"), "default")];
        assert_eq!(misses(&create, &rbac), [Miss::OtherSubject]);
        rbac.bindings = vec![binding(Some("team-a"), ("Role", "gone"), "team-a")];
        assert_eq!(misses(&create, &rbac), [Miss::NoRole]);
        rbac.unread.push("roles".to_owned());
        assert_eq!(misses(&create, &rbac), []);
    }
}
