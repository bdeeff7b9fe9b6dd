//! The tracker on logs of several containers, as their lines come.

mod anew;
mod reports;

use super::*;
use crate::{
    logs::stamp::at,
    progress::{
        format::Readers,
        reading::{Count, Span},
        segment::PieceEnd,
    },
};

const FIRST: Origin = Origin {
    node: 0,
    round: 0,
    pod: 0,
    attempt: 0,
};

fn node(node: u32) -> Origin {
    Origin { node, ..FIRST }
}

/// Logs of several containers, as their lines come.
#[derive(Default)]
struct Logs {
    tracker: Tracker,
    readers: BTreeMap<u32, Readers>,
}

impl Logs {
    fn line(&mut self, origin: Origin, seconds: i64, line: &str) -> &mut Self {
        let readers = self.readers.entry(origin.node).or_default();
        for reading in readers.read(line.as_bytes(), PieceEnd::Line) {
            self.tracker.observe(origin, at(seconds), &reading);
        }
        self
    }

    fn whole(&mut self, seconds: i64) -> Option<f64> {
        self.tracker.standing(at(seconds)).training?.whole
    }

    fn training(&mut self, seconds: i64) -> Training {
        self.tracker.standing(at(seconds)).training.unwrap()
    }
}

#[test]
fn nothing_known_gives_no_percentage() {
    let mut logs = Logs::default();
    logs.line(
        FIRST,
        0,
        "Downloading data: 100%|██████████| 249M/249M [00:15<00:00, 16.5MB/s]",
    );
    let standing = logs.tracker.standing(at(1));
    assert_eq!(standing.training, None);
    assert_eq!(standing.activity.unwrap().kind, Kind::Download);
}

#[test]
fn a_bar_without_a_name_is_the_trainings_once_a_loss_is_said() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, " 67%|██████▋   | 2/3 [00:01<00:00,  1.68it/s]");
    logs.line(FIRST, 9, "  1%|          | 9/873 [00:09<1:16:00,  5.3s/it]");
    assert_eq!(logs.whole(9), None);
    logs.line(
        FIRST,
        10,
        "{'loss': 0.86, 'learning_rate': 0.0001, 'epoch': 0.03}",
    );
    assert_eq!(logs.whole(10), Some(9.0 / 873.0));
    logs.line(FIRST, 20, " 50%|█████     | 5/10 [00:05<00:05,  1.0it/s]");
    let standing = logs.tracker.standing(at(20));
    assert_eq!(standing.activity.unwrap().kind, Kind::Evaluation);
    assert_eq!(standing.training.unwrap().whole, Some(9.0 / 873.0));
    logs.line(
        FIRST,
        30,
        " 32%|███▏      | 281/873 [25:36<52:46,  5.35s/it]",
    );
    assert_eq!(logs.whole(30), Some(281.0 / 873.0));
}

/// From Trainer's own example with `DistilBERT`: it never says a loss before its end.
#[test]
fn a_bar_with_another_one_below_it_is_the_trainings() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, "  0%|          | 0/40 [00:00<?, ?it/s][rank0]:[W429 01:22:58.895439547 reducer.cpp:1400] Warning: find_unused_parameters=True");
    logs.line(FIRST, 5, " 50%|█████     | 20/40 [01:21<01:20,  4.06s/it]");
    assert_eq!(logs.whole(5), None);
    logs.line(
        FIRST,
        6,
        " 20%|██        | 2/10 [00:00<00:03,  2.54it/s]\x1b[A",
    );
    assert_eq!(logs.whole(6), Some(0.5));
    assert_eq!(
        logs.tracker.standing(at(6)).activity.unwrap().kind,
        Kind::Evaluation
    );
    logs.line(
        FIRST,
        9,
        "{'eval_loss': 5.543211936950684, 'eval_runtime': 7.9713, 'epoch': 1.0}",
    );
    let standing = logs.tracker.standing(at(9));
    assert_eq!(standing.activity, None);
    assert!(standing.training.unwrap().metrics["eval_loss"].value > 5.0);
}

#[test]
fn a_bar_as_long_as_the_training_was_announced_to_be_is_the_trainings() {
    let mut logs = Logs::default();
    logs.line(
        FIRST,
        0,
        "[INFO|trainer.py:1149] 2021-05-25 06:30:55,249 >>   Total optimization steps = 4",
    );
    logs.line(FIRST, 1, "100%|██████████| 8/8 [00:01<00:00, 27.83it/s]");
    assert_eq!(logs.whole(1), Some(0.0));
    logs.line(FIRST, 2, " 50%|█████     | 2/4 [07:15<07:21, 220.73s/it]");
    assert_eq!(logs.whole(2), Some(0.5));
}

