//! Does a training on two nodes really run here? One is made, followed to its end, read and removed.

use futures::{StreamExt as _, stream::BoxStream};
use tokio::time::timeout_at;

use super::{
    DEEP_TRAINING,
    choice::choose,
    course::{Course, Milestone, shown},
    dry_runs::{NO_RUNTIMES, RUNTIMES_HIDDEN, fetch_runtimes, refusal},
    manifest::{NODES, of_two_nodes},
    reading::{fetch_last_words, read_logs},
    rights::{Extent, RULE_MISSING, fetch_obstacle},
    trial::Trial,
};
use crate::{
    check::{
        Category, Check, Finding, Level, Outcome, Reason, Retry, Severity,
        trainer::{NS_EXISTS, TrainerContext, WEBHOOKS, namespace::title},
    },
    cluster::{Change, Failure, JobObservation, watch_job},
    runtimes::Runtime,
    train_job::{JobEnd, Wait, Weight, job_end, waiting},
};

pub(crate) const TRAINING: Check<TrainerContext> = Check {
    id: DEEP_TRAINING,
    category: Category::Deep,
    title: "A training on two nodes runs to its end",
    hint: "follow one of your own: kubectl get trainjobs,jobsets,jobs,pods",
    page: "Makes a real TrainJob on two nodes, kubectl-trainer-deep- and eight letters, with the label kubectl-trainer.dev/trial=deep; follows it to its end; finds the line of each node in its log; removes it, and waits until its pods are gone. The report tells when each step was reached.\n\n\
           The runtime is torch-distributed, or another whose TrainJobs have nodes alone; --deep-runtime names one. The image is the runtime's own, and may take a while to be pulled; --deep-image names another. All that it needs is a shell. Each node asks for a tenth of a processor and 128 MiB.\n\n\
           First it is asked whether the account may do all of that, also removing: who lacks a rule makes nothing. At Ctrl-C and SIGTERM the TrainJob is removed before the command ends. With --service-account or --as everything is done as that account; the pods run as the runtime says, mostly as the account default.",
    reasons: &[
        &RULE_MISSING,
        &NO_RUNTIMES,
        &RUNTIMES_HIDDEN,
        &RUNTIME_NOT_FOUND,
        &TRAINING_REFUSED,
        &TRAINING_STALLED,
        &TRAINING_FAILED,
        &TRAINING_DELETED,
        &LOG_INCOMPLETE,
        &NOT_REMOVED,
    ],
    severity: Severity::Error,
    requires: &[NS_EXISTS, WEBHOOKS],
    retry: Retry::Never,
    run: |context| Box::pin(check_training(context)),
};

const RUNTIME_NOT_FOUND: Reason = Reason {
    code: "RuntimeNotFound",
    meaning: "There is no runtime of the name after --deep-runtime, or none that a trial could train with: one whose TrainJobs have nodes alone, without launchers and initializers.",
    mend: "Name a runtime that is there with --deep-runtime (kubectl trainer runtimes list).",
};
const TRAINING_REFUSED: Reason = Reason {
    code: "TrainingRefused",
    meaning: "The API server refuses the TrainJob, for the reason that is quoted.",
    mend: "Follow the quoted reason; it is the API server's own, or that of one of its webhooks and policies.",
};
const TRAINING_STALLED: Reason = Reason {
    code: "TrainingStalled",
    meaning: "The training was not over when its time was. What it waited for is quoted: its turn in a queue, pods that a quota or a policy refuses, a node with room, or an image.",
    mend: "Mend what is quoted. A large image may only need more time: --deep-timeout 20m.",
};
const TRAINING_FAILED: Reason = Reason {
    code: "TrainingFailed",
    meaning: "The TrainJob ended as failed, although all that it runs is one line of shell: an image without a shell, a security context or a volume that does not fit, or a node that was lost.",
    mend: "See what the nodes wrote last; try another image with --deep-image, or another runtime with --deep-runtime.",
};
const TRAINING_DELETED: Reason = Reason {
    code: "TrainingDeleted",
    meaning: "Somebody else deleted the TrainJob before it was over.",
    mend: "See who cleans up in the namespace, then run the command again.",
};
pub(super) const LOG_INCOMPLETE: Reason = Reason {
    code: "LogIncomplete",
    meaning: "The training is complete, but the line that a node wrote is not in the log that the API server gives: the kubelet cannot be reached, or the log is gone.",
    mend: "Read a log yourself with kubectl logs; the API server has to reach port 10250 of the nodes.",
};
const NOT_REMOVED: Reason = Reason {
    code: "NotRemoved",
    meaning: "The TrainJob of the trial, or something that it became, is still there.",
    mend: "Run the printed command; what hangs in it has a finalizer, or a pod on a node that does not answer.",
};

