//! `access why`: whether somebody may do something, by the API server's own judgement, and by which role and binding; or
//! what is missing.

use futures::join;

use super::proposals::propose;
use crate::{
    access::rbac::{Actor, Deed, Rbac, explain},
    cli::{AccountReference, parse_account},
    cluster::{
        Access, AccessAnswer, AccessQuestion, AccountName, Cluster, ConnectionOptions, Failure,
        FailureKind, Impersonation, ObjectKind, ResourceReach, ServedResource, find_resource,
        nearest,
    },
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render::{
        access_why::{About, Reasoned, render_why, render_why_json},
        document::render_json,
    },
    ui::Ui,
};

/// What may be done to what no server serves.
const IMPERSONATE: &str = "impersonate";
const BIND: &str = "bind";
/// All resources, and all groups of them.
const EVERYTHING: &str = "*";
/// What else is known of a user, by keys: `userextras/scopes`.
const USER_EXTRAS: &str = "userextras";

/// Tell whether somebody may do something, and why, or what is missing
///
/// The API server says whether it is allowed; which bindings and roles allow it, or come near, is read from those that
/// you may read. Without --service-account or --as it is about you. Ends with 0 when it is allowed, and 1 when not.
#[derive(clap::Args, Debug)]
pub(super) struct WhyArgs {
    /// Such as get, list, create, patch or delete
    #[arg(value_name = "VERB", value_parser = parse_verb)]
    verb: String,
    /// As kubectl takes it: trainjobs, trainjob, deployments.apps, pods/log
    #[arg(value_name = "RESOURCE", value_parser = parse_resource)]
    resource: String,
    /// One object; without it, all
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Whether this account may; also NAMESPACE/NAME
    #[arg(long, value_name = "NAME", value_parser = parse_account)]
    service_account: Option<AccountReference>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// json: one document, with all that was found
    #[arg(short, long, value_name = "json", hide_possible_values = true)]
    output: Option<WhyFormat>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum WhyFormat {
    Json,
}

fn parse_verb(text: &str) -> Result<String, String> {
    let sound = |letter: char| letter.is_ascii_alphabetic() || "*:-".contains(letter);
    if !text.is_empty() && text.chars().all(sound) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a verb is a word such as get, list, create or impersonate".to_owned())
}

fn parse_resource(text: &str) -> Result<String, String> {
    let sound = |letter: char| letter.is_ascii_alphanumeric() || "-./*".contains(letter);
    if !text.is_empty() && !text.starts_with('/') && text.chars().all(sound) {
        return Ok(text.to_owned());
    }
    Err("expected a resource such as trainjobs, deployments.apps or pods/log".to_owned())
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &WhyArgs,
) -> Result<(), CommandError> {
    let asking = context.connect().await?;
    let own = Cluster::connect(&as_oneself(context.options())).await?;
    let account = account(context, args, &asking)?;
    let given = context.options().namespace.as_deref();
    let wish = Wish::of(given, account.as_ref(), &asking);
    let deed = fetch_deed(args, &wish, &asking).await?;
    if let Some(words) = ignored_words(given, args, &deed) {
        ui.note(&words);
    }
    let (answer, actor) = fetch_verdict(&asking, account.as_ref(), &deed).await?;
    let rbac = Box::pin(fetch_rbac(&own, deed.namespace.as_deref())).await;
    let explanation = explain(&deed, &actor, &rbac);
    let reasoned = Reasoned {
        about: match (&account, &context.options().impersonate.user) {
            (None, None) => About::Caller,
            _ => About::Other,
        },
        granting: match answer {
            AccessAnswer::Allowed(_) => Vec::new(),
            AccessAnswer::Denied(_) => {
                let kubectl = own.target().kubectl_as_oneself();
                propose(context.display_name(), &kubectl, &deed, &actor)
            }
        },
        answer,
        actor,
        explanation,
        unread: rbac.unread,
        deed,
    };
    let text = match args.output {
        Some(WhyFormat::Json) => render_json(&render_why_json(&reasoned)),
        None => render_why(&reasoned, &context.look(ui)),
    };
    ui.answer(&text)?;
    match reasoned.answer {
        AccessAnswer::Allowed(_) => Ok(()),
        AccessAnswer::Denied(_) => Err(CommandError::silent(ErrorKind::Failed)),
    }
}

/// What belongs to the cluster is not looked for in a namespace, also where one was given.
fn ignored_words(given: Option<&str>, args: &WhyArgs, deed: &Deed) -> Option<String> {
    let is_ignored = deed.namespace.is_none() && !args.all_namespaces;
    let given = given.filter(|_| is_ignored)?;
    let resource = &deed.resource;
    Some(format!(
        "{resource} belong to no namespace, so -n {given} is ignored."
    ))
}

/// Roles are read with the caller's own rights, whoever the question is about.
fn as_oneself(options: &ConnectionOptions) -> ConnectionOptions {
    ConnectionOptions {
        impersonate: Impersonation::default(),
        ..options.clone()
    }
}

fn account(
    context: &CommandContext,
    args: &WhyArgs,
    cluster: &Cluster,
) -> Result<Option<AccountName>, CommandError> {
    let Some(reference) = &args.service_account else {
        return Ok(None);
    };
    if context.options().impersonate.user.is_some() {
        let message = "--service-account and --as both name whom it is about";
        return Err(CommandError::new(ErrorKind::Usage, message).with_hint("name one of them"));
    }
    let namespace = reference.namespace.clone();
    Ok(Some(AccountName {
        namespace: namespace.unwrap_or_else(|| cluster.namespace().to_owned()),
        name: reference.name.clone(),
    }))
}

/// Which namespace a question is about, where it is about one.
struct Wish<'a> {
    /// What -n says.
    given: Option<&'a str>,
    /// Else an account is asked about at home, in its own namespace.
    usual: &'a str,
}

