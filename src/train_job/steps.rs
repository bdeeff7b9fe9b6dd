//! The steps of a job under the names that the Kubeflow SDK gives them, and what each group of its JobSet is to it.

use crate::cluster::{JobGroup, JobObservation, PodPlace, Sight};

const DATASET: &str = "dataset-initializer";
const MODEL: &str = "model-initializer";
const TRAINER: &str = "trainer";
const LAUNCHER: &str = "launcher";
const NODE: &str = "node";

/// What a step is for, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    DatasetInitializer,
    ModelInitializer,
    /// Starts the program on the workers, and speaks for all of them.
    Launcher,
    Trainer,
    /// Serves a launcher; its program's words come from there.
    Worker,
    /// A group of a custom runtime that Trainer knows nothing about.
    Other,
}

/// A pod's part in a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub kind: StepKind,
    /// The `ReplicatedJob`.
    pub group: String,
    /// Among the pods of its group.
    pub index: u32,
    /// As the SDK says it: `dataset-initializer`, `node-0`. The launcher is `node-0` and its workers come after it.
    pub name: String,
}

/// All steps that the job has or will have, in their order, as far as its JobSet or its runtime tells.
pub fn steps(observation: &JobObservation) -> Vec<Step> {
    let roles = Roles::of(observation);
    let mut steps: Vec<_> = roles
        .groups
        .iter()
        .flat_map(|group| (0..group.all_pods()).map(|index| roles.step(&group.name, index)))
        .collect();
    steps.extend(observation.pods.iter().map(|pod| roles.step_at(&pod.place)));
    steps.sort();
    steps.dedup();
    steps
}

/// What each group of a job is to it.
pub(super) struct Roles<'a> {
    groups: Vec<JobGroup>,
    observation: &'a JobObservation,
}

impl<'a> Roles<'a> {
    pub(super) fn of(observation: &'a JobObservation) -> Self {
        let groups = match &observation.job_set {
            Sight::Seen(job_set) => job_set.groups.clone(),
            Sight::Absent | Sight::Hidden => planned_groups(observation),
        };
        Self {
            groups,
            observation,
        }
    }

    /// Whether anything but the pods that are there tells of the job's groups.
    pub(super) const fn are_planned(&self) -> bool {
        !self.groups.is_empty()
    }

    pub(super) fn step_at(&self, place: &PodPlace) -> Step {
        let group = self.groups.iter().find(|group| group.name == place.group);
        let pods = group.map_or(1, |group| group.pods.max(1));
        self.step(&place.group, place.replica * pods + place.index)
    }

    fn step(&self, group: &str, index: u32) -> Step {
        let kind = self.kind(group);
        let name = match kind {
            StepKind::DatasetInitializer => DATASET.to_owned(),
            StepKind::ModelInitializer => MODEL.to_owned(),
            StepKind::Launcher => format!("{NODE}-0"),
            StepKind::Worker => format!("{NODE}-{}", index + 1),
            StepKind::Trainer if self.is_only_trainer(group) => format!("{NODE}-{index}"),
            StepKind::Trainer | StepKind::Other => format!("{group}-{index}"),
        };
        Step {
            kind,
            group: group.to_owned(),
            index,
            name,
        }
    }

    fn kind(&self, group: &str) -> StepKind {
        match self.label(group).unwrap_or(group) {
            DATASET => StepKind::DatasetInitializer,
            MODEL => StepKind::ModelInitializer,
            _ if self.trains(group) => match group {
                LAUNCHER => StepKind::Launcher,
                _ => StepKind::Trainer,
            },
            _ if group == NODE && self.trains(LAUNCHER) => StepKind::Worker,
            _ => StepKind::Other,
        }
    }

    /// Whether the group runs the user's program: by its label, else by the names that Trainer's own runtimes use.
    fn trains(&self, group: &str) -> bool {
        let is_labelled = |group: &str| self.label(group) == Some(TRAINER);
        if self.names().any(is_labelled) {
            return is_labelled(group);
        }
        let is_there = |name| self.names().any(|group| group == name);
        match group {
            LAUNCHER => is_there(LAUNCHER),
            NODE => !is_there(LAUNCHER),
            _ => false,
        }
    }

    /// Whether its pods are the nodes, and no others are called so.
    fn is_only_trainer(&self, group: &str) -> bool {
        let is_rival = |name: &str| name != group && (name == NODE || self.trains(name));
        !self.names().any(is_rival)
    }

    fn label(&self, group: &str) -> Option<&str> {
        let group = self.groups.iter().find(|known| known.name == group)?;
        group.step.as_deref()
    }

    /// Every name of a group that anything tells of; some more than once.
    fn names(&self) -> impl Iterator<Item = &str> {
        let planned = self.groups.iter().map(|group| group.name.as_str());
        let told = self.observation.train_job.groups.iter().map(String::as_str);
        // Only where nothing better is known: a job may have a thousand pods.
        let pods: &[_] = match self.groups.as_slice() {
            [] => &self.observation.pods,
            _ => &[],
        };
        let placed = pods.iter().map(|pod| pod.place.group.as_str());
        planned.chain(told).chain(placed)
    }
}

/// The runtime's groups, with the number of nodes that the job wants.
fn planned_groups(observation: &JobObservation) -> Vec<JobGroup> {
    let mut groups = observation.runtime_groups.clone();
    if let (Some(nodes), Some(node)) = (
        observation.train_job.nodes,
        groups.iter_mut().find(|group| group.name == NODE),
    ) {
        node.pods = nodes;
    }
    groups
}

