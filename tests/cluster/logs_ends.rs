//! How `logs` ends where there is nothing to read, or no right to, and which of its lines it begins with.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use snapbox::{
    cmd::{Command, OutputAssert},
    str,
};
use testbed::{Namespace, Reach, Rule, Testbed, User};

use crate::{
    schemas::assert_follows,
    support::{Lines, Running, binary, kubectl, wait_until},
    watched::{apply, in_namespace, torch},
};

/// Five lines with a pause after the first, and one more when it is let go.
const PAUSES: &str = "echo old; sleep 3; echo a; echo b; echo c; \
    until test -e /tmp/go; do sleep 0.2; done; echo d";

fn logs(kubeconfig: &Path, namespace: &str, arguments: &[&str]) -> Command {
    Command::new(binary().get_program())
        .args(["logs", "-n", namespace])
        .args(arguments)
        .arg("--kubeconfig")
        .arg(kubeconfig)
}

fn lines(kubeconfig: &Path, namespace: &Namespace, arguments: &[&str]) -> Vec<String> {
    let assert = logs(kubeconfig, namespace.name(), arguments).assert();
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_job_that_is_not_there_and_a_namespace_that_is_not_there_end_it_with_5() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-nothing").unwrap();
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    for arguments in [&["nothing"][..], &["nothing", "-f"]] {
        logs(&kubeconfig, namespace.name(), arguments)
            .assert()
            .code(5)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: there is no TrainJob "nothing" in namespace [..]
hint: name another namespace with -n; all TrainJobs: kubectl --context admin --kubeconfig [..] get trainjobs -A

"#]]);
    }
    logs(&kubeconfig, "no-such-namespace", &["nothing", "-f"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: there is no TrainJob "nothing" in namespace no-such-namespace
hint: name another namespace with -n; all TrainJobs: kubectl --context admin --kubeconfig [..] get trainjobs -A

"#]]);
    logs(&kubeconfig, namespace.name(), &[])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: there are no TrainJobs in namespace [..]
hint: name another namespace with -n; all TrainJobs: kubectl --context admin --kubeconfig [..] get trainjobs -A

"#]]);
}

#[test]
fn who_may_not_read_logs_is_told_so_and_of_no_step_that_is_followed() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-forbidden").unwrap();
    let rule = |groups, resources| Rule {
        reach: Reach::Namespace,
        groups,
        resources,
        verbs: &["get", "list", "watch"],
    };
    let rules = [
        rule(&["trainer.kubeflow.org"], &["trainjobs"]),
        rule(&[""], &["pods"]),
    ];
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name: "reader",
        rules: &rules,
    };
    apply(&bed, &namespace, torch("two", 2, "echo hello; sleep 600"));
    let admin = bed.kubeconfig(&User::Admin).unwrap();
    wait_until("both nodes speak", || {
        lines(&admin, &namespace, &["two"]).len() == 2
    });
    let kubeconfig = bed.kubeconfig(&caller).unwrap();
    for arguments in [&["two"][..], &["two", "-f", "--progress", "none"]] {
        logs(&kubeconfig, namespace.name(), arguments)
            .assert()
            .code(4)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
node-[..]: forbidden: user "system:serviceaccount:[..]:reader" may not get pods/log two-node-0-[..] in namespace [..]
2 nodes · 0 lines · 0 reconnects · no gaps · [..]s · Running
error: forbidden: you may not get pods/log in namespace [..]
hint: ask an administrator for verb "get" on resource "pods/log" of apiGroup ""; check it with: kubectl --context reader --kubeconfig [..] auth can-i get pods --subresource=log -n [..]

"#]]);
    }
}

