//! What stands under the lines of a job that is followed on a real terminal, and that nothing of it is left behind.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use testbed::{Namespace, Testbed};

use crate::{
    logs_terminal::{PROMPT, Terminal, counting, numbers},
    reading::run_job,
    screen::Screen,
};

/// What stands under the lines while a container is followed.
const ROW: &str = "still following 1 container; ";
/// Takes the rows away again.
const ERASED: &str = "\u{1b}[2F\u{1b}[J";

/// The shell's terminal, whose modes have been looked at.
fn terminal(bed: &Testbed, namespace: &Namespace) -> Terminal {
    let mut terminal = Terminal::new(bed, namespace, &[("NO_COLOR", "1")]);
    terminal.press("stty -a; echo modes $((1 + 1))\n");
    terminal.wait_for_text("modes 2");
    terminal
}

/// Waits for the end of the run and for the shell, whose prompt has to stand at the beginning of a line.
#[track_caller]
fn wait_for_prompt_after(terminal: &Terminal, word: &str) -> String {
    let prompt = format!("\r\n{PROMPT}");
    terminal.wait_for("a prompt in a line of its own", |text| {
        text.split_once(word)
            .is_some_and(|(_, after)| after.contains(&prompt))
    })
}

/// All lines count from one, none is torn, the modes are what they were, and the cursor can be seen.
#[track_caller]
fn assert_as_before(mut terminal: Terminal) -> Screen {
    terminal.press("stty -a; echo modes $((1 + 2))\n");
    let sent = terminal.wait_for_text("modes 3");
    let modes: Vec<_> = sent.match_indices("speed ").map(|(at, _)| at).collect();
    let text = |from: usize| sent[from..].split("modes ").next().unwrap();
    assert_eq!(text(modes[0]), text(modes[1]));
    let screen = Screen::after(&sent);
    let lines = screen.lines.iter().filter(|line| line.contains("line "));
    let lines: Vec<_> = lines.filter(|line| line.starts_with("node-0")).collect();
    let expected = (1..=lines.len()).map(|number| format!("node-0 | line {number}."));
    assert_eq!(
        lines,
        expected.collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    assert!(screen.cursor.is_some());
    screen
}

#[track_caller]
fn assert_no_row_is_left(screen: &Screen) {
    let left = screen.lines.iter().find(|line| line.contains(ROW));
    assert_eq!(left, None, "{:#?}", screen.lines);
}

#[test]
fn a_row_stands_under_the_lines_and_is_gone_before_the_summary() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("rows-end").unwrap();
    let script = "n=0; while [ $n -lt 40 ]; do n=$((n+1)); echo line $n.; sleep 0.1; done";
    run_job(&bed, &namespace, "count", 1, script);
    let mut terminal = terminal(&bed, &namespace);
    terminal.press("logs -f count\n");
    let text = wait_for_prompt_after(&terminal, "· Complete");
    assert!(text.contains(ROW) && text.contains(ERASED), "{text:?}");
    assert_eq!(terminal.exit_code(), "0");
    let screen = assert_as_before(terminal);
    assert_no_row_is_left(&screen);
}

#[test]
fn ctrl_c_and_sigterm_take_the_row_away_before_the_summary() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("rows-signals").unwrap();
    counting(&bed, &namespace);
    for (signal, word, code) in [
        (Signal::INT, "· interrupted", "130"),
        (Signal::TERM, "· terminated", "143"),
    ] {
        let mut terminal = terminal(&bed, &namespace);
        terminal.press("logs -f count\n");
        terminal.wait_for_text("line 5.");
        terminal.wait_for_text(ROW);
        match signal {
            Signal::INT => terminal.press("\u{3}"),
            signal => kill_process(follower(&namespace), signal).unwrap(),
        }
        wait_for_prompt_after(&terminal, word);
        assert_eq!(terminal.exit_code(), code);
        let screen = assert_as_before(terminal);
        assert_no_row_is_left(&screen);
    }
}

/// The plugin that follows a job of this namespace.
fn follower(namespace: &Namespace) -> Pid {
    let wanted = format!("\0logs\0-n\0{}\0-f\0", namespace.name());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let found = ids.find(|id| {
        let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&wanted)
    });
    Pid::from_raw(found.unwrap()).unwrap()
}

#[test]
fn ctrl_z_takes_the_row_away_and_it_comes_back_in_the_foreground_alone() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("rows-suspend").unwrap();
    counting(&bed, &namespace);
    let mut terminal = terminal(&bed, &namespace);
    terminal.press("logs -f count\n");
    terminal.wait_for_text("line 5.");
    terminal.wait_for_text(ROW);
    terminal.press("\u{1a}");
    let text = wait_for_prompt_after(&terminal, "Stopped");
    let stopped = Screen::after(&text);
    assert_no_row_is_left(&stopped);
    assert!(stopped.lines.iter().any(|line| line.contains("Stopped")));

    // In the background, lines come and no row: the prompt is the shell's.
    let before = text.len();
    let last = numbers(&text).len();
    terminal.press("bg\n");
    let awaited = format!("line {}.", last + 20);
    let text = terminal.wait_for_text(&awaited);
    assert!(!text[before..].contains(ROW), "{:?}", &text[before..]);

    let before = text.len();
    terminal.press("fg\n");
    terminal.wait_for("the row", |text| text[before..].contains(ROW));
    let awaited = format!("line {}.", last + 40);
    terminal.wait_for_text(&awaited);
    terminal.press("\u{3}");
    wait_for_prompt_after(&terminal, "· interrupted");
    assert_eq!(terminal.exit_code(), "130");
    let sent = String::from_utf8(terminal.finish()).unwrap();
    let shown = numbers(&sent);
    let expected: Vec<_> = (1..).take(shown.len()).collect();
    assert_eq!(shown, expected);
    assert_no_row_is_left(&Screen::after(&sent));
}

#[test]
fn who_wants_nothing_beside_lines_gets_no_row() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("rows-unwanted").unwrap();
    run_job(&bed, &namespace, "short", 1, "echo line 1.; sleep 2");
    let mut terminal = terminal(&bed, &namespace);
    for wish in ["-q", "--only-log-lines", "-v", "-o json"] {
        terminal.press(&format!(
            "logs -f {wish} short; echo end of{wish}$((40 + 2))\n"
        ));
        let end = format!("end of{wish}42");
        let text = terminal.wait_for_text(&end);
        assert!(!text.contains(ROW), "{wish}: {text:?}");
    }
}
