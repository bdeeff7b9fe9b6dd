//! Whose words tell how far a job is: a job may have a thousand nodes, and mostly the first one says it all.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    log_targets::{LogTarget, Selection, Voice, log_targets},
    phases::started,
    steps::{Step, StepKind, steps},
};
use crate::cluster::{ContainerState, JobObservation, SlimContainer};

/// How many nodes are listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// The first that has begun.
    One,
    /// The first ones, and the last: where the layers of a model are spread over nodes, the last one knows the loss. And
    /// the initializers.
    Several,
}

/// With [`Breadth::Several`], so many of the first nodes.
const FIRST: usize = 3;

/// A container that has something to say, in its present attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    pub target: LogTarget,
    /// The container's restarts before.
    pub attempt: u32,
}

/// The containers to listen to, in the order of their steps, as far as they have begun; of the newest round alone.
pub fn leaders(observation: &JobObservation, breadth: Breadth) -> Vec<Leader> {
    let (nodes, others) = voices(observation);
    let begun = |target| begun(observation, target);
    let mut nodes: Vec<_> = nodes.into_iter().filter_map(begun).collect();
    let others = others.into_iter().filter_map(begun);
    match breadth {
        Breadth::One => {
            nodes.truncate(1);
            nodes
        }
        Breadth::Several => {
            let last = nodes.len().saturating_sub(1);
            let mut place = 0..;
            nodes.retain(|_| {
                let place = place.next().unwrap_or_default();
                place < FIRST || place == last
            });
            others.chain(nodes).collect()
        }
    }
}

/// When the first node's container started last: what the training reported before that is of an attempt that is over.
/// The pod does not tell it: a container may start again in the same pod. Of a job that is over and whose pods are gone,
/// all that it reported counts.
pub fn leader_started(observation: &JobObservation) -> Option<Timestamp> {
    let job = &observation.train_job;
    if observation.pods.is_empty() && job.end().is_some() {
        return job.created;
    }
    let (nodes, _) = voices(observation);
    started(container(observation, nodes.first()?)?)
}

/// The programs' containers: those of the nodes in the newest round, and all others. In the order of their steps; of a
/// step whose pod was replaced, those of the newest.
fn voices(observation: &JobObservation) -> (Vec<LogTarget>, Vec<LogTarget>) {
    let mut programs = log_targets(observation, &Selection::default());
    programs.retain(|target| target.voice == Voice::Application);
    let pods = programs.iter();
    // The newest one comes last.
    let newest: BTreeMap<_, _> = pods
        .map(|target| (target.step.clone(), target.pod_uid.clone()))
        .collect();
    programs.retain(|target| newest.get(&target.step) == Some(&target.pod_uid));
    let trains = |target: &LogTarget| is_node(target.step.kind);
    let (mut nodes, others): (Vec<_>, Vec<_>) = programs.into_iter().partition(trains);
    let newest = nodes.iter().map(|target| target.round).max();
    nodes.retain(|target| Some(target.round) == newest);
    (nodes, others)
}

/// The names of the steps to follow in place of all; empty where all are to be followed, because they are few or unknown.
pub fn leading_steps(observation: &JobObservation) -> Vec<String> {
    let steps = steps(observation);
    let is_initializer = |step: &&Step| {
        matches!(
            step.kind,
            StepKind::DatasetInitializer | StepKind::ModelInitializer
        )
    };
    let name = |step: &Step| step.name.clone();
    let mut nodes = steps.iter().filter(|step| is_node(step.kind)).map(name);
    let mut leading: Vec<_> = nodes.by_ref().take(FIRST).collect();
    let rest: Vec<_> = nodes.collect();
    match rest.as_slice() {
        [] | [_] => Vec::new(),
        [.., last] => {
            leading.push(last.clone());
            leading.extend(steps.iter().filter(is_initializer).map(name));
            leading
        }
    }
}

const fn is_node(kind: StepKind) -> bool {
    matches!(kind, StepKind::Trainer | StepKind::Launcher)
}

/// None of a container that has said nothing yet in this attempt.
fn begun(observation: &JobObservation, target: LogTarget) -> Option<Leader> {
    let container = container(observation, &target)?;
    match container.state {
        ContainerState::Waiting { .. } => None,
        ContainerState::Running { .. } | ContainerState::Terminated(_) => Some(Leader {
            attempt: container.restart_count,
            target,
        }),
    }
}

