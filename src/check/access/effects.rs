//! The category Effects: what really happens. Lists are read, a TrainJob is created by the server's dry run, and a log is
//! asked for that is not there: 404 is an answer, 403 is none.

use futures::join;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DynamicObject;
use serde_json::json;

use super::{
    AccessContext, DOES_PODS, DOES_RUNTIMES, DOES_SUBMIT, LOGIN, PERSONA, login::judge_unclear,
};
use crate::{
    access::persona::{Part, Persona},
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{
        Attempt, Cluster, Failure, FailureKind, LogTail, MissingRule, Scope,
        resources::{self, TRAINER_GROUP},
    },
};

/// Name of the TrainJob that is pretended to be created, and of the pod that is not there.
const PROBE: &str = "kubectl-trainer-access-verify";
const TRAIN_JOBS: &str = "trainjobs";
const PODS_OF_NAMESPACE: &str = "pods";
const LOGS: &str = "pods/log";

pub(super) const RUNTIMES: Check<AccessContext> = Check {
    id: DOES_RUNTIMES,
    category: Category::Effects,
    title: "It lists the runtimes",
    hint: "try it yourself: kubectl get trainingruntimes,clustertrainingruntimes -n NAMESPACE",
    page: "Lists the ClusterTrainingRuntimes and the namespace's TrainingRuntimes, as the Kubeflow SDK does.",
    reasons: &[&REFUSED],
    severity: Severity::Error,
    requires: &[LOGIN, PERSONA],
    retry: Retry::Never,
    run: |context| Box::pin(check_runtimes(context)),
};

const REFUSED: Reason = Reason {
    code: "Refused",
    meaning: "The API server refused a request that the persona must be allowed.",
    mend: "See which right the checks of the category Allowed name as missing.",
};

pub(super) const SUBMIT: Check<AccessContext> = Check {
    id: DOES_SUBMIT,
    title: "It submits training, or is refused",
    hint: "see what stands in the way with kubectl trainer verify -n NAMESPACE",
    page: "Creates a TrainJob of a runtime that is there, by the server's dry run: validation, webhooks, quotas and policies are asked, and nothing is stored. For a persona that must not submit, the same request has to be refused as forbidden.",
    reasons: &[&REFUSED, &NOT_REFUSED, &NOT_ADMITTED, &NO_RUNTIME],
    run: |context| Box::pin(check_submit(context)),
    ..RUNTIMES
};

const NOT_REFUSED: Reason = Reason {
    code: "NotRefused",
    meaning: "The API server did not refuse a request that the persona must not be allowed: it passed the authorizer.",
    mend: "See which binding the checks of the category Not allowed name, and have an administrator narrow it.",
};
const NOT_ADMITTED: Reason = Reason {
    code: "NotAdmitted",
    meaning: "The account may create TrainJobs, but this one was turned away after that: by a webhook, a quota or a policy.",
    mend: "Read the server's words, and look at quotas, policies and webhooks (kubectl trainer verify -n NAMESPACE).",
};
const NO_RUNTIME: Reason = Reason {
    code: "NoRuntimeToTry",
    meaning: "There is no training runtime that a TrainJob could name, so that creating one could not be tried.",
    mend: "Have the runtimes of a release of Trainer applied, then run the command again.",
};

pub(super) const PODS: Check<AccessContext> = Check {
    id: DOES_PODS,
    title: "It reads pods and logs, or is refused",
    hint: "try it yourself: kubectl get pods -n NAMESPACE",
    page: "Lists the pods of the namespace, and asks for the log of a pod that is not there: who may read logs gets the answer that there is no such pod, who may not is refused before anybody looks.",
    reasons: &[&REFUSED, &NOT_REFUSED],
    run: |context| Box::pin(check_pods(context)),
    ..RUNTIMES
};

/// Whether a persona has a right, always or where it was granted on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Must,
    /// Some have it.
    May,
    MustNot,
}

impl Due {
    fn of(persona: Persona, verb: &str, resource: &str) -> Self {
        let group = if resource == LOGS || resource == PODS_OF_NAMESPACE {
            ""
        } else {
            TRAINER_GROUP
        };
        match persona.part_with(verb, group, resource) {
            Some(Part::Core) => Self::Must,
            Some(_) => Self::May,
            None => Self::MustNot,
        }
    }
}

async fn check_runtimes(context: &AccessContext) -> Outcome {
    let known = match context.fetch_persona().await {
        Ok(known) => known,
        Err(unclear) => return judge_unclear(&unclear, &context.subject.words()),
    };
    if Due::of(known.persona, "list", "trainingruntimes") == Due::MustNot {
        return Outcome::passed(format!("the persona {} need not", known.persona.name()));
    }
    let cluster = match context.acting() {
        Ok(cluster) => cluster,
        Err(failure) => return Outcome::of(Finding::of_failure(&failure)),
    };
    match list_runtimes(cluster, context.namespace()).await {
        Ok(runtimes) => Outcome::passed(format!("{} runtimes", runtimes.len())),
        Err(failure) => Outcome::of(judge_refused(&failure)),
    }
}

