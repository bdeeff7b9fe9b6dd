//! A `TrainingRuntime` of a namespace, as a team makes one for itself, to be changed by the tests that break it.

use serde_json::{Value, json};
use testbed::{BUSYBOX_IMAGE, Testbed};

use crate::support::kubectl;

pub(crate) const NAMESPACE: &str = "default";
pub(crate) const NAME: &str = "own";

/// One node with one container; every release takes it.
pub(crate) fn training_runtime() -> Value {
    let pod = json!({"containers": [{"name": "node", "image": BUSYBOX_IMAGE}]});
    let label = json!({"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"});
    let job = json!({"name": "node", "replicas": 1, "template": {
        "metadata": {"labels": label},
        "spec": {"template": {"spec": pod}},
    }});
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainingRuntime",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {"trainer.kubeflow.org/framework": "torch"}},
        "spec": {"mlPolicy": {"numNodes": 1}, "template": {"spec": {"replicatedJobs": [job]}}},
    })
}

/// The only container of [`training_runtime`].
pub(crate) fn container(runtime: &mut Value) -> &mut Value {
    runtime
        .pointer_mut(
            "/spec/template/spec/replicatedJobs/0/template/spec/template/spec/containers/0",
        )
        .unwrap()
}

/// Changes one value of the runtime in the cluster. No release looks at what is changed in a `TrainingRuntime`.
#[track_caller]
pub(crate) fn patch(bed: &Testbed, operation: &str, path: &str, value: &Value) {
    let path = format!("/spec/template/spec/replicatedJobs/0/{path}");
    let operations = json!([{"op": operation, "path": path, "value": value}]).to_string();
    let own = ["-n", NAMESPACE, "patch", "trainingruntime", NAME];
    kubectl(
        bed,
        &[&own[..], &["--type=json", "-p", &operations]].concat(),
    );
}

#[track_caller]
pub(crate) fn delete(bed: &Testbed) {
    kubectl(bed, &["-n", NAMESPACE, "delete", "trainingruntime", NAME]);
}
