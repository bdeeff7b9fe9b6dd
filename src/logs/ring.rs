//! What was delivered lately of one container, so that a replay can be recognised: eight bytes a piece, over a window of
//! time that is longer where little is written. Pure.

use std::collections::VecDeque;

/// How far a replay always reaches back before the last piece, in seconds. stdout and stderr, which are stamped before
/// they queue for the file, disagree by far less.
const SHORTEST_OVERLAP: i64 = 2;
/// How far back it reaches where little was written: a clock that stepped back by less hides nothing.
const LONGEST_OVERLAP: i64 = 10;
/// What little is, in pieces.
const FEW: usize = 4096;
/// How many pieces of a second are looked through at most, the newest first: after a clock that stepped back each line
/// is looked for. What is served again from further back begins with a piece that is known otherwise.
const LOOK_BACK: usize = 4096;
/// Room for so many is made at once: hardly a log is shorter.
const FIRST: usize = 128;
/// Never are more remembered, whatever is written in a second.
const MOST: usize = 32 << 10;

#[derive(Debug, Default)]
pub(crate) struct Ring {
    prints: VecDeque<u64>,
    /// The stamps' seconds of the same pieces, as runs: how many in a row are of which second.
    seconds: VecDeque<(i64, usize)>,
}

impl Ring {
    #[inline]
    pub(crate) fn push(&mut self, print: u64, second: i64) {
        if self.prints.capacity() == 0 {
            self.prints.reserve(FIRST);
        }
        self.prints.push_back(print);
        match self.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        while self.is_to_forget(second) {
            self.forget_oldest();
        }
    }

    /// From which second to ask, so that the last piece is served again and everything after it. Never later than the
    /// last piece's own second.
    pub(crate) fn since(&self) -> Option<i64> {
        let (last, _) = self.seconds.back()?;
        let (oldest, _) = self.seconds.front()?;
        Some((*oldest).clamp(last - LONGEST_OVERLAP, last - SHORTEST_OVERLAP))
    }

    /// The pieces that a server asked since that second would serve again, in order.
    pub(crate) fn expected(&self, since: Option<i64>) -> Vec<u64> {
        let mut prints = self.prints.iter();
        let mut expected = Vec::with_capacity(self.prints.len());
        for (second, count) in &self.seconds {
            let run = prints.by_ref().take(*count);
            if since.is_none_or(|since| *second >= since) {
                expected.extend(run);
            } else {
                run.for_each(drop);
            }
        }
        expected
    }

    /// Whether a piece of this fingerprint is among the newest of this second. Looks back only as far as it must.
    pub(crate) fn has(&self, print: u64, second: i64) -> bool {
        let mut end = self.prints.len();
        let mut left = LOOK_BACK;
        for (run_second, count) in self.seconds.iter().rev() {
            let start = end - count;
            if *run_second == second {
                let newest = end - left.min(*count);
                if self.prints.range(newest..end).any(|one| *one == print) {
                    return true;
                }
                left -= end - newest;
            }
            end = start;
        }
        false
    }

    pub(crate) fn ends_with(&self, print: u64) -> bool {
        self.prints.back() == Some(&print)
    }

    #[inline]
    fn is_to_forget(&self, last: i64) -> bool {
        let oldest = self.seconds.front().map_or(last, |(second, _)| *second);
        let count = self.prints.len();
        count > MOST
            || oldest < last - LONGEST_OVERLAP
            || (count > FEW && oldest < last - SHORTEST_OVERLAP)
    }

    #[inline]
    fn forget_oldest(&mut self) {
        self.prints.pop_front();
        if let Some((_, count)) = self.seconds.front_mut() {
            *count -= 1;
            if *count == 0 {
                self.seconds.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(seconds: impl IntoIterator<Item = i64>) -> Ring {
        let mut ring = Ring::default();
        for (print, second) in (0..).zip(seconds) {
            ring.push(print, second);
        }
        ring
    }

    #[test]
    fn nothing_delivered_gives_no_point_to_resume_from() {
        assert_eq!(ring([]).since(), None);
    }

    #[test]
    fn the_overlap_is_at_least_two_seconds_and_at_most_ten() {
        assert_eq!(ring([100]).since(), Some(98));
        assert_eq!(ring([95, 100]).since(), Some(95));
        assert_eq!(ring([80, 100]).since(), Some(98));
        assert_eq!(
            ring((0..=100).flat_map(|second| [second; 3])).since(),
            Some(90)
        );
        let dense = (90..=100).flat_map(|second| [second; 2000]);
        assert_eq!(ring(dense).since(), Some(98));
    }

    #[test]
    fn after_a_clock_that_stepped_back_the_last_piece_decides() {
        assert_eq!(ring([1000, 1001, 500]).since(), Some(498));
        assert_eq!(ring([1000, 1001, 500]).expected(Some(498)), [0, 1, 2]);
    }

    #[test]
    fn expected_is_what_the_filter_lets_through_in_order() {
        assert_eq!(ring([10, 9, 11, 9, 12]).expected(Some(10)), [0, 2, 4]);
        assert_eq!(ring([10, 9, 11]).expected(None), [0, 1, 2]);
    }

    #[test]
    fn memory_is_bounded_however_much_is_written_in_a_second() {
        let flood = ring(std::iter::repeat_n(7, 100_000));
        assert_eq!(flood.prints.len(), MOST);
        assert_eq!(flood.expected(None).last(), Some(&99_999));
    }

    #[test]
    fn a_piece_is_looked_for_among_the_newest_of_its_second_only() {
        let many = u64::try_from(LOOK_BACK).unwrap();
        let ring = ring(std::iter::repeat_n(7, LOOK_BACK + 1).chain([8]));
        assert!(!ring.has(0, 7) && ring.has(1, 7) && ring.has(many, 7));
    }

    #[test]
    fn a_piece_is_found_in_its_second_only() {
        let ring = ring([10, 11, 10]);
        assert!(ring.has(0, 10) && ring.has(2, 10) && ring.has(1, 11));
        assert!(!ring.has(0, 11) && !ring.has(3, 10));
    }
}
