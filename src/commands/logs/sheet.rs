//! Where entries become bytes: lines to standard output, in blocks, and everything else to standard error or, as JSON,
//! between the lines.

mod progress;

use std::{io, sync::Arc, time::Duration};

pub(super) use progress::{Events, Means};

use self::progress::ShownProgress;
use super::arguments::Format;
use crate::{
    cluster::Follow,
    logs::{
        filter::{Filter, Verdict},
        instance::Outcome,
        record::{Entry, SourceId},
        tally::Tally,
    },
    render::{
        log_json::{Heartbeat, JsonLines},
        log_line::{LineLook, Place, Prefixes, ShownPiece, Stamps, TextLines},
        log_note::{
            News, Notes, SummaryEnd, render_gap, render_message, render_skipped, render_summary,
        },
    },
    style::Role,
    ui::{Pause, Pen, Reader},
};

/// What is written at once, in bytes.
const BLOCK: usize = 64 << 10;
/// After so much silence elsewhere than on a terminal, what is waited for is said again.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// So long nothing new is waited for until what is kept back is looked at.
const TICK: Duration = Duration::from_millis(200);
/// The same where rows stand under the lines.
const ROWS_TICK: Duration = Duration::from_millis(100);
/// So long the next notes of the same kind are waited for.
const GATHERING: Duration = Duration::from_millis(300);

/// What is shown, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct SheetLook {
    pub(super) format: Format,
    pub(super) stamps: Stamps,
    pub(super) follow: Follow,
    pub(super) lines: Lines,
    pub(super) beside: Beside,
}

/// Whether lines are shown, or only how far the job is. Then that is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    Shown,
    Hidden,
}

/// What is said beside the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Notes,
    /// Only where lines may be missing.
    GapsOnly,
}

pub(super) struct Sheet {
    pen: Pen,
    look: SheetLook,
    filter: Filter,
    form: Form,
    /// The step of each source.
    steps: Vec<String>,
    notes: Notes,
    /// Since when there are notes that were not said.
    noted: Option<Duration>,
    /// When a restart was said last.
    said: Option<Duration>,
    /// What the job was said to wait for last.
    awaited: Option<String>,
    /// When anything was written last.
    written: Duration,
    /// Lines that were shown.
    shown: u64,
    block: Vec<u8>,
    /// How far the job is, where that is shown.
    progress: Option<ShownProgress>,
    trouble: Option<io::Error>,
}

enum Form {
    Text(TextLines),
    Json(JsonLines),
}

impl Sheet {
    pub(super) fn new(pen: Pen, look: SheetLook, filter: Filter) -> Self {
        let form = match look.format {
            Format::Json => Form::Json(JsonLines::new()),
            Format::Text | Format::Raw => Form::Text(TextLines::new(line_look(&pen, look))),
        };
        Self {
            pen,
            look,
            filter,
            form,
            steps: Vec::new(),
            notes: Notes::default(),
            noted: None,
            said: None,
            awaited: None,
            written: Duration::ZERO,
            shown: 0,
            block: Vec::with_capacity(2 * BLOCK),
            progress: None,
            trouble: None,
        }
    }

    /// For whoever hears that the process is to stop; none where nothing stands under the lines.
    pub(super) fn pause(&self) -> Option<Arc<Pause>> {
        self.pen.pause()
    }

    /// How long the next entries may be waited for.
    pub(super) fn patience(&self) -> Duration {
        match (self.pen.takes_rows(), self.block.is_empty()) {
            (false, _) => TICK,
            (true, true) => ROWS_TICK,
            (true, false) => self.pen.rest(),
        }
    }

    pub(super) const fn format(&self) -> Format {
        self.look.format
    }

    pub(super) const fn lines(&self) -> Lines {
        self.look.lines
    }

    pub(super) const fn beside(&self) -> Beside {
        self.look.beside
    }

    pub(super) const fn answers_to_terminal(&self) -> bool {
        self.pen.answers_to_terminal()
    }

