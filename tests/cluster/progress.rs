//! `progress` on a real cluster: one look at one job and at several, jobs that are followed to their end, and how little
//! is asked for.

use std::{path::Path, process::Stdio, time::Instant};

use serde_json::{Value, json};
use snapbox::{cmd::Command, str};
use testbed::{Fault, Matcher, Namespace, Reach, Rule, Testbed, Times, User};

use crate::{
    logs_jobs::{group, plain, runtime},
    logs_terminal::{PROMPT, Terminal},
    schemas::assert_follows,
    screen::Screen,
    support::{Lines, Running, binary, kubectl, wait_until},
    watched::{apply, in_namespace, torch},
};

/// A training that stays where it is.
const STANDS: &str = "echo 'Epoch 3/10'; \
    echo '40/100 [====>.....] - ETA: 12s - loss: 0.5000 - accuracy: 0.8000'; sleep 600";
/// What is said of it elsewhere than on a terminal.
const STANDS_AT: &str = "training 24%";

fn progress(kubeconfig: &Path, namespace: &str, arguments: &[&str]) -> Command {
    Command::new(binary().get_program())
        .args(["progress", "-n", namespace])
        .args(arguments)
        .arg("--kubeconfig")
        .arg(kubeconfig)
}

/// Standard output and standard error.
fn said(kubeconfig: &Path, namespace: &Namespace, arguments: &[&str]) -> (String, String) {
    let assert = progress(kubeconfig, namespace.name(), arguments).assert();
    let output = assert.get_output();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn wait_until_said(kubeconfig: &Path, namespace: &Namespace, job: &str, expected: &str) {
    wait_until(expected, || {
        let (answer, _) = said(kubeconfig, namespace, &[job]);
        answer.contains(expected)
    });
}

/// The requests for logs that were made; `said` with `-v` shows them.
fn log_requests(status: &str) -> Vec<&str> {
    let requests = status.lines().filter(|line| line.starts_with("GET "));
    requests.filter(|line| line.contains("/log?")).collect()
}

#[test]
fn one_look_at_one_job_has_its_phases_and_how_far_it_is() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-one").unwrap();
    apply(&bed, &namespace, torch("stands", 2, STANDS));
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    wait_until_said(&kubeconfig, &namespace, "stands", STANDS_AT);
    wait_until_said(&kubeconfig, &namespace, "stands", "2/2 nodes");
    for arguments in [&["stands"][..], &["trainjob/sta"], &["@last"], &[]] {
        progress(&kubeconfig, namespace.name(), arguments)
            .assert()
            .code(0)
            .stdout_eq(str![[r#"
TrainJob stands: Running
scheduling [..]s · starting [..]s · training [..]s, 2/2 nodes
training 24% · step 40/100 · epoch 3/10 · loss 0.5000 · accuracy 0.8000; log of node-0 (keras), [..]s ago

"#]])
            .stderr_eq(str![]);
    }
    let (answer, _) = said(&kubeconfig, &namespace, &["stands", "-o", "json"]);
    let document: Value = serde_json::from_str(&answer).unwrap();
    assert_follows("progress-look", &document);
    assert_eq!(document["phase"], "training");
    assert_eq!(document["training"]["step"]["done"], 40);
    let (answer, _) = said(&kubeconfig, &namespace, &["stands", "-o", "yaml"]);
    assert!(answer.starts_with("time: "), "{answer}");
    assert!(answer.contains("\n    done: 40\n"), "{answer}");
}

#[test]
fn several_jobs_are_a_table_and_programs_always_get_a_list() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-table").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    apply(&bed, &namespace, torch("stands", 2, STANDS));
    wait_until_said(&kubeconfig, &namespace, "stands", STANDS_AT);
    wait_until_said(&kubeconfig, &namespace, "stands", "2/2 nodes");
    let items = |arguments: &[&str]| {
        let (answer, _) = said(&kubeconfig, &namespace, arguments);
        let document: Value = serde_json::from_str(&answer).unwrap();
        assert_follows("progress-look", &document);
        let items = document["items"].as_array().unwrap().clone();
        let own = items
            .iter()
            .filter(|item| item["namespace"] == namespace.name());
        own.map(|item| item["job"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(items(&["-o", "json"]), ["stands"]);
    let mut held = torch("held", 1, "echo hello");
    held["spec"]["suspend"] = json!(true);
    apply(&bed, &namespace, held);
    apply(&bed, &namespace, torch("silent", 1, "sleep 600"));
    apply(&bed, &namespace, torch("brief", 1, "echo hello"));
    wait_until_said(&kubeconfig, &namespace, "brief", "Complete");
    wait_until_said(&kubeconfig, &namespace, "silent", "1/1 node");
    wait_until_said(&kubeconfig, &namespace, "held", "suspended");
    progress(&kubeconfig, namespace.name(), &[])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
NAME     PHASE      PROGRESS   ETA   NODES   AGE[..]SOURCE
brief    done       -          -     1       [..]s[..]-
held     queued     -          -     0/1     [..]s[..]-
silent   training   -          -     1/1     [..]s[..]-
stands   training   24%        -     2/2     [..]s[..]log, [..] ago

"#]])
        .stderr_eq(str![]);
    assert_eq!(
        items(&["-o", "json"]),
        ["brief", "held", "silent", "stands"]
    );
    assert_eq!(
        items(&["-A", "-o", "json"]),
        ["brief", "held", "silent", "stands"]
    );
    let (table, _) = said(&kubeconfig, &namespace, &["-A"]);
    assert!(table.starts_with("NAMESPACE "), "{table}");
    let own = table
        .lines()
        .filter(|line| line.starts_with(namespace.name()));
    assert_eq!(own.count(), 4, "{table}");
    progress(&kubeconfig, namespace.name(), &["-w"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: name one of the TrainJobs in namespace [..]
hint: they are: brief, held, silent, stands

"#]]);
}

#[test]
fn where_there_is_no_job_it_is_said_as_by_logs() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-none").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    for arguments in [&[][..], &["-w"], &["-o", "json"]] {
        progress(&kubeconfig, namespace.name(), arguments)
            .assert()
            .code(5)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: there are no TrainJobs in namespace [..]
hint: name another namespace with -n; all TrainJobs: kubectl --context admin --kubeconfig [..] get trainjobs -A

"#]]);
    }
    for arguments in [&["nothing"][..], &["nothing", "-w"]] {
        progress(&kubeconfig, namespace.name(), arguments)
            .assert()
            .code(5)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: there is no TrainJob "nothing" in namespace [..]
hint: name another namespace with -n; all TrainJobs: kubectl --context admin --kubeconfig [..] get trainjobs -A

"#]]);
    }
}

/// May see jobs, their pods and the objects between, and no logs.
const WITHOUT_LOGS: [Rule<'static>; 3] = [
    rule(&["trainer.kubeflow.org"], &["trainjobs"]),
    rule(&["jobset.x-k8s.io"], &["jobsets"]),
    rule(&[""], &["pods"]),
];

const fn rule<'a>(groups: &'a [&'a str], resources: &'a [&'a str]) -> Rule<'a> {
    Rule {
        reach: Reach::Namespace,
        groups,
        resources,
        verbs: &["get", "list", "watch"],
    }
}

#[test]
fn who_may_not_read_logs_sees_the_phases_and_learns_the_rule_and_follows_to_the_end() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-rights").unwrap();
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name: "reader",
        rules: &WITHOUT_LOGS,
    };
    let admin = bed.kubeconfig(&User::Admin).unwrap();
    let kubeconfig = bed.kubeconfig(&caller).unwrap();
    apply(&bed, &namespace, torch("stands", 1, STANDS));
    wait_until_said(&admin, &namespace, "stands", STANDS_AT);
    progress(&kubeconfig, namespace.name(), &["stands"])
        .assert()
        .code(4)
        .stdout_eq(str![[r#"
TrainJob stands: Running
scheduling [..]s · starting [..]s · training [..]s, 1/1 node
how far it is is not known: its log may not be read

"#]])
        .stderr_eq(str![[r#"
error: forbidden: user "system:serviceaccount:[..]:reader" may not get pods/log stands-node-0-0-[..] in namespace [..]
hint: ask an administrator for verb "get" on resource "pods/log" of apiGroup ""; check it with: kubectl --context reader --kubeconfig [..] auth can-i get pods --subresource=log -n [..]

"#]]);
    let (answer, _) = said(&kubeconfig, &namespace, &["stands", "-o", "json"]);
    let document: Value = serde_json::from_str(&answer).unwrap();
    assert_follows("progress-look", &document);
    assert_eq!(document["unknown"]["reason"], "Forbidden");
    let mut held = torch("held", 1, "echo hello");
    held["spec"]["suspend"] = json!(true);
    apply(&bed, &namespace, held);
    wait_until("the held job has its JobSet", || {
        let (table, _) = said(&admin, &namespace, &[]);
        table.contains("0/1")
    });
    progress(&kubeconfig, namespace.name(), &[])
        .assert()
        .code(4)
        .stdout_eq(str![[r#"
NAME     PHASE      PROGRESS    ETA   NODES   AGE[..]SOURCE
held     queued     -           -     0/1     [..]s[..]-
stands   training   <unknown>   -     1/1     [..]s[..]forbidden

"#]])
        .stderr_eq(str![[r#"
error: forbidden: user "system:serviceaccount:[..]:reader" may not get pods/log stands-node-0-0-[..] in namespace [..]
hint: ask an administrator for verb "get" on resource "pods/log" of apiGroup ""; check it with: kubectl --context reader --kubeconfig [..] auth can-i get pods --subresource=log -n [..]

"#]]);
    apply(&bed, &namespace, torch("brief", 1, "sleep 5"));
    progress(&kubeconfig, namespace.name(), &["brief", "-w"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
...
progress: [..]training begins, 1/1 node
...
progress: done

"#]])
        .stderr_eq(str![[r#"
warning: only what the cluster knows is shown: forbidden: you may not get pods/log in namespace [..]
hint: ask an administrator for verb "get" on resource "pods/log" of apiGroup ""; check it with: kubectl --context reader --kubeconfig [..] auth can-i get pods --subresource=log -n [..]

"#]]);
}

#[test]
fn a_job_is_followed_to_its_end_whose_result_is_the_commands() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-watch").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let script = "n=0; while [ $n -lt 4 ]; do n=$((n+1)); echo \"Epoch $n/4\"; \
        echo '100/100 [=====] - 1s - loss: 0.5000'; sleep 1; done";
    apply(&bed, &namespace, torch("counts", 1, script));
    let (answer, status) = said(&kubeconfig, &namespace, &["counts", "-w"]);
    assert_eq!(status, "");
    let told: Vec<_> = answer
        .lines()
        .filter(|line| line.contains(": training "))
        .collect();
    assert!(told.len() >= 2, "{answer}");
    assert!(!answer.contains("Epoch"), "{answer}");
    assert_eq!(answer.lines().last(), Some("progress: done"), "{answer}");
    let fails = |code| {
        let containers = [("node", code)];
        group("node", Some("trainer"), &containers)
    };
    let script =
        "echo 'Epoch 3/10'; echo '40/100 [====>.....] - ETA: 12s - loss: 0.5000'; sleep 4; exit 3";
    apply(&bed, &namespace, runtime("fails", &json!([fails(script)])));
    apply(&bed, &namespace, plain("fails", "fails"));
    let watched = progress(
        &kubeconfig,
        namespace.name(),
        &["fails", "-w", "-o", "json"],
    )
    .assert()
    .code(1)
    .stderr_eq(str![[r#"
error: TrainJob "fails" failed: jobset failed due to one or more job failures (first failed job: fails-node-0) (FailedJobs)

"#]]);
    let events = String::from_utf8_lossy(&watched.get_output().stdout).into_owned();
    assert!(events.lines().count() > 1, "{events}");
    for event in events.lines() {
        assert_follows("progress", &serde_json::from_str(event).unwrap());
    }
    progress(&kubeconfig, namespace.name(), &["fails"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
TrainJob fails: Failed
jobset failed due to one or more job failures (first failed job: fails-node-0) (FailedJobs)
scheduling [..]s · starting [..]s · training failed after [..]s · failed
training 24% · step 40/100 · epoch 3/10 · loss 0.5000; log of node-0 (keras), [..]s ago

"#]])
        .stderr_eq(str![]);
}

#[test]
fn a_job_that_reported_lately_costs_no_request_for_a_log() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-report").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    apply(&bed, &namespace, torch("stands", 1, STANDS));
    wait_until_said(&kubeconfig, &namespace, "stands", STANDS_AT);
    let (_, status) = said(&kubeconfig, &namespace, &["stands", "-v"]);
    assert_eq!(log_requests(&status).len(), 1, "{status}");
    let now = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap();
    let report = json!({"status": {"trainerStatus": {
        "progressPercentage": 61, "estimatedRemainingSeconds": 600, "lastUpdatedTime": now.to_string(),
        "metrics": [{"name": "loss", "value": "0.1250"}]
    }}});
    let report = report.to_string();
    let patch = [
        "patch",
        "trainjob",
        "stands",
        "--subresource=status",
        "--type=merge",
        "-p",
    ];
    in_namespace(&bed, &namespace, &[&patch[..], &[&report]].concat());
    let (answer, status) = said(&kubeconfig, &namespace, &["stands", "-v"]);
    assert!(answer.contains("training 61%"), "{answer}");
    assert!(answer.contains("reported by the training"), "{answer}");
    assert_eq!(log_requests(&status), Vec::<&str>::new());
}

#[test]
fn who_comes_late_reads_the_end_of_a_log_and_its_beginning_where_the_total_stands() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-late").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    apply(&bed, &namespace, torch("late", 1, SAYS_ONCE));
    wait_until_said(&kubeconfig, &namespace, "late", "step 250/1,000");
    let (answer, status) = said(&kubeconfig, &namespace, &["late", "-v"]);
    assert!(answer.contains("training 25%"), "{answer}");
    let requests = log_requests(&status);
    assert_eq!(requests.len(), 2, "{status}");
    assert!(requests[0].contains("tailLines=200 "), "{status}");
    assert!(requests[1].contains("limitBytes=65536 "), "{status}");
}

#[test]
fn a_node_that_does_not_answer_holds_up_a_look_for_three_seconds_and_hides_no_other_job() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-stall").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    // More than are asked at a time, and the first is the one without an answer.
    let jobs: Vec<_> = (0..20).map(|number| format!("job-{number:02}")).collect();
    for job in &jobs {
        apply(&bed, &namespace, torch(job, 1, STANDS));
    }
    let rows_with = |text: &str| {
        let (table, status) = said(&kubeconfig, &namespace, &[]);
        let rows = table.lines().filter(|row| row.contains(text));
        let names = rows.filter_map(|row| Some(row.split_whitespace().next()?.to_owned()));
        (names.collect::<Vec<_>>(), status)
    };
    wait_until("all jobs stand", || {
        rows_with(" 24% ").0.len() == jobs.len()
    });
    let selector = "jobset.sigs.k8s.io/jobset-name=job-00";
    let own = ["-n", namespace.name(), "get", "pods", "-l", selector];
    let pod = kubectl(&bed, &[&own[..], &["-o", "name"]].concat());
    let pod = pod.trim().replace("pod/", "");
    let matcher = Matcher::Request {
        method: None,
        path_prefix: format!("/api/v1/namespaces/{}/pods/{pod}/log", namespace.name()),
    };
    let proxy = bed.between_client_and_server();
    let _stalled = proxy.set(matcher, Fault::Stall, Times::Always).unwrap();
    let start = Instant::now();
    let (told, status) = rows_with(" 24% ");
    let took = start.elapsed().as_secs();
    assert_eq!(told, jobs[1..]);
    assert_eq!(
        status,
        "warning: TrainJob \"job-00\": its log was not there within 3 s\n"
    );
    assert!((3..10).contains(&took), "{took} s");
    let (untold, _) = rows_with("<unknown>");
    assert_eq!(untold, jobs[..1]);
    let (answer, _) = said(&kubeconfig, &namespace, &["-o", "json"]);
    let document: Value = serde_json::from_str(&answer).unwrap();
    assert_follows("progress-look", &document);
    assert_eq!(document["items"][0]["unknown"]["reason"], "NoAnswer");
}

#[test]
fn on_a_terminal_bars_are_drawn_and_the_last_state_stays() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-tty").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    apply(&bed, &namespace, torch("stands", 1, STANDS));
    wait_until_said(&kubeconfig, &namespace, "stands", STANDS_AT);
    let environment = [("NO_COLOR", "1"), ("LANG", "C.UTF-8")];
    let mut terminal = Terminal::new(&bed, &namespace, &environment);
    let program = env!("CARGO_BIN_EXE_kubectl-trainer");
    let name = namespace.name();
    terminal.press(&format!("{program} progress -n {name} stands\n"));
    let text = terminal.wait_for_text("log of node-0");
    assert!(text.contains("━──"), "{text}");
    terminal.press(&format!("{program} progress -n {name} stands -w\n"));
    terminal.wait_for("bars that are drawn anew", |text| {
        text.matches("━──").count() >= 3
    });
    terminal.press("\u{3}");
    assert_eq!(terminal.exit_code(), "130");
    let sent = String::from_utf8(terminal.finish()).unwrap();
    let screen = Screen::after(&sent);
    let bars = screen.lines.iter().filter(|line| line.contains("━──"));
    assert_eq!(bars.count(), 2, "{:#?}", screen.lines);
    let lines = screen.lines.iter().filter(|line| line.starts_with("Epoch"));
    assert_eq!(lines.count(), 0, "{:#?}", screen.lines);
    assert!(screen.lines.iter().any(|line| line.starts_with(PROMPT)));
}

/// Of a training that says in its first line alone how many steps there are.
const SAYS_ONCE: &str = "echo 'Starting training..., iters: 1000'; seq 1 200000; \
    echo 'Iter 250: Train loss 1.500, Learning Rate 1.000e-05, It/sec 2.000, Tokens/sec 100.0, \
    Trained Tokens 1000, Peak mem 1.0 GB'; sleep 600";

#[test]
fn who_follows_from_the_last_lines_on_knows_as_much_as_who_looks_once() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-first").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    apply(&bed, &namespace, torch("late", 1, SAYS_ONCE));
    wait_until_said(&kubeconfig, &namespace, "late", "step 250/1,000");
    let mut command = binary();
    command
        .args(["progress", "-w", "late", "-n", namespace.name()])
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .stdout(Stdio::piped());
    let mut watch = Running::start(&mut command);
    let mut lines = Lines::of(watch.0.stdout.take());
    let is_told = |line: &String| line.starts_with("progress: training ");
    let told = lines.find(is_told).unwrap();
    assert!(
        told.starts_with("progress: training 25% · step 250/1,000 "),
        "{told}"
    );
}

/// Trains for some seconds, and does not come to its end.
const STOPS: &str = "echo 'Epoch 3/10'; \
    echo '40/100 [====>.....] - ETA: 12s - loss: 0.5000 - accuracy: 0.8000'; sleep 5";

#[test]
fn who_wants_no_progress_while_a_job_runs_is_told_in_the_end() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-end").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    apply(&bed, &namespace, torch("stops", 1, STOPS));
    let arguments = ["-w", "stops", "--progress", "none"];
    progress(&kubeconfig, namespace.name(), &arguments)
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
scheduling [..]s · starting [..]s · training [..]s · done
training 24% · step 40/100 · epoch 3/10 · loss 0.5000 · accuracy 0.8000; log of node-0 (keras), [..]s ago

"#]])
        .stderr_eq(str![]);
}

#[test]
fn a_watch_in_the_background_of_a_terminal_tells_in_the_end_how_far_the_job_came() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-back").unwrap();
    let environment = [("NO_COLOR", "1"), ("LANG", "C.UTF-8")];
    let mut terminal = Terminal::new(&bed, &namespace, &environment);
    apply(&bed, &namespace, torch("stops", 1, STOPS));
    let program = env!("CARGO_BIN_EXE_kubectl-trainer");
    let name = namespace.name();
    terminal.press(&format!("{program} progress -n {name} stops -w &\n"));
    let text = terminal.wait_for_text("\ntraining 24% · step 40/100 · ");
    assert!(text.contains(" · done"), "{text}");
    assert!(!text.contains("━"), "{text}");
}

#[test]
fn the_last_rows_of_a_job_that_is_over_tell_how_far_it_came_and_of_no_waiting() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("progress-last").unwrap();
    let environment = [("NO_COLOR", "1"), ("LANG", "C.UTF-8")];
    let mut terminal = Terminal::new(&bed, &namespace, &environment);
    apply(&bed, &namespace, torch("stops", 1, STOPS));
    let program = env!("CARGO_BIN_EXE_kubectl-trainer");
    let name = namespace.name();
    terminal.press(&format!("{program} progress -n {name} stops -w\n"));
    // A key that is typed before would stand among the rows.
    terminal.wait_for("the end", |text| {
        text.contains(" · done") && text.trim_end().ends_with(PROMPT.trim_end())
    });
    assert_eq!(terminal.exit_code(), "0");
    let sent = String::from_utf8(terminal.finish()).unwrap();
    let lines = Screen::after(&sent).lines;
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has(" · done"), "{lines:#?}");
    assert!(has("training     24%  step 40/100"), "{lines:#?}");
    assert!(!has("still "), "{lines:#?}");
    assert!(!has("━"), "{lines:#?}");
}