impl<'a> Wish<'a> {
    fn of(given: Option<&'a str>, account: Option<&'a AccountName>, cluster: &'a Cluster) -> Self {
        let home = account.map(|account| account.namespace.as_str());
        let home = home.filter(|_| given.is_none());
        Self {
            given,
            usual: home.unwrap_or_else(|| cluster.namespace()),
        }
    }
}

/// What is asked, in the words of rules.
async fn fetch_deed(
    args: &WhyArgs,
    wish: &Wish<'_>,
    cluster: &Cluster,
) -> Result<Deed, CommandError> {
    let served = cluster.fetch_served().await?;
    let (resource, part) = match args.resource.split_once('/') {
        Some((resource, part)) => (resource, Some(part)),
        None => (args.resource.as_str(), None),
    };
    let found = find_resource(&served, resource);
    let plain = unserved(resource);
    let found = match found {
        Some(found) => found,
        // Users and groups are things to act as, which no server serves.
        None if args.verb == IMPERSONATE || resource == EVERYTHING => &plain,
        None => return Err(unknown_resource(resource, &served, cluster)),
    };
    // The keys of what else is known of a user look like parts.
    let is_key = found.plural == USER_EXTRAS;
    let strange = part.filter(|part| !is_key && !found.parts.iter().any(|known| known == part));
    if let Some(part) = strange {
        return Err(unknown_part(found, part));
    }
    let part = part.map_or(String::new(), |part| format!("/{part}"));
    Ok(Deed {
        verb: args.verb.clone(),
        group: found.group.clone(),
        resource: format!("{}{part}", found.plural),
        namespace: place(args, wish, found),
        name: args.name.clone(),
    })
}

/// What no server serves, and what may be done to it all the same.
fn unserved(name: &str) -> ServedResource {
    let group = match name {
        EVERYTHING => EVERYTHING,
        "uids" | USER_EXTRAS => "authentication.k8s.io",
        _ => "",
    };
    ServedResource {
        group: group.to_owned(),
        plural: name.to_owned(),
        reach: ResourceReach::Cluster,
        ..ServedResource::default()
    }
}

/// Reading a namespace is a matter of that namespace itself, and binding a role of the cluster one of the binding's.
fn place(args: &WhyArgs, wish: &Wish<'_>, resource: &ServedResource) -> Option<String> {
    let full_name = resource.full_name();
    if full_name == "namespaces" {
        return args.name.clone();
    }
    if args.all_namespaces {
        return None;
    }
    let is_bound = args.verb == BIND && full_name == "clusterroles.rbac.authorization.k8s.io";
    match resource.reach {
        ResourceReach::Namespaced => Some(wish.usual.to_owned()),
        ResourceReach::Cluster if is_bound || resource.plural == EVERYTHING => {
            wish.given.map(str::to_owned)
        }
        ResourceReach::Cluster => None,
    }
}

fn unknown_resource(name: &str, served: &[ServedResource], cluster: &Cluster) -> CommandError {
    let names: Vec<_> = served.iter().map(ServedResource::full_name).collect();
    let short: Vec<_> = served
        .iter()
        .map(|resource| resource.plural.clone())
        .collect();
    let near = nearest(name, &short).or_else(|| nearest(name, &names));
    let all = format!(
        "all resources: {} api-resources",
        cluster.target().kubectl()
    );
    let hint = match near {
        Some(near) => format!("did you mean {near}? {all}"),
        None => all,
    };
    CommandError::new(
        ErrorKind::NotFound,
        format!("the server serves no resource \"{name}\""),
    )
    .with_hint(hint)
}

