//! The comparison, pure: what was written, what a follower printed and marked, and what its own streams left out.

use std::collections::BTreeSet;

use super::scenario::Reason;
use super::stamp::Stamp;

/// What one attempt of one container wrote: lines 1 to `stamps.len()`.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// A line's stamp, where the node's files tell it.
    pub(super) stamps: Vec<Option<Stamp>>,
    /// The lines with which a new file begins.
    pub(super) file_starts: BTreeSet<u64>,
    /// The container's restarts before, where the files' names tell it.
    pub(super) attempt: Option<u32>,
    pub(super) last_file: LastFile,
}

/// What stood at the end in the one file that a node serves of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LastFile {
    #[default]
    Filled,
    /// The last lines were rotated away as the container ended.
    Empty,
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
        /// None for one that is not known.
        reason: Option<Reason>,
    },
    /// A piece of a torn line, which no writer wrote so, with the stamp under which it came.
    Piece(Option<Stamp>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Whole,
    /// With the number of the line whose text stands whole at its end: the kubelet served both as one.
    Torn {
        glued: Option<u64>,
    },
}

/// What all streams that a follower read carried of one source, and what the kubelet broke in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// Lines that came whole in one stream at least.
    pub(super) whole: Numbers,
    /// Lines that one stream at least passed over, going straight from an earlier to a later one.
    pub(super) jumped: Numbers,
    /// Lines of which a stream carried only a part, with a line's end behind it.
    pub(super) torn: BTreeSet<u64>,
    /// The last lines of streams that were to go on, and that the server itself ended.
    pub(super) ends: BTreeSet<u64>,
}

/// A set of numbers of lines, most of which are in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers(Vec<bool>);

impl Numbers {
    pub(super) fn insert(&mut self, number: u64) {
        let index = usize::try_from(number).unwrap_or(0);
        if self.0.len() <= index {
            self.0.resize(index + 1, false);
        }
        self.0[index] = true;
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        self.0.get(index).copied().unwrap_or(false)
    }
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

/// Compares what one attempt wrote with what a follower printed of it. Markers may have these reasons.
pub(super) fn judge(
    written: &Written,
    printed: &[Printed],
    carried: &Carried,
    excuses: &[Reason],
) -> Verdict {
    let mut walk = Walk {
        written,
        carried,
        excuses,
        next: 1,
        seen: BTreeSet::new(),
        glued: BTreeSet::new(),
        before: Neighbour::Nothing,
        open: None,
        verdict: Verdict {
            written: written.stamps.len() as u64,
            ..Verdict::default()
        },
    };
    for item in printed {
        match item {
            Printed::Line { number, text } => walk.line(*number, *text),
            Printed::Piece(stamp) => walk.pass(Neighbour::of(stamp.as_ref())),
            Printed::Marker {
                after,
                before,
                reason,
            } => walk.marker((after.as_ref(), before.as_ref()), *reason),
        }
    }
    walk.end()
}

struct Walk<'a> {
    written: &'a Written,
    carried: &'a Carried,
    excuses: &'a [Reason],
    /// The line that comes next if nothing is missing.
    next: u64,
    seen: BTreeSet<u64>,
    /// Lines whose text was printed at the end of a torn one.
    glued: BTreeSet<u64>,
    /// What was printed last.
    before: Neighbour<'a>,
    /// The marker since the last line.
    open: Option<Open<'a>>,
    verdict: Verdict,
}

/// What stands beside a marker.
#[derive(Clone, Copy, Debug)]
enum Neighbour<'a> {
    Nothing,
    At(&'a Stamp),
    /// A line that no file of the node tells of.
    Unknown,
}

impl<'a> Neighbour<'a> {
    fn of(stamp: Option<&'a Stamp>) -> Neighbour<'a> {
        stamp.map_or(Self::Unknown, Self::At)
    }

    fn is_named_by(self, stamp: Option<&Stamp>) -> bool {
        match (self, stamp) {
            (Self::Nothing, stamp) => stamp.is_none(),
            (Self::At(own), stamp) => stamp == Some(own),
            (Self::Unknown, stamp) => stamp.is_some(),
        }
    }
}

/// A marker, and whether what follows it was compared with the stamp that it names.
struct Open<'a> {
    before: Option<&'a Stamp>,
    compared: bool,
}

