//! What a job waits for while it does not run, in one line: its turn, its JobSet, its pods, a place for them, their images.

use std::collections::BTreeMap;

use super::{
    outcome::{JobEnd, job_end},
    steps::{Roles, Step},
};
use crate::cluster::{
    ContainerState, JobCondition, JobObservation, JobWarning, JobWork, Sight, SlimContainer,
    SlimPod, TrainJob,
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
    /// What it is about, without what changes all the time, such as numbers of nodes: two waits of one topic are one wait.
    pub topic: String,
    /// A lowercase fragment: `node-0: no node fits: 0/3 nodes are available`.
    pub text: String,
}

impl Wait {
    fn passing(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            weight: Weight::Passing,
            topic: text.clone(),
            text,
        }
    }

    fn standing(topic: impl Into<String>, details: &str) -> Self {
        let topic = topic.into();
        let text = match details {
            "" => topic.clone(),
            details => format!("{topic}: {details}"),
        };
        Self {
            weight: Weight::Standing,
            topic,
            text,
        }
    }
}

/// `None` where the job runs, or is over.
pub fn waiting(observation: &JobObservation) -> Option<Wait> {
    let job = &observation.train_job;
    if job_end(job).is_some() {
        return None;
    }
    if job.deleted.is_some() {
        return Some(Wait::standing("being deleted", ""));
    }
    if job.suspend || JobCondition::is_true(&job.conditions, "Suspended").is_some() {
        return Some(held_back(observation));
    }
    if observation.pods.is_empty() {
        return Some(without_pods(observation));
    }
    on_pods(observation)
}

/// How a job stands, in one word: `Complete`, `Failed`, `Suspended`, `Pending`, `Running`.
pub fn state_word(observation: &JobObservation) -> &'static str {
    match own_state(&observation.train_job) {
        Some(state) => state,
        None if waiting(observation).is_some() => "Pending",
        None => "Running",
    }
}

/// The same as far as the TrainJob alone tells it, without its pods; empty where it does not.
pub fn state_word_alone(job: &TrainJob) -> &'static str {
    own_state(job).unwrap_or(match job.work {
        JobWork::Ready => "Running",
        JobWork::Active | JobWork::None => "Pending",
        JobWork::Unknown => "",
    })
}

/// What a TrainJob says of itself when it is not at work.
fn own_state(job: &TrainJob) -> Option<&'static str> {
    match job_end(job) {
        Some(JobEnd::Failed { .. }) => Some("Failed"),
        Some(_) => Some("Complete"),
        None if job.deleted.is_some() => Some("Deleting"),
        None if job.suspend || JobCondition::is_true(&job.conditions, "Suspended").is_some() => {
            Some("Suspended")
        }
        None => None,
    }
}

/// Why a suspended job is suspended.
fn held_back(observation: &JobObservation) -> Wait {
    let Some(queue) = &observation.train_job.queue else {
        return Wait::standing("suspended", "");
    };
    let reason = observation.workload.as_ref().and_then(|workload| {
        let waits = |condition: &&JobCondition| {
            condition.kind == "QuotaReserved" && condition.status == "False"
        };
        workload.conditions.iter().find(waits)
    });
    let details = reason.map_or("", |reason| first_line(&reason.message));
    Wait::standing(format!("waiting in queue {queue} of Kueue"), details)
}

fn without_pods(observation: &JobObservation) -> Wait {
    if let Some(manager) = &observation.train_job.managed_by {
        return Wait::standing(format!("its pods are in the care of {manager}"), "");
    }
    // The last word of whoever could not make the next thing.
    if let Some(warning) = observation.warnings.last() {
        return of_warning(warning);
    }
    match observation.job_set {
        Sight::Absent => Wait::passing("waiting for its JobSet"),
        Sight::Seen(_) | Sight::Hidden => Wait::passing("waiting for its pods"),
    }
}

fn of_warning(warning: &JobWarning) -> Wait {
    let message = first_line(&warning.message);
    // Each try has a pod's name of its own.
    let cause = message
        .split_once("\" is forbidden: ")
        .map(|(_, cause)| cause);
    let topic = format!("{} {}: {}", warning.kind, warning.name, warning.reason);
    Wait::standing(topic, cause.unwrap_or(message))
}

