//! How the objects of a TrainJob are written on the wire, and what of them is kept. Lenient: an unknown field or a newer
//! value breaks nothing. Of the metadata only what is needed is decoded; managed fields are the bulk of a pod.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::core::{NamespaceResourceScope, Resource};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{
    job_objects::{JobCondition, JobGroup, JobSet, Restarts, RuntimePlan, RuntimeRef, TrainJob},
    train_job_status::TrainJobStatus,
    trainer_status::TrainerStatus,
};

const STEP_LABEL: &str = "trainer.kubeflow.org/trainjob-ancestor-step";
/// What a failure policy may do within its `maxRestarts`.
const COUNTED_ACTIONS: [&str; 2] = ["FailJobSet", "RestartJobSet"];
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

/// Of an object's metadata what is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "MetadataRecord")]
pub(super) struct Metadata {
    pub(super) object: ObjectMeta,
    pub(super) labels: Labels,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataRecord {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Timestamp>,
    deletion_timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    labels: Labels,
}

/// The labels that say where an object belongs. A pod of a job has some twenty, which are not worth a map.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    pub(super) job_index: Option<String>,
    pub(super) completion_index: Option<String>,
    pub(super) restart_attempt: Option<String>,
    pub(super) group: Option<String>,
    pub(super) job_set: Option<String>,
    pub(super) job_set_uid: Option<String>,
    queue: Option<String>,
}

impl Labels {
    /// Where the label of a name is kept, if it is.
    pub(super) fn place(&mut self, name: &[u8]) -> Option<&mut Option<String>> {
        Some(match name {
            b"jobset.sigs.k8s.io/job-index" => &mut self.job_index,
            b"batch.kubernetes.io/job-completion-index" => &mut self.completion_index,
            b"jobset.sigs.k8s.io/restart-attempt" => &mut self.restart_attempt,
            b"jobset.sigs.k8s.io/replicatedjob-name" => &mut self.group,
            b"jobset.sigs.k8s.io/jobset-name" => &mut self.job_set,
            b"jobset.sigs.k8s.io/jobset-uid" => &mut self.job_set_uid,
            b"kueue.x-k8s.io/queue-name" => &mut self.queue,
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

/// Without memory of its own, where the JSON has the name as it is.
#[derive(Deserialize)]
struct LabelName<'a>(#[serde(borrow)] Cow<'a, str>);

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = Labels::default();
        while let Some(LabelName(name)) = map.next_key()? {
            match labels.place(name.as_bytes()) {
                Some(place) => *place = map.next_value()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(labels)
    }
}

impl From<MetadataRecord> for Metadata {
    fn from(record: MetadataRecord) -> Self {
        Self {
            object: ObjectMeta {
                name: record.name,
                namespace: record.namespace,
                uid: record.uid,
                resource_version: record.resource_version,
                creation_timestamp: record.creation_timestamp.map(Time),
                deletion_timestamp: record.deletion_timestamp.map(Time),
                ..ObjectMeta::default()
            },
            labels: record.labels,
        }
    }
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
                &self.metadata.object
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata.object
            }
        }
    };
}
pub(super) use resource;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct TrainJobRecord {
    metadata: Metadata,
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
#[serde(default)]
struct Named {
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ConditionRecord {
    #[serde(rename = "type")]
    pub(super) kind: Cow<'static, str>,
    pub(super) status: Cow<'static, str>,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) last_transition_time: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct JobSetRecord {
    metadata: Metadata,
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
    #[serde(deserialize_with = "or_default")]
    failure_policy: FailurePolicyRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FailurePolicyRecord {
    max_restarts: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    rules: Vec<FailureRuleRecord>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FailureRuleRecord {
    action: String,
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
#[serde(default, rename_all = "camelCase")]
struct PodTemplateSpec {
    #[serde(deserialize_with = "or_default")]
    containers: Vec<Named>,
    #[serde(deserialize_with = "or_default")]
    init_containers: Vec<Named>,
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
impl ConditionRecord {
    pub(super) fn keep_all(records: Vec<Self>) -> Vec<JobCondition> {
        let keep = |record: Self| JobCondition {
            kind: record.kind,
            status: record.status,
            reason: record.reason.unwrap_or_default(),
            message: record.message.unwrap_or_default(),
            changed: record.last_transition_time,
        };
        records.into_iter().map(keep).collect()
    }
}

impl Record for TrainJobRecord {
    type Kept = TrainJob;

    fn into_kept(self) -> TrainJob {
        let Self {
            metadata: Metadata { object, labels },
            spec,
            status,
        } = self;
        TrainJob {
            name: object.name.unwrap_or_default(),
            uid: object.uid.unwrap_or_default(),
            created: object.creation_timestamp.map(|time| time.0),
            deleted: object.deletion_timestamp.map(|time| time.0),
            suspend: spec.suspend.unwrap_or_default(),
            nodes: spec.trainer.num_nodes,
            runtime: RuntimeRef {
                kind: spec.runtime_ref.kind.unwrap_or_default(),
                name: spec.runtime_ref.name,
            },
            queue: labels.queue,
            managed_by: spec.managed_by.filter(|name| name != DEFAULT_MANAGER),
            pods_had: status.pods_had(),
            work: status.work(),
            conditions: ConditionRecord::keep_all(status.conditions),
            groups: status
                .jobs_status
                .into_iter()
                .map(|group| group.name)
                .collect(),
            trainer_status: TrainerStatus::of(&status.trainer_status),
        }
    }
}

impl Record for JobSetRecord {
    type Kept = JobSet;

    fn into_kept(self) -> JobSet {
        let groups = self.spec.replicated_jobs.into_iter();
        JobSet {
            uid: self.metadata.object.uid.unwrap_or_default(),
            deleted: self.metadata.object.deletion_timestamp.map(|time| time.0),
            suspend: self.spec.suspend.unwrap_or_default(),
            restarts: self.status.restarts.unwrap_or_default(),
            conditions: ConditionRecord::keep_all(self.status.conditions),
            groups: groups.map(GroupRecord::into_kept).collect(),
        }
    }
}

impl Record for RuntimeRecord {
    type Kept = RuntimePlan;

    fn into_kept(self) -> RuntimePlan {
        let spec = self.spec.template.spec;
        let groups = spec.replicated_jobs.into_iter();
        RuntimePlan {
            groups: groups.map(GroupRecord::into_kept).collect(),
            restarts: spec.failure_policy.restarts(),
        }
    }
}

impl FailurePolicyRecord {
    fn restarts(&self) -> Restarts {
        let is_counted = |rule: &FailureRuleRecord| COUNTED_ACTIONS.contains(&rule.action.as_str());
        if self.max_restarts.unwrap_or_default() > 0 || !self.rules.iter().all(is_counted) {
            Restarts::Allowed
        } else {
            Restarts::Never
        }
    }
}

impl GroupRecord {
    fn into_kept(self) -> JobGroup {
        let job = self.template;
        let mut labels = job.metadata.labels;
        let pod = job.spec.template.spec;
        JobGroup {
            name: self.name,
            step: labels.remove(STEP_LABEL),
            replicas: self.replicas.unwrap_or(1),
            pods: job.spec.completions.or(job.spec.parallelism).unwrap_or(1),
            containers: names(pod.containers.into_iter().chain(pod.init_containers)),
        }
    }
}

fn names(named: impl IntoIterator<Item = Named>) -> Vec<String> {
    named.into_iter().map(|named| named.name).collect()
}
