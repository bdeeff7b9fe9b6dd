//! Whether a job may still get pods that have a log.

use crate::{cluster::JobObservation, train_job::planned_pods};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    Nothing,
    Pods,
}

impl Awaited {
    /// Also pods that nobody has made yet.
    pub(super) fn of(observation: &JobObservation) -> Self {
        let is_pending = observation.pods.iter().any(|pod| pod.phase == "Pending");
        if is_pending || observation.pods.len() < planned_pods(observation) {
            Self::Pods
        } else {
            Self::Nothing
        }
    }
}
