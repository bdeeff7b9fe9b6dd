//! How far the job is, beside its lines: in rows under them, in lines of its own, or as events for programs.

use std::{borrow::Cow, time::Duration};

use super::{Form, Importance, Sheet, heartbeat};
use crate::{
    cluster::Follow,
    commands::logs::{
        board::JobBoard,
        sheet::{Beside, HEARTBEAT, Lines},
    },
    logs::{record::Entry, tally::Tally},
    render::{
        log_json::JsonLines,
        log_note::render_heartbeat,
        progress_json::{ProgressEvents, Reading, RunEnd},
        progress_line::{ProgressLines, render_lines, render_standing},
        progress_rows::{JobProgress, RowsLook, render_rows},
        progress_words::percent,
    },
    style::{Glyphs, Role, Style},
    train_job::{Phase, PhaseKind, PhaseState},
    ui::{Gauge, LastRows, Room},
};

/// Events of how far the steps are come no faster.
const EVENTS: Duration = Duration::from_secs(1);

/// How far the job is, and how that is shown.
pub(in crate::commands::logs) struct ShownProgress {
    board: JobBoard,
    means: Means,
}

/// How it is shown.
pub(in crate::commands::logs) enum Means {
    Rows,
    Lines(ProgressLines),
    Events(Events),
    /// In the end, and nothing before it.
    End,
}

/// Events, and when which was written.
pub(in crate::commands::logs) struct Events {
    said: ProgressEvents,
    /// Anything.
    written: Duration,
    /// Not before this, how far the steps are.
    next: Duration,
}

impl Events {
    pub(in crate::commands::logs) const fn new(said: ProgressEvents) -> Self {
        Self {
            said,
            written: Duration::ZERO,
            next: Duration::ZERO,
        }
    }
}

impl Sheet {
    /// Shows how far the job is.
    pub(in crate::commands::logs) fn with_progress(self, board: JobBoard, means: Means) -> Self {
        Self {
            progress: Some(ShownProgress { board, means }),
            ..self
        }
    }

    /// Hears what was read, also what is not shown.
    pub(in crate::commands::logs) fn heed(&mut self, entry: &Entry<'_>) {
        if let Some(progress) = &mut self.progress {
            progress.board.heed(entry);
        }
    }

    /// The last event.
    pub(in crate::commands::logs) fn say_end(&mut self, end: RunEnd<'_>) {
        if let Some(ShownProgress { board, means }) = &self.progress
            && let Means::Events(events) = means
        {
            let text = events.said.end(end, board.now());
            self.tell(&text);
        }
    }

    /// How the reading goes is a sign of life, as long as it goes on.
    pub(super) fn set_rows(&mut self, reading: Option<&Tally>) {
        let Some(progress) = &mut self.progress else {
            return;
        };
        if let (Means::Rows, Some(room)) = (&progress.means, self.pen.room()) {
            progress.board.pass_time();
            let now = progress.board.now();
            let known = progress.board.progress();
            let look = rows_look(room, now);
            let mut rows = render_rows(known, look);
            if let Some(tally) = reading
                && !known.is_told()
            {
                let reading = render_heartbeat(tally, self.awaited.as_deref());
                rows.push(room.style.paint(Role::Muted, &reading));
            }
            self.pen.set_rows(rows);
            self.pen.set_gauge(gauge(known));
        }
    }

    /// Says what is new, where it is said in lines.
    pub(super) fn tell_progress(&mut self, now: Duration, tally: &Tally) {
        let Some(progress) = &mut self.progress else {
            return;
        };
        let texts = match &mut progress.means {
            Means::Rows | Means::End => return,
            Means::Lines(lines) => {
                progress.board.pass_time();
                lines.news(progress.board.progress(), progress.board.now())
            }
            Means::Events(events) => {
                progress.board.pass_time();
                let texts = events.news(&progress.board, (now, tally));
                for text in texts {
                    self.tell(&text);
                }
                return;
            }
        };
        for text in texts {
            self.written = now;
            let text = self.status_style().paint(Role::Muted, &text);
            self.say_line(&text, Importance::Vital);
        }
    }

    /// A terminal shows by itself that the command still runs; in a file nothing does, and a program has to be told.
    pub(super) fn say_heartbeat(&mut self, now: Duration, tally: &Tally) {
        if self.look.follow == Follow::No || self.written + HEARTBEAT > now {
            return;
        }
        let awaited = self.awaited.as_deref();
        match (&self.form, self.look.beside) {
            (Form::Json(_), Beside::GapsOnly) => {}
            (Form::Json(_), Beside::Notes) => {
                self.written = now;
                JsonLines::push_heartbeat(heartbeat(tally, awaited), &mut self.block);
                self.write_block();
            }
            (Form::Text(_), _) if !self.wants_heartbeat() => {}
            (Form::Text(_), _) => {
                self.written = now;
                let mut text = render_heartbeat(tally, awaited);
                if let Some(standing) = self.standing() {
                    text = format!("{text}; {standing}");
                }
                self.say_line(&text, Importance::Note);
            }
        }
    }

