//! When what was read is saved: soon, but so that it takes a small part of the time only; and at a signal also where the
//! terminal takes nothing, from another thread.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::logs::{
    record::Entry,
    save::{SaveError, Saver, Stage},
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
pub(super) struct SharedSaver(Arc<Shared>);

struct Shared {
    saver: Mutex<Saver>,
    /// What is left of the buffer is being saved, and nothing shown.
    is_draining: AtomicBool,
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

    pub(super) fn push(&mut self, entry: &Entry<'_>) -> Result<(), SaveError> {
        self.pace.unsaved += 1;
        self.saver.lock().push(entry)
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

    /// From now on all is saved and nothing shown.
    pub(super) fn begin_draining(&self) {
        self.saver.0.is_draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn end_draining(&self) -> Result<(), SaveError> {
        let result = self.finish(Stage::GoesOn);
        self.saver.0.is_draining.store(false, Ordering::Relaxed);
        result
    }
}

impl SharedSaver {
    pub(super) fn new(saver: Saver) -> Self {
        Self(Arc::new(Shared {
            saver: Mutex::new(saver),
            is_draining: AtomicBool::new(false),
        }))
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::Relaxed)
    }

    /// For who ends a run whose thread is stuck.
    pub(super) fn finish(&self, outcome: &str) -> Result<(), SaveError> {
        settle(&mut self.lock(), Stage::Over(outcome))
    }

    /// Whoever panicked with it has said so.
    fn lock(&self) -> MutexGuard<'_, Saver> {
        let saver = &self.0.saver;
        saver.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
