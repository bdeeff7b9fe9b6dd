//! What to do next for the log of one container instance: when to open a stream, to ask for the status, to look whether
//! a silent stream is stuck, to drain what is left, to stop. Knows no network and no clock; both come in as events.
//!
//! What it rests on (measured, test-cluster.md B.3): a stream that ends, however it ends, says nothing about the
//! container; only its status does. A kubelet that is stopped ends streams cleanly while the container runs on.

mod ending;
mod event;
mod state;

use std::time::Duration;

pub use event::{Action, Event, Follow, Outcome, Reason, Refusal, Served, StreamEnd};
use state::{Check, Finding, ReplayTime, State, Stay, Stream};

use super::{
    alignment::{End, Settled},
    attempts::Standing,
};

/// Between a stream's end and the next, by how many streams in a row brought nothing new.
const BACK_OFF: [u64; 7] = [0, 1, 2, 4, 8, 16, 30];
/// The same at most, where the container has ended: its log can go any time, and the job's end waits for it.
const LONGEST_REST_OF_ENDED: u64 = 8;
/// A replay that has paused for this long has come to its end.
const REPLAY_PAUSE: Duration = Duration::from_secs(5);
/// A replay that never pauses has come to its end by now.
const REPLAY_LIMIT: Duration = Duration::from_mins(2);
/// A stream that is silent for longer may be stuck; jitter comes on top.
const SILENCE: Duration = Duration::from_secs(30);
/// An ended container's stream ends by itself within this.
const LINGERING: Duration = Duration::from_secs(10);
/// A status can be older than the container that answered by about this much.
const STATUS_LAG: Duration = Duration::from_secs(2);
/// How often there may be more behind the end of a drain before it is believed: the last record can be the end of a
/// longer line, so that it never compares equal.
const MOST_ENDS_AHEAD: u32 = 3;
/// How often a server speaks in place of an ended container's log before that is gone: some fifteen seconds.
const MOST_SPOKEN: u32 = 5;
/// A silent stream is looked at less and less often if that never helps: up to so many doublings.
const MOST_DOUBLINGS: u32 = 6;
/// The same where it had nothing to say each time. A stream that is stuck from now on is noticed after four minutes.
const MOST_CALM_DOUBLINGS: u32 = 3;

#[derive(Debug)]
pub struct Instance {
    follow: Follow,
    /// Added to the time until a silent stream is looked at, so that a thousand do not ask at once.
    jitter: Duration,
    standing: Standing,
    state: State,
    /// Streams in a row that brought nothing new.
    fruitless: usize,
    /// Looks at a silent stream in a row that made it be opened again.
    alarms: u32,
    /// Looks at a silent stream in a row that found it in order.
    calm: u32,
    ends_ahead: u32,
    /// Answers in a row that were a server's words in place of the last line.
    spoken: u32,
    stay: Stay,
    /// How the last following stream ended, as far as that says something: a clean end does where the container has
    /// ended too.
    last_end: Option<StreamEnd>,
    wake_at: Option<Duration>,
}

impl Instance {
    pub fn new(follow: Follow, standing: Standing, jitter: Duration) -> Self {
        Self {
            follow,
            jitter,
            standing,
            state: State::Resting,
            fruitless: 0,
            alarms: 0,
            calm: 0,
            ends_ahead: 0,
            spoken: 0,
            stay: Stay::Staying,
            last_end: None,
            wake_at: None,
        }
    }

    /// When [`Event::Woken`] is wanted.
    pub fn wake_at(&self) -> Option<Duration> {
        self.wake_at
    }

