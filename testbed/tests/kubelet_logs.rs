//! What a kubelet really serves of a container's log, with kubectl as the reader: when lines are lost or come twice,
//! what is said about it, and how streams end. A reader of logs is built on these facts, so they are kept true here.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use testbed::{LogRotation, Matcher, Namespace, Options, Testbed, Times, is_skipped};

/// One bed for all tests here: its kubelets rotate logs at 64 KiB, looking every three seconds.
static BED: LazyLock<Testbed> = LazyLock::new(|| {
    let options = Options {
        nodes: 2,
        log_rotation: LogRotation::quick(),
        ..Options::default()
    };
    Testbed::start(&options, &mut io::stderr()).unwrap()
});

/// Read by tests in which a reader must keep up or time matters; written by those that load the machine, or break a
/// node. On two cores they would spoil each other.
static QUIET: RwLock<()> = RwLock::new(());
/// Between two looks.
const PERIOD: Duration = Duration::from_millis(100);

fn quiet() -> RwLockReadGuard<'static, ()> {
    QUIET.read().unwrap_or_else(PoisonError::into_inner)
}

fn alone() -> RwLockWriteGuard<'static, ()> {
    QUIET.write().unwrap_or_else(PoisonError::into_inner)
}

/// Numbered lines as a reader got them.
#[derive(Debug, Default)]
struct Reading {
    distinct: BTreeSet<u64>,
    repeated: u64,
    /// Lines that no container wrote so: torn ones, or words of the kubelet.
    foreign: Vec<String>,
}

impl Reading {
    /// A container's lines are `line NUMBER …`.
    fn of(text: &str) -> Self {
        let mut reading = Self::default();
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["line", number, ..] if number.parse::<u64>().is_ok() => {
                    if !reading.distinct.insert(number.parse().unwrap()) {
                        reading.repeated += 1;
                    }
                }
                _ => reading.foreign.push(line.to_owned()),
            }
        }
        reading
    }

    fn lost_of(&self, total: u64) -> u64 {
        total - u64::try_from(self.distinct.len()).unwrap()
    }

    /// Of the lines from the first that was read to the last that was written. What a busy machine let rotate away
    /// before the reader came is not the reader's loss.
    fn lost_while_following(&self, total: u64) -> u64 {
        let before = self.distinct.first().map_or(total, |first| first - 1);
        self.lost_of(total) - before
    }

    /// What somebody else than the container said: no part of what it wrote.
    fn told(&self) -> Vec<&str> {
        // A part of a line may be as short as its first letter.
        let begun = |line: &str| line.starts_with("line ") || "line ".starts_with(line);
        let torn =
            |line: &&str| line.ends_with("can follow") || line.ends_with("xxx") || begun(line);
        self.foreign
            .iter()
            .map(String::as_str)
            .filter(|line| !torn(line))
            .collect()
    }

    /// Between the first line and the last that were read, how many runs of lines are missing.
    fn holes(&self) -> usize {
        let numbers: Vec<u64> = self.distinct.iter().copied().collect();
        numbers
            .windows(2)
            .filter(|pair| pair[1] != pair[0] + 1)
            .count()
    }
}

/// A script that writes `line 1 …` to `line COUNT …`, as many a second, with `bytes` of padding.
fn writes(count: u64, a_second: u64, bytes: usize) -> String {
    let padding = "x".repeat(bytes);
    format!(
        "i=0; while [ $i -lt {count} ]; do k=0; while [ $k -lt {a_second} ] && [ $i -lt {count} ]; do i=$((i+1)); k=$((k+1)); echo \"line $i {padding}\"; done; sleep 1; done"
    )
}

fn kubectl(arguments: &[&str]) -> Output {
    BED.kubectl(arguments).unwrap()
}

/// `kubectl logs -f` of a pod, reading.
fn follow(namespace: &Namespace, pod: &str) -> Child {
    follow_command(namespace, pod).spawn().unwrap()
}

fn follow_command(namespace: &Namespace, pod: &str) -> Command {
    let mut kubectl = BED.kubectl_command();
    kubectl.args(["--namespace", namespace.name(), "logs", "--follow", pod]);
    // A follower that would never end is an error, not a test run without an end.
    kubectl.arg("--request-timeout=180s");
    kubectl.stdout(Stdio::piped()).stderr(Stdio::piped());
    kubectl
}

