//! Trainings that report their progress to Trainer's controller by its own way, what the controller makes of it, and how
//! it is shown.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use testbed::{CommonBed, Image, Namespace, Options, Testbed, TrainerFeature, User};

use crate::{
    releases::fact,
    support::{binary, kubectl, verify, wait_until},
    watched::{apply, in_namespace},
};

/// The newest release with its gate for reports switched on, and Python in its pods; none where no bed can run.
pub(crate) fn reporting_bed() -> Option<Testbed> {
    static BED: CommonBed = CommonBed::new(|| Options {
        trainer: Some("v2.3.0".to_owned()),
        trainer_features: vec![TrainerFeature::TrainJobStatus],
        images: vec![Image::Python],
        ..Options::default()
    });
    BED.take()
}

/// The training of the demo, shorter and with more reports.
pub(crate) fn short_training() -> Value {
    let text = include_str!("../../xtask/demo/two-nodes.yaml");
    let mut job: Value = serde_saphyr::from_str(text).unwrap();
    job["metadata"] = json!({"name": "two-nodes"});
    job["spec"]["trainer"]["env"] = length("3", "0.5");
    job
}

/// So many epochs of 300 steps, with a report every so many seconds.
fn length(epochs: &str, seconds: &str) -> Value {
    json!([
        {"name": "EPOCHS", "value": epochs},
        {"name": "STEPS", "value": "300"},
        {"name": "REPORT_SECONDS", "value": seconds},
    ])
}

/// `progress two-nodes`, as JSON.
pub(crate) fn progress(bed: &Testbed, namespace: &Namespace) -> Command {
    let mut command = binary();
    command
        .args([
            "progress",
            "two-nodes",
            "-o",
            "json",
            "-n",
            namespace.name(),
        ])
        .arg("--kubeconfig")
        .arg(bed.kubeconfig(&User::Admin).unwrap());
    command
}

