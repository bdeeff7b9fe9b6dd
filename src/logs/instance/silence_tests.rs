//! Streams that linger behind their container's end, and how long an instance rests between two streams.

use super::{
    proof_tests::ended_twice,
    tests::{CHECK, DRAIN, after, following, marked, seconds},
    *,
};

/// A container that has ended at this time, while its stream goes on; and when its end is looked at.
fn lingering(ended: u64) -> (Instance, Duration) {
    let mut instance = following();
    instance.handle(instance.wake_at().unwrap(), Event::Woken);
    after(&mut instance, 5, &[Event::Settled(Settled::Aligned)]);
    after(&mut instance, ended, &[Event::Status(Standing::Ended)]);
    let look = instance.wake_at().unwrap();
    (instance, look)
}

#[test]
fn a_stream_that_lingers_behind_the_end_of_the_log_has_been_read_to_its_end() {
    let (mut instance, look) = lingering(8);
    assert_eq!(look, seconds(10));
    assert_eq!(instance.handle(look, Event::Woken), [CHECK]);
    assert_eq!(
        instance.handle(look, Event::EndChecked(Some(End::Reached))),
        [Action::Close, Action::Finish(Outcome::Complete)]
    );
}

#[test]
fn a_stream_that_was_silent_for_long_before_its_container_ended_may_still_end_by_itself() {
    let (mut instance, look) = lingering(25);
    assert_eq!(look, seconds(27));
    let events = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Aligned),
        Event::Status(Standing::PodGone),
    ];
    let finished = [Action::Finish(Outcome::Complete)];
    assert_eq!(after(&mut instance, 26, &events), finished);
}

#[test]
fn a_stream_that_lingers_before_the_end_of_the_log_is_opened_again_at_once() {
    let (mut instance, look) = lingering(8);
    instance.handle(look, Event::Woken);
    assert_eq!(
        instance.handle(look, Event::EndChecked(Some(End::Ahead))),
        [Action::Close, DRAIN]
    );
}

#[test]
fn where_the_end_of_the_log_cannot_be_seen_a_lingering_stream_gets_its_time() {
    for unknown in [None, Some(End::Empty), Some(End::Spoken)] {
        let (mut instance, look) = lingering(8);
        instance.handle(look, Event::Woken);
        assert_eq!(instance.handle(look, Event::EndChecked(unknown)), []);
        assert_eq!(instance.wake_at(), Some(seconds(18)));
        assert_eq!(
            after(&mut instance, 18, &[Event::Woken]),
            [Action::Close, DRAIN]
        );
    }
}

#[test]
fn an_end_that_was_looked_at_while_the_container_ran_says_nothing_once_it_has_ended() {
    let mut instance = following();
    instance.handle(seconds(5), Event::Woken);
    after(&mut instance, 5, &[Event::Settled(Settled::Aligned)]);
    assert_eq!(instance.handle(seconds(30), Event::Woken), [CHECK]);
    let events = [
        Event::Status(Standing::Ended),
        Event::EndChecked(Some(End::Reached)),
    ];
    assert_eq!(after(&mut instance, 31, &events), []);
    assert_eq!(instance.wake_at(), Some(seconds(33)));
}

#[test]
fn what_comes_of_a_lingering_stream_has_its_end_looked_at_anew() {
    let (mut instance, look) = lingering(8);
    instance.handle(look, Event::Woken);
    let events = [Event::Delivered, Event::EndChecked(Some(End::Ahead))];
    assert_eq!(after(&mut instance, 11, &events), []);
    assert_eq!(after(&mut instance, 13, &[Event::Woken]), [CHECK]);
}

