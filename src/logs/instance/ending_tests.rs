//! How instances end: what is whole, what is marked, what is given up; and that they always have something to wait for.

use proptest::prelude::*;

use super::{
    tests::{CHECK, DRAIN, after, following, marked, seconds},
    *,
};

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
        let actions = instance.handle(wake_at, Event::Woken);
        if actions == [CHECK] {
            instance.handle(wake_at, Event::EndChecked(None));
        }
        woken.extend(actions);
    }
    assert_eq!(woken, [Action::Settle, CHECK, Action::Close, DRAIN]);
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
    let marked = marked(Reason::PodGone);
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

/// Drains an ended container whose log file is gone until no more is waited for, and gives the last actions.
fn drained_where_the_file_is_gone(end: StreamEnd) -> Vec<Action> {
    let mut instance = following();
    let settled = Event::Settled(Settled::Aligned);
    let ended = [Event::Ended(end), settled, Event::Status(Standing::Ended)];
    let ended = match end {
        StreamEnd::Clean => &ended[..],
        StreamEnd::Broken => &[ended[0], ended[2]],
    };
    after(&mut instance, 1, ended);
    let spoken = [
        Event::Repeated,
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Empty),
        Event::EndChecked(Some(End::Spoken)),
    ];
    for now in 0..20 {
        let actions = after(&mut instance, now, &spoken);
        assert_eq!(actions, [Action::AskStatus], "a kubelet can be late");
        after(&mut instance, now, &[Event::Status(Standing::Ended)]);
        if let Some(wake_at) = instance.wake_at() {
            instance.handle(wake_at, Event::Woken);
        }
    }
    after(&mut instance, 20, &spoken);
    after(&mut instance, 20, &[Event::GiveUp])
}

#[test]
fn the_log_of_an_ended_container_whose_file_is_gone_is_given_up_when_no_more_is_waited_for() {
    let marked = marked(Reason::NoAnswer);
    assert_eq!(drained_where_the_file_is_gone(StreamEnd::Broken), marked);
    let finished = [Action::Finish(Outcome::Complete)];
    assert_eq!(drained_where_the_file_is_gone(StreamEnd::Clean), finished);
}

#[test]
fn a_silent_stream_that_is_in_order_is_looked_at_less_and_less_often() {
    let mut instance = following();
    instance.handle(instance.wake_at().unwrap(), Event::Woken);
    after(&mut instance, 5, &[Event::Settled(Settled::Aligned)]);
    let mut rests = Vec::new();
    let mut now = seconds(5);
    for _ in 0..6 {
        let wake_at = instance.wake_at().unwrap();
        rests.push(wake_at.saturating_sub(now).as_secs());
        now = wake_at;
        instance.handle(now, Event::Woken);
        instance.handle(now, Event::EndChecked(Some(End::Reached)));
    }
    assert_eq!(rests, [25, 60, 120, 240, 240, 240]);
    instance.handle(now, Event::Delivered);
    assert_eq!(
        instance.wake_at(),
        Some(now + seconds(30)),
        "a line resets it"
    );
}

#[test]
fn what_ended_with_a_pod_that_leaves_is_whole_although_its_status_lags() {
    let mut instance = following();
    let events = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Aligned),
        Event::Leaving,
        Event::Status(Standing::Running),
        Event::Refused(Refusal::NotThere),
        Event::Status(Standing::PodGone),
    ];
    after(&mut instance, 1, &events);
    let finished = [Action::Finish(Outcome::Complete)];
    assert_eq!(after(&mut instance, 2, &[Event::Woken]), finished);
}

#[test]
fn what_ended_when_the_kubelet_stopped_is_marked_also_where_the_pod_leaves() {
    let mut instance = following();
    let events = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Aligned),
        Event::Leaving,
        Event::Status(Standing::Running),
        Event::Refused(Refusal::Busy(None)),
        Event::Status(Standing::PodGone),
    ];
    let marked = marked(Reason::PodGone);
    assert_eq!(after(&mut instance, 1, &events), marked);
}

#[test]
fn a_drain_that_brings_more_shows_that_the_end_before_was_none() {
    let mut instance = following();
    let events = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Aligned),
        Event::Status(Standing::Ended),
        Event::Delivered,
        Event::Ended(StreamEnd::Broken),
        Event::Status(Standing::PodGone),
    ];
    let marked = marked(Reason::PodGone);
    assert_eq!(after(&mut instance, 1, &events), marked);
}

#[test]
fn a_first_stream_of_which_nothing_is_known_is_no_clean_end() {
    let mut instance = Instance::new(Follow::Yes, Standing::Running, Duration::ZERO);
    let events = [
        Event::Start,
        Event::Opened,
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Undecided),
        Event::Status(Standing::PodGone),
    ];
    let marked = marked(Reason::PodGone);
    assert_eq!(after(&mut instance, 1, &events), marked);
}

#[test]
fn a_line_after_a_clean_end_takes_its_meaning_away_also_where_the_pod_leaves() {
    let mut instance = following();
    let events = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Aligned),
        Event::Leaving,
        Event::Status(Standing::Running),
        Event::Delivered,
        Event::Ended(StreamEnd::Broken),
        Event::Status(Standing::PodGone),
    ];
    let marked = marked(Reason::PodGone);
    assert_eq!(after(&mut instance, 1, &events), marked);
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
            let ends = [
                Some(End::Reached),
                Some(End::Ahead),
                Some(End::Empty),
                Some(End::Spoken),
                None,
            ];
            return Event::EndChecked(ends[usize::from(choice / 2 % 5)]);
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
            (true, 11) if choice < 128 => is_over(self, Event::Refused(Refusal::NoPlace)),
            (true, 11) => is_over(self, Event::Refused(Refusal::Denied)),
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
