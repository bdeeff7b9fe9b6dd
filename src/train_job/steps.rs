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
    /// The ReplicatedJob.
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
        .flat_map(|group| {
            let pods = group.replicas.saturating_mul(group.pods);
            (0..pods).map(|index| roles.step(&group.name, index))
        })
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

    fn is_only_trainer(&self, group: &str) -> bool {
        !self.names().any(|name| name != group && self.trains(name))
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
