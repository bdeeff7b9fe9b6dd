//! Do the quotas of the namespace leave room for what a TrainJob makes, and can its pods satisfy them?

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use k8s_openapi::{
    api::core::v1::{Container, LimitRange, ResourceQuota},
    apimachinery::pkg::api::resource::Quantity,
};
use serde_json::{Value, json};

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::Failure,
    runtimes::{ReplicatedJob, Runtime},
};

use super::{
    super::{NS_EXISTS, NS_QUOTA, TrainerContext, conclude, merge},
    grant::pipe,
    quantity::{double, parse_quantity},
    training_pods::{TrainingPod, whose},
};

pub(crate) const QUOTA: Check<TrainerContext> = Check {
    id: NS_QUOTA,
    category: Category::Namespace,
    title: "Quotas leave room for a TrainJob",
    hint: "see what is used: kubectl describe resourcequotas",
    page: "Compares what the ResourceQuotas of the namespace allow with what is used, for everything that a TrainJob makes: the TrainJob, its JobSet, Jobs, Service and pods, and what the pods ask for.\n\n\
           A quota on CPU or memory also demands that every container says how much it wants. The shipped runtimes do not say it, so the TrainJob has to, or a LimitRange has to give a default.\n\n\
           Who may not read quotas can train nevertheless, so not knowing does not count.",
    reasons: &[&QUOTA_USED_UP, &REQUESTS_DEMANDED, &QUOTA_USED_UP_IN_PART],
    severity: Severity::ErrorWhenSeen,
    requires: &[NS_EXISTS],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_quota(context).await) }),
};

const QUOTA_USED_UP: Reason = Reason {
    code: "QuotaUsedUp",
    meaning: "A ResourceQuota has no room left for something that every TrainJob makes. The TrainJob is refused, or accepted and then gets no pods.",
    mend: "Delete what is finished, or raise the quota.",
};
const REQUESTS_DEMANDED: Reason = Reason {
    code: "RequestsDemanded",
    meaning: "A ResourceQuota demands that containers say what they want, the runtimes do not say it, and no LimitRange gives a default. Pods of a TrainJob that does not say it either are refused.",
    mend: "Set resourcesPerNode in the TrainJob (resources_per_node in the SDK), or give the namespace a LimitRange with defaults.",
};
const QUOTA_USED_UP_IN_PART: Reason = Reason {
    code: "QuotaUsedUpInPart",
    meaning: "A ResourceQuota has no room left for something that only some TrainJobs need: devices or volumes that a runtime asks for, ConfigMaps, Secrets, or pods of the quota's scope.",
    mend: "Train with a runtime that does not need it, delete what is finished, or raise the quota.",
};

/// What every TrainJob makes, or what all pods take from.
const EVERY_JOBS: [&str; 13] = [
    "pods",
    "count/pods",
    "services",
    "count/services",
    "count/jobs.batch",
    "count/jobsets.jobset.x-k8s.io",
    "count/trainjobs.trainer.kubeflow.org",
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
];
/// What some runtimes or releases need.
const SOME_JOBS: [&str; 7] = [
    "configmaps",
    "count/configmaps",
    "secrets",
    "count/secrets",
    "ephemeral-storage",
    "requests.ephemeral-storage",
    "limits.ephemeral-storage",
];
/// What a runtime with volumes of its own needs.
const CLAIMS: [&str; 3] = [
    "persistentvolumeclaims",
    "count/persistentvolumeclaims",
    "requests.storage",
];
/// What a quota demands of every container that it counts, and the default that a limit range is given to satisfy it.
const DEMANDED: [Demanded; 6] = [
    ("cpu", "1"),
    ("memory", "1Gi"),
    ("requests.cpu", "1"),
    ("requests.memory", "1Gi"),
    ("limits.cpu", "1"),
    ("limits.memory", "1Gi"),
];
/// The only scope that the pods of every runtime have.
const UNLIMITED_IN_TIME: &str = "NotTerminating";

