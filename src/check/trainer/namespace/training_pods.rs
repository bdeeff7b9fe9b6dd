//! The pods that a runtime's TrainJobs get, as far as the runtime alone decides it. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    Container, PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec, Volume,
};
use kube::core::DynamicObject;
use serde_json::json;

use crate::runtimes::{Runtime, RuntimeScope};

/// Name of every pod that a dry run pretends to create.
pub(super) const POD_NAME: &str = "kubectl-trainer-verify";

/// The pod in which a runtime trains.
#[derive(Clone, Debug)]
pub(super) struct TrainingPod {
    /// Whose it is, in words: a runtime's name, with the namespace of a TrainingRuntime.
    pub(super) runtime: String,
    template: PodTemplateSpec,
}

impl TrainingPod {
    pub(super) fn of(runtime: &Runtime) -> Option<Self> {
        let template = &runtime.training_job()?.template.spec.as_ref()?.template;
        let mut template = template.clone();
        complete(template.spec.as_mut()?);
        Some(Self {
            runtime: title(runtime),
            template,
        })
    }

    /// What every shipped runtime has in common: a container that says nothing of resources and security.
    pub(super) fn plain() -> Self {
        let mut spec = PodSpec {
            containers: vec![Container {
                name: "node".to_owned(),
                image: Some("registry.k8s.io/pause:3.10".to_owned()),
                ..Container::default()
            }],
            ..PodSpec::default()
        };
        complete(&mut spec);
        Self {
            runtime: "a plain pod".to_owned(),
            template: PodTemplateSpec {
                spec: Some(spec),
                ..PodTemplateSpec::default()
            },
        }
    }

    /// One for each runtime, else the plain one, so that something is always tried.
    pub(super) fn of_all(runtimes: &[Runtime]) -> Vec<Self> {
        let pods: Vec<_> = runtimes.iter().filter_map(Self::of).collect();
        if pods.is_empty() {
            return vec![Self::plain()];
        }
        pods
    }

    /// All containers, the initial ones too: quotas and Pod Security look at each.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Container> {
        let spec = self.template.spec.as_ref();
        spec.into_iter().flat_map(|spec| {
            let initial = spec.init_containers.iter().flatten();
            initial.chain(&spec.containers)
        })
    }

    /// The pod as an object of a namespace, without JobSet's labels, so that JobSet's webhooks leave it alone.
    pub(super) fn object(&self, namespace: &str) -> Result<DynamicObject, serde_json::Error> {
        let metadata = self.template.metadata.clone().unwrap_or_default();
        serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": POD_NAME,
                "namespace": namespace,
                "labels": metadata.labels.unwrap_or_default(),
                "annotations": metadata.annotations.unwrap_or_default(),
            },
            "spec": self.template.spec,
        }))
    }
}

/// A runtime as a TrainJob of the namespace would tell it from others.
pub(in crate::check::trainer) fn title(runtime: &Runtime) -> String {
    match &runtime.scope {
        RuntimeScope::Cluster => runtime.name.clone(),
        RuntimeScope::Namespace(namespace) => format!("{namespace}/{}", runtime.name),
    }
}

/// These of so many runtimes, in words: `all 8 runtimes`, or their names.
pub(in crate::check::trainer) fn whose(runtimes: &[&str], all: usize) -> String {
    if runtimes.len() == all && all > 1 {
        format!("all {all} runtimes")
    } else {
        runtimes.join(", ")
    }
}

/// JobSet fills in the restart policy and the volumes of its claims; without them the pod would not be valid.
fn complete(spec: &mut PodSpec) {
    spec.restart_policy.get_or_insert("OnFailure".to_owned());
    let volumes = spec.volumes.iter().flatten();
    let known: BTreeSet<_> = volumes.map(|volume| volume.name.clone()).collect();
    let containers = spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers);
    let mounts = containers.flat_map(|container| container.volume_mounts.iter().flatten());
    let mounted: BTreeSet<_> = mounts.map(|mount| mount.name.clone()).collect();
    let claims = mounted.difference(&known).map(|name| Volume {
        name: name.clone(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: name.clone(),
            read_only: None,
        }),
        ..Volume::default()
    });
    let claims: Vec<_> = claims.collect();
    spec.volumes.get_or_insert_default().extend(claims);
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::*;

    /// A runtime whose pods have this specification.
    pub(in super::super) fn runtime(name: &str, pod: &Value) -> Runtime {
        let object = json!({
            "metadata": {"name": name},
            "spec": {"template": {"spec": {"replicatedJobs": [
                {"name": "dataset-initializer", "template": {"spec": {"template": {"spec": {
                    "serviceAccountName": "initializer", "containers": [],
                }}}}},
                {"name": "node", "template": {
                    "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
                    "spec": {"template": {"spec": pod}},
                }},
            ]}}},
        });
        Runtime::parse(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_claim_of_the_jobset_becomes_a_volume_of_the_pod() {
        let pod = json!({"containers": [{
            "name": "node", "image": "torchtune",
            "volumeMounts": [{"name": "initializer", "mountPath": "/workspace"}],
        }]});
        let pod = TrainingPod::of(&runtime("torchtune", &pod)).unwrap();
        let object = pod.object("team-a").unwrap();
        let expected =
            json!([{"name": "initializer", "persistentVolumeClaim": {"claimName": "initializer"}}]);
        assert_eq!(object.data["spec"]["volumes"], expected);
        assert_eq!(object.metadata.namespace.as_deref(), Some("team-a"));
        assert_eq!(object.data["spec"]["restartPolicy"], "OnFailure");
    }

    #[test]
    fn without_a_runtime_a_plain_pod_is_tried() {
        let pods = TrainingPod::of_all(&[]);
        assert_eq!(pods.len(), 1);
        assert_eq!(pods[0].containers().count(), 1);
    }
}
