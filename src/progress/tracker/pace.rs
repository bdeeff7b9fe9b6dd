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
    pub(super) fn until(&self, goal: f64) -> Option<Duration> {
        let (_, value) = self.latest?;
        span(((goal - value) / self.speed()?).max(0.0))
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

    fn at(seconds: i64) -> Stamp {
        Stamp {
            seconds,
            nanoseconds: 0,
        }
    }

    #[test]
    fn a_steady_pace_gives_a_steady_estimate() {
        let mut pace = Pace::default();
        for second in 0..100 {
            pace.push(
                at(second),
                f64::from(i32::try_from(second).unwrap()) / 200.0,
            );
        }
        let left = pace.until(1.0).unwrap();
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
                .is_some_and(|left| (599..=601).contains(&left.as_secs()))
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
