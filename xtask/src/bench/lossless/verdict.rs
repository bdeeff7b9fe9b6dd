//! The comparison, pure: what was written, what a follower printed and marked, and what its own streams left out.

use std::collections::{BTreeMap, BTreeSet};

use super::stamp::Stamp;

/// What one attempt of one container wrote: lines 1 to `stamps.len()`.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// A line's stamp, where the node's files tell it.
    pub(super) stamps: Vec<Option<Stamp>>,
    /// The lines with which a new file begins.
    pub(super) file_starts: BTreeSet<u64>,
}

/// What a follower printed of one attempt, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Printed {
    Line {
        number: u64,
        text: Text,
    },
    /// Lines may be missing between these stamps, said the follower.
    Marker {
        after: Option<Stamp>,
        before: Option<Stamp>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Whole,
    Torn,
}

/// What the kubelet itself broke inside the streams that a follower read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Broken {
    /// Where a stream went from one line straight to another that does not follow it: each line, with the lines that
    /// came behind it.
    pub(super) jumps: BTreeMap<u64, BTreeSet<u64>>,
    /// Lines of which a stream carried only a part, with a line's end behind it.
    pub(super) torn: BTreeSet<u64>,
}

/// The figures of one source, or of several added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) written: u64,
    /// Distinct lines that came whole.
    pub(super) printed: u64,
    /// Missing, and neither marked nor left out inside one stream.
    pub(super) lost: u64,
    /// Missing inside a marker.
    pub(super) marked: u64,
    /// Missing because the kubelet left them out inside one stream.
    pub(super) left_out: u64,
    pub(super) repeated: u64,
    /// Came after a line that stands behind them.
    pub(super) swapped: u64,
    /// Lines of which only a part came, or lines mixed with others.
    pub(super) torn: u64,
    pub(super) markers: u64,
    /// Markers exactly between two files of the log, with nothing missing: no byte tells these from a hole.
    pub(super) boundary_markers: u64,
    /// What went wrong, with the numbers of the lines.
    pub(super) faults: Vec<String>,
}

impl Verdict {
    pub(super) fn add(&mut self, other: Verdict) {
        self.written += other.written;
        self.printed += other.printed;
        self.lost += other.lost;
        self.marked += other.marked;
        self.left_out += other.left_out;
        self.repeated += other.repeated;
        self.swapped += other.swapped;
        self.torn += other.torn;
        self.markers += other.markers;
        self.boundary_markers += other.boundary_markers;
        self.faults.extend(other.faults);
    }
}

/// Compares what one attempt wrote with what a follower printed of it.
pub(super) fn judge(written: &Written, printed: &[Printed], broken: &Broken) -> Verdict {
    let mut walk = Walk {
        written,
        broken,
        next: 1,
        seen: BTreeSet::new(),
        open: None,
        verdict: Verdict {
            written: written.stamps.len() as u64,
            ..Verdict::default()
        },
    };
    for item in printed {
        match item {
            Printed::Line { number, text } => walk.line(*number, *text),
            Printed::Marker { after, before } => walk.marker(after.as_ref(), before.as_ref()),
        }
    }
    walk.end()
}

struct Walk<'a> {
    written: &'a Written,
    broken: &'a Broken,
    /// The line that comes next if nothing is missing.
    next: u64,
    seen: BTreeSet<u64>,
    /// The marker since the last line.
    open: Option<(Option<&'a Stamp>, Option<&'a Stamp>)>,
    verdict: Verdict,
}

impl<'a> Walk<'a> {
    fn line(&mut self, number: u64, text: Text) {
        if text == Text::Torn && self.broken.torn.contains(&number) {
            // Printed as it was served; the line itself is missing.
            return;
        }
        if text == Text::Torn {
            self.verdict.torn += 1;
            return self.fault(format!("line {number} is torn"));
        }
        if !self.seen.insert(number) {
            self.verdict.repeated += 1;
            return self.fault(format!("line {number} came again"));
        }
        if number > self.written.stamps.len() as u64 {
            return self.fault(format!("line {number} was never written"));
        }
        self.verdict.printed += 1;
        if number < self.next {
            self.verdict.swapped += 1;
            return self.fault(format!("line {number} came after line {}", self.next - 1));
        }
        self.missing_until(number);
        self.next = number + 1;
    }

    fn marker(&mut self, after: Option<&'a Stamp>, before: Option<&'a Stamp>) {
        self.verdict.markers += 1;
        if self.open.replace((after, before)).is_some() {
            let next = self.next;
            self.fault(format!("two markers in a row before line {next}"));
        }
    }

