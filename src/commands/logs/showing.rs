//! The showing side: takes entries, counts and saves them, brings them into order, and writes what is wanted of them.

use std::{
    io,
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{
    arguments::Format,
    display::Display,
    ending::{Conclusion, End, Rules, Source, conclude, word_of},
    saving::Saving,
    sheet::{Beside, Lines},
};
use crate::{
    error::{CommandError, ErrorKind},
    logs::{
        record::Entry,
        save::{SaveError, Stage},
        saved::SavedError,
        shared_spool::{More, SharedSpool},
        spool::{Block, SpoolError},
        tally::Tally,
    },
    render::{
        log_json::{JsonLines, Summary},
        log_note::SummaryEnd,
        progress_json::RunEnd,
    },
    ui::Pause,
};

/// After so many entries the clock is read.
const ENTRIES_A_LOOK: u32 = 64;

/// How long a signal may take to be heard.
const SIGNAL: Duration = Duration::from_secs(1);

/// Why nothing more can be shown.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Output(#[from] io::Error),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error(transparent)]
    Saved(#[from] SavedError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// Whether more is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    GoesOn,
    /// Nobody takes anything any more; what is read can still be saved.
    Unseen,
    /// Nothing more can be done; [`Showing::finish`] says why.
    Over,
}

/// What one run shows.
pub(super) struct Showing {
    tally: Tally,
    saving: Option<Saving>,
    display: Display,
    begun: Instant,
    now: Duration,
    unclocked: u32,
    trouble: Option<Trouble>,
    reading: Reading,
}

/// Whether all that was read is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Whole,
    /// Nobody was there any more who could be shown anything, while more was read.
    CutShort,
}

impl Showing {
    pub(super) fn new(display: Display, saving: Option<Saving>) -> Self {
        Self {
            tally: Tally::default(),
            saving,
            display,
            begun: Instant::now(),
            now: Duration::ZERO,
            unclocked: 0,
            trouble: None,
            reading: Reading::Whole,
        }
    }

    /// What is read from now on is not saved.
    pub(super) fn be_cut_short(&mut self) {
        self.reading = Reading::CutShort;
    }

    /// For whoever hears that the process is to stop; none where nothing stands under the lines.
    pub(super) fn pause(&self) -> Option<Arc<Pause>> {
        self.display.sheet.pause()
    }

    /// How long the next entries may be waited for, until [`Self::settle`] is called.
    pub(super) fn patience(&self) -> Duration {
        self.display.sheet.patience()
    }

