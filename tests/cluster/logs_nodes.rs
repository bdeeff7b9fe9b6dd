//! What nodes do to a follower: files that rotate under it, a kubelet that stops, a node that dies, and a reader that rests
//! for longer than its buffer lasts. Whatever is not printed is marked, and nothing is marked that is.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use kubectl_trainer::{
    logs::{
        instance::{Follow, Outcome},
        record::GapReason,
    },
    train_job::JobEnd,
};
use testbed::{CommonBed, LogRotation, Namespace, Options, Testbed};

use crate::{
    reading::{Reading, Seen, SourceSeen, let_go, make_runtime, request, run_restarting_job},
    support::kubectl,
};

/// Two nodes whose kubelets rotate logs at 64 KiB, looking every three seconds. The second may be broken; Trainer's
/// controllers are on the first.
static BED: CommonBed = CommonBed::new(|| Options {
    nodes: 2,
    fragile_nodes: 1,
    log_rotation: LogRotation::quick(),
    ..Options::with_trainer()
});
static TURN: Mutex<()> = Mutex::new(());
const FRAGILE: &str = "n2";

/// The node that may be broken, for one test at a time. Whatever that did to it, the next finds it at work.
struct FragileNode {
    bed: Testbed,
    _turn: MutexGuard<'static, ()>,
}

impl FragileNode {
    fn take(bed: &Testbed) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            bed: bed.clone(),
            _turn: turn,
        }
    }
}

impl Drop for FragileNode {
    fn drop(&mut self) {
        let start = self.bed.start_node(FRAGILE);
        // A test that has failed already says why itself.
        assert!(start.is_ok() || thread::panicking(), "{start:?}");
    }
}

/// A namespace with the runtime of a reading, whose pods go on the node that is named.
fn scene(bed: &Testbed, hint: &str, node: Option<&str>) -> Namespace {
    let namespace = bed.namespace(hint).unwrap();
    make_runtime(bed, &namespace, node);
    namespace
}

/// Writes `line 1 …` up to `lines`, as many in each tenth of a second.
fn writes(lines: u32, a_tenth: u32) -> String {
    let padding = "x".repeat(120);
    format!(
        "i=0; while [ $i -lt {lines} ]; do k=0; while [ $k -lt {a_tenth} ]; do i=$((i+1)); k=$((k+1)); echo \"line $i {padding}\"; done; sleep 0.1; done"
    )
}

/// Writes `line 1 …` and on, ten in a second, until it is told to go; the last line is `written` and their number.
fn writes_until_told() -> String {
    let padding = "x".repeat(120);
    format!(
        "i=0; while [ ! -e /state/go ]; do i=$((i+1)); echo \"line $i {padding}\"; sleep 0.1; done; echo \"written $i\""
    )
}

/// The numbers of the lines, each whole.
fn numbers(lines: &[&str]) -> Vec<u32> {
    let number = |line: &&str| {
        let words: Vec<_> = line.split(' ').collect();
        assert!(words.len() == 3 && words[2].len() == 120, "torn: {line:?}");
        words[1].parse().unwrap()
    };
    lines.iter().map(number).collect()
}

/// How many lines have come of all sources.
fn count(seen: &Seen) -> usize {
    let lines = seen.sources.iter().map(|source| source.lines().len());
    lines.sum()
}

/// Lines are missing where markers stand, at least one for each, and nowhere else. Gives how many there are.
#[track_caller]
fn assert_marked(source: &SourceSeen, last: u32, seen: &Seen) -> usize {
    let mut next = 1;
    let mut at = 0;
    let mut gaps = source.gaps.iter().map(|gap| gap.at).peekable();
    for (line, number) in source.lines().iter().zip(numbers(&source.lines())) {
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
    let Some(bed) = BED.take() else { return };
    let namespace = scene(&bed, "rotated", None);
    run_restarting_job(&bed, &namespace, 1, &writes(6_000, 50));
    let seen = Reading::follow(&bed, &namespace).finish();
    assert_eq!(seen.end, Some(Ok(JobEnd::Complete)), "{}", seen.words());
    let source = seen.only();
    assert_eq!(
        numbers(&source.lines()),
        (1..=6_000).collect::<Vec<_>>(),
        "{}",
        seen.words()
    );
    assert!(
        source.gaps.is_empty() && source.messages.is_empty(),
        "{}",
        seen.words()
    );
    let rest = Reading::start(&bed, request(&namespace, Follow::No), 1 << 20).finish();
    assert!(rest.only().lines().len() < 6_000, "the file was rotated");
}

#[test]
fn a_kubelet_that_stops_for_a_while_costs_no_line() {
    let Some(bed) = BED.take() else { return };
    let _node = FragileNode::take(&bed);
    let namespace = scene(&bed, "kubelet", Some(FRAGILE));
    run_restarting_job(&bed, &namespace, 1, &writes_until_told());
    let reading = Reading::follow(&bed, &namespace);
    reading.wait("begun", |seen| count(seen) > 20);
    bed.stop_kubelet(FRAGILE).unwrap();
    bed.start_kubelet(FRAGILE).unwrap();
    reading.wait("opened again", |seen| seen.sources[0].reopened > 0);
    let before = reading.now(count);
    reading.wait("read on", |seen| count(seen) > before);
    let_go(
        &bed,
        &namespace,
        &reading.now(|seen| seen.only().pod.clone()),
    );
    let seen = reading.finish();
    assert_eq!(seen.end, Some(Ok(JobEnd::Complete)), "{}", seen.words());
    let source = seen.only();
    let lines = source.lines();
    let (last, lines) = lines.split_last().unwrap();
    let written: u32 = last.strip_prefix("written ").unwrap().parse().unwrap();
    assert_eq!(
        numbers(lines),
        (1..=written).collect::<Vec<_>>(),
        "{}",
        seen.words()
    );
    assert!(source.gaps.is_empty(), "{}", seen.words());
    assert!(
        source.end.is_some_and(|(_, reconnects)| reconnects > 0),
        "{}",
        seen.words()
    );
}

#[test]
fn what_rotated_away_while_the_buffer_was_full_is_marked_and_nothing_else() {
    let Some(bed) = BED.take() else { return };
    let namespace = scene(&bed, "rested", None);
    run_restarting_job(&bed, &namespace, 1, &writes(20_000, 100));
    let reading = Reading::start(&bed, request(&namespace, Follow::Yes), 1);
    reading.wait("begun", |seen| {
        seen.sources.iter().any(|source| !source.text.is_empty())
    });
    reading.while_stopped(|| {
        let place = ["--namespace", namespace.name(), "wait", "pods", "--all"];
        let done = ["--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s"];
        kubectl(&bed, &[&place[..], &done].concat());
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
    let Some(bed) = BED.take() else { return };
    let _node = FragileNode::take(&bed);
    let namespace = scene(&bed, "died", Some(FRAGILE));
    run_restarting_job(&bed, &namespace, 1, &writes(100_000, 5));
    let reading = Reading::follow(&bed, &namespace);
    reading.wait("begun", |seen| count(seen) > 20);
    bed.kill_node(FRAGILE).unwrap();
    let place = ["--namespace", namespace.name(), "delete"];
    let pods = ["pods", "--all", "--force", "--grace-period=0"];
    kubectl(&bed, &[&place[..], &pods].concat());
    reading.wait("given up", |seen| seen.sources[0].end.is_some());
    let job = ["trainjob", "--all", "--wait=false"];
    kubectl(&bed, &[&place[..], &job].concat());
    let seen = reading.finish();
    let source = &seen.sources[0];
    let lines = numbers(&source.lines());
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
}
