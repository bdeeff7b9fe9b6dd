//! The TrainJobs of a trial, and the line that each node of the real one writes. Pure.

use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::{
    cluster::{FIELD_MANAGER, MANAGED_BY, resources::TRAINER_GROUP},
    runtimes::{Runtime, RuntimeScope},
};

pub(super) const NAME_PREFIX: &str = "kubectl-trainer-deep-";
/// Of every TrainJob that is only tried by dry run: the real one may be there at the same time.
const DRY_RUN: &str = "kubectl-trainer-deep-dry-run";
/// What a trial is told by, beside the program that made it.
const TRIAL: &str = "kubectl-trainer.dev/trial";
const DEEP: &str = "deep";
pub(super) const NODES: u32 = 2;

/// A shell is all that it needs of an image. Kubernetes tells each pod of an indexed Job its number.
const SCRIPT: &str = r#"echo "kubectl-trainer: node ${JOB_COMPLETION_INDEX:-0} was here""#;

/// What the node with this rank writes.
pub(super) fn line_of(rank: u32) -> String {
    format!("kubectl-trainer: node {rank} was here")
}

/// Selects the TrainJobs of all trials.
pub(super) fn selector() -> String {
    format!("{MANAGED_BY}={FIELD_MANAGER},{TRIAL}={DEEP}")
}

/// A TrainJob that says nothing but which runtime it is of.
pub(super) fn bare(namespace: &str, runtime: &Runtime) -> Result<DynamicObject, serde_json::Error> {
    serde_json::from_value(train_job((namespace, DRY_RUN), runtime, None))
}

/// The TrainJob that is really run. It asks for little, but asks: where a quota counts processors and memory, pods that
/// say nothing are refused.
pub(super) fn of_two_nodes(
    place: (&str, &str),
    runtime: &Runtime,
    image: Option<&str>,
) -> Result<DynamicObject, serde_json::Error> {
    let little = json!({ "cpu": "100m", "memory": "128Mi" });
    let mut trainer = json!({
        "numNodes": NODES,
        "command": ["sh", "-c", SCRIPT],
        "resourcesPerNode": { "requests": little, "limits": little },
    });
    if let Some(image) = image {
        trainer["image"] = json!(image);
    }
    serde_json::from_value(train_job(place, runtime, Some(trainer)))
}

fn train_job((namespace, name): (&str, &str), runtime: &Runtime, trainer: Option<Value>) -> Value {
    let kind = match runtime.scope {
        RuntimeScope::Cluster => "ClusterTrainingRuntime",
        RuntimeScope::Namespace(_) => "TrainingRuntime",
    };
    let mut job = json!({
        "apiVersion": format!("{TRAINER_GROUP}/v1alpha1"),
        "kind": "TrainJob",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": { MANAGED_BY: FIELD_MANAGER, TRIAL: DEEP },
        },
        "spec": { "runtimeRef": { "apiGroup": TRAINER_GROUP, "kind": kind, "name": runtime.name } },
    });
    if let Some(trainer) = trainer {
        job["spec"]["trainer"] = trainer;
    }
    job
}
