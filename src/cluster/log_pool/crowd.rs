//! How many logs this process reads or opens at a time. Of many, a little comes all the time: who reads each as it comes is woken
//! six times for a log of 600 lines, and spends a tenth of the processor's time on waking up.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// So many logs are many.
const CROWD: usize = 12;
/// Of many, what comes in this time is read at once. Nobody sees lines come later by so little.
const GATHERING: Duration = Duration::from_millis(1);

/// One process has one thread that reads.
static READ: AtomicUsize = AtomicUsize::new(0);

/// A log that is read or opened, until it is dropped.
pub(super) struct OneOfMany(());

impl OneOfMany {
    pub(super) fn new() -> Self {
        READ.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for OneOfMany {
    fn drop(&mut self) {
        READ.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long to rest before waiting for what comes next; none where few logs are read or opened.
pub fn gathering() -> Option<Duration> {
    (READ.load(Ordering::Relaxed) >= CROWD).then_some(GATHERING)
}
