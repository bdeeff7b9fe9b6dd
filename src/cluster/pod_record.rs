//! How a pod is written on the wire, and what of it is kept: its place in the JobSet, and what its containers do.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{NamespaceResourceScope, Resource};
use serde::Deserialize;

use super::{
    job_objects::{ContainerKind, ContainerState, PodPlace, SlimContainer, SlimPod, Termination},
    job_records::{ConditionRecord, Labels, Metadata, Record, or_default, resource},
};

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PodRecord {
    pub(super) metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) spec: PodSpecRecord,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) status: PodStatusRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpecRecord {
    pub(super) node_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) init_containers: Vec<ContainerRecord>,
    #[serde(deserialize_with = "or_default")]
    pub(super) containers: Vec<ContainerRecord>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerRecord {
    pub(super) name: String,
    pub(super) restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodStatusRecord {
    pub(super) phase: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) conditions: Vec<ConditionRecord>,
    #[serde(deserialize_with = "or_default")]
    pub(super) init_container_statuses: Vec<ContainerStatusRecord>,
    #[serde(deserialize_with = "or_default")]
    pub(super) container_statuses: Vec<ContainerStatusRecord>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerStatusRecord {
    pub(super) name: String,
    #[serde(rename = "containerID")]
    pub(super) container_id: Option<String>,
    pub(super) restart_count: u32,
    #[serde(deserialize_with = "or_default")]
    pub(super) state: StateRecord,
    #[serde(deserialize_with = "or_default")]
    pub(super) last_state: StateRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateRecord {
    pub(super) waiting: Option<WaitingRecord>,
    pub(super) running: Option<RunningRecord>,
    pub(super) terminated: Option<TerminatedRecord>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WaitingRecord {
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RunningRecord {
    pub(super) started_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TerminatedRecord {
    #[serde(rename = "containerID")]
    pub(super) container_id: Option<String>,
    pub(super) exit_code: i32,
    pub(super) reason: Option<String>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
}

resource!(PodRecord, "", "v1", "Pod", "pods");

impl PodRecord {
    /// The name of the JobSet that it belongs to.
    pub(super) const fn job_set(&self) -> Option<&String> {
        self.metadata.labels.job_set.as_ref()
    }
}

impl Record for PodRecord {
    type Kept = SlimPod;

    fn into_kept(self) -> SlimPod {
        let Self {
            metadata: Metadata { object, labels },
            spec,
            status,
        } = self;
        let init = keep_containers(
            spec.init_containers,
            status.init_container_statuses,
            |container| match container.restart_policy.as_deref() {
                Some("Always") => ContainerKind::Sidecar,
                _ => ContainerKind::Init,
            },
        );
        let main = keep_containers(spec.containers, status.container_statuses, |_| {
            ContainerKind::Main
        });
        SlimPod {
            version: version(&object),
            uid: object.uid.unwrap_or_default(),
            name: object.name.unwrap_or_default(),
            place: PodPlace::of_labels(labels),
            created: object.creation_timestamp.map(|time| time.0),
            deleted: object.deletion_timestamp.map(|time| time.0),
            node: spec.node_name.filter(|name| !name.is_empty()),
            phase: status.phase.unwrap_or_default(),
            reason: status.reason.unwrap_or_default(),
            message: status.message.unwrap_or_default(),
            conditions: ConditionRecord::keep_all(status.conditions),
            containers: init.into_iter().chain(main).collect(),
        }
    }
}

fn version(metadata: &ObjectMeta) -> u64 {
    let version = metadata.resource_version.as_deref();
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}

impl PodPlace {
    fn of_labels(labels: Labels) -> Self {
        let number = |label: Option<String>| label?.parse().ok();
        Self {
            replica: number(labels.job_index).unwrap_or_default(),
            index: number(labels.completion_index).unwrap_or_default(),
            restart: number(labels.restart_attempt).unwrap_or_default(),
            group: labels.group.unwrap_or_default(),
            job_set_uid: labels.job_set_uid,
        }
    }
}

fn keep_containers(
    specified: Vec<ContainerRecord>,
    mut statuses: Vec<ContainerStatusRecord>,
    kind: impl Fn(&ContainerRecord) -> ContainerKind,
) -> Vec<SlimContainer> {
    let keep = |container: ContainerRecord| {
        let kind = kind(&container);
        let named = |status: &ContainerStatusRecord| status.name == container.name;
        let place = statuses.iter().position(named);
        let status = place.map(|place| statuses.swap_remove(place));
        let status = status.unwrap_or_default();
        SlimContainer {
            kind,
            name: container.name,
            restart_count: status.restart_count,
            last: status
                .last_state
                .terminated
                .map(TerminatedRecord::into_kept),
            state: status.state.into_kept(status.container_id),
        }
    };
    specified.into_iter().map(keep).collect()
}

impl StateRecord {
    fn into_kept(self, id: Option<String>) -> ContainerState {
        if let Some(terminated) = self.terminated {
            return ContainerState::Terminated(terminated.into_kept());
        }
        if let Some(running) = self.running {
            return ContainerState::Running {
                id: id.unwrap_or_default(),
                started: running.started_at,
            };
        }
        let waiting = self.waiting.unwrap_or_default();
        ContainerState::Waiting {
            reason: waiting.reason.unwrap_or_default(),
            message: waiting.message.unwrap_or_default(),
        }
    }
}

impl TerminatedRecord {
    fn into_kept(self) -> Termination {
        Termination {
            id: self.container_id.unwrap_or_default(),
            exit_code: self.exit_code,
            reason: self.reason.unwrap_or_default(),
            started: self.started_at,
            finished: self.finished_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(json: &str) -> Labels {
        let metadata = format!(r#"{{"metadata": {{"name": "a", "labels": {json}}}}}"#);
        serde_json::from_str::<PodRecord>(&metadata)
            .unwrap()
            .metadata
            .labels
    }

    #[test]
    fn labels_in_json_are_kept_by_name_also_where_it_is_written_with_escapes() {
        let kept = labels(
            r#"{"app": "a", "jobset.sigs.k8s.io\u002fjob-index": "3", "jobset.sigs.k8s.io/jobset-uid": null}"#,
        );
        assert_eq!(kept.job_index.as_deref(), Some("3"));
        assert_eq!(kept.job_set_uid, None);
        assert_eq!(labels("null").job_index, None);
    }
}
