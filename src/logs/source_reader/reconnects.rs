//! How often a source's stream was opened again, as a person would count it.

use super::{Again, SourceReader};
use crate::logs::instance::StreamEnd;

impl SourceReader {
    /// A stream that ended cleanly is mostly that of a container whose status still lags: opened again, it has nothing
    /// to bring, and is no reconnect worth telling of.
    pub(super) fn count_opening(&mut self) {
        let is_again = self.before.is_some() && self.before == self.opening;
        self.before = self.opening;
        self.again = match (is_again, self.ended) {
            (false, _) => Again::No,
            (true, Some(StreamEnd::Clean)) => Again::IfItBrings,
            (true, _) => {
                self.count_reconnect();
                Again::No
            }
        };
        self.ended = None;
    }

    pub(super) fn count_delivery(&mut self) {
        if self.again == Again::IfItBrings {
            self.again = Again::No;
            self.count_reconnect();
        }
    }

    /// Told at once: whoever ends the run before the source ends wants to know, too.
    pub(super) fn count_reconnect(&mut self) {
        self.reconnects += 1;
        self.log.tell_reopened(&self.shared.spool);
    }
}
