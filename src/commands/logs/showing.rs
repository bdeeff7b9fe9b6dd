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
    sheet::{Beside, Sheet},
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
    render::{
        log_json::{JsonLines, Summary},
        log_note::SummaryEnd,
    },
};

/// How often what has come is saved: so much at most a run that is killed has lost.
const SAVING: Duration = Duration::from_secs(1);
/// How often a saved run says that it goes on, though nothing came.
const SAVING_NOTHING: Duration = Duration::from_secs(10);
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
    saved: SavedState,
    trouble: Option<Trouble>,
}

/// How much of a run is saved.
#[derive(Clone, Copy, Debug, Default)]
struct SavedState {
    at: Duration,
    /// Of which the saved run knows.
    sources: usize,
    /// Entries that came since.
    unsaved: u64,
}

impl SavedState {
    /// What is new is worth its place at once.
    const fn is_due(self, now: Duration, sources: usize) -> bool {
        let since = now.saturating_sub(self.at).as_millis();
        sources > self.sources
            || (self.unsaved > 0 && since >= SAVING.as_millis())
            || since >= SAVING_NOTHING.as_millis()
    }
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
            saved: SavedState::default(),
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
        self.saved.unsaved += 1;
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
            if !matches!(trouble, Trouble::Save(_)) {
                self.save(None)?;
            }
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
            tally,
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
        sheet.settle(*now, tally)?;
        let sources = self.tally.sources().len();
        if self.saver.is_some() && self.saved.is_due(self.now, sources) {
            self.saved = SavedState {
                at: self.now,
                sources,
                unsaved: 0,
            };
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
            for remark in &conclusion.remarks {
                self.sheet.say_remark(remark);
            }
            let end = SummaryEnd {
                gone: &conclusion.gone,
                took,
                outcome: &conclusion.text,
            };
            self.sheet.say_summary(&self.tally, end);
            return Ok(());
        }
        if self.sheet.beside() == Beside::GapsOnly {
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
            shown: self.sheet.shown(),
            reconnects: tally.reconnects,
            gaps: tally.gaps,
            skipped: tally.skipped,
            gone: &conclusion.gone,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_saved_at_once_and_what_comes_within_a_second() {
        let state = |sources, unsaved| SavedState {
            at: Duration::from_secs(5),
            sources,
            unsaved,
        };
        let at = Duration::from_millis;
        assert!(state(0, 1).is_due(at(5001), 1));
        assert!(!state(1, 1).is_due(at(5999), 1));
        assert!(state(1, 1).is_due(at(6000), 1));
        assert!(!state(1, 0).is_due(at(14_999), 1));
        assert!(state(1, 0).is_due(at(15_000), 1));
    }
}
