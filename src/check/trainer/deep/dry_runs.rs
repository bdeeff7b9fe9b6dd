//! Would the API server take a TrainJob of each runtime? One is created by dry run for each.

use std::rc::Rc;

use futures::stream::{self, StreamExt as _};

use super::{
    DEEP_DRY_RUNS, manifest,
    rights::{Extent, RULE_MISSING, fetch_obstacle},
    trial::Trial,
};
use crate::{
    check::{
        Category, Check, Finding, Level, Outcome, Reason, Retry, Severity,
        trainer::{
            NS_EXISTS, TrainerContext, WEBHOOKS,
            context::REQUESTS_AT_ONCE,
            namespace::{title, whose},
        },
    },
    cluster::{Failure, FailureKind},
    runtimes::{Runtime, RuntimeScope},
};

pub(crate) const DRY_RUNS: Check<TrainerContext> = Check {
    id: DEEP_DRY_RUNS,
    category: Category::Deep,
    title: "A TrainJob of every runtime is accepted",
    hint: "see what the server says to a TrainJob of yours: kubectl create --dry-run=server -f FILE",
    page: "Has the API server create one TrainJob for each ClusterTrainingRuntime, and for each TrainingRuntime of the namespace, without storing it (server-side dry run). The TrainJob says nothing but the runtime's name, so what is refused is refused to everybody: by Trainer's webhooks, a quota on TrainJobs, or a policy of the cluster.\n\n\
           With --service-account or --as it is done as that account.",
    reasons: &[
        &RULE_MISSING,
        &RUNTIME_REFUSED,
        &RUNTIMES_HIDDEN,
        &NO_RUNTIMES,
    ],
    severity: Severity::Error,
    requires: &[NS_EXISTS, WEBHOOKS],
    retry: Retry::Never,
    run: |context| Box::pin(check_dry_runs(context)),
};

const RUNTIME_REFUSED: Reason = Reason {
    code: "RuntimeRefused",
    meaning: "The API server refuses a TrainJob of the named runtime, for the reason that is quoted.",
    mend: "Follow the quoted reason; it is the API server's own, or that of one of its webhooks and policies.",
};
pub(super) const RUNTIMES_HIDDEN: Reason = Reason {
    code: "RuntimesHidden",
    meaning: "The account may not list one kind of runtimes, so that no TrainJob of those was tried.",
    mend: "Grant the rule, or train with the runtimes that the account may read.",
};
pub(super) const NO_RUNTIMES: Reason = Reason {
    code: "NoRuntimes",
    meaning: "There is no runtime that a TrainJob of this namespace could name, or the account may not read any.",
    mend: "Install the runtimes of the release, or create a TrainingRuntime in the namespace.",
};

/// The runtimes that a TrainJob of the namespace may name, and findings about those that may not be read.
pub(super) async fn fetch_runtimes(context: &TrainerContext) -> (Vec<Runtime>, Vec<Finding>) {
    let (everywhere, here) =
        tokio::join!(context.fetch_runtimes(), context.fetch_training_runtimes());
    let mut findings = Vec::new();
    let mut objects = Vec::new();
    match everywhere {
        Ok(runtimes) => objects.extend(runtimes.iter().cloned()),
        Err(failure) => findings.push(judge_unlisted(&failure)),
    }
    match here {
        Ok(runtimes) => objects.extend(runtimes.objects.iter().cloned()),
        Err(failure) => findings.push(judge_unlisted(&failure)),
    }
    let runtimes = objects.into_iter().map(Runtime::parse);
    let is_usable = |runtime: &Runtime| match &runtime.scope {
        RuntimeScope::Cluster => true,
        RuntimeScope::Namespace(namespace) => *namespace == context.namespace,
    };
    let runtimes: Vec<_> = runtimes
        .filter(|runtime| is_usable(runtime) && runtime.deleted.is_none())
        .collect();
    if runtimes.is_empty() && findings.is_empty() {
        let detail = format!("there is none for namespace {}", context.namespace);
        findings.push(Finding::failed(&NO_RUNTIMES, detail));
    } else if runtimes.is_empty() {
        for finding in &mut findings {
            finding.level = Level::Failed;
        }
    }
    (runtimes, findings)
}