#[test]
fn what_was_only_announced_is_no_step() {
    let mut logs = Logs::default();
    for plan in ["  Num Epochs = 5", "  Total optimization steps = 97"] {
        let said = format!("[INFO|trainer.py:1149] 2021-05-25 06:30:55,249 >> {plan}");
        logs.line(FIRST, 0, &said);
    }
    logs.line(
        FIRST,
        9,
        "{'loss': 0.86, 'learning_rate': 0.0001, 'epoch': 1.0}",
    );
    let training = logs.training(9);
    assert_eq!((training.whole, training.part), (Some(0.2), None));
    assert_eq!(training.step, None);
    logs.line(FIRST, 20, " 40%|████      | 39/97 [00:09<00:20,  2.5it/s]");
    let training = logs.training(20);
    assert_eq!(training.step, Some(Count::new(39, Some(97))));
    assert_eq!(training.whole, Some(39.0 / 97.0));
}

/// Of this many steps.
fn bar(done: u32, total: u32) -> String {
    format!("Training:  50%|█████     | {done}/{total} [00:08<00:08,  4.79it/s]")
}

#[test]
fn a_loop_below_the_headline_of_an_epoch_is_of_that_epoch() {
    let mut logs = Logs::default();
    let close = |left: f64, right: f64| assert!((left - right).abs() < 1e-9, "{left} {right}");
    logs.line(FIRST, 0, "Epoch 1/10")
        .line(FIRST, 9, &bar(40, 80));
    let training = logs.training(9);
    close(training.whole.unwrap(), 0.05);
    assert_eq!((training.part, training.remaining), (Some(0.5), None));
    logs.line(FIRST, 18, &bar(80, 80));
    close(logs.whole(18).unwrap(), 0.1);
    logs.line(FIRST, 20, "Epoch 2/10")
        .line(FIRST, 21, &bar(4, 80));
    close(logs.whole(21).unwrap(), 0.105);
}

#[test]
fn a_loop_that_goes_on_below_the_next_headline_is_of_the_whole() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, "Epoch 1/2")
        .line(FIRST, 9, &bar(50, 100));
    assert_eq!(logs.whole(9), Some(0.25));
    logs.line(FIRST, 10, "Epoch 2/2")
        .line(FIRST, 11, &bar(51, 100));
    assert_eq!(logs.whole(11), Some(0.51));
    logs.line(FIRST, 30, &bar(90, 100));
    assert_eq!(logs.whole(30), Some(0.9));
}

#[test]
fn a_loop_as_long_as_the_training_was_announced_to_be_is_of_the_whole() {
    let mut logs = Logs::default();
    let plan = "[INFO|trainer.py:1149] 2021-05-25 06:30:55,249 >>   Total optimization steps = 80";
    logs.line(FIRST, 0, plan).line(FIRST, 1, "Epoch 1/10");
    logs.line(FIRST, 9, &bar(40, 80));
    assert_eq!(logs.whole(9), Some(0.5));
}

fn nanogpt(step: u32) -> String {
    format!("step {step:05}/01000 (0.02%) | loss: {step}.5 | dt: 2000.00ms")
}

#[test]
fn what_is_behind_makes_nothing_look_fresh_though_the_leader_still_speaks() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, &nanogpt(600));
    logs.line(FIRST, 100, &nanogpt(50));
    logs.line(node(1), 130, &nanogpt(700));
    let training = logs.training(130);
    assert_eq!((training.at, training.whole), (at(0), Some(0.6)));
    assert_eq!(training.metrics["loss"].value.to_string(), "600.5");
}

#[test]
fn the_speed_of_later_epochs_is_their_own() {
    let mut logs = Logs::default();
    let line = |epoch: u32, done: i64| {
        let percent = done / 600;
        format!("Train Epoch: {epoch} [{done}/60000 ({percent}%)]\tLoss: 2.3")
    };
    for second in 0..60 {
        logs.line(FIRST, second, &line(1, second * 1000));
    }
    assert!((logs.training(59).rate.unwrap() - 1000.0).abs() < 1.0);
    for second in 0..200 {
        logs.line(FIRST, 60 + second, &line(2, second * 200));
    }
    let rate = logs.training(259).rate.unwrap();
    assert!((rate - 200.0).abs() < 1.0, "{rate}");
}

#[test]
fn numbers_are_those_of_the_node_that_is_named() {
    let mut logs = Logs::default();
    logs.line(node(1), 0, &nanogpt(600));
    assert_eq!(logs.whole(0), Some(0.6));
    logs.line(node(0), 1, &nanogpt(400));
    let training = logs.training(1);
    assert!(matches!(training.source, Source::Log { node: 0, .. }));
    assert_eq!(training.metrics["loss"].value.to_string(), "400.5");
    assert_eq!((training.whole, training.step), (Some(0.6), None));
    logs.line(node(0), 2, &nanogpt(610));
    let training = logs.training(2);
    assert_eq!(training.step, Some(Count::new(610, Some(1000))));
}

