//! What to do next for the log of one container instance: when to open a stream, to ask for the status, to look whether
//! a silent stream is stuck, to drain what is left, to stop. Knows no network and no clock; both come in as events.
//!
//! What it rests on (measured, test-cluster.md B.3): a stream that ends, however it ends, says nothing about the
//! container; only its status does. A kubelet that is stopped ends streams cleanly while the container runs on.

mod drain;
mod ending;
mod event;
mod proof;
mod silence;
mod state;

use std::time::Duration;

pub use event::{Action, Event, Follow, Outcome, Reason, Refusal, Served, StreamEnd};
use proof::Proof;
use state::{Check, Finding, Haste, Lingering, ReplayTime, State, Stay, Stream};

use super::{
    alignment::{End, Settled},
    attempts::Standing,
};

/// Between a stream's end and the next, by how many streams in a row brought nothing new.
const BACK_OFF: [u64; 7] = [0, 1, 2, 4, 8, 16, 30];
/// The same at most, where the container has ended: its log can go any time, and the job's end waits for it.
const LONGEST_REST_OF_ENDED: u64 = 8;
/// The same where no more is waited for: who waits longer is not asked again before he is given up.
const LONGEST_HASTY_REST: u64 = 4;
/// The same where the caller may not: a rule that is a second old is soon known.
const LONGEST_REST_OF_DENIED: u64 = 3;
/// Where others have all connections: theirs may be free any time, and to look costs nothing.
const REST_WITHOUT_PLACE: Duration = Duration::from_secs(2);
/// A status can be older than the container that answered by about this much.
const STATUS_LAG: Duration = Duration::from_secs(2);

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
    stay: Stay,
    haste: Haste,
    /// How the last following stream ended, as far as that says something: a clean end does where the container has
    /// ended too.
    last_end: Option<StreamEnd>,
    proof: Proof,
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
            stay: Stay::Staying,
            haste: Haste::No,
            last_end: None,
            proof: Proof::None,
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
            Event::Opened => self.be_opened(now),
            Event::Repeated => self.hear(now),
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
            Event::Hurry => self.hurry(now),
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
            lingering: Lingering::No,
        };
        self.stream(stream);
        vec![Action::Open(follow, served)]
    }

    fn be_delivered(&mut self, now: Duration) -> Vec<Action> {
        (self.fruitless, self.alarms, self.calm) = (0, 0, 0);
        // The end before was not the container's.
        self.note_no_end();
        self.hear(now)
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
                    self.note_no_end();
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
            Refusal::Denied => {
                self.write_on_unread();
                self.rest_at_most(now, LONGEST_REST_OF_DENIED, Duration::ZERO)
            }
            Refusal::NoPlace => {
                self.write_on_unread();
                self.wait_for_place(now)
            }
            Refusal::Busy(wanted) => {
                self.write_on_unread();
                self.rest(now, wanted.unwrap_or_default())
            }
        }
    }

    /// No stream was opened. A kubelet that was stopped ends streams, too, and refuses others; what runs writes on
    /// meanwhile.
    fn write_on_unread(&mut self) {
        if self.standing == Standing::Running {
            self.note_no_end();
        }
    }

    /// Until the next stream: as long as the back-off says, and at least as long as the server wants.
    fn rest(&mut self, now: Duration, at_least: Duration) -> Vec<Action> {
        let longest = match (self.haste, self.standing) {
            (Haste::Yes, _) => LONGEST_HASTY_REST,
            (Haste::No, Standing::Ended | Standing::Previous) => LONGEST_REST_OF_ENDED,
            (Haste::No, _) => u64::MAX,
        };
        self.rest_at_most(now, longest, at_least)
    }

    fn rest_at_most(&mut self, now: Duration, longest: u64, at_least: Duration) -> Vec<Action> {
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

    /// Nobody was asked, so that no stream was in vain.
    fn wait_for_place(&mut self, now: Duration) -> Vec<Action> {
        self.state = State::Resting;
        self.wake_at = Some(now + REST_WITHOUT_PLACE);
        Vec::new()
    }

    /// No more is waited for than this source: a rest that has begun is cut short, too.
    fn hurry(&mut self, now: Duration) -> Vec<Action> {
        self.haste = Haste::Yes;
        if self.state == State::Resting {
            let latest = now + Duration::from_secs(LONGEST_HASTY_REST);
            self.wake_at = self.wake_at.map(|wake_at| wake_at.min(latest));
        }
        Vec::new()
    }

    fn take_status(&mut self, now: Duration, standing: Standing) -> Vec<Action> {
        let before = std::mem::replace(&mut self.standing, standing);
        match self.state {
            State::Asking => {
                let is_on = matches!(standing, Standing::Running | Standing::NodeLost);
                if is_on && self.stay == Stay::Staying {
                    self.doubt_clean_end(now);
                }
                self.rest(now, Duration::ZERO)
            }
            State::Doubting { since, finding } if before == standing => {
                self.resolve_doubt(now, since, finding)
            }
            State::Doubting { .. } => self.rest(now, Duration::ZERO),
            State::Resting if before != standing => self.open(now),
            State::Streaming(stream) if before != standing => {
                self.begin_lingering(now, stream);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn take_settled(&mut self, now: Duration, settled: Settled) -> Vec<Action> {
        let State::Streaming(stream) = self.state else {
            return Vec::new();
        };
        match (stream.replay, stream.follow) {
            (ReplayTime::Ended, Follow::No) => self.check_end(settled),
            (ReplayTime::Ended, Follow::Yes) => {
                self.note_end(now, stream, settled);
                self.ask()
            }
            (ReplayTime::Running | ReplayTime::Over, _) => {
                self.note_that_it_goes_on(stream);
                self.go_on(now, stream, settled)
            }
        }
    }

    /// The replay of a stream that is still open has had its time.
    fn go_on(&mut self, now: Duration, stream: Stream, settled: Settled) -> Vec<Action> {
        match settled {
            Settled::Undecided => {
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
            Settled::Aligned | Settled::Empty => Vec::new(),
        }
    }

    fn take_end(&mut self, now: Duration, end: Option<End>) -> Vec<Action> {
        match self.state {
            State::Streaming(stream) => self.take_end_beside(now, stream, end),
            State::CheckingEnd(settled) => self.take_end_of_drain(now, settled, end),
            _ => Vec::new(),
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
mod proof_tests;
#[cfg(test)]
mod silence_tests;
#[cfg(test)]
mod tests;
