//! Faults on the proxies of a real cluster, as kubectl meets them; and what becomes of pods on fake nodes.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io;
use std::process::Output;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::kwok::{AFTER, EXIT_CODE, FATE};
use testbed::{ActiveFault, Fault, Matcher, Namespace, Options, Testbed, Times, is_skipped};

/// Where the kubelet of the only real node listens.
const KUBELET: &str = "10.10.0.11:10250";
/// Where the webhooks of Trainer and JobSet listen, on whatever pod.
const WEBHOOKS: &str = ":9443";

/// One bed for all tests here that need no Trainer, with one real node and one fake node.
static BED: LazyLock<Testbed> = LazyLock::new(|| {
    let options = Options {
        fake_nodes: 1,
        ..Options::default()
    };
    Testbed::start(&options, &mut io::stderr()).unwrap()
});

/// Held by tests that read logs of the real node, because one of them breaks the way to it.
static KUBELET_IN_USE: Mutex<()> = Mutex::new(());

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn kubectl(namespace: &Namespace, arguments: &[&str]) -> Output {
    BED.kubectl(&[&["--namespace", namespace.name()], arguments].concat())
        .unwrap()
}

/// A fault on requests for what lies in a namespace, so that tests side by side do not meet each other's.
fn set(namespace: &Namespace, resource: &str, fault: Fault, times: Times) -> ActiveFault {
    let matcher = Matcher::Request {
        method: Some("GET".to_owned()),
        path_prefix: format!("/api/v1/namespaces/{}/{resource}", namespace.name()),
    };
    BED.between_client_and_server()
        .set(matcher, fault, times)
        .unwrap()
}

#[test]
fn each_slot_of_fake_pods_has_a_log_of_its_own() {
    if is_skipped() {
        return;
    }
    let texts = [(0, "first slot"), (1, "second slot")].map(|(slot, said)| {
        let namespace = BED.fake_slot(slot).unwrap();
        let record = format!("2026-01-31T12:00:00.000000000Z stdout F {said}\n");
        std::fs::write(BED.fake_slot_log(slot), record).unwrap();
        let pod = fake_pod(&namespace, "slot", &json!({}));
        BED.apply(&pod.to_string()).unwrap();
        namespace.wait_phase("slot", "Running", 30).unwrap();
        text(&kubectl(&namespace, &["logs", "slot"]).stdout)
    });
    assert_eq!(texts, ["first slot\n", "second slot\n"]);
}

#[test]
fn kubectl_says_what_a_server_in_trouble_answers() {
    if is_skipped() {
        return;
    }
    let namespace = BED.namespace("answers").unwrap();
    let cases = [
        (
            503,
            "Error from server (ServiceUnavailable): the server is currently unable to handle the request\n",
        ),
        (
            500,
            "Error from server (InternalError): an error on the server has prevented the request from succeeding\n",
        ),
        (
            401,
            "error: You must be logged in to the server (Unauthorized)\n",
        ),
    ];
    for (code, expected) in cases {
        let _fault = set(&namespace, "secrets", Fault::Answer(code), Times::Always);
        let output = kubectl(&namespace, &["get", "secrets"]);
        assert_eq!(
            (output.status.code(), text(&output.stderr).as_str()),
            (Some(1), expected)
        );
    }
    assert!(kubectl(&namespace, &["get", "secrets"]).status.success());
}

#[test]
fn kubectl_comes_again_when_it_was_told_to_slow_down() {
    if is_skipped() {
        return;
    }
    let namespace = BED.namespace("slow").unwrap();
    let start = Instant::now();
    let fault = set(&namespace, "secrets", Fault::Answer(429), Times::Next(2));
    assert!(kubectl(&namespace, &["get", "secrets"]).status.success());
    assert!(
        start.elapsed() >= Duration::from_secs(2),
        "it waited a second each time"
    );
    assert_eq!(fault.hits().unwrap(), None, "both were used up");
}

