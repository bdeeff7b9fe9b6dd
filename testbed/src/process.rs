//! Runs other programs, to their end or in the background, and waits for conditions.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::Error;

/// How often a condition is looked at. Each look may start a program, so it is not free.
const PERIOD: Duration = Duration::from_millis(100);
/// How much of a log an error shows.
const LOG_TAIL_LINES: usize = 15;

/// Runs a program to its end and returns its stdout. `what` completes "… failed".
pub(crate) fn run(what: &str, command: &mut Command) -> Result<String, Error> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(Error::command(what))?;
    judge_output(what, &output)
}

/// The same with a text on stdin.
pub(crate) fn run_with_input(
    what: &str,
    command: &mut Command,
    input: &str,
) -> Result<String, Error> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::command(what))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends before it has read everything says why on stderr.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(Error::command(what))?;
    judge_output(what, &output)
}

fn judge_output(what: &str, output: &std::process::Output) -> Result<String, Error> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Command {
        what: what.to_owned(),
        output: format!("{} ({})", said, output.status),
    })
}

/// Starts a program whose stdout and stderr go to the end of a log file.
pub(crate) fn spawn_logged(command: &mut Command, log: &Path) -> Result<Child, Error> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(Error::file("write", log))?;
    let errors = file.try_clone().map_err(Error::file("write", log))?;
    let what = format!("starting {}", command.get_program().display());
    command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(Error::command(&what))
}

/// The last lines of a log file, for an error text.
pub(crate) fn log_tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

/// The ids of a process's children, as the kernel lists them.
pub(crate) fn children(process: u32) -> Vec<u32> {
    fs::read_to_string(format!("/proc/{process}/task/{process}/children"))
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// Kills the children of a process that this one started and has not reaped, so that no id can be another's.
pub(crate) fn kill_children(process: u32) {
    for child in children(process) {
        if let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) {
            // One that is already gone is no error.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Says that the bed shall stop, to everything that is under way. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Stop {
    tripped: Arc<AtomicBool>,
    holders: Arc<Mutex<Vec<u32>>>,
}

impl Stop {
    /// From now on every wait ends, and every namespace with all that runs in it dies.
    pub(crate) fn trip(&self) {
        self.tripped.store(true, Ordering::SeqCst);
        self.holders().iter().copied().for_each(kill_children);
    }

    pub(crate) fn is_tripped(&self) -> bool {
        self.tripped.load(Ordering::SeqCst)
    }

    /// Names a holder of namespaces, whose child (their init) dies with the trip.
    pub(crate) fn register(&self, holder: u32) {
        self.holders().push(holder);
        if self.is_tripped() {
            kill_children(holder);
        }
    }

    /// Forgets a holder that is about to be reaped, since its id may then be another's.
    pub(crate) fn forget(&self, holder: u32) {
        self.holders().retain(|known| *known != holder);
    }

    fn holders(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the condition holds, or the bed stops, or the limit passes.
    pub(crate) fn wait_until(
        &self,
        wait: &Wait<'_>,
        mut condition: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            if self.is_tripped() {
                return Err(Error::Interrupted);
            }
            if condition() {
                return Ok(());
            }
            if start.elapsed() > wait.limit {
                return Err(Error::TimedOut {
                    what: wait.what.to_owned(),
                    seconds: wait.limit.as_secs(),
                    log: log_tail(wait.log),
                });
            }
            thread::sleep(PERIOD);
        }
    }
}

/// What is waited for, how long, and which log tells why it did not come.
pub(crate) struct Wait<'a> {
    pub(crate) what: &'a str,
    pub(crate) limit: Duration,
    pub(crate) log: &'a Path,
}