    /// Accounts for the lines from the next one up to before `number`, with the marker that stands there.
    fn missing_until(&mut self, number: u64) {
        let (first, count) = (self.next, number - self.next);
        match (self.open.take(), count) {
            (None, 0) => {}
            (Some(_), 0) if self.written.file_starts.contains(&number) => {
                self.verdict.boundary_markers += 1;
            }
            (Some(_), 0) => self.fault(format!(
                "a marker before line {number}, and nothing missing"
            )),
            (Some(marker), _) => {
                self.verdict.marked += count;
                self.judge_stamps(marker, first, number - 1);
            }
            (None, _) if self.is_left_out(first, number) => self.verdict.left_out += count,
            (None, _) => {
                self.verdict.lost += count;
                self.fault(format!("lines {first} to {} are missing", number - 1));
            }
        }
    }

    /// Whether one stream itself went from the line before `first` on to `number`.
    fn is_left_out(&self, first: u64, number: u64) -> bool {
        let behind = self.broken.jumps.get(&(first - 1));
        behind.is_some_and(|numbers| numbers.contains(&number))
    }

    /// What is missing lies between the marker's stamps.
    fn judge_stamps(
        &mut self,
        (after, before): (Option<&Stamp>, Option<&Stamp>),
        first: u64,
        last: u64,
    ) {
        let late = after > self.stamp(first) && self.stamp(first).is_some();
        let early = before.is_some() && self.stamp(last) > before;
        if late || early {
            self.fault(format!(
                "lines {first} to {last} are missing, and the marker from {after:?} to {before:?} does not hold them"
            ));
        }
    }

