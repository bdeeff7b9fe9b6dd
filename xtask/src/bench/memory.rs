//! The most memory that a short program had. The kernel tells it of all programs that a process has waited for, so a
//! process of its own, this program again, starts the one that is measured.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

use super::say_row;
use crate::process::{StepError, output, words};

/// In bytes, of one run, whose output nobody reads.
pub(super) fn most_memory(measured: &Command) -> Result<f64, StepError> {
    let own = env::current_exe().map_err(|error| StepError::io("the path of xtask", error))?;
    let mut command = Command::new(own);
    command.arg("most-memory").arg(measured.get_program());
    command.args(measured.get_args());
    let values = measured.get_envs();
    command.envs(values.filter_map(|(name, value)| Some((name, value?))));
    let told = output(&mut command)?;
    let text = String::from_utf8_lossy(&told.stdout);
    text.trim().parse().map_err(|_| {
        let said = String::from_utf8_lossy(&told.stderr);
        StepError::Steps(format!("`{}`: {}", words(&command), said.trim()))
    })
}

/// Runs a program, which must succeed, and writes the most memory that it had.
pub(crate) fn write_most(program: &[OsString]) -> Result<(), StepError> {
    let Some((first, arguments)) = program.split_first() else {
        return Err(StepError::Steps("no program is named".to_owned()));
    };
    let mut command = Command::new(first);
    command.args(arguments).stdin(Stdio::null());
    let ended = command.stdout(Stdio::null()).status();
    let status = ended.map_err(|source| StepError::NotStarted {
        command: words(&command),
        source,
    })?;
    if !status.success() {
        let command = words(&command);
        return Err(StepError::Failed { command, status });
    }
    let totals = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|error| StepError::io("the memory of what ran", error.into()))?;
    say_row(&(totals.max_rss() * 1024).to_string());
    Ok(())
}