/// Who may read the other kind can train all the same.
fn judge_unlisted(failure: &Rc<Failure>) -> Finding {
    let finding = Finding::of_failure(failure);
    match failure.kind {
        FailureKind::Forbidden(_) => Finding {
            level: Level::Warning,
            reason: &RUNTIMES_HIDDEN,
            ..finding
        },
        _ => finding,
    }
}

async fn check_dry_runs(context: &TrainerContext) -> Outcome {
    let Some(trial) = &context.trial else {
        return context.untried();
    };
    if let Some(outcome) = fetch_obstacle(context, trial, Extent::DryRun).await {
        return outcome;
    }
    let (runtimes, findings) = fetch_runtimes(context).await;
    trial.say(format!("trying {} runtimes by dry run", runtimes.len()));
    let tries = runtimes.iter().map(|runtime| try_runtime(trial, runtime));
    let answers: Vec<_> = stream::iter(tries)
        .buffered(REQUESTS_AT_ONCE)
        .collect()
        .await;
    judge_dry_runs(&runtimes, &answers, findings)
}

/// How the API server took a TrainJob.
enum Answer {
    Accepted,
    Refused(String),
    /// It was not tried.
    Failed(Failure),
}

async fn try_runtime(trial: &Trial, runtime: &Runtime) -> Answer {
    let job = match manifest::bare(trial.namespace(), runtime) {
        Ok(job) => job,
        Err(error) => return Answer::Refused(error.to_string()),
    };
    match trial.cluster().create_dry_run(&job).await {
        Ok(_) => Answer::Accepted,
        Err(failure) => refusal(&failure).map_or(Answer::Failed(failure), Answer::Refused),
    }
}

/// The words in which the server refuses; none where it did not get to it.
pub(super) fn refusal(failure: &Failure) -> Option<String> {
    match &failure.kind {
        FailureKind::Rejected { message, .. } => Some(message.clone()),
        FailureKind::Forbidden(_) | FailureKind::NotFound { .. } => Some(failure.to_string()),
        _ => None,
    }
}

/// Runtimes that are refused in the same words share a finding.
fn judge_dry_runs(runtimes: &[Runtime], answers: &[Answer], mut findings: Vec<Finding>) -> Outcome {
    let titles: Vec<_> = runtimes.iter().map(title).collect();
    let mut refusals: Vec<(&str, Vec<&str>)> = Vec::new();
    for (title, answer) in titles.iter().zip(answers) {
        let (title, words) = match answer {
            Answer::Accepted => continue,
            Answer::Refused(words) => (title.as_str(), words.as_str()),
            Answer::Failed(failure) => {
                findings.push(Finding::of_failure(failure));
                continue;
            }
        };
        match refusals.iter_mut().find(|(known, _)| *known == words) {
            Some((_, of)) => of.push(title),
            None => refusals.push((words, vec![title])),
        }
    }
    findings.extend(refusals.iter().map(|(words, of)| {
        let detail = format!(
            "a TrainJob of {} is refused: {words}",
            whose(of, titles.len())
        );
        Finding::failed(&RUNTIME_REFUSED, detail)
    }));
    let accepted = answers
        .iter()
        .filter(|answer| matches!(answer, Answer::Accepted));
    let accepted = accepted.count();
    let mut facts = vec![format!("{accepted} of {} runtimes", titles.len())];
    facts.extend(titles);
    Outcome::new(findings, facts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn runtimes_that_are_refused_in_the_same_words_share_a_finding() {
        let runtime = |name: &str| {
            let object = json!({"metadata": {"name": name}});
            Runtime::parse(serde_json::from_value(object).unwrap())
        };
        let runtimes = [runtime("one"), runtime("two"), runtime("three")];
        let quota = || Answer::Refused("exceeded quota: none".to_owned());
        let answers = [quota(), Answer::Accepted, quota()];
        let outcome = judge_dry_runs(&runtimes, &answers, Vec::new());
        let details: Vec<_> = outcome
            .findings
            .iter()
            .map(|it| it.detail.as_str())
            .collect();
        assert_eq!(
            details,
            ["a TrainJob of one, three is refused: exceeded quota: none"]
        );
        assert_eq!(outcome.facts[0], "1 of 3 runtimes");
    }
}
