//! `status.trainerStatus` of a TrainJob: what the training itself told the cluster.

use std::time::Duration;

use super::pace::{Estimate, seconds};
use crate::{
    cluster::TrainerStatus,
    logs::stamp::Stamp,
    progress::{
        reading::{Count, Metric},
        scan::{span_of, whole},
    },
};

/// A report that is older than this is only used where the log says nothing newer. The SDK reports at most every 5 s, the
/// callback of transformers at each logging step.
const FRESH: f64 = 180.0;

/// As the API has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// From 0 to 100.
    pub percentage: Option<u8>,
    pub remaining: Option<Duration>,
    pub metrics: Vec<Metric>,
    pub updated: Stamp,
}

impl Report {
    /// None of a report that does not say when it was made.
    pub fn of(status: &TrainerStatus) -> Option<Self> {
        let updated = status.updated?;
        let metrics = status.metrics.iter().filter_map(|metric| {
            Some(Metric {
                name: metric.name.clone(),
                value: metric.value.trim().parse().ok()?,
            })
        });
        Some(Self {
            percentage: status.percentage,
            remaining: status.remaining_seconds.and_then(span_of),
            metrics: metrics.collect(),
            updated: updated.into(),
        })
    }

    /// A job that was restarted keeps the report of the attempt before until the new one speaks. The cluster keeps both
    /// moments in whole seconds.
    pub(super) fn is_of_this_attempt(&self, started: Option<Stamp>) -> bool {
        started.is_some_and(|started| self.updated.seconds >= started.seconds)
    }

    pub(super) fn is_fresh(&self, now: Stamp) -> bool {
        seconds(self.updated, now) <= FRESH
    }

    /// As far as it can be believed at `now`, where reports come after so many seconds.
    pub(super) fn remaining(&self, gap: f64, now: Stamp) -> Option<Duration> {
        let (at, left) = (self.updated, self.remaining?);
        let estimate = Estimate { at, left };
        estimate.believed(gap, now).map(|estimate| estimate.left)
    }

    /// The callback of transformers reports steps as metrics; they are finer than whole per cent.
    pub(super) fn step(&self) -> Option<Count> {
        let value = |name: &str| {
            let metric = self.metrics.iter().find(|metric| metric.name == name)?;
            whole(metric.value)
        };
        let total = value("total_steps").filter(|total| *total > 0)?;
        Some(Count::new(value("current_step")?, Some(total)))
    }

    /// From 0 to 1: the steps where they agree with the percentage, else the percentage.
    pub(super) fn fraction(&self) -> Option<f64> {
        const ROUNDING: f64 = 0.0101;
        let stated = self
            .percentage
            .map(|percentage| f64::from(percentage.min(100)) / 100.0);
        let finer = self.step().and_then(Count::fraction);
        match (stated, finer) {
            (Some(stated), Some(finer)) if (finer - stated).abs() <= ROUNDING => Some(finer),
            (Some(stated), _) => Some(stated),
            (None, finer) => finer,
        }
    }
}
