//! Why a stream was not opened, told apart by what to do about it: ask the pod's status, come back later, give up.

use std::time::Duration;

use super::{carrier::Remedy, places::NoPlace};
use crate::cluster::failure::{Failure, FailureKind};

/// Why a stream was not opened.
#[derive(Clone, Debug)]
pub enum LogRefusal {
    /// 400 or 404: the container has not begun, or there is no such attempt or pod. The server's own words.
    NotThere { message: String },
    /// 429, 5xx, no connection, no answer in time, no new credential: asking later helps; `wait` is how much later.
    Busy {
        wait: Option<Duration>,
        message: String,
    },
    /// Nobody was asked: each log takes a connection, and others have all that this process may have.
    NoPlace { message: String },
    /// 403, or 401 also with a credential that was just read again. Final where no log was ever served; else it can
    /// pass: an API server that has just started knows neither all rules nor all tokens (kubernetes#121635).
    Forbidden(Box<Failure>),
}

/// What came instead of a stream.
pub(super) enum Refused {
    Failed {
        kind: FailureKind,
        wait: Option<Duration>,
    },
    NoPlace(NoPlace),
}

impl From<FailureKind> for Refused {
    fn from(kind: FailureKind) -> Self {
        Self::Failed { kind, wait: None }
    }
}

impl From<NoPlace> for Refused {
    fn from(refused: NoPlace) -> Self {
        Self::NoPlace(refused)
    }
}

impl Refused {
    pub(super) fn is_unauthorized(&self) -> bool {
        let Self::Failed { kind, .. } = self else {
            return false;
        };
        matches!(kind, FailureKind::Unauthorized { .. })
    }
}

/// Why no answer came, and what may help at once.
pub(super) struct Failed {
    pub(super) kind: FailureKind,
    pub(super) remedy: Remedy,
}

impl From<FailureKind> for Failed {
    fn from(kind: FailureKind) -> Self {
        Self {
            kind,
            remedy: Remedy::None,
        }
    }
}
