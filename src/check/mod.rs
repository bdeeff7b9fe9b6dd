//! The proof engine's nouns: a check (constant data and one function), what it found, and why.
//! `selection.rs` chooses from a catalogue, `engine.rs` runs what is chosen, `report.rs` is what comes out, `trainer/`
//! is the catalogue of `kubectl trainer verify`, `access/` that of `kubectl trainer access verify`.
//!
//! Adding a check touches one file: declare its reasons, its `const` [`Check`], a function that fetches and a pure
//! `judge_*` that decides; then name it in its catalogue, after the checks that it requires.

pub mod access;
pub mod engine;
pub mod page;
pub mod report;
pub mod selection;
pub mod trainer;

use std::fmt;

use futures::future::LocalBoxFuture;
use serde::Serialize;

use crate::cluster::{Failure, FailureKind, MissingRule};

/// The stable name of a check: `TRN-` and words in upper case. Never used again for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CheckId(pub &'static str);

impl fmt::Display for CheckId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.0)
    }
}

/// What part of the whole a check looks at. The order is the display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    Cluster,
    /// What the caller may do in one namespace; only looked at where the question is about one.
    Namespace,
    Definitions,
    Controllers,
    Webhooks,
    Runtimes,
    Integrations,
    /// Only where it is asked for: it makes something for a moment, and removes it.
    Deep,
    /// Only looked at where somebody types: it is about this program on this machine.
    Plugin,
    /// Only looked at where the question is whether Trainer can be installed.
    Installation,
    /// The four of `access verify`: whom a credential logs in, what it must be allowed, what it must not be, and what
    /// really happens.
    Login,
    Allowed,
    #[serde(rename = "not-allowed")]
    NotAllowed,
    Effects,
}

/// When a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It only looks, as often as waiting can help.
    Looking,
    /// It tries, once, when nothing is waited for any more.
    Trying,
}

impl Category {
    /// When its checks are made.
    pub const fn stage(self) -> Stage {
        match self {
            Self::Deep => Stage::Trying,
            _ => Stage::Looking,
        }
    }

    /// Whether it is about the one namespace that was asked about.
    pub const fn is_of_namespace(self) -> bool {
        matches!(self, Self::Namespace | Self::Deep)
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Namespace => "Namespace",
            Self::Definitions => "Custom resource definitions",
            Self::Controllers => "Controllers",
            Self::Webhooks => "Webhooks",
            Self::Runtimes => "Training runtimes",
            Self::Integrations => "Integrations",
            Self::Deep => "A training, tried",
            Self::Plugin => "This plugin",
            Self::Installation => "Installation",
            Self::Login => "Login",
            Self::Allowed => "Allowed",
            Self::NotAllowed => "Not allowed",
            Self::Effects => "Effects",
        }
    }
}

/// What a catalogue as a whole answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// Does what is installed work?
    #[default]
    Healthy,
    /// Can it be installed?
    Ready,
    /// Does a credential, or an account, what it should and no more?
    Granted,
}

/// How much hangs on a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Training does not work without it. Not to be allowed to look counts, too.
    Error,
    /// Training does not work without it, but who may not look need not look to train.
    #[serde(rename = "error-when-seen")]
    ErrorWhenSeen,
    /// Training works without it: what the check finds is a warning at most, also that it got no answer.
    Warning,
}

/// Whether waiting can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    UntilDeadline,
}

/// A stable code for one way in which something is not as it should be, with the text of its explanation.
#[derive(Debug)]
pub struct Reason {
    /// In `CamelCase`, such as `NoEndpoints`; the same in every output format.
    pub code: &'static str,
    /// One or two sentences on what the code means.
    pub meaning: &'static str,
    /// One or two sentences on what mends it.
    pub mend: &'static str,
}

impl PartialEq for Reason {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Reason {}

/// One question with a provable answer. `Context` is what the catalogue's functions look at.
pub struct Check<Context> {
    pub id: CheckId,
    pub category: Category,
    /// Affirmative, so that `ok` in front of it reads as a sentence.
    pub title: &'static str,
    /// What to do when a finding has no command of its own.
    pub hint: &'static str,
    /// What `kubectl trainer explain` says on top of the reasons: what is looked at, and why it matters.
    pub page: &'static str,
    /// Every reason that this check can give, beside [`EVERY_CHECKS_REASONS`].
    pub reasons: &'static [&'static Reason],
    pub severity: Severity,
    /// Checks that must not have failed before this one is worth its requests.
    pub requires: &'static [CheckId],
    pub retry: Retry,
    pub run: Run<Context>,
}

/// Fetches what a check needs and judges it.
pub type Run<Context> = for<'context> fn(&'context Context) -> LocalBoxFuture<'context, Outcome>;

/// How much a finding weighs. The heaviest finding decides the state of its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Not looked at, on purpose; the finding says why.
    Skipped,
    Warning,
    /// The caller is not allowed to look.
    Unknown,
    Failed,
}

