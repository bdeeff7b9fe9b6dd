//! Rows that stand under the lines of a terminal, such as bars: what is drawn, and how it makes room for lines, as
//! bytes. The cursor is left below the rows, at the beginning of its line, and no mode is set; so nothing has to be
//! restored, however the program ends.

use std::time::Duration;

use crate::prose;

/// No more rows than this are drawn.
const MOST: usize = 6;
/// One line, and the empty line in which the cursor waits, are not for rows.
const BESIDE: usize = 2;
/// So long a drawing stands at least.
const STANDS: Duration = Duration::from_millis(100);

/// How large the terminal is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Size {
    /// How many rows may stand under the lines.
    pub(super) fn room(self) -> usize {
        self.rows.saturating_sub(BESIDE).min(MOST)
    }

    /// How long they may be: a last column that is filled would leave open where the cursor is.
    pub(super) const fn length(self) -> usize {
        self.columns.saturating_sub(1)
    }
}

/// What becomes of a row that is longer than the terminal's new width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrowing {
    /// It goes on in the next line.
    Wraps,
    /// Its end is lost.
    Cuts,
}

/// The rows that are wanted, and those that were drawn.
#[derive(Debug)]
pub(super) struct BarArea {
    narrowing: Narrowing,
    wanted: Vec<String>,
    drawn: Vec<String>,
    /// Until when the drawing stands.
    stands: Duration,
}

impl BarArea {
    pub(super) const fn new(narrowing: Narrowing) -> Self {
        Self {
            narrowing,
            wanted: Vec::new(),
            drawn: Vec::new(),
            stands: Duration::ZERO,
        }
    }

    /// Says what is to be drawn from now on.
    pub(super) fn set(&mut self, rows: Vec<String>) {
        self.wanted = rows;
    }

    /// How long nothing should be drawn.
    pub(super) fn rest(&self, now: Duration) -> Duration {
        self.stands.saturating_sub(now)
    }

    /// Whether something else would be drawn than stands there, and it is time.
    pub(super) fn is_due(&self, now: Duration, size: Size) -> bool {
        self.rest(now).is_zero() && self.cut(size) != self.drawn
    }

    /// Takes the rows away. What is written next begins where they began.
    pub(super) fn erase(&mut self, size: Size, out: &mut Vec<u8>) {
        if !self.drawn.is_empty() {
            let up = self.height(size.columns);
            // To the beginning of the line so many lines up, and erase all that is below.
            out.extend_from_slice(format!("\u{1b}[{up}F\u{1b}[J").as_bytes());
            self.drawn.clear();
        }
    }

    /// Draws the rows where the cursor is. Any that were drawn before have been erased, or are forgotten.
    pub(super) fn draw(&mut self, now: Duration, size: Size, out: &mut Vec<u8>) {
        self.drawn = self.cut(size);
        for row in &self.drawn {
            out.extend_from_slice(row.as_bytes());
            out.push(b'\n');
        }
        if !self.drawn.is_empty() {
            self.stands = now + STANDS;
        }
    }

    /// Leaves the rows as they are: what comes next stands below them.
    pub(super) fn forget(&mut self) {
        self.drawn.clear();
    }

    /// In how many lines the rows stand now, which may not be as wide any more as when they were drawn. They have no
    /// blanks at their ends, which some terminals wrap and others do not.
    fn height(&self, columns: usize) -> usize {
        let lines = |row: &String| match self.narrowing {
            Narrowing::Wraps => prose::width(row).div_ceil(columns.max(1)).max(1),
            Narrowing::Cuts => 1,
        };
        self.drawn.iter().map(lines).sum()
    }

    fn cut(&self, size: Size) -> Vec<String> {
        let rows = self.wanted.iter().take(size.room());
        rows.map(|row| prose::cut(row, size.length())).collect()
    }
}

#[cfg(test)]
mod tests {
    use avt::Terminal;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const HEIGHT: usize = 40;

    /// A terminal that wraps its lines again when its width changes.
    struct Shown {
        terminal: Terminal,
        area: BarArea,
        size: Size,
        now: Duration,
        written: usize,
    }

    impl Shown {
        fn new(columns: usize, rows: usize) -> Self {
            Self {
                terminal: Terminal::with_scrollback(columns, rows, None).unwrap(),
                area: BarArea::new(Narrowing::Wraps),
                size: Size { columns, rows },
                now: Duration::ZERO,
                written: 0,
            }
        }

        fn write(&mut self, lines: &str) {
            let mut out = Vec::new();
            self.area.erase(self.size, &mut out);
            out.extend_from_slice(lines.as_bytes());
            self.area.draw(self.now, self.size, &mut out);
            self.feed(&out);
        }

        fn feed(&mut self, bytes: &[u8]) {
            self.written += bytes.len();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            self.terminal.feed(text.replace('\n', "\r\n").as_str());
        }

        fn resize(&mut self, columns: usize) {
            self.size.columns = columns;
            self.terminal.resize(columns, self.size.rows);
        }

        /// All lines, as they were before they were wrapped.
        fn text(&self) -> Vec<String> {
            let mut text = self.terminal.screen().text();
            while text.last().is_some_and(String::is_empty) {
                text.pop();
            }
            text
        }
    }

    fn joined(lines: &[String]) -> String {
        lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Lines(Vec<String>),
        Rows(Vec<String>),
        Resize(usize),
        Leave,
    }

