//! What nodes do to a follower: files that rotate under it, a kubelet that stops, a node that dies, and a reader that rests
//! for longer than its buffer lasts. Whatever is not printed is marked, and nothing is marked that is.

use std::{
    io,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use kubectl_trainer::{
    logs::{
        instance::{Follow, Outcome},
        record::GapReason,
    },
    train_job::JobEnd,
};
use testbed::{LogRotation, Namespace, Options, Testbed, is_skipped};

use crate::{
    reading::{
        Reading, Seen, SourceSeen, WAITS, let_go, make_runtime, request, run_restarting_job,
    },
    support::kubectl,
};

/// Two nodes whose kubelets rotate logs at 64 KiB, looking every three seconds. One test has them at a time.
static BED: LazyLock<Testbed> = LazyLock::new(|| {
    let options = Options {
        nodes: 2,
        log_rotation: LogRotation::quick(),
        ..Options::with_trainer()
    };
    Testbed::start(&options, &mut io::stderr()).unwrap()
});
static TURN: Mutex<()> = Mutex::new(());
const NODE: &str = "n2";

fn take_turn() -> Option<MutexGuard<'static, ()>> {
    (!is_skipped()).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn scene(hint: &str) -> Namespace {
    let namespace = BED.namespace(hint).unwrap();
    make_runtime(&BED, &namespace, Some(NODE));
    namespace
}

/// Writes `line 1 …` up to `lines`, as many in each tenth of a second.
fn writes(lines: u32, a_tenth: u32) -> String {
    let padding = "x".repeat(120);
    format!(
        "i=0; while [ $i -lt {lines} ]; do k=0; while [ $k -lt {a_tenth} ]; do i=$((i+1)); k=$((k+1)); echo \"line $i {padding}\"; done; sleep 0.1; done"
    )
}

/// The numbers of the lines, each whole.
fn numbers(source: &SourceSeen) -> Vec<u32> {
    let number = |line: &&str| {
        let words: Vec<_> = line.split(' ').collect();
        assert!(words.len() == 3 && words[2].len() == 120, "torn: {line:?}");
        words[1].parse().unwrap()
    };
    source.lines().iter().map(number).collect()
}

/// Lines are missing where markers stand, at least one for each, and nowhere else. Gives how many there are.
#[track_caller]
fn assert_marked(source: &SourceSeen, last: u32, seen: &Seen) -> usize {
    let mut next = 1;
    let mut at = 0;
    let mut gaps = source.gaps.iter().map(|gap| gap.at).peekable();
    for (line, number) in source.lines().iter().zip(numbers(source)) {
        let is_marked = gaps.next_if_eq(&at).is_some();
        assert_eq!(
            number > next,
            is_marked,
            "line {number} after {}: {}",
            next - 1,
            seen.words()
        );
        assert!(number >= next, "{number} again: {}", seen.words());
        next = number + 1;
        at += line.len() + 1;
    }
    let is_marked = gaps.next().is_some();
    assert_eq!(
        next <= last,
        is_marked,
        "after line {}: {}",
        next - 1,
        seen.words()
    );
    source.gaps.len()
}

#[test]
fn a_file_that_rotates_under_a_follower_loses_nothing() {
    let Some(_turn) = take_turn() else { return };
    let namespace = scene("rotated");
    run_restarting_job(&BED, &namespace, 1, &writes(6_000, 50));
    let seen = Reading::follow(&BED, &namespace).finish();
    assert_eq!(seen.end, Some(Ok(JobEnd::Complete)), "{}", seen.words());
    let source = seen.only();
    assert_eq!(
        numbers(source),
        (1..=6_000).collect::<Vec<_>>(),
        "{}",
        seen.words()
    );
    assert!(
        source.gaps.is_empty() && source.messages.is_empty(),
        "{}",
        seen.words()
    );
    let rest = Reading::start(&BED, request(&namespace, Follow::No), 1 << 20).finish();
    assert!(rest.only().lines().len() < 6_000, "the file was rotated");
}

#[test]
fn a_kubelet_that_stops_for_a_while_costs_no_line() {
    let Some(_turn) = take_turn() else { return };
    let namespace = scene("kubelet");
    run_restarting_job(
        &BED,
        &namespace,
        1,
        &format!("{}; {WAITS}; seq 1 10", writes(300, 1)),
    );
    let reading = Reading::follow(&BED, &namespace);
    let count = |seen: &Seen| {
        seen.sources
            .iter()
            .map(|source| source.lines().len())
            .sum::<usize>()
    };
    reading.wait("begun", |seen| count(seen) > 20);
    BED.stop_kubelet(NODE).unwrap();
    BED.start_kubelet(NODE).unwrap();
    reading.wait("written", |seen| count(seen) == 300);
    let pod = kubectl(
        &BED,
        &[
            "--namespace",
            namespace.name(),
            "get",
            "pods",
            "--output",
            "name",
        ],
    );
    let_go(&BED, &namespace, pod.trim().trim_start_matches("pod/"));
    let seen = reading.finish();
    assert_eq!(seen.end, Some(Ok(JobEnd::Complete)), "{}", seen.words());
    let source = seen.only();
    assert_eq!(source.lines().len(), 310, "{}", seen.words());
    assert!(source.gaps.is_empty(), "{}", seen.words());
    assert!(
        source.end.is_some_and(|(_, reconnects)| reconnects > 0),
        "{}",
        seen.words()
    );
}

#[test]
fn what_rotated_away_while_the_buffer_was_full_is_marked_and_nothing_else() {
    let Some(_turn) = take_turn() else { return };
    let namespace = scene("rested");
    run_restarting_job(&BED, &namespace, 1, &writes(20_000, 100));
    let reading = Reading::start(&BED, request(&namespace, Follow::Yes), 1);
    reading.wait("begun", |seen| {
        seen.sources.iter().any(|source| !source.text.is_empty())
    });
    reading.while_stopped(|| {
        let place = ["--namespace", namespace.name(), "wait", "pods", "--all"];
        let done = ["--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s"];
        kubectl(&BED, &[&place[..], &done].concat());
    });
    let seen = reading.finish();
    let source = seen.only();
    assert!(assert_marked(source, 20_000, &seen) > 0, "{}", seen.words());
    let is_full =
        |gap: &crate::reading::GapSeen| gap.reason == GapReason::BufferFull && gap.after.is_some();
    assert!(source.gaps.iter().all(is_full), "{}", seen.words());
}

#[test]
fn a_node_that_dies_leaves_a_marker_when_its_pod_is_given_up() {
    let Some(_turn) = take_turn() else { return };
    let namespace = scene("died");
    run_restarting_job(&BED, &namespace, 1, &writes(100_000, 5));
    let reading = Reading::follow(&BED, &namespace);
    reading.wait("begun", |seen| {
        seen.sources.iter().any(|source| source.lines().len() > 20)
    });
    BED.kill_node(NODE).unwrap();
    let place = ["--namespace", namespace.name(), "delete", "pods", "--all"];
    kubectl(
        &BED,
        &[&place[..], &["--force", "--grace-period=0"]].concat(),
    );
    reading.wait("given up", |seen| seen.sources[0].end.is_some());
    kubectl(
        &BED,
        &[
            "--namespace",
            namespace.name(),
            "delete",
            "trainjob",
            "--all",
            "--wait=false",
        ],
    );
    let seen = reading.finish();
    let source = &seen.sources[0];
    let lines = numbers(source);
    assert!(
        lines
            .iter()
            .copied()
            .eq(1..=u32::try_from(lines.len()).unwrap()),
        "{}",
        seen.words()
    );
    let reasons: Vec<_> = source.gaps.iter().map(|gap| gap.reason).collect();
    assert!(
        matches!(reasons[..], [GapReason::PodGone | GapReason::NodeLost]),
        "{}",
        seen.words()
    );
    assert_eq!(source.end.map(|end| end.0), Some(Outcome::Incomplete));
    BED.start_node(NODE).unwrap();
}
