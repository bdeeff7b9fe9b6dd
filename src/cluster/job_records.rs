//! How the objects of a TrainJob are written on the wire, and what of them is kept. Lenient: an unknown field or a newer
//! value breaks nothing. Of the metadata only what is needed is decoded; managed fields are the bulk of a pod.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::core::{NamespaceResourceScope, Resource};
use serde::{Deserialize, Deserializer};

use super::job_objects::{
    JobCondition, JobGroup, JobSet, JobWarning, RuntimeRef, TrainJob, Workload,
};

const STEP_LABEL: &str = "trainer.kubeflow.org/trainjob-ancestor-step";
const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";
const DEFAULT_MANAGER: &str = "trainer.kubeflow.org/trainjob-controller";

/// An object as it comes over the wire, and what is kept of it.
pub(super) trait Record {
    type Kept;
    fn into_kept(self) -> Self::Kept;
}

/// What stands where the server says nothing, or null.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads of the metadata only what is kept.
pub(super) fn slim_metadata<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Slim {
        name: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        creation_timestamp: Option<Timestamp>,
        deletion_timestamp: Option<Timestamp>,
        labels: Option<BTreeMap<String, String>>,
    }
    let slim = Slim::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: slim.name,
        uid: slim.uid,
        resource_version: slim.resource_version,
        creation_timestamp: slim.creation_timestamp.map(Time),
        deletion_timestamp: slim.deletion_timestamp.map(Time),
        labels: slim.labels,
        ..ObjectMeta::default()
    })
}

