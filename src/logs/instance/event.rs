//! What happens to an instance's streams, and what is to be done about it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::cluster::Follow;
use crate::logs::{
    alignment::{End, Settled},
    attempts::Standing,
};

/// Which log the server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    Current,
    Previous,
}

/// What has happened. Events of a stream that was closed are not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Start,
    /// The wake-up that was asked for.
    Woken,
    /// The server has begun to answer.
    Opened,
    /// Bytes came, and nothing new in them.
    Repeated,
    /// Something new was delivered.
    Delivered,
    Ended(StreamEnd),
    Refused(Refusal),
    /// The aligner wants another stream.
    Reopen,
    /// The aligner did not find its place.
    Lost,
    /// The answer to [`Action::Settle`].
    Settled(Settled),
    /// The pod is being deleted: what ends now ends for good, whatever a status says that lags.
    Leaving,
    /// From the watch, or the answer to [`Action::AskStatus`].
    Status(Standing),
    /// The answer to [`Action::CheckEnd`]; none if it could not be had.
    EndChecked(Option<End>),
    /// Nothing else is waited for than what is left of this log.
    Hurry,
    /// It was waited for long enough.
    GiveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    Clean,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: not started yet, or no such attempt; 404: no such pod. The status knows better.
    NotThere,
    /// 429, 5xx, no connection; with the wait that the server wants.
    Busy(Option<Duration>),
    /// Others have all connections that there may be; the server was not asked.
    NoPlace,
    /// 401 after a renewed credential, 403; it can pass.
    Denied,
    /// The same, for so long that asking again does not help.
    Forbidden,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// From the aligner's resume point.
    Open(Follow, Served),
    Close,
    /// Hand the text without a line's end to the aligner, if the stream has ended, and settle it.
    Settle,
    /// Read the last line alone and compare it.
    CheckEnd(Served),
    /// Fetch the pod, past every cache.
    AskStatus,
    /// The next stream takes what is left.
    GiveUpPlace,
    /// Lines are missing and none will follow.
    Mark(Reason),
    Finish(Outcome),
}

/// Why lines are missing at the end of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Two attempts came after this one before it was read to its end.
    OutOfReach,
    PodGone,
    NodeLost,
    /// Nobody had answered when no more was waited for.
    NoAnswer,
    /// The file was rotated when the container ended.
    Rotated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Complete,
    Incomplete,
    Forbidden,
}
