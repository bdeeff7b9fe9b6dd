//! What holds for any input: no reader panics, nothing goes back within an attempt, nothing is above 100 %.

use proptest::prelude::*;

use crate::{
    logs::stamp::Stamp,
    progress::{
        corpus,
        format::Readers,
        reading::Stage,
        segment::PieceEnd,
        tracker::{Origin, Report, Tracker},
    },
};

/// Lines of the corpus, whole, cut, glued together, with bytes changed; and any bytes at all.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let lines = corpus::all_lines();
    let line = proptest::sample::select(lines);
    let changed = (
        line.clone(),
        proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    )
        .prop_map(|(mut line, changes)| {
            for (place, byte) in changes {
                if !line.is_empty() {
                    let at = place.index(line.len());
                    line[at] = byte;
                }
            }
            line
        });
    let cut = (
        line.clone(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(line, a, b)| {
            let (a, b) = (a.index(line.len() + 1), b.index(line.len() + 1));
            line[a.min(b)..a.max(b)].to_vec()
        });
    let glued = (
        line.clone(),
        prop_oneof![Just("\r"), Just(""), Just("\x1b[A"), Just("\x08")],
        line.clone(),
    )
        .prop_map(|(first, between, second)| [&first, between.as_bytes(), &second].concat());
    let numbers = (line.clone(), "[0-9]{1,30}").prop_map(|(line, digits)| {
        let text = String::from_utf8_lossy(&line).into_owned();
        match text.find(|character: char| character.is_ascii_digit()) {
            Some(at) => format!("{}{digits}{}", &text[..at], &text[at..]).into_bytes(),
            None => line,
        }
    });
    prop_oneof![
        6 => line,
        4 => changed,
        4 => cut,
        3 => glued,
        3 => numbers,
        1 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => "\\PC{0,200}".prop_map(String::into_bytes),
    ]
}

fn end() -> impl Strategy<Value = PieceEnd> {
    prop_oneof![Just(PieceEnd::Line), Just(PieceEnd::Cut)]
}

/// One thing that happens to a tracker.
#[derive(Clone, Debug)]
enum Event {
    Piece {
        node: u32,
        restarts: bool,
        piece: Vec<u8>,
        end: PieceEnd,
    },
    Report {
        percentage: u8,
        age: i64,
    },
    Passed(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..3_u32, proptest::bool::weighted(0.03), piece(), end())
            .prop_map(|(node, restarts, piece, end)| Event::Piece { node, restarts, piece, end }),
        1 => (any::<u8>(), -500..500_i64).prop_map(|(percentage, age)| Event::Report { percentage, age }),
        3 => (0..400_i64).prop_map(Event::Passed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_a_reader_panic_or_exceed_the_whole(pieces in proptest::collection::vec((piece(), end()), 1..12)) {
        let mut readers = Readers::new();
        for (piece, end) in pieces {
            for reading in readers.read(&piece, end) {
                let progress = &reading.progress;
                for share in [progress.whole(), progress.part(), progress.fraction].into_iter().flatten() {
                    prop_assert!((0.0..=1.0).contains(&share), "{progress}");
                }
                prop_assert!(progress.rate.is_none_or(|rate| rate.is_finite() && rate > 0.0));
                prop_assert!(progress.metrics.iter().all(|metric| !metric.name.is_empty() && metric.name.len() <= 64));
                prop_assert!(progress.epoch.is_none_or(|epoch| epoch.done.is_finite() && epoch.stated.is_finite()));
            }
        }
    }

    #[test]
    fn nothing_shown_goes_back_within_an_attempt(events in proptest::collection::vec(event(), 1..60)) {
        let mut tracker = Tracker::new();
        let mut readers: Vec<Readers> = (0..3).map(|_| Readers::new()).collect();
        let mut attempts = [0_u32; 3];
        let mut now = Stamp { seconds: 1_000_000, nanoseconds: 0 };
        let mut shown = None;
        tracker.leader_started(now);
        for event in events {
            match event {
                Event::Piece { node, restarts, piece, end } => {
                    let index = node as usize;
                    if restarts {
                        attempts[index] += 1;
                        readers[index] = Readers::new();
                        // Whether it was the leader that began anew is the tracker's secret.
                        shown = None;
                    }
                    let origin = Origin { node, round: 0, pod: 0, attempt: attempts[index] };
                    tracker.attempt_began(origin);
                    for reading in readers[index].read(&piece, end) {
                        if reading.progress.stage == Stage::Begins {
                            shown = None;
                        }
                        tracker.observe(origin, now, &reading);
                    }
                }
                Event::Report { percentage, age } => tracker.report(Report {
                    percentage: Some(percentage),
                    remaining: None,
                    metrics: Vec::new(),
                    updated: Stamp { seconds: now.seconds - age, ..now },
                }),
                Event::Passed(seconds) => now.seconds += seconds,
            }
            let whole = tracker.standing(now).training.and_then(|training| training.whole);
            if let Some(whole) = whole {
                prop_assert!((0.0..=1.0).contains(&whole));
                prop_assert!(shown.is_none_or(|shown| shown <= whole), "{shown:?} {whole}");
                shown = Some(whole);
            }
        }
    }

    #[test]
    fn what_is_read_of_a_cut_record_was_said_in_whole_updates(line in piece(), at in any::<prop::sample::Index>()) {
        let part = &line[..at.index(line.len() + 1)];
        let whole_updates = part.iter().rposition(|byte| matches!(byte, b'\r' | 8)).unwrap_or(0);
        let of_cut = Readers::new().read(part, PieceEnd::Cut);
        let of_updates = Readers::new().read(&part[..whole_updates], PieceEnd::Line);
        prop_assert_eq!(format!("{of_cut:?}"), format!("{of_updates:?}"));
    }
}
