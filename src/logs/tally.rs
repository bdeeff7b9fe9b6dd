//! The accounts of one run: what was read of each source, and what could not be had. Pure.

use std::collections::BTreeSet;

use super::{
    instance::Outcome,
    record::{Entry, LogSource, SourceId},
};

/// Counts every entry once, before anything is filtered.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Lines with an end, and last words without one.
    pub lines: u64,
    /// Places where lines may be missing.
    pub gaps: u64,
    /// Attempts that came and went unseen.
    pub skipped: u64,
    /// Streams that broke or stalled, and were opened again.
    pub reconnects: u64,
    sources: Vec<SourceTally>,
}

/// The account of one source.
#[derive(Clone, Debug)]
pub struct SourceTally {
    pub described: LogSource,
    pub lines: u64,
    /// Of text, with the lines' ends and without time stamps.
    pub bytes: u64,
    pub gaps: u64,
    pub reconnects: u32,
    /// None while it is read.
    pub outcome: Option<Outcome>,
}

/// How far the caller was allowed to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Allowed,
    /// Some sources, not all.
    Partly,
    Forbidden,
}

impl Tally {
    pub fn count(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Opened { described, .. } => self.sources.push(SourceTally::of(described)),
            Entry::Piece {
                source,
                part,
                end,
                text,
                ..
            } => {
                let lines = u64::from(part.ends_line());
                self.lines += lines;
                if let Some(source) = self.source_mut(*source) {
                    source.lines += lines;
                    source.bytes +=
                        text.len() as u64 + u64::from(part.ends_line() && end.is_there());
                }
            }
            Entry::Gap { source, .. } => {
                self.gaps += 1;
                if let Some(source) = self.source_mut(*source) {
                    source.gaps += 1;
                }
            }
            Entry::Skipped { attempts, .. } => self.skipped += u64::from(*attempts),
            Entry::Reopened { source } => self.count_reconnects(*source, 1),
            Entry::Ended { source, end } => {
                let mut unseen = end.reconnects;
                if let Some(source) = self.source_mut(*source) {
                    source.outcome = Some(end.outcome);
                    // Of a run that was saved only the end says how many there were.
                    unseen = unseen.saturating_sub(source.reconnects);
                }
                self.count_reconnects(*source, unseen);
            }
            Entry::Message { .. }
            | Entry::Unfinished { .. }
            | Entry::Readable { .. }
            | Entry::Notice { .. }
            | Entry::Wait { .. } => {}
        }
    }

    /// In the order in which they were opened.
    pub fn sources(&self) -> &[SourceTally] {
        &self.sources
    }

    pub fn described(&self, source: SourceId) -> Option<&LogSource> {
        let place = usize::try_from(source.0).ok()?;
        self.sources.get(place).map(|source| &source.described)
    }

    /// The steps that anything was read of.
    pub fn steps(&self) -> BTreeSet<&str> {
        let sources = self.sources.iter();
        sources
            .map(|source| source.described.step.as_str())
            .collect()
    }

    /// How many sources have not ended.
    pub fn being_read(&self) -> u64 {
        let is_read = |source: &&SourceTally| source.outcome.is_none();
        self.sources.iter().filter(is_read).count() as u64
    }

    /// Whether all that the cluster had was read.
    pub fn is_complete(&self) -> bool {
        let mut sources = self.sources.iter();
        self.gaps == 0
            && self.skipped == 0
            && sources.all(|source| {
                !matches!(
                    source.outcome,
                    Some(Outcome::Incomplete | Outcome::Forbidden)
                )
            })
    }

    pub fn access(&self) -> Access {
        let forbidden = |source: &&SourceTally| source.outcome == Some(Outcome::Forbidden);
        match self.sources.iter().filter(forbidden).count() {
            0 => Access::Allowed,
            all if all == self.sources.len() => Access::Forbidden,
            _ => Access::Partly,
        }
    }

    fn count_reconnects(&mut self, source: SourceId, count: u32) {
        self.reconnects += u64::from(count);
        if let Some(source) = self.source_mut(source) {
            source.reconnects += count;
        }
    }

    fn source_mut(&mut self, source: SourceId) -> Option<&mut SourceTally> {
        self.sources.get_mut(usize::try_from(source.0).ok()?)
    }
}

