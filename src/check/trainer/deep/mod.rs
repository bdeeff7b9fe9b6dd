//! The category Deep: what only a try can prove. A TrainJob of every runtime by dry run, then a real one on two nodes,
//! followed to its end and removed. `trial.rs` owns what is made, so that it is removed however the try ends.

mod choice;
mod course;
mod dry_runs;
mod leftovers;
mod manifest;
mod reading;
mod rights;
mod training;
mod trial;

use crate::check::CheckId;

pub use self::trial::{LeftBehind, Trial, TrialWish};
pub(super) use self::{dry_runs::DRY_RUNS, leftovers::LEFTOVERS, training::TRAINING};

pub(crate) const DEEP_LEFTOVERS: CheckId = CheckId("TRN-DEEP-LEFTOVERS");
pub(crate) const DEEP_DRY_RUNS: CheckId = CheckId("TRN-DEEP-DRY-RUNS");
pub(crate) const DEEP_TRAINING: CheckId = CheckId("TRN-DEEP-TRAINING");
