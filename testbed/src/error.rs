//! What can go wrong with a test bed, each error ending with the command that mends it or the log that tells more.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::requirements::Lack;

/// Every failure of the test bed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks something; all that it lacks is listed at once.
    #[error("this machine cannot run the test bed yet:{}", list(.0))]
    Machine(Vec<Lack>),
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A program that the bed runs ended with an error; `output` is what it said.
    #[error("{what} failed: {output}")]
    Command { what: String, output: String },
    /// Something did not come about in time; `log` is the end of the log of the component that was waited for.
    #[error("{what}: not within {seconds} s\n{log}")]
    TimedOut {
        what: String,
        seconds: u64,
        log: String,
    },
    /// A bed of this name runs already.
    #[error(
        "the test bed {0} is already up; take it down with: cargo xtask cluster down --name {0}"
    )]
    AlreadyUp(String),
    /// No bed of this name runs.
    #[error("the test bed {0} is not up; start it with: cargo xtask cluster up --name {0}")]
    NotUp(String),
    /// The keeper of a bed gave up and took the bed down; the text is its error.
    #[error("{0}")]
    Keeper(String),
    /// A signal, or the end of the process that wanted the bed.
    #[error("interrupted; the test bed has been taken down")]
    Interrupted,
}

impl Error {
    /// For `map_err` of file operations: `Error::file("read", &path)`.
    pub(crate) fn file(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// For `map_err` of everything that is described by what was tried and a text.
    pub(crate) fn command<E: Display>(what: &str) -> impl FnOnce(E) -> Self + use<E> {
        let what = what.to_owned();
        move |cause| Self::Command {
            what,
            output: cause.to_string(),
        }
    }
}

fn list(lacks: &[Lack]) -> String {
    lacks.iter().fold(String::new(), |text, lack| {
        format!(
            "{text}
  {lack}"
        )
    })
}
