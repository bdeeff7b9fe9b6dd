//! Would the API server admit the runtimes' pods here? One is created by dry run for each runtime.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use futures::stream::{self, StreamExt};
use k8s_openapi::api::core::v1::Namespace;

use crate::{
    check::{Category, Check, Finding, Level, Outcome, Reason, Retry, Severity},
    cluster::{Failure, FailureKind, WebhookOutcome},
    runtimes::Runtime,
};

use super::{
    super::{
        NS_POD_ADMISSION, NS_QUOTA, NS_SERVICE_ACCOUNT, TrainerContext, context::REQUESTS_AT_ONCE,
    },
    quota,
    training_pods::{POD_NAME, TrainingPod, whose},
};

pub(crate) const POD_ADMISSION: Check<TrainerContext> = Check {
    id: NS_POD_ADMISSION,
    category: Category::Namespace,
    title: "Pods of the training runtimes are admitted",
    hint: "see what a Job that has no pods says: kubectl describe jobs",
    page: "Has the API server create one pod for each runtime without storing it (server-side dry run), made from the runtime's own template. A TrainJob is accepted even where its pods are not: they are created later, and only an event of the Job tells that they were refused.\n\n\
           Without a runtime that you may read, a pod is tried that says nothing of resources and security, as the shipped ones do. Who may not create pods, but read the namespace, is told what its Pod Security level refuses.\n\n\
           Who may not create pods can train nevertheless, so not knowing does not count.",
    reasons: &[
        &POD_SECURITY,
        &LIMIT_RANGE,
        &QUOTA_REFUSES,
        &ACCOUNT_NOT_FOUND,
        &WEBHOOK_DENIES,
        &WEBHOOK_UNREACHABLE,
        &REFUSED,
    ],
    severity: Severity::ErrorWhenSeen,
    requires: &[NS_QUOTA, NS_SERVICE_ACCOUNT],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_admission(context)),
};

const POD_SECURITY: Reason = Reason {
    code: "PodSecurity",
    meaning: "The namespace enforces a Pod Security level that the pods do not meet. The shipped runtimes have no securityContext, so the level restricted refuses them all.",
    mend: "Enforce a lower level with the namespace's label, or use a runtime whose pods meet the level.",
};
const LIMIT_RANGE: Reason = Reason {
    code: "LimitRange",
    meaning: "A LimitRange of the namespace refuses the pods: they ask for less or more than it allows, or do not say what they want.",
    mend: "Set resourcesPerNode in the TrainJob within the limits, or change the LimitRange.",
};
const QUOTA_REFUSES: Reason = Reason {
    code: "QuotaRefuses",
    meaning: "A ResourceQuota refuses the pods as they stand in the runtime: less is left of it than they ask for, or it demands that containers say what they want. Where you may read the quota and one pod would find no room at all, the check of quotas tells it instead.",
    mend: "Set resourcesPerNode in the TrainJob to what is left, delete what is finished, or have the quota raised by somebody who may.",
};
const ACCOUNT_NOT_FOUND: Reason = Reason {
    code: "AccountNotFound",
    meaning: "The service account that the pods run as is not in the namespace.",
    mend: "Create the service account.",
};
const WEBHOOK_DENIES: Reason = Reason {
    code: "WebhookDenies",
    meaning: "An admission webhook of this cluster, such as that of a policy engine, refuses the pods for the reason that is quoted.",
    mend: "Follow the quoted reason, or ask who runs the webhook.",
};
const WEBHOOK_UNREACHABLE: Reason = Reason {
    code: "WebhookUnreachable",
    meaning: "The API server has to ask an admission webhook about every pod, and gets no answer from it. No pod can be created until it answers.",
    mend: "Find who runs the webhook, and start or mend it.",
};
const REFUSED: Reason = Reason {
    code: "Refused",
    meaning: "The API server refuses the pods for the reason that is quoted: an admission policy, a priority or runtime class that does not exist, or a template that is no valid pod.",
    mend: "Follow the quoted reason; it is the API server's own.",
};

