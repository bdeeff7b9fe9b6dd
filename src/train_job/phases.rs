//! Where a job stands: the phases that it goes through, each with its times, as far as the objects tell them. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    log_targets::ended_without_pods,
    outcome::{JobEnd, job_end},
    steps::{Roles, StepKind, steps},
    waiting::{Wait, waiting},
};
use crate::cluster::{
    ContainerKind, ContainerState, JobCondition, JobObservation, Sight, SlimContainer, SlimPod,
};

/// In the order in which they mostly come. Those of custom runtimes may overlap: phases are a list, not a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PhaseKind {
    /// Suspended, mostly by a queue.
    Queued,
    Dataset,
    Model,
    /// Until every trainer's pod has a node.
    Scheduling,
    /// Until every trainer's container runs: volumes, and mostly the image.
    Starting,
    Training,
    Done,
}

impl PhaseKind {
    /// For texts, and for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dataset => "dataset",
            Self::Model => "model",
            Self::Scheduling => "scheduling",
            Self::Starting => "starting",
            Self::Training => "training",
            Self::Done => "done",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseState {
    /// Not begun yet.
    Waiting,
    Running,
    Finished,
    Failed,
}

/// So many of so many nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeCount {
    pub reached: usize,
    pub wanted: usize,
}

/// One phase of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    pub kind: PhaseKind,
    pub state: PhaseState,
    /// None where the objects do not tell it, or no more.
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// Of the phases of the trainer: the nodes that have a place, have started, or run.
    pub nodes: Option<NodeCount>,
    /// What the job waits for, at the first phase that is not over.
    pub why: Option<Wait>,
}

impl Phase {
    fn new(kind: PhaseKind, state: PhaseState) -> Self {
        Self {
            kind,
            state,
            began: None,
            ended: None,
            nodes: None,
            why: None,
        }
    }

    fn between(self, began: Option<Timestamp>, ended: Option<Timestamp>) -> Self {
        Self {
            began,
            ended,
            ..self
        }
    }

    const fn is_over(&self) -> bool {
        matches!(self.state, PhaseState::Finished | PhaseState::Failed)
    }
}

/// The phases that the job has or will have.
pub fn phases(observation: &JobObservation) -> Vec<Phase> {
    let crew = Crew::of(observation);
    let initializer = |kind, phase| initializer(observation, kind, phase);
    let optional = [
        queued(observation),
        initializer(StepKind::DatasetInitializer, PhaseKind::Dataset),
        initializer(StepKind::ModelInitializer, PhaseKind::Model),
    ];
    let mut phases: Vec<Phase> = optional.into_iter().flatten().collect();
    phases.extend([
        crew.scheduling(),
        crew.starting(),
        crew.training(),
        done(observation),
    ]);
    let job_is_over = job_end(&observation.train_job).is_some();
    if job_is_over {
        let failing = failing(&phases, observation);
        for phase in &mut phases {
            close(phase, failing);
        }
    } else if let Some(current) = phases.iter_mut().find(|phase| !phase.is_over()) {
        current.why = waiting(observation);
    }
    phases
}

/// The phase in which a job failed: one that says so itself, else the first that was not over, else the training, whose
/// pods are gone. Where nothing was made, none after the queue has begun.
fn failing(phases: &[Phase], observation: &JobObservation) -> Option<PhaseKind> {
    let Some(JobEnd::Failed { .. }) = job_end(&observation.train_job) else {
        return None;
    };
    if ended_without_pods(observation) {
        return Some(PhaseKind::Queued);
    }
    let first = |state| {
        let is_it = |phase: &&Phase| {
            phase.state == state && !matches!(phase.kind, PhaseKind::Queued | PhaseKind::Done)
        };
        phases.iter().find(is_it).map(|phase| phase.kind)
    };
    let own = first(PhaseState::Failed).or_else(|| first(PhaseState::Running));
    own.or(Some(PhaseKind::Training))
}

