//! What is saved reads back as it was, whatever it is.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::logs::{
    instance::Outcome,
    record::{GapReason, SourceEnd},
    save::{SaveError, Saver, Stage},
};

const NOW: &str = "2026-11-21T11:55:00Z";

fn names() -> RunNames {
    RunNames {
        job: "train".to_owned(),
        namespace: "team".to_owned(),
        context: "c".to_owned(),
        server: "https://127.0.0.1:6443".to_owned(),
    }
}

fn opened(number: u32, step: &str, attempt: u32) -> Entry<'static> {
    Entry::Opened {
        source: SourceId(number),
        described: LogSource {
            step: step.to_owned(),
            pod: format!("train-{}-{attempt}", step.replace('/', "-")),
            pod_uid: "u".to_owned(),
            container: "node".to_owned(),
            node: Some("worker".to_owned()),
            attempt,
            round: 0,
        },
    }
}

fn piece(number: u32, nanoseconds: i64, part: Part, text: &[u8]) -> Entry<'_> {
    Entry::Piece {
        source: SourceId(number),
        stamp: later(EPOCH, nanoseconds),
        part,
        end: LineEnd::Newline,
        text,
    }
}

fn line(number: u32, nanoseconds: i64, text: &str) -> Entry<'_> {
    piece(number, nanoseconds, Part::Whole, text.as_bytes())
}

fn save(folder: &Path, entries: &[Entry<'_>]) {
    let mut saver = Saver::create(folder, names(), NOW).unwrap();
    for entry in entries {
        saver.push(entry).unwrap();
    }
    saver.settle(Stage::Over("Complete"), NOW).unwrap();
}

fn read(folder: &Path, start: SavedStart) -> Vec<String> {
    let mut seen = Vec::new();
    let wanted = Wanted {
        selection: Selection::default(),
        start,
    };
    let saved = Saved::open(folder).unwrap();
    let mut show = |entry: &Entry<'_>| {
        seen.push(format!("{entry:?}"));
        Appetite::More
    };
    saved.read(&wanted, &mut show).unwrap();
    seen
}

fn texts(entries: &[Entry<'_>]) -> Vec<String> {
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}

#[test]
fn a_log_is_saved_byte_for_byte_and_every_entry_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (id, other) = (SourceId(0), SourceId(1));
    let entries = [
        opened(0, "node-0", 0),
        line(0, 10, "one"),
        piece(0, 20, Part::First, b"a\xff"),
        piece(0, 20, Part::Last, b"b\r"),
        Entry::Gap {
            source: id,
            after: Some(later(EPOCH, 20)),
            before: None,
            reason: GapReason::Rotated,
        },
        Entry::Piece {
            source: id,
            stamp: later(EPOCH, 5),
            part: Part::Whole,
            end: LineEnd::Missing,
            text: b"last words",
        },
        Entry::Ended {
            source: id,
            end: SourceEnd {
                outcome: Outcome::Complete,
                reconnects: 3,
            },
        },
        opened(1, "node-0", 1),
        Entry::Skipped {
            source: other,
            attempts: 2,
        },
        line(1, 30, "two"),
        Entry::Message {
            source: other,
            text: b"no such file",
        },
    ];
    save(folder.path(), &entries);
    let bytes = fs::read(folder.path().join("node-0.log")).unwrap();
    assert_eq!(bytes, b"one\na\xffb\r\nlast wordstwo\n");
    assert_eq!(read(folder.path(), SavedStart::All), texts(&entries));
}

#[test]
fn steps_have_files_of_their_own_also_where_a_name_has_a_slash() {
    let folder = tempfile::tempdir().unwrap();
    let entries = [
        opened(0, "node-0", 0),
        opened(1, "node-0/istio-proxy", 0),
        line(1, 1, "proxy"),
        line(0, 2, "node"),
    ];
    save(folder.path(), &entries);
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "index.json",
            "node-0.index",
            "node-0.istio-proxy.index",
            "node-0.istio-proxy.log",
            "node-0.log"
        ]
    );
    let expected = [&entries[0], &entries[3], &entries[1], &entries[2]];
    let expected: Vec<_> = expected.iter().map(|entry| format!("{entry:?}")).collect();
    assert_eq!(read(folder.path(), SavedStart::All), expected);
}