    fn a_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            vec("[a-z ]{0,150}[.]", 0..8).prop_map(Step::Lines),
            vec("[A-Z ━]{0,120}[!]", 0..9).prop_map(Step::Rows),
            // Wide enough that rows that were wrapped again still fit above the cursor.
            (30_usize..130).prop_map(Step::Resize),
            Just(Step::Leave),
        ]
    }

    proptest! {
        #[test]
        fn lines_stand_once_and_whole_and_in_order_with_the_rows_below(
            steps in vec(a_step(), 1..25),
            columns in 30_usize..130,
        ) {
            let mut shown = Shown::new(columns, HEIGHT);
            // On a screen that is not full, the model wraps lines off its upper end and leaves the lower one empty.
            let mut lines: Vec<String> = vec!["before.".to_owned(); HEIGHT];
            shown.write(&"before.\n".repeat(HEIGHT));
            let mut rows = Vec::new();
            for step in steps {
                match step {
                    Step::Lines(new) => {
                        shown.write(&joined(&new));
                        lines.extend(new);
                    }
                    Step::Rows(new) => {
                        shown.area.set(new.clone());
                        shown.write("");
                        rows = new;
                    }
                    Step::Resize(columns) => {
                        shown.resize(columns);
                        shown.write("");
                    }
                    Step::Leave => {
                        // What stands there becomes lines, as when a process was stopped.
                        lines.extend(shown.area.drawn.clone());
                        shown.area.forget();
                        shown.write("");
                    }
                }
                let length = shown.size.length();
                let below = rows.iter().take(MOST).map(|row| prose::cut(row, length));
                let expected: Vec<_> = lines.iter().cloned().chain(below).collect();
                let expected: Vec<_> = expected.iter().map(|line| line.trim_end()).collect();
                let text = shown.text();
                let text: Vec<_> = text.iter().map(|line| line.trim_end()).collect();
                prop_assert_eq!(text, expected);
                prop_assert_eq!(shown.terminal.cursor_position().col, 0);
            }
        }

        #[test]
        fn a_write_costs_no_more_than_its_lines_and_the_rows(
            rows in vec("[A-Z]{0,200}", 0..9),
            blocks in vec(vec("[a-z]{0,100}", 0..8), 1..20),
        ) {
            let mut shown = Shown::new(80, 24);
            shown.area.set(rows);
            for block in blocks {
                let text = joined(&block);
                let before = shown.written;
                shown.write(&text);
                let up_and_erase = 7;
                prop_assert!(shown.written - before <= text.len() + MOST * 80 + up_and_erase);
            }
        }
    }

    #[test]
    fn a_small_terminal_keeps_its_lines() {
        for (height, expected) in [(2, 0), (3, 1), (5, 3), (24, 6)] {
            let mut shown = Shown::new(20, height);
            shown
                .area
                .set((0..9).map(|row| format!("row {row}")).collect());
            shown.write("one\ntwo\n");
            shown.write("three\n");
            let text = shown.text();
            assert_eq!(text[..3], ["one", "two", "three"], "{height}");
            assert_eq!(text.len(), 3 + expected, "{height}");
        }
    }

    #[test]
    fn a_terminal_that_does_not_wrap_again_loses_no_line() {
        let mut area = BarArea::new(Narrowing::Cuts);
        let mut out = Vec::new();
        let size = |columns| Size { columns, rows: 24 };
        area.set(vec!["x".repeat(79), "y".repeat(79)]);
        area.draw(Duration::ZERO, size(80), &mut out);
        out.clear();
        area.erase(size(40), &mut out);
        assert_eq!(out, b"\x1b[2F\x1b[J");
        let mut area = BarArea {
            narrowing: Narrowing::Wraps,
            ..area
        };
        area.draw(Duration::ZERO, size(80), &mut out);
        out.clear();
        area.erase(size(40), &mut out);
        assert_eq!(out, b"\x1b[4F\x1b[J");
    }

    #[test]
    fn rows_are_drawn_when_they_change_and_ten_times_a_second_at_most() {
        let mut area = BarArea::new(Narrowing::Wraps);
        let size = Size {
            columns: 80,
            rows: 24,
        };
        let at = Duration::from_millis;
        let mut out = Vec::new();
        assert!(!area.is_due(at(0), size));
        area.set(vec!["1".to_owned()]);
        assert!(area.is_due(at(0), size));
        area.draw(at(5), size, &mut out);
        assert_eq!(out, b"1\n");
        assert!(!area.is_due(at(1000), size));
        area.set(vec!["2".to_owned()]);
        assert!(!area.is_due(at(104), size));
        assert_eq!(area.rest(at(104)), at(1));
        assert!(area.is_due(at(105), size));
        // A width at which the row is another is a change, too.
        area.set(vec!["x".repeat(60)]);
        area.draw(at(200), size, &mut out);
        let narrower = Size {
            columns: 40,
            ..size
        };
        assert!(!area.is_due(at(400), size));
        assert!(area.is_due(at(400), narrower));
    }

    #[test]
    fn what_is_erased_leaves_the_lines_alone() {
        let mut shown = Shown::new(20, 5);
        shown.area.set(vec!["row".to_owned(); 3]);
        shown.write("one\ntwo\nthree\n");
        let mut out = Vec::new();
        shown.area.erase(shown.size, &mut out);
        shown.feed(&out);
        shown.feed(b"summary\n");
        assert_eq!(shown.text(), ["one", "two", "three", "summary"]);
    }
}
