//! A film of a terminal: what programs sent to it and when, and the pictures that it showed then. The same recording
//! always gives the same film.

mod svg;

use std::time::{Duration, Instant};

use avt::{Color, Line, Pen, Terminal};

pub(crate) use svg::render_svg;

use crate::terminal::Size;

/// Of all that is shown within so long, the last is a picture.
const STEP: Duration = Duration::from_millis(500);

/// What a terminal was sent.
pub(crate) struct Recording {
    size: Size,
    begun: Instant,
    sent: Vec<(Duration, Vec<u8>)>,
}

/// What was seen on it.
#[derive(Debug, PartialEq)]
pub(crate) struct Film {
    size: Size,
    frames: Vec<Frame>,
    /// When the recording ended.
    length: Duration,
}

/// One picture, and from when on it was seen.
#[derive(Debug, PartialEq)]
struct Frame {
    at: Duration,
    /// From the top.
    rows: Vec<Vec<Run>>,
}

/// Characters side by side that look the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Run {
    column: usize,
    text: String,
    look: Look,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Look {
    /// One of the sixteen colours of terminals.
    colour: Option<u8>,
    weight: Weight,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Weight {
    #[default]
    Normal,
    Bold,
    Faint,
}

impl Recording {
    pub(crate) fn new(size: Size) -> Recording {
        Recording {
            size,
            begun: Instant::now(),
            sent: Vec::new(),
        }
    }

    /// Takes what is sent now.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.take_at(self.begun.elapsed(), bytes);
    }

    fn take_at(&mut self, at: Duration, bytes: &[u8]) {
        self.sent.push((at, bytes.to_vec()));
    }

    /// None of a terminal without room.
    pub(crate) fn film(&self) -> Option<Film> {
        let mut terminal = Terminal::new(self.size.columns.into(), self.size.rows.into()).ok()?;
        let mut film = Film {
            size: self.size,
            frames: Vec::new(),
            length: Duration::ZERO,
        };
        let mut undecoded = Vec::new();
        for (at, bytes) in &self.sent {
            film.pass_time(*at, &terminal);
            undecoded.extend_from_slice(bytes);
            terminal.feed(decode(&mut undecoded).as_str());
        }
        film.pass_time(film.length + STEP, &terminal);
        Some(film)
    }
}

impl Film {
    /// Before what comes at this moment changes the terminal, it is looked at, if its time is over.
    fn pass_time(&mut self, at: Duration, terminal: &Terminal) {
        let step = |moment: Duration| moment.as_nanos() / STEP.as_nanos();
        if step(at) > step(self.length) {
            let rows: Vec<_> = terminal.screen().visible_lines().map(runs).collect();
            if self.frames.last().is_none_or(|frame| frame.rows != rows) {
                let at = self.length;
                self.frames.push(Frame { at, rows });
            }
        }
        self.length = at;
    }
}

/// Takes out what is whole characters. What is none ever is left out.
fn decode(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut rest = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        rest = chunk.invalid().len();
    }
    let whole = bytes.len() - rest;
    bytes.drain(..whole);
    // Nothing begins with more bytes than a character has.
    if bytes.len() > 3 {
        bytes.clear();
    }
    text
}

fn runs(line: &Line) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, cell) in line.cells().iter().enumerate() {
        let (character, look) = (cell.char(), Look::of(cell.pen()));
        match runs.last_mut() {
            Some(run) if run.look == look => run.text.push(character),
            _ => runs.push(Run {
                column,
                text: character.to_string(),
                look,
            }),
        }
    }
    let is_blank = |run: &Run| run.text.trim_end().is_empty();
    while runs.last().is_some_and(is_blank) {
        runs.pop();
    }
    if let Some(last) = runs.last_mut() {
        let end = last.text.trim_end().len();
        last.text.truncate(end);
    }
    runs
}

impl Look {
    fn of(pen: &Pen) -> Look {
        Look {
            colour: match pen.foreground() {
                Some(Color::Indexed(number @ ..16)) => Some(number),
                // No program here has others.
                Some(Color::Indexed(16..) | Color::RGB(_)) | None => None,
            },
            weight: match (pen.is_bold(), pen.is_faint()) {
                (true, _) => Weight::Bold,
                (false, true) => Weight::Faint,
                (false, false) => Weight::Normal,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        columns: 20,
        rows: 3,
    };

    pub(super) fn recording(sent: &[(u64, &[u8])]) -> Recording {
        let mut recording = Recording::new(SIZE);
        for (milliseconds, bytes) in sent {
            recording.take_at(Duration::from_millis(*milliseconds), bytes);
        }
        recording
    }

    /// When each picture was seen, and its rows without colours.
    fn seen(recording: &Recording) -> Vec<(u128, Vec<String>)> {
        let row = |runs: &Vec<Run>| runs.iter().map(|run| run.text.as_str()).collect();
        let frame = |frame: Frame| {
            let rows = frame.rows.iter().map(row).collect();
            (frame.at.as_millis(), rows)
        };
        let frames = recording.film().unwrap().frames.into_iter();
        frames.map(frame).collect()
    }

    #[test]
    fn a_picture_is_the_last_of_its_time_and_rows_are_drawn_over() {
        let recording = recording(&[
            (0, b"one\r\n"),
            (100, b"bar 1\r"),
            (200, b"bar 2\r"),
            (900, b"\x1b[Jtwo\r\nbar 3\r"),
            (1900, b"\x1b[J"),
        ]);
        let text = |rows: [&str; 3]| rows.map(str::to_owned).to_vec();
        assert_eq!(
            seen(&recording),
            [
                (200, text(["one", "bar 2", ""])),
                (900, text(["one", "two", "bar 3"])),
                (1900, text(["one", "two", ""])),
            ]
        );
    }

    #[test]
    fn a_character_may_come_in_parts() {
        let recording = recording(&[(0, b"\xe2\x94"), (1, b"\x81!\xff?")]);
        assert_eq!(seen(&recording)[0].1[0], "\u{2501}!?");
    }

    #[test]
    fn what_looks_alike_is_one_run() {
        let recording = recording(&[(0, b"a\x1b[32mbc\x1b[0m \x1b[1md\x1b[0m  ")]);
        let film = recording.film().unwrap();
        let run = |column, text: &str, colour, weight| Run {
            column,
            text: text.to_owned(),
            look: Look { colour, weight },
        };
        assert_eq!(
            film.frames[0].rows[0],
            [
                run(0, "a", None, Weight::Normal),
                run(1, "bc", Some(2), Weight::Normal),
                run(3, " ", None, Weight::Normal),
                run(4, "d", None, Weight::Bold),
            ]
        );
    }
}
