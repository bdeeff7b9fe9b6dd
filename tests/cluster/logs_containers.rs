//! What containers do to a follower: they restart, write what is no text, leave without a newline, and their pods are
//! replaced. Printed is what was written.

use std::{
    cell::RefCell,
    collections::{BTreeSet, VecDeque},
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use kubectl_trainer::{
    logs::{
        LogRequest, UserStart,
        attempts::Before,
        instance::{Follow, Outcome},
    },
    train_job::JobEnd,
};
use serde_json::Value;
use testbed::{Namespace, Testbed, User};

use crate::{
    reading::{
        Reading, Seen, SourceSeen, WAITS, let_go, make_runtime, request, run_restarting_job,
    },
    support::{binary, kubectl, wait_until},
};

/// Writes `ATTEMPT line 1` up to a number, and then an end without a newline. Each attempt leaves time to read the one
/// before to its end, which nobody can once this one has ended too.
const COUNTS: &str = r#"n=$(cat /state/n 2>/dev/null || echo 0); echo $((n+1)) >/state/n
[ $n -eq 0 ] || sleep 3; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "$n line $i"; done; printf "end of $n""#;

/// So many looks in a row show that a reader stays.
const LOOKS: usize = 4;

fn counted(attempt: u32) -> String {
    let mut text = String::new();
    for line in 1..=2000 {
        text += &format!("{attempt} line {line}\n");
    }
    text + &format!("end of {attempt}")
}

/// What `seq` writes.
fn numbers(from: u32, to: u32) -> String {
    let mut text = String::new();
    for number in from..=to {
        text += &format!("{number}\n");
    }
    text
}

fn scene(bed: &Testbed, hint: &str) -> Namespace {
    let namespace = bed.namespace(hint).unwrap();
    make_runtime(bed, &namespace, None);
    namespace
}

#[track_caller]
fn assert_whole(source: &SourceSeen, text: &str, seen: &Seen) {
    assert!(source.text == text.as_bytes(), "{}", seen.words());
    assert!(
        source.gaps.is_empty() && source.messages.is_empty(),
        "{}",
        seen.words()
    );
    assert_eq!(
        source.end.map(|end| end.0),
        Some(Outcome::Complete),
        "{}",
        seen.words()
    );
}

#[test]
fn every_line_of_every_node_comes_once_and_the_end_of_the_job_ends_it() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = scene(&bed, "counted");
    run_restarting_job(&bed, &namespace, 2, COUNTS);
    let seen = Reading::follow(&bed, &namespace).finish();
    assert_eq!(seen.end, Some(Ok(JobEnd::Complete)), "{}", seen.words());
    let mut steps: Vec<_> = seen
        .sources
        .iter()
        .map(|source| source.step.as_str())
        .collect();
    steps.sort_unstable();
    assert_eq!(steps, ["node-0", "node-1"]);
    for source in &seen.sources {
        assert_whole(source, &counted(0), &seen);
    }
}

#[test]
fn a_container_that_restarts_is_followed_through_its_attempts() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = scene(&bed, "restarts");
    run_restarting_job(&bed, &namespace, 1, &format!("{COUNTS}; [ $n -ge 2 ]"));
    let seen = Reading::follow(&bed, &namespace).finish();
    assert_eq!(seen.end, Some(Ok(JobEnd::Complete)), "{}", seen.words());
    assert_eq!(seen.sources.len(), 3, "{}", seen.words());
    for (attempt, source) in (0..).zip(&seen.sources) {
        assert_eq!((source.attempt, source.skipped), (attempt, 0));
        assert_whole(source, &counted(attempt), &seen);
    }
}

