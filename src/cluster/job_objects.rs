//! What is kept of a TrainJob and of the objects that it becomes: the few fields that something needs. A job of a
//! thousand pods is held in a megabyte so. How they are written on the wire is `job_records.rs`'.

use std::borrow::Cow;

use jiff::Timestamp;

use super::trainer_status::TrainerStatus;

/// A condition of any object; `status` is `True`, `False` or `Unknown`. Both it and `kind` are mostly words that every pod
/// has; read from the API server's binary form, these take no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobCondition {
    pub kind: Cow<'static, str>,
    pub status: Cow<'static, str>,
    pub reason: String,
    pub message: String,
    /// When it last took another status.
    pub changed: Option<Timestamp>,
}

impl JobCondition {
    /// The condition of this kind, if it is true.
    pub fn is_true<'a>(conditions: &'a [Self], kind: &str) -> Option<&'a Self> {
        let of_kind = conditions.iter().find(|condition| condition.kind == kind);
        of_kind.filter(|condition| condition.status == "True")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrainJob {
    pub name: String,
    pub uid: String,
    pub created: Option<Timestamp>,
    /// Set while it is being deleted.
    pub deleted: Option<Timestamp>,
    pub suspend: bool,
    /// `spec.trainer.numNodes`, where the job says it.
    pub nodes: Option<u32>,
    pub runtime: RuntimeRef,
    /// Kueue's queue, from the label `kueue.x-k8s.io/queue-name`.
    pub queue: Option<String>,
    /// Another controller than Trainer's, from `spec.managedBy`.
    pub managed_by: Option<String>,
    pub conditions: Vec<JobCondition>,
    /// The names of the `ReplicatedJob`s of which the status tells.
    pub groups: Vec<String>,
    pub pods_had: PodsHad,
    pub work: JobWork,
    /// What the training itself reported.
    pub trainer_status: Option<TrainerStatus>,
}

/// Whether the status tells of pods that the job has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodsHad {
    /// No Job of it ever had one, unless the JobSet began anew since.
    None,
    Some,
    #[default]
    Unknown,
}

/// What the status tells of the Jobs that are at work now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobWork {
    /// A Job of it has all its pods ready.
    Ready,
    /// A Job of it has pods.
    Active,
    None,
    #[default]
    Unknown,
}

impl TrainJob {
    /// The condition that says how it ended; none while it goes on.
    pub fn end(&self) -> Option<&JobCondition> {
        let is_true = |kind| JobCondition::is_true(&self.conditions, kind);
        is_true("Failed").or_else(|| is_true("Complete"))
    }
}

/// What a runtime says of the JobSet that a job will become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuntimePlan {
    pub(crate) groups: Vec<JobGroup>,
    pub(crate) restarts: Restarts,
}

/// Whether a JobSet may begin anew, with new pods and all numbers set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restarts {
    Never,
    Allowed,
    #[default]
    Unknown,
}

/// Which runtime a job names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeRef {
    pub kind: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobSet {
    pub uid: String,
    pub deleted: Option<Timestamp>,
    pub suspend: bool,
    /// How often it began anew.
    pub restarts: u32,
    pub conditions: Vec<JobCondition>,
    pub groups: Vec<JobGroup>,
}

/// A `ReplicatedJob` of a JobSet or of a runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobGroup {
    pub name: String,
    /// The label `trainer.kubeflow.org/trainjob-ancestor-step` of its jobs: what it is to a TrainJob.
    pub step: Option<String>,
    pub replicas: u32,
    /// Pods of one replica.
    pub pods: u32,
    /// The names of the containers, also of init containers.
    pub containers: Vec<String>,
}

impl JobGroup {
    /// Pods of all replicas together.
    pub fn all_pods(&self) -> u32 {
        self.replicas.saturating_mul(self.pods)
    }
}

/// A pod of a JobSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlimPod {
    pub uid: String,
    /// Rises with each change; 0 where the server's versions are no numbers.
    pub version: u64,
    pub name: String,
    /// Where in its JobSet it belongs, from its labels.
    pub place: PodPlace,
    pub created: Option<Timestamp>,
    /// When it will be gone at the latest, while it is being deleted.
    pub deleted: Option<Timestamp>,
    /// The Kubernetes node, once it has one.
    pub node: Option<String>,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// Why it is in this phase, such as `Evicted`; empty where nothing is said.
    pub reason: String,
    pub message: String,
    pub conditions: Vec<JobCondition>,
    /// Init containers first, in the pod's order.
    pub containers: Vec<SlimContainer>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodPlace {
    /// `jobset.sigs.k8s.io/replicatedjob-name`
    pub group: String,
    /// `jobset.sigs.k8s.io/job-index`
    pub replica: u32,
    /// `batch.kubernetes.io/job-completion-index`
    pub index: u32,
    /// `jobset.sigs.k8s.io/restart-attempt`
    pub restart: u32,
    /// `jobset.sigs.k8s.io/jobset-uid`; JobSet writes it since 0.10.
    pub job_set_uid: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerKind {
    #[default]
    Main,
    /// An init container that runs beside the main ones: `restartPolicy: Always`.
    Sidecar,
    Init,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlimContainer {
    pub name: String,
    pub kind: ContainerKind,
    pub restart_count: u32,
    pub state: ContainerState,
    /// `lastState`: the attempt before this one.
    pub last: Option<Termination>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Not started, or between two attempts. Reasons are such as `ContainerCreating` and `CrashLoopBackOff`.
    Waiting {
        reason: String,
        message: String,
    },
    Running {
        id: String,
        started: Option<Timestamp>,
    },
    Terminated(Termination),
}

impl Default for ContainerState {
    fn default() -> Self {
        Self::Waiting {
            reason: String::new(),
            message: String::new(),
        }
    }
}

/// How an attempt of a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Termination {
    pub id: String,
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled`, ...
    pub reason: String,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
}

/// A warning about an object of the job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobWarning {
    /// Of the object that it is about: `Job`, `pi-node-0`.
    pub kind: String,
    pub name: String,
    pub reason: String,
    pub message: String,
}

/// What Kueue holds about the job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    pub name: String,
    pub conditions: Vec<JobCondition>,
}
