//! Whether a drain has come to the end of the log: what ended is read once more, and its last line compared. Where another
//! container may have answered, the status is waited for before anything is believed.

use std::time::Duration;

use super::{Action, Finding, Instance, Outcome, Reason, STATUS_LAG, State};
use crate::logs::{
    alignment::{End, Settled},
    attempts::Standing,
};

/// How often there may be more behind the end of a drain before it is believed: the last record can be the end of a
/// longer line, so that it never compares equal.
const MOST_ENDS_AHEAD: u32 = 3;

impl Instance {
    /// What still runs has no end, and what had more behind it too often is believed.
    pub(super) fn check_end(&mut self, settled: Settled) -> Vec<Action> {
        let is_ended = matches!(self.standing, Standing::Ended | Standing::Previous);
        let is_believed = !is_ended || self.ends_ahead == MOST_ENDS_AHEAD;
        if settled == Settled::Aligned && is_believed {
            return self.finish(Outcome::Complete);
        }
        self.state = State::CheckingEnd(settled);
        self.wake_at = None;
        vec![Action::CheckEnd(self.served())]
    }

    pub(super) fn take_end_of_drain(
        &mut self,
        now: Duration,
        settled: Settled,
        end: Option<End>,
    ) -> Vec<Action> {
        match (end, settled) {
            (Some(End::Reached), _) | (Some(End::Empty), Settled::Aligned) => {
                self.finish(Outcome::Complete)
            }
            (Some(End::Empty), _) => self.doubt(now, Finding::FileEmpty),
            (Some(End::Ahead), Settled::Empty | Settled::Undecided)
                if self.ends_ahead == MOST_ENDS_AHEAD =>
            {
                self.doubt(now, Finding::PlaceLost)
            }
            (Some(End::Ahead), _) => {
                self.ends_ahead = (self.ends_ahead + 1).min(MOST_ENDS_AHEAD);
                self.rest(now, Duration::ZERO)
            }
            // Whether it is all is known only when the log itself answers; the drain may have been cut. A kubelet that has
            // just started can say for a while that it has no such file.
            (Some(End::Spoken) | None, _) => self.ask(),
        }
    }

    pub(super) fn doubt(&mut self, now: Duration, finding: Finding) -> Vec<Action> {
        if let State::Streaming(stream) = self.state
            && stream.standing != self.standing
        {
            return self.rest(now, Duration::ZERO);
        }
        self.state = State::Doubting {
            since: now,
            finding,
        };
        self.wake_at = None;
        vec![Action::AskStatus]
    }

    #[cfg(test)]
    pub(crate) fn is_doubting(&self) -> bool {
        matches!(self.state, State::Doubting { .. })
    }

    /// If the status still names this instance after the time by which it can lag, it was this one that answered.
    pub(super) fn resolve_doubt(
        &mut self,
        now: Duration,
        since: Duration,
        finding: Finding,
    ) -> Vec<Action> {
        if now < since + STATUS_LAG {
            self.wake_at = Some(since + STATUS_LAG);
            return Vec::new();
        }
        if finding == Finding::FileEmpty {
            return self.finish_gone(Reason::Rotated);
        }
        let mut actions = vec![Action::GiveUpPlace];
        actions.extend(self.open(now));
        actions
    }
}
