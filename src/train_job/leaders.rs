//! Whose words tell how far a job is: a job may have a thousand nodes, and mostly the first one says it all.

use super::{
    log_targets::{LogTarget, Selection, Voice, log_targets},
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
    let begun = log_targets(observation, &Selection::default())
        .into_iter()
        .filter(|target| target.voice == Voice::Application)
        .filter_map(|target| begun(observation, target));
    let (nodes, others): (Vec<_>, Vec<_>) = begun.partition(|leader| trains(&leader.target));
    let newest = nodes.iter().map(|leader| leader.target.round).max();
    let is_newest = |leader: &Leader| Some(leader.target.round) == newest;
    let mut nodes: Vec<_> = nodes.into_iter().filter(is_newest).collect();
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
            others.into_iter().chain(nodes).collect()
        }
    }
}

const fn trains(target: &LogTarget) -> bool {
    is_node(target.step.kind)
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
    let mut pods = observation.pods.iter();
    let pod = pods.find(|pod| pod.uid == target.pod_uid)?;
    let is_it = |container: &&SlimContainer| container.name == target.container;
    let container = pod.containers.iter().find(is_it)?;
    match container.state {
        ContainerState::Waiting { .. } => None,
        ContainerState::Running { .. } | ContainerState::Terminated(_) => Some(Leader {
            attempt: container.restart_count,
            target,
        }),
    }
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
}
