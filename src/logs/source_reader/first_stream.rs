//! Where a source's first stream begins, and what the lines of it are for. Pure.

use crate::{
    cluster::LogRange,
    logs::{UserStart, instance::Follow},
};

/// Of more records than this nobody looks for a line's end.
const MOST_RECORDS: u32 = 4096;

/// Where a source's first stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::logs) enum FirstStream {
    Whole,
    /// The last lines; 0 for none, only what comes from now on.
    Tail(u32),
    /// Behind the last whole line, which was not among fewer records: they were half a line of so many bytes.
    Behind {
        records: u32,
        half: usize,
    },
    /// In seconds since 1970.
    Since(i64),
    /// The last lines, as far as they are stamped at that second or later.
    TailSince(u32, i64),
}

/// What the lines of a stream are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Lines,
    /// The last lines of what runs on: half a line at their end comes again.
    TailOfRunning,
    /// One line, to know where the new begins.
    Primer,
}

/// What came of the last lines where no whole one was among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::logs) enum Beginning {
    Nothing,
    /// So many bytes of a line that has not ended.
    Half(usize),
    /// A server's, about a log that it cannot read now.
    Words,
}

impl FirstStream {
    pub(in crate::logs) const fn of(start: UserStart) -> Self {
        match start {
            UserStart::All => Self::Whole,
            UserStart::Tail(lines) => Self::Tail(lines),
            UserStart::Since(stamp) => Self::Since(stamp.seconds),
            UserStart::TailSince(lines, stamp) => Self::TailSince(lines, stamp.seconds),
        }
    }

    /// What is stamped in seconds before this is not wanted.
    pub(in crate::logs) const fn since(self) -> Option<i64> {
        match self {
            Self::Since(second) | Self::TailSince(_, second) => Some(second),
            Self::Whole | Self::Tail(_) | Self::Behind { .. } => None,
        }
    }

    /// The last lines of what goes on are asked for alone, and then what follows them: a stream that breaks among them
    /// could not be opened again, because they are others by then.
    pub(super) fn range(self, follow: Follow) -> (LogRange, Content) {
        match (self, follow) {
            (Self::Whole, _) => (LogRange::Whole, Content::Lines),
            (Self::Since(second), _) => (LogRange::Since(second), Content::Lines),
            (Self::Tail(0) | Self::TailSince(0, _), _) => (LogRange::Tail(1), Content::Primer),
            (Self::Behind { records, .. }, _) => (LogRange::Tail(records), Content::Primer),
            (Self::Tail(lines), Follow::Yes) => (LogRange::Tail(lines), Content::TailOfRunning),
            (Self::Tail(lines), Follow::No) => (LogRange::Tail(lines), Content::Lines),
            (Self::TailSince(lines, second), Follow::Yes) => {
                (LogRange::TailSince(lines, second), Content::TailOfRunning)
            }
            (Self::TailSince(lines, second), Follow::No) => {
                (LogRange::TailSince(lines, second), Content::Lines)
            }
        }
    }

    /// Where the next one begins, where this one brought no whole line: all is new only where there was nothing yet.
    pub(super) fn after(self, beginning: Beginning) -> Self {
        match (self, beginning) {
            (first, Beginning::Words) => first,
            // All that was there is older, or there was nothing: what comes from now on is since then.
            (Self::TailSince(1.., second), Beginning::Nothing) => Self::Since(second),
            (Self::Behind { records, half }, Beginning::Half(length))
                if length > half && records < MOST_RECORDS =>
            {
                let records = records * 2;
                let half = length;
                Self::Behind { records, half }
            }
            // There is nothing before the line that is being written.
            (_, Beginning::Nothing) | (Self::Behind { .. }, Beginning::Half(_)) => Self::Whole,
            (_, Beginning::Half(half)) => Self::Behind { records: 2, half },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_was_all_is_new_and_where_a_server_spoke_nothing_is_known() {
        let first = FirstStream::Tail(0);
        assert_eq!(first.after(Beginning::Nothing), FirstStream::Whole);
        assert_eq!(first.after(Beginning::Words), first);
    }

    #[test]
    fn where_none_of_the_last_lines_is_young_enough_what_comes_is() {
        let first = FirstStream::TailSince(5, 90);
        assert_eq!(
            first.range(Follow::Yes),
            (LogRange::TailSince(5, 90), Content::TailOfRunning)
        );
        assert_eq!(first.after(Beginning::Nothing), FirstStream::Since(90));
        let none = FirstStream::TailSince(0, 90);
        assert_eq!(
            none.range(Follow::Yes),
            (LogRange::Tail(1), Content::Primer)
        );
        assert_eq!(none.after(Beginning::Nothing), FirstStream::Whole);
    }

    #[test]
    fn half_a_line_at_the_end_does_not_bring_the_whole_log() {
        let second = FirstStream::Tail(0).after(Beginning::Half(16_000));
        assert_eq!(
            second.range(Follow::Yes),
            (LogRange::Tail(2), Content::Primer)
        );
        let third = second.after(Beginning::Half(32_000));
        assert_eq!(
            third.range(Follow::Yes),
            (LogRange::Tail(4), Content::Primer)
        );
        let alone = third.after(Beginning::Half(32_000));
        assert_eq!(alone, FirstStream::Whole, "it is the first line");
    }
}