/// Names a record's kind to kube.
macro_rules! resource {
    ($record:ty, $group:literal, $version:literal, $kind:literal, $plural:literal) => {
        impl Resource for $record {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind((): &()) -> std::borrow::Cow<'_, str> {
                $kind.into()
            }
            fn group((): &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }
            fn version((): &()) -> std::borrow::Cow<'_, str> {
                $version.into()
            }
            fn plural((): &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}
pub(super) use resource;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct TrainJobRecord {
    #[serde(deserialize_with = "slim_metadata")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    spec: TrainJobSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: TrainJobStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TrainJobSpec {
    suspend: Option<bool>,
    managed_by: Option<String>,
    #[serde(deserialize_with = "or_default")]
    runtime_ref: RuntimeRefRecord,
    #[serde(deserialize_with = "or_default")]
    trainer: TrainerRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RuntimeRefRecord {
    kind: Option<String>,
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TrainerRecord {
    num_nodes: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TrainJobStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionRecord>,
    #[serde(deserialize_with = "or_default")]
    jobs_status: Vec<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConditionRecord {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct JobSetRecord {
    #[serde(deserialize_with = "slim_metadata")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    spec: JobSetSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: JobSetStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JobSetSpec {
    suspend: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    replicated_jobs: Vec<GroupRecord>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct JobSetStatus {
    restarts: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionRecord>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct GroupRecord {
    name: String,
    replicas: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    template: JobTemplateRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct JobTemplateRecord {
    #[serde(deserialize_with = "or_default")]
    metadata: TemplateMetadata,
    #[serde(deserialize_with = "or_default")]
    spec: JobSpecRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata {
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct JobSpecRecord {
    parallelism: Option<u32>,
    completions: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    template: PodTemplateRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodTemplateRecord {
    #[serde(deserialize_with = "or_default")]
    spec: PodTemplateSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodTemplateSpec {
    #[serde(deserialize_with = "or_default")]
    containers: Vec<Named>,
}

/// A runtime of either kind: the JobSet that a job will become.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RuntimeRecord {
    #[serde(deserialize_with = "or_default")]
    spec: RuntimeSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RuntimeSpec {
    #[serde(deserialize_with = "or_default")]
    template: RuntimeTemplate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RuntimeTemplate {
    #[serde(deserialize_with = "or_default")]
    spec: JobSetSpec,
}

/// A warning about any object, such as `FailedCreate` of a Job.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventRecord {
    #[serde(deserialize_with = "slim_metadata")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    involved_object: InvolvedRecord,
    reason: Option<String>,
    message: Option<String>,
    last_timestamp: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct InvolvedRecord {
    kind: Option<String>,
    name: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct WorkloadRecord {
    #[serde(deserialize_with = "slim_metadata")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    status: WorkloadStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WorkloadStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionRecord>,
}

resource!(
    TrainJobRecord,
    "trainer.kubeflow.org",
    "v1alpha1",
    "TrainJob",
    "trainjobs"
);
resource!(
    JobSetRecord,
    "jobset.x-k8s.io",
    "v1alpha2",
    "JobSet",
    "jobsets"
);
resource!(EventRecord, "", "v1", "Event", "events");
resource!(
    WorkloadRecord,
    "kueue.x-k8s.io",
    "v1beta1",
    "Workload",
    "workloads"
);

impl ConditionRecord {
    pub(super) fn keep_all(records: Vec<Self>) -> Vec<JobCondition> {
        let keep = |record: Self| JobCondition {
            kind: record.kind,
            status: record.status,
            reason: record.reason.unwrap_or_default(),
            message: record.message.unwrap_or_default(),
        };
        records.into_iter().map(keep).collect()
    }
}

impl Record for TrainJobRecord {
    type Kept = TrainJob;

    fn into_kept(self) -> TrainJob {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        TrainJob {
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0),
            deleted: metadata.deletion_timestamp.map(|time| time.0),
            suspend: spec.suspend.unwrap_or_default(),
            nodes: spec.trainer.num_nodes,
            runtime: RuntimeRef {
                kind: spec.runtime_ref.kind.unwrap_or_default(),
                name: spec.runtime_ref.name,
            },
            queue: metadata.labels.unwrap_or_default().remove(QUEUE_LABEL),
            managed_by: spec.managed_by.filter(|name| name != DEFAULT_MANAGER),
            conditions: ConditionRecord::keep_all(status.conditions),
            groups: names(status.jobs_status),
        }
    }
}

impl Record for JobSetRecord {
    type Kept = JobSet;

    fn into_kept(self) -> JobSet {
        let groups = self.spec.replicated_jobs.into_iter();
        JobSet {
            uid: self.metadata.uid.unwrap_or_default(),
            deleted: self.metadata.deletion_timestamp.map(|time| time.0),
            suspend: self.spec.suspend.unwrap_or_default(),
            restarts: self.status.restarts.unwrap_or_default(),
            conditions: ConditionRecord::keep_all(self.status.conditions),
            groups: groups.map(GroupRecord::into_kept).collect(),
        }
    }
}

impl Record for RuntimeRecord {
    type Kept = Vec<JobGroup>;

    fn into_kept(self) -> Vec<JobGroup> {
        let groups = self.spec.template.spec.replicated_jobs.into_iter();
        groups.map(GroupRecord::into_kept).collect()
    }
}

impl Record for EventRecord {
    type Kept = (Option<Timestamp>, JobWarning);

    fn into_kept(self) -> Self::Kept {
        let about = self.involved_object;
        let warning = JobWarning {
            kind: about.kind.unwrap_or_default(),
            name: about.name.unwrap_or_default(),
            reason: self.reason.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
        };
        let created = self.metadata.creation_timestamp.map(|time| time.0);
        (self.last_timestamp.or(created), warning)
    }
}

impl Record for WorkloadRecord {
    type Kept = Workload;

    fn into_kept(self) -> Workload {
        Workload {
            name: self.metadata.name.unwrap_or_default(),
            conditions: ConditionRecord::keep_all(self.status.conditions),
        }
    }
}

impl GroupRecord {
    fn into_kept(self) -> JobGroup {
        let job = self.template;
        let mut labels = job.metadata.labels;
        JobGroup {
            name: self.name,
            step: labels.remove(STEP_LABEL),
            replicas: self.replicas.unwrap_or(1),
            pods: job.spec.completions.or(job.spec.parallelism).unwrap_or(1),
            containers: names(job.spec.template.spec.containers),
        }
    }
}

fn names(named: Vec<Named>) -> Vec<String> {
    named.into_iter().map(|named| named.name).collect()
}