impl SourceTally {
    fn of(described: &LogSource) -> Self {
        Self {
            described: described.clone(),
            lines: 0,
            bytes: 0,
            gaps: 0,
            reconnects: 0,
            outcome: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{
        line::Part,
        record::{GapReason, LineEnd, SourceEnd},
        stamp::Stamp,
    };

    fn opened(number: u32, step: &str) -> Entry<'static> {
        Entry::Opened {
            source: SourceId(number),
            described: LogSource {
                step: step.to_owned(),
                pod: String::new(),
                pod_uid: String::new(),
                container: "node".to_owned(),
                node: None,
                attempt: 0,
                round: 0,
            },
        }
    }

    fn piece(number: u32, part: Part, end: LineEnd, text: &str) -> Entry<'_> {
        Entry::Piece {
            source: SourceId(number),
            stamp: Stamp {
                seconds: 0,
                nanoseconds: 0,
            },
            part,
            end,
            text: text.as_bytes(),
        }
    }

    const fn ended(number: u32, outcome: Outcome, reconnects: u32) -> Entry<'static> {
        Entry::Ended {
            source: SourceId(number),
            end: SourceEnd {
                outcome,
                reconnects,
            },
        }
    }

    fn counted(entries: &[Entry<'_>]) -> Tally {
        let mut tally = Tally::default();
        for entry in entries {
            tally.count(entry);
        }
        tally
    }

    #[test]
    fn lines_are_counted_and_not_their_pieces() {
        let tally = counted(&[
            opened(0, "node-0"),
            piece(0, Part::Whole, LineEnd::Newline, "ab"),
            piece(0, Part::First, LineEnd::Newline, "cd"),
            piece(0, Part::Last, LineEnd::Newline, "e"),
            piece(0, Part::Whole, LineEnd::Missing, "f"),
        ]);
        assert_eq!((tally.lines, tally.sources()[0].bytes), (3, 8));
    }

    #[test]
    fn reconnects_count_at_once_and_once() {
        let reopened = Entry::Reopened {
            source: SourceId(0),
        };
        let running = counted(&[opened(0, "node-0"), reopened.clone(), reopened.clone()]);
        assert_eq!(running.reconnects, 2);
        let over = counted(&[
            opened(0, "node-0"),
            reopened,
            ended(0, Outcome::Complete, 1),
        ]);
        assert_eq!((over.reconnects, over.sources()[0].reconnects), (1, 1));
    }

    #[test]
    fn a_gap_an_attempt_unseen_and_an_early_end_are_no_complete_reading() {
        let gap = Entry::Gap {
            source: SourceId(0),
            after: None,
            before: None,
            reason: GapReason::Rotated,
        };
        let skipped = Entry::Skipped {
            source: SourceId(0),
            attempts: 2,
        };
        let complete = counted(&[opened(0, "node-0"), ended(0, Outcome::Complete, 3)]);
        assert!(complete.is_complete());
        assert_eq!(complete.reconnects, 3);
        for trouble in [gap, skipped, ended(0, Outcome::Incomplete, 0)] {
            assert!(!counted(&[opened(0, "node-0"), trouble]).is_complete());
        }
    }

    #[test]
    fn access_is_forbidden_only_where_nothing_could_be_read() {
        let two = [opened(0, "node-0"), opened(1, "node-1")];
        let forbidden = |number| ended(number, Outcome::Forbidden, 0);
        let access = |more: &[Entry<'static>]| counted(&[&two, more].concat()).access();
        assert_eq!(access(&[]), Access::Allowed);
        assert_eq!(access(&[forbidden(1)]), Access::Partly);
        assert_eq!(access(&[forbidden(0), forbidden(1)]), Access::Forbidden);
        assert_eq!(counted(&[]).access(), Access::Allowed);
    }
}