/// A runtime as a TrainJob names it: kind and name, those of the cluster first.
type RuntimeName = (&'static str, String);

async fn list_runtimes(cluster: &Cluster, namespace: &str) -> Result<Vec<RuntimeName>, Failure> {
    let (of_cluster, here) = (
        resources::cluster_training_runtimes(),
        resources::training_runtimes(),
    );
    let scope = Scope::Namespace(namespace.to_owned());
    let (everywhere, own) = join!(
        cluster.fetch_objects(&of_cluster, &Scope::Cluster, None),
        cluster.fetch_objects(&here, &scope, None),
    );
    let names = |kind: &'static str, objects: Vec<DynamicObject>| {
        let names = objects
            .into_iter()
            .filter_map(|object| object.metadata.name);
        names.map(move |name| (kind, name)).collect::<Vec<_>>()
    };
    let mut found = names("ClusterTrainingRuntime", everywhere?);
    found.extend(names("TrainingRuntime", own?));
    Ok(found)
}

/// What the account lacks is a fault of it; what the caller lacks who acts as it is not.
fn judge_refused(failure: &Failure) -> Finding {
    match &failure.kind {
        FailureKind::Forbidden(rule) if !is_about_caller(rule) => {
            let detail = format!("the server says that it may not {}", rule.words());
            Finding::failed(&REFUSED, detail)
        }
        _ => Finding::of_failure(failure),
    }
}

/// Newer API servers have several verbs for acting as somebody, which all begin alike.
fn is_about_caller(rule: &MissingRule) -> bool {
    rule.verb.starts_with("impersonate")
}

async fn check_submit(context: &AccessContext) -> Outcome {
    let known = match context.fetch_persona().await {
        Ok(known) => known,
        Err(unclear) => return judge_unclear(&unclear, &context.subject.words()),
    };
    let cluster = match context.acting() {
        Ok(cluster) => cluster,
        Err(failure) => return Outcome::of(Finding::of_failure(&failure)),
    };
    let due = Due::of(known.persona, "create", TRAIN_JOBS);
    let namespace = context.namespace();
    let runtime = match (list_runtimes(cluster, namespace).await, due) {
        (Ok(runtimes), _) if !runtimes.is_empty() => runtimes.into_iter().next(),
        // Whoever must not submit is refused before anybody looks for the runtime.
        (_, Due::MustNot | Due::May) => Some(("ClusterTrainingRuntime", PROBE.to_owned())),
        (Ok(_), Due::Must) => None,
        (Err(failure), Due::Must) => return Outcome::of(judge_refused(&failure)),
    };
    let Some((kind, name)) = runtime else {
        let detail = "no runtime that a TrainJob could name";
        return Outcome::of(Finding::warning(&NO_RUNTIME, detail));
    };
    let object = match train_job(namespace, kind, &name) {
        Ok(object) => object,
        Err(error) => return Outcome::of(Finding::failed(&NOT_ADMITTED, error.to_string())),
    };
    let answer = cluster.create_dry_run(&object).await;
    judge_submit(due, answer.as_ref().err(), &name)
}

fn train_job(
    namespace: &str,
    kind: &str,
    runtime: &str,
) -> Result<DynamicObject, serde_json::Error> {
    serde_json::from_value(json!({
        "apiVersion": format!("{TRAINER_GROUP}/v1alpha1"),
        "kind": "TrainJob",
        "metadata": { "name": PROBE, "namespace": namespace },
        "spec": { "runtimeRef": { "apiGroup": TRAINER_GROUP, "kind": kind, "name": runtime } },
    }))
}

fn judge_submit(due: Due, failure: Option<&Failure>, runtime: &str) -> Outcome {
    let is_forbidden = |failure: &&Failure| matches!(&failure.kind, FailureKind::Forbidden(rule) if rule.verb == "create" && rule.resource == TRAIN_JOBS);
    match (due, failure) {
        (Due::Must | Due::May, None) => Outcome::passed(format!("dry run of {runtime}")),
        (Due::MustNot | Due::May, Some(failure)) if is_forbidden(&failure) => {
            Outcome::passed("refused, as it should be")
        }
        (Due::MustNot, None) => Outcome::of(Finding::failed(
            &NOT_REFUSED,
            "a TrainJob that must not be submitted was accepted by dry run",
        )),
        (
            Due::MustNot,
            Some(Failure {
                kind: FailureKind::Rejected { message, .. },
                ..
            }),
        ) => Outcome::of(Finding::failed(
            &NOT_REFUSED,
            format!(
                "a TrainJob that must not be submitted was refused only by admission: {message}"
            ),
        )),
        (
            _,
            Some(Failure {
                kind: FailureKind::Rejected { message, .. },
                ..
            }),
        ) => Outcome::of(Finding::failed(
            &NOT_ADMITTED,
            format!("the dry run of a TrainJob of {runtime} was turned away: {message}"),
        )),
        (_, Some(failure)) => Outcome::of(judge_refused(failure)),
    }
}