#[test]
fn the_last_lines_of_each_source_and_those_since_a_moment_can_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let entries = [
        opened(0, "node-0", 0),
        line(0, 10, "a"),
        line(0, 20, "b"),
        line(0, 30, "c"),
        opened(1, "node-1", 0),
        line(1, 20, "d"),
    ];
    save(folder.path(), &entries);
    let all = texts(&entries);
    let tail = [&all[0], &all[3], &all[4], &all[5]];
    assert!(read(folder.path(), SavedStart::Tail(1)).iter().eq(tail));
    let since = SavedStart::Since(later(EPOCH, 20));
    let expected = [&all[0], &all[2], &all[3], &all[4], &all[5]];
    assert!(read(folder.path(), since).iter().eq(expected));
    let both = |lines, since| SavedStart::TailSince(lines, later(EPOCH, since));
    assert!(read(folder.path(), both(1, 20)).iter().eq(tail));
    let late = [&all[0], &all[3], &all[4]];
    assert!(read(folder.path(), both(2, 30)).iter().eq(late));
}

#[test]
fn one_node_of_a_saved_run_can_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let entries = [
        opened(0, "node-0", 0),
        line(0, 10, "a"),
        opened(1, "node-1", 0),
        line(1, 20, "d"),
        opened(2, "node-1/istio-proxy", 0),
    ];
    save(folder.path(), &entries);
    let steps = |steps: &[&str], nodes: &[u32]| {
        let selection = Selection {
            steps: steps.iter().map(|step| (*step).to_owned()).collect(),
            nodes: nodes.to_vec(),
            ..Selection::default()
        };
        let wanted = Wanted {
            selection,
            start: SavedStart::All,
        };
        let mut seen = Vec::new();
        let mut show = |entry: &Entry<'_>| {
            if let Entry::Opened { described, .. } = entry {
                seen.push(described.step.clone());
            }
            Appetite::More
        };
        Saved::open(folder.path())
            .unwrap()
            .read(&wanted, &mut show)
            .unwrap();
        seen
    };
    assert_eq!(steps(&["node-0"], &[]), ["node-0"]);
    assert_eq!(steps(&[], &[1]), ["node-1", "node-1/istio-proxy"]);
    assert_eq!(steps(&["node-1/istio-proxy"], &[]), ["node-1/istio-proxy"]);
    assert_eq!(steps(&["node"], &[]).len(), 3);
    assert_eq!(steps(&["node-0"], &[1]).len(), 3);
    assert_eq!(steps(&["launcher"], &[]), Vec::<String>::new());
}

#[test]
fn only_files_with_something_new_are_touched() {
    let folder = tempfile::tempdir().unwrap();
    let there = |name: &str| folder.path().join(name).exists();
    let mut saver = Saver::create(folder.path(), names(), NOW).unwrap();
    for entry in [opened(0, "node-0", 0), opened(1, "node-1", 0)] {
        saver.push(&entry).unwrap();
    }
    assert_eq!(saver.undescribed(), 2);
    saver.settle(Stage::More, NOW).unwrap();
    assert_eq!(saver.undescribed(), 0);
    for name in ["node-0.log", "node-0.index", "node-1.index", RUN_FILE] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    saver.push(&line(1, 10, "a")).unwrap();
    saver.settle(Stage::More, NOW).unwrap();
    assert!(there("node-1.log") && there("node-1.index"));
    assert!(!there("node-0.log") && !there("node-0.index") && !there(RUN_FILE));
    saver.settle(Stage::GoesOn, NOW).unwrap();
    assert!(there(RUN_FILE));
}