/// Of a job that is over nothing runs or waits, though its objects may be gone; but what comes behind the phase in which
/// it failed may never have begun.
fn close(phase: &mut Phase, failing: Option<PhaseKind>) {
    let is_behind = failing.is_some_and(|failing| phase.kind > failing);
    if phase.is_over() || (is_behind && phase.began.is_none()) {
        return;
    }
    phase.state = match phase.kind {
        kind if kind != PhaseKind::Queued && failing == Some(kind) => PhaseState::Failed,
        _ => PhaseState::Finished,
    };
}

/// Where the job is or was suspended, or has a queue.
fn queued(observation: &JobObservation) -> Option<Phase> {
    let job = &observation.train_job;
    let suspended = job
        .conditions
        .iter()
        .find(|condition| condition.kind == "Suspended");
    let is_suspended = suspended.is_some_and(|condition| condition.status == "True");
    if job.suspend || is_suspended {
        let since = suspended
            .filter(|_| is_suspended)
            .and_then(|condition| condition.changed);
        let phase = Phase::new(PhaseKind::Queued, PhaseState::Running);
        return Some(phase.between(since.or(job.created), None));
    }
    let resumed = suspended.and_then(|condition| condition.changed);
    if resumed.is_none() && job.queue.is_none() {
        return None;
    }
    let first_pod = observation.pods.iter().filter_map(|pod| pod.created).min();
    let reported = job
        .trainer_status
        .as_ref()
        .and_then(|status| status.updated);
    // What is older than its going on is of a run before: nobody knows when that was suspended.
    let mut signs = [first_pod, reported].into_iter().flatten();
    let ran_before = resumed.is_some_and(|resumed| signs.any(|sign| sign < resumed));
    let began = job.created.filter(|_| !ran_before);
    let phase = Phase::new(PhaseKind::Queued, PhaseState::Finished);
    Some(phase.between(began, resumed.or(first_pod)))
}

/// The dataset's or the model's, where the job has such a step.
fn initializer(observation: &JobObservation, step: StepKind, kind: PhaseKind) -> Option<Phase> {
    let planned = steps(observation);
    planned.iter().find(|planned| planned.kind == step)?;
    let pods = newest_pods(observation, &[step]);
    let state = match pods.as_slice() {
        [] => PhaseState::Waiting,
        pods if pods.iter().any(|pod| pod.phase == "Failed") => PhaseState::Failed,
        pods if pods.iter().all(|pod| pod.phase == "Succeeded") => PhaseState::Finished,
        pods if pods.iter().any(|pod| first_start(pod).is_some()) => PhaseState::Running,
        _ => PhaseState::Waiting,
    };
    let began = pods.iter().filter_map(|pod| first_start(pod)).min();
    let ended = pods.iter().filter_map(|pod| last_end(pod)).max();
    let phase = Phase::new(kind, state);
    let is_over = phase.is_over();
    Some(phase.between(began, ended.filter(|_| is_over)))
}

fn done(observation: &JobObservation) -> Phase {
    let job = &observation.train_job;
    let (state, condition) = match job_end(job) {
        Some(JobEnd::Failed { .. }) => (PhaseState::Failed, "Failed"),
        Some(_) => (PhaseState::Finished, "Complete"),
        None => return Phase::new(PhaseKind::Done, PhaseState::Waiting),
    };
    let condition = JobCondition::is_true(&job.conditions, condition);
    let at = condition.and_then(|condition| condition.changed);
    Phase::new(PhaseKind::Done, state).between(at, at)
}

/// The pods of the trainer, in the JobSet's present round.
struct Crew<'a> {
    observation: &'a JobObservation,
    pods: Vec<&'a SlimPod>,
    wanted: usize,
}

const TRAINERS: [StepKind; 3] = [StepKind::Launcher, StepKind::Trainer, StepKind::Worker];

impl<'a> Crew<'a> {
    fn of(observation: &'a JobObservation) -> Self {
        let pods = newest_pods(observation, &TRAINERS);
        let planned = steps(observation).into_iter();
        let wanted = planned.filter(|step| TRAINERS.contains(&step.kind)).count();
        Self {
            observation,
            wanted: wanted.max(pods.len()),
            pods,
        }
    }

