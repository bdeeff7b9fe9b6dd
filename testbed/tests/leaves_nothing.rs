//! However a bed ends, it leaves no process, namespace, mount, cgroup or file, and no setting of the machine changed.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod machine;

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::{Footprint, changed, settings, traces, wait_empty};
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

/// `up`, killed or interrupted once it has begun to make things.
fn interrupted_up(name: &str, with: Signal) -> (Child, String) {
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
    signal(up.id(), with);
    stderr.read_to_string(&mut said).unwrap();
    (up, said)
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
    assert_eq!(traces(&options.name), Vec::<String>::new());
}

#[test]
fn ctrl_c_during_up_takes_down_what_has_begun() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let name = name("ctrlc");
    let (mut up, said) = interrupted_up(&name, Signal::INT);
    assert_eq!(up.wait().unwrap().code(), Some(1));
    assert!(said.contains("error: interrupted"), "{said}");
    assert_eq!(traces(&name), Vec::<String>::new());
}

#[test]
fn the_death_of_up_takes_down_what_has_begun() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let name = name("killed");
    let (mut up, _) = interrupted_up(&name, Signal::KILL);
    up.wait().unwrap();
    assert_eq!(wait_empty(MOMENT, || traces(&name)), Vec::<String>::new());
}

#[test]
fn the_death_of_the_process_that_started_a_bed_takes_it_down() {
    if is_skipped() {
        return;
    }
    let _turn = turn();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "holds_a_bed_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut names = lines.filter_map(|line| Some(line.split_once(HOLDS)?.1.to_owned()));
    let name = names.next().unwrap();
    let footprint = Footprint::of(&name, Testbed::attach(&name).unwrap().keeper());
    assert!(footprint.processes() > 10, "{}", footprint.processes());

    signal(parent.id(), Signal::KILL);
    parent.wait().unwrap();

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
    assert!(
        testbed()
            .args(["up", "--name", &name])
            .status()
            .unwrap()
            .success()
    );
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
    let start = || Testbed::start(&Options::default(), &mut io::stderr()).unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(start);
        (start(), other.join().unwrap())
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
}
