//! Which containers there are to read: from what is observed of a job to what begins, stands otherwise, was missed, or is
//! over. Pure. Restarts of a container are `attempts.rs`'s; here are pods that come and go, the JobSet's rounds, and jobs
//! of the same name.

use std::{
    collections::{BTreeMap, HashMap},
    iter,
    sync::Arc,
};

use super::attempts::{Attempts, Before, ContainerSeen, Current, Discovery, Standing};
use crate::{
    cluster::{
        ContainerState, JobCondition, JobObservation, Sight, SlimContainer, SlimPod, Termination,
    },
    train_job::{JobEnd, LogTarget, Selection, Wait, Weight, job_end, log_targets, waiting},
};

/// The kubelet's reason for a pod that is not ready because of a readiness gate.
const GATED: &str = "ReadinessGatesNotReady";

/// One attempt of one container of one pod. Cheap to copy: each is kept in several places, and a job has thousands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId {
    pub pod_uid: Arc<str>,
    pub container: Arc<str>,
    /// As the status names it: `containerd://...`.
    pub container_id: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterChange {
    /// Read this from now on.
    Start {
        instance: InstanceId,
        target: LogTarget,
        /// The container's restarts before this attempt.
        attempt: u32,
        standing: Standing,
    },
    /// What can be done for the log of an instance that has started is another thing now.
    Standing {
        instance: InstanceId,
        standing: Standing,
    },
    /// So many attempts came and went unseen before the one that starts next.
    Skipped { target: LogTarget, attempts: u32 },
    /// About the job as a whole; a line for the user.
    Notice(String),
    /// What the job waits for, a line, too; none where the wait that was told last is over.
    Wait(Option<String>),
    /// The job is over, once for each job of the name: what has started is to be read to its end, and no more will start
    /// unless a [`RosterChange::Start`] says otherwise.
    Over(JobEnd),
}

/// What was said about a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    /// That there is one; its cause was not known yet.
    Plain,
    Detailed,
}

#[derive(Debug)]
struct Told {
    topic: String,
    telling: Telling,
}

/// Keeps the list.
#[derive(Debug)]
pub struct Roster {
    selection: Selection,
    before: Before,
    /// The TrainJob that is followed, by uid; `None` before the first look.
    job: Option<String>,
    is_over: bool,
    /// The JobSet's restarts.
    rounds: u32,
    /// What was said last to be waited for, so that it is said once.
    told: Option<Told>,
    /// By pod and container.
    attempts: HashMap<(String, String), Attempts>,
    /// Everything that has started, and how it stood last.
    standings: BTreeMap<InstanceId, Standing>,
}

impl Roster {
    /// `before` says whether an attempt is wanted that was over before the first look; what ends later is always read.
    pub fn new(selection: Selection, before: Before) -> Self {
        Self {
            selection,
            before,
            job: None,
            is_over: false,
            rounds: 0,
            told: None,
            attempts: HashMap::new(),
            standings: BTreeMap::new(),
        }
    }

    /// What is new since the last look.
    pub fn observe(&mut self, observation: &JobObservation) -> Vec<RosterChange> {
        let is_first = self.job.is_none();
        let mut changes = self.greet(observation);
        changes.extend(self.say_round(observation));
        changes.extend(self.say_wait(observation, is_first));
        let pods: HashMap<&str, &SlimPod> = observation
            .pods
            .iter()
            .map(|pod| (pod.uid.as_str(), pod.as_ref()))
            .collect();
        changes.extend(self.stand(&pods));
        changes.extend(self.start(observation, &pods, is_first));
        if !self.is_over
            && let Some(end) = job_end(&observation.train_job)
        {
            self.is_over = true;
            changes.push(RosterChange::Over(end));
        }
        changes
    }

    /// The job with this uid is gone, and none has come in its place.
    pub fn delete(&mut self, uid: &str) -> Vec<RosterChange> {
        if self.is_over || self.job.as_deref() != Some(uid) {
            return Vec::new();
        }
        self.is_over = true;
        vec![RosterChange::Over(JobEnd::Deleted)]
    }

    /// Notices that another job has come under the same name.
    fn greet(&mut self, observation: &JobObservation) -> Vec<RosterChange> {
        let job = &observation.train_job;
        if self.job.as_ref() == Some(&job.uid) {
            return Vec::new();
        }
        let is_another = self.job.replace(job.uid.clone()).is_some();
        self.is_over = false;
        self.rounds = rounds(observation);
        let name = &job.name;
        let text =
            format!("TrainJob {name} was deleted and made again: what follows is the new one");
        let notice = is_another.then_some(RosterChange::Notice(text));
        self.end_wait().into_iter().chain(notice).collect()
    }

    fn say_round(&mut self, observation: &JobObservation) -> Option<RosterChange> {
        let rounds = rounds(observation);
        if rounds <= self.rounds {
            return None;
        }
        self.rounds = rounds;
        let name = &observation.train_job.name;
        Some(RosterChange::Notice(format!(
            "TrainJob {name} begins again with new pods (restart {rounds})"
        )))
    }

    /// What every job passes through is told only to who has just come. A cause that is found later is told, too; that its
    /// words change is not.
    fn say_wait(&mut self, observation: &JobObservation, is_first: bool) -> Option<RosterChange> {
        let is_told = |wait: &Wait| is_first || wait.weight == Weight::Standing;
        let Some(wait) = waiting(observation).filter(is_told) else {
            return self.end_wait();
        };
        let telling = if wait.text.ends_with(&wait.topic) {
            Telling::Plain
        } else {
            Telling::Detailed
        };
        let known = self.told.as_ref().filter(|told| told.topic == wait.topic);
        if known.is_some_and(|told| told.telling == telling || told.telling == Telling::Detailed) {
            return None;
        }
        self.told = Some(Told {
            topic: wait.topic,
            telling,
        });
        let name = &observation.train_job.name;
        Some(RosterChange::Wait(Some(format!(
            "TrainJob {name}: {}",
            wait.text
        ))))
    }

