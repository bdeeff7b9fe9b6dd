//! Rows under lines, as the pen that writes `logs` leaves them on a terminal: whichever way a program ends, nothing of the
//! terminal has to be restored. The jobs that are followed with rows are in `tests/cluster/logs_rows.rs`.

use std::{env, process::Command};

use kubectl_trainer::ui::{ColourChoice, Gauge, LastRows, Loudness, Pen, Ui, install_panic_hook};

use rustix::termios::tcgetattr;

use crate::{pty::sent_to_terminal, screen::Screen};

/// Says to [`program`] how it is to end.
const ENDING: &str = "ROWS_ENDING";

fn two_rows(number: u32) -> Vec<String> {
    ["one", "two"]
        .map(|row| format!("row {row} {number}"))
        .into()
}

fn pen() -> Pen {
    let mut pen = Ui::open(ColourChoice::Never, Loudness::Normal).pen();
    pen.allow_rows();
    pen
}

/// Three lines, a warning among them, and rows below.
fn write_lines(pen: &mut Pen) {
    pen.set_gauge(Gauge::Busy);
    pen.set_rows(two_rows(1));
    pen.answer(b"first\n").unwrap();
    pen.set_gauge(Gauge::Percent(42));
    pen.set_rows(two_rows(2));
    pen.warning("in between");
    pen.answer(b"second\n").unwrap();
}

/// What the other tests run on a terminal.
#[test]
#[ignore = "the program that the other tests of this file run on a terminal"]
fn program() {
    let ending = env::var(ENDING).expect("the tests of this file say how it ends");
    install_panic_hook();
    let mut pen = pen();
    write_lines(&mut pen);
    match ending.as_str() {
        "erased" => pen.leave_rows(LastRows::Erased).unwrap(),
        "kept" => pen.leave_rows(LastRows::Kept).unwrap(),
        // Another pen takes its place.
        "dropped" => pen = Ui::open(ColourChoice::Never, Loudness::Normal).pen(),
        other => panic!("{other}"),
    }
    pen.status_line("last");
}

/// What a terminal has seen of a program.
struct Seen {
    sent: String,
    /// The terminal's modes before it and after it.
    modes: Vec<String>,
}

/// The program above on a terminal that understands progress.
fn run(ending: &str, environment: &[(&str, &str)]) -> Seen {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["rows::program", "--exact", "--ignored", "--nocapture"])
        // With one thread, the name of the test would stand before its first line.
        .arg("--test-threads=2")
        .env("KUBECTL_TRAINER_TERMINAL_PROGRESS", "always")
        .env(ENDING, ending)
        .envs(environment.iter().copied());
    let mut modes = Vec::new();
    let sent = sent_to_terminal(command, |terminal| {
        modes.push(format!("{:?}", tcgetattr(terminal).unwrap()));
    });
    Seen { sent, modes }
}

/// What stands on the screen of the program itself, without what the test harness says around it.
fn own_lines(screen: &Screen) -> Vec<&str> {
    let lines = screen.lines.iter().map(String::as_str);
    lines
        .skip_while(|line| *line != "first")
        .take_while(|line| !line.is_empty() && !line.starts_with("test "))
        .collect()
}

#[track_caller]
fn assert_left_alone(seen: &Seen, screen: &Screen) {
    assert_eq!(seen.modes[0], seen.modes[1]);
    assert_eq!(screen.cursor, Some(0));
}

#[test]
fn rows_are_gone_when_they_are_left_and_when_their_pen_is() {
    for ending in ["erased", "dropped"] {
        let seen = run(ending, &[]);
        let screen = Screen::after(&seen.sent);
        let expected = ["first", "warning: in between", "second", "last"];
        assert_eq!(own_lines(&screen), expected, "{ending}");
        assert_left_alone(&seen, &screen);
    }
}

#[test]
fn the_last_state_of_rows_may_stay() {
    let seen = run("kept", &[]);
    let screen = Screen::after(&seen.sent);
    assert_eq!(
        own_lines(&screen),
        [
            "first",
            "warning: in between",
            "second",
            "row one 2",
            "row two 2",
            "last"
        ]
    );
    assert_left_alone(&seen, &screen);
}

#[test]
fn a_panic_is_told_below_the_rows_and_leaves_the_terminal_as_it_was() {
    let seen = run("broken on purpose", &[]);
    let screen = Screen::after(&seen.sent);
    let lines = own_lines(&screen);
    assert_eq!(lines[..3], ["first", "warning: in between", "second"]);
    assert_eq!(lines[3..5], ["row one 2", "row two 2"]);
    assert!(lines[5].starts_with("error: kubectl-trainer "), "{lines:?}");
    assert_left_alone(&seen, &screen);
    assert_eq!(gauges(&seen).last(), Some(&"0"));
}

/// What the terminal's own indicator was told, in order.
fn gauges(seen: &Seen) -> Vec<&str> {
    let told = seen.sent.split("\u{1b}]9;4;").skip(1);
    told.filter_map(|rest| Some(rest.split_once('\u{7}')?.0))
        .collect()
}

#[test]
fn the_terminals_own_indicator_is_told_what_changes_and_nothing_in_the_end() {
    assert_eq!(gauges(&run("erased", &[])), ["3", "1;42", "0"]);
    assert_eq!(gauges(&run("dropped", &[])), ["3", "1;42", "0"]);
    let wish = ("KUBECTL_TRAINER_TERMINAL_PROGRESS", "never");
    assert!(gauges(&run("erased", &[wish])).is_empty());
}

#[test]
fn a_dumb_terminal_gets_lines_and_no_rows() {
    let seen = run("erased", &[("TERM", "dumb")]);
    assert!(!seen.sent.contains('\u{1b}'), "{:?}", seen.sent);
    let screen = Screen::after(&seen.sent);
    let expected = ["first", "warning: in between", "second", "last"];
    assert_eq!(own_lines(&screen), expected);
}