/// What the API server writes into a refusal, and the reason that it shows. The wording is that of its admission
/// plugins for Pod Security, limit ranges, quotas and service accounts.
const SIGNS: [(&str, &Reason); 6] = [
    ("violates PodSecurity", &POD_SECURITY),
    ("error looking up service account", &ACCOUNT_NOT_FOUND),
    ("exceeded quota", &QUOTA_REFUSES),
    ("failed quota", &QUOTA_REFUSES),
    (" usage per ", &LIMIT_RANGE),
    (" ratio per ", &LIMIT_RANGE),
];
const ENFORCE_LABEL: &str = "pod-security.kubernetes.io/enforce";

/// Why a pod was refused, in the server's words.
type Refusal = (&'static Reason, String);

async fn check_admission(context: &TrainerContext) -> Outcome {
    let runtimes = context.fetch_usable_runtimes().await;
    let pods = TrainingPod::of_all(&runtimes);
    let tries = pods.iter().map(|pod| try_pod(context, pod));
    let answers = stream::iter(tries).buffered(REQUESTS_AT_ONCE);
    let answers: Vec<_> = answers.collect().await;
    let forbidden = answers
        .iter()
        .flatten()
        .find(|failure| matches!(failure.kind, FailureKind::Forbidden(_)));
    if let Some(failure) = forbidden {
        let namespace = context.fetch_namespace(&context.namespace).await;
        let level = namespace
            .ok()
            .and_then(|namespace| enforced_level((*namespace).as_ref()?));
        return judge_blindly(&context.namespace, &pods, level.as_deref(), failure);
    }
    judge_admission(
        &context.namespace,
        &pods,
        &answers,
        &fetch_told(context, &runtimes).await,
    )
}

/// Why the pod was not admitted; nothing when it was.
async fn try_pod(context: &TrainerContext, pod: &TrainingPod) -> Option<Rc<Failure>> {
    let cluster = match context.cluster() {
        Ok(cluster) => cluster,
        Err(failure) => return Some(failure),
    };
    let object = match pod.object(&context.namespace) {
        Ok(object) => object,
        Err(error) => return Some(Rc::new(not_a_pod(&error))),
    };
    cluster.create_dry_run(&object).await.err().map(Rc::new)
}

/// A template that makes no object is refused like one that the server refuses.
fn not_a_pod(error: &serde_json::Error) -> Failure {
    Failure {
        request: format!("create (dry run) Pod {POD_NAME}"),
        kind: FailureKind::Rejected {
            message: error.to_string(),
            webhook: None,
        },
        target: None,
    }
}

/// What other checks of the namespace told already, because the caller could look there.
#[derive(Default)]
struct Told {
    /// Of quotas, as far as the check of quotas has a finding.
    quotas: BTreeSet<quota::Told>,
    /// Whether the accounts could be looked at; a missing one has its finding then.
    accounts: Accounts,
}

#[derive(Default)]
enum Accounts {
    Seen,
    #[default]
    NotSeen,
}

impl Told {
    fn holds(&self, (reason, words): &Refusal) -> bool {
        match reason.code {
            code if code == QUOTA_REFUSES.code => {
                let refused = refused_by_quota(words);
                !refused.is_empty() && refused.iter().all(|entry| self.quotas.contains(entry))
            }
            code if code == ACCOUNT_NOT_FOUND.code => matches!(self.accounts, Accounts::Seen),
            _ => false,
        }
    }
}

async fn fetch_told(context: &TrainerContext, runtimes: &[Runtime]) -> Told {
    let (quotas, ranges, account) = tokio::join!(
        context.fetch_quotas(),
        context.fetch_limit_ranges(),
        context.fetch_service_account(&context.namespace, "default"),
    );
    let ranges = ranges.ok();
    let ranges = ranges.as_ref().map(|ranges| ranges.as_slice());
    Told {
        quotas: quotas.map_or_else(
            |_| BTreeSet::new(),
            |quotas| quota::told(&quotas, ranges, runtimes),
        ),
        accounts: account.map_or(Accounts::NotSeen, |_| Accounts::Seen),
    }
}

/// What the API server says was asked for in vain: `exceeded quota: q, requested: pods=1, used: …`, or
/// `failed quota: q: must specify limits.cpu for: node; limits.memory for: node`.
fn refused_by_quota(words: &str) -> Vec<quota::Told> {
    let exceeded = || {
        let (quota, rest) = words.split_once("exceeded quota: ")?.1.split_once(", ")?;
        let requested = rest.strip_prefix("requested: ")?.split_once(", used: ")?.0;
        let entries = requested.split(',');
        let resources = entries.filter_map(|entry| Some(entry.split_once('=')?.0));
        Some((quota, resources.collect::<Vec<_>>()))
    };
    let failed = || {
        let (quota, rest) = words.split_once("failed quota: ")?.1.split_once(": ")?;
        let entries = rest.strip_prefix("must specify ")?.split("; ");
        let resources = entries.filter_map(|entry| Some(entry.split_once(" for: ")?.0));
        Some((quota, resources.collect()))
    };
    let (quota, resources) = exceeded().or_else(failed).unwrap_or_default();
    let entries = resources.into_iter();
    entries
        .map(|resource| (quota.to_owned(), resource.to_owned()))
        .collect()
}

fn judge_admission(
    namespace: &str,
    pods: &[TrainingPod],
    answers: &[Option<Rc<Failure>>],
    told: &Told,
) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    let mut refusals = Vec::new();
    let mut facts = Vec::new();
    let mut left = pods.len();
    for (pod, answer) in pods.iter().zip(answers) {
        match answer.as_ref().map(|failure| (failure, refusal(failure))) {
            None => facts.push(format!("{}: admitted", pod.runtime)),
            // A quota has the last word: everything else had let the pod pass.
            Some((_, Some(refusal))) if told.holds(&refusal) => {
                left -= 1;
                facts.push(format!("{}: {}", pod.runtime, refusal.1));
            }
            Some((_, Some(refusal))) => refusals.push((pod.runtime.as_str(), refusal)),
            Some((failure, None)) => findings.push(Finding::of_failure(failure)),
        }
    }
    findings.dedup();
    findings.extend(judge_refusals(namespace, &refusals, pods.len(), left));
    if findings.is_empty() {
        facts.insert(0, dry_runs(pods.len()));
    }
    Outcome::new(findings, facts)
}

