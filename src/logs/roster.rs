//! Which containers there are to read: from what is observed of a job to what begins, stands otherwise, was missed, or is
//! over. Pure. Restarts of a container are `attempts.rs`'s; here are pods that come and go, the JobSet's rounds, and jobs
//! of the same name.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::attempts::{Attempts, Before, ContainerSeen, Current, Discovery, Standing};
use crate::{
    cluster::{
        ContainerState, JobCondition, JobObservation, Sight, SlimContainer, SlimPod, Termination,
    },
    train_job::{JobEnd, LogTarget, Selection, Wait, Weight, job_end, log_targets, waiting},
};

/// One attempt of one container of one pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId {
    pub pod_uid: String,
    pub container: String,
    /// As the status names it: `containerd://...`.
    pub container_id: String,
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
    /// The job is over, once for each job of the name: what has started is to be read to its end, and no more will start
    /// unless a [`RosterChange::Start`] says otherwise.
    Over(JobEnd),
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
    topic: Option<String>,
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
            topic: None,
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
        self.topic = None;
        let name = &job.name;
        let text =
            format!("TrainJob {name} was deleted and made again: what follows is the new one");
        let notice = is_another.then_some(RosterChange::Notice(text));
        notice.into_iter().collect()
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

    /// What every job passes through is told only to who has just come.
    fn say_wait(&mut self, observation: &JobObservation, is_first: bool) -> Option<RosterChange> {
        let is_told = |wait: &Wait| is_first || wait.weight == Weight::Standing;
        let wait = waiting(observation).filter(is_told);
        let topic = wait.as_ref().map(|wait| wait.topic.clone());
        if self.topic == topic {
            return None;
        }
        self.topic = topic;
        let name = &observation.train_job.name;
        let notice = |wait: Wait| RosterChange::Notice(format!("TrainJob {name}: {}", wait.text));
        wait.map(notice)
    }

    /// How what has started stands now.
    fn stand(&mut self, pods: &HashMap<&str, &SlimPod>) -> Vec<RosterChange> {
        let mut changes = Vec::new();
        for (instance, known) in &mut self.standings {
            let standing = standing(pods.get(instance.pod_uid.as_str()).copied(), instance);
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
        let known: HashSet<_> = self.attempts.keys().map(|(uid, _)| uid.clone()).collect();
        if known.iter().any(gone) {
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
                for discovery in discoveries {
                    changes.push(self.change(&target, pod, discovery));
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

    fn change(&mut self, target: &LogTarget, pod: &SlimPod, discovery: Discovery) -> RosterChange {
        match discovery {
            Discovery::Skipped { count } => RosterChange::Skipped {
                target: target.clone(),
                attempts: count,
            },
            Discovery::Started { id, attempt } => {
                let instance = InstanceId {
                    pod_uid: target.pod_uid.clone(),
                    container: target.container.clone(),
                    container_id: id,
                };
                let standing = standing(Some(pod), &instance);
                self.standings.insert(instance.clone(), standing);
                RosterChange::Start {
                    instance,
                    target: target.clone(),
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
    let Some(pod) = pod.filter(|pod| pod.uid == instance.pod_uid) else {
        return Standing::PodGone;
    };
    if is_node_lost(pod) {
        return Standing::NodeLost;
    }
    let named = |container: &&SlimContainer| container.name == instance.container;
    match pod.containers.iter().find(named) {
        Some(container) => seen(container).standing(&instance.container_id),
        None => Standing::PodGone,
    }
}

/// The node's controller says so by making the pod not ready while its containers still are, as the kubelet never does.
fn is_node_lost(pod: &SlimPod) -> bool {
    let is_true = |kind| JobCondition::is_true(&pod.conditions, kind).is_some();
    let is_told = pod.reason == "NodeLost";
    let is_running = pod.phase == "Running";
    is_told || (is_running && is_true("ContainersReady") && !is_true("Ready"))
}

fn seen(container: &SlimContainer) -> ContainerSeen {
    let id_of = |end: &Termination| end.id.clone();
    ContainerSeen {
        restart_count: container.restart_count,
        current: match &container.state {
            ContainerState::Waiting { .. } => Current::Waiting,
            ContainerState::Running { id } => Current::Running { id: id.clone() },
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
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A job of two nodes that run.
    fn pair() -> Value {
        serde_json::from_str(include_str!("../train_job/objects/pair.json")).unwrap()
    }

    fn roster() -> Roster {
        Roster::new(Selection::default(), Before::Left)
    }

    fn look(roster: &mut Roster, objects: &Value) -> Vec<String> {
        words(&roster.observe(&JobObservation::of_objects(objects)))
    }

    fn words(changes: &[RosterChange]) -> Vec<String> {
        let word = |change: &RosterChange| match change {
            RosterChange::Start {
                target,
                attempt,
                standing,
                ..
            } => format!("start {} {attempt} {standing:?}", target.label),
            RosterChange::Standing { standing, .. } => format!("now {standing:?}"),
            RosterChange::Skipped { target, attempts } => {
                format!("skipped {} {attempts}", target.label)
            }
            RosterChange::Notice(text) => text.clone(),
            RosterChange::Over(end) => format!("over {end:?}"),
        };
        changes.iter().map(word).collect()
    }

    /// The container of the first pod ended and runs again, so many times.
    fn restart(objects: &mut Value, times: u32) {
        let status = &mut objects["pods"][0]["status"]["containerStatuses"][0];
        status["lastState"] =
            json!({"terminated": {"containerID": format!("c{}", times - 1), "exitCode": 1}});
        status["restartCount"] = json!(times);
        status["containerID"] = json!(format!("c{times}"));
    }

    fn finish(objects: &mut Value, pod: usize) {
        let status = &mut objects["pods"][pod]["status"]["containerStatuses"][0];
        let id = status["containerID"].clone();
        status["state"] = json!({"terminated": {"containerID": id, "exitCode": 0}});
    }

    #[test]
    fn each_container_starts_once_and_its_end_is_told_once() {
        let (mut roster, mut pair) = (roster(), pair());
        assert_eq!(
            look(&mut roster, &pair),
            ["start node-0 0 Running", "start node-1 0 Running"]
        );
        assert_eq!(look(&mut roster, &pair), Vec::<String>::new());
        finish(&mut pair, 0);
        assert_eq!(look(&mut roster, &pair), ["now Ended"]);
        assert_eq!(look(&mut roster, &pair), Vec::<String>::new());
    }

    #[test]
    fn the_job_is_over_once_and_after_what_its_pods_say() {
        let (mut roster, mut pair) = (roster(), pair());
        look(&mut roster, &pair);
        finish(&mut pair, 0);
        finish(&mut pair, 1);
        pair["trainJob"]["status"]["conditions"] = json!([{"type": "Complete", "status": "True"}]);
        assert_eq!(
            look(&mut roster, &pair),
            ["now Ended", "now Ended", "over Complete"]
        );
        assert_eq!(look(&mut roster, &pair), Vec::<String>::new());
        assert_eq!(roster.delete("another"), []);
    }

    #[test]
    fn what_ended_before_the_first_look_is_read_only_where_wanted() {
        let mut pair = pair();
        restart(&mut pair, 2);
        assert_eq!(look(&mut roster(), &pair)[0], "start node-0 2 Running");
        let mut wanted = Roster::new(Selection::default(), Before::Wanted);
        let changes = look(&mut wanted, &pair);
        assert_eq!(
            changes[..2],
            ["start node-0 1 Previous", "start node-0 2 Running"]
        );
    }

    #[test]
    fn what_began_under_our_eyes_is_read_from_its_first_attempt() {
        let (mut roster, mut running) = (roster(), pair());
        let mut before = running.clone();
        before["pods"][0]["status"] = json!({"phase": "Pending"});
        let changes = look(&mut roster, &before);
        assert_eq!(changes, ["start node-1 0 Running"]);
        restart(&mut running, 1);
        let changes = look(&mut roster, &running);
        assert_eq!(
            changes,
            ["start node-0 0 Previous", "start node-0 1 Running"]
        );
    }

    #[test]
    fn attempts_that_nobody_can_read_any_more_are_counted_from_the_first() {
        let (mut roster, mut running) = (roster(), pair());
        let mut before = running.clone();
        before["pods"][0]["status"] = json!({"phase": "Pending"});
        look(&mut roster, &before);
        restart(&mut running, 3);
        let changes = look(&mut roster, &running);
        let expected = [
            "skipped node-0 2",
            "start node-0 2 Previous",
            "start node-0 3 Running",
        ];
        assert_eq!(changes, expected);
    }

    #[test]
    fn a_pod_that_is_gone_stays_gone_and_another_in_its_place_starts() {
        let (mut roster, mut pair) = (roster(), pair());
        look(&mut roster, &pair);
        let mut again = pair["pods"][0].clone();
        again["metadata"]["uid"] = json!("another");
        again["status"]["containerStatuses"][0]["containerID"] = json!("another");
        pair["pods"][0] = again;
        assert_eq!(
            look(&mut roster, &pair),
            ["now PodGone", "start node-0 0 Running"]
        );
        assert_eq!(look(&mut roster, &pair), Vec::<String>::new());
    }

    #[test]
    fn a_round_of_the_job_set_is_said_and_a_wait_once_for_each_time_that_it_comes_up() {
        let (mut roster, pair) = (roster(), pair());
        look(&mut roster, &pair);
        let mut again = pair.clone();
        again["jobSet"]["status"]["restarts"] = json!(1);
        assert_eq!(
            look(&mut roster, &again),
            ["TrainJob pair begins again with new pods (restart 1)"]
        );
        let mut suspended = again.clone();
        suspended["trainJob"]["spec"]["suspend"] = json!(true);
        for _ in 0..2 {
            assert_eq!(look(&mut roster, &suspended), ["TrainJob pair: suspended"]);
            assert_eq!(look(&mut roster, &suspended), Vec::<String>::new());
            assert_eq!(look(&mut roster, &again), Vec::<String>::new());
        }
    }

    #[test]
    fn another_job_of_the_same_name_is_another_job() {
        let (mut roster, mut first) = (roster(), pair());
        first["trainJob"]["status"]["conditions"] =
            json!([{"type": "Failed", "status": "True", "reason": "R"}]);
        assert!(look(&mut roster, &first)[2].starts_with("over Failed"));
        let mut second = pair();
        second["trainJob"]["metadata"]["uid"] = json!("second");
        for pod in second["pods"].as_array_mut().unwrap() {
            let uid = format!("{} of the second", pod["metadata"]["uid"]);
            pod["metadata"]["uid"] = json!(uid);
        }
        let changes = look(&mut roster, &second);
        assert_eq!(
            changes,
            [
                "TrainJob pair was deleted and made again: what follows is the new one",
                "now PodGone",
                "now PodGone",
                "start node-0 0 Running",
                "start node-1 0 Running"
            ]
        );
        assert_eq!(words(&roster.delete("second")), ["over Deleted"]);
        assert_eq!(roster.delete("second"), []);
    }

    #[test]
    fn a_node_that_does_not_answer_is_known_by_what_it_does_to_its_pods() {
        let (mut roster, mut pair) = (roster(), pair());
        look(&mut roster, &pair);
        let ready = |pair: &mut Value, status: &str| {
            let conditions = pair["pods"][0]["status"]["conditions"]
                .as_array_mut()
                .unwrap();
            let of_pod = conditions
                .iter_mut()
                .find(|condition| condition["type"] == "Ready");
            of_pod.unwrap()["status"] = json!(status);
        };
        ready(&mut pair, "False");
        assert_eq!(look(&mut roster, &pair), ["now NodeLost"]);
        ready(&mut pair, "True");
        assert_eq!(look(&mut roster, &pair), ["now Running"]);
    }
}
