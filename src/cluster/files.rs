//! Reads files away from the one thread that hears signals, and not for ever: a named pipe or a network drive that is
//! gone holds a read without end.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use super::kubeconfig_fault::{KubeconfigFault, Section};

/// How long the files of a kubeconfig may take together.
const LIMIT: Duration = Duration::from_secs(10);

/// What is being read, for the words when it takes too long.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    Kubeconfig(Option<PathBuf>),
    /// Files that flags name.
    Flags,
    /// Certificates, keys and tokens that this user and its cluster name.
    FilesOf(String),
}

/// Runs `work` on a thread of its own, within the limit.
pub(super) async fn read_aside<T: Send + 'static>(
    reading: Reading,
    work: impl FnOnce() -> Result<T, KubeconfigFault> + Send + 'static,
) -> Result<T, KubeconfigFault> {
    match tokio::time::timeout(LIMIT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(broken)) => Err(reading.fault(&broken.to_string())),
        Err(_) => Err(reading.fault(&format!("no end of it within {} s", LIMIT.as_secs()))),
    }
}

impl Reading {
    fn fault(self, problem: &str) -> KubeconfigFault {
        match self {
            Self::Kubeconfig(file) => KubeconfigFault::Unreadable {
                file: file.unwrap_or_default(),
                source: Arc::new(io::Error::new(io::ErrorKind::TimedOut, problem)),
            },
            Self::Flags => KubeconfigFault::BadFlag {
                flag: "a connection flag",
                problem: format!("a file that it names cannot be read: {problem}"),
                hint: "name a file that can be read at once".to_owned(),
            },
            Self::FilesOf(name) => KubeconfigFault::BadFile {
                section: Section::User,
                name,
                problem: format!("a file that it or its cluster names cannot be read: {problem}"),
            },
        }
    }
}
