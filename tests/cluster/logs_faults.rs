//! `logs -f` while the way to the cluster fails: what is printed is what was served, once and in order, and nothing is
//! said to be missing. Each fault meets a stream that is open, and those that follow it.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::Stdio,
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use snapbox::{cmd::Command, str};
use testbed::{Fault, Matcher, Namespace, ProxyControl, Reach, Rule, Testbed, Times, User};

use crate::{
    reading::run_job,
    support::{Running, binary, kubectl, wait_until},
};

const JOB: &str = "steady";
/// Fifty lines every tenth of a second, for some eight seconds.
const STEADY: &str = "i=0; while [ $i -lt 4000 ]; do \
    for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50; \
    do i=$((i+1)); echo \"line $i of a steady job\"; done; sleep 0.1; done";
const LINES: usize = 4000;
/// So many lines are there when a fault is set.
const BEGUN: usize = 200;
const LIMIT: Duration = Duration::from_mins(3);
/// What `logs -f` needs, in one namespace.
const READER: [Rule<'static>; 3] = [
    rule(&[""], &["pods"], &["get", "list", "watch"]),
    rule(&[""], &["pods/log"], &["get"]),
    rule(&["trainer.kubeflow.org"], &["trainjobs"], &["get", "list"]),
];

const fn rule<'a>(
    groups: &'a [&'a str],
    resources: &'a [&'a str],
    verbs: &'a [&'a str],
) -> Rule<'a> {
    Rule {
        reach: Reach::Namespace,
        groups,
        resources,
        verbs,
    }
}

fn line(number: usize) -> String {
    format!("line {number} of a steady job")
}

/// What a program has written so far, line by line.
#[derive(Clone, Default)]
struct Written(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Written {
    /// Collects to the end of the stream.
    fn collect(&self, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let written = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                written.0.0.lock().unwrap().push(line.unwrap());
                written.0.1.notify_all();
            }
        })
    }

    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn(&[String]) -> bool) {
        let end = Instant::now() + LIMIT;
        let mut lines = self.0.0.lock().unwrap();
        while !is_so(&lines) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not {what}: {:?}", lines.last());
            lines = self.0.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.0.lock().unwrap())
    }
}

/// `logs -f` of the job, at work.
struct Follower {
    process: Running,
    output: Written,
    messages: Written,
    threads: Vec<JoinHandle<()>>,
}

impl Follower {
    fn start(bed: &Testbed, namespace: &Namespace, user: &User<'_>) -> Self {
        let mut command = binary();
        command
            .args(["logs", "-f", JOB, "-o", "raw", "-v", "-n", namespace.name()])
            .arg("--kubeconfig")
            .arg(bed.kubeconfig(user).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Running::start(&mut command);
        let (output, messages) = (Written::default(), Written::default());
        let threads = vec![
            output.collect(process.0.stdout.take().unwrap()),
            messages.collect(process.0.stderr.take().unwrap()),
        ];
        Self {
            process,
            output,
            messages,
            threads,
        }
    }

    /// Waits until the job is over. Everything was printed, once and in order, and nothing else; no word of lines that
    /// are missing, or of rights. Gives the number of reconnects that the summary says.
    #[track_caller]
    fn expect_everything(mut self) -> u64 {
        self.output
            .wait("whole", |lines| lines.last() == Some(&line(LINES)));
        let code = self.process.exit_code();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        let messages = self.messages.take();
        let printed = self.output.take();
        for (number, found) in (1..).zip(&printed) {
            assert_eq!(*found, line(number), "{messages:#?}");
        }
        assert_eq!(printed.len(), LINES);
        assert_eq!(code, Some(0), "{messages:#?}");
        for unwanted in ["missing", "forbidden"] {
            let mut said = messages.iter().filter(|text| !is_request(text));
            assert!(!said.any(|text| text.contains(unwanted)), "{messages:#?}");
        }
        reconnects(&messages)
    }
}

/// Whether it is a line of `-v`, which also holds the words of answers that were asked for again.
fn is_request(text: &str) -> bool {
    text.starts_with("GET ")
}

/// The number that the summary says.
#[track_caller]
fn reconnects(messages: &[String]) -> u64 {
    let parts = messages.iter().flat_map(|text| text.split(" · "));
    let counts = parts.filter_map(|part| part.split_once(" reconnect"));
    let count = counts.last().and_then(|(count, _)| count.parse().ok());
    count.unwrap_or_else(|| panic!("no summary: {messages:#?}"))
}

/// A job at work, and somebody who follows it.
struct Scene {
    namespace: Namespace,
    /// The job's only one.
    pod: String,
    follower: Follower,
}

impl Scene {
    #[track_caller]
    fn begin(bed: &Testbed, hint: &str) -> Self {
        let namespace = bed.namespace(hint).unwrap();
        Self::begin_in(bed, namespace, |_| User::Admin)
    }

