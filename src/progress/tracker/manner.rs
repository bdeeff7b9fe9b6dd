//! Which of the ways in which a program writes its progress is named as the source of the numbers. A bar and lines of
//! metrics take turns, and the name should not.

use super::{LEADER_SILENCE, pace::seconds};
use crate::{logs::stamp::Stamp, progress::reading::Count};

/// A way of writing, as long as it leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    format: &'static str,
    detail: Detail,
    /// When it said something new last.
    at: Stamp,
}

/// How much a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    /// An epoch, a share, what is planned, or a step of nobody knows how many.
    Place,
    /// So many steps of so many.
    Steps,
}

impl Detail {
    fn of(step: Option<Count>) -> Self {
        match step {
            Some(step) if step.done > 0 && step.total.is_some() => Self::Steps,
            _ => Self::Place,
        }
    }
}

impl Manner {
    pub(super) const fn new(format: &'static str, at: Stamp) -> Self {
        Self {
            format,
            detail: Detail::Place,
            at,
        }
    }

    pub(super) const fn format(&self) -> &'static str {
        self.format
    }

    /// Takes what a line of this format says. The one that tells more leads, unless it falls silent.
    pub(super) fn heed(&mut self, format: &'static str, at: Stamp, step: Option<Count>) {
        let detail = Detail::of(step);
        if format == self.format {
            self.detail = self.detail.max(detail);
            self.at = at;
        } else if detail > self.detail || seconds(self.at, at) > LEADER_SILENCE {
            *self = Self { format, detail, at };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::stamp::at;

    const BAR: &str = "tqdm";
    const LINES: &str = "hf-trainer";

    fn step(done: u64) -> Count {
        Count::new(done, Some(100))
    }

    #[test]
    fn a_bar_and_lines_of_metrics_that_take_turns_have_one_name() {
        let mut manner = Manner::new(LINES, at(0));
        manner.heed(LINES, at(0), Some(step(0)));
        assert_eq!(manner.format(), LINES);
        for second in 1..300 {
            manner.heed(BAR, at(second), Some(step(1)));
            assert_eq!(manner.format(), BAR);
            manner.heed(LINES, at(second), None);
            assert_eq!(manner.format(), BAR);
        }
    }

    #[test]
    fn of_two_that_count_the_first_is_named() {
        let mut manner = Manner::new(LINES, at(0));
        manner.heed(LINES, at(0), Some(step(1)));
        manner.heed(BAR, at(1), Some(step(2)));
        assert_eq!(manner.format(), LINES);
    }

    #[test]
    fn one_that_falls_silent_is_named_no_longer() {
        let mut manner = Manner::new(BAR, at(0));
        manner.heed(BAR, at(0), Some(step(9)));
        manner.heed(LINES, at(120), None);
        assert_eq!(manner.format(), BAR);
        manner.heed(LINES, at(121), None);
        assert_eq!(manner.format(), LINES);
    }
}