    /// A phase that each pod passes at a moment of its own, and that is over when all have.
    fn passing(
        &self,
        kind: PhaseKind,
        began: Option<Timestamp>,
        passed: impl Fn(&SlimPod) -> Option<Timestamp>,
    ) -> Phase {
        let passed: Vec<_> = self.pods.iter().filter_map(|pod| passed(pod)).collect();
        let (reached, wanted) = (passed.len(), self.wanted);
        let state = match reached {
            all if all > 0 && all >= wanted => PhaseState::Finished,
            _ if began.is_some() => PhaseState::Running,
            _ => PhaseState::Waiting,
        };
        let last = passed.into_iter().max();
        let phase = Phase {
            nodes: Some(NodeCount { reached, wanted }),
            ..Phase::new(kind, state)
        };
        phase.between(began, last.filter(|_| state == PhaseState::Finished))
    }

    fn scheduling(&self) -> Phase {
        let began = self.pods.iter().filter_map(|pod| pod.created).min();
        self.passing(PhaseKind::Scheduling, began, scheduled)
    }

    fn starting(&self) -> Phase {
        let began = self.pods.iter().filter_map(|pod| scheduled(pod)).min();
        self.passing(PhaseKind::Starting, began, first_start)
    }

    fn training(&self) -> Phase {
        let began = self.pods.iter().filter_map(|pod| first_start(pod)).min();
        let reached = self.pods.iter().filter(|pod| runs(pod)).count();
        let all_ended = !self.pods.is_empty() && self.pods.iter().all(|pod| has_ended(pod));
        let state = match job_end(&self.observation.train_job) {
            Some(JobEnd::Failed { .. }) if began.is_some() => PhaseState::Failed,
            Some(JobEnd::Failed { .. }) => PhaseState::Waiting,
            Some(_) => PhaseState::Finished,
            None if all_ended && self.pods.len() >= self.wanted => PhaseState::Finished,
            None if began.is_some() => PhaseState::Running,
            None => PhaseState::Waiting,
        };
        let ended = self.pods.iter().filter_map(|pod| last_end(pod)).max();
        let wanted = self.wanted;
        let phase = Phase {
            nodes: Some(NodeCount { reached, wanted }),
            ..Phase::new(PhaseKind::Training, state)
        };
        let is_over = phase.is_over();
        phase.between(began, ended.filter(|_| is_over))
    }
}

/// The pods of these steps in the newest round, without those of a JobSet that was there before, and without those that
/// were replaced.
fn newest_pods<'a>(observation: &'a JobObservation, kinds: &[StepKind]) -> Vec<&'a SlimPod> {
    let roles = Roles::of(observation);
    let job_set = match &observation.job_set {
        Sight::Seen(job_set) => Some(job_set.uid.as_str()),
        Sight::Absent | Sight::Hidden => None,
    };
    let is_foreign = |pod: &SlimPod| {
        let own = pod.place.job_set_uid.as_deref();
        own.is_some() && job_set.is_some() && own != job_set
    };
    let pods = observation.pods.iter().map(AsRef::as_ref);
    let pods: Vec<&SlimPod> = pods
        .filter(|pod| !is_foreign(pod) && kinds.contains(&roles.step_at(&pod.place).kind))
        .collect();
    let newest = pods.iter().map(|pod| pod.place.restart).max();
    let is_newest = |pod: &&SlimPod| Some(pod.place.restart) == newest;
    without_replaced(pods.into_iter().filter(is_newest).collect())
}

/// A pod that failed or is being deleted may still be there beside the one that took its place.
fn without_replaced(mut pods: Vec<&SlimPod>) -> Vec<&SlimPod> {
    let leaves = |pod: &SlimPod| pod.phase == "Failed" || pod.deleted.is_some();
    if !pods.iter().any(|pod| leaves(pod)) {
        return pods;
    }
    let place = |pod: &SlimPod| (pod.place.group.clone(), pod.place.replica, pod.place.index);
    let mut newest = BTreeMap::new();
    for pod in &pods {
        let created = newest.entry(place(pod)).or_default();
        *created = pod.created.max(*created);
    }
    pods.retain(|pod| !leaves(pod) || newest.get(&place(pod)) == Some(&pod.created));
    pods
}

