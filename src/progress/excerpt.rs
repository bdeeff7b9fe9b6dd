//! A part of a container's log that was fetched at once, as the board hears it.

use super::board::Board;
use crate::logs::{
    line::{LineSplitter, Part},
    record::{Entry, LineEnd, LogSource, SourceId},
    stamp::Stamp,
};

/// A node makes records of so many bytes of a line that has no end; a stamp stands before the first one that is asked for.
const RECORD: usize = 16 << 10;
/// No stamp is longer.
const STAMP: usize = 64;

/// A part of a log, and whose it is. The bytes are those of a request with time stamps.
#[derive(Clone, Debug)]
pub struct Excerpt {
    pub described: LogSource,
    pub text: String,
    /// When its end was written, where that is not when the end's line began.
    ended: Option<Stamp>,
}

impl Excerpt {
    pub const fn new(described: LogSource, text: String) -> Self {
        Self {
            described,
            text,
            ended: None,
        }
    }

    /// Whether it ends within a line of several records, as a bar is as long as it grows: then the stamp is that of the
    /// first of them, and the log's last line, asked for alone, has that of the last.
    pub fn hides_its_age(&self) -> bool {
        let growing = self.text.rsplit('\n').next().unwrap_or_default();
        growing.len() > RECORD + STAMP
    }

    /// Takes the log's last line, as it was served alone.
    pub fn take_last_line(&mut self, line: &str) {
        self.ended = Stamp::at_start(line.as_bytes()).map(|(stamp, _)| stamp);
    }

    /// Puts an earlier part of the same log before it.
    pub fn precede(&mut self, earlier: &str) {
        let news = self.news(earlier).to_owned();
        self.text.insert_str(0, &news);
    }

    /// Without a last line that has no end: whoever reads on reads it whole.
    pub fn keep_whole_lines(&mut self) {
        let end = self.text.rfind('\n').map_or(0, |last| last + 1);
        self.text.truncate(end);
    }

    /// Of an earlier part of the same log, the whole lines that are not in it already.
    fn news<'a>(&self, earlier: &'a str) -> &'a str {
        let first = self.text.split_inclusive('\n').next().unwrap_or_default();
        let end = match earlier.find(first) {
            Some(place) if !first.is_empty() => place,
            _ => earlier.rfind('\n').map_or(0, |last| last + 1),
        };
        &earlier[..end]
    }
}