    #[track_caller]
    fn begin_in(
        bed: &Testbed,
        namespace: Namespace,
        user: impl for<'a> Fn(&'a Namespace) -> User<'a>,
    ) -> Self {
        run_job(bed, &namespace, JOB, 1, STEADY);
        let follower = Follower::start(bed, &namespace, &user(&namespace));
        follower.output.wait("begun", |lines| lines.len() >= BEGUN);
        let list = ["-n", namespace.name(), "get", "pods", "-o", "name"];
        let pods = kubectl(bed, &list);
        let pod = pods.trim().strip_prefix("pod/").unwrap().to_owned();
        Self {
            namespace,
            pod,
            follower,
        }
    }

    /// Requests for the log of the job's pod, and no others.
    fn log(&self) -> Matcher {
        self.requests(&format!("pods/{}/log", self.pod))
    }

    fn requests(&self, path: &str) -> Matcher {
        let namespace = self.namespace.name();
        Matcher::Request {
            method: None,
            path_prefix: format!("/api/v1/namespaces/{namespace}/{path}"),
        }
    }
}

/// Follows a job through these faults, each of which meets that many requests for the log, and expects every line.
#[track_caller]
fn survive(hint: &str, faults: &[(Fault, u64)]) {
    if let Some(reconnects) = follow_through(hint, faults) {
        assert!(reconnects > 0);
    }
}

/// The number of reconnects. What is opened again only after the container's end is a drain, and none of them.
#[track_caller]
fn follow_through(hint: &str, faults: &[(Fault, u64)]) -> Option<u64> {
    let bed = Testbed::shared()?;
    let scene = Scene::begin(&bed, hint);
    let proxy = bed.between_client_and_server();
    let set: Vec<_> = faults
        .iter()
        .map(|(fault, times)| proxy.set(scene.log(), *fault, Times::Next(*times)).unwrap())
        .collect();
    wait_until_over(&proxy, &scene.log());
    let Scene {
        follower,
        namespace: _held,
        ..
    } = scene;
    let reconnects = follower.expect_everything();
    // What stalls does so until now.
    drop(set);
    Some(reconnects)
}

/// Every fault has happened as often as it was to.
#[track_caller]
fn wait_until_over(proxy: &ProxyControl, matcher: &Matcher) {
    wait_until("all faults have happened", || {
        let rules = proxy.list().unwrap();
        rules.iter().all(|rule| rule.matcher != *matcher)
    });
}

#[test]
fn a_connection_that_is_reset_loses_nothing() {
    survive("fault-cut", &[(Fault::Cut, 3)]);
}

#[test]
fn a_connection_that_ends_after_some_bytes_loses_nothing() {
    survive("fault-after", &[(Fault::CutAfter(5_000), 4)]);
}

#[test]
fn a_connection_that_ends_in_the_middle_of_a_line_loses_and_tears_nothing() {
    survive("fault-midline", &[(Fault::BreakMidLine(5_000), 4)]);
}

#[test]
fn a_server_that_answers_late_loses_nothing() {
    let late = Fault::Delay(Duration::from_secs(2));
    survive("fault-late", &[(Fault::Cut, 1), (late, 2)]);
}

#[test]
fn a_server_with_too_many_requests_is_asked_later_and_loses_nothing() {
    survive("fault-429", &[(Fault::Cut, 1), (Fault::Answer(429), 3)]);
}

#[test]
fn a_server_with_an_error_of_its_own_is_asked_again_and_loses_nothing() {
    survive("fault-500", &[(Fault::Cut, 1), (Fault::Answer(500), 3)]);
}

#[test]
fn a_server_that_is_not_available_is_asked_again_and_loses_nothing() {
    survive("fault-503", &[(Fault::Cut, 1), (Fault::Answer(503), 3)]);
}

