//! Seeded runs of the splitter and the aligner against a container, its kubelet and a network that breaks at any byte.
//! Whatever happens: every line is printed once and in order, or a marker stands where it is missing; and no line is
//! missing that could have been read.

use proptest::prelude::*;

use crate::logs::{
    model::{
        cases,
        container_model::{Printed, World, stamp_at},
    },
    stamp::Stamp,
};

/// What is promised.
fn check(world: &World) {
    let mut next = 0;
    let mut gap = None;
    for one in &world.printer.printed {
        match one {
            Printed::Gap(after, before) => {
                let earlier: Option<(Stamp, _)> = gap.take();
                // Between two markers may stand the beginning of a line in chunks.
                assert!(
                    earlier.is_none() || world.longest_piece < 6000,
                    "two markers in a row"
                );
                gap = Some((earlier.map_or(*after, |earlier| earlier.0), *before));
            }
            Printed::Line(text) => {
                let place = world.place_of(text, next);
                let place = place.unwrap_or_else(|| {
                    panic!(
                        "repeated or foreign: {:?}",
                        &text[text.len().saturating_sub(30)..]
                    )
                });
                let is_cut = world.written[place].1 != *text;
                let first_known = place + usize::from(is_cut);
                check_hole(world, next..first_known, gap.take());
                next = place + 1;
            }
        }
    }
    check_hole(world, next..world.written.len(), gap);
}

fn check_hole(world: &World, missing: std::ops::Range<usize>, gap: Option<(Stamp, Option<Stamp>)>) {
    for place in missing.clone() {
        let line = &world.written[place];
        let is_excused = place < world.wanted || world.unreachable.contains(&place);
        assert!(is_excused, "lost without need: {place} at {}", line.0);
    }
    let Some((after, before)) = gap else {
        assert!(
            missing.is_empty() || missing.start == 0,
            "not marked: {missing:?}"
        );
        return;
    };
    let is_boundary = world.boundaries.contains(&missing.start);
    assert!(
        !missing.is_empty() || is_boundary,
        "marked for nothing at {}",
        missing.start
    );
    // A line of which only the first chunks came is missing as well, and its stamp is the last that was printed.
    let chunked = if world.longest_piece > 6000 {
        missing.start
    } else {
        missing.end
    };
    let known = &world.written[missing.start.saturating_sub(1)..chunked.max(missing.start)];
    let is_cut = |behind: usize| world.cut_ends.values().any(|place| place + 1 == behind);
    let is_known = known.iter().any(|line| line.0 == after) || is_cut(missing.start);
    assert!(is_known, "a marker after {after:?} at {missing:?}");
    let following = world.written.get(missing.end).map(|(stamp, _)| *stamp);
    assert!(
        before == following || is_cut(missing.end),
        "{before:?} {following:?}"
    );
}

#[derive(Clone, Debug)]
enum Op {
    Write {
        count: usize,
        advance: i128,
        kind: Kind,
    },
    /// A line of several records.
    WriteLong {
        records: usize,
    },
    /// The same, with a rotation between its records.
    WriteCut {
        records: usize,
        rotation: usize,
    },
    Advance(i128),
    StepBack(i128),
    Rotate,
    Receive(usize),
    Close,
    Open,
    ServeAgain,
    Settle,
    Probe,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Different,
    Equal,
    Alternating,
}

struct Script {
    world: World,
    far_steps: usize,
    /// The last line was cut, so its last record is stamped later than the line.
    is_after_cut: bool,
}