    /// `now` is the time since the program's start.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        if self.state == State::Done {
            return Vec::new();
        }
        match event {
            Event::Start => self.open(now),
            Event::Woken => self.wake(now),
            Event::Opened | Event::Repeated => self.hear(now),
            Event::Delivered => self.be_delivered(now),
            Event::Ended(end) => self.end_stream(end),
            Event::Refused(refusal) => self.be_refused(now, refusal),
            Event::Reopen => closed(self.open(now)),
            Event::Lost => closed(self.doubt(now, Finding::PlaceLost)),
            Event::Settled(settled) => self.take_settled(now, settled),
            Event::Leaving => {
                self.stay = Stay::Leaving;
                Vec::new()
            }
            Event::Status(standing) => self.take_status(now, standing),
            Event::EndChecked(end) => self.take_end(now, end),
            Event::GiveUp => self.give_up(),
        }
    }

    fn open(&mut self, now: Duration) -> Vec<Action> {
        let (follow, served) = match self.standing {
            // A lost node can come back before anybody says so.
            Standing::Running | Standing::NodeLost => (self.follow, Served::Current),
            Standing::Ended => (Follow::No, Served::Current),
            Standing::Previous => (Follow::No, Served::Previous),
            Standing::OutOfReach => return self.finish_gone(Reason::OutOfReach),
            Standing::PodGone => return self.finish_gone(Reason::PodGone),
        };
        let stream = Stream {
            follow,
            standing: self.standing,
            opened: now,
            heard: now,
            replay: ReplayTime::Running,
            check: Check::None,
        };
        self.stream(stream);
        vec![Action::Open(follow, served)]
    }

    fn stream(&mut self, stream: Stream) {
        self.state = State::Streaming(stream);
        let quiet = match stream.replay {
            ReplayTime::Running => {
                let pause = REPLAY_PAUSE * (1 << self.alarms);
                (stream.heard + pause).min(stream.opened + REPLAY_LIMIT)
            }
            ReplayTime::Over | ReplayTime::Ended if self.is_lingering(stream) => {
                stream.heard + LINGERING
            }
            ReplayTime::Over | ReplayTime::Ended => {
                let doublings = (self.alarms + self.calm).min(MOST_DOUBLINGS);
                stream.heard + SILENCE * (1 << doublings) + self.jitter
            }
        };
        self.wake_at = Some(quiet);
    }

    /// Whether the container has ended while its stream goes on.
    fn is_lingering(&self, stream: Stream) -> bool {
        stream.follow == Follow::Yes
            && matches!(self.standing, Standing::Ended | Standing::Previous)
    }

    fn be_delivered(&mut self, now: Duration) -> Vec<Action> {
        (self.fruitless, self.alarms) = (0, 0);
        (self.calm, self.spoken) = (0, 0);
        if let State::Streaming(stream) = self.state
            && stream.follow == Follow::Yes
        {
            // The end before was not the container's.
            self.last_end = None;
        }
        self.hear(now)
    }

    fn hear(&mut self, now: Duration) -> Vec<Action> {
        if let State::Streaming(stream) = self.state {
            let check = match stream.check {
                Check::None => Check::None,
                Check::UnderWay | Check::Overtaken => Check::Overtaken,
                Check::ForPlace => Check::ForPlace,
            };
            self.stream(Stream {
                heard: now,
                check,
                ..stream
            });
        }
        Vec::new()
    }

    fn wake(&mut self, now: Duration) -> Vec<Action> {
        if self.wake_at.is_none_or(|wake_at| now < wake_at) {
            return Vec::new();
        }
        self.wake_at = None;
        match self.state {
            State::Resting => self.open(now),
            State::Streaming(stream) => self.look_at_silence(now, stream),
            State::Asking | State::Doubting { .. } => vec![Action::AskStatus],
            State::CheckingEnd(_) => vec![Action::CheckEnd(self.served())],
            State::Done => Vec::new(),
        }
    }

    fn look_at_silence(&mut self, now: Duration, stream: Stream) -> Vec<Action> {
        if stream.replay == ReplayTime::Running {
            self.stream(Stream {
                replay: ReplayTime::Over,
                ..stream
            });
            return vec![Action::Settle];
        }
        if self.standing != Standing::Running {
            // The stream of what has ended should have ended too.
            return closed(self.open(now));
        }
        self.stream(Stream {
            heard: now,
            check: Check::UnderWay,
            ..stream
        });
        vec![Action::CheckEnd(Served::Current)]
    }

    fn end_stream(&mut self, end: StreamEnd) -> Vec<Action> {
        let State::Streaming(stream) = self.state else {
            return Vec::new();
        };
        match end {
            StreamEnd::Clean => {
                self.stream(Stream {
                    replay: ReplayTime::Ended,
                    ..stream
                });
                self.wake_at = None;
                vec![Action::Settle]
            }
            StreamEnd::Broken => {
                if stream.follow == Follow::Yes {
                    self.last_end = Some(end);
                }
                self.ask()
            }
        }
    }

    /// The status decides what the end of a stream meant.
    fn ask(&mut self) -> Vec<Action> {
        self.state = State::Asking;
        self.wake_at = None;
        vec![Action::AskStatus]
    }

    fn be_refused(&mut self, now: Duration, refusal: Refusal) -> Vec<Action> {
        match refusal {
            Refusal::Forbidden => self.finish(Outcome::Forbidden),
            Refusal::NotThere => self.ask(),
            Refusal::Busy(wanted) => self.rest(now, wanted.unwrap_or_default()),
        }
    }

    /// Until the next stream: as long as the back-off says, and at least as long as the server wants.
    fn rest(&mut self, now: Duration, at_least: Duration) -> Vec<Action> {
        let longest = match self.standing {
            Standing::Ended | Standing::Previous => LONGEST_REST_OF_ENDED,
            _ => u64::MAX,
        };
        let seconds = BACK_OFF[self.fruitless.min(BACK_OFF.len() - 1)].min(longest);
        self.fruitless += 1;
        let wait = at_least.max(Duration::from_secs(seconds));
        self.state = State::Resting;
        self.wake_at = Some(now + wait);
        if wait.is_zero() {
            return self.open(now);
        }
        Vec::new()
    }

    fn take_status(&mut self, now: Duration, standing: Standing) -> Vec<Action> {
        let before = std::mem::replace(&mut self.standing, standing);
        match self.state {
            State::Asking => {
                let is_on = matches!(standing, Standing::Running | Standing::NodeLost);
                if is_on && self.stay == Stay::Staying {
                    self.last_end = None;
                }
                self.rest(now, Duration::ZERO)
            }
            State::Doubting { since, finding } if before == standing => {
                self.resolve_doubt(now, since, finding)
            }
            State::Doubting { .. } => self.rest(now, Duration::ZERO),
            State::Resting if before != standing => self.open(now),
            State::Streaming(stream) if before != standing => {
                // It ends by itself; if not, it is not waited for.
                self.stream(stream);
                let limit = now + LINGERING;
                self.wake_at = self.wake_at.map(|wake_at| wake_at.min(limit));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn doubt(&mut self, now: Duration, finding: Finding) -> Vec<Action> {
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
    fn resolve_doubt(&mut self, now: Duration, since: Duration, finding: Finding) -> Vec<Action> {
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

    fn take_settled(&mut self, now: Duration, settled: Settled) -> Vec<Action> {
        let State::Streaming(stream) = self.state else {
            return Vec::new();
        };
        match (stream.replay, settled) {
            (ReplayTime::Ended, _) if stream.follow == Follow::No => self.check_end(settled),
            (ReplayTime::Ended, _) => {
                self.last_end = match settled {
                    Settled::Aligned => Some(StreamEnd::Clean),
                    // Nothing came: what was known of the end still holds.
                    Settled::Empty => self.last_end,
                    // A stream that never came to the new says nothing about it.
                    Settled::Undecided => None,
                };
                self.ask()
            }
            (_, Settled::Undecided) => {
                // From now on the pause counts anew.
                let (opened, heard, replay) = (now, now, ReplayTime::Running);
                self.stream(Stream {
                    opened,
                    heard,
                    replay,
                    check: Check::ForPlace,
                    ..stream
                });
                vec![Action::CheckEnd(self.served())]
            }
            (_, Settled::Aligned | Settled::Empty) => Vec::new(),
        }
    }

    /// What still runs has no end, and what had more behind it too often is believed.
    fn check_end(&mut self, settled: Settled) -> Vec<Action> {
        let is_ended = matches!(self.standing, Standing::Ended | Standing::Previous);
        let is_believed = !is_ended || self.ends_ahead == MOST_ENDS_AHEAD;
        if settled == Settled::Aligned && is_believed {
            return self.finish(Outcome::Complete);
        }
        self.state = State::CheckingEnd(settled);
        self.wake_at = None;
        vec![Action::CheckEnd(self.served())]
    }

    fn take_end(&mut self, now: Duration, end: Option<End>) -> Vec<Action> {
        match self.state {
            State::Streaming(stream) => self.take_end_beside(now, stream, end),
            State::CheckingEnd(settled) => self.take_end_of_drain(now, settled, end),
            _ => Vec::new(),
        }
    }

    fn take_end_beside(&mut self, now: Duration, stream: Stream, end: Option<End>) -> Vec<Action> {
        let is_telling = matches!(stream.check, Check::UnderWay | Check::ForPlace);
        if is_telling && end == Some(End::Ahead) {
            self.alarms = (self.alarms + 1).min(MOST_DOUBLINGS);
            return closed(self.open(now));
        }
        if stream.check == Check::UnderWay && end == Some(End::Reached) {
            self.calm = (self.calm + 1).min(MOST_CALM_DOUBLINGS);
        }
        self.stream(Stream {
            check: Check::None,
            ..stream
        });
        Vec::new()
    }

    fn take_end_of_drain(
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
            (Some(End::Spoken), _) if self.spoken == MOST_SPOKEN => {
                self.finish_gone(Reason::NoAnswer)
            }
            (Some(End::Spoken), _) => {
                self.spoken += 1;
                self.ask()
            }
            // Whether it is all is known only when somebody answers; the drain may have been cut.
            (None, _) => self.ask(),
        }
    }

    fn served(&self) -> Served {
        match self.standing {
            Standing::Previous => Served::Previous,
            _ => Served::Current,
        }
    }
}

fn closed(mut actions: Vec<Action>) -> Vec<Action> {
    actions.insert(0, Action::Close);
    actions
}

#[cfg(test)]
mod ending_tests;
#[cfg(test)]
mod tests;
