//! How long a source may bring nothing before it is given up. The clock stands while the source waits for its turn among
//! the others, and while a healthy stream of a running container is silent. Pure.

use std::time::Duration;

/// Later than any wake-up.
pub(super) const NEVER: Duration = Duration::MAX;
/// So long may be repeated what was read before. Who repeats it again and again brings nothing.
const REPEATING: Duration = Duration::from_mins(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Runs,
    Stands,
}

#[derive(Debug)]
pub(super) struct Patience {
    /// For how long the clock ran, up to `at`.
    waited: Duration,
    at: Duration,
    clock: Clock,
    /// Until then what was read before counts as something.
    repeats_until: Duration,
}

impl Patience {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            waited: Duration::ZERO,
            at: now,
            clock: Clock::Runs,
            repeats_until: now + REPEATING,
        }
    }

    /// When it was last told how the clock goes, or that something came.
    pub(super) fn at(&self) -> Duration {
        self.at
    }

    pub(super) fn set(&mut self, now: Duration, clock: Clock) {
        let passed = now.saturating_sub(self.at);
        match self.clock {
            Clock::Runs => self.waited += passed,
            Clock::Stands => self.repeats_until += passed,
        }
        (self.at, self.clock) = (now, clock);
    }

    /// Something new came, or other orders.
    pub(super) fn renew(&mut self, now: Duration) {
        *self = Self {
            clock: self.clock,
            ..Self::new(now)
        };
    }

    /// Lines came that were read before.
    pub(super) fn hear_old(&mut self, now: Duration) {
        if now < self.repeats_until {
            (self.waited, self.at) = (Duration::ZERO, now);
        }
    }

    /// `limit` is none where the job goes on.
    pub(super) fn ends_at(&self, limit: Option<Duration>) -> Duration {
        match (limit, self.clock) {
            (Some(limit), Clock::Runs) => self.at + limit.saturating_sub(self.waited),
            _ => NEVER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Option<Duration> = Some(Duration::from_secs(30));

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn without_a_limit_it_never_ends() {
        assert_eq!(Patience::new(seconds(5)).ends_at(None), NEVER);
        assert_eq!(Patience::new(seconds(5)).ends_at(LIMIT), seconds(35));
    }

    #[test]
    fn waiting_for_a_turn_does_not_count() {
        let mut patience = Patience::new(seconds(0));
        patience.set(seconds(10), Clock::Stands);
        assert_eq!(patience.ends_at(LIMIT), NEVER);
        patience.set(seconds(110), Clock::Runs);
        assert_eq!(patience.ends_at(LIMIT), seconds(130));
        patience.renew(seconds(120));
        assert_eq!(patience.ends_at(LIMIT), seconds(150));
    }

    #[test]
    fn what_only_repeats_lines_is_given_up_in_the_end() {
        let mut patience = Patience::new(seconds(0));
        for now in 1..300 {
            patience.hear_old(seconds(now));
        }
        assert_eq!(patience.ends_at(LIMIT), seconds(119 + 30));
    }
}