    fn wants_heartbeat(&self) -> bool {
        match self.progress.as_ref().map(|progress| &progress.means) {
            // They have their own.
            Some(Means::Events(_) | Means::End) => false,
            _ if self.look.lines == Lines::Hidden => !self.pen.answers_to_terminal(),
            _ => !self.pen.is_status_terminal(),
        }
    }

    fn standing(&self) -> Option<String> {
        let ShownProgress { board, means } = self.progress.as_ref()?;
        match means {
            Means::Lines(_) => render_standing(board.progress(), board.now(), Glyphs::Unicode),
            Means::Rows | Means::Events(_) | Means::End => None,
        }
    }

    /// Where events are written, notes are events, too.
    pub(super) fn as_status<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.progress {
            Some(ShownProgress {
                board,
                means: Means::Events(events),
            }) => events.said.notice(text, board.now()).into(),
            _ => text.into(),
        }
    }

    /// Where lines are hidden, what is said in lines is the answer.
    pub(super) fn tell(&mut self, text: &str) {
        match self.look.lines {
            Lines::Shown => self.pen.status_line(text),
            Lines::Hidden => {
                self.block.extend_from_slice(text.as_bytes());
                self.block.push(b'\n');
                self.write_block();
            }
        }
    }

    /// Whether it is of interest also to who does not read lines. What is waited for stands in the rows.
    pub(super) fn is_about_job(&self, entry: &Entry<'_>) -> bool {
        let means = self.progress.as_ref().map(|progress| &progress.means);
        match entry {
            _ if matches!(means, Some(Means::End)) => false,
            Entry::Notice { .. } => true,
            Entry::Wait { .. } => !self.takes_rows(),
            _ => false,
        }
    }

    /// Where lines are hidden, how far the job came stays: in rows, or in lines where none may stand, as in the background.
    pub(super) fn leave_rows(&mut self) {
        let may_stand = self.pen.room().is_some();
        let last = match self.look.lines {
            Lines::Shown => LastRows::Erased,
            Lines::Hidden => LastRows::Kept,
        };
        if last == LastRows::Kept && may_stand {
            self.set_rows(None);
            let drawn = self.pen.answer(b"");
            self.keep_trouble(drawn);
        }
        let left = self.pen.leave_rows(last);
        self.keep_trouble(left);
        if last == LastRows::Kept && !may_stand {
            self.tell_last();
        }
    }

    fn tell_last(&mut self) {
        let Some(ShownProgress {
            board,
            means: Means::Rows | Means::End,
        }) = &mut self.progress
        else {
            return;
        };
        board.pass_time();
        for text in render_lines(board.progress(), board.now(), Glyphs::Unicode) {
            self.tell(&text);
        }
    }

    pub(super) fn status_style(&self) -> Style {
        match self.progress.as_ref().map(|progress| &progress.means) {
            Some(Means::Events(_)) => Style::Plain,
            _ if self.look.lines == Lines::Hidden => self.pen.style(),
            _ => self.pen.status_style(),
        }
    }
}

impl Events {
    /// What has changed, and after a long silence that it goes on.
    fn news(&mut self, board: &JobBoard, (now, tally): (Duration, &Tally)) -> Vec<String> {
        let (known, time) = (board.progress(), board.now());
        let mut texts = self.said.phases(known.phases, time);
        if self.next <= now
            && let Some(text) = self.said.progress(known, time)
        {
            self.next = now + EVENTS;
            texts.push(text);
        }
        if texts.is_empty() && self.written + HEARTBEAT <= now {
            let reading = Reading {
                following: tally.being_read(),
                lines: tally.lines,
            };
            texts.push(self.said.heartbeat(reading, time));
        }
        if !texts.is_empty() {
            self.written = now;
        }
        texts
    }
}

const fn rows_look(room: Room, now: jiff::Timestamp) -> RowsLook {
    RowsLook {
        style: room.style,
        glyphs: room.glyphs,
        width: room.columns,
        now,
    }
}

/// What the terminal's own indicator shows: the whole training, and nothing in its place.
fn gauge(known: JobProgress<'_>) -> Gauge {
    let whole = known.standings.training.training.as_ref();
    let is_done = |phase: &Phase| phase.kind == PhaseKind::Done;
    let done = known.phases.iter().find(|phase| is_done(phase));
    match (
        done.map(|done| done.state),
        whole.and_then(|training| training.whole),
    ) {
        (Some(PhaseState::Failed), _) => Gauge::Failed,
        (Some(PhaseState::Finished), _) => Gauge::Nothing,
        (_, Some(whole)) => Gauge::Percent(percent(whole)),
        (_, None) => Gauge::Busy,
    }
}
