//! A hand of its own for what writes much, from a thread of its own: large blocks to standard output, whole lines to
//! standard error. Whether the reader is still there can be asked.

use std::{
    io::{self, ErrorKind, Write},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    Loudness, Ui,
    gauge::Gauge,
    pause::Pause,
    rows::{LastRows, Room, Rows},
    sanitize,
};
use crate::{
    prose,
    style::{Role, Style},
};

/// Writes to both streams. While it writes, the [`Ui`] that gave it out should not.
#[derive(Debug)]
pub struct Pen {
    answer: Side,
    status: Side,
    loudness: Loudness,
    rows: Option<Rows>,
}

/// What one stream may be shown.
#[derive(Clone, Copy, Debug)]
struct Side {
    style: Style,
    /// Columns, when it is a terminal.
    width: Option<usize>,
}

/// Whether somebody reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Present,
    Gone,
}

impl Ui {
    /// A pen for the same streams, which may be given to another thread.
    pub fn pen(&mut self) -> Pen {
        self.clear_transient();
        let side = |stream: &super::Stream| Side {
            style: stream.style,
            width: stream.width,
        };
        Pen {
            answer: side(&self.answer),
            status: side(&self.status),
            loudness: self.loudness,
            rows: None,
        }
    }
}

impl Pen {
    pub const fn style(&self) -> Style {
        self.answer.style
    }

    pub const fn status_style(&self) -> Style {
        self.status.style
    }

    pub const fn answers_to_terminal(&self) -> bool {
        self.answer.width.is_some()
    }

    pub const fn is_status_terminal(&self) -> bool {
        self.status.width.is_some()
    }

    pub fn is_quiet(&self) -> bool {
        self.loudness == Loudness::Quiet
    }

    /// From now on rows may stand under the lines, where there is a terminal that can show them and nothing else writes
    /// to it.
    pub fn allow_rows(&mut self) {
        if self.loudness == Loudness::Normal {
            self.rows = Rows::find(self.answer.style);
        }
    }

    /// Whether rows may ever stand under the lines.
    pub const fn takes_rows(&self) -> bool {
        self.rows.is_some()
    }

    /// How much may stand under the lines at the moment; none where nothing may.
    pub fn room(&self) -> Option<Room> {
        self.rows.as_ref()?.room()
    }

    /// What is to stand under the lines from the next write on.
    pub fn set_rows(&mut self, texts: Vec<String>) {
        if let Some(rows) = &mut self.rows {
            rows.set(texts);
        }
    }

    /// What the terminal's own indicator is to show.
    pub fn set_gauge(&mut self, gauge: Gauge) {
        if let Some(rows) = &mut self.rows {
            rows.set_gauge(gauge);
        }
    }

    /// For how long lines should be gathered, so that the rows under them are not drawn too often.
    pub fn rest(&self) -> Duration {
        self.rows.as_ref().map_or(Duration::ZERO, Rows::rest)
    }

    /// Draws the rows where they have changed, and takes them away where they must be.
    pub fn refresh_rows(&mut self) -> io::Result<()> {
        match &mut self.rows {
            Some(rows) if rows.is_due() => self.answer(b""),
            _ => Ok(()),
        }
    }

    /// From now on nothing stands under the lines.
    pub fn leave_rows(&mut self, last: LastRows) -> io::Result<()> {
        match self.rows.take() {
            Some(mut rows) => write_answer(rows.leave(last)),
            None => Ok(()),
        }
    }

    /// What has to know when the process is stopped and goes on; none where nothing stands under the lines.
    pub fn pause(&self) -> Option<Arc<Pause>> {
        self.rows.as_ref().map(Rows::pause)
    }

    /// Writes bytes to standard output at once. Nothing is changed in them: for a terminal they have to be made so, and
    /// where rows stand under them they have to be whole lines.
    pub fn answer(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(rows) = &mut self.rows else {
            return write_answer(bytes);
        };
        write_answer(rows.around(bytes))?;
        rows.written();
        Ok(())
    }

    /// A line beside the answer, unless quiet. Not being able to say it is no reason to stop.
    pub fn note(&mut self, text: &str) {
        if self.loudness != Loudness::Quiet {
            self.status_line(text);
        }
    }

    /// A terminal shows a key that was pressed, such as `^C`, where the next line is to begin: that line covers it.
    pub fn cover_key(&mut self) {
        if self.is_status_terminal() && self.loudness != Loudness::Quiet {
            let _ = io::stderr().lock().write_all(b"\r");
        }
    }

    /// `warning: ...`, unless quiet.
    pub fn warning(&mut self, text: &str) {
        let label = "warning:";
        let text = prose::hang(text, label.len() + 1, self.status.width);
        let label = self.status.style.paint(Role::Warning, label);
        self.note(&format!("{label} {text}"));
    }

    /// A line beside the answer, also when quiet.
    pub fn status_line(&mut self, text: &str) {
        let text = match self.status.width {
            Some(_) => sanitize::for_terminal(text),
            None => text.into(),
        };
        let mut line = text.into_owned();
        line.push('\n');
        // Where rows stand under it, both streams are one terminal.
        let _ = match &self.rows {
            Some(_) => self.answer(line.as_bytes()),
            None => io::stderr().lock().write_all(line.as_bytes()),
        };
    }

    /// Whether a pipe has lost its reader, which writing alone would only tell when there is something to write.
    pub fn reader(&self) -> Reader {
        if self.answers_to_terminal() {
            return Reader::Present;
        }
        reader_of(&io::stdout())
    }
}

impl Drop for Pen {
    /// After a panic the message stands where the rows would be looked for.
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = self.leave_rows(LastRows::Erased);
        }
    }
}

fn write_answer(bytes: &[u8]) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_for_room(&stream),
            Err(error) => return Err(error),
        }
    }
    stream.flush()
}

#[cfg(unix)]
fn reader_of(stream: &io::Stdout) -> Reader {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    // A pipe tells of an error, a socket of a hang-up; both unasked.
    let gone = PollFlags::ERR | PollFlags::HUP;
    let mut streams = [PollFd::new(stream, PollFlags::empty())];
    let told = poll(&mut streams, Some(&Timespec::default()));
    if told.is_ok() && streams[0].revents().intersects(gone) {
        Reader::Gone
    } else {
        Reader::Present
    }
}

#[cfg(not(unix))]
fn reader_of(_: &io::Stdout) -> Reader {
    Reader::Present
}

/// For a stream that somebody else has set not to block.
#[cfg(unix)]
fn wait_for_room(stream: &io::StdoutLock<'_>) {
    use rustix::event::{PollFd, PollFlags, poll};

    // Whatever goes wrong here, the next write tells.
    let _ = poll(&mut [PollFd::new(stream, PollFlags::OUT)], None);
}

#[cfg(not(unix))]
fn wait_for_room(_: &io::StdoutLock<'_>) {
    std::thread::yield_now();
}