fn scheduled(pod: &SlimPod) -> Option<Timestamp> {
    let condition = JobCondition::is_true(&pod.conditions, "PodScheduled")?;
    condition.changed.or(pod.created)
}

fn mains(pod: &SlimPod) -> impl Iterator<Item = &SlimContainer> {
    let containers = pod.containers.iter();
    containers.filter(|container| container.kind == ContainerKind::Main)
}

/// When the container's present attempt, or its last, started.
pub(super) fn started(container: &SlimContainer) -> Option<Timestamp> {
    let last = || container.last.as_ref()?.started;
    match &container.state {
        ContainerState::Running { started, .. } => *started,
        ContainerState::Terminated(end) => end.started,
        ContainerState::Waiting { .. } => last(),
    }
}

/// When a main container of the pod started first, as far as that is known: of earlier attempts only the last is.
fn first_start(pod: &SlimPod) -> Option<Timestamp> {
    let before = |container: &SlimContainer| container.last.as_ref()?.started;
    mains(pod)
        .filter_map(|container| before(container).or_else(|| started(container)))
        .min()
}

fn last_end(pod: &SlimPod) -> Option<Timestamp> {
    let end = |container: &SlimContainer| match &container.state {
        ContainerState::Terminated(end) => end.finished,
        ContainerState::Waiting { .. } | ContainerState::Running { .. } => None,
    };
    mains(pod).filter_map(end).max()
}

fn runs(pod: &SlimPod) -> bool {
    mains(pod).any(|container| matches!(container.state, ContainerState::Running { .. }))
}

