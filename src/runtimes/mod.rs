//! A training runtime, read from its object: the recipe that a TrainJob names. Pure; lenient towards fields of
//! newer releases.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        batch::v1::JobTemplateSpec,
        core::v1::{Container, PersistentVolumeClaim, PodSpec},
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::{Map, Value};

const FRAMEWORK_LABEL: &str = "trainer.kubeflow.org/framework";
const SUPPORT_LABEL: &str = "trainer.kubeflow.org/support";
/// On the job template whose pods train; MPI's launcher has it, and its nodes do not.
const STEP_LABEL: &str = "trainer.kubeflow.org/trainjob-ancestor-step";
const TRAINER_STEP: &str = "trainer";
/// The container that Trainer fills in, and the job that becomes the nodes.
const NODE: &str = "node";

/// Where TrainJobs may use a runtime from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeScope {
    /// A `ClusterTrainingRuntime`: from every namespace.
    Cluster,
    /// A `TrainingRuntime`: from its own namespace.
    Namespace(String),
}

/// The label `trainer.kubeflow.org/support`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Supported,
    Deprecated,
}

/// One recipe, with the object that it was read from.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub name: String,
    pub scope: RuntimeScope,
    /// The framework label; without it the Kubeflow SDK does not see the runtime.
    pub framework: Option<String>,
    pub support: Support,
    /// Nodes unless the TrainJob says otherwise.
    pub nodes: u64,
    /// `torch`, `mpi`, ..., with its settings; `None` for plain jobs.
    pub policy: Option<(String, Value)>,
    /// Gang scheduling, such as `coscheduling` or `volcano`, with its settings.
    pub gang: Option<(String, Value)>,
    pub jobs: Vec<ReplicatedJob>,
    /// Volumes that are made for each TrainJob.
    pub claims: Vec<PersistentVolumeClaim>,
    pub labels: BTreeMap<String, String>,
    pub created: Option<Timestamp>,
    /// Set when it is being deleted.
    pub deleted: Option<Timestamp>,
    pub object: DynamicObject,
}

/// One group of equal jobs of the JobSet that a TrainJob becomes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicatedJob {
    pub name: String,
    pub replicas: Option<u64>,
    pub depends_on: Vec<Dependency>,
    pub template: JobTemplateSpec,
}

