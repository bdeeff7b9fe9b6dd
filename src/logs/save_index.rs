//! The text file beside a saved log that says which bytes are a line of which source, and when it was written. Made to
//! be small (about ten bytes a line), and to be read by a person too:
//!
//! ```text
//! source 0 {"step":"node-0",...}  what follows is this source's; the description only where it is new
//! at 1795262100.123456789         the moment that the next line counts from
//! 42 1500                         42 bytes with the line's end, 1500 ns after the line before
//! 17 0 x3                         three such lines
//! 9 20 -                          last words without a line's end; `~` for a piece whose line goes on
//! gap {...} | skipped 2 | message "..." | ended {...}
//! ```

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    line::Part,
    record::{Entry, GapReason, LineEnd, LogSource, SourceEnd},
    stamp::Stamp,
};

/// What the file begins with.
pub(super) const HEADER: &str = "kubectl-trainer log index 1\n";

/// One line of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Source {
        number: u32,
        described: Option<LogSource>,
    },
    At(Stamp),
    Pieces(Pieces),
    Gap(GapMark),
    Skipped(u32),
    Message(String),
    Ended(SourceEnd),
}

/// Pieces of the same length, at the same distance from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pieces {
    /// In bytes, with the line's end where there is one.
    pub(super) length: usize,
    /// Nanoseconds after the piece before.
    pub(super) later: i64,
    pub(super) close: Close,
    pub(super) count: u32,
}

/// How a piece ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    LineEnd,
    /// The line is over without a line's end.
    Bare,
    /// The line goes on in the next piece.
    Open,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GapMark {
    pub(super) after: Option<(i64, u32)>,
    pub(super) before: Option<(i64, u32)>,
    pub(super) reason: GapReason,
}

impl Close {
    pub(super) fn of(part: Part, end: LineEnd) -> Self {
        match (part.ends_line(), end) {
            (false, _) => Self::Open,
            (true, LineEnd::Newline) => Self::LineEnd,
            (true, LineEnd::Missing) => Self::Bare,
        }
    }
}

/// Writes the marks of one file. Equal pieces are kept back until another mark comes.
#[derive(Debug)]
pub(super) struct IndexWriter {
    text: Vec<u8>,
    pending: Option<Pieces>,
    /// The source and the moment of the last piece.
    last: Option<(u32, Stamp)>,
    current: Option<u32>,
}

impl IndexWriter {
    pub(super) fn new() -> Self {
        Self {
            text: HEADER.as_bytes().to_vec(),
            pending: None,
            last: None,
            current: None,
        }
    }