fn container<'a>(observation: &'a JobObservation, target: &LogTarget) -> Option<&'a SlimContainer> {
    let mut pods = observation.pods.iter();
    let pod = pods.find(|pod| pod.uid == target.pod_uid)?;
    let is_it = |container: &&SlimContainer| container.name == target.container;
    pod.containers.iter().find(is_it)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A pod of the group `node`, in this round, with its container in this state.
    fn pod(index: u32, round: u32, state: &Value) -> Value {
        json!({
            "metadata": {
                "name": format!("train-node-0-{index}-r{round}"), "uid": format!("{index}-{round}"),
                "labels": {
                    "jobset.sigs.k8s.io/replicatedjob-name": "node",
                    "batch.kubernetes.io/job-completion-index": index.to_string(),
                    "jobset.sigs.k8s.io/restart-attempt": round.to_string()
                }
            },
            "spec": {"containers": [{"name": "node"}]},
            "status": {"containerStatuses": [{"name": "node", "restartCount": 2, "state": state}]}
        })
    }

    fn job(pods: &[Value]) -> JobObservation {
        JobObservation::of_objects(&json!({
            "trainJob": {"metadata": {"name": "train"}},
            "jobSet": {
                "metadata": {"uid": "set"},
                "spec": {"replicatedJobs": [{
                    "name": "node",
                    "template": {
                        "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
                        "spec": {"completions": 6}
                    }
                }]}
            },
            "pods": pods
        }))
    }

    fn names(pods: &[Value], breadth: Breadth) -> Vec<String> {
        let leaders = leaders(&job(pods), breadth);
        let name = |leader: Leader| format!("{} {}", leader.target.label, leader.attempt);
        leaders.into_iter().map(name).collect()
    }

    #[test]
    fn the_first_nodes_and_the_last_are_listened_to() {
        let running = json!({"running": {}});
        let pods: Vec<_> = (0..6).map(|index| pod(index, 0, &running)).collect();
        assert_eq!(
            names(&pods, Breadth::Several),
            ["node-0 2", "node-1 2", "node-2 2", "node-5 2"]
        );
        assert_eq!(names(&pods, Breadth::One), ["node-0 2"]);
        assert_eq!(
            names(&pods[..2], Breadth::Several),
            ["node-0 2", "node-1 2"]
        );
    }

    #[test]
    fn all_steps_of_a_small_job_are_followed_and_few_of_a_large_one() {
        let small = json!({"trainJob": {"metadata": {"name": "train"}}, "pods": [
            pod(0, 0, &json!({})), pod(1, 0, &json!({})), pod(2, 0, &json!({})), pod(3, 0, &json!({}))
        ]});
        let small = JobObservation::of_objects(&small);
        assert_eq!(leading_steps(&small), Vec::<String>::new());
        assert_eq!(
            leading_steps(&job(&[])),
            ["node-0", "node-1", "node-2", "node-5"]
        );
    }

    #[test]
    fn who_has_not_begun_or_is_of_an_earlier_round_has_nothing_to_say() {
        let (running, waiting) = (json!({"running": {}}), json!({"waiting": {}}));
        let pods = [
            pod(0, 0, &running),
            pod(0, 1, &waiting),
            pod(1, 1, &running),
        ];
        assert_eq!(names(&pods, Breadth::One), ["node-1 2"]);
        assert_eq!(names(&[], Breadth::Several), Vec::<String>::new());
    }

    /// A state, or a last one, that began at this second of a minute.
    fn since(state: &str, second: u32) -> Value {
        json!({state: {"startedAt": format!("2026-11-21T18:00:{second:02}Z")}})
    }

    fn leader_started_at(pods: &[Value]) -> Option<i8> {
        let started = leader_started(&job(pods))?;
        Some(started.to_zoned(jiff::tz::TimeZone::UTC).second())
    }

    #[test]
    fn an_attempt_begins_with_the_first_nodes_container_not_with_its_pod() {
        let later = pod(1, 0, &since("running", 50));
        let mut first = pod(0, 0, &since("running", 10));
        first["status"]["startTime"] = json!("2026-11-21T18:00:05Z");
        assert_eq!(leader_started_at(&[later.clone(), first.clone()]), Some(10));
        // It starts again in the same pod.
        let container = &mut first["status"]["containerStatuses"][0];
        container["state"] = since("running", 30);
        container["lastState"] = since("terminated", 10);
        assert_eq!(leader_started_at(&[first.clone(), later.clone()]), Some(30));
        // Until it does, nothing is newer than what it said before.
        first["status"]["containerStatuses"][0]["state"] = json!({"waiting": {}});
        assert_eq!(leader_started_at(&[first.clone(), later]), Some(10));
        let anew = pod(0, 1, &json!({"waiting": {}}));
        assert_eq!(leader_started_at(&[first, anew]), None);
    }

    /// The same node's pod that was made at this second.
    fn made(second: u32, state: &Value) -> Value {
        let mut pod = pod(0, 0, state);
        pod["metadata"]["uid"] = json!(format!("made-{second}"));
        pod["metadata"]["creationTimestamp"] = json!(format!("2026-11-21T18:00:{second:02}Z"));
        pod
    }

    #[test]
    fn of_a_node_whose_pod_was_replaced_the_new_pod_speaks_alone() {
        let (ended, runs) = (since("terminated", 10), since("running", 40));
        let [old, new] = [made(5, &ended), made(35, &runs)];
        for pods in [[old.clone(), new.clone()], [new, old.clone()]] {
            for breadth in [Breadth::One, Breadth::Several] {
                let leaders = leaders(&job(&pods), breadth);
                let uids: Vec<_> = leaders
                    .iter()
                    .map(|leader| &leader.target.pod_uid)
                    .collect();
                assert_eq!(uids, ["made-35"]);
            }
            assert_eq!(leader_started_at(&pods), Some(40));
        }
        // Before the new one has begun, the old one's words are of an attempt that is over.
        let waits = made(35, &json!({"waiting": {}}));
        assert_eq!(names(&[old, waits], Breadth::One), Vec::<String>::new());
    }

    #[test]
    fn a_sidecar_that_starts_again_begins_no_attempt() {
        let mut first = pod(0, 0, &since("running", 10));
        first["spec"]["containers"] = json!([{"name": "node"}, {"name": "proxy"}]);
        let proxy = json!({"name": "proxy", "restartCount": 1, "state": since("running", 40)});
        let statuses = first["status"]["containerStatuses"].as_array_mut();
        statuses.unwrap().push(proxy);
        assert_eq!(leader_started_at(&[first]), Some(10));
    }
}
