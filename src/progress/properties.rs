//! What holds for any input: no reader panics, nothing goes back within an attempt, nothing is above 100 %.

use std::time::Duration;

use proptest::prelude::*;

use crate::{
    logs::stamp::Stamp,
    progress::{
        corpus,
        format::Readers,
        reading::{Count, Stage},
        segment::PieceEnd,
        tracker::{Origin, Report, Source, Tracker},
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
        comes: Comes,
        piece: Vec<u8>,
        end: PieceEnd,
    },
    Report {
        percentage: u8,
        age: i64,
    },
    Passed(i64),
}

/// How a piece of a node's log comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    Next,
    /// The first one after the container was restarted.
    Restarted,
    /// The first one of a pod that took the other's place.
    Replaced,
    /// Late, of the attempt before.
    Late,
}

fn comes() -> impl Strategy<Value = Comes> {
    prop_oneof![
        30 => Just(Comes::Next),
        1 => Just(Comes::Restarted),
        1 => Just(Comes::Replaced),
        1 => Just(Comes::Late),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..3_u32, comes(), piece(), end())
            .prop_map(|(node, comes, piece, end)| Event::Piece { node, comes, piece, end }),
        1 => (any::<u8>(), -500..500_i64).prop_map(|(percentage, age)| Event::Report { percentage, age }),
        3 => (0..400_i64).prop_map(Event::Passed),
    ]
}

/// A tracker, what was heard of three nodes, and what was shown last.
struct Scene {
    tracker: Tracker,
    readers: Vec<Readers>,
    origins: Vec<Origin>,
    /// How many pods there were.
    pods: u32,
    now: Stamp,
    shown: Option<f64>,
    spoke: Option<(Source, Stamp)>,
}

impl Scene {
    fn new() -> Self {
        let now = Stamp {
            seconds: 1_000_000,
            nanoseconds: 0,
        };
        let mut tracker = Tracker::new();
        tracker.leader_started(now);
        let origin = |node| Origin {
            node,
            round: 0,
            pod: node,
            attempt: 0,
        };
        Self {
            tracker,
            readers: (0..3).map(|_| Readers::new()).collect(),
            origins: (0..3).map(origin).collect(),
            pods: 3,
            now,
            shown: None,
            spoke: None,
        }
    }

    fn hear(
        &mut self,
        node: u32,
        comes: Comes,
        piece: &[u8],
        end: PieceEnd,
    ) -> Result<(), TestCaseError> {
        let index = node as usize;
        match comes {
            Comes::Next => {}
            Comes::Restarted => self.origins[index].attempt += 1,
            Comes::Replaced => {
                self.origins[index].pod = self.pods;
                self.origins[index].attempt = 0;
                self.pods += 1;
            }
            Comes::Late => return self.hear_late(index, piece, end),
        }
        if comes != Comes::Next {
            self.readers[index] = Readers::new();
            self.forget();
        }
        self.tracker.attempt_began(self.origins[index]);
        for reading in self.readers[index].read(piece, end) {
            if reading.progress.stage == Stage::Begins {
                self.forget();
            }
            self.tracker
                .observe(self.origins[index], self.now, &reading);
            self.look()?;
        }
        Ok(())
    }

    /// Of the pod before, or of the attempt before: it changes nothing.
    fn hear_late(
        &mut self,
        index: usize,
        piece: &[u8],
        end: PieceEnd,
    ) -> Result<(), TestCaseError> {
        let mut origin = self.origins[index];
        let is_first = origin.pod < 3;
        match origin.attempt.checked_sub(1) {
            Some(before) => origin.attempt = before,
            None if is_first => return Ok(()),
            None => (origin.pod, origin.attempt) = (origin.pod - 1, 9),
        }
        // As text, in which no number is also itself.
        let before = format!("{:?}", self.tracker.standing(self.now));
        for reading in Readers::new().read(piece, end) {
            self.tracker.observe(origin, self.now, &reading);
        }
        let after = format!("{:?}", self.tracker.standing(self.now));
        prop_assert_eq!(after, before);
        Ok(())
    }

    /// Whether it was the leader that began anew is the tracker's secret.
    fn forget(&mut self) {
        (self.shown, self.spoke) = (None, None);
    }

