//! A program that is measured while it runs and when it has ended: time, processor time, memory, from `/proc`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{StepError, words};

/// `/proc` counts processor time in these, on every Linux.
const TICKS_A_SECOND: f64 = 100.0;
/// How exactly the end of a program is seen.
const PERIOD: Duration = Duration::from_millis(1);

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

    /// Waits for the end, which must be a success; its processor time is read before the kernel forgets it.
    pub(super) fn finish(mut self) -> Result<Usage, StepError> {
        let (user, system) = loop {
            let status = self.status()?;
            if status.state == "Z" {
                break (status.user, status.system);
            }
            thread::sleep(PERIOD);
        };
        let wall = self.elapsed().as_secs_f64();
        let ended = self.child.wait();
        let status = ended.map_err(|error| StepError::io(&self.command, error))?;
        if status.success() {
            return Ok(Usage { wall, user, system });
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

    fn status(&self) -> Result<Status, StepError> {
        let text = self.read("stat")?;
        parse_status(&text)
            .ok_or_else(|| StepError::Steps(format!("{text:?} is no status of a process")))
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

struct Status {
    state: String,
    user: f64,
    system: f64,
}

/// Of `PID (NAME) STATE …`; the name may hold anything.
fn parse_status(text: &str) -> Option<Status> {
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let seconds = |index: usize| {
        let ticks: f64 = fields.get(index)?.parse().ok()?;
        Some(ticks / TICKS_A_SECOND)
    };
    Some(Status {
        state: (*fields.first()?).to_owned(),
        user: seconds(11)?,
        system: seconds(12)?,
    })
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

    use super::{Running, parse_status};

    #[test]
    fn the_times_of_a_process_are_read_whatever_its_name_is() {
        let text = "7 (a) b) Z 1 1 1 0 -1 4 0 0 0 0 250 50 0 0 20 0 1 0 1 0 0";
        let status = parse_status(text).unwrap();
        assert_eq!(
            (status.state.as_str(), status.user, status.system),
            ("Z", 2.5, 0.5)
        );
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
