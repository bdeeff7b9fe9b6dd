//! The only room that touches standard output, standard error and the terminal. Answers go to standard output,
//! everything else to standard error. `colour.rs` decides on colours, `sanitize.rs` keeps foreign control
//! sequences away from terminals; `rows.rs` is what stands under lines (`bars.rs` how it is drawn, `screen.rs` where,
//! `pause.rs` when not), and `gauge.rs` the terminal's own indicator.

mod bars;
mod colour;
mod gauge;
mod panic;
mod pause;
mod pen;
mod private_file;
mod question;
mod rows;
mod sanitize;
mod screen;

use std::io::{self, IsTerminal, Write};

use crate::{
    prose,
    style::{Glyphs, Role, Style},
};

pub use colour::ColourChoice;
pub use gauge::Gauge;
pub use panic::{install_panic_hook, silence_panics};
pub use pause::Pause;
pub use pen::{Pen, Reader};
pub use private_file::{Existing, write_private};
pub use question::Answer;
pub use rows::{LastRows, Room};

/// How much is said beside the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loudness {
    /// Answers and errors only.
    Quiet,
    #[default]
    Normal,
    /// Requests are shown too, so lines are never overwritten.
    Verbose,
}

/// Both streams of the process, and what each may be shown.
pub struct Ui {
    answer: Stream,
    status: Stream,
    loudness: Loudness,
    transient: String,
}

struct Stream {
    writer: Box<dyn Write>,
    style: Style,
    /// Columns, when it is a terminal.
    width: Option<usize>,
}

impl Ui {
    /// The process's own streams.
    pub fn open(choice: ColourChoice, loudness: Loudness) -> Self {
        let wishes = colour::Wishes::read();
        Self {
            answer: Stream::open(
                Box::new(io::stdout()),
                io::stdout().is_terminal(),
                wishes.style(choice, io::stdout().is_terminal()),
            ),
            status: Stream::open(
                Box::new(io::stderr()),
                io::stderr().is_terminal(),
                wishes.style(choice, io::stderr().is_terminal()),
            ),
            loudness,
            transient: String::new(),
        }
    }

    /// The style of answers.
    pub fn style(&self) -> Style {
        self.answer.style
    }

    /// The style of what goes to standard error.
    pub fn status_style(&self) -> Style {
        self.status.style
    }

    /// The characters that answers may have.
    pub fn glyphs(&self) -> Glyphs {
        screen::own_glyphs()
    }

    /// Columns of the terminal that answers go to; `None` when they go elsewhere and need no cutting.
    pub fn width(&self) -> Option<usize> {
        self.answer.width
    }

    /// Whether a person sees the answer, rather than a file or a program.
    pub fn answers_to_terminal(&self) -> bool {
        self.answer.width.is_some()
    }

    /// Writes an answer (or a part) to standard output.
    pub fn answer(&mut self, text: &str) -> io::Result<()> {
        self.clear_transient();
        self.answer.write(text)
    }

    /// Says something beside the answer, on a line of its own. Not being able to is no reason to stop.
    pub fn note(&mut self, text: &str) {
        if self.loudness != Loudness::Quiet {
            self.status_line(text);
        }
    }

    /// `warning: ...`, unless quiet.
    pub fn warning(&mut self, text: &str) {
        let line = self.labelled(Role::Warning, "warning:", text);
        self.note(&line);
    }

    /// `hint: ...` to a warning, unless quiet.
    pub fn hint(&mut self, text: &str) {
        let line = self.labelled(Role::Command, "hint:", text);
        self.note(&line);
    }

    /// `error: ...`, its causes and its hints. Also when quiet.
    pub fn error(&mut self, chain: &[String], hints: &[String]) {
        for (position, text) in chain.iter().enumerate() {
            let label = if position == 0 {
                "error:"
            } else {
                "caused by:"
            };
            let line = self.labelled(Role::Bad, label, text);
            self.status_line(&line);
        }
        for hint in hints {
            let line = self.labelled(Role::Command, "hint:", hint);
            self.status_line(&line);
        }
    }

    /// What goes on right now. On a terminal the line is overwritten by the next one and cleared before anything else
    /// is written; elsewhere each change is a line.
    pub fn transient(&mut self, text: &str) {
        if self.loudness == Loudness::Quiet || text == self.transient {
            return;
        }
        match self.status.width {
            Some(width) if self.loudness == Loudness::Normal => {
                self.clear_transient();
                let shown: String = text.chars().take(width.saturating_sub(1)).collect();
                let _ = self
                    .status
                    .write(&self.status.style.paint(Role::Muted, &shown));
                text.clone_into(&mut self.transient);
            }
            _ => {
                self.status_line(text);
                text.clone_into(&mut self.transient);
            }
        }
    }

    /// Like [`Ui::transient`], for what is of interest only while it lasts: elsewhere than on a terminal nothing is said.
    pub fn glance(&mut self, text: &str) {
        if self.status.width.is_some() && self.loudness == Loudness::Normal {
            self.transient(text);
        }
    }

    /// Removes the line of [`Ui::transient`] from the terminal.
    pub fn clear_transient(&mut self) {
        if !self.transient.is_empty()
            && self.status.width.is_some()
            && self.loudness == Loudness::Normal
        {
            // Carriage return and "erase in line": our own control sequence, past the sanitiser.
            let _ = self.status.writer.write_all(b"\r\x1b[K");
            let _ = self.status.writer.flush();
            self.transient.clear();
        }
    }

    /// A text after its label; where it is too long for the terminal, the next lines stand below its beginning.
    fn labelled(&self, role: Role, label: &str, text: &str) -> String {
        let text = prose::hang(text, label.len() + 1, self.status.width);
        format!("{} {text}", self.status.style.paint(role, label))
    }

    fn status_line(&mut self, text: &str) {
        self.clear_transient();
        let _ = self.status.write(&format!("{text}\n"));
    }
}

impl Stream {
    fn open(writer: Box<dyn Write>, is_terminal: bool, style: Style) -> Self {
        let columns = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        let columns = colour::columns_wish().unwrap_or(columns);
        Self {
            writer,
            style,
            width: is_terminal.then_some(columns),
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        match self.width {
            Some(_) => self
                .writer
                .write_all(sanitize::for_terminal(text).as_bytes())?,
            None => self.writer.write_all(text.as_bytes())?,
        }
        self.writer.flush()
    }
}

/// Writes one line to standard error from anywhere, e.g. while a request is under way.
pub fn write_status_line(text: &str) {
    let mut stream = io::stderr().lock();
    let text = if stream.is_terminal() {
        sanitize::for_terminal(text)
    } else {
        text.into()
    };
    let _ = writeln!(stream, "{text}");
}

/// Whether a person can answer questions.
pub fn is_attended() -> bool {
    io::stdin().is_terminal()
}
