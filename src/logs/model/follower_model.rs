//! All the parts together against a model of a node: attempts of one container, a kubelet that stops and starts, a
//! status that lags, connections that break, files that rotate. Each attempt's lines are printed once, in order and
//! under that attempt, or a marker says where they are missing.

use std::time::Duration;

use proptest::prelude::*;

use crate::logs::{
    instance::StreamEnd,
    model::{
        cases,
        follower::{Follower, Printed},
        node_model::{Attempt, Life, Node},
    },
};

impl Node {
    fn apply(&mut self, op: &Op) {
        let lag = |tenths: u64| Duration::from_millis(tenths * 100);
        match op {
            Op::Write(count) => self.write(*count),
            Op::Rotate => self.rotate(),
            Op::Start { lag: tenths } => self.start(lag(*tenths)),
            Op::End { lag: tenths, life } => {
                if self.life == Life::Running {
                    self.change(*life, lag(*tenths));
                }
            }
            Op::Cut => self.end_streams(StreamEnd::Broken),
            Op::StopKubelet => {
                // What was sent arrives: cut within the last words of an ended container, nobody could tell.
                for index in 0..self.followers.len() {
                    let of = self.followers[index].stream.map(|(attempt, _)| attempt);
                    if of.is_some_and(|attempt| !self.is_running(attempt)) {
                        self.receive(index, usize::MAX);
                    }
                }
                self.is_kubelet_up = false;
                self.end_streams(StreamEnd::Clean);
            }
            Op::StartKubelet => self.is_kubelet_up = true,
            Op::Pass(seconds) => self.advance(Duration::from_secs(*seconds)),
            Op::Receive(count) => {
                for index in 0..self.followers.len() {
                    self.receive(index, *count);
                }
            }
        }
    }

    /// All is well again, and the container ends.
    fn finish(&mut self) {
        self.is_kubelet_up = true;
        if self.life == Life::Running {
            self.change(Life::Ended, Duration::from_secs(1));
        }
        for _ in 0..40 {
            self.receive_all();
            self.advance(Duration::from_secs(10));
        }
    }

    fn check(&self) {
        for follower in &self.followers {
            assert!(
                follower.is_finished,
                "not finished: {:?}",
                follower.instance
            );
            check_attempt(follower, &self.attempts[follower.attempt]);
        }
    }
}

fn check_attempt(follower: &Follower, attempt: &Attempt) {
    let mut next = 0;
    let mut is_marked = false;
    for one in &follower.printed {
        let Printed::Line(text) = one else {
            assert!(!is_marked, "two markers in a row");
            is_marked = true;
            continue;
        };
        let place = attempt.written[next..].iter().position(|line| line == text);
        let place = next + place.unwrap_or_else(|| panic!("repeated or foreign: {text}"));
        check_hole(attempt, next..place, is_marked);
        (next, is_marked) = (place + 1, false);
    }
    // Whether a stream that broke had come to its end, nobody can tell who cannot read it again.
    let is_excused = next == attempt.written.len() && attempt.is_out_of_reach;
    check_hole(
        attempt,
        next..attempt.written.len(),
        is_marked && !is_excused,
    );
}

fn check_hole(attempt: &Attempt, missing: std::ops::Range<usize>, is_marked: bool) {
    for place in missing.clone() {
        assert!(
            attempt.unreachable.contains(&place),
            "lost without need: {}",
            attempt.written[place]
        );
    }
    if is_marked {
        let is_boundary = attempt.boundaries.contains(&missing.start);
        assert!(
            !missing.is_empty() || is_boundary,
            "marked for nothing at {}",
            missing.start
        );
    } else {
        assert!(
            missing.is_empty() || missing.start == 0,
            "not marked: {missing:?}"
        );
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write(usize),
    Rotate,
    Start { lag: u64 },
    End { lag: u64, life: Life },
    Cut,
    StopKubelet,
    StartKubelet,
    Pass(u64),
    Receive(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let life = prop::sample::select(vec![Life::Waiting, Life::Ended]);
    prop_oneof![
        6 => (1usize..8).prop_map(Op::Write),
        1 => Just(Op::Rotate),
        3 => (0u64..15).prop_map(|lag| Op::Start { lag }),
        2 => (0u64..15, life).prop_map(|(lag, life)| Op::End { lag, life }),
        2 => Just(Op::Cut),
        1 => Just(Op::StopKubelet),
        2 => Just(Op::StartKubelet),
        3 => prop::sample::select(vec![0u64, 1, 2, 5, 40]).prop_map(Op::Pass),
        6 => prop_oneof![1usize..80, Just(usize::MAX)].prop_map(Op::Receive),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_attempt_is_printed_under_its_own_name_or_marked(ops in prop::collection::vec(op(), 1..50)) {
        let mut node = Node::new();
        node.start(Duration::ZERO);
        for op in &ops {
            node.apply(op);
        }
        node.finish();
        node.check();
    }
}