    #[inline]
    pub(super) fn show(&mut self, now: Duration, entry: &Entry<'_>) {
        if let Entry::Wait { text } = entry {
            self.awaited = text.map(str::to_owned);
        }
        if self.look.lines == Lines::Hidden && !self.is_about_job(entry) {
            return;
        }
        if let Entry::Piece {
            source,
            stamp,
            part,
            end,
            text,
        } = *entry
        {
            let piece = ShownPiece {
                source,
                stamp,
                part,
                end,
                text,
            };
            self.show_piece(now, &piece);
        } else if let Form::Json(json) = &mut self.form {
            self.written = now;
            match (entry, self.look.beside) {
                (Entry::Opened { described, .. }, Beside::GapsOnly) => json.open(described),
                (Entry::Gap { .. } | Entry::Skipped { .. }, _) | (_, Beside::Notes) => {
                    json.push(entry, &mut self.block);
                }
                (_, Beside::GapsOnly) => {}
            }
        } else {
            self.written = now;
            self.say(now, entry);
        }
        if self.block.len() >= BLOCK {
            self.write_block();
        }
    }

    /// From now on rows may stand under the lines, where there is a terminal for them.
    pub(super) fn allow_rows(&mut self) {
        self.pen.allow_rows();
    }

    /// Whether nothing is wanted beside the lines but what must be said, or only what programs read.
    pub(super) fn is_bare(&self) -> bool {
        let look = self.look;
        let is_beside = look.lines == Lines::Shown;
        is_beside
            && (look.beside == Beside::GapsOnly
                || look.format == Format::Json
                || self.pen.is_quiet())
    }

    pub(super) const fn takes_rows(&self) -> bool {
        self.pen.takes_rows()
    }

    /// Writes what is there, and says what was gathered for long enough.
    pub(super) fn settle(&mut self, now: Duration, tally: &Tally) -> io::Result<()> {
        if self.pen.rest().is_zero() {
            self.set_rows(Some(tally));
            self.write_block();
        }
        self.refresh_rows();
        self.tell_progress(now, tally);
        self.say_heartbeat(now, tally);
        if self.noted.is_some_and(|noted| noted + GATHERING <= now) {
            self.say_notes();
        }
        if self.pen.reader() == Reader::Gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.outcome()
    }

    pub(super) fn finish(&mut self, now: Duration, tally: &Tally) -> io::Result<()> {
        let is_raw = self.look.format == Format::Raw && !self.pen.answers_to_terminal();
        if let Form::Text(lines) = &mut self.form
            && !is_raw
        {
            lines.break_off(&mut self.block);
        }
        self.write_block();
        self.leave_rows();
        self.say_notes();
        self.tell_progress(now, tally);
        self.outcome()
    }