fn dry_runs(count: usize) -> String {
    match count {
        1 => "1 dry run".to_owned(),
        count => format!("{count} dry runs"),
    }
}

/// The refusal that a failure tells of. `None` when there was no answer to judge.
fn refusal(failure: &Failure) -> Option<Refusal> {
    let FailureKind::Rejected { message, webhook } = &failure.kind else {
        return None;
    };
    Some(
        match webhook.as_ref().map(|fault| (&fault.name, &fault.outcome)) {
            Some((name, WebhookOutcome::Denied(words))) => {
                (&WEBHOOK_DENIES, format!("webhook {name} says: {words}"))
            }
            Some((name, WebhookOutcome::Unreachable(words))) => {
                (&WEBHOOK_UNREACHABLE, format!("webhook {name}: {words}"))
            }
            None => {
                let sign = SIGNS.iter().find(|(sign, _)| message.contains(sign));
                let reason = sign.map_or(&REFUSED, |(_, reason)| *reason);
                (reason, own_words(reason, message))
            }
        },
    )
}

/// The server's words without the name of the pod. Pod Security names every field of every container in brackets.
fn own_words(reason: &Reason, message: &str) -> String {
    let forbidden = message.split_once("is forbidden: ");
    let words = forbidden.map_or(message, |(_, words)| words);
    if reason == &POD_SECURITY {
        without_brackets(words)
    } else {
        words.to_owned()
    }
}

