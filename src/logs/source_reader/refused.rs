//! What a refusal means for a source, and what is told about it.

use std::time::Duration;

use super::SourceReader;
use crate::{cluster::LogRefusal, logs::instance::Refusal};

/// A caller who could read logs and suddenly may not is believed after so long.
const FORBIDDEN_LIMIT: Duration = Duration::from_mins(2);

impl SourceReader {
    pub(super) fn tell_trouble(&mut self) {
        if let Some(words) = self.trouble.tell(&self.shared.told) {
            self.log.tell(&words, &self.shared.spool);
        }
    }

    pub(super) fn end_trouble(&mut self) {
        if let Some(words) = self.trouble.end(&self.shared.told) {
            self.log.tell(words, &self.shared.spool);
        }
    }

    pub(super) fn take_refusal(&mut self, refusal: LogRefusal) -> Refusal {
        match refusal {
            LogRefusal::NotThere { message } => {
                self.forbidden_since = None;
                self.trouble.suffer(self.now(), message);
                Refusal::NotThere
            }
            LogRefusal::Busy { wait, message } => {
                self.forbidden_since = None;
                self.trouble.suffer(self.now(), message);
                Refusal::Busy(wait)
            }
            LogRefusal::Forbidden(failure) if self.may_pass() => {
                self.trouble.suffer(self.now(), failure.to_string());
                Refusal::Busy(None)
            }
            LogRefusal::Forbidden(failure) => {
                if self.shared.forbidden.set(()).is_ok() {
                    self.log.tell(&failure.to_string(), &self.shared.spool);
                }
                Refusal::Forbidden
            }
        }
    }

    /// An API server that has just started may not know the rule yet that it has obeyed before.
    pub(super) fn may_pass(&mut self) -> bool {
        let now = self.now();
        let since = *self.forbidden_since.get_or_insert(now);
        self.shared.pool.has_served() && now < since + FORBIDDEN_LIMIT
    }
}
