//! A follower as a child process, whose output goes to files, through a valve where its reader is to rest.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Between two looks at a process or a file.
const PERIOD: Duration = Duration::from_millis(100);
/// Output that did not grow for so long has come to rest.
const REST: Duration = Duration::from_secs(2);

/// Holds back the readers of followers while it is closed.
#[derive(Clone, Default)]
pub(super) struct Valve {
    state: Arc<(Mutex<Position>, Condvar)>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Position {
    #[default]
    Open,
    Closed,
}

impl Valve {
    pub(super) fn close(&self) {
        self.turn(Position::Closed);
    }

    pub(super) fn open(&self) {
        self.turn(Position::Open);
    }

    fn turn(&self, position: Position) {
        let (state, turned) = &*self.state;
        *state.lock().unwrap_or_else(PoisonError::into_inner) = position;
        turned.notify_all();
    }

    fn pass(&self) {
        let (state, turned) = &*self.state;
        let guard = state.lock().unwrap_or_else(PoisonError::into_inner);
        let open = turned.wait_while(guard, |position| *position == Position::Closed);
        drop(open);
    }
}

/// Where a follower's output goes.
pub(super) enum Way {
    /// Straight to the file.
    File,
    /// Through a pipe that is read only while the valve is open.
    Valve(Valve),
}

/// A running follower. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    copying: Option<JoinHandle<io::Result<()>>>,
    /// The pipe that the valve closes, once more.
    pipe: Option<OwnedFd>,
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
}

impl Process {
    /// Starts a command whose output goes to `folder/NAME.out` and `folder/NAME.err`.
    pub(super) fn start(
        command: &mut Command,
        folder: &Path,
        name: &str,
        way: Way,
    ) -> io::Result<Process> {
        let path = |end: &str| folder.join(format!("{name}.{end}"));
        let (stdout, stderr) = (path("out"), path("err"));
        let file = File::create(&stdout)?;
        command.stdin(Stdio::null()).stderr(File::create(&stderr)?);
        let (mut copying, mut pipe) = (None, None);
        let child = match way {
            Way::File => command.stdout(file).spawn()?,
            Way::Valve(valve) => {
                let mut child = command.stdout(Stdio::piped()).spawn()?;
                if let Some(out) = child.stdout.take() {
                    pipe = Some(out.as_fd().try_clone_to_owned()?);
                    copying = Some(thread::spawn(move || copy(out, file, &valve)));
                }
                child
            }
        };
        Ok(Process {
            child,
            copying,
            pipe,
            stdout,
            stderr,
        })
    }

    /// Stops or continues the process.
    pub(super) fn signal(&self, signal: Signal) {
        // One that has ended needs no signal.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Waits for its end, for so long at most; none then.
    pub(super) fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() {
                if let Some(copying) = self.copying.take() {
                    copying
                        .join()
                        .map_err(|_| io::Error::other("copying broke down"))??;
                }
                return Ok(status);
            }
            if start.elapsed() > limit {
                return Ok(None);
            }
            thread::sleep(PERIOD);
        }
    }

    /// Ends it once its output has come to rest.
    pub(super) fn end_at_rest(&mut self, limit: Duration) -> io::Result<()> {
        let start = Instant::now();
        let (mut bytes, mut since) = (self.printed(), Instant::now());
        while self.child.try_wait()?.is_none() && since.elapsed() < REST && start.elapsed() < limit
        {
            thread::sleep(PERIOD);
            let now = self.printed();
            if now != bytes {
                (bytes, since) = (now, Instant::now());
            }
        }
        self.signal(Signal::TERM);
        if self.wait(REST)?.is_none() {
            self.signal(Signal::KILL);
        }
        self.wait(REST).map(drop)
    }

    /// Bytes that it wrote and nobody has read, behind a closed valve.
    pub(super) fn held_back(&self) -> io::Result<u64> {
        match &self.pipe {
            Some(pipe) => Ok(rustix::io::ioctl_fionread(pipe)?),
            None => Ok(0),
        }
    }

    /// Whether a signal stopped it, and it has not gone on.
    pub(super) fn is_stopped(&self) -> bool {
        let path = format!("/proc/{}/stat", self.child.id());
        // The name in brackets may hold anything; the state stands behind it.
        std::fs::read_to_string(path).is_ok_and(|stat| {
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('T'))
        })
    }

    /// Bytes that came out so far.
    pub(super) fn printed(&self) -> u64 {
        std::fs::metadata(&self.stdout).map_or(0, |metadata| metadata.len())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn copy(mut pipe: ChildStdout, mut file: File, valve: &Valve) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        valve.pass();
        let read = pipe.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        file.write_all(&buffer[..read])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(way: Way) -> (tempfile::TempDir, Process) {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done",
        ]);
        let process = Process::start(&mut command, home.path(), "count", way).unwrap();
        (home, process)
    }

    #[test]
    fn a_closed_valve_lets_nothing_through_and_loses_nothing() {
        let valve = Valve::default();
        valve.close();
        let (_home, mut process) = counting(Way::Valve(valve.clone()));
        assert!(
            process.child.wait().unwrap().success(),
            "the pipe holds it all"
        );
        assert_eq!(process.printed(), 0);
        assert!(process.held_back().unwrap() > 5_000);
        valve.open();
        assert!(process.wait(Duration::from_secs(10)).unwrap().is_some());
        let text = std::fs::read_to_string(&process.stdout).unwrap();
        assert_eq!(text.lines().count(), 2000);
    }

    #[test]
    fn a_process_that_a_signal_stopped_is_known() {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("1000");
        let process = Process::start(&mut command, home.path(), "slow", Way::File).unwrap();
        assert!(!process.is_stopped());
        assert_eq!(process.held_back().unwrap(), 0);
        process.signal(Signal::STOP);
        let start = Instant::now();
        while !process.is_stopped() && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(PERIOD);
        }
        assert!(process.is_stopped());
    }

    #[test]
    fn what_goes_on_for_ever_is_ended_once_it_is_silent() {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; exec sleep 1000"]);
        let mut process = Process::start(&mut command, home.path(), "slow", Way::File).unwrap();
        process.end_at_rest(Duration::from_secs(30)).unwrap();
        assert!(process.child.try_wait().unwrap().is_some());
        assert_eq!(std::fs::read_to_string(&process.stdout).unwrap(), "one\n");
    }
}
