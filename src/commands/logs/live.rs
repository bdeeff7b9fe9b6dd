//! What is being read from a cluster, on its way to whoever shows it. With `--save` each block is saved before any of it
//! is shown: what a terminal does not take is saved all the same, at the latest when the run ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    showing::{Showing, State, Trouble},
    thread::{Closing, Feed},
};
use crate::logs::{
    record::Entry,
    shared_spool::{More, SharedSpool},
    spool::{Block, SpoolError},
};

/// So long the next entries are waited for where they are only saved.
const SAVING: Duration = Duration::from_millis(200);

pub(super) struct Live {
    spool: Arc<SharedSpool>,
    rest: Rest,
    is_stopped: AtomicBool,
}

/// What becomes of lines that were read and not shown when a signal comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Left,
    Saved,
}

impl Live {
    pub(super) const fn new(spool: Arc<SharedSpool>, rest: Rest) -> Self {
        Self {
            spool,
            rest,
            is_stopped: AtomicBool::new(false),
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// What nobody is to see any more is still saved, where anything is.
    fn is_over(&self, showing: &mut Showing) -> bool {
        if !self.is_stopped() {
            match showing.settle() {
                State::GoesOn => return false,
                State::Over => return true,
                State::Unseen => self.stop_unseen(showing),
            }
        }
        self.rest == Rest::Left
    }

    fn stop_unseen(&self, showing: &mut Showing) {
        if self.spool.is_open() {
            showing.be_cut_short();
        }
        self.stop(Closing::Discard);
    }

    fn show_block(&self, showing: &mut Showing, block: &mut Block) -> Result<(), SpoolError> {
        while !self.is_stopped()
            && let Some(record) = block.pop()?
        {
            let entry = Entry::of_record(&record).map_err(|_| SpoolError::Changed)?;
            if showing.push(&entry) != State::GoesOn {
                break;
            }
        }
        Ok(())
    }
}

impl Feed for Live {
    fn run(&self, showing: &mut Showing) -> Result<(), Trouble> {
        let mut block = Block::default();
        loop {
            let patience = if self.is_stopped() {
                SAVING
            } else {
                showing.patience()
            };
            if showing.take(&self.spool, patience, &mut block)? == More::Over {
                return Ok(());
            }
            self.show_block(showing, &mut block)?;
            if self.is_over(showing) {
                return Ok(());
            }
        }
    }

    fn stop(&self, closing: Closing) {
        if closing == Closing::Discard {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
        self.spool.close();
    }
}