async fn check_pods(context: &AccessContext) -> Outcome {
    let known = match context.fetch_persona().await {
        Ok(known) => known,
        Err(unclear) => return judge_unclear(&unclear, &context.subject.words()),
    };
    let cluster = match context.acting() {
        Ok(cluster) => cluster,
        Err(failure) => return Outcome::of(Finding::of_failure(&failure)),
    };
    let namespace = context.namespace();
    let scope = Scope::Namespace(namespace.to_owned());
    let tail = LogTail {
        namespace,
        pod: PROBE,
        container: "node",
        attempt: Attempt::Current,
        lines: 1,
    };
    let (pods, log) = join!(
        cluster.fetch_list::<Pod>(&scope, None),
        cluster.fetch_log_tail(tail)
    );
    let found = [
        judge_read(
            Due::of(known.persona, "list", PODS_OF_NAMESPACE),
            "pods",
            pods.err(),
        ),
        judge_read(Due::of(known.persona, "get", LOGS), "logs", log.err()),
    ];
    let (facts, findings): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    let findings: Vec<_> = findings.into_iter().filter_map(Result::err).collect();
    let facts: Vec<_> = facts.into_iter().filter_map(Result::ok).collect();
    Outcome::new(findings, vec![facts.join(", ")])
}

/// A log of a pod that is not there is not found by who may read logs.
fn judge_read(due: Due, what: &str, failure: Option<Failure>) -> Result<String, Finding> {
    let Some(failure) = failure else {
        return judge_answered(due, what);
    };
    match (&failure.kind, due) {
        (FailureKind::NotFound { .. }, due) => judge_answered(due, what),
        (FailureKind::Forbidden(rule), Due::MustNot | Due::May) if !is_about_caller(rule) => {
            Ok(format!("{what} refused, as they may be"))
        }
        _ => Err(judge_refused(&failure)),
    }
}

fn judge_answered(due: Due, what: &str) -> Result<String, Finding> {
    match due {
        Due::Must | Due::May => Ok(format!("{what} read")),
        Due::MustNot => Err(Finding::failed(
            &NOT_REFUSED,
            format!("{what} were not refused"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Level;

    fn failure(kind: FailureKind) -> Failure {
        Failure {
            request: "create (dry run) TrainJob a/b".to_owned(),
            kind,
            target: None,
        }
    }

    fn forbidden(verb: &str, resource: &str) -> Failure {
        failure(FailureKind::Forbidden(Box::new(MissingRule {
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            ..MissingRule::default()
        })))
    }

    fn rejected() -> Failure {
        failure(FailureKind::Rejected {
            message: "exceeded quota".to_owned(),
            webhook: None,
        })
    }

    fn reason(outcome: &Outcome) -> Option<(Level, &'static str)> {
        let finding = outcome.findings.first()?;
        Some((finding.level, finding.reason.code))
    }

    #[test]
    fn what_is_due_comes_from_the_table_of_personas() {
        let due = |persona| Due::of(persona, "get", LOGS);
        assert_eq!(due(Persona::Submitter), Due::Must);
        assert_eq!(due(Persona::Viewer), Due::May);
        assert_eq!(due(Persona::UserCode), Due::MustNot);
        assert_eq!(Due::of(Persona::Viewer, "create", TRAIN_JOBS), Due::MustNot);
    }

    #[test]
    fn only_a_refusal_for_the_right_in_question_passes_for_who_must_not_submit() {
        let judged =
            |due, failure: Option<Failure>| reason(&judge_submit(due, failure.as_ref(), "torch"));
        let create = || forbidden("create", TRAIN_JOBS);
        assert_eq!(judged(Due::MustNot, Some(create())), None);
        assert_eq!(
            judged(Due::Must, Some(create())),
            Some((Level::Failed, "Refused"))
        );
        assert_eq!(
            judged(Due::MustNot, None),
            Some((Level::Failed, "NotRefused"))
        );
        assert_eq!(
            judged(Due::MustNot, Some(rejected())),
            Some((Level::Failed, "NotRefused"))
        );
        assert_eq!(
            judged(Due::Must, Some(rejected())),
            Some((Level::Failed, "NotAdmitted"))
        );
        // The caller may not act as the account, which says nothing of the account.
        for due in [Due::Must, Due::MustNot] {
            let caller = forbidden("impersonate", "serviceaccounts");
            assert_eq!(
                judged(due, Some(caller)),
                Some((Level::Unknown, "NotAllowed"))
            );
        }
    }

    #[test]
    fn a_log_that_is_not_there_is_an_answer_and_a_refusal_is_none() {
        let missing = || {
            failure(FailureKind::NotFound {
                object: None,
                message: String::new(),
            })
        };
        let judged =
            |due, failure| judge_read(due, "logs", Some(failure)).map_err(|it| it.reason.code);
        assert!(judged(Due::Must, missing()).is_ok());
        assert_eq!(judged(Due::MustNot, missing()), Err("NotRefused"));
        assert_eq!(judged(Due::Must, forbidden("get", LOGS)), Err("Refused"));
        assert!(judged(Due::MustNot, forbidden("get", LOGS)).is_ok());
        assert!(judged(Due::May, forbidden("get", LOGS)).is_ok());
    }
}