async fn check_quota(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let quotas = context.fetch_quotas().await?;
    if quotas.is_empty() {
        return Ok(Outcome::passed("no quotas"));
    }
    let (limit_ranges, runtimes) = tokio::join!(
        context.fetch_limit_ranges(),
        context.fetch_usable_runtimes()
    );
    let pods = TrainingPod::of_all(&runtimes);
    let asked_for = asked_for(&runtimes);
    let room = quotas.iter().map(|quota| judge_room(quota, &asked_for));
    // Without the LimitRanges nobody knows the defaults; the dry run of the pods tells then.
    let demands = limit_ranges.map(|ranges| judge_demands(&quotas, &ranges, &pods));
    let summary = match quotas.len() {
        1 => "1 quota with room".to_owned(),
        count => format!("{count} quotas with room"),
    };
    Ok(merge(Some(summary), room.chain(demands)))
}

/// What the quota is called, with its namespace.
fn title(quota: &ResourceQuota) -> String {
    let metadata = &quota.metadata;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!(
        "ResourceQuota {}/{}",
        part(&metadata.namespace),
        part(&metadata.name)
    )
}

/// Whether a quota counts every pod of every TrainJob, as far as can be told from the runtime.
fn counts_every_pod(quota: &ResourceQuota) -> bool {
    let Some(spec) = &quota.spec else {
        return true;
    };
    let scopes = spec.scopes.iter().flatten();
    scopes.into_iter().all(|scope| scope == UNLIMITED_IN_TIME) && spec.scope_selector.is_none()
}

/// A resource that is used up: its name, what is used and what is allowed.
type Entry<'a> = (&'a str, (&'a Quantity, &'a Quantity));

/// A quota's name, and a resource that a finding tells of.
pub(super) type Told = (String, String);

/// What the findings of this check tell, for who sees the same from another side. `None` for `LimitRange`s that cannot
/// be read.
pub(super) fn told(
    quotas: &[ResourceQuota],
    ranges: Option<&[LimitRange]>,
    runtimes: &[Runtime],
) -> BTreeSet<Told> {
    let (asked_for, pods) = (asked_for(runtimes), TrainingPod::of_all(runtimes));
    let of_quota = |quota: &ResourceQuota| {
        let [every, some] = room(quota, &asked_for);
        let entries = [every.1, some.1].into_iter().flatten();
        let mut resources: Vec<_> = entries.map(|(resource, _)| resource.to_owned()).collect();
        let demanded = ranges.and_then(|ranges| unmet(quota, ranges, &pods));
        let demanded = demanded.into_iter().flat_map(|(demanded, _)| demanded);
        resources.extend(demanded.map(|(resource, _)| resource.to_owned()));
        let name = quota.metadata.name.clone().unwrap_or_default();
        resources
            .into_iter()
            .map(move |resource| (name.clone(), resource))
    };
    quotas.iter().flat_map(of_quota).collect()
}

/// Devices and volumes that a runtime asks for, by their names in a quota.
fn asked_for(runtimes: &[Runtime]) -> BTreeSet<String> {
    let jobs = runtimes.iter().flat_map(|runtime| &runtime.jobs);
    let pods = jobs.filter_map(ReplicatedJob::pod);
    let containers =
        pods.flat_map(|pod| pod.init_containers.iter().flatten().chain(&pod.containers));
    let resources = containers.filter_map(|container| container.resources.as_ref());
    let amounts = resources.flat_map(|resources| [&resources.requests, &resources.limits]);
    let names = amounts.flatten().flat_map(BTreeMap::keys);
    // Devices have a domain in their names.
    let devices = names.filter(|name| name.contains('/'));
    let devices = devices.map(|name| format!("requests.{name}"));
    let has_claims = runtimes.iter().any(|runtime| !runtime.claims.is_empty());
    let claims = CLAIMS.into_iter().filter(|_| has_claims);
    devices.chain(claims.map(str::to_owned)).collect()
}

