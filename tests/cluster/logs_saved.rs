//! What `--save` keeps of a run that is ended in the middle: all that was read, whatever becomes of who was shown it.

use std::{
    fs::{self, File},
    io::Read as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use testbed::{Namespace, Testbed, User};

use crate::{
    logs_terminal::pair,
    reading::run_job,
    support::{Lines, Running, binary, wait_until},
};

/// A job writes so many lines as fast as it can. Nothing is rotated away yet.
const LINES: usize = 30_000;
/// After so many a run is ended in the middle.
const SHOWN: usize = 2000;
/// What a run has read and not shown is in a file when it is more than what fits in memory.
const ON_DISK: u64 = 1 << 20;
/// With so much for the file, half a megabyte waits in memory.
const BUFFER: &str = "--buffer=8MiB";
/// In that file each line has so much more than its text, which is longer.
const OVERHEAD: u64 = 2;
/// How long a slow terminal may take for what it was sent.
const LIMIT: Duration = Duration::from_secs(30);

fn line(number: usize) -> String {
    format!("line {number} {}\n", "of many ".repeat(12))
}

/// All that the job writes.
fn written() -> String {
    (1..=LINES).map(line).collect()
}

fn run_writer(bed: &Testbed, namespace: &Namespace) {
    let words = "of many ".repeat(12);
    let script = format!(
        "trap exit TERM; n=0; while [ $n -lt {LINES} ]; do n=$((n+1)); echo \"line $n {words}\"; done; \
         sleep 600 & wait"
    );
    run_job(bed, namespace, "writer", 1, &script);
}

/// A run with `--save`, and its folder.
struct Run {
    running: Running,
    folder: TempDir,
}

impl Run {
    fn start(bed: &Testbed, namespace: &Namespace, output: impl Into<Stdio>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = binary();
        command
            .args(["logs", "-f", "writer", "--color=never", BUFFER])
            .args(["-n", namespace.name(), "--kubeconfig"])
            .arg(bed.kubeconfig(&User::Admin).unwrap())
            .arg("--save")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null());
        let running = Running::start(&mut command);
        Self { running, folder }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.running.0), signal).unwrap();
    }

    /// Waits until much was read that nobody has been shown.
    fn wait_for_backlog(&self) {
        wait_until("a long file of what was not shown", || {
            unlinked_bytes(&self.running.0) >= ON_DISK
        });
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The bytes of the only node. They are a beginning of what was written, and shown again they are the same.
    #[track_caller]
    fn saved(&self) -> String {
        let saved = fs::read_to_string(self.path("node-0.log")).unwrap();
        assert!(
            written().starts_with(&saved),
            "{}",
            &saved[saved.len().saturating_sub(300)..]
        );
        let shown = Command::new(binary().get_program())
            .args(["logs", "-q", "-o", "raw", "--strict", "--from"])
            .arg(self.folder.path())
            .output()
            .unwrap();
        assert!(shown.status.success() && shown.stderr.is_empty());
        assert!(shown.stdout == saved.as_bytes());
        saved
    }

    fn outcome(&self) -> Value {
        let text = fs::read_to_string(self.path("index.json")).unwrap();
        let run: Value = serde_json::from_str(&text).unwrap();
        run["outcome"].clone()
    }

    /// What was not shown was saved, too.
    #[track_caller]
    fn expect_backlog_saved(&self) {
        let saved = self.saved().len() as u64;
        assert!(saved > ON_DISK / OVERHEAD, "{saved}");
    }
}

/// How long the files are that a process has open and nobody else sees.
fn unlinked_bytes(child: &Child) -> u64 {
    let files = fs::read_dir(format!("/proc/{}/fd", child.id()));
    let paths = files
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    let is_unlinked = |path: &PathBuf| {
        let target = fs::read_link(path).unwrap_or_default();
        target.to_string_lossy().ends_with("(deleted)")
    };
    let lengths = paths.filter(is_unlinked).filter_map(|path| length(&path));
    lengths.sum()
}

