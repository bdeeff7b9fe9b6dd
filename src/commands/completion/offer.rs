//! What TAB offers where only asking tells: names from the kubeconfig, from the cluster, from the program's own lists.
//! One request (for TrainJobs a second where they are more than a page), within a limit, and nothing is said when it
//! fails: nobody has asked for anything yet.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{
    access::{credential::Credential, label, persona::Persona},
    check::{page, trainer::CATALOGUE},
    cli::{
        ValueKind,
        completion::{Offer, Question},
        parse_name,
    },
    cluster::{
        Attendance, Cluster, ConnectionOptions, ContainerKind, KubeconfigEntry, NamedKind,
        NamedState, ObjectKind, Section, fetch_job_names, fetch_job_pods, fetch_kubeconfig_entries,
    },
    commands::block_on,
    plugin::Candidate,
    train_job::{JobName, state_word_alone, steps},
};

/// How long somebody who is typing waits.
/// kubectl and the shell need some of the time too.
const LIMIT: Duration = Duration::from_millis(1500);

const VERBS: [&str; 9] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "impersonate",
];
const RESOURCES: [&str; 14] = [
    "trainjobs",
    "trainjobs/status",
    "trainingruntimes",
    "clustertrainingruntimes",
    "jobsets.jobset.x-k8s.io",
    "pods",
    "pods/log",
    "pods/exec",
    "events",
    "secrets",
    "configmaps",
    "serviceaccounts",
    "serviceaccounts/token",
    "rolebindings",
];
const GROUPS: [&str; 3] = [
    "system:authenticated",
    "system:masters",
    "system:serviceaccounts",
];
const QUOTA: [&str; 7] = [
    "trainjobs=",
    "pods=",
    "requests.cpu=",
    "requests.memory=",
    "requests.nvidia.com/gpu=",
    "limits.cpu=",
    "limits.memory=",
];
const LIMITS: [&str; 3] = ["cpu=", "memory=", "nvidia.com/gpu="];
const FRAMEWORK: &str = "trainer.kubeflow.org/framework=";

/// The offer of this program.
pub(super) fn offer() -> Offer {
    Arc::new(offered)
}

fn offered(question: Question<'_>) -> Vec<Candidate> {
    own_values(question.kind).unwrap_or_else(|| fetch_in_time(question))
}

/// What needs no question at all.
fn own_values(kind: ValueKind) -> Option<Vec<Candidate>> {
    use ValueKind as Kind;
    let bare = |words: &[&str]| words.iter().map(|word| Candidate::new(*word, "")).collect();
    Some(match kind {
        Kind::Verb => bare(&VERBS),
        Kind::Resource => bare(&RESOURCES),
        Kind::Group => bare(&GROUPS),
        Kind::Quota => bare(&QUOTA),
        Kind::Limits => bare(&LIMITS),
        Kind::Labels => bare(&[FRAMEWORK]),
        Kind::RoleFamily => bare(&["kubernetes", "kubeflow", "none"]),
        Kind::Persona => bare(&Persona::EVERY.map(Persona::name)),
        Kind::Check => {
            let checks = CATALOGUE.checks.iter();
            checks
                .map(|check| Candidate::new(check.id.0, check.title))
                .collect()
        }
        Kind::Page => explained(),
        Kind::File | Kind::Folder | Kind::Free => Vec::new(),
        _ => return None,
    })
}

/// Everything that has a page.
fn explained() -> Vec<Candidate> {
    let pages = page::pages();
    let checks = pages
        .iter()
        .map(|page| Candidate::new(page.id.0, page.title));
    let codes = page::codes(&pages)
        .into_iter()
        .map(|code| Candidate::new(code, ""));
    checks.chain(codes).collect()
}

/// Asks, and gives up in silence when that takes too long or is refused.
fn fetch_in_time(question: Question<'_>) -> Vec<Candidate> {
    let found = block_on(async { tokio::time::timeout(LIMIT, fetch(question)).await });
    found
        .ok()
        .and_then(Result::ok)
        .flatten()
        .unwrap_or_default()
}

