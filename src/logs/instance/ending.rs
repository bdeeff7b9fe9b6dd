//! How an instance comes to its end: read, given up, or marked where lines may be missing.

use super::{Action, Instance, Outcome, Reason, StreamEnd, closed, state::State};
use crate::logs::attempts::Standing;

impl Instance {
    pub(super) fn give_up(&mut self) -> Vec<Action> {
        let is_open = matches!(self.state, State::Streaming(_));
        let actions = match self.standing {
            Standing::NodeLost => self.finish_marked(Reason::NodeLost),
            Standing::PodGone => self.finish_gone(Reason::PodGone),
            _ => self.finish_gone(Reason::NoAnswer),
        };
        if is_open { closed(actions) } else { actions }
    }

    /// What cannot be read any more was read to its end if the last stream ended of itself.
    pub(super) fn finish_gone(&mut self, reason: Reason) -> Vec<Action> {
        match self.last_end {
            Some(StreamEnd::Clean) => self.finish(Outcome::Complete),
            _ => self.finish_marked(reason),
        }
    }

    pub(super) fn finish_marked(&mut self, reason: Reason) -> Vec<Action> {
        let mut actions = vec![Action::Mark(reason)];
        actions.extend(self.finish(Outcome::Incomplete));
        actions
    }

    pub(super) fn finish(&mut self, outcome: Outcome) -> Vec<Action> {
        self.state = State::Done;
        self.wake_at = None;
        vec![Action::Finish(outcome)]
    }
}
