//! The attempts of one container of one pod, as its status tells of them one after the other: which there are to read,
//! from where a server would serve each, and how many came and went unseen. Pure.

use std::{collections::VecDeque, sync::Arc};

/// A container's status, as far as logs need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSeen {
    pub restart_count: u32,
    pub current: Current,
    /// `lastState.terminated.containerID`
    pub last_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Current {
    /// Not started, or between two attempts.
    Waiting,
    Running {
        id: String,
    },
    Terminated {
        id: String,
    },
}

/// What can be done for one attempt's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Running,
    /// It has ended, and is what the server serves without `previous`.
    Ended,
    /// Another runs or has run after it: served with `previous`.
    Previous,
    /// Two or more came after it: nobody serves it.
    OutOfReach,
    PodGone,
    /// Its node does not answer. It may come back.
    NodeLost,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    Started {
        id: Arc<str>,
        attempt: u32,
    },
    /// So many attempts came and went between two looks.
    Skipped {
        count: u32,
    },
}

/// Whether the attempt before the first that is seen is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Left,
    Wanted,
}

#[derive(Debug)]
pub struct Attempts {
    before: Before,
    /// The first attempt that was neither discovered nor skipped; none before the first that is seen.
    next: Option<u32>,
    /// The newest attempts that were seen, at most [`MOST_KNOWN`].
    known: VecDeque<Arc<str>>,
}

/// A status names two attempts; an older status can come late.
const MOST_KNOWN: usize = 8;

impl ContainerSeen {
    /// The attempts that a server serves now, the older first.
    fn served(&self) -> Vec<(u32, &str)> {
        let last = self.last_id.as_deref();
        let count = self.restart_count;
        let (current, before) = match &self.current {
            // The count rises with the next start: until then it is that of the last attempt.
            Current::Waiting => (last.map(|id| (count, id)), None),
            Current::Running { id } | Current::Terminated { id } => {
                (Some((count, id.as_str())), last.zip(count.checked_sub(1)))
            }
        };
        let before = before.map(|(id, attempt)| (attempt, id));
        before
            .into_iter()
            .chain(current)
            .filter(|(_, id)| !id.is_empty())
            .collect()
    }

    pub fn standing(&self, wanted: &str) -> Standing {
        match &self.current {
            Current::Running { id } if id == wanted => Standing::Running,
            Current::Terminated { id } if id == wanted => Standing::Ended,
            current => match (current, self.last_id.as_deref() == Some(wanted)) {
                (Current::Waiting, true) => Standing::Ended,
                (_, true) => Standing::Previous,
                (_, false) => self.standing_unnamed(),
            },
        }
    }

    /// Of an attempt that the status does not name. A status can have lost its containers: that of an evicted pod, or
    /// of a node that came back without them. Only where others stand in the way nobody serves the log any more.
    fn standing_unnamed(&self) -> Standing {
        let is_other = |id: &Option<String>| id.as_ref().is_some_and(|id| !id.is_empty());
        let current = match &self.current {
            Current::Waiting => None,
            Current::Running { id } | Current::Terminated { id } => Some(id.clone()),
        };
        match (is_other(&current), is_other(&self.last_id)) {
            (false, false) => Standing::Ended,
            (true, false) if self.restart_count == 1 => Standing::Previous,
            _ => Standing::OutOfReach,
        }
    }
}

impl Attempts {
    pub fn new(before: Before) -> Self {
        Self {
            before,
            next: None,
            known: VecDeque::new(),
        }
    }

    /// For a container that began after somebody began to look: none of its attempts may be left out unsaid.
    pub fn from_the_first() -> Self {
        Self {
            before: Before::Wanted,
            next: Some(0),
            known: VecDeque::new(),
        }
    }

    /// What is new in a status. Statuses may repeat, and may skip.
    pub fn observe(&mut self, seen: &ContainerSeen) -> Vec<Discovery> {
        let served = seen.served();
        let mut discoveries = Vec::new();
        for (position, (attempt, id)) in served.iter().enumerate() {
            let (id, is_new) = self.learn(id);
            let is_unwanted =
                self.next.is_none() && position + 1 < served.len() && self.before == Before::Left;
            if is_unwanted
                || self
                    .next
                    .is_some_and(|next| !is_due(*attempt, next, is_new))
            {
                continue;
            }
            let skipped = self.next.map_or(0, |next| attempt.saturating_sub(next));
            if skipped > 0 {
                discoveries.push(Discovery::Skipped { count: skipped });
            }
            discoveries.push(Discovery::Started {
                id,
                attempt: *attempt,
            });
            self.next = Some(*attempt + 1);
        }
        discoveries
    }

    /// The id as it is kept, and whether it was not known yet.
    fn learn(&mut self, id: &str) -> (Arc<str>, bool) {
        if let Some(known) = self.known.iter().find(|known| known.as_ref() == id) {
            return (Arc::clone(known), false);
        }
        if self.known.len() == MOST_KNOWN {
            self.known.pop_front();
        }
        let id = Arc::from(id);
        self.known.push_back(Arc::clone(&id));
        (id, true)
    }
}