/// Every status that a job has until it is over, in their order.
fn watch_statuses(bed: &Testbed, namespace: &Namespace, job: &str) -> Vec<Value> {
    let mut kubectl: Child = bed
        .kubectl_command()
        .args(["--namespace", namespace.name(), "--request-timeout=300s"])
        .args(["get", "trainjob", job, "--watch"])
        .args(["--output", "jsonpath={.status}{\"\\n\"}"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut statuses: Vec<Value> = Vec::new();
    for line in BufReader::new(kubectl.stdout.take().unwrap()).lines() {
        // There is none before the controller has seen the job.
        let status = serde_json::from_str(&line.unwrap()).unwrap_or_default();
        statuses.push(status);
        if is_complete(statuses.last().unwrap()) {
            break;
        }
    }
    kubectl.kill().unwrap();
    kubectl.wait().unwrap();
    statuses
}

fn is_complete(status: &Value) -> bool {
    let conditions = status["conditions"].as_array();
    conditions.is_some_and(|conditions| {
        conditions
            .iter()
            .any(|condition| condition["type"] == "Complete" && condition["status"] == "True")
    })
}

/// Events of a job that is followed: what they call reported grows, and the job ends well.
#[track_caller]
fn assert_shows_reports(watch: Child) {
    let watched = watch.wait_with_output().unwrap();
    let text = String::from_utf8(watched.stdout).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reported: Vec<f64> = events
        .iter()
        .map(|event| &event["training"])
        .filter(|training| training["source"] == "trainer-status")
        .map(|training| training["whole"].as_f64().unwrap())
        .collect();
    assert!(reported.len() > 2, "{text}");
    assert!(reported.is_sorted(), "{reported:?}");
    assert_eq!(events.last().unwrap()["outcome"], "Complete", "{text}");
    assert_eq!(watched.status.code(), Some(0));
}

fn loss(report: &Value) -> f64 {
    let metrics = report["metrics"].as_array().unwrap();
    let loss = metrics.iter().find(|metric| metric["name"] == "loss");
    loss.unwrap()["value"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_training_on_two_nodes_reports_how_far_it_is_until_it_is_over() {
    let Some(bed) = reporting_bed() else { return };
    let namespace = bed.namespace("reports").unwrap();
    apply(&bed, &namespace, short_training());
    let mut watch = progress(&bed, &namespace);
    let watch = watch.arg("-w").stdout(Stdio::piped()).spawn().unwrap();
    let statuses = watch_statuses(&bed, &namespace, "two-nodes");
    assert!(is_complete(statuses.last().unwrap()), "{statuses:#?}");
    assert_shows_reports(watch);

    let mut reports: Vec<&Value> = statuses
        .iter()
        .map(|status| &status["trainerStatus"])
        .filter(|report| report.is_object())
        .collect();
    reports.dedup();
    assert!(reports.len() > 2, "{reports:#?}");
    let percentages: Vec<i64> = reports
        .iter()
        .map(|report| report["progressPercentage"].as_i64().unwrap())
        .collect();
    assert!(percentages.is_sorted(), "{percentages:?}");
    assert!(percentages[0] < 100, "{percentages:?}");
    assert_eq!(percentages.last(), Some(&100));
    let (first, last) = (reports[0], reports.last().unwrap());
    assert!(loss(last) < loss(first), "{first} and {last}");
    assert_eq!(last["estimatedRemainingSeconds"], 0);

    let pods = "jobset.sigs.k8s.io/jobset-name=two-nodes";
    let place = ["--namespace", namespace.name(), "logs"];
    let logs = kubectl(&bed, &[&place[..], &["-l", pods, "--tail=-1"]].concat());
    for line in ["node 0 done", "node 1 done"] {
        assert!(logs.lines().any(|found| found == line), "{logs}");
    }
}

#[test]
fn a_cluster_that_takes_reports_is_healthy_and_says_that_it_does() {
    let Some(bed) = reporting_bed() else { return };
    let verified = verify(&bed, &["--wait", "90s"]);
    assert_eq!(verified.troubles(), [], "{:#?}", verified.problems());
    assert_eq!(verified.exit_code, 0);
    assert_eq!(
        fact(&verified, "TRN-PROGRESS"),
        "on, at kubeflow-trainer-controller-manager.kubeflow-system.svc:10443"
    );
}

/// What a look shows of the training.
fn training(bed: &Testbed, namespace: &Namespace) -> Value {
    let looked = progress(bed, namespace).output().unwrap();
    let mut document: Value = serde_json::from_slice(&looked.stdout).unwrap();
    document["training"].take()
}

/// Something of the first node's pod.
fn first_node(bed: &Testbed, namespace: &Namespace, path: &str) -> String {
    let first = "batch.kubernetes.io/job-completion-index=0";
    let place = ["--namespace", namespace.name(), "get", "pods", "-l", first];
    let path = format!("jsonpath={{.items[*]{path}}}");
    kubectl(bed, &[&place[..], &["-o", &path]].concat())
}

/// Since when its container runs; empty while it does not.
fn running_since(bed: &Testbed, namespace: &Namespace) -> String {
    let path = ".status.containerStatuses[0].state.running.startedAt";
    first_node(bed, namespace, path)
}

fn report_time(bed: &Testbed, namespace: &Namespace) -> String {
    let time = "jsonpath={.status.trainerStatus.lastUpdatedTime}";
    let place = ["--namespace", namespace.name(), "get", "trainjob"];
    kubectl(bed, &[&place[..], &["two-nodes", "-o", time]].concat())
}

#[test]
fn what_was_reported_before_a_container_started_again_is_not_shown() {
    let Some(bed) = reporting_bed() else { return };
    let namespace = bed.namespace("reports-again").unwrap();
    let mut job = short_training();
    job["spec"]["trainer"]["env"] = length("1000", "10");
    apply(&bed, &namespace, job);
    wait_until("a report", || {
        training(&bed, &namespace)["source"] == "trainer-status"
    });
    let before = running_since(&bed, &namespace);
    // As Ctrl-C does, which Python minds also as the first process.
    let pod = first_node(&bed, &namespace, ".metadata.name");
    let interrupt = ["exec", &pod, "--", "python3", "-c"];
    let interrupt = [&interrupt[..], &["import os; os.kill(1, 2)"]].concat();
    in_namespace(&bed, &namespace, &interrupt);
    wait_until("a new start in the same pod", || {
        let since = running_since(&bed, &namespace);
        !since.is_empty() && since != before
    });
    let since = running_since(&bed, &namespace);
    let shown = training(&bed, &namespace);
    let stood = report_time(&bed, &namespace);
    assert!(
        stood < since,
        "a report of {stood} is no older than {since}"
    );
    assert_ne!(shown["source"], "trainer-status", "{shown}");
    wait_until("a report of the new attempt", || {
        let shown = training(&bed, &namespace);
        shown["source"] == "trainer-status" && shown["sourceTime"].as_str().unwrap() >= &since[..]
    });
}
