//! Which containers of a job have something to say, and which of them are wanted: for every framework the program's own
//! words, and the others where they are asked for or have failed.

use std::collections::BTreeSet;

use regex::Regex;

use super::{
    outcome::job_end,
    steps::{Roles, Step, StepKind, steps},
};
use crate::cluster::{
    ContainerKind, ContainerState, Follow, JobGroup, JobObservation, PodsHad, Restarts, Sight,
    SlimContainer, SlimPod,
};

/// The container that Trainer fills in.
const NODE: &str = "node";
/// An init container that Trainer adds to every pod of a Flux job; the program's words come from the first pod alone.
const FLUX_INSTALLER: &str = "flux-installer";
/// Trainer's reason for a job of which it made nothing.
const NOTHING_MADE: &str = "TrainingRuntimeNotSupported";
/// The exit codes of a container that was told to end: by SIGTERM, by SIGKILL.
const TOLD_TO_END: [i32; 2] = [143, 137];

/// Whose words a container's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The user's program, or an initializer.
    Application,
    /// The main container of a pod that serves others: MPI workers, followers of Flux, other groups.
    Follower,
    /// Beside the program in its pod.
    Sidecar,
    /// Ran before the program.
    Init,
}

/// One container of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    pub step: Step,
    /// As its lines are prefixed: the step's name; for sidecars and init containers with the container, `node-0/istio-proxy`.
    pub label: String,
    /// The node's rank, where the pod is one.
    pub rank: Option<u32>,
    pub pod_uid: String,
    pub pod: String,
    /// The Kubernetes node, once the pod has one.
    pub node: Option<String>,
    pub container: String,
    /// The JobSet's restarts before this pod.
    pub round: u32,
    pub voice: Voice,
}

/// Whether containers are wanted that nobody named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Helpers {
    /// Only where one has failed.
    #[default]
    Hidden,
    /// `--all-containers`: every container of every pod.
    Shown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitContainers {
    #[default]
    Hidden,
    Shown,
}

/// Which containers are wanted. The default is every application container of every step.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `--step`: names of steps, of their groups, or of pods. Empty: all.
    pub steps: Vec<String>,
    /// `--node`: the number in `node-0`. Empty: all.
    pub nodes: Vec<u32>,
    /// `--container`: wins over [`Helpers::Hidden`].
    pub containers: Option<Regex>,
    /// `--exclude-container`: wins over everything.
    pub exclude_containers: Option<Regex>,
    pub helpers: Helpers,
    pub init_containers: InitContainers,
}

impl Selection {
    /// Whether no step, node or container is named.
    pub const fn is_everything(&self) -> bool {
        self.steps.is_empty()
            && self.nodes.is_empty()
            && self.containers.is_none()
            && self.exclude_containers.is_none()
    }

    /// By the container's name alone.
    pub fn wants_container_called(&self, name: &str) -> bool {
        let matches = |pattern: &Regex| pattern.is_match(name);
        self.containers.as_ref().is_none_or(matches)
            && !self.exclude_containers.as_ref().is_some_and(matches)
    }
}

/// The wanted containers of all pods that there are, in the order of their steps; of one step the older pod first.
pub fn log_targets(observation: &JobObservation, selection: &Selection) -> Vec<LogTarget> {
    let roles = Roles::of(observation);
    let mut targets = Vec::new();
    for pod in &observation.pods {
        let step = roles.step_at(&pod.place);
        if selection.wants_pod(&step, &pod.name) {
            let wanted = pod.containers.iter();
            let wanted = wanted.filter_map(|container| target(selection, &step, pod, container));
            targets.extend(wanted.map(|target| (pod.created, target)));
        }
    }
    targets.sort_by(|(created, target), (other_created, other)| {
        let place = (&target.step, target.round, created);
        place.cmp(&(&other.step, other.round, other_created))
    });
    targets.into_iter().map(|(_, target)| target).collect()
}