/// Whose connection the commands in a mend or an advice are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The caller's, whose flags the report still adds.
    Caller,
    /// They stand as they are: they have their flags, or are for somebody whose kubeconfig is another.
    Anybody,
}

/// One thing that is not as it should be, or that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub reason: &'static Reason,
    /// A fragment that names the object, what was found and what was expected.
    pub detail: String,
    /// A command that mends it or shows more, to be pasted into a shell.
    pub mend: Option<String>,
    /// Advice in words, where no single command will do.
    pub advice: Option<String>,
    pub advice_for: Reader,
    /// For [`Level::Unknown`]: the rule that the caller lacks.
    pub missing_rule: Option<Box<MissingRule>>,
    /// Whether waiting can help, where the check itself says that it can.
    pub retry: Retry,
}

impl Finding {
    pub fn failed(reason: &'static Reason, detail: impl Into<String>) -> Self {
        Self {
            level: Level::Failed,
            reason,
            detail: detail.into(),
            mend: None,
            advice: None,
            advice_for: Reader::Caller,
            missing_rule: None,
            retry: Retry::UntilDeadline,
        }
    }

    pub fn warning(reason: &'static Reason, detail: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::failed(reason, detail)
        }
    }

    pub fn skipped(reason: &'static Reason, detail: impl Into<String>) -> Self {
        Self {
            level: Level::Skipped,
            ..Self::failed(reason, detail)
        }
    }

    /// Nothing that happens in a cluster while one waits will change it.
    #[must_use]
    pub fn lasting(self) -> Self {
        Self {
            retry: Retry::Never,
            ..self
        }
    }

    #[must_use]
    pub fn mended_by(self, command: impl Into<String>) -> Self {
        Self {
            mend: Some(command.into()),
            ..self
        }
    }

    /// A failed request, under the reason that the check has for it.
    pub fn failed_request(reason: &'static Reason, failure: &Failure) -> Self {
        Self {
            advice: failure.hint(),
            advice_for: Reader::Anybody,
            ..Self::failed(reason, failure.to_string())
        }
    }

    /// A request that gave no answer: not allowed is unknown, everything else is a failure, never a pass.
    pub fn of_failure(failure: &Failure) -> Self {
        match &failure.kind {
            FailureKind::Forbidden(rule) => Self {
                level: Level::Unknown,
                missing_rule: Some(rule.clone()),
                ..Self::failed(&NOT_ALLOWED, format!("you may not {}", rule.words()))
            }
            .mended_by(rule.question()),
            _ => Self::failed_request(&REQUEST_FAILED, failure),
        }
    }
}

/// What a check found. Without findings it passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Heaviest first, then in the order in which they were judged.
    pub findings: Vec<Finding>,
    /// What was seen, in short fragments; the first is shown beside the title.
    pub facts: Vec<String>,
}

impl Outcome {
    pub fn new(mut findings: Vec<Finding>, facts: Vec<String>) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        Self { findings, facts }
    }

    pub fn of(finding: Finding) -> Self {
        Self::new(vec![finding], Vec::new())
    }

    /// The same, with warnings in place of failures, and still heaviest first.
    fn without_failures(self) -> Self {
        let findings = self.findings.into_iter().map(|finding| Finding {
            level: match finding.level {
                Level::Failed => Level::Warning,
                Level::Skipped | Level::Warning | Level::Unknown => finding.level,
            },
            ..finding
        });
        Self::new(findings.collect(), self.facts)
    }

    pub fn passed(fact: impl Into<String>) -> Self {
        Self::new(Vec::new(), vec![fact.into()])
    }
}

/// Reasons that the engine itself, or any check, can give.
pub const EVERY_CHECKS_REASONS: &[&Reason] = &[
    &NOT_ALLOWED,
    &REQUEST_FAILED,
    &PREREQUISITE_FAILED,
    &NO_ANSWER_IN_TIME,
];

pub const NOT_ALLOWED: Reason = Reason {
    code: "NotAllowed",
    meaning: "Your account lacks the named RBAC rule, so this could not be looked at. It says nothing about the health of Trainer.",
    mend: "Ask an administrator for the rule, or have somebody run the check who has it.",
};

pub const REQUEST_FAILED: Reason = Reason {
    code: "RequestFailed",
    meaning: "The API server did not answer a request of this check, or answered with an error. A check that cannot look does not pass.",
    mend: "Follow the hint beside the finding, then run the command again.",
};

pub const PREREQUISITE_FAILED: Reason = Reason {
    code: "PrerequisiteFailed",
    meaning: "A check that this one builds on failed, so this one was not made.",
    mend: "Mend the named check first.",
};

pub const NO_ANSWER_IN_TIME: Reason = Reason {
    code: "NoAnswerInTime",
    meaning: "The check had no result within its time limit.",
    mend: "See whether the API server is slow, then run the command again.",
};
