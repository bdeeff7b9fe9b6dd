//! What a fault does to bytes that flow: how many pass, and what happens then. Pure.

use super::Fault;
use super::table::Due;

/// The bytes of one answer or one connection, with at most one fault on them.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    limit: Option<Limit>,
    after_newline: bool,
    begun: bool,
}

/// What has to happen now, before another byte passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Break the connection, at the cost of what is still on its way.
    Reset,
    /// End the connection once everything that passed has been sent.
    End,
    /// Let nothing pass until this rule is cleared.
    Stall(u64),
}

#[derive(Debug)]
enum Limit {
    After { left: u64, ending: Ending },
    MidLine { left: u64 },
}

impl Flow {
    pub(crate) fn new(due: Option<Due>) -> Flow {
        let mut flow = Flow::default();
        if let Some(due) = due {
            flow.meet(due);
        }
        flow
    }

    /// Whether no fault is on it.
    pub(crate) fn is_free(&self) -> bool {
        self.limit.is_none()
    }

    /// Puts a fault on it, counting from here; faults that are for the start only do nothing.
    pub(crate) fn meet(&mut self, due: Due) {
        let after = |left, ending| Some(Limit::After { left, ending });
        self.limit = match due.fault {
            Fault::Cut => after(0, Ending::Reset),
            Fault::CutAfter(left) => after(left, Ending::End),
            Fault::BreakMidLine(left) => Some(Limit::MidLine { left }),
            Fault::Stall => after(0, Ending::Stall(due.rule)),
            Fault::StallAfter(left) => after(left, Ending::Stall(due.rule)),
            Fault::Delay(_) | Fault::Refuse | Fault::Answer(_) => None,
        };
    }

    /// Takes the fault off it, as when a stall is cleared.
    pub(crate) fn resume(&mut self) {
        self.limit = None;
    }

    /// What has to happen before the next byte, if anything.
    pub(crate) fn ending(&self) -> Option<Ending> {
        match self.limit {
            Some(Limit::After { left: 0, ending }) => Some(ending),
            _ => None,
        }
    }

    /// How many bytes at the beginning of `chunk` pass now. When it is not all, ask [`Flow::ending`] next.
    pub(crate) fn admit(&mut self, chunk: &[u8]) -> usize {
        let passing = match &mut self.limit {
            None => chunk.len(),
            Some(Limit::After { left, .. }) => {
                let passing = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(chunk.len());
                *left -= passing as u64;
                passing
            }
            Some(Limit::MidLine { .. }) => self.admit_to_mid_line(chunk),
        };
        if let Some(last) = chunk[..passing].last() {
            self.after_newline = *last == b'\n';
            self.begun = true;
        }
        passing
    }

    fn admit_to_mid_line(&mut self, chunk: &[u8]) -> usize {
        let Some(Limit::MidLine { left }) = &mut self.limit else {
            return chunk.len();
        };
        let skipped = usize::try_from(*left)
            .unwrap_or(usize::MAX)
            .min(chunk.len());
        *left -= skipped as u64;
        let at_line_start = |position: usize| match position.checked_sub(1) {
            Some(before) => chunk[before] == b'\n',
            None => self.after_newline || !self.begun,
        };
        // The first line that begins at or after the skipped bytes and is not empty.
        let Some(start) = (skipped..chunk.len())
            .find(|position| at_line_start(*position) && chunk[*position] != b'\n')
        else {
            return chunk.len();
        };
        let line = chunk[start..]
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        self.limit = Some(Limit::After {
            left: 0,
            ending: Ending::End,
        });
        start + line.len().div_ceil(2)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Flow};
    use crate::faults::Fault;
    use crate::faults::table::Due;

    fn flow(fault: Fault) -> Flow {
        Flow::new(Some(Due { rule: 7, fault }))
    }

    /// What passes of these chunks before something happens, and what that is.
    fn passed(fault: Fault, chunks: &[&str]) -> (String, Option<Ending>) {
        let mut flow = flow(fault);
        let mut text = String::new();
        for chunk in chunks {
            let passing = if flow.ending().is_some() {
                0
            } else {
                flow.admit(chunk.as_bytes())
            };
            text.push_str(&chunk[..passing]);
        }
        (text, flow.ending())
    }

    #[test]
    fn a_cut_passes_exactly_its_bytes() {
        assert_eq!(
            passed(Fault::Cut, &["abc"]),
            (String::new(), Some(Ending::Reset))
        );
        assert_eq!(
            passed(Fault::CutAfter(4), &["abc", "def"]),
            ("abcd".to_owned(), Some(Ending::End))
        );
        assert_eq!(
            passed(Fault::CutAfter(9), &["abc", "def"]),
            ("abcdef".to_owned(), None)
        );
    }

    #[test]
    fn a_stall_names_the_rule_to_wait_for_and_then_lets_the_rest_pass() {
        let mut flow = flow(Fault::StallAfter(1));
        assert_eq!(flow.admit(b"abc"), 1);
        assert_eq!(flow.ending(), Some(Ending::Stall(7)));
        flow.resume();
        assert_eq!((flow.admit(b"bc"), flow.ending()), (2, None));
    }

    #[test]
    fn a_break_leaves_a_line_without_its_end() {
        let end = Some(Ending::End);
        assert_eq!(
            passed(Fault::BreakMidLine(0), &["first\nsecond\n"]),
            ("fir".to_owned(), end)
        );
        assert_eq!(
            passed(Fault::BreakMidLine(1), &["first\nsecond\n"]),
            ("first\nsec".to_owned(), end)
        );
        assert_eq!(
            passed(Fault::BreakMidLine(1), &["first\n", "\n", "x\n"]),
            ("first\n\nx".to_owned(), end)
        );
        assert_eq!(
            passed(Fault::BreakMidLine(4), &["fi", "rst", "\nsecond"]),
            ("first\nsec".to_owned(), end)
        );
        assert_eq!(
            passed(Fault::BreakMidLine(1), &["no end of line"]),
            ("no end of line".to_owned(), None)
        );
    }

    #[test]
    fn faults_for_the_start_leave_bytes_alone() {
        assert_eq!(
            passed(Fault::Answer(503), &["abc"]),
            ("abc".to_owned(), None)
        );
    }
}
