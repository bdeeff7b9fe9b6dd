//! Lists of pods come in the API server's binary form, and hold what the same lists hold as JSON.

use std::{path::PathBuf, sync::Arc, time::Duration};

use kubectl_trainer::cluster::{
    Cluster, ConnectionOptions, ContainerState, FailureKind, RequestLog, RequestObserver,
    RequestRecord, SlimPod, fetch_job_pods,
};
use serde_json::{Value, json};
use testbed::{Namespace, Testbed, User};

use crate::support::run;

/// The label by which pods belong to a job.
const JOB: &str = "both";
/// Until all pods have come as far as they will, and between two looks at them.
const LIMIT: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_millis(250);

struct Nobody;

impl RequestObserver for Nobody {
    fn on_request(&self, _: &RequestRecord) {}
}

/// How answers are asked for.
#[derive(Clone, Copy)]
enum Form {
    Binary,
    /// As whoever wants to see them gets them.
    Json,
}

async fn connect(kubeconfig: PathBuf, form: Form) -> Cluster {
    let options = ConnectionOptions {
        kubeconfig: Some(kubeconfig),
        request_log: match form {
            Form::Binary => RequestLog::default(),
            Form::Json => RequestLog::bodies(Arc::new(Nobody)),
        },
        ..ConnectionOptions::default()
    };
    Cluster::connect(&options).await.unwrap()
}

/// A pod of the job.
fn pod(namespace: &Namespace, name: &str, spec: &Value) -> String {
    let prefix = "jobset.sigs.k8s.io";
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace.name(),
            "labels": {
                format!("{prefix}/jobset-name"): JOB,
                format!("{prefix}/jobset-uid"): "uid-of-both",
                format!("{prefix}/replicatedjob-name"): "node",
                format!("{prefix}/job-index"): "3",
                format!("{prefix}/restart-attempt"): "2",
                "batch.kubernetes.io/job-completion-index": "5",
                "other": "label",
            },
            "annotations": { "a": "b" },
        },
        "spec": spec,
    })
    .to_string()
}

fn container(name: &str, script: &str) -> Value {
    json!({
        "name": name,
        "image": "docker.io/library/busybox:1.35",
        "command": ["sh", "-c", script],
    })
}

/// Pods in as many states as pods can be in.
fn make_pods(bed: &Testbed, namespace: &Namespace) {
    let mut sidecar = container("sidecar", "sleep 600");
    sidecar["restartPolicy"] = "Always".into();
    let runs = json!({
        "initContainers": [container("prepare", "true"), sidecar],
        "containers": [container("node", "sleep 600"), container("beside", "sleep 600")],
        "terminationGracePeriodSeconds": 0,
    });
    let fails = json!({
        "containers": [container("node", "echo out of memory >&2; exit 137")],
        "terminationGracePeriodSeconds": 0,
    });
    let ends = json!({"containers": [container("node", "true")], "restartPolicy": "Never"});
    let has_no_node = json!({
        "containers": [container("node", "true")],
        "nodeSelector": { "kubernetes.io/hostname": "nowhere" },
    });
    let mut unknown = container("node", "true");
    unknown["image"] = "docker.io/library/no-such-image:1".into();
    let has_no_image = json!({"containers": [unknown]});
    for (name, spec) in [
        ("runs", &runs),
        ("fails", &fails),
        ("ends", &ends),
        ("has-no-node", &has_no_node),
        ("has-no-image", &has_no_image),
    ] {
        bed.apply(&pod(namespace, name, spec)).unwrap();
    }
}

async fn fetch(cluster: &Cluster, namespace: &Namespace) -> Vec<Arc<SlimPod>> {
    let seen = fetch_job_pods(cluster, namespace.name(), JOB).await;
    let mut pods = seen.unwrap().pods;
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    pods
}

/// Whether each pod has come as far as it will.
fn is_settled(pods: &[Arc<SlimPod>]) -> bool {
    let state = |name: &str| {
        let pod = pods.iter().find(|pod| pod.name == name)?;
        pod.containers.last()
    };
    let waits_for = |name: &str, reasons: &[&str]| {
        state(name).is_some_and(|container| {
            matches!(&container.state, ContainerState::Waiting { reason, .. } if reasons.contains(&reason.as_str()))
        })
    };
    let runs = state("runs");
    pods.len() == 5
        && runs.is_some_and(|one| matches!(one.state, ContainerState::Running { .. }))
        && state("ends").is_some_and(|one| matches!(one.state, ContainerState::Terminated(_)))
        && waits_for("fails", &["CrashLoopBackOff"])
        && waits_for(
            "has-no-image",
            &["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"],
        )
}

#[test]
fn pods_in_every_state_are_the_same_in_both_forms() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("both-forms").unwrap();
    make_pods(&bed, &namespace);
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    run(async {
        let binary = connect(kubeconfig.clone(), Form::Binary).await;
        let json = connect(kubeconfig, Form::Json).await;
        let start = std::time::Instant::now();
        loop {
            let pods = fetch(&binary, &namespace).await;
            // What changes between two requests says nothing about their forms.
            if is_settled(&pods) && fetch(&binary, &namespace).await == pods {
                let as_json = fetch(&json, &namespace).await;
                if fetch(&binary, &namespace).await == pods {
                    assert_eq!(pods, as_json);
                    return;
                }
            }
            assert!(start.elapsed() < LIMIT, "{pods:#?}");
            tokio::time::sleep(PAUSE).await;
        }
    });
}

#[test]
fn a_list_that_is_forbidden_says_what_is_missing_in_both_forms() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("forbidden-lists").unwrap();
    let kubeconfig = bed
        .kubeconfig(&User::Certificate {
            name: "nobody",
            groups: &[],
        })
        .unwrap();
    for form in [Form::Binary, Form::Json] {
        let failure = run(async {
            let cluster = connect(kubeconfig.clone(), form).await;
            let pods = fetch_job_pods(&cluster, namespace.name(), JOB).await;
            pods.unwrap_err()
        });
        let FailureKind::Forbidden(rule) = &failure.kind else {
            panic!("{failure}");
        };
        let missing = (rule.verb.as_str(), rule.resource.as_str());
        assert_eq!(missing, ("list", "pods"));
        assert_eq!(rule.namespace.as_deref(), Some(namespace.name()));
    }
}
