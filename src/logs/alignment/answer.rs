//! What the aligner is told and what it answers: where a stream begins, what comes out of it, whether it is still wanted.

use crate::logs::{line::Piece, stamp::Stamp};

/// Where a stream has to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumePoint {
    /// Nothing was delivered: as it was wanted at first.
    Start,
    /// Everything stamped in this second or later. Already rounded down; no `tailLines`, no `limitBytes` with it.
    Since(i64),
    /// The whole file.
    Beginning,
}

/// Which of an instance's lines were wanted at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All that there are.
    Whole,
    /// The last lines, or those since a moment: the server leaves out others.
    Part,
}

/// Between these two stamps lines are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Of the last line before.
    pub after: Stamp,
    /// Of the first line after; none if nothing came any more.
    pub before: Option<Stamp>,
}

/// What comes out, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery<'a> {
    Piece(Piece<'a>),
    Gap(Gap),
    /// A line without a stamp where the container's lines have one: the kubelet or the API server speaks.
    Message(&'a [u8]),
}

/// Whether the stream is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// Close it and open another at once, from [`super::Aligner::resume`].
    Reopen,
    /// The place is not in the file. If this instance still runs, lines are missing: open another stream, and the gap
    /// and all that is there is delivered. If another instance answered, nothing is known yet.
    Lost,
}

/// How a stream that has ended, or brings nothing new, leaves things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// All that came is delivered.
    Aligned,
    /// Nothing came at all, not even what was served before; or nothing new after the place was given up.
    Empty,
    /// Something came, but not the place. Only the end of the file can tell whether the place is still to come.
    Undecided,
}

/// Whether everything up to the end of the file was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Reached,
    Ahead,
    /// There is no line at all. Nobody asks the aligner then.
    Empty,
    /// A server's words came in its place, as a kubelet answers where the file is gone. Nobody asks the aligner then.
    Spoken,
}
