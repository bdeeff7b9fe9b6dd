//! The showing side: takes entries, counts and saves them, brings them into order, and writes what is wanted of them.

use std::{
    io,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use thiserror::Error;

use super::{
    arguments::Format,
    ending::{Conclusion, End, Rules, Source, conclude},
    sheet::Sheet,
};
use crate::{
    error::CommandError,
    logs::{
        order::{Merge, WholeLines},
        record::Entry,
        save::{SaveError, Saver, Standing},
        saved::SavedError,
        spool::SpoolError,
        tally::Tally,
    },
    render::log_json::{JsonLines, Summary},
};

/// How often a saved run says how far it is.
const SAVING: Duration = Duration::from_secs(10);
/// After so many entries the clock is read.
const ENTRIES_A_LOOK: u32 = 64;

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
    /// Nothing more can be shown; [`Showing::finish`] says why.
    Over,
}

/// What one run shows.
pub(super) struct Showing {
    tally: Tally,
    saver: Option<Saver>,
    merge: Option<Merge>,
    whole_lines: WholeLines,
    sheet: Sheet,
    begun: Instant,
    now: Duration,
    unclocked: u32,
    saved_at: Duration,
    trouble: Option<Trouble>,
}

impl Showing {
    pub(super) fn new(sheet: Sheet, merge: Option<Merge>, saver: Option<Saver>) -> Self {
        Self {
            tally: Tally::default(),
            saver,
            merge,
            whole_lines: WholeLines::default(),
            sheet,
            begun: Instant::now(),
            now: Duration::ZERO,
            unclocked: 0,
            saved_at: Duration::ZERO,
            trouble: None,
        }
    }

    pub(super) fn push(&mut self, entry: &Entry<'_>) -> State {
        if self.trouble.is_some() {
            return State::Over;
        }
        self.unclocked += 1;
        if self.unclocked >= ENTRIES_A_LOOK {
            self.look_at_clock();
        }
        self.tally.count(entry);
        let result = self.try_push(entry);
        self.keep_trouble(result)
    }

    /// To be called when nothing more is there for the moment.
    pub(super) fn settle(&mut self) -> State {
        if self.trouble.is_some() {
            return State::Over;
        }
        self.look_at_clock();
        let result = self.try_settle();
        self.keep_trouble(result)
    }

    /// Shows the rest, and says how it ended: as the last of `ends` has it.
    pub(super) fn finish(
        mut self,
        ends: &Receiver<End>,
        rules: &Rules,
    ) -> Result<(), CommandError> {
        let result = match self.trouble.take() {
            Some(trouble) => Err(trouble),
            None => self.try_finish(),
        };
        if let Err(trouble) = result {
            // Whoever read has gone, or cannot take more: it is of no use to tell how it all ended.
            return Err(trouble.into());
        }
        let Ok(end) = ends.recv() else {
            return Ok(());
        };
        let end = ends.try_iter().last().unwrap_or(end);
        let conclusion = conclude(end, &self.tally, rules);
        let goodbye = self.say_goodbye(&conclusion);
        conclusion.result.and(goodbye.map_err(CommandError::from))
    }

    fn try_push(&mut self, entry: &Entry<'_>) -> Result<(), Trouble> {
        if let Some(saver) = &mut self.saver {
            saver.push(entry)?;
        }
        let Self {
            merge,
            whole_lines,
            sheet,
            now,
            ..
        } = self;
        let mut show = |entry: &Entry<'_>| sheet.show(*now, entry);
        match merge {
            None => whole_lines.push(*now, entry, &mut show)?,
            Some(merge) => merge.push(*now, entry, &mut |entry| {
                whole_lines.push(*now, entry, &mut show)
            })?,
        }
        Ok(sheet.outcome()?)
    }

    fn try_settle(&mut self) -> Result<(), Trouble> {
        let Self {
            merge,
            whole_lines,
            sheet,
            now,
            ..
        } = self;
        let mut show = |entry: &Entry<'_>| sheet.show(*now, entry);
        if let Some(merge) = merge {
            merge.pass_time(*now, &mut |entry| whole_lines.push(*now, entry, &mut show))?;
        }
        whole_lines.pass_time(*now, &mut show)?;
        sheet.settle(*now)?;
        if self.saver.is_some() && self.saved_at + SAVING <= self.now {
            self.saved_at = self.now;
            self.save(None)?;
        }
        Ok(())
    }

    fn try_finish(&mut self) -> Result<(), Trouble> {
        let Self {
            merge,
            whole_lines,
            sheet,
            now,
            ..
        } = self;
        let mut show = |entry: &Entry<'_>| sheet.show(*now, entry);
        if let Some(merge) = merge {
            merge.finish(&mut |entry| whole_lines.push(*now, entry, &mut show))?;
        }
        whole_lines.finish(&mut show)?;
        Ok(sheet.finish()?)
    }

    fn say_goodbye(&mut self, conclusion: &Conclusion) -> Result<(), Trouble> {
        self.save(Some(&conclusion.word))?;
        let took = self.begun.elapsed();
        if self.sheet.format() != Format::Json {
            // How long it took to read back what was saved is of no interest.
            let took = Some(took).filter(|_| conclusion.source == Source::Cluster);
            self.sheet.say_summary(&self.tally, took, &conclusion.word);
            return Ok(());
        }
        let exit_code = match &conclusion.result {
            Ok(()) => 0,
            Err(error) => error.kind.exit_code(),
        };
        let tally = &self.tally;
        let summary = Summary {
            sources: tally.sources().len(),
            lines: tally.lines,
            reconnects: tally.reconnects,
            gaps: tally.gaps,
            skipped: tally.skipped,
            seconds: took.as_secs_f64(),
            outcome: &conclusion.word,
            exit_code,
        };
        let mut text = Vec::new();
        JsonLines::push_summary(summary, &mut text);
        Ok(self.sheet.write(&text)?)
    }

    fn save(&mut self, outcome: Option<&str>) -> Result<(), SaveError> {
        let Some(saver) = &mut self.saver else {
            return Ok(());
        };
        saver.settle(Standing {
            tally: &self.tally,
            outcome,
            now: &Timestamp::now().to_string(),
        })
    }

    fn look_at_clock(&mut self) {
        self.unclocked = 0;
        self.now = self.begun.elapsed();
    }

    fn keep_trouble(&mut self, result: Result<(), Trouble>) -> State {
        match result {
            Ok(()) => State::GoesOn,
            Err(trouble) => {
                self.trouble = Some(trouble);
                State::Over
            }
        }
    }
}
