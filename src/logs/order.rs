//! In which order entries are shown. `WholeLines` shows them as they come, and keeps a long line in one piece;
//! `Merge` (in `order/merge.rs`) sorts them by time first. A source's own order is never changed. Pure, but for the
//! temporary file of a merge.

mod merge;

use std::time::Duration;

pub use merge::{Merge, Window};

use super::{
    line::Part,
    record::{Entry, SourceId},
    spool::{self, SpoolError},
};

/// How long others wait for the end of a line that comes in pieces.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of them is kept back meanwhile, in bytes.
const HELD_LIMIT: usize = 1 << 20;

/// Entries as they come, but nothing between the pieces of one line, as far as that can be had.
#[derive(Debug, Default)]
pub struct WholeLines {
    open: Option<OpenLine>,
    /// Records of other sources that came meanwhile.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct OpenLine {
    source: SourceId,
    since: Duration,
}

impl WholeLines {
    /// `now` is any clock that never goes back.
    #[inline]
    pub fn push(
        &mut self,
        now: Duration,
        entry: &Entry<'_>,
        show: &mut impl FnMut(&Entry<'_>),
    ) -> Result<(), SpoolError> {
        match self.open {
            Some(open) if source_of(entry) != Some(open.source) => {
                keep(&mut self.held, entry);
                if self.held.len() >= HELD_LIMIT {
                    self.release(now, show)?;
                }
            }
            Some(_) => {
                show(entry);
                if !is_within_line(entry) {
                    self.release(now, show)?;
                }
            }
            None => {
                if is_first_piece(entry) {
                    let source = source_of(entry).unwrap_or(SourceId(u32::MAX));
                    self.open = Some(OpenLine { source, since: now });
                }
                show(entry);
            }
        }
        Ok(())
    }

    /// Gives up a line that others have waited for long enough.
    pub fn pass_time(
        &mut self,
        now: Duration,
        show: &mut impl FnMut(&Entry<'_>),
    ) -> Result<(), SpoolError> {
        match self.open {
            Some(open) if open.since + PATIENCE <= now && !self.held.is_empty() => {
                self.release(now, show)
            }
            _ => Ok(()),
        }
    }

    /// Shows what is still kept back.
    pub fn finish(&mut self, show: &mut impl FnMut(&Entry<'_>)) -> Result<(), SpoolError> {
        while !self.held.is_empty() {
            self.release(Duration::MAX, show)?;
        }
        Ok(())
    }

    /// Whoever was kept back has its turn, and may open a long line in its turn.
    fn release(
        &mut self,
        now: Duration,
        show: &mut impl FnMut(&Entry<'_>),
    ) -> Result<(), SpoolError> {
        self.open = None;
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        while !rest.is_empty() {
            let (entry, length) = first_of(rest)?;
            self.push(now, &entry, show)?;
            rest = &rest[length..];
        }
        Ok(())
    }
}

/// The source that an entry belongs to; notices belong to none.
#[inline]
pub(super) const fn source_of(entry: &Entry<'_>) -> Option<SourceId> {
    match entry {
        Entry::Opened { source, .. }
        | Entry::Piece { source, .. }
        | Entry::Unfinished { source, .. }
        | Entry::Gap { source, .. }
        | Entry::Message { source, .. }
        | Entry::Skipped { source, .. }
        | Entry::Readable { source }
        | Entry::Reopened { source }
        | Entry::Ended { source, .. } => Some(*source),
        Entry::Notice { .. } | Entry::Wait { .. } => None,
    }
}

const fn is_first_piece(entry: &Entry<'_>) -> bool {
    matches!(
        entry,
        Entry::Piece {
            part: Part::First,
            ..
        }
    )
}

/// Whether more of the same line follows. Whatever else is no piece ends a line that will not be whole.
const fn is_within_line(entry: &Entry<'_>) -> bool {
    matches!(
        entry,
        Entry::Piece {
            part: Part::First | Part::Middle,
            ..
        } | Entry::Unfinished { .. }
            | Entry::Readable { .. }
            | Entry::Reopened { .. }
    )
}

/// Appends the entry to a row of records.
fn keep(row: &mut Vec<u8>, entry: &Entry<'_>) {
    let mut text = Vec::new();
    spool::append(row, entry.to_record(&mut text));
}

/// The entry that a row of records begins with, and how many bytes it takes.
fn first_of(row: &[u8]) -> Result<(Entry<'_>, usize), SpoolError> {
    let (record, length) = spool::record_at(row).ok_or(SpoolError::Changed)?;
    let entry = Entry::of_record(&record).map_err(|_| SpoolError::Changed)?;
    Ok((entry, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{record::LineEnd, stamp::Stamp};

    const START: Duration = Duration::ZERO;

    fn piece(source: u32, part: Part, text: &str) -> Entry<'_> {
        Entry::Piece {
            source: SourceId(source),
            stamp: Stamp {
                seconds: 1,
                nanoseconds: 0,
            },
            part,
            end: LineEnd::Newline,
            text: text.as_bytes(),
        }
    }

    fn text_of(entry: &Entry<'_>) -> String {
        match entry {
            Entry::Piece { text, .. } => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        }
    }

    fn shown(pushes: &[(u32, Part, &str)]) -> Vec<String> {
        let mut seen = Vec::new();
        let mut order = WholeLines::default();
        for (source, part, text) in pushes {
            let entry = piece(*source, *part, text);
            let mut show = |entry: &Entry<'_>| seen.push(text_of(entry));
            order.push(START, &entry, &mut show).unwrap();
        }
        seen
    }

    #[test]
    fn whole_lines_are_shown_at_once_and_as_they_come() {
        let lines = [
            (1, Part::Whole, "a"),
            (2, Part::Whole, "b"),
            (1, Part::Whole, "c"),
        ];
        assert_eq!(shown(&lines), ["a", "b", "c"]);
    }

    #[test]
    fn others_wait_for_the_end_of_a_long_line() {
        let pieces = [
            (1, Part::First, "1a"),
            (2, Part::First, "2a"),
            (3, Part::Whole, "3"),
            (1, Part::Middle, "1b"),
            (2, Part::Last, "2b"),
            (1, Part::Last, "1c"),
        ];
        assert_eq!(shown(&pieces), ["1a", "1b", "1c", "2a", "2b", "3"]);
    }

    #[test]
    fn others_wait_for_a_second_and_for_a_mebibyte_and_no_more() {
        let mut order = WholeLines::default();
        let mut seen = Vec::new();
        let mut show = |entry: &Entry<'_>| seen.push(text_of(entry).len());
        order
            .push(START, &piece(1, Part::First, "long"), &mut show)
            .unwrap();
        order
            .push(START, &piece(2, Part::Whole, "other"), &mut show)
            .unwrap();
        order
            .pass_time(
                PATIENCE.checked_sub(Duration::from_nanos(1)).unwrap(),
                &mut show,
            )
            .unwrap();
        order.pass_time(PATIENCE, &mut show).unwrap();
        let large = "x".repeat(HELD_LIMIT);
        order
            .push(START, &piece(1, Part::First, "longer"), &mut show)
            .unwrap();
        order
            .push(START, &piece(2, Part::Whole, &large), &mut show)
            .unwrap();
        assert_eq!(seen, [4, 5, 6, HELD_LIMIT]);
    }

    #[test]
    fn nothing_is_kept_back_at_the_end() {
        let mut order = WholeLines::default();
        let mut seen = Vec::new();
        let mut show = |entry: &Entry<'_>| seen.push(text_of(entry));
        for entry in [
            piece(1, Part::First, "1"),
            piece(2, Part::First, "2"),
            piece(3, Part::Whole, "3"),
        ] {
            order.push(START, &entry, &mut show).unwrap();
        }
        order.finish(&mut show).unwrap();
        assert_eq!(seen, ["1", "2", "3"]);
    }
}
