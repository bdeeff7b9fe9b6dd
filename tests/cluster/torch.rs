//! A training with PyTorch on two real nodes, as torchrun starts it, followed to its end. The image takes minutes and a
//! gigabyte, so this runs only where it is asked for.

use std::{
    env, io,
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use testbed::{Image, Namespace, Options, Testbed, User, is_skipped, record_skip};

use crate::{
    reports::progress,
    support::{binary, kubectl},
    watched::apply,
};

/// Set to anything, it asks for these tests.
const VARIABLE: &str = "KUBECTL_TRAINER_TORCH";

fn torch_bed() -> Option<Testbed> {
    if env::var_os(VARIABLE).is_none() {
        record_skip("KUBECTL_TRAINER_TORCH does not ask for it");
        return None;
    }
    if is_skipped() {
        return None;
    }
    let options = Options {
        nodes: 2,
        images: vec![Image::Torch],
        ..Options::with_trainer()
    };
    Some(Testbed::start(&options, &mut io::stderr()).unwrap())
}

/// The training of the demo, shorter.
fn short_training() -> Value {
    let text = include_str!("../../xtask/demo/two-nodes-torch.yaml");
    let mut job: Value = serde_saphyr::from_str(text).unwrap();
    job["metadata"] = json!({"name": "two-nodes"});
    job["spec"]["trainer"]["env"] = json!([
        {"name": "EPOCHS", "value": "3"},
        {"name": "STEPS", "value": "300"},
    ]);
    job
}

/// Every line of the job until its end.
fn follow(bed: &Testbed, namespace: &Namespace) -> Output {
    binary()
        .args(["logs", "-f", "two-nodes", "--progress", "none"])
        .args(["-n", namespace.name(), "--kubeconfig"])
        .arg(bed.kubeconfig(&User::Admin).unwrap())
        .output()
        .unwrap()
}

/// Where the nodes of the training were.
fn places(bed: &Testbed, namespace: &Namespace) -> String {
    let place = ["--namespace", namespace.name(), "get", "pods"];
    let names = "jsonpath={.items[*].spec.nodeName}";
    kubectl(bed, &[&place[..], &["-o", names]].concat())
}

/// What the first node says after each epoch, such as `{'loss': 0.1571, 'accuracy': 0.936, 'epoch': 1.0}`.
fn losses(lines: &str) -> Vec<f64> {
    let said = lines
        .lines()
        .filter_map(|line| line.strip_prefix("node-0 | {'loss': "));
    said.map(|rest| rest.split(',').next().unwrap().parse().unwrap())
        .collect()
}

/// How far the training was, event by event.
fn parts(events: &[Value]) -> Vec<f64> {
    let trainings = events.iter().map(|event| &event["training"]);
    trainings
        .filter(|training| training["source"] == "log")
        .filter_map(|training| training["whole"].as_f64())
        .collect()
}

#[test]
fn torchrun_trains_on_two_nodes_over_gloo_and_is_followed_to_its_end() {
    let Some(bed) = torch_bed() else { return };
    let namespace = bed.namespace("torch").unwrap();
    apply(&bed, &namespace, short_training());
    let mut watch = progress(&bed, &namespace);
    let watch = watch.arg("-w").stdout(Stdio::piped()).spawn().unwrap();
    let followed = follow(&bed, &namespace);
    let lines = String::from_utf8(followed.stdout).unwrap();
    assert_eq!(followed.status.code(), Some(0), "{lines}");
    for node in ["0", "1"] {
        let begun = format!("node-{node} | node {node} of 2, torch 2.");
        let done = format!("node-{node} | node {node} done");
        let has = |start: &str| lines.lines().any(|line| line.starts_with(start));
        assert!(has(&begun) && has(&done), "{lines}");
    }
    assert!(lines.contains(", gloo\n"), "{lines}");
    let places = places(&bed, &namespace);
    assert!(matches!(places.as_str(), "n1 n2" | "n2 n1"), "{places}");
    let losses = losses(&lines);
    assert_eq!(losses.len(), 3, "{lines}");
    assert!(losses[2] < losses[0], "{losses:?}");

    let watched = watch.wait_with_output().unwrap();
    let text = String::from_utf8(watched.stdout).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let parts = parts(&events);
    assert!(parts.is_sorted(), "{parts:?}");
    assert_eq!(parts.last(), Some(&1.0), "{text}");
    assert_eq!(events.last().unwrap()["outcome"], "Complete", "{text}");
    assert_eq!(watched.status.code(), Some(0));
}
