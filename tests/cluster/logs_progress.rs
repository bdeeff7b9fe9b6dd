//! How far a job is, beside the lines of `logs -f`: as bars on a real terminal, as lines and as events elsewhere.

use serde_json::Value;
use snapbox::{
    cmd::{Command, OutputAssert},
    str,
};
use testbed::{Namespace, Testbed, User};

use crate::{
    logs_terminal::Terminal,
    reading::run_job,
    schemas::assert_follows,
    screen::Screen,
    support::{binary, kubectl},
};

/// A training that says once how far it is, and goes on when it is let go.
const STANDS: &str = "echo 'Epoch 3/10'; \
    echo '40/100 [====>.....] - ETA: 12s - loss: 0.5000 - accuracy: 0.8000'; \
    while [ ! -e /tmp/go ]; do sleep 0.1; done";
/// Another, which ends soon. Its second line is in another tenth than its first: lines that come apart are both told.
const ENDS: &str = "echo 'Epoch 3/4'; \
    echo '40/100 [====>.....] - ETA: 12s - loss: 0.5000 - accuracy: 0.8000'; sleep 2";

fn let_go(bed: &Testbed, namespace: &Namespace, job: &str) {
    let job = format!("job/{job}-node-0");
    kubectl(
        bed,
        &[
            "-n",
            namespace.name(),
            "exec",
            &job,
            "--",
            "touch",
            "/tmp/go",
        ],
    );
}

/// `logs -f` elsewhere than on a terminal, to its end.
fn followed(bed: &Testbed, namespace: &Namespace, arguments: &[&str]) -> OutputAssert {
    Command::new(binary().get_program())
        .args(["logs", "-f", "-n", namespace.name(), "--kubeconfig"])
        .arg(bed.kubeconfig(&User::Admin).unwrap())
        .args(arguments)
        .assert()
}

fn status(followed: &OutputAssert) -> String {
    String::from_utf8(followed.get_output().stderr.clone()).unwrap()
}

#[test]
fn a_training_has_its_bar_under_its_lines_and_in_the_terminals_own_indicator() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("bars").unwrap();
    run_job(&bed, &namespace, "train", 1, STANDS);
    let environment = [
        ("NO_COLOR", "1"),
        ("KUBECTL_TRAINER_TERMINAL_PROGRESS", "always"),
    ];
    let mut terminal = Terminal::new(&bed, &namespace, &environment);
    terminal.press("logs -f train\n");
    terminal.wait_for_text("\ntraining    ###----------  24%  step 40/100");
    let text = terminal.wait_for_text("log of node-0 (keras), ");
    assert!(
        text.contains("training ") && text.contains(", 1/1 node"),
        "{text:?}"
    );
    terminal.wait_for_text("\u{1b}]9;4;1;24\u{7}");
    let_go(&bed, &namespace, "train");
    terminal.wait_for_text("· Complete");
    assert_eq!(terminal.exit_code(), "0");
    let sent = String::from_utf8(terminal.finish()).unwrap();
    let told: Vec<_> = sent.split("\u{1b}]9;4;").skip(1).collect();
    assert!(told.last().unwrap().starts_with("0\u{7}"), "{told:?}");
    let screen = Screen::after(&sent);
    let left = screen
        .lines
        .iter()
        .find(|line| line.starts_with("training "));
    assert_eq!(left, None, "{:#?}", screen.lines);
}

#[test]
fn a_job_that_says_nothing_of_itself_has_its_phases_and_nothing_else() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("bars-silent").unwrap();
    run_job(&bed, &namespace, "silent", 1, "echo hello; sleep 3");
    let mut terminal = Terminal::new(&bed, &namespace, &[("NO_COLOR", "1")]);
    terminal.press("logs -f silent\n");
    let text = terminal.wait_for_text("· Complete");
    assert!(text.contains(", 1/1 node"), "{text:?}");
    assert!(!text.contains('%'), "{text:?}");
    let events = followed(&bed, &namespace, &["silent", "--progress", "json"]).code(0);
    assert!(!status(&events).contains("\"type\":\"progress\""));
}

#[test]
fn elsewhere_than_on_a_terminal_there_is_a_line_for_each_phase_and_each_tenth() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("bars-lines").unwrap();
    run_job(&bed, &namespace, "train", 1, ENDS);
    followed(&bed, &namespace, &["train"]).code(0).stderr_eq(str![[r#"
...
progress: training 60% · step 40/100 · [..]epoch 3/4 · loss 0.5000 · accuracy 0.8000; log of node-0 (keras), [..]s ago
...
progress: [..]done
1 node · 2 lines · 0 reconnects · no gaps · [..] · Complete

"#]]);
    for wish in [
        &["--progress", "none"][..],
        &["-q"],
        &["--only-log-lines"],
        &["-o", "json"],
    ] {
        let run = followed(&bed, &namespace, &[&["train"], wish].concat()).code(0);
        assert!(!status(&run).contains("progress: "), "{wish:?}");
    }
    let plain = followed(&bed, &namespace, &["train", "-q", "--progress", "plain"]).code(0);
    let said = status(&plain);
    assert!(
        said.lines().all(|line| line.starts_with("progress: ")),
        "{said}"
    );
    assert!(said.contains("\nprogress: training 60% · "), "{said}");
}

#[test]
fn lines_that_go_into_a_file_leave_the_terminal_to_what_is_said_of_progress() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("bars-file").unwrap();
    run_job(&bed, &namespace, "train", 1, ENDS);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    let mut terminal = Terminal::new(&bed, &namespace, &[("NO_COLOR", "1")]);
    terminal.press(&format!("logs -f train > {}\n", file.display()));
    terminal.wait_for_text("· Complete");
    assert_eq!(terminal.exit_code(), "0");
    let sent = String::from_utf8(terminal.finish()).unwrap();
    assert!(
        sent.contains("\r\nprogress: training 60% · step 40/100"),
        "{sent:?}"
    );
    assert!(!sent.contains("\u{1b}["), "{sent:?}");
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "node-0 | Epoch 3/4\n\
         node-0 | 40/100 [====>.....] - ETA: 12s - loss: 0.5000 - accuracy: 0.8000\n"
    );
}

#[test]
fn programs_get_events_that_follow_their_schema() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("bars-events").unwrap();
    run_job(&bed, &namespace, "train", 1, ENDS);
    let run = followed(&bed, &namespace, &["train", "--progress", "json"]).code(0);
    let said = status(&run);
    let events: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for event in &events {
        assert_follows("progress", event);
    }
    let of_type = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
    let training = of_type("progress").next_back().unwrap();
    assert_eq!(training["training"]["whole"], 0.6);
    assert_eq!(training["training"]["source"], "log");
    assert_eq!(training["training"]["node"], "node-0");
    let is_over = |event: &&Value| event["phase"] == "training" && event["state"] == "finished";
    assert_eq!(of_type("phase").filter(is_over).count(), 1);
    let last = events.last().unwrap();
    assert_eq!(
        (&last["type"], &last["outcome"]),
        (&"end".into(), &"Complete".into())
    );
    assert_eq!(last["exitCode"], 0);
    let lines = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
}

#[test]
fn bars_that_are_asked_for_where_none_can_be_are_refused() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("bars-refused").unwrap();
    run_job(&bed, &namespace, "train", 1, "true");
    followed(&bed, &namespace, &["train", "--progress", "tty"])
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: --progress tty needs one terminal for standard output and standard error
hint: --progress plain says the same in lines; -q and -v leave no room for bars

"#]]);
}