fn without_brackets(words: &str) -> String {
    let mut pieces = words.split('(');
    let first = pieces.next().unwrap_or_default().to_owned();
    let rest = pieces.filter_map(|piece| Some(piece.rsplit_once(')')?.1));
    let plain = rest.fold(first, |plain, piece| plain.trim_end().to_owned() + piece);
    plain.trim_end().to_owned()
}

/// One finding a reason, with the words about its first runtime. `left` of all pods are those whose refusal nobody
/// told yet.
fn judge_refusals(
    namespace: &str,
    refusals: &[(&str, Refusal)],
    all: usize,
    left: usize,
) -> Vec<Finding> {
    let level = if refusals.len() == left {
        Level::Failed
    } else {
        Level::Warning
    };
    let mut reasons: BTreeMap<&str, (&Refusal, Vec<&str>)> = BTreeMap::new();
    for (runtime, refusal) in refusals {
        let entry = reasons
            .entry(refusal.0.code)
            .or_insert((refusal, Vec::new()));
        entry.1.push(*runtime);
    }
    let findings = reasons.into_values().map(|((reason, words), runtimes)| {
        let detail = format!("pods of {} are refused: {words}", whose(&runtimes, all));
        let finding = Finding {
            level,
            ..Finding::failed(reason, detail)
        };
        Finding {
            mend: mend(namespace, reason, words),
            ..finding
        }
    });
    findings.collect()
}

fn mend(namespace: &str, reason: &Reason, words: &str) -> Option<String> {
    match reason.code {
        code if code == POD_SECURITY.code => {
            let lower = if words.contains("\"baseline") {
                "privileged"
            } else {
                "baseline"
            };
            Some(format!(
                "kubectl label namespace {namespace} {ENFORCE_LABEL}={lower} --overwrite"
            ))
        }
        code if code == LIMIT_RANGE.code => {
            Some(format!("kubectl -n {namespace} describe limitranges"))
        }
        code if code == ACCOUNT_NOT_FOUND.code => {
            Some(format!("kubectl -n {namespace} get serviceaccounts"))
        }
        _ => None,
    }
}

fn enforced_level(namespace: &Namespace) -> Option<String> {
    namespace
        .metadata
        .labels
        .as_ref()?
        .get(ENFORCE_LABEL)
        .cloned()
}

/// For callers who may not create pods: what the level alone refuses, and that the rest is not known.
fn judge_blindly(
    namespace: &str,
    pods: &[TrainingPod],
    level: Option<&str>,
    failure: &Failure,
) -> Outcome {
    let restricted = level == Some("restricted");
    let refused = pods
        .iter()
        .filter(|pod| restricted && !forbids_escalation(pod));
    let refused: Vec<_> = refused
        .map(|pod| {
            let words =
                "violates PodSecurity \"restricted\": allowPrivilegeEscalation != false".to_owned();
            (pod.runtime.as_str(), (&POD_SECURITY, words))
        })
        .collect();
    let unknown = (refused.len() < pods.len()).then(|| Finding::of_failure(failure));
    let findings = judge_refusals(namespace, &refused, pods.len(), pods.len())
        .into_iter()
        .chain(unknown);
    let fact = level.map(|level| format!("the namespace enforces Pod Security level {level}"));
    Outcome::new(findings.collect(), fact.into_iter().collect())
}