/// The same again until it succeeds, for at most half a minute.
fn until_success(arguments: &[&str]) -> Output {
    let start = Instant::now();
    loop {
        let output = kubectl(arguments);
        if output.status.success() || start.elapsed() > Duration::from_secs(30) {
            return output;
        }
        thread::sleep(PERIOD);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn started(namespace: &Namespace, pod: &str, script: &str) {
    namespace.run_pod(pod, script).unwrap();
    namespace.wait_phase(pod, "Running", 30).unwrap();
}

/// The first line of a follower, so that a test knows that it is connected.
fn first_line(child: &mut Child) -> (String, BufReader<std::process::ChildStdout>) {
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    (line, reader)
}

fn rotated_files(namespace: &Namespace, pod: &str) -> usize {
    let logs = text(&kubectl(&["get", "--raw", "/api/v1/nodes/n1/proxy/logs/pods/"]).stdout);
    let folder = logs
        .split('"')
        .find(|part| part.starts_with(&format!("{}_{pod}_", namespace.name())))
        .unwrap_or_default();
    let files = text(
        &kubectl(&[
            "get",
            "--raw",
            &format!("/api/v1/nodes/n1/proxy/logs/pods/{folder}main/"),
        ])
        .stdout,
    );
    files.matches("href=").count()
}

#[test]
fn a_follower_that_keeps_up_loses_nothing_over_several_rotations() {
    if is_skipped() {
        return;
    }
    let _turn = quiet();
    let namespace = BED.namespace("rotation").unwrap();
    // 20 s of 1,000 lines of 100 bytes: rotated at almost every look.
    namespace
        .run_pod_on("n1", "steady", &writes(20_000, 1_000, 80))
        .unwrap();
    namespace.wait_phase("steady", "Running", 30).unwrap();
    let output = follow(&namespace, "steady").wait_with_output().unwrap();
    let reading = Reading::of(&text(&output.stdout));
    assert_eq!(
        (reading.lost_while_following(20_000), reading.repeated),
        (0, 0),
        "{:?}",
        reading.foreign
    );
    assert!(reading.distinct.len() > 10_000, "most of it was followed");
    assert!(output.status.success());
    assert!(
        rotated_files(&namespace, "steady") > 2,
        "the log was rotated"
    );
}

#[test]
fn without_follow_only_the_file_after_the_last_rotation_is_served() {
    if is_skipped() {
        return;
    }
    let _turn = quiet();
    let namespace = BED.namespace("plain").unwrap();
    started(&namespace, "steady", &writes(9_000, 1_000, 80));
    namespace.wait_phase("steady", "Succeeded", 60).unwrap();
    for since in ["--since=1h", "--since-time=2000-01-01T00:00:00Z"] {
        let output = kubectl(&["--namespace", namespace.name(), "logs", "steady", since]);
        let reading = Reading::of(&text(&output.stdout));
        assert!(
            reading.lost_of(9_000) > 1_000,
            "{since}: {}",
            reading.distinct.len()
        );
        assert_eq!((reading.holes(), reading.repeated), (0, 0), "{since}");
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{since}: nothing is said about it"
        );
    }
}

/// How much is lost depends on the machine, so it is shown and not demanded.
#[test]
fn whatever_a_flood_loses_is_lost_without_a_word() {
    if is_skipped() {
        return;
    }
    let _turn = alone();
    let namespace = BED.namespace("flood").unwrap();
    namespace.flood_pod("flood", 1_000_000).unwrap();
    namespace.wait_phase("flood", "Running", 30).unwrap();
    let output = follow(&namespace, "flood").wait_with_output().unwrap();
    namespace.wait_phase("flood", "Succeeded", 60).unwrap();
    let message = "--output=jsonpath={.status.containerStatuses[0].state.terminated.message}";
    let written = kubectl(&[
        "--namespace",
        namespace.name(),
        "get",
        "pod",
        "flood",
        message,
    ]);
    let written: u64 = text(&written.stdout).trim().parse().unwrap();
    let reading = Reading::of(&text(&output.stdout));
    let read = u64::try_from(reading.distinct.len()).unwrap();
    println!(
        "flood: {written} written, {read} read, {} repeated, {} holes, {} torn",
        reading.repeated,
        reading.holes(),
        reading.foreign.len()
    );
    assert_eq!(written, 1_000_000);
    assert!(
        reading
            .distinct
            .iter()
            .all(|number| (1..=written).contains(number))
    );
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(0), "")
    );
    assert_eq!(reading.told(), Vec::<&str>::new());
}

#[test]
fn a_reader_that_rests_shorter_than_the_kept_files_last_loses_nothing() {
    if is_skipped() {
        return;
    }
    let _turn = quiet();
    let reading = read_with_a_rest("short-rest", 200, Duration::from_secs(6));
    assert_eq!(
        (
            reading.0.lost_while_following(reading.1),
            reading.0.repeated
        ),
        (0, 0),
        "{:?}",
        reading.0.foreign
    );
    assert!(!reading.0.distinct.is_empty());
}

