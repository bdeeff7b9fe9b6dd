//! Logs from a server that speaks HTTP/1.1 alone: each takes a connection, and a process may have only so many files open.

use std::process::{Command, Stdio};

use testbed::{Testbed, User};

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
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let limited = format!("ulimit -n {FILES} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &limited])
        .arg(binary().get_program())
        .args(["logs", "-f", "many", "--server", &server.url, "--namespace"])
        .arg(namespace.name())
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = Running::start(&mut command);
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