#[test]
fn a_folder_holds_one_run() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), &[]);
    let again = Saver::create(folder.path(), names(), NOW);
    assert!(matches!(again, Err(SaveError::Taken { .. })));
    fs::remove_file(folder.path().join(RUN_FILE)).unwrap();
    fs::write(folder.path().join("thesis.txt"), "x").unwrap();
    let again = Saver::create(folder.path(), names(), NOW);
    assert!(matches!(again, Err(SaveError::NotEmpty { .. })));
}

#[test]
fn a_run_that_was_killed_reads_back_up_to_its_last_whole_mark() {
    let folder = tempfile::tempdir().unwrap();
    let entries = [
        opened(0, "node-0", 0),
        line(0, 10, "one"),
        line(0, 25, "three"),
    ];
    save(folder.path(), &entries);
    let index = folder.path().join("node-0.index");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, &text[..text.len() - 1]).unwrap();
    assert_eq!(read(folder.path(), SavedStart::All), texts(&entries[..2]));
}

#[test]
fn what_is_no_saved_run_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let refusal = || Saved::open(path).unwrap_err();
    assert!(matches!(refusal(), SavedError::NothingSaved { .. }));
    fs::write(path.join(RUN_FILE), "{}").unwrap();
    assert!(matches!(refusal(), SavedError::Changed { .. }));
    fs::remove_file(path.join(RUN_FILE)).unwrap();
    save(path, &[opened(0, "node-0", 0), line(0, 1, "one")]);
    let run = fs::read_to_string(path.join(RUN_FILE)).unwrap();
    let outside = run.replacen("\"name\": \"node-0\"", "\"name\": \"../node-0\"", 1);
    assert_ne!(run, outside);
    fs::write(path.join(RUN_FILE), outside).unwrap();
    assert!(matches!(refusal(), SavedError::Changed { .. }));
    let newer = run.replacen("\"version\": 1", "\"version\": 2", 1);
    fs::write(path.join(RUN_FILE), newer).unwrap();
    assert!(matches!(refusal(), SavedError::Newer { version: 2, .. }));
}

#[test]
fn a_source_with_a_name_that_no_container_has_is_refused() {
    for step in ["node\u{1b}[2J-0", "", "Node"] {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), &[opened(0, step, 0)]);
        let wanted = Wanted {
            selection: Selection::default(),
            start: SavedStart::All,
        };
        let saved = Saved::open(folder.path()).unwrap();
        let read = saved.read(&wanted, &mut |_| Appetite::More);
        assert!(matches!(read, Err(SavedError::Changed { .. })), "{step:?}");
    }
}

#[test]
fn a_log_that_does_not_fit_its_index_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    save(
        folder.path(),
        &[opened(0, "node-0", 0), line(0, 1, "one"), line(0, 2, "two")],
    );
    for log in ["one\n", "oneXtwoX"] {
        fs::write(folder.path().join("node-0.log"), log).unwrap();
        let wanted = Wanted {
            selection: Selection::default(),
            start: SavedStart::All,
        };
        let saved = Saved::open(folder.path()).unwrap();
        let read = saved.read(&wanted, &mut |_| Appetite::More);
        assert!(matches!(read, Err(SavedError::File { .. })), "{log}");
    }
}

proptest! {
    #[test]
    fn any_entries_of_one_step_come_back_as_they_went(
        lines in prop::collection::vec(
            (0u32..3, -3_000_000_000i64..3_000_000_000, prop::collection::vec(any::<u8>(), 0..5)), 0..60,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut entries: Vec<_> = (0..3).map(|number| opened(number, "node-0", number)).collect();
        for (number, moment, text) in &lines {
            entries.push(piece(*number, *moment, Part::Whole, text));
        }
        save(folder.path(), &entries);
        prop_assert_eq!(read(folder.path(), SavedStart::All), texts(&entries));
    }
}