#[test]
fn a_reader_that_rests_longer_than_the_kept_files_last_loses_lines_and_is_not_told() {
    if is_skipped() {
        return;
    }
    let _turn = alone();
    let (reading, total) = read_with_a_rest("long-rest", 3_000, Duration::from_secs(30));
    println!(
        "long rest: {} lost, {} repeated, of {total}",
        reading.lost_of(total),
        reading.repeated
    );
    assert!(reading.lost_of(total) > 0);
    assert_eq!(reading.told(), Vec::<&str>::new(), "no line says so");
}

/// Follows a container that writes for longer than the rest; returns what was read, and of how many lines.
fn read_with_a_rest(name: &str, a_second: u64, rest: Duration) -> (Reading, u64) {
    let total = a_second * (rest.as_secs() + 10);
    let namespace = BED.namespace(name).unwrap();
    started(&namespace, "steady", &writes(total, a_second, 80));
    let mut follower = follow(&namespace, "steady");
    let (mut text, mut reader) = first_line(&mut follower);
    let process = Pid::from_child(&follower);
    kill_process(process, Signal::STOP).unwrap();
    let start = Instant::now();
    // The rest is what is tested: the reader does nothing for this long.
    while start.elapsed() < rest {
        thread::sleep(Duration::from_millis(100));
    }
    kill_process(process, Signal::CONT).unwrap();
    reader.read_to_string(&mut text).unwrap();
    follower.wait().unwrap();
    (Reading::of(&text), total)
}

#[test]
fn before_a_container_runs_its_log_is_refused_with_the_reason() {
    if is_skipped() {
        return;
    }
    let _turn = quiet();
    let namespace = BED.namespace("waiting").unwrap();
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"waiting","namespace":"NAMESPACE"},"spec":{
        "containers":[{"name":"main","image":"docker.io/library/busybox:1.35","command":["true"],
        "volumeMounts":[{"name":"missing","mountPath":"/missing"}]}],
        "volumes":[{"name":"missing","secret":{"secretName":"missing"}}]}}"#;
    BED.apply(&pod.replace("NAMESPACE", namespace.name()))
        .unwrap();
    let scheduled = kubectl(&[
        "--namespace",
        namespace.name(),
        "wait",
        "pod/waiting",
        "--for=condition=PodScheduled",
        "--timeout=30s",
    ]);
    assert!(scheduled.status.success());
    let reason = "container \"main\" in pod \"waiting\" is waiting to start: ContainerCreating";
    let start = Instant::now();
    let output = loop {
        let output = kubectl(&["--namespace", namespace.name(), "logs", "waiting"]);
        // Until the kubelet has seen the pod, the answer is empty.
        if !output.stderr.is_empty() || start.elapsed() > Duration::from_secs(30) {
            break output;
        }
        thread::sleep(PERIOD);
    };
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains(reason),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn progress_without_a_newline_stays_invisible_and_then_is_one_record() {
    if is_skipped() {
        return;
    }
    let _turn = quiet();
    let namespace = BED.namespace("progress").unwrap();
    let script = r"echo begin; i=0; while [ $i -lt 150 ]; do i=$((i+1)); printf '\r%d of 150' $i; sleep .1; done; echo; sleep 2; echo end";
    started(&namespace, "bar", script);
    let mut follower = follow_command(&namespace, "bar")
        .arg("--timestamps")
        .spawn()
        .unwrap();
    let (mut text, mut reader) = first_line(&mut follower);
    assert!(text.trim_end().ends_with(" begin"), "{text}");
    text.clear();
    let start = Instant::now();
    reader.read_line(&mut text).unwrap();
    assert!(
        text.contains("\r1 of 150\r2 of 150") && text.contains("\r150 of 150\n"),
        "{text:?}"
    );
    assert!(
        start.elapsed() > Duration::from_secs(1),
        "nothing came while it was drawn"
    );
    follower.wait().unwrap();
}

