//! The bed's own log server serves what kwok's does, which is the kubelet's own code, and holds many followers.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use testbed::{FakeLogs, Namespace, Options, Testbed, is_skipped};

const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"fake","namespace":"NAMESPACE"},
    "spec":{"nodeName":"fake-1","containers":[{"name":"main","image":"testbed/fake:1"}]}}"#;
/// Whole lines, one in three records, and one that is empty.
const LOG: &str = "2026-01-31T12:00:00.000000001Z stdout F one\n\
    2026-01-31T12:00:01.500000000Z stderr P two, \n\
    2026-01-31T12:00:01.500000000Z stderr P its middle, \n\
    2026-01-31T12:00:03.000000000Z stderr F and its end\n\
    2026-01-31T12:00:02.000000000Z stdout F three, by a clock that was set back\n\
    2026-01-31T12:00:04.000000000Z stdout F \n\
    2026-01-31T12:00:05.000000000Z stdout F four\n";
/// More than a group of inotify instances would hold.
const FOLLOWERS: usize = 150;
const LIMIT: Duration = Duration::from_mins(1);

/// A bed with a fake pod that has written `LOG`.
fn bed_with_a_pod() -> (Testbed, Namespace) {
    let options = Options {
        fake_nodes: 1,
        fake_logs: FakeLogs::Fast,
        ..Options::default()
    };
    let bed = Testbed::start(&options, &mut io::stderr()).unwrap();
    let namespace = bed.namespace("fast").unwrap();
    bed.apply(&POD.replace("NAMESPACE", namespace.name()))
        .unwrap();
    namespace.wait_phase("fake", "Running", 30).unwrap();
    std::fs::write(bed.fake_log(), LOG).unwrap();
    (bed, namespace)
}

/// The answer's text; of an answer that is no success, what kubectl says about it.
fn get(bed: &Testbed, path: &str) -> String {
    let output = bed.kubectl(&["get", "--raw", path]).unwrap();
    let text = if output.status.success() {
        output.stdout
    } else {
        output.stderr
    };
    String::from_utf8(text).unwrap()
}

#[test]
fn the_fast_log_server_serves_what_kwok_does_and_lets_many_follow() {
    if is_skipped() {
        return;
    }
    let (bed, namespace) = bed_with_a_pod();
    let name = namespace.name();
    for query in [
        "",
        "timestamps=true",
        "tailLines=2",
        "tailLines=4&timestamps=true",
        "tailLines=0",
        "sinceTime=2026-01-31T12%3A00%3A03Z&timestamps=true",
        "sinceTime=2026-01-31T12%3A00%3A03Z&tailLines=3",
        "sinceSeconds=60",
    ] {
        let fast = get(
            &bed,
            &format!("/api/v1/namespaces/{name}/pods/fake/log?{query}"),
        );
        let kwok = get(
            &bed,
            &format!("/api/v1/nodes/fake-1:10247/proxy/containerLogs/{name}/fake/main?{query}"),
        );
        assert_eq!(fast, kwok, "{query}");
        // Otherwise two empty answers would be equal too.
        let none = query == "tailLines=0" || query == "sinceSeconds=60";
        assert_eq!(fast.is_empty(), none, "{query}");
    }
    let previous = get(
        &bed,
        &format!("/api/v1/namespaces/{name}/pods/fake/log?previous=true"),
    );
    assert!(
        previous.contains(r#"previous terminated container "main" in pod "fake" not found"#),
        "{previous}"
    );
    every_follower_hears_of_a_new_line(&bed, &namespace);
}

fn every_follower_hears_of_a_new_line(bed: &Testbed, namespace: &Namespace) {
    let (sender, lines) = mpsc::channel();
    let followers: Vec<Follower> = (0..FOLLOWERS)
        .map(|number| follow(bed, namespace, number, sender.clone()))
        .collect();
    for _ in 0..FOLLOWERS {
        assert_eq!(lines.recv_timeout(LIMIT).unwrap().1, "four");
    }
    let mut log = File::options().append(true).open(bed.fake_log()).unwrap();
    writeln!(log, "2026-01-31T12:00:06.000000000Z stdout F five").unwrap();
    let mut heard: Vec<usize> = (0..FOLLOWERS)
        .map(|_| lines.recv_timeout(LIMIT).unwrap())
        .inspect(|(_, line)| assert_eq!(line, "five"))
        .map(|(number, _)| number)
        .collect();
    heard.sort_unstable();
    assert_eq!(heard, (0..followers.len()).collect::<Vec<_>>());
}

/// Ends its reader when it is dropped.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn follow(
    bed: &Testbed,
    namespace: &Namespace,
    number: usize,
    lines: mpsc::Sender<(usize, String)>,
) -> Follower {
    let path = format!(
        "/api/v1/namespaces/{}/pods/fake/log?follow=true&tailLines=1",
        namespace.name()
    );
    let files = bed.admin_files();
    let mut curl = bed.command_inside("curl");
    curl.args(["--silent", "--no-buffer", "--cacert"])
        .arg(&files.authority)
        .arg("--cert")
        .arg(&files.certificate)
        .arg("--key")
        .arg(&files.key)
        .arg(format!("https://127.0.0.1{path}"))
        .stdout(Stdio::piped());
    let mut child = curl.spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            // The test may have ended already.
            let _ = lines.send((number, line));
        }
    });
    Follower(child)
}
