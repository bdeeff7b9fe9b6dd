//! What the streams of each follower carried, as the bed's proxy recorded it: where one stream goes from a line straight
//! to one that does not follow it, the kubelet left lines out, and no client could know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use testbed::faults::COMPLETE;

use super::line::{Shape, tag_and_number};
use super::stamp::Stamp;
use super::truth::Source;
use super::verdict::Carried;

/// Who follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Follower {
    Plugin,
    Stern,
    Kubectl,
}

/// In the order of the table.
pub(super) const FOLLOWERS: [Follower; 3] = [Follower::Plugin, Follower::Stern, Follower::Kubectl];

/// What the streams of each follower carried, source by source.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) carried: BTreeMap<(Follower, Source), Carried>,
    /// Text that a follower's streams carried as lines and no writer wrote: pieces of torn lines, and words of the
    /// kubelet.
    pub(super) foreign: BTreeMap<Follower, BTreeSet<String>>,
    /// The streams that were to go on, by follower and pod.
    pub(super) streams: BTreeMap<(Follower, String), u64>,
}

/// Reads all records of a folder; one that never was made had no stream.
pub(super) fn read(folder: &Path, shape: &Shape) -> io::Result<Served> {
    let mut served = Served::default();
    let records = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = records.map(|record| record.path());
    for record in paths.filter(|path| path.extension().is_none()) {
        served.read_record(&record, shape)?;
    }
    Ok(served)
}

/// How often the plugin began to follow the pod that it began to follow most often, by the records so far.
pub(super) fn most_begun(folder: &Path) -> u64 {
    let records = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut begun: BTreeMap<String, u64> = BTreeMap::new();
    for record in records {
        let mut head = Vec::new();
        let read = File::open(record.path())
            .and_then(|file| BufReader::new(file).read_until(b'\n', &mut head));
        let head = String::from_utf8_lossy(&head);
        // A record that is just being begun is looked at again.
        if let (Ok(_), Some((Follower::Plugin, pod))) = (read, follower_and_pod(&head))
            && head.contains("follow=true")
        {
            *begun.entry(pod).or_default() += 1;
        }
    }
    begun.into_values().max().unwrap_or(0)
}

impl Served {
    fn read_record(&mut self, path: &Path, shape: &Shape) -> io::Result<()> {
        let mut record = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        record.read_until(b'\n', &mut line)?;
        let head = String::from_utf8_lossy(&line).into_owned();
        let Some((follower, pod)) = follower_and_pod(&head) else {
            return Ok(());
        };
        if head.contains("follow=true") {
            *self.streams.entry((follower, pod.clone())).or_default() += 1;
        }
        let mut stream = Stream {
            follower,
            pod,
            kind: Kind::of(&head, path),
            last: None,
        };
        line.clear();
        while record.read_until(b'\n', &mut line)? > 0 {
            // The end of a stream that was cut is no line.
            if let Some(text) = String::from_utf8_lossy(&line).strip_suffix('\n') {
                stream.line(text, shape, self);
            }
            line.clear();
        }
        stream.end(self);
        Ok(())
    }
}

/// What an answer was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The plugin's look at a file's last line alone: what it shows is compared, and no stream brought it.
    Look,
    /// A stream that was to go on, and that the server itself ended.
    Complete,
    Other,
}

impl Kind {
    fn of(head: &str, record: &Path) -> Kind {
        match head.contains("follow=true") {
            false if head.contains("tailLines=1 ") => Self::Look,
            true if record.with_extension(COMPLETE).exists() => Self::Complete,
            _ => Self::Other,
        }
    }
}

/// A stream as far as it was read.
struct Stream {
    follower: Follower,
    pod: String,
    kind: Kind,
    /// The last whole line: tag and number.
    last: Option<(String, u64)>,
}

impl Stream {
    fn line(&mut self, text: &str, shape: &Shape, served: &mut Served) {
        let line = without_stamp(text);
        let Some((tag, number)) = tag_and_number(line) else {
            let foreign = served.foreign.entry(self.follower).or_default();
            foreign.insert(line.to_owned());
            return;
        };
        let source = Source {
            pod: self.pod.clone(),
            tag: tag.to_owned(),
        };
        let carried = served.carried.entry((self.follower, source)).or_default();
        if self.kind == Kind::Look {
            return;
        }
        if !shape.is_whole(tag, number, line) {
            carried.torn.insert(number);
            return;
        }
        carried.whole.insert(number);
        if let Some((of, from)) = &self.last
            && of == tag
        {
            (from + 1..number).for_each(|between| carried.jumped.insert(between));
        }
        self.last = Some((tag.to_owned(), number));
    }

    fn end(self, served: &mut Served) {
        if let (Kind::Complete, Some((tag, number))) = (self.kind, self.last) {
            let source = Source { pod: self.pod, tag };
            let carried = served.carried.entry((self.follower, source)).or_default();
            carried.ends.insert(number);
        }
    }
}

/// Of a record's first line: `GET /api/v1/namespaces/a/pods/b/log?follow=true kubectl/v1 …`.
fn follower_and_pod(head: &str) -> Option<(Follower, String)> {
    let mut words = head.split_whitespace();
    let path = words.nth(1)?;
    let agent = words.next().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let (rest, pod) = path.strip_suffix("/log")?.rsplit_once('/')?;
    let follower = match agent.split('/').next() {
        Some("kubectl") => Follower::Kubectl,
        Some("kubectl-trainer") => Follower::Plugin,
        Some("stern") => Follower::Stern,
        _ => return None,
    };
    rest.ends_with("/pods").then(|| (follower, pod.to_owned()))
}

