//! What the streams of each follower carried, as the bed's proxy recorded it: where one stream goes from a line straight
//! to one that does not follow it, the kubelet left lines out, and no client could know.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use super::line::tag_and_number;
use super::truth::Source;
use super::verdict::Jumps;

/// Who follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Follower {
    Plugin,
    Stern,
    Kubectl,
}

/// In the order of the table.
pub(super) const FOLLOWERS: [Follower; 3] = [Follower::Plugin, Follower::Stern, Follower::Kubectl];

/// The jumps of each follower in each source, and how many streams it opened.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) jumps: BTreeMap<(Follower, Source), Jumps>,
    pub(super) streams: BTreeMap<Follower, u64>,
}

/// Reads all records of a folder; one that never was made had no stream.
pub(super) fn read(folder: &Path) -> io::Result<Served> {
    let mut served = Served::default();
    let records = fs::read_dir(folder).into_iter().flatten().flatten();
    for record in records {
        served.read_record(&record.path())?;
    }
    Ok(served)
}

impl Served {
    fn read_record(&mut self, path: &Path) -> io::Result<()> {
        let mut record = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        record.read_until(b'\n', &mut line)?;
        let Some((follower, pod)) = follower_and_pod(&String::from_utf8_lossy(&line)) else {
            return Ok(());
        };
        *self.streams.entry(follower).or_default() += 1;
        let mut last: Option<(String, u64)> = None;
        line.clear();
        while record.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            let ended = text.ends_with('\n');
            let next = streamed_line(&text).filter(|_| ended);
            if let Some((tag, number)) = next {
                let from = last
                    .as_ref()
                    .map_or(0, |(of, number)| if of == tag { *number } else { 0 });
                if last.is_some() && number > from + 1 {
                    self.jump((follower, &pod, tag), from, number);
                }
                last = Some((tag.to_owned(), number));
            }
            line.clear();
        }
        Ok(())
    }

    fn jump(&mut self, (follower, pod, tag): (Follower, &str, &str), from: u64, to: u64) {
        let source = Source {
            pod: pod.to_owned(),
            tag: tag.to_owned(),
        };
        let jumps = self.jumps.entry((follower, source)).or_default();
        jumps.entry(from).or_default().insert(to);
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

/// The line behind its stamp, if it has one.
fn streamed_line(text: &str) -> Option<(&str, u64)> {
    tag_and_number(text).or_else(|| tag_and_number(text.split_once(' ')?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "GET /api/v1/namespaces/a/pods/b/log?follow=true&timestamps=true";

    fn line(number: u64) -> String {
        format!("2026-01-31T12:00:00.000000000Z abcd1234 {number:08} x.\n")
    }

    fn served(head: &str, numbers: &[u64]) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let body: String = numbers.iter().map(|number| line(*number)).collect();
        fs::write(folder.path().join("1"), format!("{head}\n{body}")).unwrap();
        read(folder.path()).unwrap()
    }

    #[test]
    fn a_jump_inside_one_stream_is_found_and_belongs_to_its_follower() {
        for (agent, follower) in [
            ("kubectl-trainer/0.1.0", Follower::Plugin),
            ("kubectl/v1.36.4 (linux/amd64)", Follower::Kubectl),
            ("stern/v0.0.0 (linux/amd64)", Follower::Stern),
        ] {
            let served = served(&format!("{HEAD} {agent}"), &[4, 5, 9, 10]);
            let source = Source {
                pod: "b".to_owned(),
                tag: "abcd1234".to_owned(),
            };
            let jumps = &served.jumps[&(follower, source)];
            assert_eq!(jumps, &Jumps::from([(5, [9].into())]));
            assert_eq!(served.streams[&follower], 1);
        }
    }

    #[test]
    fn a_stream_that_begins_late_has_no_jump() {
        assert!(
            served(&format!("{HEAD} kubectl/v1"), &[4, 5, 6])
                .jumps
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
            assert!(served(head, &[1, 5]).streams.is_empty(), "{head}");
        }
    }
}