impl Board {
    /// Hears the excerpts one after the other, each as a source of its own; `now` is the moment at which they came.
    pub fn hear<'a>(&mut self, excerpts: impl IntoIterator<Item = &'a Excerpt>, now: Stamp) {
        for (excerpt, number) in excerpts.into_iter().zip(0..) {
            self.hear_one(excerpt, SourceId(number), now);
        }
    }

    fn hear_one(&mut self, excerpt: &Excerpt, source: SourceId, now: Stamp) {
        let described = excerpt.described.clone();
        self.heed(&Entry::Opened { source, described }, now);
        self.hear_text(excerpt, source, now);
    }

    /// Hears it as a part of this source, whose log was opened before. What is read of it may begin within this part.
    pub fn hear_text(&mut self, excerpt: &Excerpt, source: SourceId, now: Stamp) {
        let mut newest = None;
        let mut hear = |stamp, part, text: &[u8]| {
            // Without a stamp it is a server that speaks.
            let Some(stamp) = stamp else { return };
            newest = newest.max(Some(stamp));
            let entry = Entry::Piece {
                source,
                stamp,
                part,
                end: LineEnd::Newline,
                text,
            };
            self.heed(&entry, now);
        };
        // However long a line is, only its newest counts.
        let mut splitter = LineSplitter::new(excerpt.text.len() + 1);
        let taken = splitter.push(excerpt.text.as_bytes(), |piece| {
            hear(piece.stamp, piece.part, piece.text());
            Ok::<_, std::convert::Infallible>(())
        });
        let Ok(()) = taken;
        splitter.finish(|rest| {
            if let Some(piece) = rest {
                // A bar has no line's end as long as it grows.
                let stamp = piece.stamp.map(|began| excerpt.ended.unwrap_or(began));
                hear(stamp, Part::First, piece.text());
            }
        });
        self.expect_again(source, newest);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{cluster::JobObservation, progress::tracker::Training};

    fn moment(text: &str) -> Stamp {
        text.parse::<Timestamp>().unwrap().into()
    }

    /// Of the only node's log.
    fn excerpt(text: &str) -> Excerpt {
        let described = LogSource {
            step: "node-0".to_owned(),
            pod: "p".to_owned(),
            pod_uid: "u".to_owned(),
            container: "node".to_owned(),
            node: None,
            attempt: 0,
            round: 0,
        };
        Excerpt::new(described, text.to_owned())
    }

    /// What is known of a job of one node after these bytes of its log.
    fn heard(text: &str) -> Option<Training> {
        hear(excerpt(text))
    }

    fn hear(excerpt: Excerpt) -> Option<Training> {
        let mut board = board();
        let now = moment("2026-11-21T12:00:00Z");
        board.hear(&[excerpt], now);
        board.standings(now).training.training
    }

    /// That has seen a job of one node.
    fn board() -> Board {
        let mut board = Board::new();
        board.observe(&JobObservation::of_objects(&json!({
            "trainJob": {"metadata": {"name": "train"}},
            "pods": [{
                "metadata": {"name": "p", "uid": "u", "labels": {
                    "jobset.sigs.k8s.io/replicatedjob-name": "node",
                    "batch.kubernetes.io/job-completion-index": "0"
                }},
                "spec": {"containers": [{"name": "node"}]}
            }]
        })));
        board
    }

    #[test]
    fn whole_lines_and_the_newest_of_a_bar_that_still_grows_are_heard() {
        let training = heard(
            "2026-11-21T11:59:00.000000000Z hello\n\
             2026-11-21T11:59:01.000000000Z Epoch 1:  10%|#   | 10/100 [00:10<01:30,  1.00it/s, loss=0.9]\n\
             2026-11-21T11:59:02.000000000Z \rEpoch 1:  20%|##  | 20/100 [00:20<01:20,  1.00it/s, loss=0.8]\
             \rEpoch 1:  30%|### | 30/100 [00:30<01:10,  1.00it/s, loss=0.7]\rEpoch 1:  4",
        )
        .unwrap();
        let step = training.step.unwrap();
        assert_eq!((step.done, step.total), (30, Some(100)));
        assert_eq!(training.at, moment("2026-11-21T11:59:02Z"));
    }

    #[test]
    fn a_bar_that_has_grown_for_long_is_of_the_moment_of_its_last_record() {
        let updates = |from: u32, to: u32| {
            let update =
                |done| format!("\rEpoch 1:  20%|##  | {done}/20000 [00:20<01:20,  1.00it/s]");
            (from..to).map(update).collect::<String>()
        };
        let short = format!("2026-11-21T11:20:00.000000000Z {}", updates(0, 9));
        assert!(!excerpt(&short).hides_its_age());
        assert!(!excerpt(&format!("{}\n", short.repeat(99))).hides_its_age());
        // Long enough for several pieces of a stream.
        let long = format!("2026-11-21T11:20:00.000000000Z {}", updates(0, 12_000));
        let mut excerpt = excerpt(&long);
        assert!(excerpt.hides_its_age());
        let last = format!("2026-11-21T11:59:58.000000000Z {}", updates(11_800, 12_000));
        excerpt.take_last_line(&last);
        let training = hear(excerpt).unwrap();
        assert_eq!(training.step.unwrap().done, 11_998);
        assert_eq!(training.at, moment("2026-11-21T11:59:58Z"));
    }

    #[test]
    fn an_earlier_part_is_heard_once_and_in_whole_lines() {
        let joined = |earlier: &str, text: &str| {
            let mut excerpt = excerpt(text);
            excerpt.precede(earlier);
            excerpt.text
        };
        assert_eq!(joined("1 a\n2 b\n3 c\n", "2 b\n3 c\n"), "1 a\n2 b\n3 c\n");
        assert_eq!(joined("1 a\n2 b\n3", "8 h\n"), "1 a\n2 b\n8 h\n");
        assert_eq!(joined("1 a", "8 h\n"), "8 h\n");
        assert_eq!(joined("1 a\n", ""), "1 a\n");
    }

    #[test]
    fn what_was_heard_at_once_changes_nothing_when_it_is_read_again() {
        let loss = "Train loss 1.500, Learning Rate 1.000e-05, It/sec 2.000";
        let iteration =
            |done: u32| format!("Iter {done}: {loss}, Tokens/sec 100.0, Trained Tokens 9");
        let lines = [
            ("2026-11-21T11:59:10.000000000Z", iteration(250)),
            ("2026-11-21T11:59:50.000000000Z", iteration(1000)),
            (
                "2026-11-21T11:59:55.000000000Z",
                "Starting training..., iters: 10".to_owned(),
            ),
        ];
        let stamped = |(stamp, text): &(&str, String)| format!("{stamp} {text}\n");
        let tail: String = lines[..2].iter().map(stamped).collect();
        let mut excerpt = excerpt(&format!("{tail}2026-11-21T11:59:55.000000000Z Star"));
        excerpt.precede("2026-11-21T11:58:00.000000000Z Starting training..., iters: 1000\n");
        excerpt.keep_whole_lines();
        let mut board = board();
        let (source, now) = (SourceId(0), moment("2026-11-21T12:00:00Z"));
        let described = excerpt.described.clone();
        board.heed(&Entry::Opened { source, described }, now);
        board.hear_text(&excerpt, source, now);
        let mut wholes = Vec::new();
        for (stamp, text) in &lines {
            let standings = board.standings(now);
            wholes.push(standings.training.training.unwrap().whole);
            let entry = Entry::Piece {
                source,
                stamp: moment(stamp),
                part: Part::Whole,
                end: LineEnd::Newline,
                text: text.as_bytes(),
            };
            board.heed(&entry, now);
        }
        assert_eq!(wholes, [Some(1.0); 3]);
        // What follows is heard.
        let standings = board.standings(now);
        assert_eq!(standings.training.training.unwrap().whole, None);
    }

    #[test]
    fn a_server_that_speaks_in_place_of_a_container_says_nothing_of_progress() {
        let words = "unable to retrieve container logs: Epoch 1:  10%|#   | 10/100 [00:10<01:30,  1.00it/s, loss=0.9]";
        assert_eq!(heard(words), None);
    }
}
