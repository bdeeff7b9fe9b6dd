//! What the reading side tells the showing side: one ordered row of entries, each a record of the spool. A piece of a log
//! is written as it is; the rare others in a short form.

use std::mem;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    instance::{Outcome, Reason},
    line::Part,
    spool::Record,
    stamp::Stamp,
};

/// Numbers the sources of one run, from 0, in the order in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Where lines come from: one attempt of one container of one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSource {
    /// As the Kubeflow SDK names it: `node-0`, `dataset-initializer`; for a helper, with the container: `node-0/istio-proxy`.
    pub step: String,
    pub pod: String,
    pub pod_uid: String,
    pub container: String,
    /// The Kubernetes node, as far as known.
    pub node: Option<String>,
    /// The container's restarts before this attempt.
    pub attempt: u32,
    /// The JobSet's restarts before this pod.
    pub round: u32,
}

/// Whether a line's end stood in the log behind a piece that ends its line. A container's last words may have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    Newline,
    Missing,
}

impl LineEnd {
    pub const fn is_there(self) -> bool {
        matches!(self, Self::Newline)
    }
}

/// Why lines may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapReason {
    /// The file was rotated before its end was read.
    Rotated,
    /// Two attempts came after this one before it was read to its end.
    OutOfReach,
    PodGone,
    NodeLost,
    /// The job was over, and the log could not be read for too long.
    NoAnswer,
    /// The buffer was full, so that reading had to wait, and the file was rotated meanwhile.
    BufferFull,
}

impl From<Reason> for GapReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::OutOfReach => Self::OutOfReach,
            Reason::PodGone => Self::PodGone,
            Reason::NodeLost => Self::NodeLost,
            Reason::NoAnswer => Self::NoAnswer,
            Reason::Rotated => Self::Rotated,
        }
    }
}

/// How the reading of a source ended, with its accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEnd {
    pub outcome: Outcome,
    /// Streams that were opened after the first because one broke or stalled; drains do not count.
    pub reconnects: u32,
}

/// One thing to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A source that had nothing before. Comes before all its other entries.
    Opened {
        source: SourceId,
        described: LogSource,
    },
    /// A line, or a chunk of one that is longer than [`super::line::LONGEST_PIECE`].
    Piece {
        source: SourceId,
        stamp: Stamp,
        part: Part,
        end: LineEnd,
        /// Without the stamp and without the line's end.
        text: &'a [u8],
    },
    /// The newest part of a line that draws over itself, such as a bar, and that has no end yet. It comes again with the
    /// line: nothing to count, to save or to show as a line. Its end may be half an update.
    Unfinished {
        source: SourceId,
        stamp: Stamp,
        text: &'a [u8],
    },
    /// Between these stamps lines may be missing; `after` is none where nothing came before.
    Gap {
        source: SourceId,
        after: Option<Stamp>,
        before: Option<Stamp>,
        reason: GapReason,
    },
    /// The kubelet or the API server speaks, not the container.
    Message {
        source: SourceId,
        text: &'a [u8],
    },
    /// So many attempts of the source's container came and went between two looks; the source is the one that was seen after.
    Skipped {
        source: SourceId,
        attempts: u32,
    },
    /// The source's first stream is open: it may be read.
    Readable {
        source: SourceId,
    },
    /// A stream of the source that broke or stalled was opened again.
    Reopened {
        source: SourceId,
    },
    Ended {
        source: SourceId,
        end: SourceEnd,
    },
    /// About the job as a whole, such as that it was deleted and made again.
    Notice {
        text: &'a str,
    },
    /// What the job waits for from now on; none where the wait that was told last is over.
    Wait {
        text: Option<&'a str>,
    },
}

/// A record that does not say what it should.
#[derive(Debug, Error)]
#[error("the temporary file of log lines was changed")]
pub struct BadRecord;

/// A gap as it is written.
#[derive(Serialize, Deserialize)]
struct GapRecord {
    after: Option<(i64, u32)>,
    before: Option<(i64, u32)>,
    reason: GapReason,
}

/// The source of what belongs to no source.
const NO_SOURCE: u32 = u32::MAX;
/// Tags below this are pieces: two bits of part, one of line end.
const PIECES: u8 = 8;
const OPENED: u8 = 8;
const GAP: u8 = 9;
const MESSAGE: u8 = 10;
const SKIPPED: u8 = 11;
const ENDED: u8 = 12;
const NOTICE: u8 = 13;
const REOPENED: u8 = 14;
const READABLE: u8 = 15;
const WAIT: u8 = 16;
const UNFINISHED: u8 = 17;

