//! Commands that grant exactly the missing rules to exactly one subject, for an administrator to paste. Pure.

use serde_json::{Value, json};

use crate::cluster::{Access, AccountName, shell_word};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Who is to get the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check::trainer) enum Subject {
    User(String),
    Account(AccountName),
}

impl Subject {
    /// Part of a role's name. A user may be an ARN or a URL, but a name of RBAC holds no `/` and no `%`.
    fn name(&self) -> String {
        match self {
            Self::User(user) => user.replace(['/', '%'], "-"),
            Self::Account(account) => format!("{}:{}", account.namespace, account.name),
        }
    }

    fn object(&self) -> Value {
        match self {
            Self::User(user) => json!({"kind": "User", "apiGroup": RBAC, "name": user}),
            Self::Account(account) => {
                json!({"kind": "ServiceAccount", "namespace": account.namespace, "name": account.name})
            }
        }
    }
}

/// `auth reconcile` adds rules and subjects to what is there, so that a second grant takes nothing of the first.
pub(in crate::check::trainer) fn grant(subject: &Subject, missing: &[Access<'_>]) -> String {
    let mut namespaces: Vec<_> = missing.iter().map(|access| access.namespace).collect();
    // Roles of the namespace first, then what belongs to the cluster.
    namespaces.sort_unstable_by(|one, other| other.cmp(one));
    namespaces.dedup();
    let objects = namespaces.into_iter().flat_map(|namespace| {
        let here: Vec<_> = missing
            .iter()
            .filter(|access| access.namespace == namespace)
            .collect();
        role_and_binding(subject, namespace, &here)
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects.collect::<Vec<_>>()});
    pipe(&list, "auth reconcile -f -")
}

/// A command that feeds an object to kubectl.
pub(in crate::check::trainer) fn pipe(object: &Value, arguments: &str) -> String {
    let json = shell_word(&object.to_string());
    format!("echo {json} | kubectl {arguments}")
}

fn role_and_binding(
    subject: &Subject,
    namespace: Option<&str>,
    missing: &[&Access<'_>],
) -> [Value; 2] {
    let version = format!("{RBAC}/v1");
    let prefix = if namespace.is_some() { "" } else { "Cluster" };
    let role = format!("{prefix}Role");
    let name = format!("kubectl-trainer:{}", subject.name());
    let mut metadata = json!({"name": name});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    [
        json!({"apiVersion": version, "kind": role, "metadata": metadata, "rules": rules(missing)}),
        json!({
            "apiVersion": version, "kind": format!("{prefix}RoleBinding"), "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": role, "name": name},
            "subjects": [subject.object()],
        }),
    ]
}

/// One rule a resource, with its verbs in the order given.
fn rules(missing: &[&Access<'_>]) -> Vec<Value> {
    let mut rules: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for access in missing {
        let same = |rule: &&mut (&str, &str, Vec<&str>)| {
            (rule.0, rule.1) == (access.group, access.resource)
        };
        match rules.iter_mut().find(same) {
            Some((_, _, verbs)) => verbs.push(access.verb),
            None => rules.push((access.group, access.resource, vec![access.verb])),
        }
    }
    let rules = rules.into_iter();
    rules
        .map(|(group, resource, verbs)| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs}))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(
        verb: &'static str,
        resource: &'static str,
        namespace: Option<&'static str>,
    ) -> Access<'static> {
        Access {
            verb,
            group: "trainer.kubeflow.org",
            resource,
            namespace,
        }
    }

    fn objects(command: &str) -> Vec<Value> {
        let json = command
            .strip_prefix("echo '")
            .unwrap()
            .split_once("' | ")
            .unwrap()
            .0;
        let list: Value = serde_json::from_str(json).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    #[test]
    fn the_rules_are_those_that_are_missing_and_no_others() {
        let missing = [
            access("create", "trainjobs", Some("team-a")),
            access("list", "trainingruntimes", Some("team-a")),
            access("delete", "trainjobs", Some("team-a")),
            access("get", "clustertrainingruntimes", None),
        ];
        let command = grant(&Subject::User("jane".to_owned()), &missing);
        assert!(
            command.ends_with(" | kubectl auth reconcile -f -"),
            "{command}"
        );
        let objects = objects(&command);
        let kinds: Vec<_> = objects
            .iter()
            .map(|object| object["kind"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]
        );
        assert_eq!(
            objects[0]["rules"],
            json!([
                {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainjobs"], "verbs": ["create", "delete"]},
                {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainingruntimes"], "verbs": ["list"]},
            ])
        );
        assert_eq!(objects[3]["subjects"][0]["name"], "jane");
        assert_eq!(
            objects[3]["metadata"],
            json!({"name": "kubectl-trainer:jane"})
        );
    }

    #[test]
    fn a_service_account_is_bound_from_its_own_namespace() {
        let account = AccountName {
            namespace: "tools".to_owned(),
            name: "ci".to_owned(),
        };
        let command = grant(
            &Subject::Account(account),
            &[access("get", "trainjobs", Some("team-a"))],
        );
        let binding = &objects(&command)[1];
        assert_eq!(
            binding["metadata"],
            json!({"name": "kubectl-trainer:tools:ci", "namespace": "team-a"})
        );
        assert_eq!(
            binding["subjects"],
            json!([{"kind": "ServiceAccount", "namespace": "tools", "name": "ci"}])
        );
    }

    #[test]
    fn a_user_with_a_slash_is_bound_as_is_by_a_role_whose_name_has_none() {
        let user = "arn:aws:sts::123456789012:assumed-role/ml%20team/jane";
        let subject = Subject::User(user.to_owned());
        let objects = objects(&grant(&subject, &[access("get", "trainjobs", Some("a"))]));
        let name = "kubectl-trainer:arn:aws:sts::123456789012:assumed-role-ml-20team-jane";
        assert_eq!(objects[0]["metadata"]["name"], name);
        assert_eq!(objects[1]["metadata"]["name"], name);
        assert_eq!(objects[1]["roleRef"]["name"], name);
        assert_eq!(objects[1]["subjects"][0]["name"], user);
    }

    #[test]
    fn a_name_with_a_quotation_mark_stays_one_word_of_the_shell() {
        let subject = Subject::User("o'neil".to_owned());
        let command = grant(&subject, &[access("get", "trainjobs", Some("a"))]);
        assert!(command.contains(r"o'\''neil"), "{command}");
    }
}
