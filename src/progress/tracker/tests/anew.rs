//! What begins anew: attempts, pods, processes, loops and whole trainings.

use super::*;

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

/// What is shown after each line, one a second.
fn shown(lines: &[&str]) -> Vec<Option<f64>> {
    let mut logs = Logs::default();
    let mut shown = Vec::new();
    for (second, line) in (0..).zip(lines) {
        logs.line(FIRST, second, line);
        let training = logs.tracker.standing(at(second)).training;
        let thousandth = |whole: f64| (whole * 1000.0).round() / 1000.0;
        shown.push(training.and_then(|training| training.whole.map(thousandth)));
    }
    shown
}

#[test]
fn who_comes_late_takes_a_loop_for_the_whole_only_until_the_next_headline() {
    let (half, full, next) = (&*bar(40, 80), &*bar(80, 80), &*bar(4, 80));
    assert_eq!(
        shown(&[full, "Epoch 141/200", next, "Epoch 142/200"]),
        [Some(1.0), Some(0.7), Some(0.7), Some(0.705)]
    );
    assert_eq!(
        shown(&[&bar(0, 80), full, "Epoch 2/10", next, full]),
        [Some(0.0), Some(1.0), Some(0.1), Some(0.105), Some(0.2)]
    );
    // What was shown was wrong, and does not go back either.
    assert_eq!(
        shown(&[half, "Epoch 2/10", next, "Epoch 6/10", half]),
        [Some(0.5), None, None, Some(0.5), Some(0.55)]
    );
}

#[test]
fn a_training_that_came_late_in_its_last_epoch_is_not_over() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, &bar(80, 80))
        .line(FIRST, 1, "Epoch 200/200")
        .line(FIRST, 2, &bar(4, 80));
    let training = logs.training(2);
    assert!(training.whole.unwrap() < 1.0 && !training.is_finished);
}

#[test]
fn a_line_at_the_end_of_an_epoch_counts_it_once_and_its_loop_never() {
    let unnamed = |done: u32| {
        format!(
            "{}%|█▎| {done}/79 [00:08<00:08,  4.79it/s]",
            done * 100 / 79
        )
    };
    let ended = |epoch: u32| format!("Epoch {epoch}/3 - Loss: 0.5693");
    let lines = [
        unnamed(40),
        unnamed(79),
        ended(1),
        unnamed(40),
        unnamed(79),
        ended(2),
        unnamed(79),
        ended(3),
    ];
    let seen = shown(&lines.each_ref().map(String::as_str));
    let (third, two) = (Some(0.333), Some(0.667));
    assert_eq!(seen[2..7], [third, third, third, two, two]);
    assert_eq!(seen[7], Some(1.0));
}

#[test]
fn a_loop_with_a_loss_is_of_the_epoch_that_the_line_at_its_end_will_name() {
    let with_loss = |done: u32| {
        format!(
            "{}%|█▎| {done}/80 [00:08<00:08,  4.79it/s, loss=0.5]",
            done * 100 / 80
        )
    };
    let ended = "Epoch 1/4 - Loss: 0.5693";
    let seen = shown(&[
        &with_loss(80),
        ended,
        &with_loss(40),
        &with_loss(80),
        "Epoch 2/4 - Loss: 0.4",
    ]);
    assert_eq!(seen[1..], [Some(0.25), Some(0.375), Some(0.5), Some(0.5)]);
}

#[test]
fn in_the_last_per_cent_a_loop_of_another_length_is_no_new_training() {
    let seen = shown(&[&bar(995, 1000), &bar(0, 8), &bar(4, 8), &bar(996, 1000)]);
    assert_eq!(seen, [Some(0.995), Some(0.995), Some(0.995), Some(0.996)]);
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

/// One training of two epochs, and when it was over.
fn fit(logs: &mut Logs, begins: i64) -> i64 {
    for (epoch, second) in [(1, begins), (2, begins + 20)] {
        logs.line(FIRST, second, &format!("Epoch {epoch}/2"));
        logs.line(FIRST, second + 10, &keras(79));
    }
    begins + 30
}

fn keras(done: u32) -> String {
    format!("{done}/79 [==============================] - 1s 10ms/step - loss: 0.5000")
}

#[test]
fn a_training_that_begins_anew_after_its_end_is_one_of_nobody_knows_how_many() {
    let mut logs = Logs::default();
    let over = fit(&mut logs, 0);
    let training = logs.training(over);
    assert_eq!((training.whole, training.is_finished), (Some(1.0), true));
    for begins in [100, 200] {
        logs.line(FIRST, begins, "Epoch 1/2");
        let training = logs.training(begins);
        assert_eq!((training.whole, training.is_finished), (None, false));
        logs.line(FIRST, begins + 1, &keras(8));
        let training = logs.training(begins + 1);
        assert_eq!((training.whole, training.at), (None, at(begins + 1)));
        assert_eq!(training.part, Some(8.0 / 79.0));
        assert_eq!(training.epoch.unwrap().stated.to_string(), "1");
        fit(&mut logs, begins + 2);
    }
}

#[test]
fn trainings_of_one_epoch_each_are_one_of_nobody_knows_how_many() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, "Epoch 1/1").line(FIRST, 9, &keras(79));
    logs.line(FIRST, 20, "Epoch 1/1").line(FIRST, 21, &keras(8));
    let training = logs.training(21);
    assert_eq!((training.whole, training.at), (None, at(21)));
    assert_eq!(training.part, Some(8.0 / 79.0));
}

#[test]
fn late_lines_at_the_end_do_not_take_it_back() {
    let mut logs = Logs::default();
    logs.line(FIRST, 0, &nanogpt(1000))
        .line(FIRST, 1, &nanogpt(999));
    assert_eq!(logs.whole(1), Some(1.0));
}

#[test]
fn a_late_line_that_counts_epochs_in_another_way_begins_no_training() {
    let mut logs = Logs::default();
    logs.line(
        FIRST,
        0,
        "Epoch 1:  99%|█████████▉| 99/100 [00:40<00:00,  2.4it/s, loss=0.5]",
    );
    assert_eq!(logs.training(0).part, Some(0.99));
    logs.line(
        FIRST,
        1,
        "{'loss': 0.86, 'learning_rate': 0.0001, 'epoch': 0.5}",
    );
    let training = logs.training(1);
    assert_eq!((training.part, training.at), (Some(0.99), at(0)));
}
