//! How a command ends when it does not end well: what kind of end (and so which exit code), why, and what mends it.

use std::{error::Error, io};

use crate::cluster::{Failure, FailureKind, KubeconfigFault};

/// The kinds of bad ends. `docs/exit-codes.md` is this table for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A check failed, or the program could not do its own work.
    Failed,
    /// What was typed makes no sense.
    Usage,
    /// The cluster cannot be reached, or does not know the caller.
    Unreachable,
    Forbidden,
    NotFound,
    /// A safety rule or a conflict stands in the way.
    Refused,
    TimedOut,
    Interrupted,
    Terminated,
    /// The terminal was closed.
    HungUp,
    /// Whoever read the output has had enough; not an error.
    ClosedPipe,
}

impl ErrorKind {
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Forbidden => 4,
            Self::NotFound => 5,
            Self::Refused => 6,
            Self::TimedOut => 124,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::ClosedPipe => SUCCESS,
        }
    }
}

const SUCCESS: u8 = 0;

/// The end of a command. Without a source nothing is printed: the command has already said it.
#[derive(Debug)]
pub struct CommandError {
    pub kind: ErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
    hints: Vec<String>,
}

impl CommandError {
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: Some(source.into()),
            hints: Vec::new(),
        }
    }

    /// Ends with the kind's exit code and prints nothing more.
    pub const fn silent(kind: ErrorKind) -> Self {
        Self {
            kind,
            source: None,
            hints: Vec::new(),
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The error and its causes, outermost first, each text once; empty for a silent end.
    pub fn chain(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        let mut next = self.source.as_deref().map(|error| error as &dyn Error);
        while let Some(error) = next {
            let text = error.to_string();
            if !texts.iter().any(|known| known.contains(&text)) {
                texts.push(text);
            }
            next = error.source();
        }
        texts
    }

    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        let hint = failure.hint();
        let error = Self::new(kind_of(&failure), failure);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl From<io::Error> for CommandError {
    /// The only input and output that a command does by itself is writing its answer.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(ErrorKind::ClosedPipe),
            _ => Self::new(
                ErrorKind::Failed,
                format!("cannot write the answer: {error}"),
            )
            .with_hint("is the disk full? look with: df -h ."),
        }
    }
}

/// How a failed request ends a command.
pub fn kind_of(failure: &Failure) -> ErrorKind {
    match &failure.kind {
        FailureKind::Kubeconfig(KubeconfigFault::BadFlag { .. }) => ErrorKind::Usage,
        FailureKind::Kubeconfig(_)
        | FailureKind::Unreachable(_)
        | FailureKind::Unauthorized { .. } => ErrorKind::Unreachable,
        FailureKind::Forbidden(_) => ErrorKind::Forbidden,
        FailureKind::NotFound { .. } => ErrorKind::NotFound,
        kind @ FailureKind::Rejected { .. } if kind.is_bad_selector() => ErrorKind::Usage,
        FailureKind::Conflict(_) | FailureKind::Rejected { .. } => ErrorKind::Refused,
        FailureKind::TimedOut { .. } => ErrorKind::TimedOut,
        FailureKind::Unexpected { .. } => ErrorKind::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{CertificateFault, UnreachableCause};

    #[derive(Debug, thiserror::Error)]
    #[error("cannot list pods: {0}")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_cause_that_the_error_already_tells_is_not_told_again() {
        let error = CommandError::new(ErrorKind::Failed, Outer(io::Error::other("disk gone")));
        assert_eq!(error.chain(), ["cannot list pods: disk gone"]);
    }

    #[test]
    fn a_closed_pipe_is_success_and_silent() {
        let error = CommandError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((error.kind.exit_code(), error.chain().len()), (0, 0));
    }

    #[test]
    fn an_untrusted_certificate_means_that_the_cluster_cannot_be_reached() {
        let failure = Failure {
            request: "list pods".to_owned(),
            kind: FailureKind::Unreachable(UnreachableCause::Certificate(
                CertificateFault::UnknownAuthority,
            )),
            target: None,
        };
        assert_eq!(CommandError::from(failure).kind.exit_code(), 3);
    }
}