#[test]
fn the_attempt_before_is_read_where_it_is_wanted_and_what_waits_is_no_hang() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = scene(&bed, "previous");
    run_restarting_job(
        &bed,
        &namespace,
        1,
        &format!("{COUNTS}; [ $n -ge 1 ] || exit 1; echo; {WAITS}"),
    );
    // A container that was made and is not started yet has its number already, and no log of its own.
    wait_until("the second attempt", || {
        restarts(&bed, &namespace) == "1" && runs(&bed, &namespace)
    });
    let wanted = LogRequest {
        before: Before::Wanted,
        ..request(&namespace, Follow::No)
    };
    let seen = Reading::start(&bed, wanted, 1 << 20).finish();
    assert_eq!(seen.end, Some(Ok(JobEnd::NotOver)), "{}", seen.words());
    assert_eq!(seen.sources.len(), 2, "{}", seen.words());
    assert_whole(&seen.sources[0], &counted(0), &seen);
    let last_line = format!("{}\n", counted(1));
    assert!(
        last_line.as_bytes().starts_with(&seen.sources[1].text),
        "{}",
        seen.words()
    );
    let left = Reading::start(&bed, request(&namespace, Follow::No), 1 << 20).finish();
    assert_eq!(left.only().attempt, 1, "{}", left.words());
}

/// Of the only pod's container.
fn restarts(bed: &Testbed, namespace: &Namespace) -> String {
    container_status(bed, namespace, "restartCount")
}

/// Whether the only pod's container is at work.
fn runs(bed: &Testbed, namespace: &Namespace) -> bool {
    !container_status(bed, namespace, "state.running.startedAt").is_empty()
}

fn container_status(bed: &Testbed, namespace: &Namespace, field: &str) -> String {
    let place = ["--namespace", namespace.name(), "get", "pods", "--output"];
    let path = format!("jsonpath={{.items[*].status.containerStatuses[*].{field}}}");
    kubectl(bed, &[&place[..], &[path.as_str()]].concat())
}

#[test]
fn lines_that_are_long_hostile_or_empty_come_byte_for_byte() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = scene(&bed, "hostile");
    let fill = |bytes: u32| format!("head -c {bytes} /dev/zero | tr '\\0' x; echo");
    let script = format!(
        r#"{}; {}; {}; echo; printf '10%%\r20%%\r100%%\n'; printf '\033[31mred\033[0m\033]0;title\007\n'
printf 'no text \377\376\200\n'; printf '2026-11-21T11:55:00.123456789Z mine\n'; printf '\ttabs \n\n'; printf 'half'; sleep 2; printf ' and end'"#,
        fill(16_384),
        fill(100_000),
        fill(600_000)
    );
    run_restarting_job(&bed, &namespace, 1, &script);
    let seen = Reading::follow(&bed, &namespace).finish();
    let x = |count: usize| [vec![b'x'; count], vec![b'\n']].concat();
    let expected = [
        x(16_384),
        x(100_000),
        x(600_000),
        b"\n10%\r20%\r100%\n\x1b[31mred\x1b[0m\x1b]0;title\x07\n".to_vec(),
        b"no text \xff\xfe\x80\n2026-11-21T11:55:00.123456789Z mine\n\ttabs \n\nhalf and end"
            .to_vec(),
    ]
    .concat();
    let source = seen.only();
    assert!(source.text == expected, "{}", seen.words());
    assert!(
        source.gaps.is_empty() && source.messages.is_empty(),
        "{}",
        seen.words()
    );
}

