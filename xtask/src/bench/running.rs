//! A program that is measured while it runs, by `/proc`, and when it has ended: time, processor time to the microsecond.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::{
    resource::{Usage as Totals, UsageWho, getrusage},
    time::{TimeVal, TimeValLike as _},
};

use crate::process::{StepError, words};

/// A program that runs; dropping it kills it.
pub(super) struct Running {
    child: Child,
    command: String,
    errors: PathBuf,
    start: Instant,
}

/// What a program took, from its start to its end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) wall: f64,
    pub(super) user: f64,
    pub(super) system: f64,
}

impl Usage {
    /// Of two programs that ran at the same time.
    pub(super) fn beside(self, other: Usage) -> Usage {
        Usage {
            wall: self.wall.max(other.wall),
            user: self.user + other.user,
            system: self.system + other.system,
        }
    }

    pub(super) fn processor(self) -> f64 {
        self.user + self.system
    }
}

/// A program's memory in bytes: now, and the most so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) resident: f64,
    pub(super) peak: f64,
}

impl Running {
    /// Starts a program; what it says on standard error goes to a file in `folder`.
    pub(super) fn start(
        mut command: Command,
        stdout: Stdio,
        folder: &Path,
    ) -> Result<Running, StepError> {
        let errors = folder.join("standard-error");
        let file = File::create(&errors).map_err(|error| StepError::io(errors.display(), error))?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(file);
        let words = shortened(words(&command));
        let start = Instant::now();
        let child = command.spawn().map_err(|source| StepError::NotStarted {
            command: words.clone(),
            source,
        })?;
        Ok(Running {
            child,
            command: words,
            errors,
            start,
        })
    }

    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Waits for the end, which must be a success. Its processor time is what waiting for it adds to that of all programs
    /// that were waited for; one thread does that, one program after the other.
    pub(super) fn finish(mut self) -> Result<Usage, StepError> {
        let before = reaped()?;
        let ended = self.child.wait();
        let wall = self.elapsed().as_secs_f64();
        let status = ended.map_err(|error| StepError::io(&self.command, error))?;
        if status.success() {
            let after = reaped()?;
            return Ok(Usage {
                wall,
                user: seconds(after.user_time()) - seconds(before.user_time()),
                system: seconds(after.system_time()) - seconds(before.system_time()),
            });
        }
        let said = fs::read_to_string(&self.errors).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        Err(StepError::Steps(format!(
            "`{}` ended with {status}: {}",
            self.command,
            last.join("; ")
        )))
    }

    /// An error when it has ended, which here none of the programs may.
    pub(super) fn memory(&self) -> Result<Memory, StepError> {
        let text = self.read("status")?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kibibytes * 1024.0)
        };
        match (field("VmRSS:"), field("VmHWM:")) {
            (Some(resident), Some(peak)) => Ok(Memory { resident, peak }),
            _ => Err(StepError::Steps(format!("`{}` has ended", self.command))),
        }
    }

    fn read(&self, name: &str) -> Result<String, StepError> {
        let path = format!("/proc/{}/{name}", self.child.id());
        fs::read_to_string(&path).map_err(|error| StepError::io(&path, error))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended and was waited for is not there any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of all programs that were waited for.
fn reaped() -> Result<Totals, StepError> {
    getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|error| StepError::io("the processor time of what ran", error.into()))
}

fn seconds(time: TimeVal) -> f64 {
    let microseconds = u64::try_from(time.num_microseconds()).unwrap_or_default();
    Duration::from_micros(microseconds).as_secs_f64()
}

/// A thousand addresses are no text for people.
fn shortened(words: String) -> String {
    const LIMIT: usize = 300;
    match words.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{} …", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::Running;

    #[test]
    fn a_program_that_calculates_takes_processor_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"]);
        let running = Running::start(command, Stdio::null(), folder.path()).unwrap();
        let usage = running.finish().unwrap();
        assert!(usage.user > 0.01 && usage.wall > 0.01, "{usage:?}");
    }

    #[test]
    fn a_program_that_fails_is_not_measured_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such thing >&2; exit 3"]);
        let running = Running::start(command, Stdio::null(), folder.path()).unwrap();
        let error = running.finish().unwrap_err().to_string();
        assert!(
            error.ends_with("ended with exit status: 3: no such thing"),
            "{error}"
        );
    }
}
