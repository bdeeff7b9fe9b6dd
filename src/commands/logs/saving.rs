//! When what was read is saved: soon, but so that it takes a small part of the time only; and at a signal also where the
//! terminal takes nothing, from another thread. What is taken out of the buffer is saved under one lock, so that it keeps
//! its order whoever does it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::showing::Trouble;
use crate::logs::{
    record::Entry,
    save::{SaveError, Saver, Stage},
    shared_spool::{More, SharedSpool},
    spool::{Block, SpoolError},
    tally::Tally,
};

/// How often what has come is saved: so much at most a run that is killed has lost, where saving is quick.
const SAVING: Duration = Duration::from_secs(1);
/// How often a saved run says that it goes on.
const SAVING_NOTHING: Duration = Duration::from_secs(10);
/// After saving, so many times as long as it took something else is done: it takes three per cent of the time.
const REST: u32 = 32;

/// What the thread that shows does for `--save`.
pub(super) struct Saving {
    saver: SharedSaver,
    pace: Pace,
}

/// The files of a run, for the thread that shows and for whoever ends it.
#[derive(Clone)]
pub(super) struct SharedSaver(Arc<Mutex<Saver>>);

/// What is left of a run whose thread is stuck is saved by whoever ends it.
pub(super) struct Rescue {
    saver: SharedSaver,
    spool: Arc<SharedSpool>,
}

/// How much of a run is saved.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// When it was saved last, and how long that took.
    at: Duration,
    took: Duration,
    /// When the run said last that it goes on.
    described: Duration,
    /// Entries that came since.
    unsaved: u64,
}

impl Pace {
    /// What is new is worth its place at once.
    fn due(self, now: Duration, new_sources: usize) -> Option<Stage<'static>> {
        let since = now.saturating_sub(self.at);
        if since < self.took.saturating_mul(REST) {
            return None;
        }
        if now.saturating_sub(self.described) >= SAVING_NOTHING {
            return Some(Stage::GoesOn);
        }
        let is_due = new_sources > 0 || (self.unsaved > 0 && since >= SAVING);
        is_due.then_some(Stage::More)
    }
}

impl Saving {
    pub(super) fn new(saver: SharedSaver) -> Self {
        Self {
            saver,
            pace: Pace::default(),
        }
    }

    /// Takes the next block out of the buffer, and saves all of it.
    pub(super) fn take(
        &mut self,
        spool: &SharedSpool,
        wait: Duration,
        block: &mut Block,
    ) -> Result<More, Trouble> {
        let (more, entries) = take(&mut self.saver.lock(), spool, wait, block)?;
        self.pace.unsaved += entries;
        Ok(more)
    }

    /// The accounts of all that was saved.
    pub(super) fn tally(&self) -> Tally {
        self.saver.lock().tally().clone()
    }

    /// Saves what came, where it is time to.
    pub(super) fn settle(&mut self, now: Duration) -> Result<(), SaveError> {
        let mut saver = self.saver.lock();
        let Some(stage) = self.pace.due(now, saver.undescribed()) else {
            return Ok(());
        };
        let begun = Instant::now();
        settle(&mut saver, stage)?;
        let took = begun.elapsed();
        self.pace = Pace {
            at: now + took,
            took,
            described: match stage {
                Stage::More => self.pace.described,
                Stage::GoesOn | Stage::Over(_) => now,
            },
            unsaved: 0,
        };
        Ok(())
    }

    pub(super) fn finish(&self, stage: Stage<'_>) -> Result<(), SaveError> {
        settle(&mut self.saver.lock(), stage)
    }
}

impl SharedSaver {
    pub(super) fn new(saver: Saver) -> Self {
        Self(Arc::new(Mutex::new(saver)))
    }

    /// Whoever panicked with it has said so.
    fn lock(&self) -> MutexGuard<'_, Saver> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rescue {
    pub(super) const fn new(saver: SharedSaver, spool: Arc<SharedSpool>) -> Self {
        Self { saver, spool }
    }

    /// Saves what nobody has taken yet, and how it ended. Waits while somebody else saves, however slow the folder is.
    pub(super) fn save_rest(&self, outcome: &str) -> Result<(), Trouble> {
        let mut saver = self.saver.lock();
        let mut block = Block::default();
        while take(&mut saver, &self.spool, Duration::ZERO, &mut block)?.0 == More::Maybe {}
        Ok(settle(&mut saver, Stage::Over(outcome))?)
    }
}

/// The next block of the buffer, and how many entries of it were saved: all.
fn take(
    saver: &mut Saver,
    spool: &SharedSpool,
    wait: Duration,
    block: &mut Block,
) -> Result<(More, u64), Trouble> {
    let more = spool.fetch(wait, block)?;
    let mut entries = 0;
    for record in block.records() {
        let entry = Entry::of_record(&record?).map_err(|_| SpoolError::Changed)?;
        saver.push(&entry)?;
        entries += 1;
    }
    Ok((more, entries))
}

fn settle(saver: &mut Saver, stage: Stage<'_>) -> Result<(), SaveError> {
    saver.settle(stage, &Timestamp::now().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Saved at five seconds, when it said that it goes on, too.
    fn pace(took: u64, unsaved: u64) -> Pace {
        Pace {
            at: at(5000),
            took: at(took),
            described: at(5000),
            unsaved,
        }
    }

    #[test]
    fn what_is_new_is_saved_at_once_and_what_comes_within_a_second() {
        assert_eq!(pace(0, 1).due(at(5001), 1), Some(Stage::More));
        assert_eq!(pace(0, 1).due(at(5999), 0), None);
        assert_eq!(pace(0, 1).due(at(6000), 0), Some(Stage::More));
        assert_eq!(pace(0, 0).due(at(14_999), 0), None);
        assert_eq!(pace(0, 0).due(at(15_000), 0), Some(Stage::GoesOn));
    }

    #[test]
    fn where_saving_is_slow_it_is_done_less_often() {
        let slow = pace(500, 1);
        assert_eq!(slow.due(at(20_999), 1), None);
        assert_eq!(slow.due(at(21_000), 1), Some(Stage::GoesOn));
        let quick = pace(50, 1);
        assert_eq!(quick.due(at(6599), 1), None);
        assert_eq!(quick.due(at(6600), 0), Some(Stage::More));
    }
}
