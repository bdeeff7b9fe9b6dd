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
    last: Instant,
    /// Since when nothing but refusals came.
    refused_since: Option<Instant>,
}

/// What is met instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    Fault,
    Refusal,
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

    /// Gives since when nothing but refusals has come. A server that has just started may refuse what it is about to
    /// give; what came before it started counts for nothing.
    pub(super) fn note(trouble: &mut Option<Trouble>, met: Met, now: Instant) -> Option<Instant> {
        let trouble = trouble.get_or_insert(Trouble {
            last: now,
            refused_since: None,
        });
        trouble.last = now;
        trouble.refused_since = match met {
            Met::Fault => None,
            Met::Refusal => trouble.refused_since.or(Some(now)),
        };
        trouble.refused_since
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
    fn a_refusal_counts_from_the_first_of_its_row_and_anew_after_a_quiet_minute_or_a_fault() {
        let begun = Instant::now();
        let seconds = |seconds| begun + Duration::from_secs(seconds);
        let mut troubles = Troubles::default();
        let mut meet = |met, now| {
            troubles.forget_old(now);
            Troubles::note(&mut troubles.job, met, now)
        };
        assert_eq!(meet(Met::Fault, begun), None);
        assert_eq!(meet(Met::Refusal, seconds(50)), Some(seconds(50)));
        assert_eq!(meet(Met::Refusal, seconds(100)), Some(seconds(50)));
        assert_eq!(meet(Met::Fault, seconds(110)), None);
        assert_eq!(meet(Met::Refusal, seconds(120)), Some(seconds(120)));
        assert_eq!(meet(Met::Refusal, seconds(200)), Some(seconds(200)));
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
