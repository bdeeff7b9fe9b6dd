//! The state of the training in one attempt, made of the readings of one speaker: where it is, how fast, its last metrics.

use std::{collections::BTreeMap, time::Duration};

use super::{manner::Manner, pace::Pace};
use crate::{
    logs::stamp::Stamp,
    progress::reading::{Count, Epoch, Metric, Progress, Span, Stage},
};

/// A loop that has come this far may begin anew; before that, a smaller count is a late line.
const NEARLY_DONE: f64 = 0.99;
/// Names beyond these are not kept.
const MOST_METRICS: usize = 64;
/// The weight of a new rate in the mean.
const RATE_WEIGHT: f64 = 0.3;

/// A metric's last value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastValue {
    pub value: f64,
    pub at: Stamp,
}

/// Where the steps are: the lap first, then how much of it is done.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    lap: f64,
    part: f64,
}

#[derive(Clone, Debug)]
pub(super) struct TrainingState {
    pub(super) at: Stamp,
    pub(super) step: Option<Count>,
    pub(super) epoch: Option<Epoch>,
    pub(super) is_finished: bool,
    pub(super) metrics: BTreeMap<String, LastValue>,
    manner: Manner,
    place: Option<Place>,
    whole: Option<f64>,
    /// A count that was taken for the whole began anew: nobody knows how often it will.
    laps: Laps,
    whole_pace: Pace,
    step_pace: Pace,
    rate: Option<f64>,
    stated_remaining: Option<Duration>,
}

/// Whether counts of the whole can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Laps {
    None,
    /// So many began.
    Seen(u32),
}

impl TrainingState {
    pub(super) fn new(format: &'static str, at: Stamp) -> Self {
        Self {
            at,
            step: None,
            epoch: None,
            is_finished: false,
            metrics: BTreeMap::new(),
            manner: Manner::new(format, at),
            place: None,
            whole: None,
            laps: Laps::None,
            whole_pace: Pace::default(),
            step_pace: Pace::default(),
            rate: None,
            stated_remaining: None,
        }
    }

    pub(super) fn take(&mut self, format: &'static str, at: Stamp, progress: &Progress) {
        self.at = self.at.max(at);
        self.take_metrics(at, &progress.metrics);
        self.is_finished |= progress.stage == Stage::Over;
        if self.move_to(at, progress) {
            self.manner.heed(format, at, progress.step);
            self.take_speed(at, progress);
        }
    }

    pub(super) fn take_metrics(&mut self, at: Stamp, metrics: &[Metric]) {
        for Metric { name, value } in metrics {
            if self.metrics.len() >= MOST_METRICS && !self.metrics.contains_key(name) {
                continue;
            }
            let last = LastValue { value: *value, at };
            self.metrics.insert(name.clone(), last);
        }
    }

    /// The way in which it is written that tells most.
    pub(super) const fn format(&self) -> &'static str {
        self.manner.format()
    }

    /// Of the whole, from 0 to 1, where that is known.
    pub(super) fn whole(&self) -> Option<f64> {
        self.whole
    }

    /// Of the present epoch or loop.
    pub(super) fn part(&self) -> Option<f64> {
        self.place.map(|place| place.part)
    }

    /// Steps a second.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate.or_else(|| self.step_pace.speed())
    }

    /// Until the end of the whole training.
    pub(super) fn remaining(&self) -> Option<Duration> {
        if self.whole.is_some() {
            return self.whole_pace.until(1.0).or(self.stated_remaining);
        }
        self.stated_remaining
    }

    /// Whether the reading is the newest; a late one, or one of another count, changes nothing.
    fn move_to(&mut self, at: Stamp, progress: &Progress) -> bool {
        if let Some(part) = progress.part() {
            let next = match progress.span {
                Span::Epoch => Place {
                    lap: progress.epoch.map_or(0.0, |epoch| epoch.stated),
                    part,
                },
                Span::Whole => match self.whole_place(progress, part) {
                    Some(place) => place,
                    None => return false,
                },
            };
            if self
                .place
                .is_some_and(|place| (next.lap, next.part) < (place.lap, place.part))
            {
                return false;
            }
            self.place = Some(next);
        } else if self.is_behind(progress) {
            return false;
        }
        self.take_counts(progress);
        if let Some(whole) = progress.whole().filter(|_| self.laps == Laps::None) {
            let whole = self.whole.map_or(whole, |before| before.max(whole));
            self.whole = Some(whole);
            // What passed before the first step was compiling and loading.
            if whole > 0.0 {
                self.whole_pace.push(at, whole);
            }
        }
        true
    }

    /// Where a count of the whole stands; none for a count that is not the one that is followed.
    fn whole_place(&mut self, progress: &Progress, part: f64) -> Option<Place> {
        let lap = match self.laps {
            Laps::None => 0.0,
            Laps::Seen(laps) => f64::from(laps),
        };
        let Some(before) = self.place.filter(|_| self.step.is_some()) else {
            return Some(Place { lap, part });
        };
        let total = |step: Option<Count>| step.and_then(|step| step.total);
        let same = total(self.step) == total(progress.step) || total(self.step).is_none();
        if same && part >= before.part {
            return Some(Place { lap, part });
        }
        if before.part < NEARLY_DONE {
            // Late, or of another loop.
            return None;
        }
        let laps = match self.laps {
            Laps::None => 1,
            Laps::Seen(laps) => laps.saturating_add(1),
        };
        self.laps = Laps::Seen(laps);
        self.whole = None;
        self.whole_pace = Pace::default();
        self.step_pace = Pace::default();
        self.stated_remaining = None;
        Some(Place {
            lap: f64::from(laps),
            part,
        })
    }

    /// Without a total: a smaller step or an earlier epoch is a late line.
    fn is_behind(&self, progress: &Progress) -> bool {
        let behind_epoch = match (self.epoch, progress.epoch) {
            (Some(before), Some(next)) => next.done < before.done,
            _ => false,
        };
        let behind_step = match (self.step, progress.step) {
            (Some(before), Some(next)) => before.total.is_none() && next.done < before.done,
            _ => false,
        };
        behind_epoch || behind_step
    }

    fn take_counts(&mut self, progress: &Progress) {
        if let Some(step) = progress.step {
            // A count with a total says more than one without.
            if step.total.is_some() || self.step.is_none_or(|step| step.total.is_none()) {
                self.step = Some(step);
            }
        }
        if let Some(epoch) = progress.epoch {
            let total = epoch.total.or(self.epoch.and_then(|epoch| epoch.total));
            self.epoch = Some(Epoch { total, ..epoch });
        }
    }

    fn take_speed(&mut self, at: Stamp, progress: &Progress) {
        if let Some(rate) = progress.rate {
            let mean = self
                .rate
                .map_or(rate, |mean| mean + RATE_WEIGHT * (rate - mean));
            self.rate = Some(mean);
        }
        if let Some(step) = progress.step {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a pace is shown with few digits"
            )]
            self.step_pace.push(at, step.done as f64);
        }
        let of_whole = progress.remaining_of.unwrap_or(progress.span) == Span::Whole;
        if of_whole && (self.laps == Laps::None || progress.remaining.is_none()) {
            self.stated_remaining = progress.remaining.or(self.stated_remaining);
        }
    }
}
