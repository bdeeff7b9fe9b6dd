//! By what the API server's authorizer says that something is allowed: the words of RBAC, read back.

use super::persona::Persona;
use crate::cluster::shell_word;

/// One binding that allows something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// `RoleBinding` or `ClusterRoleBinding`.
    pub kind: String,
    /// Of a `RoleBinding`.
    pub namespace: Option<String>,
    pub name: String,
    /// `Role` or `ClusterRole`.
    pub role_kind: String,
    pub role: String,
    /// Where a whole group is bound, and not the account itself.
    pub group: Option<String>,
}

/// Reads `RBAC: allowed by RoleBinding "NAME/NAMESPACE" of Role "ROLE" to ServiceAccount "…"`; `None` for the words of
/// other authorizers, and for none.
pub fn parse_allowance(reason: &str) -> Option<Allowance> {
    let rest = reason.strip_prefix("RBAC: allowed by ")?;
    let (kind, rest) = rest.split_once(" \"")?;
    let (object, rest) = rest.split_once("\" of ")?;
    let (role_kind, rest) = rest.split_once(" \"")?;
    let (role, rest) = rest.split_once('"')?;
    let group = rest.strip_prefix(" to Group \"");
    let (name, namespace) = match (kind, object.rsplit_once('/')) {
        ("RoleBinding", Some((name, namespace))) => (name, Some(namespace.to_owned())),
        _ => (object, None),
    };
    Some(Allowance {
        kind: kind.to_owned(),
        namespace,
        name: name.to_owned(),
        role_kind: role_kind.to_owned(),
        role: role.to_owned(),
        group: group.map(|rest| rest.trim_end_matches('"').to_owned()),
    })
}

impl Allowance {
    /// For sentences: `RoleBinding team-a/NAME of Role ROLE`, and `to Group GROUP` where it is bound to one.
    pub fn words(&self) -> String {
        let place = self.namespace.as_ref();
        let place = place.map_or(String::new(), |namespace| format!("{namespace}/"));
        let group = self.group.as_ref();
        let group = group.map_or(String::new(), |group| format!(" to Group {group}"));
        format!(
            "{} {place}{} of {} {}{group}",
            self.kind, self.name, self.role_kind, self.role
        )
    }

    /// The command in which an administrator looks at who is bound.
    pub fn edit_command(&self) -> String {
        let place = self.namespace.as_ref();
        let place = place.map_or(String::new(), |namespace| {
            format!("-n {} ", shell_word(namespace))
        });
        let kind = self.kind.to_ascii_lowercase();
        format!("kubectl {place}edit {kind} {}", shell_word(&self.name))
    }

    /// The persona whose Role it binds, if it is one of this program's.
    pub fn persona(&self) -> Option<Persona> {
        Persona::of_role(&self.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_of_a_namespace_is_read_with_its_role() {
        let reason = r#"RBAC: allowed by RoleBinding "kubectl-trainer-ci-bot/team-a" of Role "kubectl-trainer-ci" to ServiceAccount "bot/team-a""#;
        let allowance = parse_allowance(reason).unwrap();
        assert_eq!(
            allowance.words(),
            "RoleBinding team-a/kubectl-trainer-ci-bot of Role kubectl-trainer-ci"
        );
        assert_eq!(
            allowance.edit_command(),
            "kubectl -n team-a edit rolebinding kubectl-trainer-ci-bot"
        );
        assert_eq!(allowance.persona(), Some(Persona::Ci));
    }

    #[test]
    fn a_binding_of_the_cluster_is_read_too() {
        let reason = r#"RBAC: allowed by ClusterRoleBinding "kubectl-trainer:a:b:cluster-runtimes" of ClusterRole "cluster-admin" to Group "g""#;
        let allowance = parse_allowance(reason).unwrap();
        assert_eq!(
            (
                allowance.words().as_str(),
                allowance.edit_command().as_str()
            ),
            (
                "ClusterRoleBinding kubectl-trainer:a:b:cluster-runtimes of ClusterRole cluster-admin to Group g",
                "kubectl edit clusterrolebinding kubectl-trainer:a:b:cluster-runtimes"
            )
        );
        assert_eq!(allowance.persona(), None);
    }

    #[test]
    fn a_name_that_a_shell_would_read_is_quoted() {
        let reason = r#"RBAC: allowed by RoleBinding "a;id/team-a" of Role "r" to ServiceAccount "b/team-a""#;
        let allowance = parse_allowance(reason).unwrap();
        assert_eq!(
            allowance.edit_command(),
            "kubectl -n team-a edit rolebinding 'a;id'"
        );
        assert_eq!(allowance.group, None);
    }

    #[test]
    fn what_other_authorizers_say_names_no_binding() {
        for reason in ["", "allowed by policy", "RBAC: allowed by Magic"] {
            assert_eq!(parse_allowance(reason), None, "{reason}");
        }
    }
}
