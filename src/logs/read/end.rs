//! How the reading of a job's logs ended, or why it could not go on.

use thiserror::Error;

use crate::{
    cluster::{Failure, JobObservation},
    train_job::JobEnd,
};

/// Why nothing more can be read.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error(transparent)]
    Cluster(#[from] Failure),
}

/// How it ended.
#[derive(Debug)]
pub struct ReadEnd {
    pub job: JobEnd,
    /// The last look at the job, if it is fresh.
    pub seen: Option<JobObservation>,
}

impl From<JobEnd> for ReadEnd {
    fn from(job: JobEnd) -> Self {
        Self { job, seen: None }
    }
}