/// How many pods the job has once all are made, as far as its JobSet or its runtime tells.
pub fn planned_pods(observation: &JobObservation) -> usize {
    let roles = Roles::of(observation);
    let pods = roles.groups.iter().map(JobGroup::all_pods);
    let all = pods.fold(0, u32::saturating_add);
    all.try_into().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn names(observation: &JobObservation) -> Vec<String> {
        steps(observation)
            .into_iter()
            .map(|step| step.name)
            .collect()
    }

    /// A job of two nodes that has nothing yet, by a released runtime.
    fn planned(runtime: &str) -> JobObservation {
        let runtimes: Value = serde_json::from_str(include_str!("objects/runtimes.json")).unwrap();
        let job =
            json!({"trainJob": {"metadata": {"name": "a"}, "spec": {"trainer": {"numNodes": 2}}}});
        JobObservation {
            runtime_groups: JobObservation::groups_of(&runtimes[runtime]),
            ..JobObservation::of_objects(&job)
        }
    }

    #[test]
    fn a_job_has_as_many_pods_as_its_job_set_has_or_its_runtime_plans() {
        let pair: Value = serde_json::from_str(include_str!("objects/pair.json")).unwrap();
        let mut pair = JobObservation::of_objects(&pair);
        pair.pods.pop();
        assert_eq!(planned_pods(&pair), 2);
        assert_eq!(planned_pods(&planned("torch-distributed")), 2);
        assert_eq!(planned_pods(&planned("torchtune-llama3.2-1b")), 4);
    }

    #[test]
    fn steps_have_the_names_of_the_sdk_in_every_released_runtime() {
        for plain in [
            "torch-distributed",
            "jax-distributed",
            "xgboost-distributed",
        ] {
            assert_eq!(names(&planned(plain)), ["node-0", "node-1"], "{plain}");
        }
        for tune in [
            "torchtune-llama3.2-1b",
            "torchtune-llama3.2-3b",
            "torchtune-qwen2.5-1.5b",
        ] {
            let expected = [
                "dataset-initializer",
                "model-initializer",
                "node-0",
                "node-1",
            ];
            assert_eq!(names(&planned(tune)), expected, "{tune}");
        }
        for mpi in ["deepspeed-distributed", "mlx-distributed"] {
            let steps = steps(&planned(mpi));
            assert_eq!(
                (steps[0].name.as_str(), steps[0].kind),
                ("node-0", StepKind::Launcher)
            );
            assert_eq!(
                (steps[1].name.as_str(), steps[1].kind),
                ("node-1", StepKind::Worker)
            );
        }
    }

    #[test]
    fn the_launcher_is_node_0_and_its_workers_come_after_it() {
        let mpi = serde_json::from_str(include_str!("objects/mpi.json")).unwrap();
        let observation = JobObservation::of_objects(&mpi);
        let found: Vec<_> = steps(&observation)
            .into_iter()
            .map(|step| (step.name, step.group, step.kind))
            .collect();
        let expected = [
            ("node-0", "launcher", StepKind::Launcher),
            ("node-1", "node", StepKind::Worker),
            ("node-2", "node", StepKind::Worker),
        ];
        let expected =
            expected.map(|(name, group, kind)| (name.to_owned(), group.to_owned(), kind));
        assert_eq!(found, expected);
    }

    #[test]
    fn without_a_job_set_or_a_runtime_names_alone_tell_the_same() {
        let mut mpi: Value = serde_json::from_str(include_str!("objects/mpi.json")).unwrap();
        let known = steps(&JobObservation::of_objects(&mpi));
        mpi.as_object_mut().unwrap().remove("jobSet");
        let mut guessed = JobObservation::of_objects(&mpi);
        guessed.job_set = Sight::Hidden;
        assert_eq!(steps(&guessed), known);
        // The launcher is known from the job's status before its pod is there.
        guessed.pods.retain(|pod| pod.place.group == "node");
        assert_eq!(names(&guessed), ["node-1", "node-2"]);
    }

    #[test]
    fn a_group_that_trains_is_the_nodes_whatever_its_name_and_others_keep_theirs() {
        let group = |name: &str, step: Option<&str>, replicas, pods| JobGroup {
            name: name.to_owned(),
            step: step.map(str::to_owned),
            replicas,
            pods,
            containers: Vec::new(),
        };
        let own = |groups| JobObservation {
            runtime_groups: groups,
            ..JobObservation::default()
        };
        let crew = group("crew", Some("trainer"), 2, 2);
        let store = group("store", None, 1, 1);
        assert_eq!(
            names(&own(vec![store, crew.clone()])),
            ["node-0", "node-1", "node-2", "node-3", "store-0"]
        );
        let store = group("node", None, 1, 1);
        assert_eq!(
            names(&own(vec![store, crew.clone()])),
            ["crew-0", "crew-1", "crew-2", "crew-3", "node-0"]
        );
        let second = group("critic", Some("trainer"), 1, 1);
        assert_eq!(
            names(&own(vec![crew, second])),
            ["crew-0", "crew-1", "crew-2", "crew-3", "critic-0"]
        );
        let fetch = group("fetch", Some("dataset-initializer"), 1, 1);
        assert_eq!(names(&own(vec![fetch])), ["dataset-initializer"]);
    }
}