#[test]
fn a_bar_without_an_end_is_read_while_it_grows_and_is_one_line_in_the_end() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = scene(&bed, "bar");
    // What has no end comes in pieces of 16 KiB, of which this makes two at once: the last whole update in them is 334.
    let draw = |from: u32| {
        format!(
            "i={from}; while [ $i -lt {} ]; do i=$((i+1)); printf '\\r%04d|%091d|' $i 0; done",
            from + 400
        )
    };
    let script = format!("{}; {WAITS}; {}; echo", draw(0), draw(400));
    run_restarting_job(&bed, &namespace, 1, &script);
    let reading = Reading::follow(&bed, &namespace);
    // The node says nothing more: what came last in a burst has to be told of itself.
    let is_newest = |source: &SourceSeen| source.unfinished.contains("\r0334|");
    reading.wait("the newest", |seen| seen.sources.iter().any(is_newest));
    let pod = reading.now(|seen| {
        assert!(seen.only().text.is_empty(), "{}", seen.words());
        seen.only().pod.clone()
    });
    let_go(&bed, &namespace, &pod);
    let seen = reading.finish();
    let updates = (1..=800).map(|number| format!("\r{number:04}|{:091}|", 0));
    let expected = updates.collect::<String>() + "\n";
    let source = seen.only();
    assert!(source.text == expected.as_bytes(), "{}", seen.words());
    assert!(source.gaps.is_empty(), "{}", seen.words());
}

#[test]
fn one_look_at_a_bar_without_an_end_tells_when_its_newest_part_was_written() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = scene(&bed, "bar-age");
    let draw = |from: u32| {
        format!(
            "i={from}; while [ $i -lt {} ]; do i=$((i+1)); \
             printf '\\rTraining:  40%%|%060d| %d/1000 [00:40<01:00, 10.0it/s]' 0 $i; done",
            from + 400
        )
    };
    let script = format!("{}; {WAITS}; {}; sleep 600", draw(0), draw(400));
    run_restarting_job(&bed, &namespace, 1, &script);
    // How many steps are done, and the moment of which that is told.
    let looked = || {
        let mut progress = binary();
        progress.args(["progress", "-n", namespace.name(), "-o", "json"]);
        progress.arg("--kubeconfig");
        progress.arg(bed.kubeconfig(&User::Admin).unwrap());
        let output = progress.output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let training = &document["items"][0]["training"];
        let done = training["step"]["done"].as_u64()?;
        let time: Timestamp = training["sourceTime"].as_str()?.parse().unwrap();
        Some((done, time))
    };
    wait_until("the first steps", || looked().is_some());
    let (_, begun) = looked().unwrap();
    let_go(&bed, &namespace, &pod_of(&bed, &namespace));
    let is_late = |(done, _)| done > 400;
    wait_until("the last steps", || looked().is_some_and(is_late));
    let (_, newest) = looked().unwrap();
    assert!(newest > begun, "{newest} {begun}");
}

#[test]
fn the_last_lines_are_those_at_the_first_look_and_everything_after_them() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = scene(&bed, "tail");
    run_restarting_job(
        &bed,
        &namespace,
        1,
        &format!("seq 1 100; {WAITS}; seq 101 150"),
    );
    let all = Reading::follow(&bed, &namespace);
    all.wait("written", |seen| {
        seen.sources
            .iter()
            .any(|source| source.lines().len() == 100)
    });
    let tailed = |lines| {
        let start = UserStart::Tail(lines);
        let request = LogRequest {
            start,
            ..request(&namespace, Follow::Yes)
        };
        Reading::start(&bed, request, 1 << 20)
    };
    let (five, none) = (tailed(5), tailed(0));
    five.wait("tailed", |seen| {
        seen.sources.iter().any(|source| source.lines().len() == 5)
    });
    let pod = pod_of(&bed, &namespace);
    wait_for_readers_at_the_end(&log_of(&bed, &namespace, &pod), 3);
    let_go(&bed, &namespace, &pod);
    let seen = all.finish();
    assert_whole(seen.only(), &numbers(1, 150), &seen);
    let seen = five.finish();
    assert_whole(seen.only(), &numbers(96, 150), &seen);
    let seen = none.finish();
    assert_whole(seen.only(), &numbers(101, 150), &seen);
}

