//! What kind of value each argument takes, so that TAB can offer some. Every argument with a value has its row here,
//! or its few values in the grammar; a test holds that.

use clap::Arg;

/// What an argument's value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Entries of the kubeconfig.
    Context,
    Cluster,
    User,
    Namespace,
    TrainJob,
    /// Of a TrainJob that is named beside it: `node-0`.
    Step,
    /// The number of a node: `0`.
    Node,
    Container,
    /// A runtime of the cluster or of a namespace; also `KIND/NAME`.
    Runtime,
    ClusterRuntime,
    /// Also `NAMESPACE/NAME`.
    ServiceAccount,
    /// A service account under the name that it logs in with.
    Login,
    Group,
    Secret,
    /// The id of a credential that was given out.
    Credential,
    /// The id of a check of `verify`.
    Check,
    /// The id of any check, or the code of a reason.
    Page,
    Persona,
    /// The default roles that the shipped ones become part of.
    RoleFamily,
    Verb,
    Resource,
    Quota,
    Limits,
    Labels,
    File,
    Folder,
    /// A time, an address, a pattern: nobody can know it before it is typed.
    Free,
}

/// What this argument of the command of that name takes.
pub(super) fn value_kind(command: &str, argument: &Arg) -> Option<ValueKind> {
    use ValueKind as Kind;
    let kind = match (command, argument.get_id().as_str()) {
        (_, "namespace" | "named") => Kind::Namespace,
        (_, "context") => Kind::Context,
        (_, "cluster") => Kind::Cluster,
        (_, "user") => Kind::User,
        (_, "act_as") => Kind::Login,
        (_, "act_as_groups" | "for_group") => Kind::Group,
        (_, "job") => Kind::TrainJob,
        (_, "step") => Kind::Step,
        (_, "node") => Kind::Node,
        (_, "container" | "exclude_container") => Kind::Container,
        ("show", "name") => Kind::Runtime,
        (_, "runtime") => Kind::ClusterRuntime,
        (_, "account" | "service_account" | "system_service_account" | "code_service_account") => {
            Kind::ServiceAccount
        }
        (_, "code_secret" | "credential") => Kind::Secret,
        (_, "credentials") => Kind::Credential,
        (_, "only" | "skip") => Kind::Check,
        ("explain", "id") => Kind::Page,
        (_, "persona") => Kind::Persona,
        (_, "aggregate") => Kind::RoleFamily,
        (_, "verb") => Kind::Verb,
        (_, "resource") => Kind::Resource,
        (_, "quota") => Kind::Quota,
        (_, "limits") => Kind::Limits,
        (_, "selector") => Kind::Labels,
        (
            _,
            "kubeconfig" | "certificate_authority" | "client_certificate" | "client_key" | "file",
        ) => Kind::File,
        (_, "cache_dir" | "save" | "from" | "folder") => Kind::Folder,
        _ => return free(argument),
    };
    Some(kind)
}

/// What is free is known by what the help calls it.
fn free(argument: &Arg) -> Option<ValueKind> {
    const FREE: [&str; 15] = [
        "URL",
        "TOKEN",
        "PASSWORD",
        "UID",
        "KEY=VALUE",
        "DURATION",
        "TIME",
        "LINES",
        "REGEX",
        "WINDOW",
        "SIZE",
        "NUMBER",
        "LEVEL",
        "IMAGE",
        "NAME",
    ];
    let names = argument.get_value_names()?;
    let is_free = names.iter().all(|name| FREE.contains(&name.as_str()));
    is_free.then_some(ValueKind::Free)
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;
    use crate::cli::command;

    fn without_a_row(command: &Command, found: &mut Vec<String>) {
        let takes_a_value = |argument: &&Arg| {
            argument
                .get_num_args()
                .is_some_and(|count| count.takes_values())
                && argument.get_possible_values().is_empty()
        };
        for argument in command.get_arguments().filter(takes_a_value) {
            if value_kind(command.get_name(), argument).is_none() {
                found.push(format!("{} {}", command.get_name(), argument.get_id()));
            }
        }
        for inner in command.get_subcommands() {
            without_a_row(inner, found);
        }
    }

    #[test]
    fn tab_knows_what_every_argument_takes() {
        let mut grammar = command("kubectl trainer");
        grammar.build();
        let mut found = Vec::new();
        without_a_row(&grammar, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
