//! How fast something goes, over the last minutes: smooth enough to be shown, quick enough to follow a change.

use std::{collections::VecDeque, time::Duration};

use crate::{logs::stamp::Stamp, progress::scan::span};

/// What is older says nothing of the pace now, unless there is nothing younger.
const WINDOW: f64 = 120.0;
/// Readings closer together than this tell no more than one.
const GRAIN: f64 = 4.0;
/// However old: slow steps have a pace too.
const LEAST: usize = 4;
/// Before that much time has passed, any number would be a guess.
const PATIENCE: f64 = 5.0;
/// A source that says nothing for so many of its usual gaps does not go on as it did.
const GAPS: f64 = 3.0;
/// So long an evaluation or a checkpoint may take without a word; who is silent for longer leads no more either.
const PAUSE: f64 = 120.0;

/// What was left, and when it was so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) at: Stamp,
    pub(super) left: Duration,
}

impl Estimate {
    /// It supposes that the training goes on as it did, and its source shows that by speaking. Without a word it can be
    /// believed for a pause or some of the usual gaps, and for half of what was left at most: whoever counts it down
    /// further says that the training is nearly over, which nobody does. One gap is always usual: of slow steps the last
    /// one is all that is left.
    pub(super) fn believed(self, gap: f64, now: Stamp) -> Option<Self> {
        let half = self.left.as_secs_f64() / 2.0;
        let limit = (GAPS * gap).max(PAUSE).min(half).max(gap);
        (seconds(self.at, now) <= limit).then_some(self)
    }

    /// The same, counted from a later moment.
    pub(super) fn left_at(self, at: Stamp) -> Option<Duration> {
        span(self.left.as_secs_f64() - seconds(self.at, at).max(0.0))
    }
}

/// Readings of a value that only grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    samples: VecDeque<(Stamp, f64)>,
    latest: Option<(Stamp, f64)>,
}

impl Pace {
    pub(super) fn push(&mut self, at: Stamp, value: f64) {
        if let Some((last, before)) = self.latest
            && (at <= last || value < before)
        {
            return;
        }
        self.latest = Some((at, value));
        let last = self.samples.back();
        if last.is_none_or(|(last, _)| seconds(*last, at) >= GRAIN) {
            self.samples.push_back((at, value));
        }
        while self.samples.len() > LEAST
            && self
                .samples
                .get(1)
                .is_some_and(|(next, _)| seconds(*next, at) > WINDOW)
        {
            self.samples.pop_front();
        }
    }

    /// A second.
    pub(super) fn speed(&self) -> Option<f64> {
        let (start, before) = self.samples.front()?;
        let (end, value) = self.latest.as_ref()?;
        let passed = seconds(*start, *end);
        let speed = (value - before) / passed;
        (passed >= PATIENCE && speed > 0.0).then_some(speed)
    }

    /// Until the value is `goal`.
    pub(super) fn until(&self, goal: f64) -> Option<Estimate> {
        let (at, value) = self.latest?;
        let left = span(((goal - value) / self.speed()?).max(0.0))?;
        Some(Estimate { at, left })
    }

    /// How long it mostly takes until the next reading.
    pub(super) fn gap(&self) -> f64 {
        let ends = self.samples.front().zip(self.samples.back());
        let passed = ends.map_or(0.0, |((first, _), (last, _))| seconds(*first, *last));
        let gaps = self.samples.len().saturating_sub(1).max(1);
        passed / u32::try_from(gaps).map_or(f64::INFINITY, f64::from)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a pace needs no more than microseconds"
)]
pub(super) fn seconds(from: Stamp, to: Stamp) -> f64 {
    from.nanoseconds_until(to) as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::stamp::at;

    #[test]
    fn a_steady_pace_gives_a_steady_estimate() {
        let mut pace = Pace::default();
        for second in 0..100 {
            pace.push(
                at(second),
                f64::from(i32::try_from(second).unwrap()) / 200.0,
            );
        }
        let left = pace.until(1.0).unwrap().left;
        assert!((left.as_secs_f64() - 101.0).abs() < 1.0, "{left:?}");
    }

    #[test]
    fn a_jump_to_a_checkpoint_leaves_the_estimate_after_the_window() {
        let mut pace = Pace::default();
        pace.push(at(0), 0.0);
        for second in 1..300 {
            pace.push(
                at(second),
                0.5 + f64::from(i32::try_from(second).unwrap()) / 10_000.0,
            );
        }
        let speed = pace.speed().unwrap();
        assert!((speed - 1e-4).abs() < 1e-6, "{speed}");
    }

    #[test]
    fn steps_that_take_longer_than_the_window_still_have_a_pace() {
        let mut pace = Pace::default();
        for step in 0..10 {
            pace.push(at(i64::from(step) * 600), f64::from(step) / 10.0);
        }
        assert!(
            pace.until(1.0)
                .is_some_and(|estimate| (599..=601).contains(&estimate.left.as_secs()))
        );
    }

    #[test]
    fn too_little_time_gives_no_estimate() {
        let mut pace = Pace::default();
        pace.push(at(0), 0.0);
        pace.push(at(1), 0.5);
        assert_eq!(pace.until(1.0), None);
    }
}
