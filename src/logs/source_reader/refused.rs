//! What a refusal means for a source, and what is told about it.

use std::time::Duration;

use super::{SourceReader, trouble::Cause};
use crate::{
    cluster::LogRefusal,
    logs::{
        attempts::Standing,
        instance::{Follow, Refusal},
    },
};

/// A caller who could read a log and suddenly may not is believed after so long: an API server that has just started may
/// not know the rule yet that it has obeyed before.
const LIMIT_OF_KNOWN: Duration = Duration::from_mins(2);
/// One who never could, after so long: a rule that was just made is not known everywhere yet.
const LIMIT_OF_NEW: Duration = Duration::from_secs(10);

/// What is known of the caller's right to read a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    served: Served,
    /// Since when every answer was that the caller may not.
    denied_since: Option<Duration>,
}

/// Whether the source was ever served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Served {
    #[default]
    Never,
    Once,
}

/// What the answers to all sources of the run say of the caller's right to read one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// The caller had it for another.
    Served,
    Unknown,
    /// The caller has it for none.
    Refused,
}

/// For how long the caller would wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Follows,
    /// The job is over, and what is left is read.
    WaitsForTheEnd,
    Looks,
}

/// Whether waiting can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hope {
    Some,
    None,
}

impl Rights {
    fn be_served(&mut self) {
        *self = Self {
            served: Served::Once,
            denied_since: None,
        };
    }

    /// Another answer than that the caller may not.
    fn be_refused(&mut self) {
        self.denied_since = None;
    }

    /// The caller may not.
    fn be_denied(&mut self, now: Duration, others: Others) -> Hope {
        let since = *self.denied_since.get_or_insert(now);
        let limit = match (self.served, others) {
            (Served::Once, _) | (_, Others::Served) => LIMIT_OF_KNOWN,
            (Served::Never, Others::Unknown) => LIMIT_OF_NEW,
            (Served::Never, Others::Refused) => Duration::ZERO,
        };
        if now < since + limit {
            Hope::Some
        } else {
            Hope::None
        }
    }
}

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

    /// The node is named: others may answer.
    pub(super) fn suffer_silent_node(&mut self) {
        let node = self.address.node.as_deref().unwrap_or_default();
        let words = format!("its node {node} does not answer");
        self.trouble.suffer(self.now(), Cause::Unanswered, words);
    }

    /// Who was not answered is. Words in place of a log are an answer, too.
    pub(super) fn be_answered(&mut self) {
        if self.trouble.cause() == Cause::Unanswered {
            self.end_trouble();
        }
    }

    /// The replay of a stream has had its time, and nobody has spoken: what follows is read as it should be.
    pub(super) fn welcome_silence(&mut self) {
        let is_followed = self.opening.is_some_and(|one| one.follow == Follow::Yes);
        if is_followed && self.trouble.cause() == Cause::Words {
            self.end_trouble();
        }
    }

    /// A stream is open. What a kubelet serves of what has ended may be words in its place, so that only lines show that
    /// it can be read.
    pub(super) fn welcome_stream(&mut self) {
        self.rights.be_served();
        if self.opening.is_some_and(|one| one.follow == Follow::Yes) {
            self.be_answered();
        }
        if self.obeyed.standing == Standing::Running {
            self.patience.hear_old(self.now());
        }
        self.count_opening();
    }

    pub(super) fn take_refusal(&mut self, refusal: LogRefusal) -> Refusal {
        let now = self.now();
        match refusal {
            LogRefusal::NotThere { message } => {
                self.rights.be_refused();
                self.trouble.suffer(now, Cause::Unanswered, message);
                Refusal::NotThere
            }
            LogRefusal::NoPlace { message } => {
                self.trouble.suffer(now, Cause::Unanswered, message);
                // Whoever waits for others is not to blame; nobody was asked.
                self.patience.renew(now);
                Refusal::NoPlace
            }
            LogRefusal::Busy { wait, message } => {
                self.rights.be_refused();
                self.trouble.suffer(now, Cause::Unanswered, message);
                Refusal::Busy(wait)
            }
            LogRefusal::Forbidden(failure) => {
                let others = self.others();
                if self.rights.be_denied(now, others) == Hope::Some {
                    // Who never may is told so once, when it is believed.
                    if self.rights.served == Served::Once || others == Others::Served {
                        self.trouble
                            .suffer(now, Cause::Unanswered, failure.to_string());
                    }
                    return Refusal::Denied;
                }
                if self.shared.forbidden.set(()).is_ok() {
                    self.log.tell(&failure.to_string(), &self.shared.spool);
                }
                Refusal::Forbidden
            }
        }
    }

    fn others(&self) -> Others {
        let asker = match (self.shared.follow, self.obeyed.patience) {
            (Follow::Yes, None) => Asker::Follows,
            (Follow::Yes, Some(_)) => Asker::WaitsForTheEnd,
            (Follow::No, _) => Asker::Looks,
        };
        let is_served = self.shared.pool.has_served();
        let is_refused = self.shared.forbidden.get().is_some();
        judge_others(is_served, is_refused, asker)
    }
}

/// Who follows while the job goes on waits for an API server that may have just started, where another log was served.
/// Else who was refused one log for good gets no other either, and who only looks and was served nothing waits for none.
const fn judge_others(is_served: bool, is_refused: bool, asker: Asker) -> Others {
    match (is_served, is_refused, asker) {
        (true, _, Asker::Follows) => Others::Served,
        (_, true, _) | (false, _, Asker::Looks) => Others::Refused,
        _ => Others::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the caller is refused until that is believed.
    fn believed_after(mut rights: Rights, others: Others) -> u64 {
        let is_hopeless =
            |second: &u64| rights.be_denied(Duration::from_secs(5 + second), others) == Hope::None;
        (0..1000).find(is_hopeless).unwrap()
    }

    #[test]
    fn a_rule_that_was_just_made_is_waited_for_and_one_that_was_obeyed_before_for_longer() {
        let mut served = Rights::default();
        served.be_served();
        assert_eq!(believed_after(Rights::default(), Others::Unknown), 10);
        assert_eq!(believed_after(served, Others::Unknown), 120);
    }

    #[test]
    fn a_log_that_begins_while_an_api_server_starts_is_waited_for_as_long_as_those_that_were_read()
    {
        assert_eq!(believed_after(Rights::default(), Others::Served), 120);
    }

    #[test]
    fn who_may_read_no_other_log_is_not_asked_about_again() {
        assert_eq!(believed_after(Rights::default(), Others::Refused), 0);
    }

    #[test]
    fn who_follows_a_job_that_goes_on_waits_longest_and_once_one_is_refused_for_good_nobody_else_waits()
     {
        use {Asker::*, Others::*};
        for (is_served, is_refused, expected) in [
            (true, false, [Served, Unknown, Unknown]),
            (true, true, [Served, Refused, Refused]),
            (false, false, [Unknown, Unknown, Refused]),
            (false, true, [Refused, Refused, Refused]),
        ] {
            let askers = [Follows, WaitsForTheEnd, Looks];
            let judged = askers.map(|asker| judge_others(is_served, is_refused, asker));
            assert_eq!(judged, expected, "{is_served} {is_refused}");
        }
    }

    #[test]
    fn another_answer_shows_that_the_caller_may() {
        let mut rights = Rights::default();
        rights.be_denied(Duration::ZERO, Others::Unknown);
        rights.be_refused();
        assert_eq!(believed_after(rights, Others::Unknown), 10);
    }
}