/// The first name in `--step` or number in `--node` that is none of the job's, if its steps are known.
pub fn unknown_step(observation: &JobObservation, selection: &Selection) -> Option<String> {
    let steps = steps(observation);
    let is_pod = |name: &String| observation.pods.iter().any(|pod| pod.name == *name);
    let is_step = |name: &String| steps.iter().any(|step| step.is_called(name)) || is_pod(name);
    let named = selection.steps.iter().find(|name| !is_step(name)).cloned();
    let numbers = selection
        .nodes
        .iter()
        .map(|number| format!("{NODE}-{number}"));
    let numbered = || numbers.into_iter().find(|name| !is_step(name));
    named.or_else(numbered).filter(|_| !steps.is_empty())
}

/// The containers that a job's pods have, where none of them is asked for. A job without pods may get any; for pods that
/// are still to come only who follows waits.
pub fn other_containers(
    observation: &JobObservation,
    selection: &Selection,
    follow: Follow,
) -> Option<Vec<String>> {
    let pods = observation.pods.iter();
    let there = pods.flat_map(|pod| pod.containers.iter().map(|container| &container.name));
    let planned = planned_containers(observation).iter();
    let planned = planned.flat_map(|group| &group.containers);
    let names: BTreeSet<&String> = there.chain(planned).collect();
    let is_wanted = |name: &&String| selection.wants_container_called(name);
    let is_other = !observation.pods.is_empty() && !names.iter().any(is_wanted);
    let may_come = follow == Follow::Yes && !are_containers_known(observation);
    (is_other && !may_come).then(|| names.into_iter().cloned().collect())
}

/// The groups whose containers their pods will have, and others that are put into pods as they are made. A runtime's may
/// be other ones.
fn planned_containers(observation: &JobObservation) -> &[JobGroup] {
    match &observation.job_set {
        Sight::Seen(job_set) => job_set.groups.as_slice(),
        Sight::Absent | Sight::Hidden => &[],
    }
}

/// Whether no pod can bring a container of a new name: only those that are there show what was put into them.
fn are_containers_known(observation: &JobObservation) -> bool {
    let roles = Roles::of(observation);
    let there: BTreeSet<_> = observation
        .pods
        .iter()
        .map(|pod| roles.step_at(&pod.place))
        .collect();
    roles.are_planned() && steps(observation).iter().all(|step| there.contains(step))
}

/// Whether the job was over before it had a pod, as far as its status tells.
pub fn ended_without_pods(observation: &JobObservation) -> bool {
    let job = &observation.train_job;
    let made_nothing = job.end().is_some_and(|end| end.reason == NOTHING_MADE);
    observation.pods.is_empty()
        && job.end().is_some()
        && (made_nothing || (job.pods_had == PodsHad::None && never_restarted(observation)))
}

/// Whether the numbers in the job's status are those of all its pods. A JobSet that begins anew sets them back.
fn never_restarted(observation: &JobObservation) -> bool {
    match &observation.job_set {
        Sight::Seen(job_set) => job_set.restarts == 0,
        Sight::Absent | Sight::Hidden => observation.runtime_restarts == Restarts::Never,
    }
}

/// The steps that speak and are asked for, of which a job that is over has no pod any more. A step behind one that
/// failed never had any.
pub fn steps_without_pods(observation: &JobObservation, selection: &Selection) -> Vec<String> {
    if job_end(&observation.train_job).is_none() || ended_without_pods(observation) {
        return Vec::new();
    }
    let roles = Roles::of(observation);
    let pods = observation.pods.iter();
    let there: Vec<_> = pods
        .map(|pod| (roles.step_at(&pod.place), pod.phase.as_str()))
        .collect();
    let is_asked_for = |step: &Step| selection.wants_pod(step, "");
    let was_there = |step: &Step| {
        let failed =
            |(before, phase): &(Step, &str)| before.kind < step.kind && *phase != "Succeeded";
        !there.iter().any(failed)
    };
    let is_gone = |step: &Step| !there.iter().any(|(there, _)| there == step);
    let speaks = |step: &Step| !matches!(step.kind, StepKind::Worker | StepKind::Other);
    let steps = steps(observation).into_iter();
    steps
        .filter(|step| speaks(step) && is_asked_for(step) && is_gone(step) && was_there(step))
        .map(|step| step.name)
        .collect()
}