impl<'a> Walk<'a> {
    fn line(&mut self, number: u64, text: Text) {
        if number == 0 || number > self.written.stamps.len() as u64 {
            return self.fault(format!("line {number} was never written"));
        }
        if text != Text::Whole && !self.carried.torn.contains(&number) {
            self.verdict.torn += 1;
            return self.fault(format!("line {number} is torn"));
        }
        self.pass(Neighbour::of(self.stamp(number)));
        if let Text::Torn { glued } = text {
            self.glued.extend(glued);
            // Printed as it was served; the line itself is missing, and so is one that stands at its end.
            return;
        }
        if !self.seen.insert(number) {
            self.verdict.repeated += 1;
            return self.fault(format!("line {number} came again"));
        }
        self.verdict.printed += 1;
        if number < self.next {
            self.verdict.swapped += 1;
            return self.fault(format!("line {number} came after line {}", self.next - 1));
        }
        self.missing_until(number);
        self.next = number + 1;
    }

    /// Goes on to what was printed next.
    fn pass(&mut self, neighbour: Neighbour<'a>) {
        self.compare_before(neighbour);
        self.before = neighbour;
    }

    /// The marker that is open names what follows it.
    fn compare_before(&mut self, neighbour: Neighbour<'a>) {
        if let Some(open) = self.open.as_mut().filter(|open| !open.compared) {
            open.compared = true;
            let before = open.before;
            if !neighbour.is_named_by(before) {
                self.fault(format!(
                    "a marker ends before {before:?}, and what follows it is {neighbour:?}"
                ));
            }
        }
    }

    fn marker(&mut self, (after, before): Stamps<'a>, reason: Option<Reason>) {
        self.verdict.markers += 1;
        let next = self.next;
        if !self.before.is_named_by(after) {
            let own = self.before;
            self.fault(format!(
                "a marker begins after {after:?}, and what stands before it is {own:?}"
            ));
        }
        if !reason.is_some_and(|reason| self.excuses.contains(&reason)) {
            let text = format!("a marker before line {next} says {reason:?}, which did not happen");
            self.fault(text);
        }
        let open = Open {
            before,
            compared: false,
        };
        if self.open.replace(open).is_some() {
            self.fault(format!("two markers in a row before line {next}"));
        }
    }

    /// Accounts for the lines from the next one up to before `number`, with the marker that stands there.
    fn missing_until(&mut self, number: u64) {
        let (first, count) = (self.next, number - self.next);
        match (self.open.take(), count) {
            (None, _) => self.judge_missing(first, number),
            (Some(_), 0) if first > 1 && self.is_between_files(number) => {
                self.verdict.boundary_markers += 1;
            }
            (Some(_), 0) => self.fault(format!(
                "a marker before line {number}, and nothing missing"
            )),
            (Some(_), _) => self.verdict.marked += count,
        }
    }

    /// Between a line and the one before it, or behind the last one where the file that follows has none.
    fn is_between_files(&self, number: u64) -> bool {
        let is_behind_all = number > self.written.stamps.len() as u64;
        self.written.file_starts.contains(&number)
            || (is_behind_all && self.written.last_file == LastFile::Empty)
    }

    /// Without a marker, only what no stream carried, and one stream passed over, is not the follower's loss.
    fn judge_missing(&mut self, first: u64, end: u64) {
        let mut lost: Option<u64> = None;
        for number in first..end {
            if self.is_left_out(number) {
                self.verdict.left_out += 1;
                self.end_lost(lost.take(), number);
            } else {
                self.verdict.lost += 1;
                lost.get_or_insert(number);
            }
        }
        self.end_lost(lost, end);
    }

    fn end_lost(&mut self, first: Option<u64>, end: u64) {
        if let Some(first) = first {
            self.fault(format!("lines {first} to {} are missing", end - 1));
        }
    }

    fn is_left_out(&self, number: u64) -> bool {
        // Of a line that was served torn no stream needs to have passed over the rest.
        let broken = self.carried.jumped.contains(number) || self.carried.torn.contains(&number);
        // What was printed behind a torn line may come again by itself, where the kubelet serves a file twice.
        let is_glued = self.glued.contains(&number);
        is_glued || (broken && !self.carried.whole.contains(number))
    }

    /// The stream that was printed ended as a whole one does, and the file that it should have gone on with is empty:
    /// the kubelet read the last lines no more, and served them to nobody who asked afterwards.
    fn is_left_out_at_end(&self) -> bool {
        let last = self.written.stamps.len() as u64;
        self.written.last_file == LastFile::Empty
            && self.carried.ends.contains(&(self.next - 1))
            && !(self.next..=last).any(|number| self.carried.whole.contains(number))
    }