#[test]
fn a_stream_of_a_pod_that_is_gone_gets_time_to_end_and_is_marked_then() {
    let mut instance = following();
    instance.handle(seconds(5), Event::Woken);
    after(&mut instance, 5, &[Event::Settled(Settled::Aligned)]);
    after(&mut instance, 25, &[Event::Status(Standing::PodGone)]);
    assert_eq!(instance.wake_at(), Some(seconds(35)));
    let marked = [
        Action::Close,
        Action::Mark(Reason::PodGone),
        Action::Finish(Outcome::Incomplete),
    ];
    assert_eq!(after(&mut instance, 35, &[Event::Woken]), marked);
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
fn where_nothing_else_is_waited_for_no_rest_is_long() {
    let mut instance = Instance::new(Follow::Yes, Standing::Running, Duration::ZERO);
    instance.handle(seconds(0), Event::Start);
    let busy = Event::Refused(Refusal::Busy(None));
    let mut now = seconds(0);
    for _ in 0..6 {
        instance.handle(now, busy);
        now = instance.wake_at().unwrap();
        instance.handle(now, Event::Woken);
    }
    instance.handle(now, busy);
    assert_eq!(instance.wake_at(), Some(now + seconds(30)));
    instance.handle(now + seconds(1), Event::Hurry);
    let wake_at = instance.wake_at().unwrap();
    assert_eq!(wake_at, now + seconds(5), "also one that has begun");
    instance.handle(wake_at, Event::Woken);
    instance.handle(wake_at, busy);
    assert_eq!(instance.wake_at(), Some(wake_at + seconds(4)));
}

#[test]
fn who_waits_for_a_connection_looks_every_other_second_and_knows_no_end_of_what_runs_on() {
    let mut instance = ended_twice(Standing::Running);
    let mut now = 21;
    let mut rests = Vec::new();
    for _ in 0..5 {
        after(
            &mut instance,
            now,
            &[Event::Woken, Event::Refused(Refusal::NoPlace)],
        );
        let wake_at = instance.wake_at().unwrap_or_default().as_secs();
        rests.push(wake_at - now);
        now = wake_at;
    }
    assert_eq!(rests, [2; 5]);
}

#[test]
fn who_is_refused_the_log_of_what_runs_on_knows_no_end_of_it() {
    for refusal in [Refusal::NoPlace, Refusal::Denied, Refusal::Busy(None)] {
        let mut instance = ended_twice(Standing::Running);
        after(&mut instance, 21, &[Event::Woken, Event::Refused(refusal)]);
        let gone = [Event::Status(Standing::PodGone)];
        let now = instance.wake_at().unwrap_or_default().as_secs();
        let mut actions = after(&mut instance, now, &gone);
        actions.retain(|action| *action != Action::Close);
        assert_eq!(actions, marked(Reason::PodGone), "{refusal:?}");
    }
}

#[test]
fn a_wait_for_a_connection_is_no_stream_in_vain() {
    let mut instance = Instance::new(Follow::Yes, Standing::Running, Duration::ZERO);
    let events = [Event::Start, Event::Refused(Refusal::NoPlace)];
    after(&mut instance, 0, &events);
    for now in [2, 4, 6, 8] {
        after(
            &mut instance,
            now,
            &[Event::Woken, Event::Refused(Refusal::NoPlace)],
        );
    }
    let busy = [Event::Woken, Event::Refused(Refusal::Busy(None))];
    after(&mut instance, 10, &busy);
    assert_ne!(instance.state, State::Resting, "asked again at once");
}

#[test]
fn who_may_not_read_a_log_yet_asks_again_within_seconds() {
    let mut instance = Instance::new(Follow::Yes, Standing::Running, Duration::ZERO);
    instance.handle(seconds(0), Event::Start);
    let mut now = seconds(0);
    let mut times = Vec::new();
    for _ in 0..6 {
        instance.handle(now, Event::Refused(Refusal::Denied));
        if instance.state == State::Resting {
            now = instance.wake_at().unwrap();
            instance.handle(now, Event::Woken);
        }
        times.push(now.as_secs());
    }
    assert_eq!(times, [0, 1, 3, 6, 9, 12]);
}