fn target(
    selection: &Selection,
    step: &Step,
    pod: &SlimPod,
    container: &SlimContainer,
) -> Option<LogTarget> {
    let voice = voice(step, pod, container);
    if !selection.wants_container(voice, pod, container) {
        return None;
    }
    let label = match voice {
        Voice::Application | Voice::Follower if is_alone(step, pod, container) => step.name.clone(),
        _ => format!("{}/{}", step.name, container.name),
    };
    let is_node = matches!(step.kind, StepKind::Trainer | StepKind::Launcher);
    Some(LogTarget {
        label,
        rank: is_node.then_some(step.index),
        step: step.clone(),
        pod_uid: pod.uid.clone(),
        pod: pod.name.clone(),
        node: pod.node.clone(),
        container: container.name.clone(),
        round: pod.place.restart,
        voice,
    })
}

fn voice(step: &Step, pod: &SlimPod, container: &SlimContainer) -> Voice {
    match container.kind {
        ContainerKind::Init => return Voice::Init,
        ContainerKind::Sidecar => return Voice::Sidecar,
        ContainerKind::Main => {}
    }
    if !speaks(step, pod, container) {
        return Voice::Sidecar;
    }
    let follows = match step.kind {
        StepKind::Worker | StepKind::Other => true,
        _ => {
            step.index > 0
                && pod
                    .containers
                    .iter()
                    .any(|other| other.name == FLUX_INSTALLER)
        }
    };
    if follows {
        Voice::Follower
    } else {
        Voice::Application
    }
}

/// Whether this main container is the one that the pod is there for: the one that Trainer fills in, which an initializer
/// names after itself. Without it, all of them are.
fn speaks(step: &Step, pod: &SlimPod, container: &SlimContainer) -> bool {
    let filled_in = match step.kind {
        StepKind::DatasetInitializer | StepKind::ModelInitializer => step.name.as_str(),
        _ => NODE,
    };
    container.name == filled_in || !main_containers(pod).any(|other| other.name == filled_in)
}

fn is_alone(step: &Step, pod: &SlimPod, container: &SlimContainer) -> bool {
    !main_containers(pod).any(|other| other.name != container.name && speaks(step, pod, other))
}

fn main_containers(pod: &SlimPod) -> impl Iterator<Item = &SlimContainer> {
    let is_main = |container: &&SlimContainer| container.kind == ContainerKind::Main;
    pod.containers.iter().filter(is_main)
}

impl Step {
    /// Whether this is a name for the step: the SDK's, its group's, or the two that JobSet would make of them.
    fn is_called(&self, name: &str) -> bool {
        let own = format!("{}-{}", self.group, self.index);
        let is_indirect = matches!(self.kind, StepKind::Launcher | StepKind::Other);
        // `node` and `node-0` mean what the SDK calls so, never an MPI worker's group.
        self.name == name || (is_indirect && (self.group == name || own == name))
    }
}

impl Selection {
    fn wants_pod(&self, step: &Step, pod: &str) -> bool {
        if !self.names_steps() {
            return true;
        }
        let is_numbered = |number: &u32| step.name == format!("{NODE}-{number}");
        self.steps
            .iter()
            .any(|name| step.is_called(name) || name == pod)
            || self.nodes.iter().any(is_numbered)
    }

    fn names_steps(&self) -> bool {
        !self.steps.is_empty() || !self.nodes.is_empty()
    }

