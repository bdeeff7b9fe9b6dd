//! What a clean end of a stream says where the status still says that the container runs.

use super::{
    tests::{after, following, marked},
    *,
};

/// A stream that ended cleanly, was opened again at once, and ended again with nothing new.
pub(super) fn ended_twice(status: Standing) -> Instance {
    let mut instance = following();
    let events = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Aligned),
        Event::Status(Standing::Running),
        Event::Opened,
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Empty),
        Event::Status(status),
    ];
    after(&mut instance, 20, &events);
    instance
}

/// The drain finds an empty file: it was rotated as the container ended.
fn drained_empty(instance: &mut Instance, now: u64) -> Vec<Action> {
    let events = [
        Event::Woken,
        Event::Opened,
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Empty),
        Event::EndChecked(Some(End::Empty)),
        Event::Status(Standing::Ended),
    ];
    after(instance, now, &events);
    let events = [Event::Woken, Event::Status(Standing::Ended)];
    after(instance, now + 3, &events)
}

const MARKED: [Action; 2] = marked(Reason::Rotated);

#[test]
fn a_file_that_was_rotated_as_the_container_ended_is_no_hole_where_the_kubelet_answered_at_once() {
    let finished = [Action::Finish(Outcome::Complete)];
    let mut instance = ended_twice(Standing::Ended);
    assert_eq!(drained_empty(&mut instance, 22), finished);
}

#[test]
fn a_status_that_lags_for_longer_does_not_matter_either() {
    let mut instance = ended_twice(Standing::Running);
    let again = [
        Event::Woken,
        Event::Opened,
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Empty),
        Event::Status(Standing::Ended),
    ];
    after(&mut instance, 22, &again);
    let finished = [Action::Finish(Outcome::Complete)];
    assert_eq!(drained_empty(&mut instance, 25), finished);
}

#[test]
fn a_kubelet_that_was_refused_or_late_may_have_stopped() {
    let ended = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Aligned),
        Event::Status(Standing::Running),
    ];
    let opened = [
        Event::Opened,
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Empty),
        Event::Status(Standing::Ended),
    ];
    for refusal in [&[Event::Refused(Refusal::Busy(None))][..], &[]] {
        let mut instance = following();
        after(&mut instance, 20, &ended);
        after(&mut instance, 20, refusal);
        after(&mut instance, 22, &[&[Event::Woken][..], &opened].concat());
        assert_eq!(drained_empty(&mut instance, 25), MARKED, "{refusal:?}");
    }
}

#[test]
fn a_stream_that_goes_on_takes_the_proof_away() {
    let mut instance = following();
    let events = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Aligned),
        Event::Status(Standing::Running),
        Event::Opened,
    ];
    after(&mut instance, 20, &events);
    let events = [
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Empty),
        Event::Status(Standing::Running),
        Event::Refused(Refusal::Busy(None)),
        Event::Status(Standing::Ended),
    ];
    after(&mut instance, 60, &events);
    assert_eq!(drained_empty(&mut instance, 65), MARKED);
}

#[test]
fn a_stream_that_goes_on_takes_the_proof_away_also_where_its_node_dies_before_another_word() {
    for settled in [Settled::Aligned, Settled::Empty, Settled::Undecided] {
        let mut instance = following();
        let events = [
            Event::Ended(StreamEnd::Clean),
            Event::Settled(Settled::Aligned),
            Event::Status(Standing::Running),
            Event::Opened,
        ];
        after(&mut instance, 20, &events);
        // Its replay has had its time, and it is silent for hours.
        assert_eq!(after(&mut instance, 25, &[Event::Woken]), [Action::Settle]);
        after(&mut instance, 25, &[Event::Settled(settled)]);
        after(&mut instance, 9000, &[Event::Status(Standing::NodeLost)]);
        let reopened = [
            Event::Reopen,
            Event::Refused(Refusal::Busy(None)),
            Event::Status(Standing::PodGone),
        ];
        let gone = [
            Action::Mark(Reason::PodGone),
            Action::Finish(Outcome::Incomplete),
        ];
        assert_eq!(after(&mut instance, 9010, &reopened), gone, "{settled:?}");
    }
}

#[test]
fn a_container_of_which_the_status_says_for_long_that_it_runs_does_run() {
    let mut instance = ended_twice(Standing::Running);
    let events = [
        Event::Woken,
        Event::Opened,
        Event::Ended(StreamEnd::Clean),
        Event::Settled(Settled::Empty),
        Event::Status(Standing::Running),
    ];
    after(&mut instance, 31, &events);
    after(&mut instance, 40, &[Event::Status(Standing::Ended)]);
    assert_eq!(drained_empty(&mut instance, 41), MARKED);
}