fn has_ended(pod: &SlimPod) -> bool {
    matches!(pod.phase.as_str(), "Succeeded" | "Failed")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn objects(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    /// One line a phase: `training Running 18:31:49 to - 2/2 (why)`.
    fn lines(objects: &Value) -> Vec<String> {
        let time = |time: Option<Timestamp>| {
            time.map_or("-".to_owned(), |time| time.to_string()[11..19].to_owned())
        };
        let line = |phase: Phase| {
            let (began, ended) = (time(phase.began), time(phase.ended));
            let name = phase.kind.name();
            let mut line = format!("{name} {:?} {began} to {ended}", phase.state);
            if let Some(NodeCount { reached, wanted }) = phase.nodes {
                line += &format!(" {reached}/{wanted}");
            }
            if let Some(wait) = phase.why {
                line += &format!(" ({})", wait.text);
            }
            line
        };
        let observation = JobObservation::of_objects(objects);
        phases(&observation).into_iter().map(line).collect()
    }

    #[test]
    fn a_suspended_job_is_queued_since_it_was_suspended() {
        let expected = [
            "queued Running 18:31:29 to - (suspended)",
            "dataset Waiting - to -",
            "model Waiting - to -",
            "scheduling Waiting - to - 0/2",
            "starting Waiting - to - 0/2",
            "training Waiting - to - 0/2",
            "done Waiting - to -",
        ];
        let suspended = objects(include_str!("objects/phases/suspended.json"));
        assert_eq!(lines(&suspended), expected);
    }

    #[test]
    fn initializers_may_run_side_by_side() {
        let expected = [
            "queued Finished 18:31:29 to 18:31:33",
            "dataset Running 18:31:35 to -",
            "model Running 18:31:35 to -",
            "scheduling Waiting - to - 0/2",
            "starting Waiting - to - 0/2",
            "training Waiting - to - 0/2",
            "done Waiting - to -",
        ];
        let initializing = objects(include_str!("objects/phases/initializing.json"));
        assert_eq!(lines(&initializing), expected);
    }

    #[test]
    fn a_training_has_the_times_of_what_came_before_it() {
        let expected = [
            "queued Finished 18:31:29 to 18:31:33",
            "dataset Finished 18:31:35 to 18:31:41",
            "model Finished 18:31:35 to 18:31:44",
            "scheduling Finished 18:31:47 to 18:31:47 2/2",
            "starting Finished 18:31:47 to 18:31:49 2/2",
            "training Running 18:31:49 to - 2/2",
            "done Waiting - to -",
        ];
        let training = objects(include_str!("objects/phases/training.json"));
        assert_eq!(lines(&training), expected);
    }

    #[test]
    fn a_complete_job_has_all_its_times() {
        let expected = [
            "queued Finished 18:31:29 to 18:31:33",
            "dataset Finished 18:31:35 to 18:31:41",
            "model Finished 18:31:35 to 18:31:44",
            "scheduling Finished 18:31:47 to 18:31:47 2/2",
            "starting Finished 18:31:47 to 18:31:49 2/2",
            "training Finished 18:31:49 to 18:32:01 0/2",
            "done Finished 18:32:03 to 18:32:03",
        ];
        let complete = objects(include_str!("objects/phases/complete.json"));
        assert_eq!(lines(&complete), expected);
    }

    #[test]
    fn a_job_that_begins_again_has_the_times_of_its_new_pods() {
        let expected = [
            "scheduling Finished 18:32:11 to 18:32:11 1/1",
            "starting Finished 18:32:11 to 18:32:12 1/1",
            "training Running 18:32:12 to - 1/1",
            "done Waiting - to -",
        ];
        let mut again = objects(include_str!("objects/phases/again.json"));
        assert_eq!(lines(&again), expected);
        // A pod of the round before may still be there.
        let mut before = again["pods"][0].clone();
        before["metadata"]["labels"]["jobset.sigs.k8s.io/restart-attempt"] = json!("0");
        before["metadata"]["creationTimestamp"] = json!("2026-11-21T18:32:04Z");
        again["pods"].as_array_mut().unwrap().push(before);
        assert_eq!(lines(&again), expected);
    }

    #[test]
    fn a_failed_job_failed_in_its_training() {
        let expected = [
            "scheduling Finished 18:32:11 to 18:32:11 1/1",
            "starting Finished 18:32:11 to 18:32:12 1/1",
            "training Failed 18:32:12 to 18:32:16 0/1",
            "done Failed 18:32:19 to 18:32:19",
        ];
        let mut failed = objects(include_str!("objects/phases/failed.json"));
        assert_eq!(lines(&failed), expected);
        // Its pods may be gone.
        failed["pods"] = json!([]);
        let expected = [
            "scheduling Finished - to - 0/1",
            "starting Finished - to - 0/1",
            "training Failed - to - 0/1",
            "done Failed 18:32:19 to 18:32:19",
        ];
        assert_eq!(lines(&failed), expected);
    }

    #[test]
    fn a_pod_that_failed_and_was_replaced_is_no_node() {
        let mut pair = objects(include_str!("objects/phases/training.json"));
        let pods = pair["pods"].as_array_mut().unwrap();
        let is_second = |pod: &&Value| {
            let labels = &pod["metadata"]["labels"];
            labels["batch.kubernetes.io/job-completion-index"] == "1"
        };
        let mut dead = pods.iter().find(is_second).unwrap().clone();
        dead["metadata"]["name"] = json!("dead");
        dead["metadata"]["uid"] = json!("dead");
        dead["metadata"]["creationTimestamp"] = json!("2026-11-21T18:31:46Z");
        dead["status"]["phase"] = json!("Failed");
        pods.push(dead);
        assert_eq!(
            &lines(&pair)[3..6],
            [
                "scheduling Finished 18:31:47 to 18:31:47 2/2",
                "starting Finished 18:31:47 to 18:31:49 2/2",
                "training Running 18:31:49 to - 2/2",
            ]
        );
    }

    #[test]
    fn a_job_that_failed_before_its_training_did_not_fail_in_it() {
        let failed = json!({
            "type": "Failed", "status": "True", "reason": "FailedJobs",
            "lastTransitionTime": "2026-11-21T18:32:19Z"
        });
        let mut dataset = objects(include_str!("objects/phases/initializing.json"));
        dataset["trainJob"]["status"]["conditions"]
            .as_array_mut()
            .unwrap()
            .push(failed.clone());
        for pod in dataset["pods"].as_array_mut().unwrap() {
            let group = &pod["metadata"]["labels"]["jobset.sigs.k8s.io/replicatedjob-name"];
            if group == "dataset-initializer" {
                pod["status"]["phase"] = json!("Failed");
            }
        }
        let expected = [
            "queued Finished 18:31:29 to 18:31:33",
            "dataset Failed 18:31:35 to -",
            "model Finished 18:31:35 to -",
            "scheduling Waiting - to - 0/2",
            "starting Waiting - to - 0/2",
            "training Waiting - to - 0/2",
            "done Failed 18:32:19 to 18:32:19",
        ];
        assert_eq!(lines(&dataset), expected);
        // Nothing was ever made of it.
        let nothing = json!({"trainJob": {
            "metadata": {"name": "a"},
            "status": {"conditions": [{
                "type": "Failed", "status": "True", "reason": "TrainingRuntimeNotSupported",
                "lastTransitionTime": "2026-11-21T18:32:19Z"
            }]}
        }});
        let expected = [
            "scheduling Waiting - to - 0/0",
            "starting Waiting - to - 0/0",
            "training Waiting - to - 0/0",
            "done Failed 18:32:19 to 18:32:19",
        ];
        assert_eq!(lines(&nothing), expected);
        // Its image was never there.
        let mut starting = objects(include_str!("objects/noimage.json"));
        starting["trainJob"]["status"]["conditions"] = json!([failed]);
        let starting = lines(&starting);
        assert!(
            starting[0].starts_with("scheduling Finished "),
            "{starting:?}"
        );
        assert!(starting[1].starts_with("starting Failed "), "{starting:?}");
        assert_eq!(starting[2], "training Waiting - to - 0/1");
    }

    #[test]
    fn how_long_a_job_was_queued_is_told_only_where_it_did_not_run_before() {
        let mut training = objects(include_str!("objects/phases/training.json"));
        assert_eq!(lines(&training)[0], "queued Finished 18:31:29 to 18:31:33");
        // Suspended while it ran: what is over of it is older than its going on.
        training["trainJob"]["status"]["conditions"][0]["lastTransitionTime"] =
            json!("2026-11-21T18:31:45Z");
        assert_eq!(lines(&training)[0], "queued Finished - to 18:31:45");
    }

    #[test]
    fn the_first_phase_that_is_not_over_says_what_is_waited_for() {
        let scheduling = lines(&objects(include_str!("objects/nofit.json")));
        assert!(
            scheduling[0].starts_with(
                "scheduling Running 15:05:29 to - 0/2 (node-0 and node-1: no node fits"
            ),
            "{scheduling:?}"
        );
        let starting = lines(&objects(include_str!("objects/noimage.json")));
        assert!(
            starting[1].starts_with("starting Running 15:05:29 to - 0/1 (node-0: the image of container node cannot be pulled"),
            "{starting:?}"
        );
    }

    #[test]
    fn the_launcher_and_its_workers_are_the_nodes() {
        let mpi = lines(&objects(include_str!("objects/mpi.json")));
        assert!(mpi[2].starts_with("training Running "), "{mpi:?}");
        assert!(mpi[2].ends_with(" 3/3"), "{mpi:?}");
    }

    #[test]
    fn a_job_without_anything_waits_for_everything() {
        let job = json!({"trainJob": {"metadata": {"name": "a"}}});
        let expected = [
            "scheduling Waiting - to - 0/0 (waiting for its JobSet)",
            "starting Waiting - to - 0/0",
            "training Waiting - to - 0/0",
            "done Waiting - to -",
        ];
        assert_eq!(lines(&job), expected);
    }
}
