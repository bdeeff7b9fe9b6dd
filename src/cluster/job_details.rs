//! What is looked up about pods that are missing: warnings, and what Kueue holds about the job.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{NamespaceResourceScope, Resource};
use serde::Deserialize;

use super::{
    job_objects::{JobWarning, Workload},
    job_records::{ConditionRecord, Metadata, Record, or_default, resource},
};

/// A warning about any object, such as `FailedCreate` of a Job.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventRecord {
    metadata: Metadata,
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
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    status: WorkloadStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WorkloadStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionRecord>,
}

resource!(EventRecord, "", "v1", "Event", "events");
resource!(
    WorkloadRecord,
    "kueue.x-k8s.io",
    "v1beta1",
    "Workload",
    "workloads"
);

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
        let created = self.metadata.object.creation_timestamp.map(|time| time.0);
        (self.last_timestamp.or(created), warning)
    }
}

impl Record for WorkloadRecord {
    type Kept = Workload;

    fn into_kept(self) -> Workload {
        Workload {
            name: self.metadata.object.name.unwrap_or_default(),
            conditions: ConditionRecord::keep_all(self.status.conditions),
        }
    }
}
