//! What an aligner remembers of its place: the last delivered piece, what the next stream is for, how far this one is.

use super::answer::Start;
use crate::logs::{line::Part, replay::Replay, stamp::Stamp};

/// The last delivered piece.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) stamp: Stamp,
    /// Its text, where the runtime may have cut it into records.
    pub(super) long_text: Vec<u8>,
    pub(super) part: Part,
}

/// What the next stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    /// To see what a filtered stream would not show.
    Verify,
    /// To take what is left after the place was lost.
    Salvage,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// New pieces come.
    Live { filter: Filter, trust: Trust },
    /// Old pieces come again.
    Replaying {
        replay: Replay,
        filter: Filter,
        seen: Seen,
    },
    /// The place was lost. What was delivered before is left out, up to the first that was not.
    Salvaging { delivered: Replay },
}

/// Whether the server leaves out lines by their stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Since,
    None,
}

/// Whether the next piece may be stamped as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It stands behind the last piece in an unfiltered file.
    Verified,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    Something,
}

impl Start {
    pub(super) fn filter(self) -> Filter {
        match self {
            Self::Whole => Filter::None,
            Self::Part => Filter::Since,
        }
    }
}

impl Last {
    pub(super) fn at(stamp: Stamp) -> Self {
        Self {
            stamp,
            long_text: Vec::new(),
            part: Part::Whole,
        }
    }
}
