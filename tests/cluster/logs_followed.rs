//! `logs -f` of jobs that begin again: the lines of every round are printed, nothing is said to be missing. And what is said
//! of jobs that the caller may not see.

use std::{io::Read as _, process::Stdio};

use serde_json::json;
use snapbox::{cmd::Command, str};
use testbed::{Namespace, Reach, Rule, Testbed, User};

use crate::{
    support::{Lines, Running, binary, kubectl, wait_until},
    watched::{apply, in_namespace, torch},
};

const JOB: &str = "again";
/// Ends well when it is let go, and badly when it is told to stop.
const WAITS: &str = "trap 'echo stopped; exit 1' TERM; echo begun; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo done";

/// `logs -f` of the job, at work.
struct Follower {
    process: Running,
    lines: Lines,
    printed: Vec<String>,
}

impl Follower {
    fn start(bed: &Testbed, namespace: &Namespace) -> Self {
        let mut command = binary();
        command
            .args(["logs", "-f", JOB, "-o", "raw", "-n", namespace.name()])
            .arg("--kubeconfig")
            .arg(bed.kubeconfig(&User::Admin).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Running::start(&mut command);
        Self {
            lines: Lines::of(process.0.stdout.take()),
            process,
            printed: Vec::new(),
        }
    }

    #[track_caller]
    fn expect(&mut self, expected: &str) {
        let lines = self.lines.by_ref();
        let mut printed = lines.inspect(|line| self.printed.push(line.clone()));
        let is_there = printed.any(|line| line == expected);
        assert!(is_there, "no {expected:?} in {:?}", self.printed);
    }

    /// Waits for the end: the job is complete, these lines were printed, and none is missing.
    #[track_caller]
    fn expect_end(mut self, lines: &[&str]) {
        self.printed.extend(self.lines);
        let mut messages = String::new();
        let mut stream = self.process.0.stderr.take().unwrap();
        stream.read_to_string(&mut messages).unwrap();
        let code = self.process.exit_code();
        assert_eq!(self.printed, lines, "{messages}");
        assert!(!messages.contains("missing"), "{messages}");
        assert_eq!(code, Some(0), "{messages}");
    }
}

/// A job that waits, and who follows it.
#[track_caller]
fn begin(bed: &Testbed, namespace: &Namespace) -> Follower {
    apply(bed, namespace, torch(JOB, 1, WAITS));
    let mut follower = Follower::start(bed, namespace);
    follower.expect("begun");
    follower
}

/// Lets the only pod end well.
#[track_caller]
fn let_go(bed: &Testbed, namespace: &Namespace) {
    let pods = || {
        let place = ["--namespace", namespace.name(), "get", "pods"];
        let pods = kubectl(bed, &[&place[..], &["--output", "name"]].concat());
        pods.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    wait_until("one pod", || pods().len() == 1);
    let touch = ["exec", &pods()[0], "--", "touch", "/tmp/go"];
    in_namespace(bed, namespace, &touch);
}

#[test]
fn the_lines_of_a_job_are_printed_before_it_is_suspended_and_after_it_is_resumed() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("followed-pause").unwrap();
    let mut follower = begin(&bed, &namespace);
    let suspend = |suspend: bool| {
        let patch = json!({"spec": {"suspend": suspend}}).to_string();
        let patch = ["patch", "trainjob", JOB, "--type=merge", "-p", &patch];
        in_namespace(&bed, &namespace, &patch);
    };
    suspend(true);
    follower.expect("stopped");
    suspend(false);
    follower.expect("begun");
    let_go(&bed, &namespace);
    follower.expect_end(&["begun", "stopped", "begun", "done"]);
}

#[test]
fn the_lines_of_a_job_that_is_deleted_and_made_again_are_printed_of_both() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("followed-again").unwrap();
    let mut follower = begin(&bed, &namespace);
    in_namespace(&bed, &namespace, &["delete", "trainjob", JOB]);
    // Two pods that speak at the same time could do so in any order.
    follower.expect("stopped");
    apply(&bed, &namespace, torch(JOB, 1, WAITS));
    follower.expect("begun");
    let_go(&bed, &namespace);
    follower.expect_end(&["begun", "stopped", "begun", "done"]);
}

/// `logs` of a job that is not there, for a caller with these verbs on TrainJobs.
fn logs_of_nothing(bed: &Testbed, namespace: &Namespace, verbs: &[&str]) -> Command {
    let rules = [Rule {
        reach: Reach::Namespace,
        groups: &["trainer.kubeflow.org"],
        resources: &["trainjobs"],
        verbs,
    }];
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name: "reader",
        rules: &rules,
    };
    Command::new(binary().get_program())
        .args(["logs", "nothing", "-n", namespace.name()])
        .arg("--kubeconfig")
        .arg(bed.kubeconfig(&caller).unwrap())
}

#[test]
fn a_wrong_name_is_said_to_be_wrong_also_to_who_may_not_list_the_right_ones() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("followed-typo").unwrap();
    let command = logs_of_nothing(&bed, &namespace, &["get"]);
    command.assert().code(5).stdout_eq(str![]).stderr_eq(str![[r#"
error: there is no TrainJob "nothing" in namespace [..]
hint: type the whole name: you may not list TrainJobs here
hint: ask an administrator for verb "list" on resource "trainjobs" of apiGroup "trainer.kubeflow.org"; check it with: kubectl --context reader --kubeconfig [..] auth can-i list trainjobs.trainer.kubeflow.org -n [..]

"#]]);
}

#[test]
fn who_may_not_read_the_job_that_is_named_learns_which_rule_that_takes() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("followed-rule").unwrap();
    let command = logs_of_nothing(&bed, &namespace, &["watch"]);
    command.assert().code(4).stdout_eq(str![]).stderr_eq(str![[r#"
error: forbidden: user "system:serviceaccount:[..]:reader" may not get trainjobs.trainer.kubeflow.org nothing in namespace [..]
hint: ask an administrator for verb "get" on resource "trainjobs" of apiGroup "trainer.kubeflow.org"; check it with: kubectl --context reader --kubeconfig [..] auth can-i get trainjobs.trainer.kubeflow.org -n [..]

"#]]);
}