/// The count tells attempts apart, but a node that has lost its containers can count one twice: then the id does.
fn is_due(attempt: u32, next: u32, is_new: bool) -> bool {
    attempt >= next || (is_new && attempt + 1 == next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(attempt: u32) -> String {
        format!("containerd://{attempt}")
    }

    fn running(attempt: u32) -> ContainerSeen {
        let last_id = attempt.checked_sub(1).map(id);
        ContainerSeen {
            restart_count: attempt,
            current: Current::Running { id: id(attempt) },
            last_id,
        }
    }

    fn waiting_after(attempt: u32) -> ContainerSeen {
        ContainerSeen {
            restart_count: attempt,
            current: Current::Waiting,
            last_id: Some(id(attempt)),
        }
    }

    fn started(attempt: u32) -> Discovery {
        Discovery::Started {
            id: id(attempt).into(),
            attempt,
        }
    }

    #[test]
    fn each_attempt_is_discovered_once() {
        let mut attempts = Attempts::new(Before::Left);
        let not_started = ContainerSeen {
            restart_count: 0,
            current: Current::Waiting,
            last_id: None,
        };
        assert_eq!(attempts.observe(&not_started), []);
        assert_eq!(attempts.observe(&running(0)), [started(0)]);
        assert_eq!(attempts.observe(&running(0)), []);
        assert_eq!(attempts.observe(&waiting_after(0)), []);
        assert_eq!(attempts.observe(&running(1)), [started(1)]);
    }

    #[test]
    fn an_attempt_that_ran_between_two_looks_is_read_from_previous() {
        let mut attempts = Attempts::new(Before::Left);
        attempts.observe(&running(0));
        assert_eq!(attempts.observe(&running(2)), [started(1), started(2)]);
    }

    #[test]
    fn attempts_that_nobody_serves_any_more_are_counted() {
        let mut attempts = Attempts::new(Before::Left);
        attempts.observe(&running(0));
        let skipped = Discovery::Skipped { count: 2 };
        assert_eq!(
            attempts.observe(&running(4)),
            [skipped, started(3), started(4)]
        );
        let skipped = Discovery::Skipped { count: 1 };
        assert_eq!(attempts.observe(&waiting_after(6)), [skipped, started(6)]);
    }

    #[test]
    fn what_was_before_the_first_look_is_read_only_where_wanted() {
        assert_eq!(
            Attempts::new(Before::Left).observe(&running(5)),
            [started(5)]
        );
        assert_eq!(
            Attempts::new(Before::Wanted).observe(&running(5)),
            [started(4), started(5)]
        );
        assert_eq!(
            Attempts::new(Before::Left).observe(&waiting_after(5)),
            [started(5)]
        );
    }

    #[test]
    fn where_an_attempt_is_served_follows_from_the_status() {
        assert_eq!(running(3).standing(&id(3)), Standing::Running);
        assert_eq!(running(3).standing(&id(2)), Standing::Previous);
        assert_eq!(running(3).standing(&id(1)), Standing::OutOfReach);
        assert_eq!(waiting_after(3).standing(&id(3)), Standing::Ended);
        assert_eq!(waiting_after(3).standing(&id(2)), Standing::OutOfReach);
    }

    #[test]
    fn a_status_that_lost_its_containers_puts_none_out_of_reach() {
        let seen = |restart_count, current, last_id: Option<u32>| ContainerSeen {
            restart_count,
            current,
            last_id: last_id.map(id),
        };
        let unknown = || Current::Terminated { id: String::new() };
        let running = |attempt| Current::Running { id: id(attempt) };
        let standing = |seen: ContainerSeen| seen.standing(&id(0));
        assert_eq!(standing(seen(0, unknown(), None)), Standing::Ended);
        assert_eq!(
            standing(seen(0, running(7), None)),
            Standing::OutOfReach,
            "another stands in its place"
        );
        assert_eq!(standing(seen(1, unknown(), None)), Standing::Ended);
        assert_eq!(standing(seen(1, Current::Waiting, None)), Standing::Ended);
        assert_eq!(standing(seen(1, unknown(), Some(0))), Standing::Previous);
        assert_eq!(standing(seen(1, running(1), None)), Standing::Previous);
        assert_eq!(standing(seen(2, running(2), Some(1))), Standing::OutOfReach);
    }

    #[test]
    fn an_attempt_that_a_node_counts_twice_is_discovered_by_its_id() {
        let mut attempts = Attempts::new(Before::Left);
        attempts.observe(&running(1));
        let again = ContainerSeen {
            restart_count: 1,
            current: Current::Running {
                id: "containerd://other".to_owned(),
            },
            last_id: None,
        };
        let discovered = Discovery::Started {
            id: "containerd://other".into(),
            attempt: 1,
        };
        assert_eq!(attempts.observe(&again), [discovered]);
        assert_eq!(attempts.observe(&again), []);
        assert_eq!(attempts.observe(&running(1)), [], "a status that came late");
    }

    proptest! {
        #[test]
        fn every_attempt_is_either_discovered_or_counted_once(steps in prop::collection::vec((0u32..4, any::<bool>()), 1..30)) {
            let mut attempts = Attempts::new(Before::Wanted);
            let (mut attempt, mut next) = (0, None);
            for (step, is_running) in steps {
                attempt += step;
                let seen = if is_running { running(attempt) } else { waiting_after(attempt) };
                for discovery in attempts.observe(&seen) {
                    match discovery {
                        Discovery::Started { attempt, .. } => {
                            prop_assert!(next.is_none_or(|next| next == attempt));
                            next = Some(attempt + 1);
                        }
                        Discovery::Skipped { count } => next = next.map(|next: u32| next + count),
                    }
                }
                prop_assert!(next.is_none_or(|next| next > attempt || !is_running));
            }
        }
    }
}
