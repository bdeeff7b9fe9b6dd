//! What a job waits for while it does not run, in one line: its turn, its JobSet, its pods, a place for them, their images.

use std::collections::BTreeMap;

use super::{outcome::job_end, steps::Roles};
use crate::cluster::{
    ContainerState, JobCondition, JobObservation, JobWarning, Sight, SlimContainer, SlimPod,
};

/// Whether a wait is worth a word when it comes up in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Every job passes through it on its way.
    Passing,
    /// It lasts until somebody does something.
    Standing,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    pub weight: Weight,
    /// A lowercase fragment: `node-0: no node fits: 0/3 nodes are available`.
    pub text: String,
}

impl Wait {
    fn passing(text: impl Into<String>) -> Option<Self> {
        Some(Self {
            weight: Weight::Passing,
            text: text.into(),
        })
    }

    fn standing(text: impl Into<String>) -> Option<Self> {
        Some(Self {
            weight: Weight::Standing,
            text: text.into(),
        })
    }
}

/// `None` where the job runs, or is over.
pub fn waiting(observation: &JobObservation) -> Option<Wait> {
    let job = &observation.train_job;
    if job_end(job).is_some() {
        return None;
    }
    if job.deleted.is_some() {
        return Wait::standing("being deleted");
    }
    if job.suspend || JobCondition::is_true(&job.conditions, "Suspended").is_some() {
        return held_back(observation);
    }
    if observation.pods.is_empty() {
        return without_pods(observation);
    }
    on_pods(observation)
}

/// Why a suspended job is suspended.
fn held_back(observation: &JobObservation) -> Option<Wait> {
    let Some(queue) = &observation.train_job.queue else {
        return Wait::standing("suspended");
    };
    let reason = observation.workload.as_ref().and_then(|workload| {
        let waits = |condition: &&JobCondition| {
            condition.kind == "QuotaReserved" && condition.status == "False"
        };
        workload.conditions.iter().find(waits)
    });
    match reason.map(|reason| first_line(&reason.message)) {
        Some(message) if !message.is_empty() => {
            Wait::standing(format!("in queue {queue} of Kueue: {message}"))
        }
        _ => Wait::standing(format!("in queue {queue} of Kueue")),
    }
}

fn without_pods(observation: &JobObservation) -> Option<Wait> {
    if let Some(manager) = &observation.train_job.managed_by {
        return Wait::standing(format!("its pods are in the care of {manager}"));
    }
    // The last word of whoever could not make the next thing.
    if let Some(warning) = observation.warnings.last() {
        return Wait::standing(words_of(warning));
    }
    match observation.job_set {
        Sight::Absent => Wait::passing("waiting for its JobSet"),
        Sight::Seen(_) | Sight::Hidden => Wait::passing("waiting for its pods"),
    }
}

/// The heaviest cause that keeps pods from running, with the steps that it holds.
fn on_pods(observation: &JobObservation) -> Option<Wait> {
    let roles = Roles::of(observation);
    let mut held: BTreeMap<Hold, Vec<String>> = BTreeMap::new();
    let mut runs = false;
    for pod in &observation.pods {
        match hold(pod) {
            Some(hold) => {
                let step = roles.step_at(&pod.place).name;
                held.entry(hold).or_default().push(step);
            }
            None => runs = true,
        }
    }
    let Some((hold, steps)) = held.into_iter().next() else {
        return missing(observation);
    };
    let who = match steps.as_slice() {
        [only] => only.clone(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
        [] => return None,
    };
    match hold {
        Hold::Starting if runs => None,
        Hold::Starting => Wait::passing(format!("{who}: starting")),
        Hold::Stuck(why) => Wait::standing(format!("{who}: {why}")),
    }
}

/// Pods that a Job could not make, while others run.
fn missing(observation: &JobObservation) -> Option<Wait> {
    let is_refused =
        |warning: &&JobWarning| warning.kind == "Job" && warning.reason == "FailedCreate";
    let warning = observation.warnings.iter().rev().find(is_refused)?;
    Wait::standing(words_of(warning))
}

fn words_of(warning: &JobWarning) -> String {
    let message = first_line(&warning.message);
    format!(
        "{} {}: {}: {message}",
        warning.kind, warning.name, warning.reason
    )
}

/// What keeps a pod from running; the heavier first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Stuck(String),
    Starting,
}

/// `None` for a pod that runs, has ended, or is going.
fn hold(pod: &SlimPod) -> Option<Hold> {
    if pod.deleted.is_some() || matches!(pod.phase.as_str(), "Succeeded" | "Failed") {
        return None;
    }
    let stuck = unscheduled(pod).or_else(|| pod.containers.iter().find_map(stuck_container));
    match stuck {
        Some(why) => Some(Hold::Stuck(why)),
        None if pod.phase == "Pending" => Some(Hold::Starting),
        None => None,
    }
}

fn unscheduled(pod: &SlimPod) -> Option<String> {
    let is_about =
        |condition: &&JobCondition| condition.kind == "PodScheduled" && condition.status == "False";
    let condition = pod.conditions.iter().find(is_about)?;
    let message = first_line(&condition.message);
    match condition.reason.as_str() {
        "SchedulingGated" => Some("held back by a scheduling gate".to_owned()),
        "Unschedulable" => Some(format!("no node fits: {message}")),
        reason => Some(format!("{reason}: {message}")),
    }
}

fn stuck_container(container: &SlimContainer) -> Option<String> {
    let ContainerState::Waiting { reason, message } = &container.state else {
        return None;
    };
    match reason.as_str() {
        "" | "ContainerCreating" | "PodInitializing" => None,
        reason => {
            let message = first_line(message);
            Some(format!("container {}: {reason}: {message}", container.name))
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
}
