//! What the answers to one persona's tries come to: what refused how many, what it is meant to do, and what is wrong.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    caller::Answer,
    tries::{Guard, Try},
};
use crate::two_tiers;

/// A viewer who was made with that flag.
pub(super) const WITH_LOGS: &str = "viewer with --logs";
/// A submitter of a namespace that was made without that flag.
pub(super) const IN_ONE_TIER: &str = "submitter without --two-tier";

/// What some personas may do by their purpose: to them, these tries have to succeed.
struct Purpose {
    personas: &'static [&'static str],
    tries: &'static [&'static str],
    reason: &'static str,
}

const PURPOSES: [Purpose; 7] = [
    Purpose {
        personas: &[
            "viewer",
            "submitter",
            "ci",
            "admin",
            "system",
            WITH_LOGS,
            IN_ONE_TIER,
        ],
        tries: &[
            "list the jobs",
            "list the runtimes",
            "list the pods",
            "list the runtimes of the cluster",
        ],
        reason: "all but training code look at jobs and at what they are made of",
    },
    Purpose {
        personas: &["submitter", "ci", "admin", "system", WITH_LOGS, IN_ONE_TIER],
        tries: &["read a log"],
        reason: "the logs of a namespace are everybody's who trains in it, and of viewers where that was asked for",
    },
    Purpose {
        personas: &["submitter", "ci", "admin", "system", IN_ONE_TIER],
        tries: &["submit a job", "delete somebody's job"],
        reason: "the jobs of a namespace are everybody's who trains in it",
    },
    Purpose {
        personas: &["submitter", "admin", "system", IN_ONE_TIER],
        tries: &["change somebody's job", "keep a job from going"],
        reason: "suspending a job is a change of it, and a role knows no fields",
    },
    Purpose {
        personas: &["admin", "system"],
        tries: &[
            "delete all jobs",
            "make a runtime",
            "change a runtime",
            "delete a runtime",
        ],
        reason: "the jobs and runtimes of the namespace are theirs",
    },
    Purpose {
        personas: &["admin"],
        tries: &["take a viewer's rights away"],
        reason: "who passes roles on takes them back",
    },
    Purpose {
        personas: &["system", IN_ONE_TIER],
        tries: &["train with "],
        reason: "the policy keeps others from being the platform, and not the platform; without it nothing does",
    },
];

/// Why a persona may do this; none where it must not.
fn purpose(persona: &str, attempt: &Try) -> Option<&'static str> {
    let is_meant = |purpose: &&Purpose| {
        let mut tries = purpose.tries.iter();
        purpose.personas.contains(&persona)
            && tries.any(|name| match attempt.guard {
                Guard::Roles => attempt.name == *name,
                Guard::Tiers => attempt.name.starts_with(name),
            })
    };
    PURPOSES.iter().find(is_meant).map(|it| it.reason)
}

/// What refused a try.
enum Refusal {
    /// No rule gives the right, which is said here in the API server's words.
    Roles(String),
    /// Nobody grants what they do not hold.
    Escalation,
    /// The policy of two tiers.
    Tiers,
}

/// What refused this account; none where nothing did. Any other answer is no refusal.
fn refusal(answer: &Answer, user: &str) -> Option<Refusal> {
    if answer.status.as_u16() != 403 {
        return None;
    }
    let status: Value = serde_json::from_str(&answer.text).ok()?;
    let said = status["message"].as_str()?;
    if said.contains(two_tiers::REFUSED) {
        return Some(Refusal::Tiers);
    }
    if said.contains("attempting to grant RBAC permissions not currently held") {
        return Some(Refusal::Escalation);
    }
    let (_, right) = said.split_once(&format!("User \"{user}\" cannot "))?;
    Some(Refusal::Roles(right.to_owned()))
}

pub(super) const fn is_done(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 101 | 200..=299)
}

/// What one persona was answered.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) wrong: Vec<String>,
    /// What the roles do not allow, each once: they refuse before the API server reads what was sent, so that ten pods
    /// are one refusal.
    rights: BTreeSet<String>,
    /// Tries that were refused for what was sent: each is a refusal of its own.
    by_what_one_holds: usize,
    by_policy: usize,
    refused: usize,
    meant: usize,
}

impl Outcome {
    pub(super) fn add(&mut self, persona: &str, attempt: &Try, answer: &Answer, user: &str) {
        let told = || {
            format!(
                "{persona}, {}: {} {}",
                attempt.name, answer.status, answer.text
            )
        };
        if let Some(reason) = purpose(persona, attempt) {
            self.meant += 1;
            if !is_done(answer) {
                self.wrong.push(format!("{} (meant: {reason})", told()));
            }
            return;
        }
        // Who may make TrainJobs has only the policy before them.
        let is_for_policy =
            attempt.guard == Guard::Tiers && ["submitter", "ci", "admin"].contains(&persona);
        match (refusal(answer, user), is_for_policy) {
            (Some(Refusal::Tiers), true) => self.by_policy += 1,
            (Some(Refusal::Escalation), false) => self.by_what_one_holds += 1,
            (Some(Refusal::Roles(right)), false) => {
                self.rights.insert(right);
            }
            _ => {
                self.wrong.push(told());
                return;
            }
        }
        self.refused += 1;
    }

    /// How many refusals say something that no other says.
    pub(super) fn distinct(&self) -> usize {
        self.rights.len() + self.by_what_one_holds + self.by_policy
    }

    pub(super) fn summary(&self, persona: &str) -> String {
        format!(
            "{persona}: {} refused, {} refusals that differ ({} by roles, {} by what one holds, {} by the policy), {} meant",
            self.refused,
            self.distinct(),
            self.rights.len(),
            self.by_what_one_holds,
            self.by_policy,
            self.meant
        )
    }
}