    fn stamp(&self, number: u64) -> Option<&'a Stamp> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.written.stamps.get(index)?.as_ref()
    }

    fn end(mut self) -> Verdict {
        let behind_last = self.written.stamps.len() as u64 + 1;
        self.compare_before(Neighbour::Nothing);
        if self.open.is_none() && self.is_left_out_at_end() {
            self.verdict.left_out += behind_last - self.next;
            self.next = behind_last;
        }
        if self.next < behind_last || self.open.is_some() {
            self.missing_until(behind_last);
        }
        self.verdict
    }

    fn fault(&mut self, text: String) {
        self.verdict.faults.push(text);
    }
}

/// What a marker names: the stamps before and behind it.
type Stamps<'a> = (Option<&'a Stamp>, Option<&'a Stamp>);

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
            attempt: None,
            last_file: LastFile::Filled,
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
            reason: Some(Reason::Rotated),
        }
    }

    fn judged(printed: &[Printed]) -> Verdict {
        judge(
            &written(10, &[6]),
            printed,
            &Carried::default(),
            &[Reason::Rotated],
        )
    }

    /// Streams passed over these lines, and carried those whole.
    fn carried(jumped: &[u64], whole: &[u64], torn: &[u64]) -> Carried {
        let mut carried = Carried::default();
        for number in jumped {
            carried.jumped.insert(*number);
        }
        for number in whole {
            carried.whole.insert(*number);
        }
        carried.torn.extend(torn);
        carried
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
    fn lines_at_the_end_are_left_out_where_the_stream_ended_whole_and_the_last_file_is_empty() {
        let ended = |last| Carried {
            ends: [last].into(),
            ..Carried::default()
        };
        let mut served = ended(7);
        served.whole.insert(9);
        for (last_file, carried, left_out, lost) in [
            (LastFile::Empty, ended(7), 3, 0),
            (LastFile::Empty, ended(6), 0, 3),
            (LastFile::Empty, Carried::default(), 0, 3),
            (LastFile::Empty, served, 0, 3),
            (LastFile::Filled, ended(7), 0, 3),
        ] {
            let mut written = written(10, &[6]);
            written.last_file = last_file;
            let verdict = judge(&written, &lines(1..=7), &carried, &[Reason::Rotated]);
            assert_eq!((verdict.left_out, verdict.lost), (left_out, lost));
            assert_eq!(verdict.faults.is_empty(), lost == 0);
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
            text: Text::Torn { glued: None },
        };
        let verdict = judged(&printed);
        assert_eq!((verdict.torn, verdict.lost, verdict.printed), (1, 1, 9));
    }

    #[test]
    fn a_line_that_was_printed_behind_a_torn_one_is_left_out_where_it_was_served_so() {
        let torn = Printed::Line {
            number: 5,
            text: Text::Torn { glued: Some(7) },
        };
        let printed = around(4, torn, 8);
        for (torn, lost, left_out) in [(&[5][..], 0, 3), (&[], 1, 2)] {
            let verdict = judge(
                &written(10, &[6]),
                &printed,
                &carried(&[5, 6, 7], &[7], torn),
                &[Reason::Rotated],
            );
            assert_eq!(
                (verdict.lost, verdict.left_out),
                (lost, left_out),
                "{torn:?}"
            );
        }
    }

    #[test]
    fn a_line_that_nobody_wrote_is_found() {
        assert_eq!(judged(&lines(1..=11)).faults, ["line 11 was never written"]);
    }

    /// Behind this line, and nothing follows.
    fn marker_at_end(after: u64) -> Printed {
        Printed::Marker {
            after: Some(stamp(after)),
            before: None,
            reason: Some(Reason::Rotated),
        }
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
        printed.push(marker_at_end(7));
        let verdict = judged(&printed);
        assert_eq!((verdict.marked, verdict.lost), (3, 0));
        assert!(verdict.faults.is_empty(), "{:?}", verdict.faults);
    }

    #[test]
    fn a_marker_where_nothing_is_missing_is_found() {
        for place in [3, 8] {
            let verdict = judged(&around(place, marker(place, place + 1), place + 1));
            let text = format!("a marker before line {}, and nothing missing", place + 1);
            assert_eq!(verdict.faults, [text]);
        }
        let mut printed = lines(1..=10);
        printed.push(marker_at_end(10));
        assert_eq!(judged(&printed).faults.len(), 1, "at the end");
    }

    #[test]
    fn a_marker_exactly_between_two_files_is_counted_and_excused() {
        let verdict = judged(&around(5, marker(5, 6), 6));
        assert_eq!((verdict.boundary_markers, verdict.markers), (1, 1));
        assert!(verdict.faults.is_empty());
    }

    #[test]
    fn a_marker_behind_the_last_line_is_excused_only_where_an_empty_file_follows() {
        let mut printed = lines(1..=10);
        printed.push(marker_at_end(10));
        for (last_file, faults) in [(LastFile::Empty, 0), (LastFile::Filled, 1)] {
            let written = Written {
                last_file,
                ..written(10, &[6])
            };
            let verdict = judge(&written, &printed, &Carried::default(), &[Reason::Rotated]);
            assert_eq!(verdict.faults.len(), faults, "{last_file:?}");
            assert_eq!(verdict.boundary_markers, 1 - faults as u64);
        }
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
    fn a_marker_whose_stamps_are_not_those_of_its_neighbours_is_found() {
        for (after, before, faults) in [
            (Some(5), Some(6), 1),
            (Some(3), Some(7), 1),
            (Some(2), Some(6), 1),
            (Some(3), None, 1),
            (None, Some(6), 1),
            (None, None, 2),
            (Some(0), Some(40), 2),
        ] {
            let hole = Printed::Marker {
                after: after.map(stamp),
                before: before.map(stamp),
                reason: Some(Reason::Rotated),
            };
            let verdict = judged(&around(3, hole, 6));
            assert_eq!(verdict.faults.len(), faults, "{after:?} {before:?}");
        }
    }

    #[test]
    fn a_marker_names_nothing_only_where_there_is_no_line() {
        let hole = |after: Option<u64>, before: Option<u64>| Printed::Marker {
            after: after.map(stamp),
            before: before.map(stamp),
            reason: Some(Reason::Rotated),
        };
        assert_eq!(judged(&around(0, hole(None, Some(4)), 4)).faults.len(), 0);
        assert_eq!(
            judged(&around(0, hole(Some(1), Some(4)), 4)).faults.len(),
            1
        );
        assert_eq!(judged(&[hole(None, None)]).faults.len(), 0);
        let mut printed = lines(1..=7);
        printed.push(hole(Some(7), Some(10)));
        assert_eq!(judged(&printed).faults.len(), 1);
    }

    #[test]
    fn a_marker_with_a_reason_that_did_not_happen_is_found() {
        for reason in [Some(Reason::BufferFull), Some(Reason::NoAnswer), None] {
            let hole = Printed::Marker {
                after: Some(stamp(3)),
                before: Some(stamp(6)),
                reason,
            };
            let verdict = judged(&around(3, hole, 6));
            assert_eq!(verdict.faults.len(), 1, "{reason:?}");
        }
        let printed = around(3, marker(3, 6), 6);
        let verdict = judge(&written(10, &[]), &printed, &Carried::default(), &[]);
        assert_eq!(verdict.faults.len(), 1, "no marker is right");
    }

    #[test]
    fn what_one_stream_left_out_and_another_carried_is_lost() {
        let printed = lines([1, 2, 3, 4, 5, 9, 10]);
        let carried = carried(&[6, 7, 8], &[7], &[]);
        let verdict = judge(&written(10, &[]), &printed, &carried, &[]);
        assert_eq!((verdict.left_out, verdict.lost), (2, 1));
        assert_eq!(verdict.faults, ["lines 7 to 7 are missing"]);
    }

    #[test]
    fn the_piece_of_a_torn_line_is_a_marker_s_neighbour() {
        let mut printed = lines(1..=3);
        printed.extend([Printed::Piece(Some(stamp(4))), marker(4, 6)]);
        printed.extend(lines(6..=10));
        assert_eq!(judged(&printed).faults, Vec::<String>::new());
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
        let printed = lines([1, 2, 3, 6, 7, 9, 10]);
        let carried = carried(&[4, 5], &[], &[]);
        let verdict = judge(&written(10, &[]), &printed, &carried, &[]);
        assert_eq!((verdict.left_out, verdict.lost), (2, 1));
        assert_eq!(verdict.faults, ["lines 8 to 8 are missing"]);
    }

    #[test]
    fn a_line_that_was_served_torn_is_left_out_and_no_fault() {
        let mut printed = lines(1..=3);
        printed.push(Printed::Line {
            number: 4,
            text: Text::Torn { glued: None },
        });
        printed.extend(lines(8..=10));
        let carried = carried(&[4, 5, 6, 7], &[], &[4]);
        let verdict = judge(&written(10, &[]), &printed, &carried, &[]);
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
