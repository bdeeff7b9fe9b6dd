//! What would grant a right, as commands for an administrator: of the persona that has it and the least beside it, else
//! of a role that holds just this. Pure.

use crate::{
    access::{
        persona::{Part, Persona},
        rbac::{Actor, Deed},
    },
    cluster::{AccountName, shell_word},
    render::access_why::Granting,
};

/// What would grant it, the least first: a persona that has it, else a role of its own.
///
/// `kubectl` reaches the cluster in question, and acts as nobody else; so does what `program` is given.
pub(super) fn propose(program: &str, kubectl: &str, deed: &Deed, actor: &Actor) -> Vec<Granting> {
    let flags = kubectl.strip_prefix("kubectl").unwrap_or_default();
    let account = AccountName::of_user(&actor.user);
    let from_least = [
        Persona::Viewer,
        Persona::Ci,
        Persona::Submitter,
        Persona::System,
        Persona::Admin,
    ];
    let home = account.as_ref().map(|account| account.namespace.as_str());
    let with_it = from_least.into_iter().filter_map(|persona| {
        let part = part_with(persona, deed)?;
        let namespace = deed.namespace.as_deref().or(home)?;
        let whom = match &account {
            Some(account) if account.namespace == namespace => {
                format!("--service-account {}", shell_word(&account.name))
            }
            Some(account) => {
                let whole = format!("{}/{}", account.namespace, account.name);
                format!("--service-account {}", shell_word(&whole))
            }
            None => format!("--for-user {}", shell_word(&actor.user)),
        };
        let logs = if part == Part::Logs { " --logs" } else { "" };
        let name = persona.name();
        let namespace = shell_word(namespace);
        let command =
            format!("{program}{flags} bootstrap {namespace} --persona {name}{logs} {whom}");
        Some(Granting {
            persona: Some(persona),
            commands: vec![command],
        })
    });
    let found: Vec<_> = with_it.collect();
    if found.is_empty() {
        return vec![Granting {
            persona: None,
            commands: role_commands(kubectl, deed, account.as_ref(), actor),
        }];
    }
    found
}

fn part_with(persona: Persona, deed: &Deed) -> Option<Part> {
    let reads = ["get", "list", "watch"].contains(&deed.verb.as_str());
    if deed.resource == "clustertrainingruntimes" && reads && persona.reads_cluster_runtimes() {
        return Some(Part::Core);
    }
    let namespace = deed.namespace.as_ref()?;
    let (verb, group, resource) = (&deed.verb, &deed.group, &deed.resource);
    match &deed.name {
        Some(name) => persona.part_with_object((verb, group, resource), namespace, name),
        None => persona.part_with(verb, group, resource),
    }
}

/// kubectl's own commands for exactly this.
fn role_commands(
    kubectl: &str,
    deed: &Deed,
    account: Option<&AccountName>,
    actor: &Actor,
) -> Vec<String> {
    let (place, prefix) = match &deed.namespace {
        Some(namespace) => (format!(" -n {}", shell_word(namespace)), ""),
        None => (String::new(), "cluster"),
    };
    let resource = match (deed.resource.split_once('/'), deed.group.as_str()) {
        (None, "") => deed.resource.clone(),
        (None, group) => format!("{}.{group}", deed.resource),
        (Some((resource, part)), "") => format!("{resource}/{part}"),
        (Some((resource, part)), group) => format!("{resource}.{group}/{part}"),
    };
    let named = deed.name.as_ref();
    let named = named.map_or(String::new(), |name| {
        format!(" --resource-name={}", shell_word(name))
    });
    let whom = match account {
        Some(account) => {
            let whole = format!("{}:{}", account.namespace, account.name);
            format!("--serviceaccount={}", shell_word(&whole))
        }
        None => format!("--user={}", shell_word(&actor.user)),
    };
    let name = format!("{}-{}", deed.verb, deed.resource.replace('/', "-"));
    vec![
        format!(
            "{kubectl}{place} create {prefix}role {name} --verb={} --resource={resource}{named}",
            deed.verb
        ),
        format!("{kubectl}{place} create {prefix}rolebinding {name} --{prefix}role={name} {whom}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(verb: &str, resource: &str, name: &str) -> Deed {
        Deed {
            verb: verb.to_owned(),
            group: String::new(),
            resource: resource.to_owned(),
            namespace: Some("team-a".to_owned()),
            name: Some(name.to_owned()),
        }
    }

    #[test]
    fn the_least_persona_comes_first_with_the_flags_of_the_connection() {
        let actor = Actor {
            user: "system:serviceaccount:team-a:ci".to_owned(),
            groups: Vec::new(),
        };
        let own = deed("get", "namespaces", "team-a");
        let found = propose("kubectl trainer", "kubectl --kubeconfig k", &own, &actor);
        assert_eq!(found[0].persona, Some(Persona::Viewer));
        assert_eq!(
            found[0].commands,
            [
                "kubectl trainer --kubeconfig k bootstrap team-a --persona viewer --service-account ci"
            ]
        );
    }

    #[test]
    fn a_right_on_one_object_is_found_in_the_personas_that_name_it() {
        let own = deed("get", "namespaces", "team-a");
        assert_eq!(part_with(Persona::Viewer, &own), Some(Part::Core));
        let exec = deed("create", "pods/exec", "one");
        assert_eq!(part_with(Persona::Admin, &exec), None);
    }

    #[test]
    fn commands_reach_the_cluster_in_question_and_quote_what_a_shell_would_read() {
        let actor = Actor {
            user: "ann; id".to_owned(),
            groups: Vec::new(),
        };
        let found = role_commands(
            "kubectl --kubeconfig k",
            &deed("get", "secrets", "a;b"),
            None,
            &actor,
        );
        assert_eq!(
            found,
            [
                "kubectl --kubeconfig k -n team-a create role get-secrets --verb=get --resource=secrets --resource-name='a;b'",
                "kubectl --kubeconfig k -n team-a create rolebinding get-secrets --role=get-secrets --user='ann; id'"
            ]
        );
    }
}
