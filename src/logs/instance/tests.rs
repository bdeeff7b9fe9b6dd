//! What an instance does while its streams come and go.

use super::*;

const FOLLOW: Action = Action::Open(Follow::Yes, Served::Current);
pub(super) const DRAIN: Action = Action::Open(Follow::No, Served::Current);
/// The end of the file is looked at.
pub(super) const CHECK: Action = Action::CheckEnd(Served::Current);
const DRAIN_PREVIOUS: Action = Action::Open(Follow::No, Served::Previous);

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Given up, with a marker.
pub(super) const fn marked(reason: Reason) -> [Action; 2] {
    [Action::Mark(reason), Action::Finish(Outcome::Incomplete)]
}

/// An instance that follows a running container, with its stream open.
pub(super) fn following() -> Instance {
    let mut instance = Instance::new(Follow::Yes, Standing::Running, Duration::ZERO);
    assert_eq!(instance.handle(seconds(0), Event::Start), [FOLLOW]);
    instance.handle(seconds(0), Event::Delivered);
    instance
}

/// Feeds events, all at the same time, and gives the actions of the last.
pub(super) fn after(instance: &mut Instance, now: u64, events: &[Event]) -> Vec<Action> {
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