async fn fetch(question: Question<'_>) -> Option<Vec<Candidate>> {
    use ValueKind as Kind;
    let options = ConnectionOptions {
        attendance: Attendance::Unasked,
        ..question.typed.connection.clone()
    };
    let section = match question.kind {
        Kind::Context => Some(Section::Context),
        Kind::Cluster => Some(Section::Cluster),
        Kind::User => Some(Section::User),
        _ => None,
    };
    if let Some(section) = section {
        let entries = fetch_kubeconfig_entries(&options, section).await.ok()?;
        return Some(entries.into_iter().map(of_entry).collect());
    }
    if question.kind == Kind::Namespace {
        return Some(fetch_namespaces(&options).await);
    }
    fetch_from_cluster(question, &options).await
}

/// What only a cluster knows. Without what it takes to ask, nothing is connected to.
async fn fetch_from_cluster(
    question: Question<'_>,
    options: &ConnectionOptions,
) -> Option<Vec<Candidate>> {
    use ValueKind as Kind;
    let connect = || async { Cluster::connect(options).await.ok() };
    match question.kind {
        Kind::TrainJob => fetch_jobs(&connect().await?, question.prefix).await,
        Kind::Step | Kind::Node | Kind::Container => {
            let JobName::Named(job) = JobName::parse(Some(question.typed.job.as_deref()?)) else {
                return None;
            };
            fetch_parts(&connect().await?, question.kind, &job).await
        }
        Kind::Runtime | Kind::ClusterRuntime => {
            fetch_runtimes(&connect().await?, question.prefix).await
        }
        Kind::ServiceAccount => fetch_accounts(&connect().await?, question.prefix).await,
        Kind::Login => fetch_logins(&connect().await?, question.prefix).await,
        Kind::Secret => {
            let cluster = connect().await?;
            names(&cluster, NamedKind::Secret, cluster.namespace()).await
        }
        Kind::Credential => fetch_credentials(&connect().await?).await,
        _ => None,
    }
}

fn of_entry(entry: KubeconfigEntry) -> Candidate {
    let place = entry
        .namespace
        .map(|namespace| format!("namespace {namespace}"));
    let parts: Vec<_> = entry.leads_to.into_iter().chain(place).collect();
    Candidate::new(entry.name, parts.join(", "))
}

/// Where namespaces may not be listed, those that the kubeconfig names.
async fn fetch_namespaces(options: &ConnectionOptions) -> Vec<Candidate> {
    if let Ok(cluster) = Cluster::connect(options).await
        && let Some(found) = names(&cluster, NamedKind::Namespace, "").await
    {
        return found;
    }
    let contexts = fetch_kubeconfig_entries(options, Section::Context).await;
    let entries = contexts.unwrap_or_default().into_iter();
    let named = entries.filter_map(|entry| Some((entry.namespace?, entry.name)));
    let mut found: Vec<_> = named
        .map(|(namespace, context)| Candidate::new(namespace, format!("of context {context}")))
        .collect();
    found.sort_by(|one, other| one.value.cmp(&other.value));
    found.dedup_by(|one, other| one.value == other.value);
    found
}

/// `NAME`, or `KIND/NAME` once that is begun.
async fn fetch_jobs(cluster: &Cluster, prefix: &str) -> Option<Vec<Candidate>> {
    let kind = prefix.rfind('/').map_or("", |end| &prefix[..=end]);
    let begun = prefix[kind.len()..].trim_start_matches('@');
    let jobs = fetch_job_names(cluster, cluster.namespace(), begun)
        .await
        .ok()?;
    let named = jobs
        .iter()
        .map(|job| Candidate::new(format!("{kind}{}", job.name), state(&job.state)));
    let youngest = prefix.starts_with('@') && !jobs.is_empty();
    let youngest = youngest.then(|| Candidate::new("@last", "the youngest TrainJob"));
    Some(named.chain(youngest).collect())
}

/// Of what the server's table tells only an end is always true: it shows the last condition, also where that is false.
fn state(state: &NamedState) -> &str {
    match state {
        NamedState::Seen(job) => state_word_alone(job),
        NamedState::Told(told) if matches!(told.as_str(), "Complete" | "Failed") => told,
        NamedState::Told(_) => "",
    }
}

