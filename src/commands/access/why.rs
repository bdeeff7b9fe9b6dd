//! `access why`: whether somebody may do something, by the API server's own judgement, and by which role and binding; or
//! what is missing.

use futures::join;

use crate::{
    access::{
        persona::{Part, Persona},
        rbac::{Actor, Deed, Rbac, explain},
    },
    cli::{AccountReference, parse_account},
    cluster::{
        Access, AccessAnswer, AccessQuestion, AccountName, Cluster, ConnectionOptions, Failure,
        FailureKind, Impersonation, ObjectKind, ResourceReach, ServedResource, find_resource,
        nearest, shell_word,
    },
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render::{
        access_why::{About, Granting, Reasoned, render_why, render_why_json},
        document::render_json,
    },
    ui::Ui,
};

/// What may be done to what no server serves.
const IMPERSONATE: &str = "impersonate";

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
    let is_named = context.options().namespace.is_some();
    let home = account.clone().filter(|_| !is_named);
    let deed = fetch_deed(args, home.as_ref(), &asking).await?;
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
            AccessAnswer::Denied(_) => propose(context, &deed, &actor),
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

/// What is asked, in the words of rules. Without -n, an account is asked about at home, in its own namespace.
async fn fetch_deed(
    args: &WhyArgs,
    home: Option<&AccountName>,
    cluster: &Cluster,
) -> Result<Deed, CommandError> {
    let served = cluster.fetch_served().await?;
    let (resource, part) = match args.resource.split_once('/') {
        Some((resource, part)) => (resource, Some(part)),
        None => (args.resource.as_str(), None),
    };
    let found = find_resource(&served, resource);
    let plain = ServedResource {
        plural: resource.to_owned(),
        reach: ResourceReach::Cluster,
        ..ServedResource::default()
    };
    let found = match found {
        Some(found) => found,
        // Users and groups are things to act as, which no server serves.
        None if args.verb == IMPERSONATE || resource == "*" => &plain,
        None => return Err(unknown_resource(resource, &served, cluster)),
    };
    if let Some(part) = part.filter(|part| !found.parts.iter().any(|known| known == part)) {
        return Err(unknown_part(found, part));
    }
    let part = part.map_or(String::new(), |part| format!("/{part}"));
    Ok(Deed {
        verb: args.verb.clone(),
        group: found.group.clone(),
        resource: format!("{}{part}", found.plural),
        namespace: place(args, home, cluster, found),
        name: args.name.clone(),
    })
}

/// Reading a namespace is a matter of that namespace itself.
fn place(
    args: &WhyArgs,
    home: Option<&AccountName>,
    cluster: &Cluster,
    resource: &ServedResource,
) -> Option<String> {
    if resource.full_name() == "namespaces" {
        return args.name.clone();
    }
    if args.all_namespaces || resource.reach == ResourceReach::Cluster {
        return None;
    }
    let home = home.map(|account| account.namespace.clone());
    Some(home.unwrap_or_else(|| cluster.namespace().to_owned()))
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

/// What would grant it, the least first: a persona that has it, else a role of its own.
fn propose(context: &CommandContext, deed: &Deed, actor: &Actor) -> Vec<Granting> {
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
                format!("--service-account {}", account.name)
            }
            Some(account) => format!("--service-account {}/{}", account.namespace, account.name),
            None => format!("--for-user {}", shell_word(&actor.user)),
        };
        let logs = if part == Part::Logs { " --logs" } else { "" };
        let program = context.display_name();
        let name = persona.name();
        let command = format!("{program} bootstrap {namespace} --persona {name}{logs} {whom}");
        Some(Granting {
            persona: Some(persona),
            commands: vec![command],
        })
    });
    let found: Vec<_> = with_it.collect();
    if found.is_empty() {
        return vec![Granting {
            persona: None,
            commands: role_commands(deed, account.as_ref(), actor),
        }];
    }
    found
}

fn part_with(persona: Persona, deed: &Deed) -> Option<Part> {
    let reads = ["get", "list", "watch"].contains(&deed.verb.as_str());
    if deed.resource == "clustertrainingruntimes" && reads && persona.reads_cluster_runtimes() {
        return Some(Part::Core);
    }
    deed.namespace.as_ref()?;
    persona.part_with(&deed.verb, &deed.group, &deed.resource)
}

/// kubectl's own commands for exactly this.
fn role_commands(deed: &Deed, account: Option<&AccountName>, actor: &Actor) -> Vec<String> {
    let (place, prefix) = match &deed.namespace {
        Some(namespace) => (format!(" -n {namespace}"), ""),
        None => (String::new(), "cluster"),
    };
    let resource = match (deed.resource.split_once('/'), deed.group.as_str()) {
        (None, "") => deed.resource.clone(),
        (None, group) => format!("{}.{group}", deed.resource),
        (Some((resource, part)), "") => format!("{resource}/{part}"),
        (Some((resource, part)), group) => format!("{resource}.{group}/{part}"),
    };
    let named = deed.name.as_ref();
    let named = named.map_or(String::new(), |name| format!(" --resource-name={name}"));
    let whom = match account {
        Some(account) => format!("--serviceaccount={}:{}", account.namespace, account.name),
        None => format!("--user={}", shell_word(&actor.user)),
    };
    let name = format!("{}-{}", deed.verb, deed.resource.replace('/', "-"));
    vec![
        format!(
            "kubectl{place} create {prefix}role {name} --verb={} --resource={resource}{named}",
            deed.verb
        ),
        format!("kubectl{place} create {prefix}rolebinding {name} --{prefix}role={name} {whom}"),
    ]
}
