//! What to do next for the log of one container instance: when to open a stream, to ask for the status, to look whether
//! a silent stream is stuck, to drain what is left, to stop. Knows no network and no clock; both come in as events.
//!
//! What it rests on (measured, test-cluster.md B.3): a stream that ends, however it ends, says nothing about the
//! container; only its status does. A kubelet that is stopped ends streams cleanly while the container runs on.

mod event;
mod state;

use std::time::Duration;

pub use event::{Action, Event, Follow, Outcome, Reason, Refusal, Served, StreamEnd};
use state::{Check, Finding, ReplayTime, State, Stream};

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
/// A silent stream is looked at less and less often if that never helps: up to so many doublings.
const MOST_DOUBLINGS: u32 = 6;

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
    ends_ahead: u32,
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
            ends_ahead: 0,
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
            Event::Delivered => {
                (self.fruitless, self.alarms) = (0, 0);
                self.hear(now)
            }
            Event::Ended(end) => self.end_stream(end),
            Event::Refused(refusal) => self.be_refused(now, refusal),
            Event::Reopen => closed(self.open(now)),
            Event::Lost => closed(self.doubt(now, Finding::PlaceLost)),
            Event::Settled(settled) => self.take_settled(now, settled),
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
                stream.heard + SILENCE * (1 << self.alarms) + self.jitter
            }
        };
        self.wake_at = Some(quiet);
    }

    /// Whether the container has ended while its stream goes on.
    fn is_lingering(&self, stream: Stream) -> bool {
        stream.follow == Follow::Yes
            && matches!(self.standing, Standing::Ended | Standing::Previous)
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
                if matches!(standing, Standing::Running | Standing::NodeLost) {
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
                // A stream that never came to the new says nothing about it.
                let is_placed = settled == Settled::Aligned;
                self.last_end = is_placed.then_some(StreamEnd::Clean);
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
            // Whether it is all is known only when somebody answers; the drain may have been cut.
            (None, _) => self.ask(),
        }
    }

    fn give_up(&mut self) -> Vec<Action> {
        let is_open = matches!(self.state, State::Streaming(_));
        let actions = match self.standing {
            Standing::NodeLost => self.finish_marked(Reason::NodeLost),
            Standing::PodGone => self.finish_gone(Reason::PodGone),
            _ => self.finish_gone(Reason::NoAnswer),
        };
        if is_open { closed(actions) } else { actions }
    }

    fn served(&self) -> Served {
        match self.standing {
            Standing::Previous => Served::Previous,
            _ => Served::Current,
        }
    }

    /// What cannot be read any more was read to its end if the last stream ended of itself.
    fn finish_gone(&mut self, reason: Reason) -> Vec<Action> {
        match self.last_end {
            Some(StreamEnd::Clean) => self.finish(Outcome::Complete),
            _ => self.finish_marked(reason),
        }
    }

    fn finish_marked(&mut self, reason: Reason) -> Vec<Action> {
        let mut actions = vec![Action::Mark(reason)];
        actions.extend(self.finish(Outcome::Incomplete));
        actions
    }

    fn finish(&mut self, outcome: Outcome) -> Vec<Action> {
        self.state = State::Done;
        self.wake_at = None;
        vec![Action::Finish(outcome)]
    }
}

