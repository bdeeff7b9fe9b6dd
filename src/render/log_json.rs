//! Logs for machines: one JSON object a line, each with its `type`. `docs/schemas/logs.schema.json` is the contract.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::log_line::{ShownPiece, StampText};
use crate::logs::{
    instance::Outcome,
    line::Part,
    record::{Entry, GapReason, LogSource, SourceId},
    stamp::Stamp,
};

/// Shows the entries of all sources of one run. Appends to a buffer, and allocates nothing for a line of text.
#[derive(Debug)]
pub struct JsonLines {
    sources: Vec<Heads>,
    clock: StampText,
}

/// What every object of a source has.
#[derive(Debug)]
struct Heads {
    described: Described,
    /// The same up to the moment, for lines.
    line: Vec<u8>,
}

#[derive(Clone, Debug, Serialize)]
struct Described {
    step: String,
    pod: String,
    container: String,
    /// Restarts of the container before this attempt.
    attempt: u32,
    /// Restarts of the job before this pod.
    round: u32,
}

/// All that is not a line.
#[derive(Serialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
enum Object<'a> {
    Started {
        #[serde(flatten)]
        source: &'a Described,
        node: Option<&'a str>,
    },
    Gap {
        #[serde(flatten)]
        source: &'a Described,
        after: Option<String>,
        before: Option<String>,
        reason: GapReason,
    },
    Message {
        #[serde(flatten)]
        source: &'a Described,
        text: &'a str,
    },
    Skipped {
        #[serde(flatten)]
        source: &'a Described,
        attempts: u32,
    },
    Ended {
        #[serde(flatten)]
        source: &'a Described,
        outcome: Outcome,
        reconnects: u32,
    },
    Notice {
        text: &'a str,
    },
    Heartbeat(Heartbeat<'a>),
    Summary(Summary<'a>),
}

/// Said after every half minute in which nothing else was.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat<'a> {
    /// Sources that are read.
    pub following: u64,
    /// That were read so far.
    pub lines: u64,
    /// What the job waits for, where it does.
    pub waiting_for: Option<&'a str>,
}

/// The last object of every run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary<'a> {
    pub sources: usize,
    pub lines: u64,
    /// Of the lines.
    pub shown: u64,
    pub reconnects: u64,
    pub gaps: u64,
    pub skipped: u64,
    /// Steps whose pods are gone, and their logs with them.
    pub gone: &'a [String],
    pub seconds: f64,
    /// How the run ended, in a word of the schema.
    pub outcome: &'a str,
    pub exit_code: u8,
}

impl JsonLines {
    pub const fn new() -> Self {
        Self {
            sources: Vec::new(),
            clock: StampText::new(),
        }
    }

    /// Everything but lines. Sources are numbered from 0, in the order in which they are opened.
    pub fn push(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        if let Entry::Opened { described, .. } = entry {
            self.open(described);
        }
        if let Some(object) = self.object(entry) {
            push_object(&object, out);
        } else if let Entry::Message { source, text } = entry
            && let Some(source) = self.source(*source)
        {
            let text = &String::from_utf8_lossy(text);
            push_object(&Object::Message { source, text }, out);
        }
    }

    /// Knows the source without a word about it.
    pub fn open(&mut self, described: &LogSource) {
        self.sources.push(Heads::of(described));
    }