    fn wants_container(&self, voice: Voice, pod: &SlimPod, container: &SlimContainer) -> bool {
        let matches = |pattern: &Regex| pattern.is_match(&container.name);
        if self.exclude_containers.as_ref().is_some_and(matches) {
            return false;
        }
        if let Some(pattern) = &self.containers {
            return matches(pattern);
        }
        let is_wanted = match voice {
            Voice::Application => true,
            // Who names an MPI worker wants to hear it.
            Voice::Follower => self.names_steps(),
            Voice::Sidecar => false,
            Voice::Init => self.init_containers == InitContainers::Shown,
        };
        is_wanted || self.helpers == Helpers::Shown || has_failed(pod, container)
    }
}

/// Whether the container ended badly of itself; what ends because its pod is deleted has not failed.
fn has_failed(pod: &SlimPod, container: &SlimContainer) -> bool {
    let current = match &container.state {
        ContainerState::Terminated(end) => Some(end),
        ContainerState::Waiting { .. } | ContainerState::Running { .. } => None,
    };
    let mut ends = current.into_iter().chain(&container.last);
    pod.deleted.is_none()
        && ends.any(|end| {
            end.reason == "OOMKilled"
                || (end.exit_code != 0 && !TOLD_TO_END.contains(&end.exit_code))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const MPI: &str = include_str!("objects/mpi.json");
    const PAIR: &str = include_str!("objects/pair.json");
    const FLUX: &str = include_str!("objects/flux.json");

    fn objects(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn labels(objects: &Value, selection: &Selection) -> Vec<String> {
        let targets = log_targets(&JobObservation::of_objects(objects), selection);
        targets.into_iter().map(|target| target.label).collect()
    }

    fn selection() -> Selection {
        Selection::default()
    }

    fn steps_named(names: &[&str]) -> Selection {
        Selection {
            steps: names.iter().map(|name| (*name).to_owned()).collect(),
            ..selection()
        }
    }

    #[test]
    fn every_node_of_a_torch_job_speaks() {
        assert_eq!(labels(&objects(PAIR), &selection()), ["node-0", "node-1"]);
    }

    #[test]
    fn of_an_mpi_job_the_launcher_speaks_alone() {
        let mpi = objects(MPI);
        assert_eq!(labels(&mpi, &selection()), ["node-0"]);
        let all = Selection {
            helpers: Helpers::Shown,
            ..selection()
        };
        assert_eq!(labels(&mpi, &all), ["node-0", "node-1", "node-2"]);
    }

    #[test]
    fn of_a_flux_job_the_first_node_speaks_alone() {
        let flux = objects(FLUX);
        assert_eq!(labels(&flux, &selection()), ["node-0"]);
        let init = Selection {
            init_containers: InitContainers::Shown,
            ..selection()
        };
        let expected = ["node-0/flux-installer", "node-0", "node-1/flux-installer"];
        assert_eq!(labels(&flux, &init), expected);
    }

    #[test]
    fn a_step_may_be_named_by_the_sdk_by_its_number_by_its_group_or_by_its_pod() {
        let mpi = objects(MPI);
        let pod = mpi["pods"][2]["metadata"]["name"].as_str().unwrap();
        assert!(pod.starts_with("mpi-node-0-1-"), "{pod}");
        for (names, expected) in [
            (vec!["node-1"], vec!["node-1"]),
            (vec!["launcher"], vec!["node-0"]),
            (vec!["launcher-0", "node-1"], vec!["node-0", "node-1"]),
            (vec![pod], vec!["node-2"]),
            (vec!["node"], vec![]),
        ] {
            assert_eq!(labels(&mpi, &steps_named(&names)), expected, "{names:?}");
        }
        let numbered = Selection {
            nodes: vec![0, 2],
            ..selection()
        };
        assert_eq!(labels(&mpi, &numbered), ["node-0", "node-2"]);
    }

    #[test]
    fn a_step_that_the_job_has_not_is_found_out() {
        let mpi = JobObservation::of_objects(&objects(MPI));
        let unknown = |selection: &Selection| unknown_step(&mpi, selection);
        assert_eq!(unknown(&steps_named(&["node-1", "launcher"])), None);
        assert_eq!(
            unknown(&steps_named(&["node-9"])).as_deref(),
            Some("node-9")
        );
        let numbered = Selection {
            nodes: vec![3],
            ..selection()
        };
        assert_eq!(unknown(&numbered).as_deref(), Some("node-3"));
        // Nothing is known yet, so nothing is wrong.
        assert_eq!(unknown_step(&JobObservation::default(), &numbered), None);
    }

    fn container_called(pattern: &str) -> Selection {
        Selection {
            containers: Some(Regex::new(pattern).unwrap()),
            ..selection()
        }
    }

    #[test]
    fn a_container_that_a_pod_to_come_may_have_is_waited_for_by_who_follows() {
        let other = |objects: &Value, hide: bool, follow| {
            let mut observation = JobObservation::of_objects(objects);
            if hide {
                observation.job_set = Sight::Hidden;
            }
            other_containers(&observation, &container_called("^proxy"), follow)
        };
        let mut pair = objects(PAIR);
        let names = Some(vec!["node".to_owned()]);
        assert_eq!(other(&pair, false, Follow::Yes), names, "all are there");
        assert_eq!(other(&pair, true, Follow::Yes), None, "who knows how many");
        pair["pods"].as_array_mut().unwrap().pop();
        assert_eq!(other(&pair, true, Follow::Yes), None);
        assert_eq!(other(&pair, true, Follow::No), names);
        assert_eq!(other(&pair, false, Follow::Yes), None, "one may be put in");
        assert_eq!(other(&pair, false, Follow::No), names);
        let template = &mut pair["jobSet"]["spec"]["replicatedJobs"][0]["template"]["spec"];
        template["template"]["spec"]["initContainers"] = json!([{"name": "proxy-init"}]);
        assert_eq!(other(&pair, false, Follow::No), None, "it is in the plan");
    }

    /// A job of two nodes without pods that has failed.
    fn failed(reason: &str, jobs: &Value) -> Value {
        let condition = json!({"type": "Failed", "status": "True", "reason": reason});
        let mut pair = objects(PAIR);
        pair["pods"] = json!([]);
        pair["trainJob"]["status"] = json!({"conditions": [condition], "jobsStatus": jobs});
        pair
    }

    #[test]
    fn a_job_that_ended_before_it_had_a_pod_has_lost_none() {
        let ended = |reason: &str, jobs: &Value| {
            let observation = JobObservation::of_objects(&failed(reason, jobs));
            let lost = steps_without_pods(&observation, &selection());
            (ended_without_pods(&observation), lost.len())
        };
        let jobs = |active| json!([{"name": "node", "ready": 0, "active": active}]);
        assert_eq!(ended("DeadlineExceeded", &jobs(0)), (true, 0));
        assert_eq!(ended("DeadlineExceeded", &jobs(1)), (false, 2));
        assert_eq!(ended("DeadlineExceeded", &json!([])), (false, 2));
        assert_eq!(ended(NOTHING_MADE, &json!([])), (true, 0));
    }

    #[test]
    fn of_a_job_that_may_have_begun_anew_nobody_knows_whether_it_had_pods() {
        let none = json!([{"name": "node", "ready": 0, "active": 0}]);
        let mut pair = failed("DeadlineExceeded", &none);
        pair["jobSet"]["status"]["restarts"] = json!(1);
        assert!(!ended_without_pods(&JobObservation::of_objects(&pair)));

        let ended_by_runtime = |policy: Value| {
            let runtime = json!({"spec": {"template": {"spec": {"failurePolicy": policy}}}});
            let observation = JobObservation {
                job_set: Sight::Absent,
                runtime_restarts: JobObservation::plan_of(&runtime).restarts,
                ..JobObservation::of_objects(&pair)
            };
            ended_without_pods(&observation)
        };
        assert!(ended_by_runtime(json!(null)));
        assert!(ended_by_runtime(json!({"maxRestarts": 0})));
        assert!(!ended_by_runtime(json!({"maxRestarts": 3})));
        let by_rule = |action| json!({"maxRestarts": 0, "rules": [{"action": action}]});
        assert!(ended_by_runtime(by_rule("RestartJobSet")));
        assert!(!ended_by_runtime(by_rule(
            "RestartJobSetAndIgnoreMaxRestarts"
        )));
        let unknown = JobObservation {
            job_set: Sight::Hidden,
            ..JobObservation::of_objects(&pair)
        };
        assert!(!ended_without_pods(&unknown), "nobody told");
    }

    #[test]
    fn containers_are_chosen_by_patterns_and_an_exclusion_wins() {
        let flux = objects(FLUX);
        let pattern = |text| Some(Regex::new(text).unwrap());
        let proxies = Selection {
            containers: pattern("^istio"),
            ..selection()
        };
        assert_eq!(
            labels(&flux, &proxies),
            ["node-0/istio-proxy", "node-1/istio-proxy"]
        );
        let others = Selection {
            helpers: Helpers::Shown,
            exclude_containers: pattern("istio|flux"),
            ..selection()
        };
        assert_eq!(labels(&flux, &others), ["node-0", "node-1"]);
    }

    #[test]
    fn a_helper_that_failed_of_itself_speaks() {
        let mut mpi = objects(MPI);
        let position = mpi["pods"].as_array().unwrap().iter().position(|pod| {
            pod["metadata"]["name"]
                .as_str()
                .unwrap()
                .starts_with("mpi-node-0-0-")
        });
        let worker = position.unwrap();
        let end = |mpi: &mut Value, code: i32, reason: &str| {
            mpi["pods"][worker]["status"]["containerStatuses"][0]["state"] =
                json!({"terminated": {"exitCode": code, "reason": reason, "containerID": "c"}});
        };
        for (code, reason, speaks) in [
            (0, "Completed", false),
            (143, "Error", false),
            (137, "Error", false),
            (137, "OOMKilled", true),
            (255, "Error", true),
        ] {
            end(&mut mpi, code, reason);
            let is_shown = labels(&mpi, &selection()).contains(&"node-1".to_owned());
            assert_eq!(is_shown, speaks, "{code} {reason}");
        }
        mpi["pods"][worker]["metadata"]["deletionTimestamp"] = json!("2026-11-21T15:00:00Z");
        assert_eq!(labels(&mpi, &selection()), ["node-0"]);
    }

    #[test]
    fn a_pod_without_the_container_that_trainer_fills_in_speaks_with_all() {
        let mut pair = objects(PAIR);
        let pod = &mut pair["pods"][0];
        pod["spec"]["containers"] = json!([{"name": "left"}, {"name": "right"}]);
        assert_eq!(
            labels(&pair, &selection()),
            ["node-0/left", "node-0/right", "node-1"]
        );
        pair["pods"][0]["spec"]["containers"] = json!([{"name": "only"}]);
        assert_eq!(labels(&pair, &selection()), ["node-0", "node-1"]);
    }

    #[test]
    fn of_one_step_the_earlier_round_comes_first() {
        let mut pair = objects(PAIR);
        let mut again = pair["pods"][0].clone();
        again["metadata"]["uid"] = json!("another");
        again["metadata"]["labels"]["jobset.sigs.k8s.io/restart-attempt"] = json!("1");
        pair["pods"].as_array_mut().unwrap().insert(0, again);
        let targets = log_targets(&JobObservation::of_objects(&pair), &selection());
        let found: Vec<_> = targets
            .iter()
            .map(|target| (target.label.as_str(), target.round))
            .collect();
        assert_eq!(found, [("node-0", 0), ("node-0", 1), ("node-1", 0)]);
        assert_eq!(targets[0].rank, Some(0));
        assert_eq!(targets[2].rank, Some(1));
    }
}
