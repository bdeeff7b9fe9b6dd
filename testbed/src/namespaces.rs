//! A set of namespaces (mount, network, process, host name, IPC) held by an init, and programs that run inside.
//!
//! The set has no name on disk. When its init dies, the kernel ends everything in it, and the init dies with the
//! keeper, however the keeper ends.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::process::{Stop, children, kill_children, log_tail, run, spawn_logged};
use crate::requirements::require;

/// The line with which the init says that the set is ready.
const READY: &str = "ready";
/// A killed program is gone at once, unless it hangs in the kernel.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A running set of namespaces. Dropping it kills everything inside and waits for the end of it.
pub(crate) struct NamespaceSet {
    holder: Child,
    init: u32,
    stop: Stop,
}

impl NamespaceSet {
    /// Makes a set with the given host name, then runs `setup`, a shell script, in it.
    ///
    /// Must be called on a thread that lives as long as the set: the kernel ends the holder with that thread.
    pub(crate) fn create(
        host_name: &str,
        setup: &str,
        log: &Path,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let mut holder = holder_command(host_name, setup)?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(open_log(log)?)
            .spawn()
            .map_err(Error::command("unshare"))?;
        // Known before the wait for its answer, so that an interrupt ends this wait too.
        stop.register(holder.id());
        let stdout = holder.stdout.take();
        let mut set = Self {
            holder,
            init: 0,
            stop: stop.clone(),
        };
        let answer = read_line(stdout);
        set.init = children(set.holder.id())
            .first()
            .copied()
            .unwrap_or_default();
        if stop.is_tripped() {
            return Err(Error::Interrupted);
        }
        if answer.trim() != READY || set.init == 0 {
            return Err(Error::Command {
                what: format!("making the namespaces of {host_name}"),
                output: log_tail(log),
            });
        }
        Ok(set)
    }

    /// The init's process id, seen from outside.
    pub(crate) fn init(&self) -> u32 {
        self.init
    }

    /// A program that will run inside.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.enter(&["-m", "-n", "-p", "-u", "-i"], program.as_ref())
    }

    /// A program that sees this machine's files and processes, but the set's network.
    pub(crate) fn network_command(&self, program: impl AsRef<OsStr>) -> Command {
        self.enter(&["-n"], program.as_ref())
    }

    fn enter(&self, namespaces: &[&str], program: &OsStr) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg("-t")
            .arg(self.init.to_string())
            .args(namespaces)
            .arg("--")
            .arg(program);
        command
    }

    /// Runs `ip` in the set's network.
    pub(crate) fn ip(&self, arguments: &str) -> Result<(), Error> {
        let mut command = self.network_command("ip");
        run(
            &format!("ip {arguments}"),
            command.args(arguments.split(' ')),
        )
        .map(drop)
    }

    /// Lets the set's network pass packets on; this is a setting of that network alone.
    pub(crate) fn forward_packets(&self) -> Result<(), Error> {
        let mut command = self.command("sh");
        command.args(["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
        run("switching on packet forwarding", &mut command).map(drop)
    }
}

impl Drop for NamespaceSet {
    fn drop(&mut self) {
        self.stop.forget(self.holder.id());
        kill_children(self.holder.id());
        // The holder ends when the init is gone, and the init when everything in the set is.
        let _ = self.holder.wait();
    }
}

fn holder_command(host_name: &str, setup: &str) -> Result<Command, Error> {
    let tini = require("tini")?;
    let mut script = String::from("set -e\n");
    let _ = writeln!(
        script,
        "hostname {host_name}\nmount --make-rshared /\nip link set lo up\n{setup}"
    );
    let _ = writeln!(
        script,
        "echo {READY}\nexec {} -- sleep infinity >/dev/null",
        tini.display()
    );
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .args(["unshare", "--mount", "--net", "--pid", "--uts", "--ipc"])
        .args([
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--propagation",
            "private",
            "--",
        ])
        .args(["sh", "-c", &script]);
    Ok(command)
}

fn open_log(log: &Path) -> Result<std::fs::File, Error> {
    std::fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(Error::file("write", log))
}

fn read_line(stdout: Option<ChildStdout>) -> String {
    let mut line = String::new();
    if let Some(stdout) = stdout {
        // An unreadable answer is no answer; the caller then shows the log.
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    line
}

/// A program that runs in a set for long, its output in a log file.
pub(crate) struct Service {
    entrance: Child,
}

impl Service {
    /// Starts a command made by `NamespaceSet::command`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self, Error> {
        Ok(Self {
            entrance: spawn_logged(command, log)?,
        })
    }

    /// Whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.entrance.try_wait(), Ok(None))
    }

    /// Kills the program and waits for its end. An entrance that was just started may not have begun it yet; one
    /// that the kernel does not let go is left behind.
    pub(crate) fn kill(&mut self) {
        let start = Instant::now();
        while !self.has_ended() && start.elapsed() < KILL_LIMIT {
            kill_children(self.entrance.id());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Service {
    /// Its namespaces are dropped with it or before it; either way the entrance ends, and is reaped here.
    fn drop(&mut self) {
        self.kill();
    }
}
