//! Jobs as they come, go, and begin again under a follower's eyes: what it reads, and what it says.

use kubectl_trainer::train_job::{Helpers, Selection};
use serde_json::{Value, json};
use testbed::{Reach, Rule, Testbed, User};

use crate::{
    support::kubectl,
    watched::{BUSYBOX, Watched, apply, in_namespace, torch, watch},
};

#[test]
fn every_node_of_a_torch_job_is_read_and_the_job_ends() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-torch").unwrap();
    apply(&bed, &namespace, torch("three", 3, "echo hello; sleep 2"));
    let mut watched = watch(&bed, &namespace, "three");
    watched.expect("over Complete");
    for node in ["node-0", "node-1", "node-2"] {
        assert_eq!(
            watched.saw(&format!("start {node} 0")),
            1,
            "{:#?}",
            watched.seen
        );
    }
}

#[test]
fn a_job_that_is_suspended_and_resumed_is_read_on() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-suspend").unwrap();
    apply(
        &bed,
        &namespace,
        torch("pause", 1, "trap exit TERM; sleep 600 & wait"),
    );
    let mut watched = watch(&bed, &namespace, "pause");
    watched.expect("start node-0 0");
    let suspend = |suspend: bool| {
        let patch = json!({"spec": {"suspend": suspend}}).to_string();
        in_namespace(
            &bed,
            &namespace,
            &["patch", "trainjob", "pause", "--type=merge", "-p", &patch],
        );
    };
    suspend(true);
    watched.expect("notice TrainJob pause: suspended");
    watched.expect("now PodGone");
    suspend(false);
    watched.expect("start node-0 0");
}

#[test]
fn a_job_that_is_deleted_and_made_again_is_read_on_and_one_that_is_not_is_over() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-again").unwrap();
    let job = torch("again", 1, "trap exit TERM; sleep 600 & wait");
    apply(&bed, &namespace, job.clone());
    let mut watched = watch(&bed, &namespace, "again");
    watched.expect("start node-0 0");
    in_namespace(&bed, &namespace, &["delete", "trainjob", "again"]);
    apply(&bed, &namespace, job);
    watched.expect("notice TrainJob again was deleted and made again");
    watched.expect("start node-0 0");
    assert_eq!(watched.saw("over"), 0, "{:#?}", watched.seen);
    in_namespace(&bed, &namespace, &["delete", "trainjob", "again"]);
    watched.expect("over Deleted");
}

/// A runtime of the namespace, whose JobSet has these groups.
pub(crate) fn runtime(name: &str, groups: &Value) -> Value {
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainingRuntime",
        "metadata": {"name": name},
        "spec": {"mlPolicy": {"numNodes": 1}, "template": {"spec": {"replicatedJobs": groups}}}
    })
}

/// A group of a runtime: what it is to Trainer, and its containers with what they run.
pub(crate) fn group(name: &str, step: Option<&str>, containers: &[(&str, &str)]) -> Value {
    let containers: Vec<_> = containers
        .iter()
        .map(|(name, script)| json!({"name": name, "image": BUSYBOX, "command": ["sh", "-c", script]}))
        .collect();
    let labels = step.map(|step| json!({"trainer.kubeflow.org/trainjob-ancestor-step": step}));
    json!({
        "name": name,
        "template": {
            "metadata": {"labels": labels.unwrap_or(json!({}))},
            "spec": {"backoffLimit": 0, "template": {"spec": {
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": containers
            }}}
        }
    })
}

/// A job of a runtime of the namespace, as that is.
pub(crate) fn plain(name: &str, runtime: &str) -> Value {
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {"name": name},
        "spec": {"runtimeRef": {"kind": "TrainingRuntime", "name": runtime}}
    })
}

/// The released MPI runtime, with an image and a server for the nodes that this cluster has.
fn mpi_runtime(bed: &Testbed) -> Value {
    let released = kubectl(
        bed,
        &[
            "get",
            "clustertrainingruntime",
            "deepspeed-distributed",
            "-o",
            "json",
        ],
    );
    let mut runtime: Value = serde_json::from_str(&released).unwrap();
    runtime["kind"] = json!("TrainingRuntime");
    runtime["metadata"] = json!({"name": "mpi"});
    let groups = runtime["spec"]["template"]["spec"]["replicatedJobs"]
        .as_array_mut()
        .unwrap();
    for group in groups {
        let container = &mut group["template"]["spec"]["template"]["spec"]["containers"][0];
        *container = json!({
            "name": "node", "image": BUSYBOX,
            "command": ["sh", "-c", "echo a server; trap exit TERM; sleep 600 & wait"]
        });
    }
    runtime
}

#[test]
fn of_an_mpi_job_the_launcher_is_read_and_a_worker_only_where_it_is_named() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-mpi").unwrap();
    apply(&bed, &namespace, mpi_runtime(&bed));
    let mut job = torch("mpi", 3, "echo the program; sleep 3");
    job["spec"]["runtimeRef"] = json!({"kind": "TrainingRuntime", "name": "mpi"});
    apply(&bed, &namespace, job);
    let worker = Selection {
        nodes: vec![2],
        ..Selection::default()
    };
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let mut named = Watched::new(kubeconfig, namespace.name(), "mpi", worker);
    let mut watched = watch(&bed, &namespace, "mpi");
    watched.expect("over Complete");
    assert_eq!(watched.saw("start"), 1, "{:#?}", watched.seen);
    assert_eq!(
        watched.saw("start node-0 0 Running mpi-launcher-0-0-"),
        1,
        "{:#?}",
        watched.seen
    );
    named.expect("over Complete");
    assert_eq!(
        named.saw("start node-2 0 Running mpi-node-0-1-"),
        1,
        "{:#?}",
        named.seen
    );
    assert_eq!(named.saw("start"), 1, "{:#?}", named.seen);
}

