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
    thread::Feed,
};
use crate::logs::{
    record::Entry,
    shared_spool::{Closing, More, SharedSpool},
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

    fn show(&self, showing: &mut Showing) -> Result<(), Trouble> {
        loop {
            let more = self.spool.take(showing.patience(), |entry| {
                showing.push(&entry);
            })?;
            if more == More::Over || showing.settle() != State::GoesOn {
                return Ok(());
            }
        }
    }

    /// After a signal, and where nobody can be shown anything any more, the rest is still saved.
    fn save_and_show(&self, showing: &mut Showing) -> Result<(), Trouble> {
        let mut block = Block::default();
        loop {
            let patience = if self.is_stopped() {
                SAVING
            } else {
                showing.patience()
            };
            if showing.take_saved(&self.spool, patience, &mut block)? == More::Over {
                return Ok(());
            }
            self.show_block(showing, &mut block)?;
            if self.is_stopped() {
                continue;
            }
            match showing.settle() {
                State::GoesOn => {}
                State::Unseen => {
                    if self.spool.is_open() {
                        showing.be_cut_short();
                    }
                    self.stop(Closing::Discard);
                }
                State::Over => return Ok(()),
            }
        }
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
        match self.rest {
            Rest::Left => self.show(showing),
            Rest::Saved => self.save_and_show(showing),
        }
    }

    fn stop(&self, closing: Closing) {
        let closing = match (closing, self.rest) {
            (Closing::Discard, Rest::Saved) => {
                self.is_stopped.store(true, Ordering::Relaxed);
                Closing::Drain
            }
            (closing, _) => closing,
        };
        self.spool.close(closing);
    }
}
