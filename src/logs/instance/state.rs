//! Where an instance stands between two events.

use std::time::Duration;

use super::event::Follow;
use crate::logs::{alignment::Settled, attempts::Standing};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Until the wake-up; then a stream is opened.
    Resting,
    Streaming(Stream),
    /// The stream has ended; the status decides.
    Asking,
    /// Another container may have answered.
    Doubting {
        since: Duration,
        finding: Finding,
    },
    /// A drain has come to an end; is it the file's? A kubelet that stops ends it just so.
    CheckingEnd(Settled),
    Done,
}

/// What holds if it was this container that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    PlaceLost,
    FileEmpty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) follow: Follow,
    /// What it was opened for. If the standing has changed since, another container may have answered.
    pub(super) standing: Standing,
    pub(super) opened: Duration,
    /// When bytes came last.
    pub(super) heard: Duration,
    pub(super) replay: ReplayTime,
    pub(super) check: Check,
    pub(super) lingering: Lingering,
}

/// Whether a stream goes on although its container has ended, and since when that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lingering {
    No,
    Since(Duration),
    /// The end of the file was asked for since bytes came last.
    Looked(Duration),
}

/// Whether anything else than the source is still waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    No,
    Yes,
}

/// Whether the pod is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Staying,
    Leaving,
}

/// How far a stream's replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplayTime {
    Running,
    /// It has had its time.
    Over,
    /// The stream has ended after all was served.
    Ended,
}

/// Whether the end of the file is being looked at, beside the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    None,
    UnderWay,
    /// Bytes came meanwhile, so that the answer says nothing.
    Overtaken,
    /// Because the replay did not show its place; what comes meanwhile does not matter.
    ForPlace,
}