fn length(path: &Path) -> Option<u64> {
    Some(fs::metadata(path).ok()?.len())
}

#[test]
fn a_run_that_is_terminated_has_saved_all_that_it_has_shown_and_nothing_that_was_not_written() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("saved-terminated").unwrap();
    run_writer(&bed, &namespace);
    let mut run = Run::start(&bed, &namespace, Stdio::piped());
    let mut lines = Lines::of(run.running.0.stdout.take());
    let mut shown: Vec<_> = lines.by_ref().take(SHOWN).collect();
    run.signal(Signal::TERM);
    shown.extend(lines);
    assert_eq!(run.running.exit_code(), Some(143));
    let shown: String = shown
        .iter()
        .flat_map(|line| [line.strip_prefix("node-0 | ").unwrap(), "\n"])
        .collect();
    let saved = run.saved();
    assert!(saved.starts_with(&shown), "{} {}", saved.len(), shown.len());
    assert_eq!(run.outcome(), "Terminated");
}

#[test]
fn a_terminal_that_takes_nothing_keeps_nothing_from_being_saved() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("saved-stuck").unwrap();
    run_writer(&bed, &namespace);
    let (ours, theirs) = pair();
    let mut run = Run::start(&bed, &namespace, OwnedFd::from(theirs));
    run.wait_for_backlog();
    run.signal(Signal::INT);
    assert_eq!(run.running.exit_code(), Some(130));
    drop(ours);
    run.expect_backlog_saved();
    assert_eq!(run.outcome(), "Interrupted");
}

/// Takes a little at a time, as over a slow line, until nothing more comes.
fn take_slowly(mut ours: File) -> mpsc::Receiver<Vec<u8>> {
    let (sender, taken) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 512];
        let mut all = Vec::new();
        // A terminal whose other side is gone ends with an error.
        while let Ok(read @ 1..) = ours.read(&mut bytes) {
            all.extend_from_slice(&bytes[..read]);
            thread::sleep(Duration::from_millis(40));
        }
        sender.send(all)
    });
    taken
}

#[test]
fn a_terminal_that_is_slow_keeps_nothing_from_being_saved() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("saved-slow").unwrap();
    run_writer(&bed, &namespace);
    let (ours, theirs) = pair();
    let mut run = Run::start(&bed, &namespace, OwnedFd::from(theirs));
    let taken = take_slowly(ours);
    run.wait_for_backlog();
    run.signal(Signal::TERM);
    assert_eq!(run.running.exit_code(), Some(143));
    run.expect_backlog_saved();
    assert_eq!(run.outcome(), "Terminated");
    let shown = String::from_utf8(taken.recv_timeout(LIMIT).unwrap()).unwrap();
    let shown = shown.replace("\r\n", "\n").replace("node-0 | ", "");
    assert!(
        !shown.is_empty() && run.saved().starts_with(&shown),
        "{shown}"
    );
}

#[test]
fn a_terminal_that_is_closed_keeps_nothing_from_being_saved() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("saved-closed").unwrap();
    run_writer(&bed, &namespace);
    let (ours, theirs) = pair();
    let mut run = Run::start(&bed, &namespace, OwnedFd::from(theirs));
    run.wait_for_backlog();
    drop(ours);
    run.signal(Signal::HUP);
    assert_eq!(run.running.exit_code(), Some(129));
    run.expect_backlog_saved();
    assert_eq!(run.outcome(), "HungUp");
}

#[test]
fn a_reader_that_has_had_enough_keeps_nothing_from_being_saved_that_was_read() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("saved-head").unwrap();
    run_writer(&bed, &namespace);
    let mut run = Run::start(&bed, &namespace, Stdio::piped());
    run.wait_for_backlog();
    drop(run.running.0.stdout.take());
    assert_eq!(run.running.exit_code(), Some(0));
    let saved = fs::read_to_string(run.path("node-0.log")).unwrap();
    assert!(written().starts_with(&saved));
    assert!(saved.len() as u64 > ON_DISK / OVERHEAD, "{}", saved.len());
    assert_eq!(run.outcome(), Value::Null);
}
