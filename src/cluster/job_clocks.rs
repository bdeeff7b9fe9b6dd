//! What a watch of a job keeps the time of: since when its server cannot be asked, and when it looks next for what keeps
//! pods from being made.

use std::{ops::RangeInclusive, time::Duration};

use tokio::time::Instant;

/// A fault is met again within seconds as long as it lasts. One that was not met for so long was over.
const OVER_AFTER: Duration = Duration::from_mins(1);
/// Between two looks for details: at first, and at most. Each that finds nothing new makes it twice as long.
const PAUSES: RangeInclusive<Duration> = Duration::from_secs(3)..=Duration::from_mins(1);

/// Why the server cannot be asked about the job, and about its pods.
#[derive(Default)]
pub(super) struct Troubles {
    pub(super) job: Option<Trouble>,
    pub(super) pods: Option<Trouble>,
}

pub(super) struct Trouble {
    since: Instant,
    last: Instant,
}

impl Troubles {
    pub(super) fn is_none(&self) -> bool {
        self.job.is_none() && self.pods.is_none()
    }

    /// A watch that goes on after a fault says nothing of it.
    pub(super) fn forget_old(&mut self, now: Instant) {
        for trouble in [&mut self.job, &mut self.pods] {
            trouble.take_if(|trouble| now > trouble.last + OVER_AFTER);
        }
    }

    /// Gives since when it lasts.
    pub(super) fn note(trouble: &mut Option<Trouble>, now: Instant) -> Instant {
        let trouble = trouble.get_or_insert(Trouble {
            since: now,
            last: now,
        });
        trouble.last = now;
        trouble.since
    }
}

/// When details are looked for next.
pub(super) struct DetailsClock {
    pub(super) at: Instant,
    pause: Duration,
}

impl DetailsClock {
    pub(super) fn new(now: Instant) -> Self {
        let pause = *PAUSES.start();
        Self {
            at: now + pause,
            pause,
        }
    }

    pub(super) fn put_off(&mut self, now: Instant) {
        self.pause = (self.pause * 2).min(*PAUSES.end());
        self.at = now + self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_was_not_met_for_a_minute_is_another_one_when_it_comes_again() {
        let begun = Instant::now();
        let seconds = |seconds| begun + Duration::from_secs(seconds);
        let mut troubles = Troubles::default();
        let mut meet = |now| {
            troubles.forget_old(now);
            Troubles::note(&mut troubles.job, now)
        };
        assert_eq!(meet(begun), begun);
        assert_eq!(meet(seconds(50)), begun);
        assert_eq!(meet(seconds(100)), begun);
        assert_eq!(meet(seconds(200)), seconds(200));
    }

    #[test]
    fn details_that_do_not_change_are_looked_for_less_and_less() {
        let begun = Instant::now();
        let mut clock = DetailsClock::new(begun);
        let mut pauses = vec![clock.at - begun];
        for _ in 0..5 {
            let now = clock.at;
            clock.put_off(now);
            pauses.push(clock.at - now);
        }
        assert_eq!(pauses, [3, 6, 12, 24, 48, 60].map(Duration::from_secs));
    }
}