    /// What is to be appended to the file. Equal pieces that wait for more of them are not in it.
    pub(super) const fn text_mut(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    pub(super) fn open(&mut self, number: u32, described: &LogSource) {
        self.current = Some(number);
        self.line(&format!("source {number} {}", json(described)));
    }

    /// A piece that takes `length` bytes of the log.
    pub(super) fn piece(&mut self, source: u32, stamp: Stamp, length: usize, close: Close) {
        self.switch(source);
        let before = self.last.filter(|(last, _)| *last == source);
        let later = before.and_then(|(_, last)| i64::try_from(last.nanoseconds_until(stamp)).ok());
        let later = later.unwrap_or_else(|| {
            let Stamp {
                seconds,
                nanoseconds,
            } = stamp;
            self.line(&format!("at {seconds}.{nanoseconds:09}"));
            0
        });
        self.last = Some((source, stamp));
        let piece = Pieces {
            length,
            later,
            close,
            count: 1,
        };
        match &mut self.pending {
            Some(pending)
                if (Pieces {
                    count: 1,
                    ..*pending
                }) == piece
                    && pending.count < u32::MAX =>
            {
                pending.count += 1;
            }
            _ => {
                self.settle();
                self.pending = Some(piece);
            }
        }
    }

    /// An entry of a source that is neither its beginning nor a piece.
    pub(super) fn mark(&mut self, source: u32, entry: &Entry<'_>) {
        let pair = |stamp: &Stamp| (stamp.seconds, stamp.nanoseconds);
        let text = match entry {
            Entry::Gap {
                after,
                before,
                reason,
                ..
            } => {
                let gap = GapMark {
                    after: after.as_ref().map(pair),
                    before: before.as_ref().map(pair),
                    reason: *reason,
                };
                format!("gap {}", json(&gap))
            }
            Entry::Skipped { attempts, .. } => format!("skipped {attempts}"),
            Entry::Message { text, .. } => {
                format!("message {}", json(&String::from_utf8_lossy(text)))
            }
            Entry::Ended { end, .. } => format!("ended {}", json(end)),
            Entry::Opened { .. }
            | Entry::Piece { .. }
            | Entry::Unfinished { .. }
            | Entry::Readable { .. }
            | Entry::Reopened { .. }
            | Entry::Notice { .. }
            | Entry::Wait { .. } => return,
        };
        self.switch(source);
        self.line(&text);
    }

    /// Writes down the pieces that waited for equal ones.
    pub(super) fn settle(&mut self) {
        if let Some(pieces) = self.pending.take() {
            let Pieces {
                length,
                later,
                close,
                count,
            } = pieces;
            let count = if count == 1 {
                String::new()
            } else {
                format!(" x{count}")
            };
            let close = match close {
                Close::LineEnd => "",
                Close::Bare => " -",
                Close::Open => " ~",
            };
            let line = format!("{length} {later}{count}{close}\n");
            self.text.extend_from_slice(line.as_bytes());
        }
    }

    fn switch(&mut self, source: u32) {
        if self.current != Some(source) {
            self.current = Some(source);
            self.line(&format!("source {source}"));
        }
    }

    fn line(&mut self, text: &str) {
        self.settle();
        self.text.extend_from_slice(text.as_bytes());
        self.text.push(b'\n');
    }
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    // These types are always JSON, and on one line.
    serde_json::to_string(value).unwrap_or_default()
}

/// What a line says; none where it says nothing that this version knows.
pub(super) fn parse_mark(line: &str) -> Option<Mark> {
    let (word, rest) = line.split_once(' ')?;
    Some(match word {
        "source" => match rest.split_once(' ') {
            None => Mark::Source {
                number: rest.parse().ok()?,
                described: None,
            },
            Some((number, described)) => Mark::Source {
                number: number.parse().ok()?,
                described: Some(read(described)?),
            },
        },
        "at" => {
            let (seconds, nanoseconds) = rest.split_once('.')?;
            Mark::At(Stamp {
                seconds: seconds.parse().ok()?,
                nanoseconds: nanoseconds
                    .parse()
                    .ok()
                    .filter(|part| *part < 1_000_000_000)?,
            })
        }
        "gap" => Mark::Gap(read(rest)?),
        "skipped" => Mark::Skipped(rest.parse().ok()?),
        "message" => Mark::Message(read(rest)?),
        "ended" => Mark::Ended(read(rest)?),
        length => Mark::Pieces(parse_pieces(length, rest)?),
    })
}

fn parse_pieces(length: &str, rest: &str) -> Option<Pieces> {
    let mut words = rest.split(' ');
    let mut pieces = Pieces {
        length: length.parse().ok()?,
        later: words.next()?.parse().ok()?,
        close: Close::LineEnd,
        count: 1,
    };
    for word in words {
        match word {
            "-" => pieces.close = Close::Bare,
            "~" => pieces.close = Close::Open,
            _ => pieces.count = word.strip_prefix('x')?.parse().ok()?,
        }
    }
    Some(pieces)
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::SourceId;

    fn source(attempt: u32) -> LogSource {
        LogSource {
            step: "node-0".to_owned(),
            pod: "job-node-0-0-abcde".to_owned(),
            pod_uid: "u".to_owned(),
            container: "node".to_owned(),
            node: None,
            attempt,
            round: 0,
        }
    }

    const fn at(seconds: i64, nanoseconds: u32) -> Stamp {
        Stamp {
            seconds,
            nanoseconds,
        }
    }

    #[test]
    fn equal_lines_take_one_line_and_a_step_back_in_time_is_one_too() {
        let mut writer = IndexWriter::new();
        writer.open(0, &source(0));
        for stamp in [at(10, 0), at(10, 0), at(10, 5), at(10, 10), at(9, 10)] {
            writer.piece(0, stamp, 7, Close::LineEnd);
        }
        writer.piece(0, at(9, 10), 3, Close::Open);
        writer.piece(0, at(9, 10), 2, Close::Bare);
        writer.settle();
        let text = String::from_utf8(writer.text).unwrap();
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "at 10.000000000",
                "7 0 x2",
                "7 5 x2",
                "7 -1000000000",
                "3 0 ~",
                "2 0 -"
            ]
        );
    }

    #[test]
    fn every_mark_reads_back() {
        let mut writer = IndexWriter::new();
        let id = SourceId(0);
        writer.open(0, &source(0));
        writer.open(1, &source(1));
        writer.piece(0, at(1, 2), 5, Close::LineEnd);
        let gap = Entry::Gap {
            source: id,
            after: Some(at(1, 2)),
            before: None,
            reason: GapReason::PodGone,
        };
        writer.mark(0, &gap);
        writer.mark(
            0,
            &Entry::Skipped {
                source: id,
                attempts: 2,
            },
        );
        writer.mark(
            1,
            &Entry::Message {
                source: id,
                text: b"two\nlines",
            },
        );
        let text = String::from_utf8(writer.text).unwrap();
        let marks: Vec<_> = text.lines().skip(1).map(parse_mark).collect();
        let expected = [
            Mark::Source {
                number: 0,
                described: Some(source(0)),
            },
            Mark::Source {
                number: 1,
                described: Some(source(1)),
            },
            Mark::Source {
                number: 0,
                described: None,
            },
            Mark::At(at(1, 2)),
            Mark::Pieces(Pieces {
                length: 5,
                later: 0,
                close: Close::LineEnd,
                count: 1,
            }),
            Mark::Gap(GapMark {
                after: Some((1, 2)),
                before: None,
                reason: GapReason::PodGone,
            }),
            Mark::Skipped(2),
            Mark::Source {
                number: 1,
                described: None,
            },
            Mark::Message("two\nlines".to_owned()),
        ];
        assert_eq!(marks, expected.map(Some));
    }

    #[test]
    fn what_no_version_wrote_is_no_mark() {
        for text in [
            "",
            "7",
            "7 x",
            "seven 1",
            "7 1 y",
            "at 5",
            "at 5.9999999999",
            "gap {}",
            "source x",
        ] {
            assert_eq!(parse_mark(text), None, "{text}");
        }
    }
}