fn closed(mut actions: Vec<Action>) -> Vec<Action> {
    actions.insert(0, Action::Close);
    actions
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FOLLOW: Action = Action::Open(Follow::Yes, Served::Current);
    const DRAIN: Action = Action::Open(Follow::No, Served::Current);
    const DRAIN_PREVIOUS: Action = Action::Open(Follow::No, Served::Previous);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// An instance that follows a running container, with its stream open.
    fn following() -> Instance {
        let mut instance = Instance::new(Follow::Yes, Standing::Running, Duration::ZERO);
        assert_eq!(instance.handle(seconds(0), Event::Start), [FOLLOW]);
        instance.handle(seconds(0), Event::Delivered);
        instance
    }

    /// Feeds events, all at the same time, and gives the actions of the last.
    fn after(instance: &mut Instance, now: u64, events: &[Event]) -> Vec<Action> {
        let mut actions = Vec::new();
        for event in events {
            actions = instance.handle(seconds(now), *event);
        }
        actions
    }

    #[test]
    fn an_end_of_stream_is_no_end_of_a_container() {
        for end in [StreamEnd::Clean, StreamEnd::Broken] {
            let mut instance = following();
            let events = [Event::Ended(end), Event::Settled(Settled::Aligned)];
            let events = if end == StreamEnd::Clean {
                &events[..]
            } else {
                &events[..1]
            };
            assert_eq!(after(&mut instance, 1, events), [Action::AskStatus]);
            assert_eq!(
                after(&mut instance, 1, &[Event::Status(Standing::Running)]),
                [FOLLOW]
            );
        }
    }

    #[test]
    fn streams_without_anything_new_are_opened_less_and_less_often() {
        let mut instance = following();
        let mut now = 1;
        let mut waits = Vec::new();
        for _ in 0..9 {
            after(
                &mut instance,
                now,
                &[
                    Event::Ended(StreamEnd::Clean),
                    Event::Settled(Settled::Aligned),
                    Event::Status(Standing::Running),
                ],
            );
            let wait = match instance.state {
                State::Resting => instance.wake_at().unwrap().as_secs() - now,
                _ => 0,
            };
            waits.push(wait);
            now += wait;
            instance.handle(seconds(now), Event::Woken);
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        let events = [
            Event::Delivered,
            Event::Ended(StreamEnd::Clean),
            Event::Settled(Settled::Aligned),
            Event::Status(Standing::Running),
        ];
        assert_eq!(
            after(&mut instance, now, &events),
            [FOLLOW],
            "a line resets it"
        );
    }

    #[test]
    fn an_ended_container_is_drained_and_its_end_compared() {
        let mut instance = following();
        let events = [
            Event::Status(Standing::Ended),
            Event::Ended(StreamEnd::Clean),
            Event::Settled(Settled::Aligned),
            Event::Status(Standing::Ended),
        ];
        assert_eq!(after(&mut instance, 1, &events), [DRAIN]);
        assert_eq!(
            after(&mut instance, 1, &[Event::Ended(StreamEnd::Clean)]),
            [Action::Settle]
        );
        let check = Action::CheckEnd(Served::Current);
        assert_eq!(
            after(&mut instance, 1, &[Event::Settled(Settled::Aligned)]),
            [check]
        );
        let finished = Action::Finish(Outcome::Complete);
        assert_eq!(
            after(&mut instance, 1, &[Event::EndChecked(Some(End::Reached))]),
            [finished]
        );
        assert_eq!(
            after(
                &mut instance,
                2,
                &[Event::Woken, Event::Status(Standing::Running)]
            ),
            []
        );
    }

    #[test]
    fn an_end_that_never_compares_equal_is_looked_at_some_times_and_believed() {
        let mut instance = following();
        after(
            &mut instance,
            1,
            &[
                Event::Ended(StreamEnd::Clean),
                Event::Settled(Settled::Aligned),
                Event::Status(Standing::Ended),
            ],
        );
        let drained = [
            Event::Delivered,
            Event::Ended(StreamEnd::Clean),
            Event::Settled(Settled::Aligned),
        ];
        for _ in 0..3 {
            assert_eq!(
                after(&mut instance, 1, &drained),
                [Action::CheckEnd(Served::Current)]
            );
            assert_eq!(
                after(&mut instance, 1, &[Event::EndChecked(Some(End::Ahead))]),
                [DRAIN]
            );
        }
        assert_eq!(
            after(&mut instance, 1, &drained),
            [Action::Finish(Outcome::Complete)]
        );
    }

    #[test]
    fn a_drain_that_ends_because_the_kubelet_stops_is_not_believed() {
        let mut instance = following();
        after(
            &mut instance,
            1,
            &[
                Event::Ended(StreamEnd::Clean),
                Event::Settled(Settled::Aligned),
                Event::Status(Standing::Ended),
            ],
        );
        for settled in [Settled::Aligned, Settled::Empty, Settled::Undecided] {
            after(
                &mut instance,
                1,
                &[
                    Event::Delivered,
                    Event::Ended(StreamEnd::Clean),
                    Event::Settled(settled),
                ],
            );
            assert_eq!(
                after(&mut instance, 1, &[Event::EndChecked(None)]),
                [Action::AskStatus]
            );
            assert_eq!(
                after(&mut instance, 1, &[Event::Status(Standing::Ended)]),
                [DRAIN],
                "{settled:?}"
            );
        }
    }

    #[test]
    fn a_replay_that_pauses_before_its_place_is_not_given_up() {
        let mut instance = following();
        instance.handle(instance.wake_at().unwrap(), Event::Woken);
        let check = [Action::CheckEnd(Served::Current)];
        assert_eq!(
            after(&mut instance, 5, &[Event::Settled(Settled::Undecided)]),
            check
        );
        let events = [Event::Repeated, Event::EndChecked(Some(End::Ahead))];
        assert_eq!(after(&mut instance, 6, &events), [Action::Close, FOLLOW]);
    }

    #[test]
    fn a_replaced_container_is_drained_from_previous() {
        let mut instance = following();
        let events = [
            Event::Ended(StreamEnd::Clean),
            Event::Settled(Settled::Aligned),
            Event::Status(Standing::Previous),
        ];
        assert_eq!(after(&mut instance, 1, &events), [DRAIN_PREVIOUS]);
    }

    #[test]
    fn a_container_two_attempts_back_is_marked() {
        let mut instance = following();
        let events = [
            Event::Ended(StreamEnd::Broken),
            Event::Status(Standing::OutOfReach),
        ];
        let marked = [
            Action::Mark(Reason::OutOfReach),
            Action::Finish(Outcome::Incomplete),
        ];
        assert_eq!(after(&mut instance, 1, &events), marked);
    }

    #[test]
    fn a_place_that_is_lost_is_given_up_only_when_the_status_cannot_lag_any_more() {
        let mut instance = following();
        assert_eq!(
            after(&mut instance, 5, &[Event::Lost]),
            [Action::Close, Action::AskStatus]
        );
        assert_eq!(
            after(&mut instance, 5, &[Event::Status(Standing::Running)]),
            []
        );
        assert_eq!(
            after(&mut instance, 7, &[Event::Woken]),
            [Action::AskStatus]
        );
        assert_eq!(
            after(&mut instance, 7, &[Event::Status(Standing::Running)]),
            [Action::GiveUpPlace, FOLLOW]
        );
    }

    #[test]
    fn a_place_that_is_lost_because_another_container_answered_is_not_given_up() {
        let mut instance = following();
        after(
            &mut instance,
            5,
            &[Event::Lost, Event::Status(Standing::Running)],
        );
        assert_eq!(
            after(&mut instance, 6, &[Event::Status(Standing::Previous)]),
            [DRAIN_PREVIOUS]
        );
    }

    #[test]
    fn a_silent_stream_is_looked_at_and_opened_again_if_there_is_more() {
        let mut instance = following();
        assert_eq!(
            instance.handle(instance.wake_at().unwrap(), Event::Woken),
            [Action::Settle]
        );
        let late = instance.wake_at().unwrap();
        assert_eq!(late, seconds(30));
        assert_eq!(
            instance.handle(late, Event::Woken),
            [Action::CheckEnd(Served::Current)]
        );
        assert_eq!(
            after(&mut instance, 31, &[Event::EndChecked(Some(End::Ahead))]),
            [Action::Close, FOLLOW]
        );
    }

    #[test]
    fn what_came_while_the_end_was_looked_at_makes_the_look_worthless() {
        let mut instance = following();
        instance.handle(seconds(5), Event::Woken);
        instance.handle(seconds(30), Event::Woken);
        let events = [Event::Delivered, Event::EndChecked(Some(End::Ahead))];
        assert_eq!(after(&mut instance, 31, &events), []);
    }

    #[test]
    fn an_empty_drain_is_a_hole_only_if_the_stream_before_was_cut() {
        for (end, expected) in [
            (StreamEnd::Clean, vec![Action::Finish(Outcome::Complete)]),
            (
                StreamEnd::Broken,
                vec![
                    Action::Mark(Reason::Rotated),
                    Action::Finish(Outcome::Incomplete),
                ],
            ),
        ] {
            let mut instance = following();
            let events = [
                Event::Ended(end),
                Event::Settled(Settled::Aligned),
                Event::Status(Standing::Ended),
                Event::Ended(StreamEnd::Clean),
            ];
            after(&mut instance, 1, &events);
            let empty = [
                Event::Settled(Settled::Empty),
                Event::EndChecked(Some(End::Empty)),
            ];
            assert_eq!(after(&mut instance, 1, &empty), [Action::AskStatus]);
            assert_eq!(
                after(&mut instance, 3, &[Event::Status(Standing::Ended)]),
                expected
            );
        }
    }

    #[test]
    fn what_was_read_to_its_clean_end_is_whole_also_when_two_restarts_put_it_out_of_reach() {
        let mut instance = following();
        let events = [
            Event::Ended(StreamEnd::Clean),
            Event::Settled(Settled::Aligned),
            Event::Status(Standing::OutOfReach),
        ];
        let finished = [Action::Finish(Outcome::Complete)];
        assert_eq!(after(&mut instance, 1, &events), finished);
    }

    #[test]
    fn what_nobody_answered_for_is_marked_when_no_more_is_waited_for() {
        let refused = Event::Refused(Refusal::Busy(None));
        for (end, expected) in [
            (StreamEnd::Clean, vec![Action::Finish(Outcome::Complete)]),
            (
                StreamEnd::Broken,
                vec![
                    Action::Mark(Reason::NoAnswer),
                    Action::Finish(Outcome::Incomplete),
                ],
            ),
        ] {
            let mut instance = following();
            let events = [
                Event::Ended(end),
                Event::Settled(Settled::Aligned),
                Event::Status(Standing::Ended),
                refused,
                Event::GiveUp,
            ];
            assert_eq!(after(&mut instance, 1, &events), expected, "{end:?}");
        }
    }

    #[test]
    fn a_stream_that_was_opened_again_is_not_waited_for_either_once_its_container_has_ended() {
        let mut instance = following();
        let events = [
            Event::Ended(StreamEnd::Broken),
            Event::Status(Standing::Running),
        ];
        after(&mut instance, 1, &events);
        let events = [
            Event::Opened,
            Event::Delivered,
            Event::Status(Standing::Ended),
        ];
        after(&mut instance, 2, &events);
        let mut woken = Vec::new();
        while woken.last() != Some(&DRAIN) {
            let wake_at = instance.wake_at().unwrap_or_default();
            assert!(wake_at <= seconds(12), "it waits until {wake_at:?}");
            woken.extend(instance.handle(wake_at, Event::Woken));
        }
        assert_eq!(woken, [Action::Settle, Action::Close, DRAIN]);
    }

    #[test]
    fn the_log_of_what_has_ended_is_asked_for_more_often() {
        let rests = |standing| {
            let mut instance = Instance::new(Follow::Yes, standing, Duration::ZERO);
            instance.handle(seconds(0), Event::Start);
            let mut rest = || {
                instance.handle(seconds(0), Event::Refused(Refusal::Busy(None)));
                let rest = instance.wake_at().unwrap_or_default();
                instance.handle(rest, Event::Woken);
                rest.as_secs()
            };
            (0..8).map(|_| rest()).max()
        };
        assert_eq!(rests(Standing::Running), Some(30));
        assert_eq!(rests(Standing::Ended), Some(8));
    }

    #[test]
    fn a_pod_that_went_after_its_kubelet_was_stopped_is_marked() {
        let mut instance = following();
        after(
            &mut instance,
            1,
            &[
                Event::Ended(StreamEnd::Clean),
                Event::Settled(Settled::Aligned),
                Event::Status(Standing::Running),
            ],
        );
        let events = [
            Event::Refused(Refusal::Busy(None)),
            Event::Status(Standing::PodGone),
        ];
        let marked = [
            Action::Mark(Reason::PodGone),
            Action::Finish(Outcome::Incomplete),
        ];
        assert_eq!(after(&mut instance, 2, &events), marked);
    }

    #[test]
    fn a_busy_server_is_left_alone_for_as_long_as_it_wants() {
        let mut instance = following();
        after(
            &mut instance,
            1,
            &[
                Event::Ended(StreamEnd::Broken),
                Event::Status(Standing::Running),
            ],
        );
        after(
            &mut instance,
            1,
            &[Event::Refused(Refusal::Busy(Some(seconds(17))))],
        );
        assert_eq!(instance.wake_at(), Some(seconds(18)));
    }

    #[test]
    fn without_following_one_whole_stream_is_all() {
        let mut instance = Instance::new(Follow::No, Standing::Running, Duration::ZERO);
        assert_eq!(instance.handle(seconds(0), Event::Start), [DRAIN]);
        let events = [
            Event::Delivered,
            Event::Ended(StreamEnd::Clean),
            Event::Settled(Settled::Aligned),
        ];
        assert_eq!(
            after(&mut instance, 0, &events),
            [Action::Finish(Outcome::Complete)]
        );
    }

    /// What answers the instance: requests under way and how they may end.
    #[derive(Debug, Default)]
    #[expect(
        clippy::struct_excessive_bools,
        reason = "five things that may be under way, each alone"
    )]
    struct Server {
        is_open: bool,
        is_settling: bool,
        is_asked: bool,
        is_checking: bool,
        is_finished: bool,
    }

    impl Server {
        fn take(&mut self, actions: &[Action]) {
            for action in actions {
                assert!(!self.is_finished, "an action after the last");
                match action {
                    Action::Open(..) => {
                        assert!(!std::mem::replace(&mut self.is_open, true), "two streams");
                    }
                    Action::Close => assert!(
                        std::mem::replace(&mut self.is_open, false),
                        "nothing to close"
                    ),
                    Action::Settle => self.is_settling = true,
                    Action::CheckEnd(_) => self.is_checking = true,
                    Action::AskStatus => self.is_asked = true,
                    Action::GiveUpPlace | Action::Mark(_) => {}
                    Action::Finish(_) => self.is_finished = true,
                }
            }
        }

        /// An event that fits, chosen by a number.
        fn event(&mut self, choice: u8, standing: Standing) -> Event {
            if std::mem::take(&mut self.is_settling) {
                let settled = [
                    Settled::Aligned,
                    Settled::Aligned,
                    Settled::Empty,
                    Settled::Undecided,
                ];
                return Event::Settled(settled[usize::from(choice % 4)]);
            }
            if std::mem::take(&mut self.is_asked) {
                return Event::Status(standing);
            }
            if self.is_checking && choice.is_multiple_of(2) {
                self.is_checking = false;
                let ends = [Some(End::Reached), Some(End::Ahead), Some(End::Empty), None];
                return Event::EndChecked(ends[usize::from(choice / 2 % 4)]);
            }
            self.stream_event(choice, standing)
        }

        fn stream_event(&mut self, choice: u8, standing: Standing) -> Event {
            let is_over = |server: &mut Self, event| {
                server.is_open = false;
                event
            };
            match (self.is_open, choice % 12) {
                (true, 0 | 1) => Event::Delivered,
                (true, 2) => Event::Opened,
                (true, 3 | 4) => is_over(self, Event::Ended(StreamEnd::Clean)),
                (true, 5) => is_over(self, Event::Ended(StreamEnd::Broken)),
                (true, 6) => is_over(self, Event::Refused(Refusal::Busy(None))),
                (true, 7) => is_over(self, Event::Refused(Refusal::NotThere)),
                (true, 8) => Event::Reopen,
                (true, 9) => Event::Lost,
                (_, 10) => Event::Status(standing),
                _ => Event::Woken,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn there_is_never_more_than_one_stream_and_always_something_to_wait_for(
            choices in prop::collection::vec((any::<u8>(), 0u64..40), 1..80), standings in prop::collection::vec(0usize..6, 8),
        ) {
            let all = [Standing::Running, Standing::Ended, Standing::Previous, Standing::NodeLost, Standing::OutOfReach, Standing::PodGone];
            let mut instance = Instance::new(Follow::Yes, Standing::Running, Duration::ZERO);
            let mut server = Server::default();
            server.take(&instance.handle(seconds(0), Event::Start));
            let mut now = 0;
            for (step, (choice, time)) in choices.iter().enumerate() {
                now += time;
                let standing = all[standings[step / 10]];
                let event = server.event(*choice, standing);
                if server.is_finished {
                    break;
                }
                server.take(&instance.handle(seconds(now), event));
                let is_waiting = server.is_open || server.is_settling || server.is_asked || server.is_checking;
                prop_assert!(server.is_finished || is_waiting || instance.wake_at().is_some(), "stuck: {:?}", instance);
            }
        }

        #[test]
        fn an_ended_container_is_finished_with_once_requests_succeed(
            choices in prop::collection::vec((any::<u8>(), 0u64..40), 0..60),
        ) {
            let mut instance = Instance::new(Follow::Yes, Standing::Running, Duration::ZERO);
            let mut server = Server::default();
            server.take(&instance.handle(seconds(0), Event::Start));
            let mut now = 0;
            for (choice, time) in choices {
                now += time;
                let event = server.event(choice, Standing::Running);
                if !server.is_finished {
                    server.take(&instance.handle(seconds(now), event));
                }
            }
            for _ in 0..40 {
                if server.is_finished {
                    return Ok(());
                }
                now += 40;
                let is_asked = server.is_settling || server.is_asked || server.is_checking;
                let event = match (is_asked, server.is_open) {
                    (true, _) => server.event(0, Standing::Ended),
                    (false, true) => server.stream_event(3, Standing::Ended),
                    (false, false) => Event::Woken,
                };
                server.take(&instance.handle(seconds(now), event));
                if !server.is_finished {
                    server.take(&instance.handle(seconds(now), Event::Status(Standing::Ended)));
                }
            }
            prop_assert!(false, "not finished: {:?}", instance);
        }
    }
}
