//! Every line of every container of a job, once and in its order: streams are opened, broken, opened again and aligned,
//! and what cannot be had is marked. One side reads and fills the spool, another takes [`record::Entry`]s out of it and
//! shows them; nothing else is shared. `alignment.rs` and `instance.rs` are the heart: pure, and held by `model/`.

pub mod alignment;
pub mod attempts;
pub mod filter;
mod fingerprint;
pub mod instance;
pub mod line;
#[cfg(test)]
mod model;
pub mod order;
mod read;
pub mod record;
mod replay;
mod ring;
pub mod roster;
pub mod save;
mod save_index;
pub mod saved;
pub mod shared_spool;
mod source_log;
mod source_reader;
mod source_request;
pub mod spool;
pub mod stamp;
pub mod tally;

pub use read::{Footing, ReadEnd, ReadError, read};

use std::sync::Arc;

use tokio::sync::watch;

use self::{attempts::Before, instance::Follow, stamp::Stamp};
use crate::{cluster::JobObservation, train_job::Selection};

/// Where the newest look at the job can be had; none before the first. It is there before the first entry of any source
/// that was seen in it.
pub type Observed = watch::Sender<Option<Arc<JobObservation>>>;

/// What is wanted of a job's logs.
#[derive(Clone, Debug)]
pub struct LogRequest {
    pub namespace: Arc<str>,
    pub job: String,
    pub selection: Selection,
    pub follow: Follow,
    pub start: UserStart,
    /// Whether attempts are wanted that were over before anybody looked.
    pub before: Before,
}

/// Where reading begins. Holds for what is there at the first look; what begins later is read from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserStart {
    All,
    /// With the last lines of each source.
    Tail(u32),
    /// With what was written at that moment or later; whole seconds count.
    Since(Stamp),
    /// With what of the last lines was written at that moment or later.
    TailSince(u32, Stamp),
}