/// The level restricted asks it of every container, so a pod without it is surely refused.
fn forbids_escalation(pod: &TrainingPod) -> bool {
    pod.containers().all(|container| {
        let security = container.security_context.as_ref();
        security.and_then(|security| security.allow_privilege_escalation) == Some(false)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::WebhookFault;

    use super::super::training_pods::tests::runtime;

    const RESTRICTED: &str = "pods \"kubectl-trainer-verify\" is forbidden: violates PodSecurity \"restricted:latest\": \
        allowPrivilegeEscalation != false (container \"node\" must set securityContext.allowPrivilegeEscalation=false), \
        runAsNonRoot != true (pod or container \"node\" must set securityContext.runAsNonRoot=true)";

    fn failure(kind: FailureKind) -> Failure {
        Failure {
            request: "create (dry run) Pod team-a/kubectl-trainer-verify".to_owned(),
            kind,
            target: None,
        }
    }

    fn refused(message: &str) -> Rc<Failure> {
        let kind = FailureKind::Rejected {
            message: message.to_owned(),
            webhook: None,
        };
        Rc::new(failure(kind))
    }

    fn pods(names: &[&str]) -> Vec<TrainingPod> {
        let runtimes = names
            .iter()
            .map(|name| runtime(name, &json!({"containers": [{"name": "node"}]})));
        runtimes
            .filter_map(|runtime| TrainingPod::of(&runtime))
            .collect()
    }

    fn findings(outcome: &Outcome) -> Vec<(Level, &'static str)> {
        outcome
            .findings
            .iter()
            .map(|finding| (finding.level, finding.reason.code))
            .collect()
    }

    fn judged(answers: &[Option<Rc<Failure>>], told: &Told) -> Outcome {
        judge_admission(
            "team-a",
            &pods(&["jax", "torch"][..answers.len()]),
            answers,
            told,
        )
    }

    /// The sentences are those of real API servers.
    #[test]
    fn each_plugin_that_refuses_is_told_apart() {
        for (message, expected) in [
            (RESTRICTED, "PodSecurity"),
            (
                "pods \"p\" is forbidden: error looking up service account a/b: serviceaccount \"b\" not found",
                "AccountNotFound",
            ),
            (
                "pods \"p\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
                "QuotaRefuses",
            ),
            (
                "pods \"p\" is forbidden: failed quota: q: must specify limits.cpu for: node",
                "QuotaRefuses",
            ),
            (
                "pods \"p\" is forbidden: minimum cpu usage per Container is 500m.  No request is specified",
                "LimitRange",
            ),
            (
                "pods \"p\" is forbidden: cpu max limit to request ratio per Container is 2, but no request is specified",
                "LimitRange",
            ),
            (
                "pods \"p\" is forbidden: no PriorityClass with name x was found",
                "Refused",
            ),
        ] {
            assert_eq!(
                findings(&judged(&[Some(refused(message))], &Told::default())),
                [(Level::Failed, expected)],
                "{message}"
            );
        }
    }

    #[test]
    fn some_runtimes_are_a_warning_and_all_are_a_failure() {
        let some = judged(&[None, Some(refused(RESTRICTED))], &Told::default());
        assert_eq!(findings(&some), [(Level::Warning, "PodSecurity")]);
        assert_eq!(
            some.findings[0].detail,
            "pods of torch are refused: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false, runAsNonRoot != true"
        );
        let all = judged(
            &[Some(refused(RESTRICTED)), Some(refused(RESTRICTED))],
            &Told::default(),
        );
        assert_eq!(findings(&all), [(Level::Failed, "PodSecurity")]);
        assert_eq!(
            all.findings[0].mend.as_deref(),
            Some(
                "kubectl label namespace team-a pod-security.kubernetes.io/enforce=baseline --overwrite"
            )
        );
    }

    fn told(resource: &str) -> Told {
        Told {
            quotas: BTreeSet::from([("q".to_owned(), resource.to_owned())]),
            accounts: Accounts::NotSeen,
        }
    }

    const EXCEEDED: &str = "pods \"p\" is forbidden: exceeded quota: q, requested: requests.nvidia.com/gpu=2, \
        used: requests.nvidia.com/gpu=0, limited: requests.nvidia.com/gpu=1";

    #[test]
    fn what_another_check_told_is_not_told_again() {
        let quota = Some(refused(EXCEEDED));
        let outcome = judged(&[quota.clone(), None], &told("requests.nvidia.com/gpu"));
        assert_eq!(findings(&outcome), []);
        assert_eq!(outcome.facts[0], "2 dry runs");
        assert!(outcome.facts[1].starts_with("jax: exceeded quota: q"));
        assert_eq!(outcome.facts[2], "torch: admitted");
        let account =
            refused("pods \"p\" is forbidden: error looking up service account a/b: not found");
        let seen = Told {
            accounts: Accounts::Seen,
            ..Told::default()
        };
        assert_eq!(findings(&judged(&[Some(account), None], &seen)), []);
        assert_eq!(
            findings(&judged(
                &[quota, Some(refused(RESTRICTED))],
                &told("requests.nvidia.com/gpu")
            )),
            [(Level::Failed, "PodSecurity")],
            "no pod is admitted"
        );
    }

    #[test]
    fn a_quota_with_less_left_than_the_pods_ask_for_is_told_here() {
        let quota = Some(refused(EXCEEDED));
        for told in [told("secrets"), Told::default()] {
            assert_eq!(
                findings(&judged(&[quota.clone(), None], &told)),
                [(Level::Warning, "QuotaRefuses")]
            );
        }
        let all = judged(&[quota.clone(), quota], &told("pods"));
        assert_eq!(findings(&all), [(Level::Failed, "QuotaRefuses")]);
        assert!(
            all.findings[0]
                .detail
                .starts_with("pods of all 2 runtimes are refused: exceeded quota: q, requested: requests.nvidia.com/gpu=2"),
            "{all:?}"
        );
    }

    #[test]
    fn the_servers_words_name_the_quota_and_its_resources() {
        let read = |words: &str| {
            let entries = refused_by_quota(words).into_iter();
            entries
                .map(|(quota, resource)| format!("{quota} {resource}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read(
                "exceeded quota: q, requested: pods=1,cpu=2, used: pods=0,cpu=1, limited: pods=0,cpu=2"
            ),
            ["q pods", "q cpu"]
        );
        assert_eq!(
            read("failed quota: q: must specify limits.cpu for: a,b; limits.memory for: b"),
            ["q limits.cpu", "q limits.memory"]
        );
        assert_eq!(read("something else"), Vec::<String>::new());
    }

    #[test]
    fn a_webhook_that_says_no_is_told_from_one_that_cannot_be_called() {
        let by = |outcome: WebhookOutcome| {
            let webhook = Some(WebhookFault {
                name: "policy.example.com".to_owned(),
                outcome,
            });
            let kind = FailureKind::Rejected {
                message: "no".to_owned(),
                webhook,
            };
            findings(&judged(&[Some(Rc::new(failure(kind)))], &Told::default()))
        };
        assert_eq!(
            by(WebhookOutcome::Denied("no root".to_owned())),
            [(Level::Failed, "WebhookDenies")]
        );
        assert_eq!(
            by(WebhookOutcome::Unreachable("EOF".to_owned())),
            [(Level::Failed, "WebhookUnreachable")]
        );
    }

    #[test]
    fn who_may_not_create_pods_is_told_what_the_label_alone_refuses() {
        let forbidden = failure(FailureKind::Forbidden(Box::default()));
        let hardened = json!({"containers": [{"name": "node", "securityContext": {"allowPrivilegeEscalation": false}}]});
        let mut pods = pods(&["torch"]);
        let judged = |pods: &[TrainingPod], level| {
            findings(&judge_blindly("team-a", pods, level, &forbidden))
        };
        assert_eq!(judged(&pods, None), [(Level::Unknown, "NotAllowed")]);
        assert_eq!(
            judged(&pods, Some("baseline")),
            [(Level::Unknown, "NotAllowed")]
        );
        assert_eq!(
            judged(&pods, Some("restricted")),
            [(Level::Failed, "PodSecurity")]
        );
        pods.extend(TrainingPod::of(&runtime("own", &hardened)));
        assert_eq!(
            judged(&pods, Some("restricted")),
            [
                (Level::Unknown, "NotAllowed"),
                (Level::Warning, "PodSecurity")
            ]
        );
    }
}