/// What must have happened before a group starts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Dependency {
    pub name: String,
    /// `Ready` or `Complete`.
    pub status: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RuntimeSpec {
    ml_policy: MlPolicy,
    pod_group_policy: Map<String, Value>,
    template: JobSetTemplate,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MlPolicy {
    num_nodes: Option<u64>,
    #[serde(flatten)]
    kinds: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JobSetTemplate {
    spec: JobSetSpec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JobSetSpec {
    replicated_jobs: Vec<ReplicatedJob>,
    volume_claim_policies: Vec<VolumeClaimPolicy>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VolumeClaimPolicy {
    templates: Vec<PersistentVolumeClaim>,
}

impl Runtime {
    /// Reads either kind. A part that cannot be decoded counts as absent.
    pub fn parse(object: DynamicObject) -> Self {
        let spec: RuntimeSpec = object
            .data
            .get("spec")
            .and_then(|spec| RuntimeSpec::deserialize(spec).ok())
            .unwrap_or_default();
        let policies = spec.template.spec.volume_claim_policies;
        let labels = object.metadata.labels.clone().unwrap_or_default();
        let deprecated = labels
            .get(SUPPORT_LABEL)
            .is_some_and(|value| value == "deprecated");
        Self {
            name: object.metadata.name.clone().unwrap_or_default(),
            scope: object
                .metadata
                .namespace
                .clone()
                .map_or(RuntimeScope::Cluster, RuntimeScope::Namespace),
            framework: labels.get(FRAMEWORK_LABEL).cloned(),
            support: if deprecated {
                Support::Deprecated
            } else {
                Support::Supported
            },
            nodes: spec.ml_policy.num_nodes.unwrap_or(1),
            policy: spec.ml_policy.kinds.into_iter().next(),
            gang: spec.pod_group_policy.into_iter().next(),
            jobs: spec.template.spec.replicated_jobs,
            claims: policies
                .into_iter()
                .flat_map(|policy| policy.templates)
                .collect(),
            labels,
            created: object
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0),
            deleted: object
                .metadata
                .deletion_timestamp
                .as_ref()
                .map(|time| time.0),
            object,
        }
    }

    /// The image that training runs in.
    pub fn image(&self) -> Option<&str> {
        let trains = |job: &&ReplicatedJob| job.step() == Some(TRAINER_STEP);
        let job = self.jobs.iter().find(trains).or_else(|| self.node_job())?;
        job.main_container()?.image.as_deref()
    }

    /// Devices of one node, such as `nvidia.com/gpu`, with their number.
    pub fn devices(&self) -> Vec<(&str, &str)> {
        let container = self.node_job().and_then(ReplicatedJob::main_container);
        let limits = container.and_then(|container| container.resources.as_ref()?.limits.as_ref());
        let devices = limits
            .into_iter()
            .flatten()
            .filter(|(name, _)| is_device(name));
        devices
            .map(|(name, count): (&String, &Quantity)| (name.as_str(), count.0.as_str()))
            .collect()
    }

    fn node_job(&self) -> Option<&ReplicatedJob> {
        self.jobs.iter().find(|job| job.name == NODE)
    }
}

impl ReplicatedJob {
    /// `trainer`, `dataset-initializer`, `model-initializer`, or none.
    pub fn step(&self) -> Option<&str> {
        let labels = self.template.metadata.as_ref()?.labels.as_ref()?;
        labels.get(STEP_LABEL).map(String::as_str)
    }

    pub fn pod(&self) -> Option<&PodSpec> {
        self.template.spec.as_ref()?.template.spec.as_ref()
    }

    /// The container that Trainer fills in, else the first.
    fn main_container(&self) -> Option<&Container> {
        let containers = &self.pod()?.containers;
        containers
            .iter()
            .find(|container| container.name == NODE)
            .or_else(|| containers.first())
    }
}

/// Extended resources have a domain in their names; those of Kubernetes itself are not devices.
fn is_device(resource: &str) -> bool {
    resource
        .split_once('/')
        .is_some_and(|(domain, _)| domain != "kubernetes.io")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn runtime(value: Value) -> Runtime {
        Runtime::parse(serde_json::from_value(value).unwrap())
    }

    fn mpi() -> Value {
        json!({
            "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainingRuntime",
            "metadata": { "name": "mpi", "namespace": "team-a", "labels": {
                "trainer.kubeflow.org/framework": "deepspeed", "trainer.kubeflow.org/support": "deprecated"
            } },
            "spec": {
                "mlPolicy": { "numNodes": 4, "mpi": { "numProcPerNode": 8 } },
                "podGroupPolicy": { "coscheduling": {} },
                "template": { "spec": { "replicatedJobs": [
                    { "name": "node", "template": { "spec": { "template": { "spec": { "containers": [
                        { "name": "sidecar", "image": "s" },
                        { "name": "node", "image": "worker", "resources": {
                            "limits": { "cpu": "4", "memory": "1Gi", "nvidia.com/gpu": "8" } } }
                    ] } } } } },
                    { "name": "launcher", "dependsOn": [{ "name": "node", "status": "Ready" }], "template": {
                        "metadata": { "labels": { "trainer.kubeflow.org/trainjob-ancestor-step": "trainer" } },
                        "spec": { "template": { "spec": { "containers": [{ "name": "node", "image": "launcher" }] } } } } }
                ] } }
            }
        })
    }

    #[test]
    fn mpi_trains_in_the_launchers_image_on_the_devices_of_the_nodes() {
        let runtime = runtime(mpi());
        assert_eq!(runtime.image(), Some("launcher"));
        assert_eq!(runtime.devices(), [("nvidia.com/gpu", "8")]);
        assert_eq!(
            (
                runtime.nodes,
                runtime.policy.as_ref().map(|(name, _)| name.as_str())
            ),
            (4, Some("mpi"))
        );
        assert_eq!(
            runtime.gang.as_ref().map(|(name, _)| name.as_str()),
            Some("coscheduling")
        );
    }

    #[test]
    fn labels_tell_the_framework_and_whether_it_is_deprecated() {
        let runtime = runtime(mpi());
        assert_eq!(runtime.framework.as_deref(), Some("deepspeed"));
        assert_eq!(runtime.support, Support::Deprecated);
        assert_eq!(runtime.scope, RuntimeScope::Namespace("team-a".to_owned()));
    }

    #[test]
    fn an_object_of_another_release_still_has_a_name() {
        let odd = json!({ "metadata": { "name": "odd" }, "spec": { "mlPolicy": "later", "template": 7 } });
        let runtime = runtime(odd);
        assert_eq!(
            (runtime.name.as_str(), runtime.nodes, runtime.image()),
            ("odd", 1, None)
        );
        assert_eq!(runtime.scope, RuntimeScope::Cluster);
    }
}
