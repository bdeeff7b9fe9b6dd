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
use serde_json::Value;

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
    /// Nodes unless the TrainJob says otherwise; `None` when the object's number cannot be read.
    pub nodes: Option<u64>,
    /// `torch`, `mpi`, ..., with its settings; `None` for plain jobs.
    pub policy: Option<Setting>,
    /// Gang scheduling, such as `coscheduling` or `volcano`, with its settings.
    pub gang: Option<Setting>,
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

/// A policy's kind with its settings.
type Setting = (String, Value);

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
    /// Reads either kind. A part that cannot be decoded counts as absent, and takes no other part with it.
    pub fn parse(object: DynamicObject) -> Self {
        let (nodes, policy) = parse_policy(part(&object, "mlPolicy"));
        // From text, as every answer is read: a second decoder of all that a pod can have takes as much room again.
        let template = part(&object, "template").to_string();
        let template: JobSetTemplate = serde_json::from_str(&template).unwrap_or_default();
        let policies = template.spec.volume_claim_policies;
        let metadata = &object.metadata;
        let labels = metadata.labels.clone().unwrap_or_default();
        let namespace = metadata.namespace.clone();
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            scope: namespace.map_or(RuntimeScope::Cluster, RuntimeScope::Namespace),
            framework: labels.get(FRAMEWORK_LABEL).cloned(),
            support: parse_support(&labels),
            nodes,
            policy,
            gang: parse_gang(part(&object, "podGroupPolicy")),
            jobs: template.spec.replicated_jobs,
            claims: policies
                .into_iter()
                .flat_map(|policy| policy.templates)
                .collect(),
            labels,
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            deleted: metadata.deletion_timestamp.as_ref().map(|time| time.0),
            object,
        }
    }

    /// The image that training runs in.
    pub fn image(&self) -> Option<&str> {
        self.training_job()?.main_container()?.image.as_deref()
    }

    /// The group whose pods train; MPI's launcher, else the nodes.
    pub fn training_job(&self) -> Option<&ReplicatedJob> {
        let trains = |job: &&ReplicatedJob| job.step() == Some(TRAINER_STEP);
        self.jobs.iter().find(trains).or_else(|| self.node_job())
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

/// A field of the specification, or null.
fn part(object: &DynamicObject, field: &str) -> Value {
    let part = object.data.get("spec").and_then(|spec| spec.get(field));
    part.cloned().unwrap_or_default()
}

/// The number of nodes, which is one where nothing is said, and the kind of policy beside it.
fn parse_policy(policy: Value) -> (Option<u64>, Option<Setting>) {
    let Value::Object(mut fields) = policy else {
        return (policy.is_null().then_some(1), None);
    };
    let nodes = match fields.remove("numNodes") {
        None | Some(Value::Null) => Some(1),
        Some(number) => number.as_u64(),
    };
    (nodes, fields.into_iter().next())
}

fn parse_gang(policy: Value) -> Option<Setting> {
    match policy {
        Value::Object(fields) => fields.into_iter().next(),
        _ => None,
    }
}

fn parse_support(labels: &BTreeMap<String, String>) -> Support {
    match labels.get(SUPPORT_LABEL).map(String::as_str) {
        Some("deprecated") => Support::Deprecated,
        _ => Support::Supported,
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
            (Some(4), Some("mpi"))
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
    fn one_field_that_cannot_be_read_takes_no_other_with_it() {
        let mut object = mpi();
        object["spec"]["mlPolicy"]["numNodes"] = json!(-1);
        object["spec"]["podGroupPolicy"] = json!("later");
        let runtime = runtime(object);
        assert_eq!((runtime.nodes, runtime.image()), (None, Some("launcher")));
        assert_eq!(runtime.policy.unwrap().0, "mpi");
        assert_eq!(runtime.gang, None);
    }

    #[test]
    fn an_object_of_another_release_still_has_a_name() {
        let odd = json!({ "metadata": { "name": "odd" }, "spec": { "mlPolicy": "later", "template": 7 } });
        let runtime = runtime(odd);
        assert_eq!(
            (runtime.name.as_str(), runtime.nodes, runtime.image()),
            ("odd", None, None)
        );
        assert_eq!(runtime.scope, RuntimeScope::Cluster);
    }
}