    fn look(&mut self) -> Result<(), TestCaseError> {
        let Some(training) = self.tracker.standing(self.now).training else {
            return Ok(());
        };
        if let Some(whole) = training.whole {
            prop_assert!((0.0..=1.0).contains(&whole));
            // What is over may be followed by another training.
            let goes_back = |shown: f64| shown > whole && shown < 0.99;
            prop_assert!(
                !self.shown.is_some_and(goes_back),
                "{:?} {whole}",
                self.shown
            );
            self.shown = Some(whole);
        }
        let is_speed = |rate: f64| rate.is_finite() && rate > 0.0;
        prop_assert!(training.rate.is_none_or(is_speed), "{:?}", training.rate);
        if let Source::Log { .. } = training.source {
            prop_assert!(training.at <= self.now);
            let is_same = |(source, _): &(Source, Stamp)| is_of_one(*source, training.source);
            let before = self.spoke.filter(is_same);
            prop_assert!(before.is_none_or(|(_, at)| at <= training.at));
            self.spoke = Some((training.source, training.at));
        }
        self.look_much_later()
    }

    /// Nobody believes an estimate for ever.
    fn look_much_later(&self) -> Result<(), TestCaseError> {
        let seconds = self.now.seconds + 1_000_000;
        let much_later = Stamp {
            seconds,
            ..self.now
        };
        let standing = self.tracker.clone().standing(much_later);
        let left = standing.training.and_then(|training| training.remaining);
        prop_assert_eq!(left, None);
        Ok(())
    }
}

/// Whether the same process says it, in whatever way it writes.
fn is_of_one(one: Source, other: Source) -> bool {
    let speaker = |source| match source {
        Source::Log { node, rank, .. } => Some((node, rank)),
        Source::TrainerStatus => None,
    };
    speaker(one) == speaker(other)
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
        let mut scene = Scene::new();
        for event in events {
            match event {
                Event::Piece { node, comes, piece, end } => scene.hear(node, comes, &piece, end)?,
                Event::Report { percentage, age } => scene.tracker.report(Report {
                    percentage: Some(percentage),
                    remaining: Some(Duration::from_mins(10)),
                    metrics: Vec::new(),
                    updated: Stamp { seconds: scene.now.seconds - age, ..scene.now },
                }),
                Event::Passed(seconds) => scene.now.seconds += seconds,
            }
            scene.look()?;
        }
    }

    #[test]
    fn only_what_goes_on_makes_a_source_look_fresh(steps in proptest::collection::vec(1..900_u32, 1..40)) {
        let mut scene = Scene::new();
        let (mut newest, mut at) = (0, scene.now);
        for step in steps {
            scene.now.seconds += 7;
            let line = format!("step {step:05}/01000 (0.02%) | loss: {step}.5 | dt: 2000.00ms");
            scene.hear(0, Comes::Next, line.as_bytes(), PieceEnd::Line)?;
            if step >= newest {
                (newest, at) = (step, scene.now);
            }
            let training = scene.tracker.standing(scene.now).training.unwrap();
            let loss = training.metrics["loss"];
            prop_assert_eq!(training.step, Some(Count::new(newest.into(), Some(1000))));
            prop_assert_eq!((training.at, loss.at), (at, at));
            prop_assert_eq!(loss.value.to_string(), format!("{newest}.5"));
        }
    }

    #[test]
    fn the_speed_is_that_of_the_last_minutes(speeds in proptest::collection::vec(1..300_u32, 1..6)) {
        let mut scene = Scene::new();
        for (epoch, speed) in (1..).zip(speeds) {
            for second in 1..=200 {
                scene.now.seconds += 1;
                let (done, total, percent) = (second * speed, 200 * speed, second / 2);
                let line = format!("Train Epoch: {epoch} [{done}/{total} ({percent}%)]\tLoss: 0.5");
                scene.hear(0, Comes::Next, line.as_bytes(), PieceEnd::Line)?;
            }
            let training = scene.tracker.standing(scene.now).training.unwrap();
            let rate = training.rate.unwrap();
            prop_assert!((rate - f64::from(speed)).abs() < 1e-6, "{rate} {speed}");
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