fn unknown_part(resource: &ServedResource, part: &str) -> CommandError {
    let name = resource.full_name();
    let hint = match resource.parts.as_slice() {
        [] => format!("{name} have no parts; a name stands by itself: {name} NAME"),
        parts => format!(
            "parts of {name}: {}; a name stands by itself: {name} NAME",
            parts.join(", ")
        ),
    };
    CommandError::new(
        ErrorKind::NotFound,
        format!("{name} have no part \"{part}\""),
    )
    .with_hint(hint)
}

/// The server's answer, and whom it is about.
async fn fetch_verdict(
    cluster: &Cluster,
    account: Option<&AccountName>,
    deed: &Deed,
) -> Result<(AccessAnswer, Actor), CommandError> {
    let question = AccessQuestion {
        access: Access {
            verb: &deed.verb,
            group: &deed.group,
            resource: &deed.resource,
            namespace: deed.namespace.as_deref(),
        },
        name: deed.name.as_deref(),
    };
    let Some(account) = account else {
        let (answer, identity) = join!(
            cluster.fetch_own_answer(&question),
            cluster.fetch_identity()
        );
        let identity = identity?;
        let actor = Actor {
            user: identity.user,
            groups: identity.groups,
        };
        return Ok((answer?, actor));
    };
    let actor = Actor {
        user: account.user(),
        groups: account.groups(),
    };
    let answers = cluster.fetch_answers_of(account, &[question]).await;
    let answer = answers
        .into_iter()
        .next()
        .unwrap_or_else(|| Ok(AccessAnswer::Denied(String::new())));
    Ok((answer?, actor))
}

/// All roles and bindings that the caller may read: of all namespaces, else of the one in question.
async fn fetch_rbac(cluster: &Cluster, namespace: Option<&str>) -> Rbac {
    let (cluster_roles, cluster_bindings, roles, bindings) = join!(
        fetch_kind(cluster, ObjectKind::ClusterRole, None),
        fetch_kind(cluster, ObjectKind::ClusterRoleBinding, None),
        fetch_kind(cluster, ObjectKind::Role, namespace),
        fetch_kind(cluster, ObjectKind::RoleBinding, namespace),
    );
    let mut unread = Vec::new();
    let mut taken = |found: Result<_, Failure>| match found {
        Ok(objects) => objects,
        Err(failure) => {
            unread.push(match &failure.kind {
                FailureKind::Forbidden(rule) => format!("you may not {}", rule.words()),
                _ => failure.to_string(),
            });
            Vec::new()
        }
    };
    let (cluster_roles, cluster_bindings) = (taken(cluster_roles), taken(cluster_bindings));
    let (roles, bindings) = (taken(roles), taken(bindings));
    Rbac {
        cluster_roles,
        cluster_bindings,
        roles,
        bindings,
        unread,
    }
}

async fn fetch_kind(
    cluster: &Cluster,
    kind: ObjectKind,
    namespace: Option<&str>,
) -> Result<Vec<serde_json::Value>, Failure> {
    match cluster.fetch_labelled(kind, None, None).await {
        Err(failure)
            if namespace.is_some() && matches!(failure.kind, FailureKind::Forbidden(_)) =>
        {
            cluster.fetch_labelled(kind, namespace, None).await
        }
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(verb: &str, name: Option<&str>) -> WhyArgs {
        WhyArgs {
            verb: verb.to_owned(),
            resource: String::new(),
            name: name.map(str::to_owned),
            service_account: None,
            all_namespaces: false,
            output: None,
        }
    }

    fn of_cluster(group: &str, plural: &str) -> ServedResource {
        ServedResource {
            group: group.to_owned(),
            ..unserved(plural)
        }
    }

    #[test]
    fn a_namespace_counts_where_the_deed_is_judged_in_one() {
        let given = Wish {
            given: Some("team-a"),
            usual: "team-a",
        };
        let none = Wish {
            given: None,
            usual: "default",
        };
        let roles = of_cluster("rbac.authorization.k8s.io", "clusterroles");
        let bind = args("bind", Some("edit"));
        assert_eq!(place(&bind, &given, &roles).as_deref(), Some("team-a"));
        assert_eq!(place(&bind, &none, &roles), None);
        assert_eq!(place(&args("get", None), &given, &roles), None);
        let everything = unserved("*");
        assert_eq!(everything.group, "*");
        let found = place(&args("*", None), &given, &everything);
        assert_eq!(found.as_deref(), Some("team-a"));
        let namespaces = of_cluster("", "namespaces");
        let found = place(&args("get", Some("team-b")), &given, &namespaces);
        assert_eq!(found.as_deref(), Some("team-b"));
    }
}