fn exhausted(quota: &ResourceQuota) -> Vec<Entry<'_>> {
    let Some(status) = &quota.status else {
        return Vec::new();
    };
    let used = |resource: &str| status.used.as_ref()?.get(resource);
    let hard = status.hard.iter().flatten();
    hard.filter_map(|(resource, hard)| Some((resource.as_str(), (used(resource)?, hard))))
        .filter(|(_, (used, hard))| parse_quantity(&used.0) >= parse_quantity(&hard.0))
        .collect()
}

/// What is used up of what every TrainJob needs, and of what some need.
fn room<'a>(
    quota: &'a ResourceQuota,
    asked_for: &BTreeSet<String>,
) -> [(&'static Reason, Vec<Entry<'a>>); 2] {
    let every =
        |(resource, _): &Entry<'_>| EVERY_JOBS.contains(resource) && counts_every_pod(quota);
    let (every, others): (Vec<_>, Vec<_>) = exhausted(quota).into_iter().partition(every);
    let others = others.into_iter();
    let some = others.filter(|(resource, _)| is_needed(resource) || asked_for.contains(*resource));
    [
        (&QUOTA_USED_UP, every),
        (&QUOTA_USED_UP_IN_PART, some.collect()),
    ]
}

fn judge_room(quota: &ResourceQuota, asked_for: &BTreeSet<String>) -> Outcome {
    let room = room(quota, asked_for);
    let told = |resource: &str| {
        let mut entries = room.iter().flat_map(|(_, entries)| entries);
        entries.any(|(entry, _)| *entry == resource)
    };
    let others = exhausted(quota).into_iter();
    let others = others.filter(|(resource, _)| is_for_some(resource) && !told(resource));
    let others = others.map(|(resource, (used, hard))| {
        format!(
            "{resource} {} of {}, which no runtime asks for",
            used.0, hard.0
        )
    });
    let facts = std::iter::once(title(quota)).chain(others).collect();
    let findings = room.iter().filter(|(_, entries)| !entries.is_empty());
    let findings = findings.map(|(reason, entries)| used_up(quota, reason, entries));
    Outcome::new(findings.collect(), facts)
}

fn is_needed(resource: &str) -> bool {
    SOME_JOBS.contains(&resource) || EVERY_JOBS.contains(&resource)
}

/// Devices and volumes: what a training asks for, or does not.
fn is_for_some(resource: &str) -> bool {
    let name = resource.strip_prefix("requests.");
    CLAIMS.contains(&resource) || name.is_some_and(|name| name.contains('/'))
}

fn used_up(quota: &ResourceQuota, reason: &'static Reason, entries: &[Entry<'_>]) -> Finding {
    let words = entries
        .iter()
        .map(|(resource, (used, hard))| format!("{resource} {} of {}", used.0, hard.0));
    let words = words.collect::<Vec<_>>().join(", ");
    let detail = format!("{}{} is used up: {words}", title(quota), scope(quota));
    let finding = if reason == &QUOTA_USED_UP {
        Finding::failed(reason, detail)
    } else {
        Finding::warning(reason, detail)
    };
    let raised = entries
        .iter()
        .map(|(resource, (_, hard))| Some(((*resource).to_owned(), json!(double(&hard.0)?))));
    let raised: Option<serde_json::Map<_, _>> = raised.collect();
    Finding {
        mend: raised.map(|hard| raise(quota, &hard.into())),
        advice: Some("delete what is finished, or have the quota raised".to_owned()),
        ..finding
    }
}

/// Which pods it counts, in brackets; nothing when it counts all.
fn scope(quota: &ResourceQuota) -> String {
    let scopes = quota.spec.as_ref().and_then(|spec| spec.scopes.as_deref());
    match scopes {
        None | Some([]) => String::new(),
        Some(scopes) => format!(" (for {} pods)", scopes.join(", ")),
    }
}