async fn check_training(context: &TrainerContext) -> Outcome {
    let Some(trial) = &context.trial else {
        return context.untried();
    };
    if let Some(outcome) = fetch_obstacle(context, trial, Extent::RealRun).await {
        return outcome;
    }
    let (runtimes, findings) = fetch_runtimes(context).await;
    match choose(&runtimes, trial.wish.runtime.as_deref()) {
        Ok(runtime) => carry_out(trial, runtime).await,
        // It may be among those that could not be seen.
        Err(_) if !findings.is_empty() => Outcome::new(failed(findings), Vec::new()),
        Err(problem) => Outcome::of(Finding::failed(&RUNTIME_NOT_FOUND, problem)),
    }
}

/// Without a runtime there is no training.
fn failed(findings: Vec<Finding>) -> Vec<Finding> {
    let fail = |finding: Finding| match finding.level {
        Level::Warning => Finding {
            level: Level::Failed,
            ..finding
        },
        _ => finding,
    };
    findings.into_iter().map(fail).collect()
}

/// The whole training, and its removal however it went.
async fn carry_out(trial: &Trial, runtime: &Runtime) -> Outcome {
    let mut course = Course::begin();
    let mut findings = train(trial, runtime, &mut course)
        .await
        .err()
        .unwrap_or_default();
    match trial.remove().await {
        Ok(()) if course.last().is_some() => advance(trial, &mut course, Milestone::Removed),
        Ok(()) => {}
        Err(left) => {
            findings.push(Finding::failed(&NOT_REMOVED, left.problem).mended_by(left.command));
        }
    }
    let summary = format!("runtime {}, {} in all", title(runtime), course.elapsed());
    let mut facts = vec![summary];
    facts.extend(course.facts());
    Outcome::new(findings, facts)
}

async fn train(trial: &Trial, runtime: &Runtime, course: &mut Course) -> Result<(), Vec<Finding>> {
    let place = (trial.namespace(), trial.name());
    let refused = |words: String| {
        let detail = format!(
            "TrainJob {}/{} of runtime {} is refused: {words}",
            place.0,
            place.1,
            title(runtime)
        );
        vec![Finding::failed(&TRAINING_REFUSED, detail)]
    };
    let job = of_two_nodes(place, runtime, trial.wish.image.as_deref());
    let job = job.map_err(|error| refused(error.to_string()))?;
    trial.say(format!("making TrainJob {}/{}", place.0, place.1));
    let created = trial.create(job).await;
    created.map_err(|failure| match refusal(&failure) {
        Some(words) => refused(words),
        None => vec![Finding::of_failure(&failure)],
    })?;
    advance(trial, course, Milestone::Accepted);
    let observation = follow(trial, course).await?;
    read_logs(trial, &observation).await?;
    advance(trial, course, Milestone::LogRead);
    Ok(())
}

fn advance(trial: &Trial, course: &mut Course, milestone: Milestone) {
    if course.reach(milestone) {
        trial.say(format!("{}: {}", trial.name(), milestone.words()));
    }
}

