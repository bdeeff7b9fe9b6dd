//! Would the API server admit the runtimes' pods here? One is created by dry run for each runtime.

use std::{collections::BTreeMap, rc::Rc};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;

use crate::{
    check::{Category, Check, Finding, Level, Outcome, Reason, Retry, Severity},
    cluster::{Failure, FailureKind, WebhookOutcome},
};

use super::{
    super::{NS_POD_ADMISSION, NS_QUOTA, NS_SERVICE_ACCOUNT, TrainerContext},
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
    meaning: "A ResourceQuota that you may not read refuses the pods: it is used up, or demands that containers say what they want.",
    mend: "Have somebody look at the quota who may read it; set resourcesPerNode in the TrainJob where it demands that.",
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
    let answers = join_all(pods.iter().map(|pod| try_pod(context, pod))).await;
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
        &fetch_told(context).await,
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
async fn fetch_told(context: &TrainerContext) -> Vec<&'static Reason> {
    let (quotas, ranges, account) = tokio::join!(
        context.fetch_quotas(),
        context.fetch_limit_ranges(),
        context.fetch_service_account(&context.namespace, "default"),
    );
    let quota = (quotas.is_ok() && ranges.is_ok()).then_some(&QUOTA_REFUSES);
    let account = account.is_ok().then_some(&ACCOUNT_NOT_FOUND);
    quota.into_iter().chain(account).collect()
}

fn judge_admission(
    namespace: &str,
    pods: &[TrainingPod],
    answers: &[Option<Rc<Failure>>],
    told: &[&Reason],
) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    let mut refusals = Vec::new();
    let mut facts = Vec::new();
    for (pod, answer) in pods.iter().zip(answers) {
        match answer.as_ref().map(|failure| (failure, refusal(failure))) {
            None => facts.push(format!("{}: admitted", pod.runtime)),
            // A quota has the last word: everything else had let the pod pass.
            Some((_, Some((reason, words)))) if told.contains(&reason) => {
                facts.push(format!("{}: {words}", pod.runtime));
            }
            Some((_, Some(refusal))) => refusals.push((pod.runtime.as_str(), refusal)),
            Some((failure, None)) => findings.push(Finding::of_failure(failure)),
        }
    }
    findings.dedup();
    findings.extend(judge_refusals(namespace, &refusals, pods.len()));
    if findings.is_empty() {
        facts.insert(0, format!("{} dry runs", pods.len()));
    }
    Outcome::new(findings, facts)
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

/// One finding a reason, with the words about its first runtime.
fn judge_refusals(namespace: &str, refusals: &[(&str, Refusal)], all: usize) -> Vec<Finding> {
    let level = if refusals.len() == all {
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
    let findings = judge_refusals(namespace, &refused, pods.len())
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

    fn judged(answers: &[Option<Rc<Failure>>], told: &[&Reason]) -> Outcome {
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
                findings(&judged(&[Some(refused(message))], &[])),
                [(Level::Failed, expected)],
                "{message}"
            );
        }
    }

    #[test]
    fn some_runtimes_are_a_warning_and_all_are_a_failure() {
        let some = judged(&[None, Some(refused(RESTRICTED))], &[]);
        assert_eq!(findings(&some), [(Level::Warning, "PodSecurity")]);
        assert_eq!(
            some.findings[0].detail,
            "pods of torch are refused: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false, runAsNonRoot != true"
        );
        let all = judged(&[Some(refused(RESTRICTED)), Some(refused(RESTRICTED))], &[]);
        assert_eq!(findings(&all), [(Level::Failed, "PodSecurity")]);
        assert_eq!(
            all.findings[0].mend.as_deref(),
            Some(
                "kubectl label namespace team-a pod-security.kubernetes.io/enforce=baseline --overwrite"
            )
        );
    }

    #[test]
    fn what_another_check_told_is_not_told_again() {
        let quota = Some(refused("pods \"p\" is forbidden: exceeded quota: q"));
        let outcome = judged(&[quota.clone(), None], &[&QUOTA_REFUSES]);
        assert_eq!(findings(&outcome), []);
        assert_eq!(
            outcome.facts,
            ["2 dry runs", "jax: exceeded quota: q", "torch: admitted"]
        );
        assert_eq!(
            findings(&judged(&[quota, None], &[])),
            [(Level::Warning, "QuotaRefuses")]
        );
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
            findings(&judged(&[Some(Rc::new(failure(kind)))], &[]))
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
