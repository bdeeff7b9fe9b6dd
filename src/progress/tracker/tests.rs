//! The tracker on logs of several containers, as their lines come.

use std::time::Duration;

use super::*;
use crate::cluster::{ReportedMetric, TrainerStatus};
use crate::progress::{
    format::Readers,
    reading::{Metric, Span},
    segment::PieceEnd,
};

const FIRST: Origin = Origin {
    node: 0,
    round: 0,
    pod: 0,
    attempt: 0,
};

fn at(seconds: i64) -> Stamp {
    Stamp {
        seconds,
        nanoseconds: 0,
    }
}

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
fn late_lines_do_not_take_it_back_and_a_new_attempt_begins_anew() {
    let mut logs = Logs::default();
    let line = |step: u32| {
        format!(
            " iteration {step:8}/     100 | elapsed time per iteration (ms): 10.0 | lm loss: 2.0E+00 |"
        )
    };
    logs.line(FIRST, 0, &line(40)).line(FIRST, 1, &line(39));
    assert_eq!(logs.whole(1), Some(0.4));
    let second = Origin {
        attempt: 1,
        ..FIRST
    };
    logs.line(second, 60, &line(20));
    assert_eq!(logs.whole(60), Some(0.2));
    logs.line(FIRST, 61, &line(99));
    assert_eq!(logs.whole(61), Some(0.2));
    logs.line(Origin { round: 1, ..FIRST }, 90, &line(5));
    assert_eq!(logs.whole(90), Some(0.05));
}

#[test]
fn a_pod_that_takes_anothers_place_begins_anew_and_the_other_ones_late_lines_do_not_count() {
    let mut logs = Logs::default();
    let line = |step: u32| format!("step {step:05}/01000 (0.02%) | loss: {step}.5 | dt: 2000.00ms");
    let other = |seconds: i64, logs: &mut Logs| {
        let training = logs.training(seconds);
        (
            training.whole,
            training.at.seconds,
            training.metrics["loss"].value,
        )
    };
    logs.line(FIRST, 0, &line(600));
    let second = Origin { pod: 1, ..FIRST };
    logs.tracker.attempt_began(second);
    assert_eq!(logs.tracker.standing(at(30)).training, None);
    logs.line(second, 60, &line(50));
    assert_eq!(other(60, &mut logs), (Some(0.05), 60, 50.5));
    logs.line(FIRST, 61, &line(610));
    assert_eq!(other(61, &mut logs), (Some(0.05), 60, 50.5));
}

#[test]
fn a_launcher_that_starts_its_processes_again_begins_anew() {
    let mut logs = Logs::default();
    let start = "INFO:torch.distributed.elastic.agent.server.api:[default] Starting worker group";
    logs.line(FIRST, 0, start);
    logs.line(
        FIRST,
        1,
        "step 00420/01000 (0.02%) | loss: 8.8 | dt: 2000.00ms",
    );
    logs.line(FIRST, 9, start);
    assert_eq!(logs.tracker.standing(at(9)).training, None);
    logs.line(
        FIRST,
        10,
        "step 00400/01000 (0.02%) | loss: 8.8 | dt: 2000.00ms",
    );
    assert_eq!(logs.whole(10), Some(0.4));
}

#[test]
fn a_restart_of_another_node_alone_changes_nothing() {
    let mut logs = Logs::default();
    let line =
        " iteration       40/     100 | elapsed time per iteration (ms): 10.0 | lm loss: 2.0E+00 |";
    logs.line(node(0), 0, line).line(node(1), 0, line);
    logs.line(
        Origin {
            attempt: 1,
            ..node(1)
        },
        5,
        line,
    );
    assert_eq!(logs.whole(5), Some(0.4));
}