/// The file on the only node in which the first attempt of a pod's container is logged.
fn log_of(bed: &Testbed, namespace: &Namespace, pod: &str) -> PathBuf {
    let begins = format!("{}_{pod}_", namespace.name());
    let folders = fs::read_dir(bed.pod_logs("n1")).unwrap();
    let folder = folders
        .map(|folder| folder.unwrap())
        .find(|folder| folder.file_name().to_string_lossy().starts_with(&begins));
    folder.unwrap().path().join("node/0.log")
}

/// Waits until so many have come to the end of a file and stay there. Who only passes, as whoever asks for the last line
/// alone, is not there at several looks in a row.
fn wait_for_readers_at_the_end(file: &Path, count: usize) {
    let looks = RefCell::new(VecDeque::new());
    wait_until("readers that stay at the end of the log", || {
        let mut looks = looks.borrow_mut();
        looks.push_back(readers_at_the_end(file));
        if looks.len() > LOOKS {
            looks.pop_front();
        }
        let is_same = looks.iter().all(|look| *look == looks[0]);
        looks.len() == LOOKS && is_same && looks[0].len() == count
    });
}

/// The processes that have this file open to read it and have come to its end, each with the number of its open file: a
/// kubelet that was asked for the last lines goes there first, and sends whatever is written from then on.
fn readers_at_the_end(file: &Path) -> BTreeSet<(PathBuf, OsString)> {
    let file = fs::metadata(file).unwrap();
    let is_at_the_end = |process: &Path, number: &str| {
        let open = fs::metadata(process.join("fd").join(number)).ok()?;
        let state = fs::read_to_string(process.join("fdinfo").join(number)).ok()?;
        let field = |name| {
            let mut lines = state.lines();
            lines
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let place: u64 = field("pos:")?.parse().ok()?;
        // The last octal digit says whether it reads, writes or does both.
        let reads = field("flags:")?.ends_with('0');
        let is_same = (open.dev(), open.ino()) == (file.dev(), file.ino());
        Some(is_same && reads && place == file.size())
    };
    // Processes and files that go meanwhile are none of those looked for.
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let open_files = processes.flat_map(|process| {
        let numbers = fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten();
        let numbers = numbers.flatten().map(|number| number.file_name());
        numbers.map(move |number| (process.path(), number))
    });
    open_files
        .filter(|(process, number)| is_at_the_end(process, &number.to_string_lossy()) == Some(true))
        .collect()
}

#[test]
fn a_pod_that_is_replaced_ends_and_the_next_is_read_from_its_beginning() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = scene(&bed, "replaced");
    run_restarting_job(
        &bed,
        &namespace,
        1,
        &format!("seq 1 300; {WAITS}; seq 301 400"),
    );
    let reading = Reading::follow(&bed, &namespace);
    let is_written = |source: &SourceSeen| source.lines().len() == 300;
    reading.wait("written", |seen| seen.sources.iter().any(is_written));
    let first = pod_of(&bed, &namespace);
    kubectl(
        &bed,
        &["--namespace", namespace.name(), "delete", "pod", &first],
    );
    reading.wait("replaced", |seen| {
        seen.sources.len() == 2 && is_written(&seen.sources[1])
    });
    let second = pod_of(&bed, &namespace);
    let_go(&bed, &namespace, &second);
    let seen = reading.finish();
    assert_eq!(seen.end, Some(Ok(JobEnd::Complete)), "{}", seen.words());
    assert_eq!(seen.sources[0].pod, first);
    assert_whole(&seen.sources[0], &numbers(1, 300), &seen);
    assert_eq!(seen.sources[1].pod, second);
    assert_whole(&seen.sources[1], &numbers(1, 400), &seen);
}

/// The pod that runs.
fn pod_of(bed: &Testbed, namespace: &Namespace) -> String {
    let place = ["--namespace", namespace.name(), "get", "pods", "--output"];
    let running = ["name", "--field-selector", "status.phase=Running"];
    let name = kubectl(bed, &[&place[..], &running].concat());
    name.trim().trim_start_matches("pod/").to_owned()
}