    fn end_wait(&mut self) -> Option<RosterChange> {
        self.told.take().map(|_| RosterChange::Wait(None))
    }

    /// How what has started stands now.
    fn stand(&mut self, pods: &HashMap<&str, &SlimPod>) -> Vec<RosterChange> {
        let mut changes = Vec::new();
        for (instance, known) in &mut self.standings {
            let standing = standing(pods.get(&*instance.pod_uid).copied(), instance);
            // A pod that is gone does not come back.
            if *known != standing && *known != Standing::PodGone {
                *known = standing;
                changes.push(RosterChange::Standing {
                    instance: instance.clone(),
                    standing,
                });
            }
        }
        let gone = |uid: &String| !pods.contains_key(uid.as_str());
        if self.attempts.keys().any(|(uid, _)| gone(uid)) {
            self.attempts.retain(|(uid, _), _| !gone(uid));
            self.standings
                .retain(|_, standing| *standing != Standing::PodGone);
        }
        changes
    }

    fn start(
        &mut self,
        observation: &JobObservation,
        pods: &HashMap<&str, &SlimPod>,
        is_first: bool,
    ) -> Vec<RosterChange> {
        let mut changes = Vec::new();
        for target in log_targets(observation, &self.selection) {
            let Some(pod) = pods.get(target.pod_uid.as_str()).copied() else {
                continue;
            };
            let named = |container: &&SlimContainer| container.name == target.container;
            if let Some(container) = pod.containers.iter().find(named) {
                let discoveries = self.discover(&target, container, is_first);
                // Hardly ever is there more than one, and for one the target is not copied.
                let targets = iter::repeat_n(target, discoveries.len());
                for (discovery, target) in discoveries.into_iter().zip(targets) {
                    changes.push(self.change(target, pod, discovery));
                }
            }
        }
        changes
    }

    fn discover(
        &mut self,
        target: &LogTarget,
        container: &SlimContainer,
        is_first: bool,
    ) -> Vec<Discovery> {
        let seen = seen(container);
        let key = (target.pod_uid.clone(), target.container.clone());
        if !self.attempts.contains_key(&key) && !has_begun(&seen) {
            return Vec::new();
        }
        let attempts = self.attempts.entry(key).or_insert_with(|| {
            if is_first {
                return Attempts::new(self.before);
            }
            // It began while somebody looked, so it is wanted whole; its first attempt may be over already.
            Attempts::from_the_first()
        });
        attempts.observe(&seen)
    }

    fn change(&mut self, target: LogTarget, pod: &SlimPod, discovery: Discovery) -> RosterChange {
        match discovery {
            Discovery::Skipped { count } => RosterChange::Skipped {
                target,
                attempts: count,
            },
            Discovery::Started { id, attempt } => {
                let instance = InstanceId {
                    pod_uid: target.pod_uid.as_str().into(),
                    container: target.container.as_str().into(),
                    container_id: id,
                };
                let standing = standing(Some(pod), &instance);
                self.standings.insert(instance.clone(), standing);
                RosterChange::Start {
                    instance,
                    target,
                    attempt,
                    standing,
                }
            }
        }
    }
}

/// What can be done for an instance's log, by the pod as it was just seen; none where there is no pod any more.
pub fn standing(pod: Option<&SlimPod>, instance: &InstanceId) -> Standing {
    // Another pod may have the same name.
    let Some(pod) = pod.filter(|pod| *pod.uid == *instance.pod_uid) else {
        return Standing::PodGone;
    };
    if is_node_lost(pod) {
        return Standing::NodeLost;
    }
    let named = |container: &&SlimContainer| *container.name == *instance.container;
    match pod.containers.iter().find(named) {
        Some(container) => seen(container).standing(&instance.container_id),
        None => Standing::PodGone,
    }
}

/// The node's controller says so by making the pod not ready while its containers still are. The kubelet does that for a
/// readiness gate alone, and gives a reason.
fn is_node_lost(pod: &SlimPod) -> bool {
    let is_true = |kind| JobCondition::is_true(&pod.conditions, kind).is_some();
    let is_gated =
        |condition: &JobCondition| condition.kind == "Ready" && condition.reason == GATED;
    let is_unready = !is_true("Ready") && !pod.conditions.iter().any(is_gated);
    let is_running = pod.phase == "Running";
    pod.reason == "NodeLost" || (is_running && is_true("ContainersReady") && is_unready)
}

fn seen(container: &SlimContainer) -> ContainerSeen {
    let id_of = |end: &Termination| end.id.clone();
    ContainerSeen {
        restart_count: container.restart_count,
        current: match &container.state {
            ContainerState::Waiting { .. } => Current::Waiting,
            ContainerState::Running { id, .. } => Current::Running { id: id.clone() },
            ContainerState::Terminated(end) => Current::Terminated { id: id_of(end) },
        },
        last_id: container.last.as_ref().map(id_of),
    }
}

fn has_begun(seen: &ContainerSeen) -> bool {
    seen.last_id.is_some() || seen.current != Current::Waiting
}

fn rounds(observation: &JobObservation) -> u32 {
    match &observation.job_set {
        Sight::Seen(job_set) => job_set.restarts,
        Sight::Absent | Sight::Hidden => {
            let rounds = observation.pods.iter().map(|pod| pod.place.restart);
            rounds.max().unwrap_or_default()
        }
    }
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