#[test]
fn a_credential_that_is_refused_once_is_read_again_and_loses_nothing() {
    survive("fault-401", &[(Fault::Cut, 1), (Fault::Answer(401), 1)]);
}

/// The silence is looked at after half a minute.
#[test]
fn a_stream_that_stalls_is_opened_again_and_loses_nothing() {
    follow_through("fault-stall", &[(Fault::Stall, 1)]);
}

#[test]
fn a_watch_that_breaks_with_the_streams_loses_nothing() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::begin(&bed, "fault-all");
    let proxy = bed.between_client_and_server();
    let everything = scene.requests("");
    let fault = proxy
        .set(everything.clone(), Fault::Cut, Times::Next(6))
        .unwrap();
    wait_until_over(&proxy, &everything);
    drop(fault);
    scene.follower.expect_everything();
}

#[test]
fn a_kubelet_whose_connections_break_loses_nothing() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let scene = Scene::begin(&bed, "fault-kubelet");
    let proxy = bed.between_server_and_cluster();
    let kubelet = Matcher::Target(":10250".to_owned());
    let fault = proxy
        .set(kubelet.clone(), Fault::Cut, Times::Next(3))
        .unwrap();
    wait_until_over(&proxy, &kubelet);
    drop(fault);
    scene.follower.expect_everything();
}

#[test]
fn an_api_server_that_is_restarted_loses_nothing() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let scene = Scene::begin(&bed, "fault-restart");
    bed.restart_api_server().unwrap();
    scene.follower.expect_everything();
}

/// Only an administrator is never refused by RBAC, which knows no rules yet when an API server begins to answer.
#[test]
fn an_api_server_that_is_restarted_loses_nothing_for_who_may_read_one_namespace() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let namespace = bed.namespace("fault-narrow").unwrap();
    let scene = Scene::begin_in(&bed, namespace, |namespace| User::ServiceAccount {
        namespace: namespace.name(),
        name: "reader",
        rules: &READER,
    });
    bed.restart_api_server().unwrap();
    scene.follower.expect_everything();
}

/// The same, for as long as such a server may take, and whatever it says meanwhile.
#[test]
fn a_right_that_a_server_does_not_know_for_a_while_loses_nothing() {
    follow_through("fault-403", &[(Fault::Cut, 1), (Fault::Answer(403), 4)]);
}

#[test]
fn a_credential_that_is_refused_again_and_again_for_a_while_loses_nothing() {
    follow_through("fault-401s", &[(Fault::Cut, 1), (Fault::Answer(401), 6)]);
}

#[test]
fn a_server_that_nobody_reaches_for_a_while_loses_nothing() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let scene = Scene::begin(&bed, "fault-refused");
    let proxy = bed.between_client_and_server();
    let refusal = proxy
        .set(Matcher::Any, Fault::Refuse, Times::Always)
        .unwrap();
    let cut = proxy
        .set(scene.requests(""), Fault::Cut, Times::Always)
        .unwrap();
    scene.follower.messages.wait("refused", |lines| {
        let refused = lines
            .iter()
            .filter(|line| line.contains("connection refused"));
        refused.count() >= 3
    });
    drop((cut, refusal));
    scene.follower.expect_everything();
}

#[test]
fn who_may_see_a_job_but_not_its_logs_learns_the_rule() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("fault-rule").unwrap();
    run_job(&bed, &namespace, JOB, 1, "echo secret");
    let watch = ["get", "list", "watch"];
    let user = User::ServiceAccount {
        namespace: namespace.name(),
        name: "seer",
        rules: &[
            rule(&["trainer.kubeflow.org"], &["trainjobs"], &watch),
            rule(&[""], &["pods"], &watch),
        ],
    };
    Command::new(binary().get_program())
        .args([
            "logs",
            "-f",
            JOB,
            "--only-log-lines",
            "-n",
            namespace.name(),
        ])
        .arg("--kubeconfig")
        .arg(bed.kubeconfig(&user).unwrap())
        .assert()
        .code(4)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: forbidden: you may not get pods/log in namespace [..]
hint: ask an administrator for verb "get" on resource "pods/log" of apiGroup ""; check it with: kubectl --context seer --kubeconfig [..] auth can-i get pods --subresource=log -n [..]

"#]]);
}
