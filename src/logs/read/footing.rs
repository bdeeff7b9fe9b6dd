//! What is there before reading begins.

use std::{sync::Arc, time::Instant};

use crate::cluster::{Cluster, JobObservation, LogPool};

/// On what reading stands.
pub struct Footing {
    /// Through which streams are opened.
    pub pool: Arc<LogPool>,
    /// How the job stood then, where that was just looked at; counts only where nothing is followed.
    pub seen: Option<(Instant, JobObservation)>,
}

impl Footing {
    /// Nothing was looked at.
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            pool: Arc::new(LogPool::new(cluster)),
            seen: None,
        }
    }
}