/// Twice as much of what is used up.
fn raise(quota: &ResourceQuota, hard: &Value) -> String {
    let metadata = &quota.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    let patch = json!({"spec": {"hard": hard}});
    format!("kubectl -n {namespace} patch resourcequota {name} --type=merge -p '{patch}'")
}

/// Quotas that demand what the runtimes' containers do not say.
fn judge_demands(quotas: &[ResourceQuota], ranges: &[LimitRange], pods: &[TrainingPod]) -> Outcome {
    let findings = quotas.iter().filter_map(|quota| {
        let (demanded, silent) = unmet(quota, ranges, pods)?;
        Some(demands(quota, &demanded, &silent, pods.len()))
    });
    Outcome::new(findings.collect(), Vec::new())
}

/// A resource that a quota demands, with the default that a limit range is given.
type Demanded = (&'static str, &'static str);

/// What the quota demands of every container and no default gives, with the runtimes whose pods do not say it.
fn unmet<'a>(
    quota: &ResourceQuota,
    ranges: &[LimitRange],
    pods: &'a [TrainingPod],
) -> Option<(Vec<Demanded>, Vec<&'a str>)> {
    let hard = quota.spec.as_ref()?.hard.as_ref()?;
    let demanded = DEMANDED
        .into_iter()
        .filter(|(resource, _)| hard.contains_key(*resource) && !has_default(ranges, resource));
    let demanded: Vec<_> = demanded.collect();
    let silent = pods.iter().filter(|pod| is_silent(pod, &demanded));
    let silent: Vec<_> = silent.map(|pod| pod.runtime.as_str()).collect();
    (counts_every_pod(quota) && !silent.is_empty()).then_some((demanded, silent))
}

fn is_silent(pod: &TrainingPod, demanded: &[(&str, &str)]) -> bool {
    let mut containers = pod.containers();
    containers.any(|container| {
        demanded
            .iter()
            .any(|(resource, _)| !says(container, resource))
    })
}

/// Splits `limits.cpu` into limit and `cpu`; without a prefix requests are meant.
fn kind(resource: &str) -> (&str, &str) {
    resource.split_once('.').unwrap_or(("requests", resource))
}

/// A limit counts as a request where there is none.
fn says(container: &Container, resource: &str) -> bool {
    let (kind, name) = kind(resource);
    let resources = container.resources.as_ref();
    let has = |amounts: Option<&BTreeMap<String, Quantity>>| {
        amounts.is_some_and(|amounts| amounts.contains_key(name))
    };
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    has(limits) || kind == "requests" && has(requests)
}

fn has_default(ranges: &[LimitRange], resource: &str) -> bool {
    let (kind, name) = kind(resource);
    let limits = ranges
        .iter()
        .filter_map(|range| range.spec.as_ref())
        .flat_map(|spec| &spec.limits);
    limits
        .filter(|limit| limit.type_ == "Container")
        .any(|limit| {
            let has = |amounts: &Option<BTreeMap<String, Quantity>>| {
                amounts
                    .as_ref()
                    .is_some_and(|amounts| amounts.contains_key(name))
            };
            has(&limit.default) || kind == "requests" && has(&limit.default_request)
        })
}

fn demands(
    quota: &ResourceQuota,
    demanded: &[(&str, &str)],
    silent: &[&str],
    all: usize,
) -> Finding {
    let names: Vec<_> = demanded.iter().map(|(resource, _)| *resource).collect();
    let whose = whose(silent, all);
    let detail = format!(
        "{} demands {} of every container, which the pods of {whose} do not say",
        title(quota),
        names.join(", ")
    );
    Finding {
        advice: Some(
            "set resourcesPerNode in each TrainJob, or give the namespace defaults".to_owned(),
        ),
        ..Finding::warning(&REQUESTS_DEMANDED, detail).mended_by(give_defaults(quota, demanded))
    }
}

