//! How a TrainJob's status is written on the wire, and what it tells of the job's pods.

use serde::Deserialize;
use serde_json::Value;

use super::{
    job_objects::{JobWork, PodsHad},
    job_records::{ConditionRecord, or_default},
};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TrainJobStatus {
    #[serde(deserialize_with = "or_default")]
    pub(super) conditions: Vec<ConditionRecord>,
    #[serde(deserialize_with = "or_default")]
    pub(super) jobs_status: Vec<GroupStatusRecord>,
    pub(super) trainer_status: Value,
}

/// Its numbers are of Jobs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroupStatusRecord {
    pub(super) name: String,
    ready: u32,
    succeeded: u32,
    failed: u32,
    active: u32,
}

impl TrainJobStatus {
    /// What its Jobs do now.
    pub(super) fn work(&self) -> JobWork {
        let any = |number: fn(&GroupStatusRecord) -> u32| {
            self.jobs_status.iter().any(|group| number(group) > 0)
        };
        match self.jobs_status.as_slice() {
            [] => JobWork::Unknown,
            _ if any(|group| group.active.min(group.ready)) => JobWork::Ready,
            _ if any(|group| group.active) => JobWork::Active,
            _ => JobWork::None,
        }
    }

    /// Trainer copies what the JobSet says, and keeps it when that is gone. A suspension sets all numbers back; so does a
    /// JobSet that begins anew, of which only itself tells.
    pub(super) fn pods_had(&self) -> PodsHad {
        let counts = |group: &GroupStatusRecord| {
            [group.ready, group.succeeded, group.failed, group.active] != [0; 4]
        };
        let was_suspended = self.conditions.iter().any(|one| one.kind == "Suspended");
        if self.jobs_status.iter().any(counts) {
            PodsHad::Some
        } else if self.jobs_status.is_empty() || was_suspended {
            PodsHad::Unknown
        } else {
            PodsHad::None
        }
    }
}
