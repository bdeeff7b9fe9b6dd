//! What the training tells the cluster, beside what its log says.

use std::time::Duration;

use super::*;
use crate::{
    cluster::{ReportedMetric, TrainerStatus},
    progress::reading::Metric,
};

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
fn a_report_from_before_the_last_start_does_not_count_again_when_the_pods_are_gone() {
    let mut logs = Logs::default();
    logs.tracker.leader_started(at(0));
    logs.tracker.report(report(60, 100, &[]));
    logs.tracker.leader_started(at(150));
    logs.line(FIRST, 160, &nanogpt(50));
    assert_eq!(logs.whole(161), Some(0.05));
    // Then the objects tell no more than when the job was made.
    logs.tracker.leader_started(at(0));
    assert_eq!(logs.whole(162), Some(0.05));
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
fn what_is_shown_of_another_source_has_no_steps_of_this_one() {
    let mut logs = Logs::default();
    logs.tracker.leader_started(at(0));
    logs.tracker.report(report(61, 11, &[]));
    assert_eq!(logs.whole(12), Some(0.61));
    for (second, step) in [(390, 380), (400, 400)] {
        logs.line(FIRST, second, &nanogpt(step));
    }
    let training = logs.training(400);
    assert!(matches!(training.source, Source::Log { .. }));
    assert_eq!((training.whole, training.step), (Some(0.61), None));
    assert_eq!(training.remaining, None);
    logs.line(FIRST, 410, &nanogpt(620));
    let training = logs.training(410);
    assert_eq!(training.step, Some(Count::new(620, Some(1000))));
    assert!(training.remaining.is_some());
}

#[test]
fn an_estimate_that_was_reported_is_withdrawn_when_the_training_is_silent() {
    let mut tracker = Tracker::new();
    tracker.leader_started(at(0));
    let mut left = |reported: i64, silence: i64, seconds: u64| {
        tracker.report(Report {
            remaining: Some(Duration::from_secs(seconds)),
            ..report(40, reported, &[])
        });
        let standing = tracker.standing(at(reported + silence));
        standing.training.unwrap().remaining.is_some()
    };
    assert!(left(10, 29, 60) && !left(10, 31, 60));
    assert!(left(10, 119, 6000) && !left(10, 121, 6000));
    // It reports every five minutes.
    assert!(left(310, 899, 6000) && !left(310, 901, 6000));
}

#[test]
fn the_pause_between_two_attempts_is_no_usual_pause_between_reports() {
    let mut tracker = Tracker::new();
    let lasting = |updated: i64| Report {
        remaining: Some(Duration::from_mins(100)),
        ..report(5, updated, &[])
    };
    tracker.leader_started(at(0));
    tracker.report(lasting(10));
    tracker.leader_started(at(600));
    tracker.report(lasting(610));
    let mut left = |now: i64| tracker.standing(at(now)).training.unwrap().remaining;
    assert!(left(729).is_some());
    assert_eq!(left(731), None);
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
    status.remaining_seconds = Some(u64::MAX);
    assert_eq!(Report::of(&status).unwrap().remaining, None, "for ever");
    status.updated = None;
    assert_eq!(Report::of(&status), None);
}