/// Follows a job whose pods are refused to its deadline. None where the job's status does not count its pods in the end:
/// Trainer 2.3.0 takes the count away where the JobSet is gone before the job is called failed (3 jobs of 77), and then
/// nobody can know that there was none.
fn follow_without_pods(bed: &Testbed, namespace: &Namespace, seconds: u32) -> Option<OutputAssert> {
    let mut job = torch("never", 2, "echo hello");
    job["spec"]["activeDeadlineSeconds"] = json!(seconds);
    apply(bed, namespace, job);
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let followed = logs(&kubeconfig, namespace.name(), &["never", "-f", "-q"])
        .assert()
        .code(1)
        .stdout_eq(str![]);
    let path = "jsonpath={.status.jobsStatus[0].active}";
    let asked = ["get", "trainjob", "never", "-n", namespace.name(), "-o"];
    let is_counted = kubectl(bed, &[&asked[..], &[path]].concat()) == "0";
    if !is_counted {
        in_namespace(bed, namespace, &["delete", "trainjob", "never", "--wait"]);
    }
    is_counted.then_some(followed)
}

#[test]
fn a_job_that_failed_before_it_had_a_pod_has_lost_no_logs() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-never").unwrap();
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}
    });
    apply(&bed, &namespace, quota);
    let followed = [8, 8, 8, 60]
        .iter()
        .find_map(|seconds| follow_without_pods(&bed, &namespace, *seconds));
    followed
        .expect("one of four jobs whose status counts its pods")
        .stderr_eq(str![[r#"
TrainJob "never" ended before it had a pod: there is nothing to read
error: TrainJob "never" failed: TrainJob exceeded its active deadline (DeadlineExceeded)

"#]]);
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    logs(&kubeconfig, namespace.name(), &["never", "--strict"])
        .assert()
        .code(0)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
TrainJob "never" ended before it had a pod: there is nothing to read
TrainJob "never" failed: TrainJob exceeded its active deadline (DeadlineExceeded)
0 nodes · 0 lines · 0 reconnects · no gaps · [..]s · Failed

"#]]);
    let notices = [
        "TrainJob \"never\" ended before it had a pod: there is nothing to read",
        "TrainJob \"never\" failed: TrainJob exceeded its active deadline (DeadlineExceeded)",
    ];
    let objects = lines(&kubeconfig, &namespace, &["never", "-o", "json"]);
    let objects: Vec<Value> = objects
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for object in &objects {
        assert_follows("logs", object);
    }
    let (summary, before) = objects.split_last().unwrap();
    assert_eq!(summary["outcome"], "Failed");
    let expected = notices.map(|text| json!({"type": "notice", "text": text}));
    assert_eq!(before, expected);
}

#[test]
fn of_the_last_lines_those_since_a_moment_are_shown_and_then_what_follows() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("logs-both").unwrap();
    apply(&bed, &namespace, torch("both", 1, PAUSES));
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let all = || lines(&kubeconfig, &namespace, &["both", "-t"]);
    wait_until("four lines", || all().len() == 4);
    let stamped = all();
    let moment = stamped[1].split_whitespace().nth(2).unwrap();
    let second = format!("{}Z", moment.split('.').next().unwrap());
    let since = ["both", "--since-time", &second, "--tail"];
    let read = |tail| lines(&kubeconfig, &namespace, &[&since[..], &[tail]].concat());
    assert_eq!(read("2"), ["node-0 | b", "node-0 | c"]);
    assert_eq!(read("9"), ["node-0 | a", "node-0 | b", "node-0 | c"]);

    let mut command = binary();
    command
        .args(["logs", "-f", "-n", namespace.name()])
        .args(since)
        .arg("2")
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Running::start(&mut command);
    let mut shown = Lines::of(process.0.stdout.take());
    let mut next = || shown.next();
    assert_eq!(next().as_deref(), Some("node-0 | b"));
    assert_eq!(next().as_deref(), Some("node-0 | c"));
    let selector = ["get", "pods", "--output", "name"];
    let place = ["--namespace", namespace.name()];
    let pod = kubectl(&bed, &[&place[..], &selector].concat());
    in_namespace(
        &bed,
        &namespace,
        &["exec", pod.trim(), "--", "touch", "/tmp/go"],
    );
    assert_eq!(next().as_deref(), Some("node-0 | d"));
    assert_eq!(next(), None);
    assert_eq!(process.exit_code(), Some(0));
}