#[test]
fn a_cut_connection_is_an_error_and_a_stalled_one_a_time_out() {
    if is_skipped() {
        return;
    }
    let namespace = BED.namespace("cut").unwrap();
    let fault = set(&namespace, "secrets", Fault::Cut, Times::Always);
    let output = kubectl(&namespace, &["get", "secrets"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    // Which of the two the client sees first depends on whether it was reading or writing.
    let broken = ["connection reset by peer", "unexpected EOF"];
    assert!(broken.iter().any(|words| said.contains(words)), "{said}");
    drop(fault);

    let _fault = set(&namespace, "secrets", Fault::Stall, Times::Always);
    let output = kubectl(&namespace, &["get", "secrets", "--request-timeout=1s"]);
    assert!(
        text(&output.stderr).contains("exceeded"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_log_that_breaks_mid_line_ends_in_half_a_line_and_an_error() {
    if is_skipped() {
        return;
    }
    let _kubelet = KUBELET_IN_USE
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let namespace = BED.namespace("break").unwrap();
    namespace
        .run_pod(
            "talker",
            "i=0; while true; do i=$((i+1)); echo line number $i; sleep 0.1; done",
        )
        .unwrap();
    namespace.wait_phase("talker", "Running", 30).unwrap();
    let _fault = set(
        &namespace,
        "pods/talker/log",
        Fault::BreakMidLine(40),
        Times::Always,
    );
    let output = kubectl(
        &namespace,
        &["logs", "--follow", "talker", "--request-timeout=120s"],
    );
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout.starts_with("line number 1\nline number 2\n") && stdout.ends_with("line nu"),
        "{stdout}"
    );
    assert!(stderr.contains("unexpected EOF"), "{stderr}");
}

#[test]
fn a_cut_between_the_server_and_a_kubelet_ends_a_followed_log_at_once() {
    if is_skipped() {
        return;
    }
    let _kubelet = KUBELET_IN_USE
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let namespace = BED.namespace("kubelet").unwrap();
    namespace
        .run_pod(
            "talker",
            "i=0; while true; do i=$((i+1)); echo still here; [ $i -lt 5000 ] || sleep 1; done",
        )
        .unwrap();
    namespace.wait_phase("talker", "Running", 30).unwrap();
    let cuts = BED.between_server_and_cluster();
    let fault = cuts
        .set(
            Matcher::Target(KUBELET.to_owned()),
            Fault::CutAfter(20_000),
            Times::Always,
        )
        .unwrap();
    let output = kubectl(
        &namespace,
        &["logs", "--follow", "talker", "--request-timeout=120s"],
    );
    assert!(
        text(&output.stdout).starts_with("still here\n"),
        "{}",
        text(&output.stderr)
    );
    drop(fault);

    let _fault = cuts
        .set(
            Matcher::Target(KUBELET.to_owned()),
            Fault::Refuse,
            Times::Always,
        )
        .unwrap();
    let output = kubectl(&namespace, &["logs", "talker"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.contains("dial tcp 10.10.0.11:10250: connect: connection refused"),
        "{stderr}"
    );
}

#[test]
fn webhooks_that_nobody_reaches_refuse_objects_until_they_are_back() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let refused = bed
        .between_server_and_cluster()
        .set(
            Matcher::Target(WEBHOOKS.to_owned()),
            Fault::Refuse,
            Times::Always,
        )
        .unwrap();
    let error = bed.probe_webhooks().unwrap_err().to_string();
    assert!(error.contains("connect: connection refused"), "{error}");
    drop(refused);
    bed.probe_webhooks().unwrap();
}

fn fake_pod(namespace: &Namespace, name: &str, annotations: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace.name(), "annotations": annotations},
        "spec": {"nodeName": "fake-1", "containers": [{"name": "main", "image": "testbed/fake:1"}]},
    })
}

/// What a test sees of a fake pod after its fate: phase, and of its container the state with reason and exit code.
fn seen(namespace: &Namespace, pod: &str) -> Value {
    let output = kubectl(namespace, &["get", "pod", pod, "--output=json"]);
    let pod: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let container = &pod["status"]["containerStatuses"][0];
    let (state, details) = container["state"]
        .as_object()
        .and_then(|states| states.iter().next())
        .map_or((String::new(), Value::Null), |(state, details)| {
            (state.clone(), details.clone())
        });
    json!([
        pod["status"]["phase"],
        state,
        details["reason"],
        details["exitCode"]
    ])
}

#[test]
fn a_pod_on_a_fake_node_meets_the_fate_that_it_names() {
    if is_skipped() {
        return;
    }
    let namespace = BED.namespace("fates").unwrap();
    let cases = [
        ("run", json!(["Running", "running", null, null])),
        ("pending", json!(["Pending", "", null, null])),
        (
            "complete",
            json!(["Succeeded", "terminated", "Completed", 0]),
        ),
        ("fail", json!(["Failed", "terminated", "Error", 3])),
        ("oom", json!(["Failed", "terminated", "OOMKilled", 137])),
        (
            "image-pull-error",
            json!(["Pending", "waiting", "ImagePullBackOff", null]),
        ),
        (
            "crash-loop",
            json!(["Running", "waiting", "CrashLoopBackOff", null]),
        ),
    ];
    for (fate, _) in &cases {
        let annotations = json!({FATE: fate, AFTER: "1s", EXIT_CODE: "3"});
        let pod = fake_pod(&namespace, fate, &annotations);
        BED.apply(&pod.to_string()).unwrap();
    }
    for (fate, expected) in &cases {
        let start = Instant::now();
        while seen(&namespace, fate) != *expected && start.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(seen(&namespace, fate), *expected, "{fate}");
    }
    let ids = kubectl(
        &namespace,
        &[
            "get",
            "pod",
            "run",
            "--output=jsonpath={.metadata.uid} {.status.containerStatuses[0].containerID}",
        ],
    );
    let ids = text(&ids.stdout);
    let (uid, container) = ids.split_once(' ').unwrap();
    assert_eq!(container, format!("containerd://{uid}-main"));
}