impl Script {
    fn run(longest_piece: usize, tail: usize, ops: &[Op]) -> World {
        let world = World::new(longest_piece, tail);
        let mut script = Self {
            world,
            far_steps: 0,
            is_after_cut: false,
        };
        for op in ops {
            script.apply(op);
        }
        script.world.end();
        script.world
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Write {
                count,
                advance,
                kind,
            } => self.write(*count, *advance, *kind),
            Op::WriteLong { records } => self.write_long(*records, None),
            Op::WriteCut { records, rotation } => self.write_long(*records, Some(*rotation)),
            Op::Advance(time) => self.advance(*time),
            Op::StepBack(time) => self.step_back(*time),
            Op::Rotate => self.world.rotate(),
            Op::Receive(count) => self.world.receive(*count),
            Op::Close => self.world.close(),
            Op::Open => self.world.open(),
            Op::ServeAgain => self.serve_again(),
            Op::Settle => self.world.settle(),
            Op::Probe => self.world.probe(),
        }
    }

    fn write(&mut self, count: usize, advance: i128, kind: Kind) {
        let run = self.world.written.len();
        // Where the first of equal lines in a nanosecond were not wanted, nobody can count the others.
        let kind = if self.world.tail < usize::MAX {
            Kind::Different
        } else {
            kind
        };
        self.advance(advance.max(1));
        for number in 0..count {
            let text = match kind {
                Kind::Different => format!("line {}", run + number),
                Kind::Equal => format!("equal {run}"),
                Kind::Alternating => format!("alternating {run} {}", number % 2),
            };
            self.world.write(&text, 1, None);
            if matches!(kind, Kind::Different) {
                self.advance(advance);
            }
        }
        self.is_after_cut = false;
    }

    fn write_long(&mut self, records: usize, rotation: Option<usize>) {
        self.advance(1);
        // They begin with the same text: in one nanosecond, on both sides of a rotation, nobody can tell them apart.
        while self.is_taken(self.world.clock) {
            self.advance(1);
        }
        // A line that is both in chunks and cut by a rotation is beyond what the aligner knows; and `tailLines` counts
        // records, so that the first line would be torn.
        let is_simple = self.world.tail < usize::MAX;
        let rotation = rotation.filter(|_| self.world.longest_piece > 6000 && !is_simple);
        let records = if is_simple { 1 } else { records };
        let text = format!("{} {}", "x".repeat(6000), self.world.written.len());
        self.world.write(&text, records, rotation);
        self.is_after_cut |= rotation.is_some();
    }

    fn is_taken(&self, clock: i128) -> bool {
        let stamp = stamp_at(clock);
        self.world.written.iter().any(|(taken, _)| *taken == stamp)
    }

    /// A clock that has stepped back catches up slowly: a pause just then hides what the filter hides.
    fn advance(&mut self, time: i128) {
        let is_behind = self.world.clock < self.world.latest;
        self.world.clock += if is_behind {
            time.min(100_000_000)
        } else {
            time
        };
    }

    fn step_back(&mut self, time: i128) {
        let is_far = time > 50_000_000;
        // A clock that stepped back among lines that were not wanted is taken for a hole.
        let is_before_start = self.world.tail < usize::MAX && self.world.printer.printed.is_empty();
        if self.is_after_cut || (is_far && (is_before_start || self.far_steps == 4)) {
            return;
        }
        self.far_steps += usize::from(is_far);
        self.world.clock -= time;
    }

    /// Only where the file begins earlier than it ends, and was wanted from its beginning.
    fn serve_again(&mut self) {
        let world = &mut self.world;
        let (Some(first), Some(last)) = (world.in_file.first(), world.in_file.last()) else {
            return;
        };
        let begins_with_line = world.kubelet.file[0].stamp == world.written[*first].0;
        let is_wanted = world.tail == usize::MAX;
        if is_wanted && begins_with_line && world.written[*first].0 < world.written[*last].0 {
            world.kubelet.serve_again();
        }
    }
}

fn time() -> impl Strategy<Value = i128> {
    prop::sample::select(vec![
        0,
        1,
        1000,
        1_000_000,
        40_000_000,
        300_000_000,
        1_000_000_000,
        7_000_000_000,
    ])
}

fn op() -> impl Strategy<Value = Op> {
    let kind = prop::sample::select(vec![
        Kind::Different,
        Kind::Different,
        Kind::Equal,
        Kind::Alternating,
    ]);
    let back = vec![
        1,
        1000,
        40_000_000,
        1_000_000_000,
        3_000_000_000,
        60_000_000_000,
        3_600_000_000_000,
    ];
    prop_oneof![
        8 => (1usize..6, time(), kind).prop_map(|(count, advance, kind)| Op::Write { count, advance, kind }),
        1 => (2usize..4).prop_map(|records| Op::WriteLong { records }),
        1 => (2usize..4, 1usize..3).prop_map(|(records, rotation)| Op::WriteCut { records, rotation }),
        2 => time().prop_map(Op::Advance),
        2 => prop::sample::select(back).prop_map(Op::StepBack),
        2 => Just(Op::Rotate),
        6 => prop_oneof![1usize..50, 50usize..500, Just(usize::MAX)].prop_map(Op::Receive),
        3 => Just(Op::Close),
        2 => Just(Op::Open),
        1 => Just(Op::ServeAgain),
        1 => Just(Op::Settle),
        1 => Just(Op::Probe),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_what_could_be_read_and_markers_stand_where_it_could_not(
        ops in prop::collection::vec(op(), 1..40), longest_piece in prop::sample::select(vec![100, 256 << 10]),
    ) {
        check(&Script::run(longest_piece, usize::MAX, &ops));
    }

    #[test]
    fn the_same_holds_where_only_the_last_lines_were_wanted_at_first(
        before in prop::collection::vec(op(), 0..10), ops in prop::collection::vec(op(), 1..30), tail in 1usize..6,
    ) {
        let is_of_container = |op: &Op| matches!(op, Op::Write { .. } | Op::Advance(_) | Op::Rotate);
        let ops: Vec<Op> = before.into_iter().filter(is_of_container).chain(ops).collect();
        check(&Script::run(256 << 10, tail, &ops));
    }
}