fn give_defaults(quota: &ResourceQuota, demanded: &[(&str, &str)]) -> String {
    let mut limits = json!({"type": "Container"});
    for (resource, amount) in demanded {
        let (kind, name) = kind(resource);
        let field = if kind == "limits" {
            "default"
        } else {
            "defaultRequest"
        };
        limits[field][name] = json!(amount);
    }
    let object = json!({
        "apiVersion": "v1", "kind": "LimitRange",
        "metadata": {"name": "training-defaults", "namespace": quota.metadata.namespace},
        "spec": {"limits": [limits]},
    });
    pipe(&object, "apply -f -")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PersistentVolumeClaim;

    use super::*;
    use crate::check::Level;

    use super::super::training_pods::tests::runtime;

    fn quota(spec: &Value, used: &Value) -> ResourceQuota {
        let object = json!({
            "metadata": {"name": "small", "namespace": "team-a"},
            "spec": spec, "status": {"hard": spec["hard"], "used": used},
        });
        serde_json::from_value(object).unwrap()
    }

    fn findings(outcome: &Outcome) -> Vec<(Level, &'static str)> {
        outcome
            .findings
            .iter()
            .map(|finding| (finding.level, finding.reason.code))
            .collect()
    }

    #[test]
    fn room_is_what_is_left_of_what_a_trainjob_needs() {
        use Level::{Failed, Warning};
        let hard = |resource: &str, hard: &str| json!({"hard": {resource: hard}});
        let scoped = json!({"hard": {"pods": "1"}, "scopes": ["BestEffort"]});
        let patient = json!({"hard": {"pods": "1"}, "scopes": ["NotTerminating"]});
        for (spec, used, expected) in [
            (hard("pods", "2"), json!({"pods": "1"}), None),
            (
                hard("pods", "2"),
                json!({"pods": "2"}),
                Some((Failed, "QuotaUsedUp")),
            ),
            (
                hard("requests.memory", "1Gi"),
                json!({"requests.memory": "1024Mi"}),
                Some((Failed, "QuotaUsedUp")),
            ),
            (
                hard("count/secrets", "1"),
                json!({"count/secrets": "1"}),
                Some((Warning, "QuotaUsedUpInPart")),
            ),
            (
                hard("count/deployments.apps", "1"),
                json!({"count/deployments.apps": "1"}),
                None,
            ),
            (hard("pods", "1"), json!({}), None),
            (
                scoped,
                json!({"pods": "1"}),
                Some((Warning, "QuotaUsedUpInPart")),
            ),
            (patient, json!({"pods": "1"}), Some((Failed, "QuotaUsedUp"))),
        ] {
            let outcome = judge_room(&quota(&spec, &used), &BTreeSet::new());
            assert_eq!(findings(&outcome).first().copied(), expected);
        }
    }

    #[test]
    fn what_is_used_up_is_raised_in_its_own_unit() {
        let spec = json!({"hard": {"pods": "2", "requests.cpu": "500m", "services": "9"}});
        let used = json!({"pods": "2", "requests.cpu": "0.5", "services": "1"});
        let outcome = judge_room(&quota(&spec, &used), &BTreeSet::new());
        assert_eq!(
            outcome.findings[0].detail,
            "ResourceQuota team-a/small is used up: pods 2 of 2, requests.cpu 0.5 of 500m"
        );
        assert_eq!(
            outcome.findings[0].mend.as_deref(),
            Some(
                "kubectl -n team-a patch resourcequota small --type=merge -p '{\"spec\":{\"hard\":{\"pods\":\"4\",\"requests.cpu\":\"1000m\"}}}'"
            )
        );
        let empty = quota(&json!({"hard": {"pods": "0"}}), &json!({"pods": "0"}));
        let nothing = judge_room(&empty, &BTreeSet::new());
        assert_eq!(nothing.findings[0].mend, None);
    }

    #[test]
    fn devices_and_volumes_are_missed_only_where_a_runtime_asks_for_them() {
        let none = json!({"requests.nvidia.com/gpu": "0", "persistentvolumeclaims": "0"});
        let none = quota(&json!({"hard": none}), &none);
        let gpu = json!({"limits": {"nvidia.com/gpu": "2"}});
        let plain = runtime("torch", &json!({"containers": [{"name": "node"}]}));
        let tuned = runtime(
            "tune",
            &json!({"containers": [{"name": "node", "resources": gpu}]}),
        );
        let judged = |runtimes: &[Runtime]| judge_room(&none, &asked_for(runtimes));
        let without = judged(std::slice::from_ref(&plain));
        assert_eq!(findings(&without), []);
        assert_eq!(
            without.facts,
            [
                "ResourceQuota team-a/small",
                "persistentvolumeclaims 0 of 0, which no runtime asks for",
                "requests.nvidia.com/gpu 0 of 0, which no runtime asks for",
            ]
        );
        let with = judged(&[plain, tuned.clone()]);
        assert_eq!(
            with.findings[0].detail,
            "ResourceQuota team-a/small is used up: requests.nvidia.com/gpu 0 of 0"
        );
        let mut claiming = tuned;
        claiming.claims.push(PersistentVolumeClaim::default());
        assert!(asked_for(&[claiming]).contains("requests.storage"));
    }

    #[test]
    fn only_what_a_finding_says_is_told() {
        let runtimes = [runtime("torch", &json!({"containers": [{"name": "node"}]}))];
        let hard = json!({"requests.cpu": "8", "requests.nvidia.com/gpu": "1", "secrets": "3"});
        let used = json!({"requests.cpu": "4", "requests.nvidia.com/gpu": "0", "secrets": "3"});
        let quotas = [quota(&json!({"hard": hard}), &used)];
        let told = |ranges| {
            let told = told(&quotas, ranges, &runtimes).into_iter();
            told.map(|(quota, resource)| format!("{quota} {resource}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(None), ["small secrets"]);
        assert_eq!(told(Some(&[])), ["small requests.cpu", "small secrets"]);
    }

    #[test]
    fn a_default_or_an_own_word_satisfies_a_quota() {
        let silent = TrainingPod::of(&runtime(
            "torch",
            &json!({"containers": [{"name": "node"}]}),
        ))
        .unwrap();
        let limits = json!({"limits": {"cpu": "1"}});
        let speaking = runtime(
            "own",
            &json!({"containers": [{"name": "node", "resources": limits}]}),
        );
        let speaking = TrainingPod::of(&speaking).unwrap();
        let quotas = [quota(
            &json!({"hard": {"requests.cpu": "10", "pods": "10"}}),
            &json!({}),
        )];
        let range = |field: &str| -> Vec<LimitRange> {
            vec![
                serde_json::from_value(
                    json!({"spec": {"limits": [{"type": "Container", field: {"cpu": "1"}}]}}),
                )
                .unwrap(),
            ]
        };
        let judged = |ranges: &[LimitRange], pod: &TrainingPod| {
            findings(&judge_demands(&quotas, ranges, std::slice::from_ref(pod))).len()
        };
        assert_eq!(judged(&[], &silent), 1);
        assert_eq!(judged(&[], &speaking), 0);
        assert_eq!(judged(&range("defaultRequest"), &silent), 0);
        assert_eq!(judged(&range("default"), &silent), 0);
        assert_eq!(judged(&range("max"), &silent), 1);
        let outcome = judge_demands(&quotas, &[], &[silent, speaking]);
        assert_eq!(
            outcome.findings[0].detail,
            "ResourceQuota team-a/small demands requests.cpu of every container, which the pods of torch do not say"
        );
    }
}
