//! How the plugin ends when somebody else ends it: a closed pipe, Ctrl-C, SIGTERM, a closed terminal.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::plugin::BINARY;

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let mut child = start(&["--help"], Stdio::piped());
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap().as_str()
        ),
        (Some(0), "")
    );
}

#[test]
fn ctrl_c_ends_a_waiting_request_with_130() {
    assert_eq!(end_while_waiting(Signal::INT), (Some(130), String::new()));
}

#[test]
fn sigterm_ends_a_waiting_request_with_143() {
    assert_eq!(end_while_waiting(Signal::TERM), (Some(143), String::new()));
}

#[test]
fn a_closed_terminal_ends_a_waiting_request_with_129() {
    assert_eq!(end_while_waiting(Signal::HUP), (Some(129), String::new()));
}

#[test]
fn ctrl_c_ends_the_reading_of_a_kubeconfig_that_gives_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("config");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let arguments = ["version", "--kubeconfig", pipe.to_str().unwrap()];
    let child = start(&arguments, Stdio::null());
    // Opening waits for the reader, so the plugin is reading from here on.
    let writer = std::fs::File::options().write(true).open(&pipe).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(writer);
    assert_eq!(output.status.code(), Some(130));
}

/// Sends the signal once the plugin has connected to a port that never answers.
fn end_while_waiting(signal: Signal) -> (Option<i32>, String) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", silent.local_addr().unwrap());
    let child = start(&["runtimes", "list", "--server", &server], Stdio::null());
    let connection = silent.accept().unwrap();
    kill_process(Pid::from_child(&child), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(connection);
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn start(arguments: &[&str], stdout: Stdio) -> Child {
    let mut command = Command::new(BINARY);
    command
        .env_clear()
        .env("HOME", "/nonexistent")
        .args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