/// Steps, nodes or containers of the job that is named, as far as it has pods.
async fn fetch_parts(cluster: &Cluster, kind: ValueKind, job: &str) -> Option<Vec<Candidate>> {
    let observation = fetch_job_pods(cluster, cluster.namespace(), job)
        .await
        .ok()?;
    let steps = steps(&observation).into_iter().map(|step| step.name);
    let mut found: Vec<String> = match kind {
        ValueKind::Step => steps.collect(),
        ValueKind::Node => steps
            .filter_map(|name| name.strip_prefix("node-").map(str::to_owned))
            .collect(),
        _ => {
            let containers = observation.pods.iter().flat_map(|pod| &pod.containers);
            let main = containers.filter(|one| one.kind == ContainerKind::Main);
            main.map(|container| container.name.clone()).collect()
        }
    };
    let mut seen = BTreeSet::new();
    found.retain(|name| seen.insert(name.clone()));
    Some(
        found
            .into_iter()
            .map(|name| Candidate::new(name, ""))
            .collect(),
    )
}

/// Those of the cluster, or those of the namespace once `trainingruntime/` is typed.
async fn fetch_runtimes(cluster: &Cluster, prefix: &str) -> Option<Vec<Candidate>> {
    let kind = prefix.find('/').map_or("", |end| &prefix[..=end]);
    let wanted = if kind.to_ascii_lowercase().starts_with("trainingruntime") {
        NamedKind::TrainingRuntime
    } else {
        NamedKind::ClusterTrainingRuntime
    };
    let found = cluster
        .fetch_names(wanted, cluster.namespace())
        .await
        .ok()?;
    let found = found.into_iter().map(|runtime| {
        Candidate::new(
            format!("{kind}{}", runtime.name),
            runtime.framework.unwrap_or_default(),
        )
    });
    Some(found.collect())
}

/// `NAME`, or `NAMESPACE/NAME` once that is begun.
async fn fetch_accounts(cluster: &Cluster, prefix: &str) -> Option<Vec<Candidate>> {
    let Some((namespace, _)) = prefix.split_once('/') else {
        return names(cluster, NamedKind::ServiceAccount, cluster.namespace()).await;
    };
    let found = accounts_of(cluster, namespace).await?;
    let named = |account: String| Candidate::new(format!("{namespace}/{account}"), "");
    Some(found.into_iter().map(named).collect())
}

/// `system:serviceaccount:NAMESPACE:NAME`; another namespace than that of `-n` once it is begun.
async fn fetch_logins(cluster: &Cluster, prefix: &str) -> Option<Vec<Candidate>> {
    const KIND: &str = "system:serviceaccount:";
    let begun = prefix
        .strip_prefix(KIND)
        .and_then(|rest| rest.split_once(':'));
    let namespace = begun.map_or(cluster.namespace(), |(namespace, _)| namespace);
    let found = accounts_of(cluster, namespace).await?;
    let named = |account: String| Candidate::new(format!("{KIND}{namespace}:{account}"), "");
    Some(found.into_iter().map(named).collect())
}

/// The namespace is typed, and becomes a part of a request's path.
async fn accounts_of(cluster: &Cluster, namespace: &str) -> Option<Vec<String>> {
    let namespace = parse_name(namespace).ok()?;
    let found = cluster
        .fetch_names(NamedKind::ServiceAccount, &namespace)
        .await
        .ok()?;
    Some(found.into_iter().map(|object| object.name).collect())
}

async fn fetch_credentials(cluster: &Cluster) -> Option<Vec<Candidate>> {
    let own = label::own_selector();
    let namespace = Some(cluster.namespace());
    let markers = cluster
        .fetch_labelled(ObjectKind::Secret, namespace, Some(&own))
        .await
        .ok()?;
    let credentials = markers.iter().filter_map(Credential::of_marker);
    Some(
        credentials
            .map(|one| Candidate::new(one.id.clone(), one.account.clone()))
            .collect(),
    )
}

async fn names(cluster: &Cluster, kind: NamedKind, namespace: &str) -> Option<Vec<Candidate>> {
    let found = cluster.fetch_names(kind, namespace).await.ok()?;
    Some(
        found
            .into_iter()
            .map(|object| Candidate::new(object.name, ""))
            .collect(),
    )
}
