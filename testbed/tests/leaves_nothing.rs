//! However a bed ends, it leaves no process, namespace, mount, cgroup or file, and no setting of the machine changed.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod machine;

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::{Footprint, changed, programs, settings, traces, wait_empty};
use rustix::process::{Pid, Signal, kill_process};
use testbed::{Options, Testbed, is_skipped};

/// What dies with a killed parent or keeper dies by itself, a moment later.
const MOMENT: Duration = Duration::from_secs(10);
/// Marks the line by which a process of its own names its bed.
const HOLDS: &str = "holds the bed ";

/// One test at a time: the kernel gives the names of namespaces that have ended to new ones, here of another test.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn testbed() -> Command {
    Command::new(env!("CARGO_BIN_EXE_testbed"))
}

fn name(hint: &str) -> String {
    format!("{hint}-{}", std::process::id())
}

fn signal(process: u32, signal: Signal) {
    let process = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    kill_process(process, signal).unwrap();
}

/// `up`, ended by `end` once it has begun to make things; with what it said, and what there was of the bed then.
fn ended_up(name: &str, end: impl FnOnce(&Child)) -> (Child, String, Footprint) {
    let mut up = testbed()
        .args(["up", "--name", name])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(up.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("namespaces, networks and certificates made") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    assert!(!traces(name).is_empty(), "the bed has begun");
    let footprint = Footprint::of(name, up.id());
    assert!(footprint.namespaces() > 5, "{}", footprint.namespaces());
    end(&up);
    stderr.read_to_string(&mut said).unwrap();
    (up, said, footprint)
}

/// A process that is not to outlive its test, however the test ends.
struct Parent(Child);

impl Drop for Parent {
    fn drop(&mut self) {
        // One that is already gone is no error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn down_leaves_nothing_and_changes_no_setting() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let before = settings();
    let name = name("down");
    assert!(
        testbed()
            .args(["up", "--name", &name, "--nodes", "2"])
            .status()
            .unwrap()
            .success()
    );
    let bed = Testbed::attach(&name).unwrap();
    let namespace = bed.namespace("down").unwrap();
    namespace.run_pod("sleeper", "sleep 1000").unwrap();
    namespace.wait_phase("sleeper", "Running", 30).unwrap();
    let footprint = Footprint::of(&name, bed.keeper());
    assert!(footprint.processes() > 20, "{}", footprint.processes());
    assert!(footprint.namespaces() > 15, "{}", footprint.namespaces());

    assert!(
        testbed()
            .args(["down", "--name", &name])
            .status()
            .unwrap()
            .success()
    );

    assert_eq!(footprint.left(), Vec::<String>::new());
    assert_eq!(changed(&before), Vec::<String>::new());
}

#[test]
fn a_failed_start_says_why_and_leaves_nothing() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let options = Options {
        api_server_flags: vec!["--no-such-flag".to_owned()],
        ..Options::default()
    };
    let error = Testbed::start(&options, &mut io::sink())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("starting kube-apiserver failed"), "{error}");
    assert!(error.contains("unknown flag: --no-such-flag"), "{error}");
    assert_eq!(programs(&options.name), Vec::<String>::new());
    assert_eq!(traces(&options.name), Vec::<String>::new());
}

#[test]
fn ctrl_c_during_up_takes_down_what_has_begun() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let name = name("ctrlc");
    let (mut up, said, footprint) = ended_up(&name, |up| signal(up.id(), Signal::INT));
    assert_eq!(up.wait().unwrap().code(), Some(1));
    assert!(said.contains("error: interrupted"), "{said}");
    assert_eq!(footprint.left(), Vec::<String>::new());
}

#[test]
fn down_during_up_takes_down_what_has_begun() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let name = name("early");
    let (mut up, said, footprint) = ended_up(&name, |_| {
        let down = testbed().args(["down", "--name", &name]).output().unwrap();
        let down = String::from_utf8_lossy(&down.stderr).into_owned();
        assert!(down.contains(" is down after "), "{down}");
    });
    assert_eq!(up.wait().unwrap().code(), Some(1));
    assert!(said.contains("error: interrupted"), "{said}");
    assert_eq!(footprint.left(), Vec::<String>::new());
}

#[test]
fn the_death_of_up_takes_down_what_has_begun() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let name = name("killed");
    let (mut up, _, footprint) = ended_up(&name, |up| signal(up.id(), Signal::KILL));
    up.wait().unwrap();
    assert_eq!(footprint.left_after(MOMENT), Vec::<String>::new());
}

#[test]
fn the_death_of_the_process_that_started_a_bed_takes_it_down() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let parent = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "holds_a_bed_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut parent = Parent(parent);
    let lines = BufReader::new(parent.0.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut names = lines.filter_map(|line| Some(line.split_once(HOLDS)?.1.to_owned()));
    let name = names.next().unwrap();
    let footprint = Footprint::of(&name, Testbed::attach(&name).unwrap().keeper());
    assert!(footprint.processes() > 10, "{}", footprint.processes());

    signal(parent.0.id(), Signal::KILL);
    parent.0.wait().unwrap();

    assert_eq!(footprint.left_after(MOMENT), Vec::<String>::new());
}

#[test]
#[ignore = "a process of its own for the test above"]
fn holds_a_bed_until_it_is_killed() {
    let bed = Testbed::start(&Options::default(), &mut io::stderr()).unwrap();
    println!("{HOLDS}{}", bed.name());
    let mut forever = String::new();
    io::stdin().read_line(&mut forever).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn the_death_of_the_keeper_ends_every_process_and_the_next_command_clears_the_rest() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let name = name("keeper");
    // Read to the end of both pipes: a keeper that held on to one would never let this return.
    let up = testbed().args(["up", "--name", &name]).output().unwrap();
    assert!(up.status.success());
    let keeper = Testbed::attach(&name).unwrap().keeper();
    let footprint = Footprint::of(&name, keeper);

    signal(keeper, Signal::KILL);

    let of_processes = || {
        let left = footprint.left();
        left.into_iter()
            .filter(|trace| trace.starts_with("process") || trace.starts_with("namespace"))
            .collect()
    };
    assert_eq!(wait_empty(MOMENT, of_processes), Vec::<String>::new());
    let status = testbed().arg("status").output().unwrap();
    assert!(!String::from_utf8_lossy(&status.stdout).contains(&name));
    assert_eq!(footprint.left(), Vec::<String>::new());
}

#[test]
fn two_beds_run_side_by_side_and_end_one_by_one() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let start = |options: Options| Testbed::start(&options, &mut io::stderr()).unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| start(Options::with_trainer()));
        (start(Options::default()), other.join().unwrap())
    });
    assert_ne!(first.url(), second.url());
    let namespace = first.namespace("only-in-the-first").unwrap();
    let (_, footprint) = (&namespace, Footprint::of(first.name(), first.keeper()));
    let found = second
        .kubectl(&["get", "namespace", namespace.name()])
        .unwrap();
    assert_eq!(found.status.code(), Some(1));
    drop(namespace);
    drop(first);
    assert_eq!(footprint.left(), Vec::<String>::new());
    let nodes = second
        .kubectl(&["wait", "--for=condition=Ready", "node/n1", "--timeout=10s"])
        .unwrap();
    assert!(nodes.status.success());
    second.probe_webhooks().unwrap();
}
