//! Child processes of xtask: each is shown as the command a person would type, runs in the workspace's folder, and
//! a failure names that command.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Why a step of xtask did not succeed; the text names the command or the thing and, where there is one, the mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The program could not be started at all.
    #[error("`{command}` could not be started")]
    NotStarted { command: String, source: io::Error },
    /// The program ran and said no.
    #[error("`{command}` ended with {status}")]
    Failed { command: String, status: ExitStatus },
    /// Steps of a longer list failed; each was shown when it happened.
    #[error("{0}")]
    Steps(String),
    /// The test bed could not do what it was asked.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Testbed(#[from] testbed::Error),
    /// The released manifests could not be rendered, or the table not be written.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Bundle(#[from] testbed::bundle::BundleError),
    /// A release could not be packed.
    #[error(transparent)]
    Dist(#[from] crate::dist::DistError),
    /// Writing to the terminal, or reading a file of the build folder.
    #[error("{what}")]
    Io { what: String, source: io::Error },
}

impl StepError {
    /// An error of reading or writing `what`.
    pub(crate) fn io(what: impl fmt::Display, source: io::Error) -> StepError {
        StepError::Io {
            what: what.to_string(),
            source,
        }
    }
}

/// The workspace's folder, where every child process runs.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder of build results: `CARGO_TARGET_DIR`, or `target` in the workspace.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Writes one line to standard error, where all of xtask's own words go.
pub(crate) fn say(line: impl fmt::Display) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A command in the workspace's folder.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace());
    command
}

/// The same cargo that runs xtask.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The words of a command as a person would type them, without the folder of the program.
pub(crate) fn words(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| quoted(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Runs to the end with the terminal's own streams; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<(), StepError> {
    let status = status(command)?;
    if status.success() {
        Ok(())
    } else {
        Err(StepError::Failed {
            command: words(command),
            status,
        })
    }
}

/// Runs to the end with the terminal's own streams and returns how it ended.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, StepError> {
    let started = command.stdin(Stdio::null()).status();
    started.map_err(|source| StepError::NotStarted {
        command: words(command),
        source,
    })
}

/// Runs to the end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<Output, StepError> {
    let ended = command.stdin(Stdio::null()).output();
    ended.map_err(|source| StepError::NotStarted {
        command: words(command),
        source,
    })
}

/// A duration for people: `850 ms`, `12.3 s`, `4 min 05 s`.
pub(crate) fn spelled(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// How long `work` took beside what it returned.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut kubectl = Command::new("/somewhere/bin/kubectl");
        kubectl.args([
            "get",
            "pods",
            "-o",
            "jsonpath={.items[0].metadata.name}",
            "it's",
        ]);
        assert_eq!(
            words(&kubectl),
            r"kubectl get pods -o 'jsonpath={.items[0].metadata.name}' 'it'\''s'"
        );
    }

    #[test]
    fn a_duration_reads_in_its_natural_unit() {
        let spell = |millis| spelled(Duration::from_millis(millis));
        assert_eq!(
            [spell(850), spell(12_340), spell(245_000)],
            ["850 ms", "12.3 s", "4 min 05 s"]
        );
    }
}