#[test]
fn a_count_that_begins_anew_was_not_of_the_whole_and_says_so() {
    let mut logs = Logs::default();
    logs.line(
        FIRST,
        0,
        "100%|██████████| 79/79 [00:19<00:00,  4.79it/s, loss=0.5]",
    );
    assert_eq!(logs.whole(0), Some(1.0));
    logs.line(
        FIRST,
        30,
        "  3%|▎         | 2/79 [00:01<00:19,  4.79it/s, loss=0.4]",
    );
    let training = logs.training(30);
    assert_eq!(training.whole, None);
    assert_eq!(training.part, Some(2.0 / 79.0));
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

fn report(percentage: u8, updated: i64, metrics: &[(&str, f64)]) -> Report {
    let metric = |(name, value): &(&str, f64)| Metric {
        name: (*name).to_owned(),
        value: *value,
    };
    Report {
        percentage: Some(percentage),
        remaining: Some(Duration::from_mins(1)),
        metrics: metrics.iter().map(metric).collect(),
        updated: at(updated),
    }
}

#[test]
fn a_report_from_before_the_pods_started_is_ignored() {
    let mut tracker = Tracker::new();
    tracker.report(report(80, 100, &[]));
    assert_eq!(tracker.standing(at(101)).training, None);
    tracker.leader_started(at(150));
    assert_eq!(tracker.standing(at(151)).training, None);
    tracker.report(report(5, 160, &[]));
    let training = tracker.standing(at(161)).training.unwrap();
    assert_eq!(
        (training.whole, training.source),
        (Some(0.05), Source::TrainerStatus)
    );
}

#[test]
fn a_report_of_the_second_in_which_the_container_started_is_of_this_attempt() {
    let mut tracker = Tracker::new();
    tracker.leader_started(Stamp {
        seconds: 100,
        nanoseconds: 900_000_000,
    });
    tracker.report(report(80, 99, &[]));
    assert_eq!(tracker.standing(at(101)).training, None);
    tracker.report(report(1, 100, &[]));
    assert_eq!(
        tracker.standing(at(101)).training.unwrap().whole,
        Some(0.01)
    );
}

#[test]
fn a_job_of_which_only_reports_tell_begins_anew_with_its_pods() {
    let mut tracker = Tracker::new();
    tracker.leader_started(at(0));
    tracker.report(report(80, 100, &[]));
    assert_eq!(tracker.standing(at(101)).training.unwrap().whole, Some(0.8));
    tracker.leader_started(at(150));
    tracker.report(report(5, 160, &[]));
    assert_eq!(
        tracker.standing(at(161)).training.unwrap().whole,
        Some(0.05)
    );
}

#[test]
fn what_the_log_said_is_kept_until_a_new_one_is_opened() {
    let mut logs = Logs::default();
    logs.tracker.leader_started(at(0));
    logs.line(
        FIRST,
        3,
        "step 00020/01000 (0.02%) | loss: 8.8 | dt: 2000.00ms",
    );
    logs.tracker.leader_started(at(5));
    assert_eq!(logs.whole(6), Some(0.02));
}

#[test]
fn a_fresh_report_leads_and_an_old_one_gives_way_to_a_newer_log() {
    let mut logs = Logs::default();
    logs.tracker.leader_started(at(0));
    logs.tracker.report(report(
        10,
        100,
        &[("current_step", 108.0), ("total_steps", 1000.0)],
    ));
    logs.line(
        FIRST,
        101,
        "step 00110/01000 (0.02%) | loss: 8.8 | dt: 2000.00ms",
    );
    let training = logs.training(110);
    assert_eq!(
        (training.whole, training.source),
        (Some(0.108), Source::TrainerStatus)
    );
    logs.line(
        FIRST,
        400,
        "step 00300/01000 (0.02%) | loss: 8.8 | dt: 2000.00ms",
    );
    assert_eq!(logs.whole(400), Some(0.3));
}

#[test]
fn what_was_shown_does_not_go_back_when_the_source_changes() {
    let mut logs = Logs::default();
    logs.tracker.leader_started(at(0));
    logs.line(
        FIRST,
        10,
        "step 00420/01000 (0.02%) | loss: 8.8 | dt: 2000.00ms",
    );
    assert_eq!(logs.whole(10), Some(0.42));
    logs.tracker.report(report(40, 11, &[]));
    assert_eq!(logs.whole(12), Some(0.42));
}

#[test]
fn steps_of_a_report_that_contradict_its_percentage_are_not_believed() {
    let mut tracker = Tracker::new();
    tracker.leader_started(at(0));
    tracker.report(report(
        99,
        1,
        &[("current_step", 5.0), ("total_steps", 1000.0)],
    ));
    assert_eq!(tracker.standing(at(2)).training.unwrap().whole, Some(0.99));
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

#[test]
fn a_report_is_what_the_cluster_has_of_it() {
    let metric = |name: &str, value: &str| ReportedMetric {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let mut status = TrainerStatus {
        percentage: Some(45),
        remaining_seconds: Some(90),
        metrics: vec![metric("loss", " 0.25"), metric("stage", "warm-up")],
        updated: "1970-01-01T00:00:07Z".parse().ok(),
    };
    let loss = Metric {
        name: "loss".to_owned(),
        value: 0.25,
    };
    let expected = Report {
        percentage: Some(45),
        remaining: Some(Duration::from_secs(90)),
        metrics: vec![loss],
        updated: at(7),
    };
    assert_eq!(Report::of(&status), Some(expected));
    status.updated = None;
    assert_eq!(Report::of(&status), None);
}