/// The heaviest cause that keeps pods from running, with the steps that it holds.
fn on_pods(observation: &JobObservation) -> Option<Wait> {
    let roles = Roles::of(observation);
    let mut held: BTreeMap<Hold, (Vec<Step>, String)> = BTreeMap::new();
    let mut runs = false;
    for pod in &observation.pods {
        match hold(pod) {
            Some((cause, details)) => {
                let known = held.entry(cause).or_insert((Vec::new(), details));
                known.0.push(roles.step_at(&pod.place));
            }
            None => runs = true,
        }
    }
    let Some((heaviest, (mut steps, details))) = held.into_iter().next() else {
        return missing(observation);
    };
    steps.sort();
    let who = match steps.as_slice() {
        [] => return None,
        [only] => only.name.clone(),
        [first, second] => format!("{} and {}", first.name, second.name),
        [first, rest @ ..] => format!("{} and {} more", first.name, rest.len()),
    };
    match heaviest {
        Hold::Starting if runs => missing(observation),
        Hold::Starting => Some(Wait::passing(format!("{who}: starting"))),
        Hold::Stuck(cause) => {
            let wait = Wait::standing(cause, &details);
            let text = format!("{who}: {}", wait.text);
            Some(Wait { text, ..wait })
        }
    }
}

/// Pods that a Job could not make, while others run.
fn missing(observation: &JobObservation) -> Option<Wait> {
    let is_refused =
        |warning: &&JobWarning| warning.kind == "Job" && warning.reason == "FailedCreate";
    let warning = observation.warnings.iter().rev().find(is_refused)?;
    Some(of_warning(warning))
}

/// What keeps a pod from running; the heavier first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Stuck(String),
    Starting,
}

/// With details that change; `None` for a pod that runs, has ended, or is going.
fn hold(pod: &SlimPod) -> Option<(Hold, String)> {
    if pod.deleted.is_some() || matches!(pod.phase.as_str(), "Succeeded" | "Failed") {
        return None;
    }
    let stuck = unscheduled(pod).or_else(|| pod.containers.iter().find_map(stuck_container));
    match stuck {
        Some((cause, details)) => Some((Hold::Stuck(cause), details)),
        None if pod.phase == "Pending" => Some((Hold::Starting, String::new())),
        None => None,
    }
}

fn unscheduled(pod: &SlimPod) -> Option<(String, String)> {
    let is_about =
        |condition: &&JobCondition| condition.kind == "PodScheduled" && condition.status == "False";
    let condition = pod.conditions.iter().find(is_about)?;
    let details = first_line(&condition.message).to_owned();
    match condition.reason.as_str() {
        "SchedulingGated" => Some(("held back by a scheduling gate".to_owned(), String::new())),
        "Unschedulable" => Some(("no node fits".to_owned(), details)),
        reason => Some((reason.to_owned(), details)),
    }
}

fn stuck_container(container: &SlimContainer) -> Option<(String, String)> {
    let ContainerState::Waiting { reason, message } = &container.state else {
        return None;
    };
    let name = &container.name;
    match reason.as_str() {
        "" | "ContainerCreating" | "PodInitializing" => None,
        "CrashLoopBackOff" => {
            let code = container.last.as_ref().map_or(0, |end| end.exit_code);
            let details = format!("the last time it ended with {code}");
            Some((format!("container {name} keeps ending"), details))
        }
        "ErrImagePull" | "ImagePullBackOff" => {
            let message = first_line(message);
            // A back-off repeats the error behind its own words.
            let error = message.split_once("ErrImagePull: ").map(|(_, error)| error);
            let details = error.unwrap_or(message).to_owned();
            Some((
                format!("the image of container {name} cannot be pulled"),
                details,
            ))
        }
        reason => Some((
            format!("container {name}: {reason}"),
            first_line(message).to_owned(),
        )),
    }
}

fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.trim_end_matches(['.', ' '])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::Workload;

    fn objects(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn words(objects: &Value) -> Option<String> {
        waiting(&JobObservation::of_objects(objects)).map(|wait| wait.text)
    }

    #[test]
    fn a_job_that_runs_waits_for_nothing() {
        assert_eq!(words(&objects(include_str!("objects/pair.json"))), None);
        assert_eq!(words(&objects(include_str!("objects/mpi.json"))), None);
    }

    #[test]
    fn each_cause_is_named_with_the_steps_that_it_holds() {
        let expected = [
            (
                include_str!("objects/nofit.json"),
                "node-0 and node-1: no node fits: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling",
            ),
            (
                include_str!("objects/noimage.json"),
                "node-0: the image of container node cannot be pulled: failed to pull and unpack image \"docker.io/pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime\": failed to resolve image: failed to do request: Head \"https://registry-1.docker.io/v2/pytorch/pytorch/manifests/2.13.0-cuda13.0-cudnn9-runtime\": dial tcp: lookup registry-1.docker.io: i/o timeout",
            ),
            (
                include_str!("objects/crash.json"),
                "node-0: container node keeps ending: the last time it ended with 1",
            ),
            (include_str!("objects/asleep.json"), "suspended"),
            (
                include_str!("objects/tight.json"),
                "Job tight-node-0: FailedCreate: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1",
            ),
        ];
        for (text, expected) in expected {
            assert_eq!(words(&objects(text)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn before_there_are_pods_the_next_thing_is_waited_for() {
        let mut job = objects(include_str!("objects/pair.json"));
        job["pods"] = json!([]);
        assert_eq!(words(&job).unwrap(), "waiting for its pods");
        job.as_object_mut().unwrap().remove("jobSet");
        assert_eq!(words(&job).unwrap(), "waiting for its JobSet");
        job["warnings"] = json!([{
            "metadata": {}, "involvedObject": {"kind": "JobSet", "name": "pair"}, "reason": "JobCreationFailed",
            "message": "no.\nmore"
        }]);
        assert_eq!(words(&job).unwrap(), "JobSet pair: JobCreationFailed: no");
        job["trainJob"]["spec"]["managedBy"] = json!("kueue.x-k8s.io/multikueue");
        assert_eq!(
            words(&job).unwrap(),
            "its pods are in the care of kueue.x-k8s.io/multikueue"
        );
    }

    #[test]
    fn a_queued_job_says_what_its_queue_says() {
        let mut job = objects(include_str!("objects/asleep.json"));
        job["trainJob"]["metadata"]["labels"] = json!({"kueue.x-k8s.io/queue-name": "team"});
        let mut observation = JobObservation::of_objects(&job);
        let text = |observation: &JobObservation| waiting(observation).unwrap().text;
        assert_eq!(text(&observation), "waiting in queue team of Kueue");
        observation.workload = Some(Workload {
            name: "trainjob-asleep".to_owned(),
            conditions: vec![JobCondition {
                kind: "QuotaReserved".into(),
                status: "False".into(),
                reason: "Pending".to_owned(),
                message: "insufficient quota for cpu in flavor small".to_owned(),
                changed: None,
            }],
        });
        assert_eq!(
            text(&observation),
            "waiting in queue team of Kueue: insufficient quota for cpu in flavor small"
        );
    }

    #[test]
    fn a_job_that_is_over_or_goes_says_so() {
        let mut job = objects(include_str!("objects/nofit.json"));
        job["trainJob"]["metadata"]["deletionTimestamp"] = json!("2026-11-21T15:00:00Z");
        assert_eq!(words(&job).unwrap(), "being deleted");
        job["trainJob"]["status"]["conditions"] = json!([{"type": "Failed", "status": "True"}]);
        assert_eq!(words(&job), None);
    }

    #[test]
    fn what_changes_all_the_time_makes_no_other_topic() {
        let mut job = objects(include_str!("objects/noimage.json"));
        let topic = |job: &Value| waiting(&JobObservation::of_objects(job)).unwrap().topic;
        let before = topic(&job);
        job["pods"][0]["status"]["containerStatuses"][0]["state"]["waiting"] =
            json!({"reason": "ErrImagePull", "message": "rpc error: another one"});
        assert_eq!(topic(&job), before);
        assert_eq!(
            words(&job).unwrap(),
            "node-0: the image of container node cannot be pulled: rpc error: another one"
        );
    }

    #[test]
    fn pods_on_their_way_are_a_passing_wait_until_the_first_runs() {
        let mut job = objects(include_str!("objects/pair.json"));
        for pod in job["pods"].as_array_mut().unwrap() {
            pod["status"] = json!({"phase": "Pending"});
        }
        let wait = waiting(&JobObservation::of_objects(&job)).unwrap();
        assert_eq!(
            (wait.weight, wait.text.as_str()),
            (Weight::Passing, "node-0 and node-1: starting")
        );
        job["pods"][1]["status"] = json!({"phase": "Running"});
        assert_eq!(words(&job), None);
    }
}
