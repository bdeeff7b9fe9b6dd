//! The faults that are set on a running proxy, and what went through it.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{ActiveRule, Counters, Fault, Matcher, Times};

/// What a proxy is about to let through.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passing<'a> {
    /// `host:port` of a dial.
    Target(&'a str),
    Request {
        method: &'a str,
        /// Path and query.
        path: &'a str,
    },
}

/// Whether something begins, or is open already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Start,
    Open,
}

/// A fault that has to happen now, and the rule that asked for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) rule: u64,
    pub(crate) fault: Fault,
}

/// The rules of one proxy.
#[derive(Debug)]
pub(crate) struct FaultTable {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<ActiveRule>,
    used_up: Vec<u64>,
    last_id: u64,
    recordings: Vec<Recording>,
    counters: Counters,
}

/// Answers to requests that begin so are kept in this folder.
#[derive(Debug)]
struct Recording {
    id: u64,
    path_prefix: String,
    folder: PathBuf,
}

impl FaultTable {
    pub(crate) fn new() -> FaultTable {
        FaultTable {
            state: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Told on every set and clear.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn set(&self, matcher: Matcher, fault: Fault, times: Times) -> u64 {
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        state.rules.push(ActiveRule {
            id,
            matcher,
            fault,
            times,
            hits: 0,
        });
        drop(state);
        self.tell();
        id
    }

    pub(crate) fn clear(&self, id: u64) {
        let mut state = self.state();
        state.rules.retain(|rule| rule.id != id);
        state.used_up.retain(|used| *used != id);
        state.recordings.retain(|recording| recording.id != id);
        drop(state);
        self.tell();
    }

    pub(crate) fn clear_all(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.used_up.clear();
        state.recordings.clear();
        drop(state);
        self.tell();
    }

    /// Lets answers to these requests be kept, until the number returned is cleared.
    pub(crate) fn record(&self, path_prefix: String, folder: PathBuf) -> u64 {
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        state.recordings.push(Recording {
            id,
            path_prefix,
            folder,
        });
        id
    }

    /// Where the answer to this is to be kept.
    pub(crate) fn recording(&self, passing: Passing<'_>) -> Option<PathBuf> {
        let Passing::Request { path, .. } = passing else {
            return None;
        };
        let state = self.state();
        let found = state
            .recordings
            .iter()
            .find(|recording| path.starts_with(&recording.path_prefix));
        found.map(|recording| recording.folder.clone())
    }

    pub(crate) fn list(&self) -> Vec<ActiveRule> {
        self.state().rules.clone()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.state().counters.clone()
    }

    pub(crate) fn count_connection(&self) {
        self.state().counters.connections += 1;
    }

    pub(crate) fn count_request(&self, passing: Passing<'_>) {
        *self
            .state()
            .counters
            .requests
            .entry(counted_name(passing))
            .or_default() += 1;
    }

    /// Whether new connections are refused as a whole.
    pub(crate) fn refuses(&self) -> bool {
        self.state()
            .rules
            .iter()
            .any(|rule| rule.fault == Fault::Refuse)
    }

    /// Takes the oldest fault that is due, and counts it.
    pub(crate) fn take(&self, passing: Passing<'_>, moment: Stage) -> Option<Due> {
        let mut guard = self.state();
        let state = &mut *guard;
        let position = state
            .rules
            .iter()
            .position(|rule| matches(&rule.matcher, passing) && happens_at(rule.fault, moment))?;
        let rule = &mut state.rules[position];
        rule.hits += 1;
        let due = Due {
            rule: rule.id,
            fault: rule.fault,
        };
        if let Times::Next(limit) = rule.times
            && rule.hits >= limit
        {
            state.rules.remove(position);
            state.used_up.push(due.rule);
        }
        state.counters.faulted += 1;
        Some(due)
    }

    /// Whether a new dial would meet a fault that an open one cannot meet.
    pub(crate) fn meets_at_start(&self, passing: Passing<'_>) -> bool {
        let state = self.state();
        state
            .rules
            .iter()
            .any(|rule| matches(&rule.matcher, passing) && !happens_at(rule.fault, Stage::Open))
    }

    /// Waits until somebody clears the rule; a rule that is used up goes on for what it has met.
    pub(crate) async fn cleared(&self, rule: u64) {
        let mut changes = self.changes();
        // The sender lives as long as this table, so waiting cannot fail.
        let _ = changes.wait_for(|_| !self.is_set(rule)).await;
    }

    pub(crate) fn is_set(&self, rule: u64) -> bool {
        let state = self.state();
        state.used_up.contains(&rule) || state.rules.iter().any(|known| known.id == rule)
    }

    fn tell(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn matches(matcher: &Matcher, passing: Passing<'_>) -> bool {
    match (matcher, passing) {
        (Matcher::Any, _) => true,
        (Matcher::Target(wanted), Passing::Target(target)) => {
            wanted == target || (wanted.starts_with(':') && target.ends_with(wanted.as_str()))
        }
        (
            Matcher::Request {
                method: wanted,
                path_prefix,
            },
            Passing::Request { method, path },
        ) => {
            wanted.as_deref().is_none_or(|wanted| wanted == method) && path.starts_with(path_prefix)
        }
        (Matcher::Target(_), Passing::Request { .. })
        | (Matcher::Request { .. }, Passing::Target(_)) => false,
    }
}

/// What is open can neither begin later nor be answered by another.
fn happens_at(fault: Fault, stage: Stage) -> bool {
    stage == Stage::Start || !matches!(fault, Fault::Delay(_) | Fault::Refuse | Fault::Answer(_))
}

fn counted_name(passing: Passing<'_>) -> String {
    match passing {
        Passing::Target(target) => target.to_owned(),
        Passing::Request { method, path } => {
            format!(
                "{method} {}",
                path.split_once('?').map_or(path, |(path, _)| path)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FaultTable, Passing, Stage};
    use crate::faults::{Fault, Matcher, Times};

    const LOGS: Passing<'_> = Passing::Request {
        method: "GET",
        path: "/api/v1/namespaces/a/pods/b/log?follow=true",
    };

    fn request(method: Option<&str>, path_prefix: &str) -> Matcher {
        Matcher::Request {
            method: method.map(str::to_owned),
            path_prefix: path_prefix.to_owned(),
        }
    }

    #[test]
    fn a_fault_meets_only_what_its_matcher_names() {
        let met = |matcher: Matcher, passing| {
            let table = FaultTable::new();
            table.set(matcher, Fault::Cut, Times::Always);
            table.take(passing, Stage::Start).is_some()
        };
        assert!(met(Matcher::Any, LOGS));
        assert!(met(request(None, "/api/v1/namespaces/a/"), LOGS));
        assert!(met(
            request(Some("GET"), "/api/v1/namespaces/a/pods/b/log?follow"),
            LOGS
        ));
        assert!(!met(request(Some("POST"), "/api"), LOGS));
        assert!(!met(request(None, "/apis"), LOGS));
        assert!(met(
            Matcher::Target(":10250".into()),
            Passing::Target("10.10.0.11:10250")
        ));
        assert!(!met(
            Matcher::Target("10.10.0.1:10250".into()),
            Passing::Target("10.10.0.11:10250")
        ));
        assert!(!met(Matcher::Target(":10250".into()), LOGS));
    }

    #[test]
    fn a_fault_happens_as_often_as_it_was_set_for_and_the_oldest_first() {
        let table = FaultTable::new();
        table.set(Matcher::Any, Fault::Answer(429), Times::Next(2));
        table.set(Matcher::Any, Fault::Answer(503), Times::Always);
        let taken: Vec<Fault> = (0..4)
            .filter_map(|_| table.take(LOGS, Stage::Start))
            .map(|due| due.fault)
            .collect();
        assert_eq!(taken, [429, 429, 503, 503].map(Fault::Answer));
        assert_eq!(table.counters().faulted, 4);
        assert_eq!(table.list()[0].hits, 2);
    }

    #[test]
    fn what_is_open_is_cut_and_stalled_but_not_delayed_or_answered() {
        let taken = |fault| {
            let table = FaultTable::new();
            table.set(Matcher::Any, fault, Times::Always);
            table.take(LOGS, Stage::Open).is_some()
        };
        assert!(taken(Fault::Cut) && taken(Fault::StallAfter(3)) && taken(Fault::BreakMidLine(0)));
        assert!(
            !taken(Fault::Delay(Duration::ZERO))
                && !taken(Fault::Answer(500))
                && !taken(Fault::Refuse)
        );
    }

    #[test]
    fn requests_are_counted_without_their_query() {
        let table = FaultTable::new();
        table.count_request(LOGS);
        table.count_request(Passing::Request {
            method: "GET",
            path: "/api/v1/namespaces/a/pods/b/log",
        });
        assert_eq!(
            table.counters().requests["GET /api/v1/namespaces/a/pods/b/log"],
            2
        );
    }
}