#[test]
fn a_follower_ends_with_the_attempt_and_previous_has_the_last_attempt_only() {
    if is_skipped() {
        return;
    }
    let _turn = quiet();
    let namespace = BED.namespace("restarts").unwrap();
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"again","namespace":"NAMESPACE"},"spec":{
        "restartPolicy":"Always","terminationGracePeriodSeconds":0,"volumes":[{"name":"count","emptyDir":{}}],
        "containers":[{"name":"main","image":"docker.io/library/busybox:1.35","volumeMounts":[{"name":"count","mountPath":"/count"}],
        "command":["sh","-c","echo x >> /count/attempts; n=$(wc -l < /count/attempts); echo attempt $n; if [ $n -lt 3 ]; then sleep 3; exit 1; fi; sleep 1000"]}]}}"#;
    BED.apply(&pod.replace("NAMESPACE", namespace.name()))
        .unwrap();
    namespace.wait_phase("again", "Running", 30).unwrap();
    let output = follow(&namespace, "again").wait_with_output().unwrap();
    let followed = text(&output.stdout);
    assert!(output.status.success());
    assert_eq!(
        followed.lines().count(),
        1,
        "one attempt, and no word of the next: {followed}"
    );
    let restarted = kubectl(&[
        "--namespace",
        namespace.name(),
        "wait",
        "pod/again",
        "--for=jsonpath={.status.containerStatuses[0].restartCount}=2",
        "--timeout=60s",
    ]);
    assert!(restarted.status.success(), "{}", text(&restarted.stderr));
    let running = kubectl(&[
        "--namespace",
        namespace.name(),
        "wait",
        "pod/again",
        "--for=condition=Ready",
        "--timeout=60s",
    ]);
    assert!(running.status.success());
    let previous = kubectl(&[
        "--namespace",
        namespace.name(),
        "logs",
        "again",
        "--previous",
    ]);
    assert_eq!(text(&previous.stdout), "attempt 2\n");
    let current = kubectl(&["--namespace", namespace.name(), "logs", "again"]);
    assert_eq!(text(&current.stdout), "attempt 3\n");
}

#[test]
fn a_cut_connection_is_told_as_an_unexpected_end() {
    if is_skipped() {
        return;
    }
    let _turn = quiet();
    let namespace = BED.namespace("cut").unwrap();
    started(&namespace, "steady", &writes(1_000, 10, 20));
    let mut follower = follow(&namespace, "steady");
    let (line, mut reader) = first_line(&mut follower);
    assert!(line.starts_with("line "), "{line}");
    let logs = Matcher::Request {
        method: None,
        path_prefix: format!("/api/v1/namespaces/{}/pods/steady/log", namespace.name()),
    };
    let fault = BED
        .between_client_and_server()
        .set(logs, testbed::Fault::Cut, Times::Always)
        .unwrap();
    reader.read_to_string(&mut String::new()).unwrap();
    let mut said = String::new();
    follower
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(follower.wait().unwrap().code(), Some(1));
    assert!(
        said.contains("unexpected EOF") || said.contains("connection reset by peer"),
        "{said}"
    );
    drop(fault);
}

/// Node n2 is killed and comes back: one test, because everything else on that node would see it.
#[test]
fn a_lost_kubelet_and_a_lost_node_end_streams_as_if_all_were_well() {
    if is_skipped() {
        return;
    }
    let _turn = alone();
    let namespace = BED.namespace("loss").unwrap();
    namespace
        .run_pod_on("n2", "steady", &writes(100_000, 10, 20))
        .unwrap();
    namespace.wait_phase("steady", "Running", 30).unwrap();

    let mut follower = follow(&namespace, "steady");
    let (_, reader) = first_line(&mut follower);
    BED.stop_kubelet("n2").unwrap();
    assert_silent_success(follower, reader);
    assert_eq!(phase(&namespace), "Running");
    let refused = kubectl(&[
        "--namespace",
        namespace.name(),
        "logs",
        "steady",
        "--tail=1",
    ]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains(":10250"),
        "{}",
        text(&refused.stderr)
    );

    BED.start_kubelet("n2").unwrap();
    // The kubelet answers before it knows its pods again.
    let again = until_success(&["--namespace", namespace.name(), "logs", "steady"]);
    let reading = Reading::of(&text(&again.stdout));
    assert!(
        reading.distinct.contains(&1) && reading.holes() == 0,
        "the container went on: {}",
        text(&again.stderr)
    );

    let mut follower = follow(&namespace, "steady");
    let (_, reader) = first_line(&mut follower);
    BED.kill_node("n2").unwrap();
    assert_silent_success(follower, reader);
    assert_eq!(phase(&namespace), "Running");
    let gone = kubectl(&[
        "wait",
        "node/n2",
        "--for=condition=Ready=Unknown",
        "--timeout=60s",
    ]);
    assert!(gone.status.success(), "{}", text(&gone.stderr));
    BED.start_node("n2").unwrap();
}

fn assert_silent_success(mut follower: Child, mut reader: BufReader<std::process::ChildStdout>) {
    reader.read_to_string(&mut String::new()).unwrap();
    let mut said = String::new();
    follower
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(
        (follower.wait().unwrap().code(), said.as_str()),
        (Some(0), "")
    );
}

fn phase(namespace: &Namespace) -> String {
    text(
        &kubectl(&[
            "--namespace",
            namespace.name(),
            "get",
            "pod",
            "steady",
            "--output=jsonpath={.status.phase}",
        ])
        .stdout,
    )
}
