//! Is there a TrainJob of an earlier trial, whose run was killed before it could remove it?

use std::rc::Rc;

use jiff::Timestamp;
use kube::core::DynamicObject;

use super::{DEEP_LEFTOVERS, manifest::selector, trial::removal_command};
use crate::{
    check::{
        Category, Check, Finding, Outcome, Reason, Retry, Severity,
        trainer::{NS_EXISTS, TrainerContext, conclude},
    },
    cluster::{Failure, Scope, resources},
};

pub(crate) const LEFTOVERS: Check<TrainerContext> = Check {
    id: DEEP_LEFTOVERS,
    category: Category::Deep,
    title: "No earlier trial has left anything behind",
    hint: "list them: kubectl get trainjobs -l kubectl-trainer.dev/trial=deep",
    page: "Lists the TrainJobs of the namespace with the label kubectl-trainer.dev/trial=deep, but for the one of this run.\n\n\
           A trial removes what it made, also at Ctrl-C. One that was killed outright could not.",
    reasons: &[&LEFT_BEHIND],
    severity: Severity::Warning,
    requires: &[NS_EXISTS],
    retry: Retry::Never,
    run: |context| Box::pin(async { conclude(check_leftovers(context).await) }),
};

const LEFT_BEHIND: Reason = Reason {
    code: "LeftBehind",
    meaning: "TrainJobs of other trials are in the namespace: their runs were killed, could not remove them, or still go on.",
    mend: "Remove them with the printed command, unless somebody else tries at this moment.",
};

async fn check_leftovers(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let Some(trial) = &context.trial else {
        return Ok(context.untried());
    };
    let scope = Scope::Namespace(trial.namespace().to_owned());
    let (resource, selector) = (resources::train_jobs(), selector());
    let cluster = trial.cluster();
    let jobs = cluster.fetch_objects(&resource, &scope, Some(&selector));
    let jobs = jobs.await?;
    Ok(judge_leftovers(
        trial.namespace(),
        trial.name(),
        &jobs,
        context.now,
    ))
}

fn judge_leftovers(namespace: &str, own: &str, jobs: &[DynamicObject], now: Timestamp) -> Outcome {
    let others = jobs.iter().map(|job| &job.metadata);
    let others = others.filter(|metadata| metadata.deletion_timestamp.is_none());
    let others = others.filter_map(|metadata| {
        let made = metadata.creation_timestamp.as_ref().map(|time| time.0);
        Some((metadata.name.as_deref()?, made))
    });
    let others: Vec<_> = others.filter(|(name, _)| *name != own).collect();
    if others.is_empty() {
        return Outcome::passed(format!("none in {namespace}"));
    }
    let names: Vec<_> = others.iter().map(|(name, _)| *name).collect();
    let words = others.iter().map(|(name, made)| match made {
        Some(made) => format!("{name}, made {} s ago", now.duration_since(*made).as_secs()),
        None => (*name).to_owned(),
    });
    let words: Vec<_> = words.collect();
    let detail = format!("in namespace {namespace}: {}", words.join("; "));
    let finding = Finding::warning(&LEFT_BEHIND, detail);
    Outcome::of(finding.mended_by(removal_command(namespace, &names)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn jobs_of_other_trials_are_named_with_the_command_that_removes_them() {
        let job = |name: &str| {
            let object = json!({"metadata": {
                "name": name, "creationTimestamp": "2026-11-22T09:00:00Z",
            }});
            serde_json::from_value::<DynamicObject>(object).unwrap()
        };
        let now: Timestamp = "2026-11-22T09:01:30Z".parse().unwrap();
        let outcome = judge_leftovers("team-a", "own", &[job("own"), job("other")], now);
        assert_eq!(
            outcome.findings[0].detail,
            "in namespace team-a: other, made 90 s ago"
        );
        assert_eq!(
            outcome.findings[0].mend.as_deref(),
            Some("kubectl -n team-a delete trainjobs.trainer.kubeflow.org other")
        );
        let clean = judge_leftovers("team-a", "own", &[job("own")], now);
        assert_eq!(clean.findings, []);
    }
}