/// The line behind its stamp, where it has one.
fn without_stamp(text: &str) -> &str {
    match text.split_once(' ') {
        Some((stamp, line)) if Stamp::parse(stamp).is_some() => line,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lossless::verdict::Numbers;

    const HEAD: &str = "GET /api/v1/namespaces/a/pods/b/log?follow=true&timestamps=true";

    const SHAPE: Shape = Shape {
        base: 2,
        spread: 9,
        long_every: 0,
        long: 0,
    };

    fn line(number: u64) -> String {
        let text = SHAPE.text("abcd1234", number);
        format!("2026-01-31T12:00:00.000000000Z {text}\n")
    }

    fn served(head: &str, body: &str) -> Served {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("1"), format!("{head}\n{body}")).unwrap();
        read(folder.path(), &SHAPE).unwrap()
    }

    fn numbers(of: &Numbers) -> Vec<u64> {
        (0..20).filter(|number| of.contains(*number)).collect()
    }

    fn source() -> Source {
        Source {
            pod: "b".to_owned(),
            tag: "abcd1234".to_owned(),
        }
    }

    #[test]
    fn a_jump_inside_one_stream_is_found_and_belongs_to_its_follower() {
        for (agent, follower) in [
            ("kubectl-trainer/0.1.0", Follower::Plugin),
            ("kubectl/v1.36.4 (linux/amd64)", Follower::Kubectl),
            ("stern/v0.0.0 (linux/amd64)", Follower::Stern),
        ] {
            let body = [4, 5, 9, 10].map(line).concat();
            let served = served(&format!("{HEAD} {agent}"), &body);
            let carried = &served.carried[&(follower, source())];
            assert_eq!(numbers(&carried.jumped), [6, 7, 8]);
            assert_eq!(numbers(&carried.whole), [4, 5, 9, 10]);
            assert_eq!(served.streams[&(follower, "b".to_owned())], 1);
        }
    }

    #[test]
    fn only_the_plugins_streams_that_go_on_are_counted_as_begun() {
        let folder = tempfile::tempdir().unwrap();
        let heads = [
            (HEAD, "kubectl-trainer/0.1.0"),
            (HEAD, "kubectl-trainer/0.1.0"),
            (HEAD, "stern/v0"),
            (
                "GET /api/v1/namespaces/a/pods/b/log",
                "kubectl-trainer/0.1.0",
            ),
        ];
        for (number, (head, agent)) in heads.into_iter().enumerate() {
            let path = folder.path().join(number.to_string());
            fs::write(path, format!("{head} {agent}\n")).unwrap();
            let expected = [1, 2, 2, 2][number];
            assert_eq!(most_begun(folder.path()), expected);
        }
    }

    #[test]
    fn a_line_that_is_torn_inside_a_stream_is_found_and_one_at_a_cut_is_not() {
        let head = format!("{HEAD} kubectl/v1");
        let torn = line(5)[..50].to_owned() + "\n2026-01-31T12:00:00.000000000Z 567.\n";
        let served = served(&head, &(line(4) + &torn + &line(9) + &line(10)[..50]));
        let carried = &served.carried[&(Follower::Kubectl, source())];
        assert_eq!(carried.torn, [5].into());
        assert_eq!(numbers(&carried.jumped), [5, 6, 7, 8]);
        let foreign = &served.foreign[&Follower::Kubectl];
        assert_eq!(*foreign, ["567.".to_owned()].into());
        assert!(!served.foreign.contains_key(&Follower::Plugin));
    }

    #[test]
    fn a_look_at_the_last_line_brings_no_line() {
        let head =
            "GET /api/v1/namespaces/a/pods/b/log?timestamps=true&tailLines=1 kubectl-trainer/0.1.0";
        let served = served(head, &line(4));
        assert_eq!(
            served.carried[&(Follower::Plugin, source())],
            Carried::default()
        );
    }

    #[test]
    fn where_the_server_ended_a_stream_that_was_to_go_on_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let record = |name: &str, head: &str, last: u64| {
            let body: String = (last - 1..=last).map(line).collect();
            fs::write(folder.path().join(name), format!("{head} stern/v0\n{body}")).unwrap();
        };
        record("1", HEAD, 4);
        record("2", HEAD, 7);
        record("3", "GET /api/v1/namespaces/a/pods/b/log", 9);
        for complete in ["2", "3"] {
            let path = folder.path().join(complete).with_extension(COMPLETE);
            fs::write(path, "").unwrap();
        }
        let served = read(folder.path(), &SHAPE).unwrap();
        let carried = &served.carried[&(Follower::Stern, source())];
        assert_eq!(carried.ends, [7].into());
        assert_eq!(served.streams.len(), 1);
    }

    #[test]
    fn a_stream_that_begins_late_leaves_nothing_out() {
        let body = [4, 5, 6].map(line).concat();
        let served = served(&format!("{HEAD} kubectl/v1"), &body);
        let carried = &served.carried[&(Follower::Kubectl, source())];
        assert_eq!(numbers(&carried.jumped), [0; 0]);
    }

    #[test]
    fn other_requests_and_other_clients_are_passed_over() {
        for head in [
            "GET /api/v1/namespaces/a/pods/b kubectl/v1",
            "GET /api/v1/namespaces/a/pods/b/log curl/8",
            "GET /api/v1/nodes kubectl/v1",
        ] {
            assert!(served(head, &line(1)).streams.is_empty(), "{head}");
        }
    }
}