    /// What went wrong since the last call.
    pub(super) fn outcome(&mut self) -> io::Result<()> {
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// How many lines were shown.
    pub(super) const fn shown(&self) -> u64 {
        self.shown
    }

    /// Says it also to who wants nothing beside lines.
    pub(super) fn say_remark(&mut self, text: &str) {
        self.say_line(text, Importance::Vital);
    }

    pub(super) fn say_summary(&mut self, tally: &Tally, end: SummaryEnd<'_>) {
        if self.look.beside == Beside::Notes {
            let shown = self.filter.leaves_out().then_some(self.shown);
            let text = render_summary(tally, shown, end);
            let text = self.status_style().paint(Role::Strong, &text);
            self.pen.note(&self.as_status(&text));
        }
    }

    /// What is said next covers the key that ended the run.
    pub(super) fn cover_key(&mut self) {
        self.pen.cover_key();
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pen.answer(bytes)
    }

    #[inline]
    fn show_piece(&mut self, now: Duration, piece: &ShownPiece<'_>) {
        if self.filter.judge(piece.source, piece.part, piece.text) == Verdict::Hidden {
            return;
        }
        self.written = now;
        self.shown += u64::from(piece.part.ends_line());
        match &mut self.form {
            Form::Json(json) => json.push_line(piece, &mut self.block),
            Form::Text(lines) => lines.push(piece, self.filter.highlight(), &mut self.block),
        }
    }

    /// What is no line, on standard error.
    fn say(&mut self, now: Duration, entry: &Entry<'_>) {
        match entry {
            Entry::Piece { .. }
            | Entry::Unfinished { .. }
            | Entry::Reopened { .. }
            | Entry::Wait { text: None } => {}
            Entry::Opened { source, described } => {
                if let Form::Text(lines) = &mut self.form {
                    lines.open(described);
                }
                self.steps.push(described.step.clone());
                self.note(now, *source, Notes::open);
            }
            Entry::Readable { source } => self.note(now, *source, Notes::hear),
            Entry::Ended { source, end } if end.outcome == Outcome::Forbidden => {
                self.note(now, *source, Notes::refuse);
            }
            Entry::Ended { source, .. } => self.note(now, *source, Notes::end),
            Entry::Gap {
                source,
                after,
                before,
                reason,
            } => {
                let style = self.status_style();
                let text = render_gap(self.step(*source), (*after, *before), *reason, style);
                self.say_line(&text, Importance::Vital);
            }
            Entry::Skipped { source, attempts } => {
                let style = self.status_style();
                let text = render_skipped(self.step(*source), *attempts, style);
                self.say_line(&text, Importance::Vital);
            }
            Entry::Message { source, text } => {
                let style = self.status_style();
                let text = render_message(self.step(*source), text, style);
                self.say_line(&text, Importance::Note);
            }
            Entry::Notice { text } | Entry::Wait { text: Some(text) } => {
                let text = self.status_style().paint(Role::Muted, text);
                self.say_line(&text, Importance::Note);
            }
        }
    }

    /// What is news is said before the lines that follow, unless it comes in numbers.
    fn note(&mut self, now: Duration, source: SourceId, happened: fn(&mut Notes, &str) -> News) {
        if self.look.follow == Follow::No {
            return;
        }
        let step = self.step(source).to_owned();
        let news = happened(&mut self.notes, &step);
        let is_alone = self.said.is_none_or(|said| said + GATHERING <= now);
        match news {
            News::None => {}
            News::Pressing if is_alone && self.noted.is_none() => {
                self.said = Some(now);
                self.say_notes();
            }
            News::Pressing | News::Expected => {
                self.noted.get_or_insert(now);
            }
        }
    }

    fn say_notes(&mut self) {
        self.noted = None;
        if self.notes.is_empty() {
            return;
        }
        for text in self.notes.take(self.status_style()) {
            self.say_line(&text, Importance::Note);
        }
    }

    /// After the lines that came before it.
    fn say_line(&mut self, text: &str, importance: Importance) {
        if let Form::Text(lines) = &mut self.form {
            lines.break_off(&mut self.block);
        }
        self.write_block();
        let text = self.as_status(text).into_owned();
        match (importance, self.look.beside) {
            _ if self.look.lines == Lines::Hidden => self.tell(&text),
            (Importance::Vital, _) => self.pen.status_line(&text),
            (Importance::Note, Beside::Notes) => self.pen.note(&text),
            (Importance::Note, Beside::GapsOnly) => {}
        }
    }

    fn step(&self, source: SourceId) -> &str {
        let place = usize::try_from(source.0).unwrap_or(usize::MAX);
        self.steps.get(place).map_or("", String::as_str)
    }

    fn refresh_rows(&mut self) {
        if self.trouble.is_none() {
            let refreshed = self.pen.refresh_rows();
            self.keep_trouble(refreshed);
        }
    }

    fn write_block(&mut self) {
        if self.pen.room().is_some()
            && let Form::Text(lines) = &mut self.form
        {
            // Rows stand under whole lines.
            lines.break_off(&mut self.block);
        }
        if self.block.is_empty() || self.trouble.is_some() {
            return;
        }
        let written = self.pen.answer(&self.block);
        self.keep_trouble(written);
        self.block.clear();
    }

    fn keep_trouble(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.trouble = Some(error);
        }
    }
}

/// Whether a line is said in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Importance {
    Vital,
    Note,
}

fn heartbeat<'a>(tally: &Tally, awaited: Option<&'a str>) -> Heartbeat<'a> {
    Heartbeat {
        following: tally.being_read(),
        lines: tally.lines,
        waiting_for: awaited,
    }
}

fn line_look(pen: &Pen, look: SheetLook) -> LineLook {
    LineLook {
        place: if pen.answers_to_terminal() {
            Place::Terminal
        } else {
            Place::Elsewhere
        },
        style: pen.style(),
        prefixes: match look.format {
            Format::Raw => Prefixes::Hidden,
            Format::Text | Format::Json => Prefixes::Shown,
        },
        stamps: look.stamps,
    }
}