#[test]
fn of_a_runtime_of_ones_own_the_group_that_trains_is_read_and_not_what_stands_beside() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-own").unwrap();
    let groups = json!([
        group(
            "store",
            None,
            &[("server", "echo a store; trap exit TERM; sleep 600 & wait")]
        ),
        group(
            "crew",
            Some("trainer"),
            &[("node", "sleep 3"), ("meter", "sleep 3")]
        ),
    ]);
    let mut own = runtime("own", &groups);
    own["spec"]["template"]["spec"]["successPolicy"] =
        json!({"operator": "All", "targetReplicatedJobs": ["crew"]});
    apply(&bed, &namespace, own);
    apply(&bed, &namespace, plain("own", "own"));
    let all = Selection {
        helpers: Helpers::Shown,
        ..Selection::default()
    };
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let mut everything = Watched::new(kubeconfig, namespace.name(), "own", all);
    let mut watched = watch(&bed, &namespace, "own");
    watched.expect("over Complete");
    assert_eq!(watched.saw("start"), 1, "{:#?}", watched.seen);
    assert_eq!(watched.saw("start node-0 0 "), 1, "{:#?}", watched.seen);
    everything.expect("over Complete");
    for label in ["node-0", "node-0/meter", "store-0"] {
        assert_eq!(
            everything.saw(&format!("start {label} 0 ")),
            1,
            "{:#?}",
            everything.seen
        );
    }
}

#[test]
fn the_initializers_of_a_job_are_read_before_its_nodes() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-first").unwrap();
    let mut node = group("node", Some("trainer"), &[("node", "sleep 1")]);
    node["dependsOn"] = json!([
        {"name": "dataset-initializer", "status": "Complete"},
        {"name": "model-initializer", "status": "Complete"}
    ]);
    let initializer = |name| group(name, Some(name), &[(name, "echo fetching; sleep 1")]);
    let groups = json!([
        initializer("dataset-initializer"),
        initializer("model-initializer"),
        node
    ]);
    apply(&bed, &namespace, runtime("staged", &groups));
    apply(&bed, &namespace, plain("staged", "staged"));
    let mut watched = watch(&bed, &namespace, "staged");
    watched.expect("start node-0 0 ");
    assert_eq!(
        watched.saw("start dataset-initializer 0 "),
        1,
        "{:#?}",
        watched.seen
    );
    assert_eq!(
        watched.saw("start model-initializer 0 "),
        1,
        "{:#?}",
        watched.seen
    );
    watched.expect("over Complete");
}

#[test]
fn a_job_whose_job_set_begins_again_is_read_in_every_round() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-round").unwrap();
    let round = "metadata.labels['jobset.sigs.k8s.io/restart-attempt']";
    let mut node = group(
        "node",
        Some("trainer"),
        &[("node", "sleep 2; test $ROUND = 1")],
    );
    node["template"]["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "ROUND", "valueFrom": {"fieldRef": {"fieldPath": round}}}]);
    let mut twice = runtime("twice", &json!([node]));
    twice["spec"]["template"]["spec"]["failurePolicy"] = json!({"maxRestarts": 1});
    apply(&bed, &namespace, twice);
    apply(&bed, &namespace, plain("twice", "twice"));
    let mut watched = watch(&bed, &namespace, "twice");
    watched.expect("start node-0 0 ");
    watched.expect("notice TrainJob twice begins again with new pods (restart 1)");
    watched.expect("start node-0 0 ");
    watched.expect("over Complete");
}

#[test]
fn a_job_that_fails_says_why() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-failed").unwrap();
    let node = group("node", Some("trainer"), &[("node", "exit 3")]);
    apply(&bed, &namespace, runtime("fails", &json!([node])));
    apply(&bed, &namespace, plain("fails", "fails"));
    let mut watched = watch(&bed, &namespace, "fails");
    let end = watched.expect("over Failed");
    assert!(
        end.contains("FailedJobs") || end.contains("JobsFailed"),
        "{end}"
    );
    assert_eq!(watched.saw("start node-0 0 "), 1, "{:#?}", watched.seen);
}

#[test]
fn who_may_only_read_pods_and_jobs_of_the_namespace_misses_nothing() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-caller").unwrap();
    let rule = |groups, resources, verbs| Rule {
        reach: Reach::Namespace,
        groups,
        resources,
        verbs,
    };
    let rules = [
        rule(&["trainer.kubeflow.org"], &["trainjobs"], &["get"]),
        rule(&[""], &["pods"], &["get", "list", "watch"]),
    ];
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name: "reader",
        rules: &rules,
    };
    let kubeconfig = bed.kubeconfig(&caller).unwrap();
    apply(&bed, &namespace, torch("two", 2, "sleep 2"));
    let mut watched = Watched::new(kubeconfig, namespace.name(), "two", Selection::default());
    watched.expect("over Complete");
    assert_eq!(watched.saw("start node-0 0 "), 1, "{:#?}", watched.seen);
    assert_eq!(watched.saw("start node-1 0 "), 1, "{:#?}", watched.seen);
}
