//! Lines of logs as text: whose line it is, when it was written, and what it says. Appends to a buffer that is used
//! again, and allocates nothing for a line.

use std::collections::HashMap;

use regex::bytes::Regex;

use super::log_terminal::{self, Colours};
use crate::{
    logs::{
        line::Part,
        record::{LineEnd, LogSource, SourceId},
        stamp::{Stamp, fraction_of},
    },
    prose,
    style::Style,
};

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub struct LineLook {
    pub place: Place,
    pub style: Style,
    pub prefixes: Prefixes,
    pub stamps: Stamps,
}

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Control sequences are kept away.
    Terminal,
    /// The bytes of a line are not changed.
    Elsewhere,
}

/// Whether each line begins with its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefixes {
    Shown,
    Hidden,
}

/// Whether each line begins with the moment when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    Hidden,
    /// As `kubectl logs --timestamps` has it: `2026-11-21T11:55:00.123456789Z`.
    Full,
    /// As `stern --timestamps=short` has it: `11-21 11:55:00`.
    Short,
}

/// A piece of a line, with what is needed to show it.
#[derive(Clone, Copy, Debug)]
pub struct ShownPiece<'a> {
    pub source: SourceId,
    pub stamp: Stamp,
    pub part: Part,
    pub end: LineEnd,
    pub text: &'a [u8],
}

/// Between a step's name and its line.
const SEPARATOR: &str = " | ";
/// Where a line is broken off because others cannot wait any longer; its rest comes on a line of its own.
const CONTINUES: &[u8] = b" [continues]";
/// Reverse video, and its end: unlike a colour it leaves the line's own colours as they are.
const MARK: &[u8] = b"\x1b[7m";
const MARK_END: &[u8] = b"\x1b[27m";
const RESET: &[u8] = b"\x1b[0m";

/// Shows the lines of all sources of one run.
#[derive(Debug)]
pub struct TextLines {
    look: LineLook,
    sources: Vec<Prefix>,
    /// Steps by the order in which they came, which is their colour.
    steps: Vec<String>,
    /// The place of each in that order: a large job has a thousand.
    numbers: HashMap<String, usize>,
    /// Columns of the longest step.
    width: usize,
    clock: StampText,
    unfinished: Unfinished,
}

#[derive(Debug)]
struct Prefix {
    step: usize,
    text: Vec<u8>,
}

/// How the text that was shown last ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfinished {
    Nothing,
    /// In the middle of a long line of this source.
    Within(SourceId, Colours),
    /// At the end of a line, without a line's end.
    NoLineEnd,
}

impl TextLines {
    pub fn new(look: LineLook) -> Self {
        Self {
            look,
            sources: Vec::new(),
            steps: Vec::new(),
            numbers: HashMap::new(),
            width: 0,
            clock: StampText::new(),
            unfinished: Unfinished::Nothing,
        }
    }

    /// Sources are numbered from 0, in the order in which they are opened.
    pub fn open(&mut self, source: &LogSource) {
        let shown = prose::visible(&source.step);
        let known = self.numbers.get(&shown).copied();
        let step = known.unwrap_or_else(|| {
            self.numbers.insert(shown.clone(), self.steps.len());
            self.steps.push(shown);
            self.steps.len() - 1
        });
        self.sources.push(Prefix {
            step,
            text: Vec::new(),
        });
        let columns = self.steps[step].chars().count();
        if columns > self.width {
            self.width = columns;
            (0..self.sources.len()).for_each(|place| self.write_prefix(place));
        } else {
            self.write_prefix(self.sources.len() - 1);
        }
    }

    #[inline]
    pub fn push(&mut self, piece: &ShownPiece<'_>, marks: Option<&Regex>, out: &mut Vec<u8>) {
        let goes_on = matches!(self.unfinished, Unfinished::Within(source, _) if source == piece.source)
            && !piece.part.begins_line();
        if !goes_on {
            self.break_off(out);
            self.push_prefix(piece, out);
        }
        let mut colours = match self.unfinished {
            Unfinished::Within(_, colours) => colours,
            _ => Colours::Untouched,
        };
        if self.push_text(piece.text, marks, out) == Colours::Changed {
            colours = Colours::Changed;
        }
        self.unfinished = if piece.part.ends_line() {
            self.end_line(piece.end, colours, out)
        } else {
            Unfinished::Within(piece.source, colours)
        };
    }

