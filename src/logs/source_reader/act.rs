//! What an instance wants, done: streams opened and closed, questions asked, ends written.

use std::sync::Arc;

use super::{Content, Opening, SourceReader, trouble::Cause};
use crate::{
    cluster::LogRange,
    logs::{
        alignment::{ResumePoint, Settled},
        instance::{Action, Event, Follow, Outcome, Served},
        source_log::LastBytes,
        source_request::{Asked, Range},
    },
};

impl SourceReader {
    pub(super) fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Open(follow, served) => self.open(follow, served),
            Action::Close => self.close(),
            Action::Settle => return Some(Event::Settled(self.settle())),
            Action::CheckEnd(served) => {
                let request = self.address.request(Range::last_line(), served);
                self.asked = Some(Asked::last_line(Arc::clone(&self.shared), request));
            }
            Action::AskStatus => {
                let address = self.address.clone();
                self.asked = Some(Asked::status(Arc::clone(&self.shared), address));
            }
            Action::GiveUpPlace => self.log.give_up_place(),
            Action::Mark(reason) => self.log.mark_end(reason, &self.shared.spool),
            Action::Finish(outcome) => self.finish(outcome),
        }
        None
    }

    pub(super) fn close(&mut self) {
        self.stream = None;
        self.asked = None;
    }

    fn open(&mut self, follow: Follow, served: Served) {
        self.close();
        let (begins, content) = match self.log.begin_stream() {
            ResumePoint::Since(second) => (LogRange::Since(second), Content::Lines),
            ResumePoint::Beginning => (LogRange::Whole, Content::Lines),
            ResumePoint::Start => self.first.range(follow),
        };
        let follows = match content {
            Content::Lines => follow,
            Content::TailOfRunning | Content::Primer => Follow::No,
        };
        let range = Range { begins, follows };
        let request = self.address.request(range, served);
        self.opening = Some(Opening {
            follow,
            served,
            content,
        });
        self.asked = Some(Asked::stream(Arc::clone(&self.shared), request));
    }

    /// A pause of a stream that is open settles nothing but what was repeated; its half line is still coming.
    fn settle(&mut self) -> Settled {
        let drains =
            |opening: Opening| opening.follow == Follow::No && opening.content == Content::Lines;
        let end = match self.stream {
            Some(_) => None,
            None if self.opening.is_some_and(drains) => Some(LastBytes::AreLines),
            None => Some(LastBytes::MayBeHalf),
        };
        let (settled, words) = self.log.settle(end, &self.shared.spool);
        match words {
            Some(words) => self.trouble.suffer(self.now(), Cause::Words, words),
            None if end.is_none() => self.welcome_silence(),
            None => {}
        }
        settled
    }

    fn finish(&mut self, outcome: Outcome) {
        self.close();
        self.outcome = Some(outcome);
        match outcome {
            Outcome::Complete => self.end_trouble(),
            Outcome::Incomplete | Outcome::Forbidden => self.trouble.forget(&self.shared.told),
        }
        self.log.end(outcome, self.reconnects, &self.shared.spool);
    }
}