    pub fn push_line(&mut self, piece: &ShownPiece<'_>, out: &mut Vec<u8>) {
        let place = usize::try_from(piece.source.0).unwrap_or(usize::MAX);
        let Some(heads) = self.sources.get(place) else {
            return;
        };
        out.extend_from_slice(&heads.line);
        out.extend_from_slice(self.clock.full(piece.stamp));
        out.push(b'"');
        if let Some(part) = part_word(piece.part) {
            out.extend_from_slice(b",\"part\":\"");
            out.extend_from_slice(part.as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(b",\"text\":");
        if let Ok(text) = std::str::from_utf8(piece.text) {
            push_value(&text, out);
        } else {
            push_value(&String::from_utf8_lossy(piece.text), out);
            out.extend_from_slice(b",\"base64\":");
            push_value(&STANDARD.encode(piece.text), out);
        }
        out.extend_from_slice(b"}\n");
    }

    pub fn push_heartbeat(heartbeat: Heartbeat<'_>, out: &mut Vec<u8>) {
        push_object(&Object::Heartbeat(heartbeat), out);
    }

    pub fn push_notice(text: &str, out: &mut Vec<u8>) {
        push_object(&Object::Notice { text }, out);
    }

    pub fn push_summary(summary: Summary<'_>, out: &mut Vec<u8>) {
        push_object(&Object::Summary(summary), out);
    }

    fn object<'a>(&'a self, entry: &'a Entry<'_>) -> Option<Object<'a>> {
        let time = |stamp: &Stamp| stamp.to_string();
        Some(match entry {
            Entry::Opened { source, described } => Object::Started {
                source: self.source(*source)?,
                node: described.node.as_deref(),
            },
            Entry::Gap {
                source,
                after,
                before,
                reason,
            } => Object::Gap {
                source: self.source(*source)?,
                after: after.as_ref().map(time),
                before: before.as_ref().map(time),
                reason: *reason,
            },
            Entry::Skipped { source, attempts } => Object::Skipped {
                source: self.source(*source)?,
                attempts: *attempts,
            },
            Entry::Ended { source, end } => Object::Ended {
                source: self.source(*source)?,
                outcome: end.outcome,
                reconnects: end.reconnects,
            },
            Entry::Notice { text } | Entry::Wait { text: Some(text) } => Object::Notice { text },
            Entry::Message { .. }
            | Entry::Piece { .. }
            | Entry::Unfinished { .. }
            | Entry::Readable { .. }
            | Entry::Reopened { .. }
            | Entry::Wait { text: None } => return None,
        })
    }

    fn source(&self, source: SourceId) -> Option<&Described> {
        let place = usize::try_from(source.0).ok()?;
        self.sources.get(place).map(|heads| &heads.described)
    }
}

impl Default for JsonLines {
    fn default() -> Self {
        Self::new()
    }
}

impl Heads {
    fn of(source: &LogSource) -> Self {
        let described = Described {
            step: source.step.clone(),
            pod: source.pod.clone(),
            container: source.container.clone(),
            attempt: source.attempt,
            round: source.round,
        };
        let mut line = b"{\"type\":\"line\",".to_vec();
        let mut fields = Vec::new();
        push_value(&described, &mut fields);
        // `{...}` without its braces: the line goes on.
        line.extend_from_slice(fields.strip_prefix(b"{").unwrap_or(&fields));
        line.pop();
        line.extend_from_slice(b",\"time\":\"");
        Self { described, line }
    }
}

/// A line that comes in pieces says so; a whole one does not.
const fn part_word(part: Part) -> Option<&'static str> {
    match part {
        Part::Whole => None,
        Part::First => Some("first"),
        Part::Middle => Some("middle"),
        Part::Last => Some("last"),
    }
}

fn push_object(object: &Object<'_>, out: &mut Vec<u8>) {
    push_value(object, out);
    out.push(b'\n');
}