    /// Ends a line that is not at its end, because something else is to be shown.
    #[inline]
    pub fn break_off(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.unfinished, Unfinished::Nothing) {
            Unfinished::Nothing => {}
            Unfinished::Within(_, colours) => {
                if colours == Colours::Changed {
                    out.extend_from_slice(RESET);
                }
                out.extend_from_slice(CONTINUES);
                out.push(b'\n');
            }
            Unfinished::NoLineEnd => out.push(b'\n'),
        }
    }

    /// A container's last words may have no line's end; elsewhere than on a terminal, and without prefixes, they get none.
    #[inline]
    fn end_line(&self, end: LineEnd, colours: Colours, out: &mut Vec<u8>) -> Unfinished {
        if colours == Colours::Changed {
            out.extend_from_slice(RESET);
        }
        let bare = self.look.prefixes == Prefixes::Hidden && self.look.place == Place::Elsewhere;
        if bare && !end.is_there() {
            return Unfinished::NoLineEnd;
        }
        out.push(b'\n');
        Unfinished::Nothing
    }

    #[inline]
    fn push_prefix(&mut self, piece: &ShownPiece<'_>, out: &mut Vec<u8>) {
        let place = usize::try_from(piece.source.0).unwrap_or(usize::MAX);
        if let (Prefixes::Shown, Some(prefix)) = (self.look.prefixes, self.sources.get(place)) {
            out.extend_from_slice(&prefix.text);
        }
        match self.look.stamps {
            Stamps::Hidden => return,
            Stamps::Full => out.extend_from_slice(self.clock.full(piece.stamp)),
            Stamps::Short => {
                let text = self.clock.full(piece.stamp);
                out.extend_from_slice(&text[5..10]);
                out.push(b' ');
                out.extend_from_slice(&text[11..19]);
            }
        }
        out.push(b' ');
    }

    #[inline]
    fn push_text(&self, text: &[u8], marks: Option<&Regex>, out: &mut Vec<u8>) -> Colours {
        let text = match self.look.place {
            Place::Terminal => log_terminal::last_state(text),
            Place::Elsewhere => text,
        };
        let (Some(marks), Style::Coloured) = (marks, self.look.style) else {
            return self.push_bytes(text, out);
        };
        let mut colours = Colours::Untouched;
        let mut shown = 0;
        for found in marks.find_iter(text).filter(|found| !found.is_empty()) {
            let before = self.push_bytes(&text[shown..found.start()], out);
            out.extend_from_slice(MARK);
            let within = self.push_bytes(found.as_bytes(), out);
            out.extend_from_slice(MARK_END);
            shown = found.end();
            if before == Colours::Changed || within == Colours::Changed {
                colours = Colours::Changed;
            }
        }
        match self.push_bytes(&text[shown..], out) {
            Colours::Changed => Colours::Changed,
            Colours::Untouched => colours,
        }
    }

    #[inline]
    fn push_bytes(&self, text: &[u8], out: &mut Vec<u8>) -> Colours {
        match self.look.place {
            Place::Terminal => log_terminal::push(text, self.look.style, out),
            Place::Elsewhere => {
                out.extend_from_slice(text);
                Colours::Untouched
            }
        }
    }

    fn write_prefix(&mut self, place: usize) {
        let prefix = &mut self.sources[place];
        let step = &self.steps[prefix.step];
        let padded = format!("{step:width$}{SEPARATOR}", width = self.width);
        prefix.text = self.look.style.paint_hue(prefix.step, &padded).into_bytes();
    }
}

/// Moments as text. Lines of the same second share all but the fraction.
#[derive(Debug)]
pub(super) struct StampText {
    second: Option<i64>,
    text: Vec<u8>,
}

/// `2026-11-21T11:55:00.`
const UP_TO_FRACTION: usize = 20;

impl StampText {
    pub(super) const fn new() -> Self {
        Self {
            second: None,
            text: Vec::new(),
        }
    }

