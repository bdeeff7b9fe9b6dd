//! Logs from a server that speaks HTTP/1.1 alone: each takes a connection, and a process may have only so many files open.

use std::process::{Command, Stdio};

use testbed::{Fault, Matcher, Namespace, Testbed, Times, User};

use crate::{
    support::{Lines, PlainServer, Running, binary, kubectl, wait_until},
    watched::{apply, in_namespace, torch},
};

const NODES: u32 = 5;
/// Leaves places for four logs.
const FILES: u32 = 68;
const SCRIPT: &str = "seq 1 3; until test -e /tmp/go; do sleep 0.2; done; seq 4 5";

#[test]
fn more_logs_than_there_may_be_files_are_read_in_turn_and_the_user_is_told() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-http1").unwrap();
    apply(&bed, &namespace, torch("many", NODES, SCRIPT));
    let place = ["--namespace", namespace.name(), "get", "pods", "--output"];
    let running = ["name", "--field-selector", "status.phase=Running"];
    let pods = || kubectl(&bed, &[&place[..], &running].concat());
    wait_until("all nodes run", || pods().lines().count() == NODES as usize);

    let server = PlainServer::start(&bed);
    let mut process = start(&bed, &namespace, &server, FILES, &["many", "-f"]);
    let shown = Lines::of(process.0.stdout.take());
    let mut said = Lines::of(process.0.stderr.take());
    let words = "no more than 4 logs can be read at a time, because each takes a connection where the server has no \
                 HTTP/2, and this process may have 68 files open; choose fewer, or have the hard limit raised";
    let told = said.find(|line| line.contains(words));
    assert!(told.is_some_and(|line| line.starts_with("node-")));

    for pod in pods().lines() {
        in_namespace(&bed, &namespace, &["exec", pod, "--", "touch", "/tmp/go"]);
    }
    let summary = said.last().unwrap();
    assert!(summary.starts_with("5 nodes · 25 lines"), "{summary}");
    assert!(summary.contains(" · no gaps · "), "{summary}");
    assert_eq!(process.exit_code(), Some(0));
    let mut shown: Vec<_> = shown.collect();
    shown.sort_unstable();
    let expected =
        (0..NODES).flat_map(|node| (1..=5).map(move |line| format!("node-{node} | {line}")));
    assert_eq!(shown, expected.collect::<Vec<_>>());
}

#[test]
fn a_log_that_hangs_does_not_use_up_the_patience_of_those_that_wait_for_its_connection() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-http1-hangs").unwrap();
    apply(&bed, &namespace, torch("three", 3, "seq 1 500"));
    let place = ["--namespace", namespace.name(), "get", "pods"];
    let pods = |rest: &[&str]| kubectl(&bed, &[&place[..], rest].concat());
    let ended = ["--output=name", "--field-selector=status.phase=Succeeded"];
    wait_until("all nodes have ended", || pods(&ended).lines().count() == 3);
    let first = "--selector=batch.kubernetes.io/job-completion-index=0";
    let first = pods(&["--output=jsonpath={.items[0].metadata.name}", first]);

    let server = PlainServer::start(&bed);
    let proxy = bed.between_client_and_server();
    let its_log = Matcher::Request {
        method: None,
        path_prefix: format!("/api/v1/namespaces/{}/pods/{first}/log", namespace.name()),
    };
    let _stalled = proxy.set(its_log, Fault::StallAfter(4000), Times::Always);
    // Leaves a place for one log.
    let mut process = start(&bed, &namespace, &server, 65, &["three"]);
    let shown = Lines::of(process.0.stdout.take());
    let said: Vec<_> = Lines::of(process.0.stderr.take()).collect();
    let has_waited = |line: &String| line.contains("no more than 1 log can be read at a time");
    assert!(said.iter().any(has_waited), "{said:?}");
    let markers = said.iter().filter(|line| line.starts_with("--- "));
    let markers: Vec<_> = markers.collect();
    assert_eq!(markers.len(), 1, "{said:?}");
    assert!(markers[0].contains("from node-0 ") && markers[0].ends_with("(no answer) ---"));
    assert_eq!(process.exit_code(), Some(0));
    let mut shown: Vec<_> = shown.filter(|line| !line.starts_with("node-0 ")).collect();
    shown.sort_unstable();
    let expected = [1, 2].map(|node| (1..=500).map(move |line| format!("node-{node} | {line}")));
    let mut expected: Vec<_> = expected.into_iter().flatten().collect();
    expected.sort_unstable();
    assert_eq!(shown, expected);
}

/// Reads logs through a server without HTTP/2, with so many files at most.
fn start(
    bed: &Testbed,
    namespace: &Namespace,
    server: &PlainServer,
    files: u32,
    arguments: &[&str],
) -> Running {
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let limited = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &limited])
        .arg(binary().get_program())
        .args(["logs", "--server", &server.url, "--namespace"])
        .arg(namespace.name())
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Running::start(&mut command)
}