#[test]
fn what_is_done_is_finished() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, &nanogpt(999));
    assert!(!logs.training(0).is_finished);
    logs.line(FIRST, 1, &nanogpt(1000));
    assert!(logs.training(1).is_finished);
}

/// What is left, that long after the last of so many steps of a thousand, each of which takes so many seconds.
fn left(steps: u32, each: i64, silence: i64) -> Option<u64> {
    let mut logs = Logs::default();
    let mut last = 0;
    for step in 1..=steps {
        last = i64::from(step) * each;
        logs.line(FIRST, last, &nanogpt(step));
    }
    let training = logs.training(last + silence);
    assert_eq!(training.whole, Some(f64::from(steps) / 1000.0));
    training.remaining.map(|left| left.as_secs())
}

#[test]
fn an_estimate_is_withdrawn_when_the_silence_is_long_for_it_or_for_its_source() {
    // 100 s are left.
    assert_eq!(left(950, 2, 49), Some(100));
    assert_eq!(left(950, 2, 51), None);
    // 1,800 s are left, and the source speaks every two seconds.
    assert_eq!(left(100, 2, 119), Some(1800));
    assert_eq!(left(100, 2, 121), None);
    // It speaks every ten minutes, and many steps are left, or one.
    assert_eq!(left(100, 600, 1799), Some(540_000));
    assert_eq!(left(100, 600, 1801), None);
    assert_eq!(left(999, 600, 599), Some(600));
}

#[test]
fn rank_0_leads_and_others_speak_only_where_it_is_silent() {
    let mut logs = Logs::default();
    logs.line(node(1), 0, "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3");
    assert_eq!(
        logs.training(0).source,
        Source::Log {
            format: "pytorch-examples",
            node: 1,
            rank: 0
        }
    );
    logs.line(node(0), 1, "Train Epoch: 1 [1280/60000 (2%)]\tLoss: 2.2");
    logs.line(node(1), 2, "Train Epoch: 1 [9000/60000 (15%)]\tLoss: 1.1");
    let training = logs.training(2);
    assert_eq!(
        training.source,
        Source::Log {
            format: "pytorch-examples",
            node: 0,
            rank: 0
        }
    );
    assert_eq!(training.part, Some(1280.0 / 60_000.0));
    logs.line(
        node(1),
        500,
        "Train Epoch: 1 [18000/60000 (30%)]\tLoss: 1.0",
    );
    assert_eq!(logs.training(500).part, Some(0.3));
}

#[test]
fn epochs_of_keras_and_their_steps_are_one_fraction() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, "Epoch 12/15");
    logs.line(
        FIRST,
        5,
        "237/422 [===============>..............] - ETA: 7s - loss: 0.0398 - accuracy: 0.9877",
    );
    let training = logs.training(5);
    let expected = (11.0 + 237.0 / 422.0) / 15.0;
    assert!((training.whole.unwrap() - expected).abs() < 1e-9);
    assert!(training.metrics["loss"].value > 0.0);
}

#[test]
fn the_estimate_is_the_trackers_own_and_steady() {
    let mut logs = Logs::default();
    for step in 1..=50_u32 {
        let line = format!("step {step:05}/00100 (0.02%) | loss: 8.8 | dt: 2000.00ms | tok/sec: 5");
        logs.line(FIRST, i64::from(step) * 2, &line);
    }
    let training = logs.training(100);
    assert_eq!(training.whole, Some(0.5));
    assert!(
        (99..=101).contains(&training.remaining.unwrap().as_secs()),
        "{training:?}"
    );
    assert!((training.rate.unwrap() - 0.5).abs() < 0.01);
}

#[test]
fn a_reading_of_an_epoch_is_of_the_epoch_only() {
    let progress = Progress::training().with_step(1, Some(2)).of(Span::Epoch);
    assert_eq!(progress.whole(), None);
}

#[test]
fn what_everybody_looks_for_comes_first_and_once() {
    let mut logs = Logs::default();
    logs.line(
        FIRST,
        0,
        "| epoch 001:    450 / 1891 loss=11.521, nll_loss=10.881, ppl=1886.05, wps=52922, ups=0.5, lr=8.90889e-05, gnorm=1.543",
    );
    let training = logs.training(1);
    let expected = [
        ("loss", 11.521),
        ("lr", 8.908_89e-5),
        ("gnorm", 1.543),
        ("wps", 52922.0),
    ];
    assert_eq!(training.foremost(), expected);
}