    fn stamp(&self, number: u64) -> Option<&'a Stamp> {
        let index = usize::try_from(number - 1).ok()?;
        self.written.stamps.get(index)?.as_ref()
    }

    fn end(mut self) -> Verdict {
        let behind_last = self.written.stamps.len() as u64 + 1;
        if self.next < behind_last || self.open.is_some() {
            self.missing_until(behind_last);
        }
        self.verdict
    }

    fn fault(&mut self, text: String) {
        self.verdict.faults.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(second: u64) -> Stamp {
        Stamp::parse(&format!(
            "2026-01-31T12:{:02}:{:02}Z",
            second / 60,
            second % 60
        ))
        .unwrap()
    }

    /// Line N has the stamp of second N; files begin with these lines.
    fn written(lines: u64, file_starts: &[u64]) -> Written {
        Written {
            stamps: (1..=lines).map(|number| Some(stamp(number))).collect(),
            file_starts: file_starts.iter().copied().collect(),
        }
    }

    fn lines(numbers: impl IntoIterator<Item = u64>) -> Vec<Printed> {
        let whole = |number| Printed::Line {
            number,
            text: Text::Whole,
        };
        numbers.into_iter().map(whole).collect()
    }

    fn marker(after: u64, before: u64) -> Printed {
        Printed::Marker {
            after: Some(stamp(after)),
            before: Some(stamp(before)),
        }
    }

    fn judged(printed: &[Printed]) -> Verdict {
        judge(&written(10, &[6]), printed, &Broken::default())
    }

    /// The lines before and after a place, with something between.
    fn around(before: u64, between: Printed, after: u64) -> Vec<Printed> {
        let mut printed = lines(1..=before);
        printed.push(between);
        printed.extend(lines(after..=10));
        printed
    }

    #[test]
    fn all_lines_once_and_in_order_are_no_fault() {
        let verdict = judged(&lines(1..=10));
        assert_eq!((verdict.printed, verdict.lost), (10, 0));
        assert_eq!(verdict.faults, Vec::<String>::new());
    }

    #[test]
    fn a_planted_loss_is_found_at_the_beginning_in_the_middle_and_at_the_end() {
        for (printed, first, last) in [
            (lines(3..=10), 1, 2),
            (lines((1..=3).chain(6..=10)), 4, 5),
            (lines(1..=9), 10, 10),
            (lines([]), 1, 10),
        ] {
            let verdict = judged(&printed);
            assert_eq!(verdict.lost, last - first + 1);
            assert_eq!(
                verdict.faults,
                [format!("lines {first} to {last} are missing")]
            );
        }
    }

    #[test]
    fn a_planted_repeat_is_found_and_is_neither_loss_nor_swap() {
        let verdict = judged(&lines((1..=5).chain(4..=10)));
        assert_eq!((verdict.repeated, verdict.lost, verdict.swapped), (2, 0, 0));
        assert_eq!(verdict.faults, ["line 4 came again", "line 5 came again"]);
    }

    #[test]
    fn two_lines_that_changed_places_are_found() {
        let verdict = judged(&lines([1, 2, 4, 3, 5, 6, 7, 8, 9, 10]));
        assert_eq!(verdict.swapped, 1);
        assert!(
            verdict
                .faults
                .contains(&"line 3 came after line 4".to_owned())
        );
    }

    #[test]
    fn a_torn_line_is_found_and_does_not_stand_for_the_whole_one() {
        let mut printed = lines(1..=10);
        printed[4] = Printed::Line {
            number: 5,
            text: Text::Torn,
        };
        let verdict = judged(&printed);
        assert_eq!((verdict.torn, verdict.lost, verdict.printed), (1, 1, 9));
    }

    #[test]
    fn a_line_that_nobody_wrote_is_found() {
        assert_eq!(judged(&lines(1..=11)).faults, ["line 11 was never written"]);
    }

    #[test]
    fn a_marker_where_lines_are_missing_is_right() {
        let verdict = judged(&around(3, marker(3, 6), 6));
        assert_eq!((verdict.marked, verdict.lost, verdict.markers), (2, 0, 1));
        assert!(verdict.faults.is_empty(), "{:?}", verdict.faults);
    }

    #[test]
    fn a_marker_at_the_end_is_right_where_lines_are_missing_there() {
        let mut printed = lines(1..=7);
        printed.push(Printed::Marker {
            after: Some(stamp(7)),
            before: None,
        });
        let verdict = judged(&printed);
        assert_eq!((verdict.marked, verdict.lost), (3, 0));
        assert!(verdict.faults.is_empty(), "{:?}", verdict.faults);
    }

    #[test]
    fn a_marker_where_nothing_is_missing_is_found() {
        for place in [0, 3, 8] {
            let verdict = judged(&around(place, marker(place, place + 1), place + 1));
            let text = format!("a marker before line {}, and nothing missing", place + 1);
            assert_eq!(verdict.faults, [text]);
        }
        let mut printed = lines(1..=10);
        printed.push(marker(10, 11));
        assert_eq!(judged(&printed).faults.len(), 1, "at the end");
    }

    #[test]
    fn a_marker_exactly_between_two_files_is_counted_and_excused() {
        let verdict = judged(&around(5, marker(5, 6), 6));
        assert_eq!((verdict.boundary_markers, verdict.markers), (1, 1));
        assert!(verdict.faults.is_empty());
    }

    #[test]
    fn a_marker_does_not_excuse_lines_that_are_missing_elsewhere() {
        let mut printed = lines(1..=3);
        printed.push(marker(3, 5));
        printed.extend(lines([5, 6, 9, 10]));
        let verdict = judged(&printed);
        assert_eq!((verdict.marked, verdict.lost), (1, 2));
        assert_eq!(verdict.faults, ["lines 7 to 8 are missing"]);
    }

    #[test]
    fn a_marker_whose_stamps_do_not_hold_what_is_missing_is_found() {
        for (after, before) in [(5, 7), (3, 4), (8, 9)] {
            let verdict = judged(&around(3, marker(after, before), 6));
            assert_eq!(verdict.faults.len(), 1, "{after} {before}");
        }
    }

    #[test]
    fn two_markers_in_a_row_are_found() {
        let mut printed = lines(1..=3);
        printed.extend([marker(3, 6), marker(3, 6)]);
        printed.extend(lines(6..=10));
        assert_eq!(
            judged(&printed).faults,
            ["two markers in a row before line 4"]
        );
    }

    #[test]
    fn what_one_stream_itself_left_out_is_counted_apart_and_only_that() {
        let broken = Broken {
            jumps: [(3, [6].into())].into(),
            ..Broken::default()
        };
        let verdict = judge(&written(10, &[]), &lines([1, 2, 3, 6, 7, 9, 10]), &broken);
        assert_eq!((verdict.left_out, verdict.lost), (2, 1));
        assert_eq!(verdict.faults, ["lines 8 to 8 are missing"]);
    }

    #[test]
    fn a_line_that_was_served_torn_is_left_out_and_no_fault() {
        let mut printed = lines(1..=3);
        printed.push(Printed::Line {
            number: 4,
            text: Text::Torn,
        });
        printed.extend(lines(8..=10));
        let broken = Broken {
            jumps: [(3, [8].into())].into(),
            torn: [4].into(),
        };
        let verdict = judge(&written(10, &[]), &printed, &broken);
        assert_eq!((verdict.left_out, verdict.torn, verdict.lost), (4, 0, 0));
        assert_eq!(verdict.faults, Vec::<String>::new());
    }

    #[test]
    fn sources_add_up() {
        let mut sum = judged(&lines(1..=9));
        sum.add(judged(&lines((1..=10).chain([10]))));
        assert_eq!(
            (
                sum.written,
                sum.printed,
                sum.lost,
                sum.repeated,
                sum.faults.len()
            ),
            (20, 19, 1, 1, 2)
        );
    }
}