    /// The next block of the buffer. With `--save` all of it is saved already.
    pub(super) fn take(
        &mut self,
        spool: &SharedSpool,
        wait: Duration,
        block: &mut Block,
    ) -> Result<More, Trouble> {
        match &mut self.saving {
            Some(saving) => saving.take(spool, wait, block),
            None => Ok(spool.fetch(wait, block)?),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, entry: &Entry<'_>) -> State {
        if self.trouble.is_some() {
            return self.state();
        }
        self.display.sheet.heed(entry);
        // It comes again with its line.
        if let Entry::Unfinished { .. } = entry {
            return State::GoesOn;
        }
        self.unclocked += 1;
        if self.unclocked >= ENTRIES_A_LOOK {
            self.look_at_clock();
        }
        self.tally.count(entry);
        let result = self.display.push(self.now, entry);
        self.keep_trouble(result)
    }

    /// To be called when nothing more is there for the moment.
    pub(super) fn settle(&mut self) -> State {
        if self.trouble.is_some() {
            return self.state();
        }
        self.look_at_clock();
        let result = self.try_settle();
        self.keep_trouble(result)
    }

    /// Shows the rest, and says how it ended: as the last of `ends` has it. Where `shown` tells of a trouble, what was
    /// saved before it is kept.
    pub(super) fn finish(
        mut self,
        shown: Result<(), Trouble>,
        ends: &Receiver<End>,
        rules: &Rules,
    ) -> Result<(), CommandError> {
        let result = match shown.err().or(self.trouble.take()) {
            Some(trouble) => Err(trouble),
            None => self.display.finish(self.now, &self.tally),
        };
        if let Err(trouble) = result {
            if !matches!(trouble, Trouble::Save(_)) {
                self.save_unseen(&trouble, ends)?;
            }
            // Whoever read has gone, or cannot take more: it is of no use to tell how it all ended.
            return Err(trouble.into());
        }
        let Ok(end) = ends.recv() else {
            return Ok(());
        };
        let end = ends.try_iter().last().unwrap_or(end);
        if let Some(saving) = &self.saving {
            // After a signal more was saved than shown.
            self.tally = saving.tally();
        }
        let conclusion = conclude(end, &self.tally, rules);
        let goodbye = self.say_goodbye(&conclusion);
        conclusion.result.and(goodbye.map_err(CommandError::from))
    }

    fn try_settle(&mut self) -> Result<(), Trouble> {
        self.display.settle(self.now, &self.tally)?;
        match &mut self.saving {
            Some(saving) => Ok(saving.settle(self.now)?),
            None => Ok(()),
        }
    }

    fn say_goodbye(&mut self, conclusion: &Conclusion) -> Result<(), Trouble> {
        self.save(Stage::Over(&conclusion.word))?;
        let end = RunEnd {
            outcome: &conclusion.word,
            took: self.begun.elapsed(),
            exit_code: match &conclusion.result {
                Ok(()) => 0,
                Err(error) => error.kind.exit_code(),
            },
        };
        let said = self.say_summary(conclusion, end);
        self.display.sheet.say_end(end);
        said
    }

    fn say_summary(&mut self, conclusion: &Conclusion, end: RunEnd<'_>) -> Result<(), Trouble> {
        let sheet = &self.display.sheet;
        match (sheet.lines(), sheet.format(), sheet.beside()) {
            // The last state says it all.
            (Lines::Hidden, _, _) | (_, Format::Json, Beside::GapsOnly) => Ok(()),
            (Lines::Shown, Format::Json, Beside::Notes) => Ok(self.write_goodbye(conclusion, end)?),
            (Lines::Shown, Format::Text | Format::Raw, _) => {
                self.tell_goodbye(conclusion, end);
                Ok(())
            }
        }
    }

    fn tell_goodbye(&mut self, conclusion: &Conclusion, end: RunEnd<'_>) {
        if matches!(&conclusion.result, Err(error) if error.kind == ErrorKind::Interrupted) {
            self.display.sheet.cover_key();
        }
        for remark in &conclusion.remarks {
            self.display.sheet.say_remark(remark);
        }
        let end = SummaryEnd {
            gone: &conclusion.gone,
            // How long it took to read back what was saved is of no interest.
            took: (conclusion.source == Source::Cluster).then_some(end.took),
            outcome: &conclusion.text,
        };
        self.display.sheet.say_summary(&self.tally, end);
    }

    /// The same as objects.
    fn write_goodbye(&mut self, conclusion: &Conclusion, end: RunEnd<'_>) -> io::Result<()> {
        let tally = &self.tally;
        let summary = Summary {
            sources: tally.sources().len(),
            lines: tally.lines,
            shown: self.display.sheet.shown(),
            reconnects: tally.reconnects,
            gaps: tally.gaps,
            skipped: tally.skipped,
            gone: &conclusion.gone,
            seconds: end.took.as_secs_f64(),
            outcome: &conclusion.word,
            exit_code: end.exit_code,
        };
        let mut text = Vec::new();
        for remark in &conclusion.remarks {
            JsonLines::push_notice(remark, &mut text);
        }
        JsonLines::push_summary(summary, &mut text);
        self.display.sheet.write(&text)
    }

    fn save(&self, stage: Stage<'_>) -> Result<(), SaveError> {
        match &self.saving {
            Some(saving) => saving.finish(stage),
            None => Ok(()),
        }
    }

    fn look_at_clock(&mut self) {
        self.unclocked = 0;
        self.now = self.begun.elapsed();
    }

    /// What was saved to its end is not called cut short because nobody sees it.
    fn save_unseen(&self, trouble: &Trouble, ends: &Receiver<End>) -> Result<(), SaveError> {
        // A terminal that was closed takes nothing from the same moment on at which its signal is sent.
        let wait = match trouble {
            Trouble::Output(_) if self.display.sheet.answers_to_terminal() => SIGNAL,
            _ => Duration::ZERO,
        };
        let end = ends.recv_timeout(wait).ok();
        match (ends.try_iter().last().or(end), self.reading) {
            (Some(End::Read(..)), Reading::CutShort) | (None, _) => self.save(Stage::GoesOn),
            (Some(end), _) => self.save(Stage::Over(&word_of(&end))),
        }
    }

    #[inline]
    fn keep_trouble(&mut self, result: Result<(), Trouble>) -> State {
        self.trouble = result.err();
        self.state()
    }

    const fn state(&self) -> State {
        match self.trouble {
            None => State::GoesOn,
            Some(Trouble::Output(_)) => State::Unseen,
            Some(_) => State::Over,
        }
    }
}
