//! What the streams of each follower carried, as the bed's proxy recorded it: where one stream goes from a line straight
//! to one that does not follow it, the kubelet left lines out, and no client could know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use super::line::{Shape, tag_and_number};
use super::stamp::Stamp;
use super::truth::Source;
use super::verdict::Broken;

/// Who follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Follower {
    Plugin,
    Stern,
    Kubectl,
}

/// In the order of the table.
pub(super) const FOLLOWERS: [Follower; 3] = [Follower::Plugin, Follower::Stern, Follower::Kubectl];

/// What the streams of each follower left out, source by source.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) broken: BTreeMap<(Follower, Source), Broken>,
    /// Text that streams carried as lines and no writer wrote: pieces of torn lines, and words of the kubelet.
    pub(super) foreign: BTreeSet<String>,
    pub(super) streams: BTreeMap<Follower, u64>,
}

/// Reads all records of a folder; one that never was made had no stream.
pub(super) fn read(folder: &Path, shape: &Shape) -> io::Result<Served> {
    let mut served = Served::default();
    let records = fs::read_dir(folder).into_iter().flatten().flatten();
    for record in records {
        served.read_record(&record.path(), shape)?;
    }
    Ok(served)
}

impl Served {
    fn read_record(&mut self, path: &Path, shape: &Shape) -> io::Result<()> {
        let mut record = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        record.read_until(b'\n', &mut line)?;
        let Some((follower, pod)) = follower_and_pod(&String::from_utf8_lossy(&line)) else {
            return Ok(());
        };
        *self.streams.entry(follower).or_default() += 1;
        let mut stream = Stream {
            follower,
            pod,
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
        Ok(())
    }
}

/// A stream as far as it was read.
struct Stream {
    follower: Follower,
    pod: String,
    /// The last whole line: tag and number.
    last: Option<(String, u64)>,
}

impl Stream {
    fn line(&mut self, text: &str, shape: &Shape, served: &mut Served) {
        let line = without_stamp(text);
        let Some((tag, number)) = tag_and_number(line) else {
            served.foreign.insert(line.to_owned());
            return;
        };
        let source = Source {
            pod: self.pod.clone(),
            tag: tag.to_owned(),
        };
        if !shape.is_whole(tag, number, line) {
            let broken = served.broken.entry((self.follower, source)).or_default();
            broken.torn.insert(number);
            return;
        }
        if let Some((of, from)) = &self.last
            && of == tag
            && number > from + 1
        {
            let broken = served.broken.entry((self.follower, source)).or_default();
            broken.jumps.entry(*from).or_default().insert(number);
        }
        self.last = Some((tag.to_owned(), number));
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
            let broken = &served.broken[&(follower, source())];
            assert_eq!(broken.jumps, [(5, [9].into())].into());
            assert_eq!(served.streams[&follower], 1);
        }
    }

    #[test]
    fn a_line_that_is_torn_inside_a_stream_is_found_and_one_at_a_cut_is_not() {
        let head = format!("{HEAD} kubectl/v1");
        let torn = line(5)[..50].to_owned() + "\n2026-01-31T12:00:00.000000000Z 567.\n";
        let served = served(&head, &(line(4) + &torn + &line(9) + &line(10)[..50]));
        let broken = &served.broken[&(Follower::Kubectl, source())];
        assert_eq!(broken.torn, [5].into());
        assert_eq!(broken.jumps, [(4, [9].into())].into());
        assert_eq!(served.foreign, ["567.".to_owned()].into());
    }

    #[test]
    fn a_stream_that_begins_late_leaves_nothing_out() {
        let body = [4, 5, 6].map(line).concat();
        assert!(
            served(&format!("{HEAD} kubectl/v1"), &body)
                .broken
                .is_empty()
        );
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