impl<'a> Entry<'a> {
    /// The entry as a record, made of `text`, which is overwritten where the entry's own does not do.
    #[inline]
    pub fn to_record<'b>(&'b self, text: &'b mut Vec<u8>) -> Record<'b> {
        text.clear();
        let (source, tag) = match self {
            Self::Piece {
                source,
                stamp,
                part,
                end,
                text,
            } => {
                return Record {
                    source: source.0,
                    stamp: Some(*stamp),
                    tag: piece_tag(*part, *end),
                    text,
                };
            }
            Self::Unfinished {
                source,
                stamp,
                text,
            } => {
                return Record {
                    source: source.0,
                    stamp: Some(*stamp),
                    tag: UNFINISHED,
                    text,
                };
            }
            Self::Opened { source, described } => (source.0, written(OPENED, text, described)),
            Self::Gap {
                source,
                after,
                before,
                reason,
            } => {
                let pair = |stamp: &Stamp| (stamp.seconds, stamp.nanoseconds);
                let gap = GapRecord {
                    after: after.as_ref().map(pair),
                    before: before.as_ref().map(pair),
                    reason: *reason,
                };
                (source.0, written(GAP, text, &gap))
            }
            Self::Message {
                source,
                text: message,
            } => {
                text.extend_from_slice(message);
                (source.0, MESSAGE)
            }
            Self::Skipped { source, attempts } => (source.0, written(SKIPPED, text, attempts)),
            Self::Readable { source } => (source.0, READABLE),
            Self::Reopened { source } => (source.0, REOPENED),
            Self::Ended { source, end } => (source.0, written(ENDED, text, end)),
            Self::Notice { text: notice } => {
                text.extend_from_slice(notice.as_bytes());
                (NO_SOURCE, NOTICE)
            }
            Self::Wait { text: wait } => {
                text.extend_from_slice(wait.unwrap_or_default().as_bytes());
                (NO_SOURCE, WAIT)
            }
        };
        Record {
            source,
            stamp: None,
            tag,
            text,
        }
    }

    /// What [`Entry::to_record`] made.
    #[inline]
    pub fn of_record(record: &Record<'a>) -> Result<Self, BadRecord> {
        let source = SourceId(record.source);
        let text = record.text;
        Ok(match record.tag {
            tag if tag < PIECES => {
                let (part, end) = piece_of_tag(tag);
                let stamp = record.stamp.ok_or(BadRecord)?;
                Self::Piece {
                    source,
                    stamp,
                    part,
                    end,
                    text,
                }
            }
            OPENED => Self::Opened {
                source,
                described: read(text)?,
            },
            UNFINISHED => Self::Unfinished {
                source,
                stamp: record.stamp.ok_or(BadRecord)?,
                text,
            },
            GAP => gap_of(source, &read(text)?),
            MESSAGE => Self::Message { source, text },
            SKIPPED => Self::Skipped {
                source,
                attempts: read(text)?,
            },
            READABLE => Self::Readable { source },
            REOPENED => Self::Reopened { source },
            ENDED => Self::Ended {
                source,
                end: read(text)?,
            },
            NOTICE => Self::Notice {
                text: std::str::from_utf8(text).map_err(|_| BadRecord)?,
            },
            WAIT => Self::Wait {
                text: match std::str::from_utf8(text) {
                    Ok("") => None,
                    Ok(text) => Some(text),
                    Err(_) => return Err(BadRecord),
                },
            },
            _ => return Err(BadRecord),
        })
    }
}

/// Writes the value behind what is in `text`, and gives the tag back.
fn written(tag: u8, text: &mut Vec<u8>, value: &impl Serialize) -> u8 {
    // Writing these types to memory cannot fail; a record without its text would be refused when it is read.
    *text = postcard::to_extend(value, mem::take(text)).unwrap_or_default();
    tag
}

fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, BadRecord> {
    match postcard::take_from_bytes(text) {
        Ok((value, [])) => Ok(value),
        _ => Err(BadRecord),
    }
}

fn gap_of<'a>(source: SourceId, gap: &GapRecord) -> Entry<'a> {
    let stamp = |(seconds, nanoseconds)| Stamp {
        seconds,
        nanoseconds,
    };
    Entry::Gap {
        source,
        after: gap.after.map(stamp),
        before: gap.before.map(stamp),
        reason: gap.reason,
    }
}

fn piece_tag(part: Part, end: LineEnd) -> u8 {
    let part = match part {
        Part::Whole => 0,
        Part::First => 1,
        Part::Middle => 2,
        Part::Last => 3,
    };
    match end {
        LineEnd::Newline => part,
        LineEnd::Missing => part | 4,
    }
}

fn piece_of_tag(tag: u8) -> (Part, LineEnd) {
    let part = match tag & 3 {
        0 => Part::Whole,
        1 => Part::First,
        2 => Part::Middle,
        _ => Part::Last,
    };
    let end = if tag & 4 == 0 {
        LineEnd::Newline
    } else {
        LineEnd::Missing
    };
    (part, end)
}

#[cfg(test)]
mod tests;
