//! The category Allowed: one access review for each right that the persona must have.

use super::{
    AccessContext, MAY_CLUSTER_RUNTIMES, MAY_EXTRAS, MAY_JOBS, MAY_PODS, MAY_RUNTIMES,
    MAY_SURROUNDINGS, PERSONA,
    login::judge_unclear,
    rights::{Area, Right, required, spoken},
};
use crate::{
    access::persona::Persona,
    check::{Category, Check, Finding, Outcome, Reader, Reason, Retry, Severity},
    cluster::{AccessAnswer, shell_word},
};

pub(super) const JOBS: Check<AccessContext> = Check {
    id: MAY_JOBS,
    category: Category::Allowed,
    title: "It may use TrainJobs as its persona does",
    hint: "ask for one right yourself: kubectl auth can-i create trainjobs.trainer.kubeflow.org -n NAMESPACE",
    page: "Asks the API server (SelfSubjectAccessReview) for each verb on TrainJobs that the persona has: all read them, a submitter also creates, patches and deletes them, and so on. What is asked about is derived from the very table that bootstrap grants from.",
    reasons: &[&RIGHT_MISSING],
    severity: Severity::Error,
    requires: &[PERSONA],
    retry: Retry::Never,
    run: |context| Box::pin(check_allowed(context, Area::Jobs)),
};

const RIGHT_MISSING: Reason = Reason {
    code: "RightMissing",
    meaning: "The account lacks a right that its persona has: nobody granted it, its Role was changed, or its binding is gone or names somebody else.",
    mend: "Have an administrator of the namespace run the named bootstrap command again: it adds what is missing and changes nothing else.",
};

pub(super) const RUNTIMES: Check<AccessContext> = Check {
    id: MAY_RUNTIMES,
    title: "It may use the namespace's runtimes",
    page: "Asks for each verb on TrainingRuntimes that the persona has. The Kubeflow SDK asks for the namespace's runtime first, and gives up where that is not allowed, also when the cluster has the runtime.",
    run: |context| Box::pin(check_allowed(context, Area::Runtimes)),
    ..JOBS
};

pub(super) const CLUSTER_RUNTIMES: Check<AccessContext> = Check {
    id: MAY_CLUSTER_RUNTIMES,
    title: "It may read the cluster's runtimes",
    page: "Asks for get and list on ClusterTrainingRuntimes. They belong to no namespace: a Role never grants them, nor does a RoleBinding to a ClusterRole.",
    run: |context| Box::pin(check_allowed(context, Area::ClusterRuntimes)),
    ..JOBS
};

pub(super) const PODS: Check<AccessContext> = Check {
    id: MAY_PODS,
    title: "It may read pods, and logs if it should",
    page: "Asks for reading pods, without which the SDK cannot tell a job's state, and their logs, where the persona has them.",
    run: |context| Box::pin(check_allowed(context, Area::Pods)),
    ..JOBS
};

pub(super) const SURROUNDINGS: Check<AccessContext> = Check {
    id: MAY_SURROUNDINGS,
    title: "It may read what a job depends on",
    page: "Asks for the rest of what everybody of this persona has: events, the namespace itself, batch jobs, quotas and limits.",
    run: |context| Box::pin(check_allowed(context, Area::Surroundings)),
    ..JOBS
};

pub(super) const EXTRAS: Check<AccessContext> = Check {
    id: MAY_EXTRAS,
    title: "Its further rights are known",
    page: "Asks for what only some of a persona have, because not everybody can grant it, or because it is granted on request: reading logs for a viewer, reading JobSets, queues and pod groups, and for an admin passing the shipped roles on. It tells which of these the account has; to lack them is no fault.",
    reasons: &[],
    run: |context| Box::pin(check_extras(context)),
    ..JOBS
};

async fn check_allowed(context: &AccessContext, area: Area) -> Outcome {
    let known = match context.fetch_persona().await {
        Ok(known) => known,
        Err(unclear) => return judge_unclear(&unclear, &context.subject.words()),
    };
    let rights = required(known.persona, area, context.namespace());
    if rights.is_empty() {
        return Outcome::passed(nothing_words(known.persona));
    }
    let Held {
        lacked,
        mut findings,
        ..
    } = fetch_held(context, &rights).await;
    if !lacked.is_empty() {
        findings.push(judge_missing(context, known.persona, &lacked));
    }
    let facts = findings.is_empty().then(|| verbs_of(&rights));
    Outcome::new(findings, facts.into_iter().collect())
}

/// Which of some rights the account has.
#[derive(Default)]
struct Held<'a> {
    count: usize,
    lacked: Vec<&'a Right>,
    /// Where there was no answer.
    findings: Vec<Finding>,
}

async fn fetch_held<'a>(context: &AccessContext, rights: &'a [Right]) -> Held<'a> {
    let answers = context.fetch_answers(rights).await;
    let mut found = Held::default();
    for (right, answer) in rights.iter().zip(answers) {
        match answer {
            Ok(AccessAnswer::Allowed(_)) => found.count += 1,
            Ok(AccessAnswer::Denied(_)) => found.lacked.push(right),
            Err(failure) => found.findings.push(Finding::of_failure(&failure)),
        }
    }
    found.findings.dedup();
    found
}

fn nothing_words(persona: Persona) -> String {
    format!("the persona {} has no such right", persona.name())
}

/// The verbs, each once.
fn verbs_of(rights: &[Right]) -> String {
    let mut verbs: Vec<&str> = Vec::new();
    for right in rights {
        if !verbs.contains(&right.verb) {
            verbs.push(right.verb);
        }
    }
    verbs.join(", ")
}

fn judge_missing(context: &AccessContext, persona: Persona, missing: &[&Right]) -> Finding {
    let detail = format!(
        "{} may not {}, and the persona {} must",
        context.subject.words(),
        spoken(missing, context.namespace()),
        persona.name()
    );
    Finding {
        advice: Some(grant_advice(context, persona)),
        advice_for: Reader::Anybody,
        ..Finding::failed(&RIGHT_MISSING, detail).lasting()
    }
}

/// What grants a persona all that it lacks.
fn grant_advice(context: &AccessContext, persona: Persona) -> String {
    let subject = &context.subject;
    let namespace = context.namespace();
    let account =
        subject
            .account
            .as_ref()
            .map_or(String::new(), |account| match &account.namespace {
                own if own == namespace => {
                    format!(" --service-account {}", shell_word(&account.name))
                }
                own => {
                    let whole = format!("{own}/{}", account.name);
                    format!(" --service-account {}", shell_word(&whole))
                }
            });
    format!(
        "an administrator of the namespace grants it with: {} bootstrap {} --persona {}{account}",
        subject.program,
        shell_word(namespace),
        persona.name()
    )
}

async fn check_extras(context: &AccessContext) -> Outcome {
    let known = match context.fetch_persona().await {
        Ok(known) => known,
        Err(unclear) => return judge_unclear(&unclear, &context.subject.words()),
    };
    let rights = required(known.persona, Area::Extras, context.namespace());
    if rights.is_empty() {
        return Outcome::passed(nothing_words(known.persona));
    }
    let found = fetch_held(context, &rights).await;
    let count = format!("{} of {}", found.count, rights.len());
    let lacked = (!found.lacked.is_empty())
        .then(|| format!("it may not {}", spoken(&found.lacked, context.namespace())));
    Outcome::new(
        found.findings,
        [Some(count), lacked].into_iter().flatten().collect(),
    )
}
