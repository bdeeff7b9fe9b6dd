//! Trainings that report their progress to Trainer's controller by its own way, and what the controller makes of it.

use std::{
    io::{self, BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};
use testbed::{Image, Namespace, Options, Testbed, TrainerFeature, is_skipped};

use crate::{
    releases::fact,
    support::{kubectl, verify},
    watched::apply,
};

/// The newest release with its gate for reports switched on, and Python in its pods; none where no bed can run.
pub(crate) fn reporting_bed() -> Option<Testbed> {
    static BED: OnceLock<Testbed> = OnceLock::new();
    if is_skipped() {
        return None;
    }
    let bed = BED.get_or_init(|| {
        let options = Options {
            trainer: Some("v2.3.0".to_owned()),
            trainer_features: vec![TrainerFeature::TrainJobStatus],
            images: vec![Image::Python],
            ..Options::default()
        };
        Testbed::start(&options, &mut io::stderr()).unwrap()
    });
    Some(bed.clone())
}

/// The training of the demo, shorter and with more reports.
pub(crate) fn short_training() -> Value {
    let text = include_str!("../../xtask/demo/two-nodes.yaml");
    let mut job: Value = serde_saphyr::from_str(text).unwrap();
    job["metadata"] = json!({"name": "two-nodes"});
    job["spec"]["trainer"]["env"] = json!([
        {"name": "EPOCHS", "value": "3"},
        {"name": "STEPS", "value": "300"},
        {"name": "REPORT_SECONDS", "value": "0.5"},
    ]);
    job
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
    let statuses = watch_statuses(&bed, &namespace, "two-nodes");
    assert!(is_complete(statuses.last().unwrap()), "{statuses:#?}");

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