    /// RFC 3339 with nine digits of fraction, in UTC.
    #[inline]
    pub(super) fn full(&mut self, stamp: Stamp) -> &[u8] {
        if self.second == Some(stamp.seconds) {
            let fraction = &mut self.text[UP_TO_FRACTION..UP_TO_FRACTION + 9];
            fraction.copy_from_slice(&fraction_of(stamp.nanoseconds));
        } else {
            self.text = stamp.to_string().into_bytes();
            // A year with more than four digits moves the fraction.
            self.second = (self.text.len() == UP_TO_FRACTION + 10).then_some(stamp.seconds);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: LineLook = LineLook {
        place: Place::Elsewhere,
        style: Style::Plain,
        prefixes: Prefixes::Shown,
        stamps: Stamps::Hidden,
    };
    const STAMP: Stamp = Stamp {
        seconds: 1_795_262_100,
        nanoseconds: 123_456_789,
    };

    fn piece(source: u32, part: Part, text: &[u8]) -> ShownPiece<'_> {
        ShownPiece {
            source: SourceId(source),
            stamp: STAMP,
            part,
            end: LineEnd::Newline,
            text,
        }
    }

    fn lines(look: LineLook, steps: &[&str]) -> TextLines {
        let mut lines = TextLines::new(look);
        for step in steps {
            lines.open(&LogSource {
                step: (*step).to_owned(),
                pod: String::new(),
                pod_uid: String::new(),
                container: String::new(),
                node: None,
                attempt: 0,
                round: 0,
            });
        }
        lines
    }

    fn shown(look: LineLook, pieces: &[ShownPiece<'_>]) -> String {
        let mut lines = lines(look, &["node-0", "node-10"]);
        let mut out = Vec::new();
        for piece in pieces {
            lines.push(piece, None, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn steps_stand_in_a_column() {
        let pieces = [
            piece(0, Part::Whole, b"one"),
            piece(1, Part::Whole, b"two"),
            piece(0, Part::Whole, b""),
        ];
        assert_eq!(
            shown(PLAIN, &pieces),
            "node-0  | one\nnode-10 | two\nnode-0  | \n"
        );
    }

    #[test]
    fn the_name_of_a_step_moves_no_cursor() {
        let mut lines = lines(PLAIN, &["node\u{1b}[2J-0"]);
        let mut out = Vec::new();
        lines.push(&piece(0, Part::Whole, b"x"), None, &mut out);
        assert_eq!(out, b"node^[[2J-0 | x\n");
    }

    #[test]
    fn elsewhere_than_on_a_terminal_the_bytes_stay() {
        let text = b"a\x1b[2J\rb\tc";
        assert_eq!(
            shown(PLAIN, &[piece(0, Part::Whole, text)]),
            "node-0  | a\u{1b}[2J\rb\tc\n"
        );
    }

    #[test]
    fn on_a_terminal_colours_end_with_their_line() {
        let look = LineLook {
            place: Place::Terminal,
            style: Style::Coloured,
            prefixes: Prefixes::Hidden,
            ..PLAIN
        };
        let pieces = [
            piece(0, Part::Whole, b"\x1b[31mred\x1b[2J"),
            piece(0, Part::Whole, b"plain"),
        ];
        assert_eq!(shown(look, &pieces), "\u{1b}[31mred\u{1b}[0m\nplain\n");
    }

    #[test]
    fn a_long_line_is_one_line_unless_something_else_is_shown() {
        let pieces = [
            piece(0, Part::First, b"a"),
            piece(0, Part::Middle, b"b"),
            piece(0, Part::Last, b"c"),
            piece(0, Part::First, b"d"),
            piece(1, Part::Whole, b"other"),
            piece(0, Part::Last, b"e"),
        ];
        assert_eq!(
            shown(PLAIN, &pieces),
            "node-0  | abc\nnode-0  | d [continues]\nnode-10 | other\nnode-0  | e\n"
        );
    }

    #[test]
    fn last_words_without_a_line_end_get_one_only_where_another_line_follows() {
        let bare = LineLook {
            prefixes: Prefixes::Hidden,
            ..PLAIN
        };
        let words = ShownPiece {
            end: LineEnd::Missing,
            ..piece(0, Part::Whole, b"last")
        };
        assert_eq!(shown(bare, &[words]), "last");
        assert_eq!(shown(bare, &[words, words]), "last\nlast");
        assert_eq!(shown(PLAIN, &[words]), "node-0  | last\n");
    }

    #[test]
    fn moments_are_those_of_kubectl_or_short() {
        let at = |stamps| shown(LineLook { stamps, ..PLAIN }, &[piece(0, Part::Whole, b"x")]);
        assert_eq!(
            at(Stamps::Full),
            "node-0  | 2026-11-21T11:55:00.123456789Z x\n"
        );
        assert_eq!(at(Stamps::Short), "node-0  | 11-21 11:55:00 x\n");
    }

    #[test]
    fn moments_of_one_second_differ_in_their_fraction() {
        let mut clock = StampText::new();
        for nanoseconds in [5, 999_999_999, 0, 120_000_000] {
            for seconds in [STAMP.seconds, STAMP.seconds + 1] {
                let stamp = Stamp {
                    seconds,
                    nanoseconds,
                };
                for _ in 0..2 {
                    assert_eq!(clock.full(stamp), stamp.to_string().as_bytes());
                }
            }
        }
    }

    #[test]
    fn what_matches_stands_out_and_the_lines_own_colours_stay() {
        let look = LineLook {
            place: Place::Terminal,
            style: Style::Coloured,
            prefixes: Prefixes::Hidden,
            ..PLAIN
        };
        let mut out = Vec::new();
        let marks = Regex::new("nan|^$").unwrap();
        let text = b"\x1b[33mloss=nan, nan";
        lines(look, &["node-0"]).push(&piece(0, Part::Whole, text), Some(&marks), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\u{1b}[33mloss=\u{1b}[7mnan\u{1b}[27m, \u{1b}[7mnan\u{1b}[27m\u{1b}[0m\n"
        );
    }
}