fn push_value(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Writing these types to memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::logs::record::{LineEnd, SourceEnd};

    const STAMP: Stamp = Stamp {
        seconds: 1_795_262_100,
        nanoseconds: 123_456_789,
    };

    fn source() -> Entry<'static> {
        Entry::Opened {
            source: SourceId(0),
            described: LogSource {
                step: "node-0".to_owned(),
                pod: "job-node-0-0-abcde".to_owned(),
                pod_uid: "u".to_owned(),
                container: "node".to_owned(),
                node: Some("worker".to_owned()),
                attempt: 1,
                round: 2,
            },
        }
    }

    fn shown(fill: impl FnOnce(&mut JsonLines, &mut Vec<u8>)) -> Vec<Value> {
        let mut lines = JsonLines::new();
        let mut out = Vec::new();
        lines.push(&source(), &mut out);
        fill(&mut lines, &mut out);
        let text = String::from_utf8(out).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// An object of the one source.
    fn object(kind: &str, more: &Value) -> Value {
        let mut object = json!({
            "type": kind, "step": "node-0", "pod": "job-node-0-0-abcde", "container": "node", "attempt": 1, "round": 2
        });
        let fields = object.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        object
    }

    #[test]
    fn a_line_is_one_object_with_its_source_and_moment() {
        let piece = ShownPiece {
            source: SourceId(0),
            stamp: STAMP,
            part: Part::Whole,
            end: LineEnd::Newline,
            text: b"say \"hi\"\t\\",
        };
        let objects = shown(|lines, out| {
            lines.push_line(&piece, out);
            lines.push_line(
                &ShownPiece {
                    part: Part::First,
                    text: b"a\xffb",
                    ..piece
                },
                out,
            );
        });
        let time = "2026-11-21T11:55:00.123456789Z";
        assert_eq!(
            objects[1],
            object("line", &json!({"time": time, "text": "say \"hi\"\t\\"}))
        );
        assert_eq!(
            objects[2],
            object(
                "line",
                &json!({"time": time, "part": "first", "text": "a\u{fffd}b", "base64": "Yf9i"})
            )
        );
    }

    #[test]
    fn everything_else_has_a_type_of_its_own() {
        let id = SourceId(0);
        let objects = shown(|lines, out| {
            let others = [
                Entry::Gap {
                    source: id,
                    after: Some(STAMP),
                    before: None,
                    reason: GapReason::OutOfReach,
                },
                Entry::Message {
                    source: id,
                    text: b"no such\xff file",
                },
                Entry::Skipped {
                    source: id,
                    attempts: 3,
                },
                Entry::Ended {
                    source: id,
                    end: SourceEnd {
                        outcome: Outcome::Incomplete,
                        reconnects: 4,
                    },
                },
                Entry::Notice { text: "suspended" },
            ];
            for entry in &others {
                lines.push(entry, out);
            }
        });
        let expected = [
            object("started", &json!({"node": "worker"})),
            object(
                "gap",
                &json!({"after": "2026-11-21T11:55:00.123456789Z", "before": null, "reason": "out-of-reach"}),
            ),
            object("message", &json!({"text": "no such\u{fffd} file"})),
            object("skipped", &json!({"attempts": 3})),
            object("ended", &json!({"outcome": "incomplete", "reconnects": 4})),
            json!({"type": "notice", "text": "suspended"}),
        ];
        assert_eq!(objects, expected);
    }

    #[test]
    fn a_heartbeat_says_how_much_is_read_and_what_is_waited_for() {
        let heartbeat = Heartbeat {
            following: 0,
            lines: 7,
            waiting_for: Some("TrainJob a: suspended"),
        };
        let objects = shown(|_, out| JsonLines::push_heartbeat(heartbeat, out));
        assert_eq!(
            objects[1],
            json!({"type": "heartbeat", "following": 0, "lines": 7, "waitingFor": "TrainJob a: suspended"})
        );
    }

    #[test]
    fn the_summary_is_an_object_too() {
        let summary = Summary {
            sources: 2,
            lines: 3,
            shown: 2,
            reconnects: 0,
            gaps: 1,
            skipped: 0,
            gone: &[],
            seconds: 1.5,
            outcome: "Failed",
            exit_code: 1,
        };
        let objects = shown(|_, out| JsonLines::push_summary(summary, out));
        assert_eq!(
            objects[1],
            json!({
                "type": "summary", "sources": 2, "lines": 3, "shown": 2, "reconnects": 0, "gaps": 1, "skipped": 0,
                "gone": [], "seconds": 1.5,
                "outcome": "Failed", "exitCode": 1
            })
        );
    }
}
