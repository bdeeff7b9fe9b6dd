//! Whose end a clean end of a following stream was: the container's, or that of a kubelet that stopped. The status tells,
//! but it lags. A kubelet that answers the next stream at once has not stopped; what it ended was the container's then.

use std::time::Duration;

use super::{Action, Follow, Instance, StreamEnd, state::Stream};
use crate::logs::{alignment::Settled, attempts::Standing};

/// A kubelet that stops serves nothing for longer than this.
const KUBELET_BACK: Duration = Duration::from_secs(1);
/// A status that says for longer that the container runs does not lag.
const LONGEST_LAG: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    None,
    /// A stream ended cleanly then.
    Ended(Duration),
    /// The same, and the kubelet answered at once. Nothing new has come since.
    Answered(Duration),
}

impl Instance {
    /// No end is known that says anything.
    pub(super) fn note_no_end(&mut self) {
        (self.last_end, self.proof) = (None, Proof::None);
    }

    /// A following stream has ended cleanly.
    pub(super) fn note_end(&mut self, now: Duration, stream: Stream, settled: Settled) {
        let is_short = now < stream.opened + KUBELET_BACK;
        let is_known = self.last_end == Some(StreamEnd::Clean);
        match (settled, self.proof) {
            // A stream that never came to the new says nothing about it.
            (Settled::Undecided, _) => self.note_no_end(),
            // Nothing came: what was known of the end still holds.
            (Settled::Empty, _) if !is_known => {}
            (_, Proof::Answered(_)) if is_known && is_short => {}
            (Settled::Aligned | Settled::Empty, _) => {
                (self.last_end, self.proof) = (Some(StreamEnd::Clean), Proof::Ended(now));
            }
        }
    }

    pub(super) fn be_opened(&mut self, now: Duration) -> Vec<Action> {
        if let Proof::Ended(ended) = self.proof {
            if now < ended + KUBELET_BACK {
                (self.last_end, self.proof) = (Some(StreamEnd::Clean), Proof::Answered(ended));
            } else {
                self.proof = Proof::None;
            }
        }
        self.hear(now)
    }

    /// A stream is still open after its replay has had its time. That of a container which had ended would not be: the
    /// stream before was ended by something between, and the container may write on.
    pub(super) fn note_that_it_goes_on(&mut self, stream: Stream) {
        let is_on = matches!(self.standing, Standing::Running | Standing::NodeLost);
        if stream.follow == Follow::Yes && is_on {
            self.note_no_end();
        }
    }

    /// The status says that what ended was not the container.
    pub(super) fn doubt_clean_end(&mut self, now: Duration) {
        match self.proof {
            Proof::Answered(ended) if now < ended + LONGEST_LAG => {}
            Proof::Ended(_) => self.last_end = None,
            Proof::None | Proof::Answered(_) => self.note_no_end(),
        }
    }
}
