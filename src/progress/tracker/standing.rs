//! What is known of a job's progress at one moment, and where it comes from.

use std::{collections::BTreeMap, time::Duration};

use super::{
    pace::{Estimate, seconds},
    training::LastValue,
};
use crate::{
    logs::stamp::Stamp,
    progress::reading::{Count, Epoch, Kind, Role},
};

/// Where the numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Log {
        format: &'static str,
        node: u32,
        rank: u32,
    },
    TrainerStatus,
}

/// How far the training is.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Of the whole, from 0 to 1; none where no total is known.
    pub whole: Option<f64>,
    /// Of the present epoch or loop, from 0 to 1.
    pub part: Option<f64>,
    pub step: Option<Count>,
    pub epoch: Option<Epoch>,
    /// Steps a second.
    pub rate: Option<f64>,
    /// Until the end of the whole, counted from `at`.
    pub remaining: Option<Duration>,
    pub metrics: BTreeMap<String, LastValue>,
    /// The program said that it is over, or nothing is left.
    pub is_finished: bool,
    pub source: Source,
    /// When the source last spoke.
    pub at: Stamp,
}

impl Training {
    /// The last values of what everybody looks for, the losses first; others have no place in a short line.
    pub fn foremost(&self) -> Vec<(&str, f64)> {
        let mut known: Vec<(Role, &str, f64)> = self
            .metrics
            .iter()
            .filter_map(|(name, last)| Some((Role::of(name)?, name.as_str(), last.value)))
            .collect();
        // `loss` rather than `nll_loss`.
        known.sort_by_key(|(role, name, _)| (*role, name.len()));
        known.dedup_by_key(|(role, ..)| *role);
        let known = known.into_iter();
        known.map(|(_, name, value)| (name, value)).collect()
    }
}

/// What goes on beside the training: a download, an evaluation, a bar that does not say what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    pub kind: Kind,
    pub label: String,
    pub step: Option<Count>,
    pub rate: Option<f64>,
    pub remaining: Option<Duration>,
    pub node: u32,
    pub at: Stamp,
}

impl Activity {
    /// As it stands at `now`.
    pub(super) fn at(&self, now: Stamp) -> Self {
        let estimate = self.remaining.map(|left| Estimate { at: self.at, left });
        let believed = estimate.and_then(|estimate| estimate.believed(0.0, now));
        Self {
            remaining: believed.map(|estimate| estimate.left),
            ..self.clone()
        }
    }

    /// What is done is shown for a moment more; what is silent for long was left without a word.
    pub(super) fn is_current(&self, now: Stamp) -> bool {
        const LINGER: f64 = 5.0;
        const ABANDONED: f64 = 600.0;
        let is_done = self
            .step
            .and_then(Count::fraction)
            .is_some_and(|part| part >= 1.0);
        seconds(self.at, now) <= if is_done { LINGER } else { ABANDONED }
    }
}

/// What is known now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    pub training: Option<Training>,
    pub activity: Option<Activity>,
}