/// The last look at the job, which is complete; or why it is not.
async fn follow(trial: &Trial, course: &mut Course) -> Result<JobObservation, Vec<Finding>> {
    let mut changes = watch_job(trial.cluster(), trial.namespace(), trial.name());
    let mut last = LastLook::default();
    let deadline = course.since() + trial.wish.limit;
    loop {
        match timeout_at(deadline, next_look(&mut changes)).await {
            Err(_) => return Err(vec![judge_stall(trial, course, &last)]),
            Ok(Look::Seen(observation)) => {
                for milestone in shown(&observation) {
                    advance(trial, course, milestone);
                }
                match job_end(&observation.train_job) {
                    Some(JobEnd::Complete) => {
                        advance(trial, course, Milestone::Complete);
                        return Ok(*observation);
                    }
                    Some(end) => return Err(vec![fetch_failure(trial, &end, &observation).await]),
                    None => last.keep(trial, &observation),
                }
            }
            Ok(Look::Gone) => {
                let detail = format!("TrainJob {}/{} is gone", trial.namespace(), trial.name());
                return Err(vec![Finding::failed(&TRAINING_DELETED, detail)]);
            }
            Ok(Look::Stale(failure)) => last.trouble = Some(failure),
            Ok(Look::Refused(failure)) => return Err(vec![Finding::of_failure(&failure)]),
        }
    }
}

/// What a watch tells of the job.
enum Look {
    Seen(Box<JobObservation>),
    Gone,
    /// The server cannot be asked for now.
    Stale(Failure),
    /// It cannot be asked any more.
    Refused(Failure),
}

async fn next_look(changes: &mut BoxStream<'static, Result<Change, Failure>>) -> Look {
    match changes.next().await {
        Some(Ok(Change::Observed(observation))) => Look::Seen(observation),
        Some(Ok(Change::Stale(failure))) => Look::Stale(failure),
        Some(Ok(Change::Deleted { .. })) | None => Look::Gone,
        Some(Err(failure)) => Look::Refused(failure),
    }
}

/// What the job waited for when it was looked at last, and whether it could be.
#[derive(Default)]
struct LastLook {
    is_taken: bool,
    wait: Option<Wait>,
    trouble: Option<Failure>,
}

impl LastLook {
    fn keep(&mut self, trial: &Trial, observation: &JobObservation) {
        let wait = waiting(observation);
        let stands = |wait: &&Wait| wait.weight == Weight::Standing;
        if let Some(wait) = wait.as_ref().filter(stands) {
            trial.say(format!("{}: {}", trial.name(), wait.text));
        }
        *self = Self {
            is_taken: true,
            wait,
            trouble: None,
        };
    }
}

fn judge_stall(trial: &Trial, course: &Course, last: &LastLook) -> Finding {
    let limit = trial.wish.limit.as_secs();
    let reached = course.last().map_or("nothing", Milestone::words);
    let cause = match (&last.trouble, &last.wait) {
        (Some(failure), _) => failure.to_string(),
        (None, Some(wait)) => wait.text.clone(),
        (None, None) if last.is_taken => format!("its {NODES} nodes run"),
        (None, None) => "the API server showed nothing of it".to_owned(),
    };
    let detail = format!("not over within {limit} s; it had come to \"{reached}\": {cause}");
    Finding {
        advice: Some(TRAINING_STALLED.mend.to_owned()),
        ..Finding::failed(&TRAINING_STALLED, detail)
    }
}

async fn fetch_failure(trial: &Trial, end: &JobEnd, observation: &JobObservation) -> Finding {
    let why = match end {
        JobEnd::Failed { reason, message } => format!("{reason}: {message}"),
        _ => String::new(),
    };
    let words = fetch_last_words(trial, observation).await;
    let detail = match words.as_slice() {
        [] => format!("the TrainJob failed: {why}"),
        words => format!("the TrainJob failed: {why}; {}", words.join("; ")),
    };
    Finding {
        advice: Some(TRAINING_FAILED.mend.to_owned()),
        ..Finding::failed(&TRAINING_FAILED, detail)
    }
}
