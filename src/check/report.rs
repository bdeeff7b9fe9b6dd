//! What a run of a catalogue found: one result a check in the catalogue's order, and the verdict over all of them.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    Category, Check, CheckId, Finding, Level, Outcome, PREREQUISITE_FAILED, Question, Reader,
    Retry, Severity, selection::Strictness,
};
use crate::cluster::Target;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    Warning,
    /// A check that this one requires failed, or there was no way to make it.
    Skipped,
    /// The caller is not allowed to look.
    Unknown,
    Failed,
}

impl State {
    /// In the order in which a summary counts them.
    pub const ALL: [Self; 5] = [
        Self::Failed,
        Self::Unknown,
        Self::Warning,
        Self::Skipped,
        Self::Ok,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

/// One check's answer, with what a reader needs to know of the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    pub id: CheckId,
    pub category: Category,
    pub title: &'static str,
    /// What to do when a finding has no command of its own.
    pub hint: Cow<'static, str>,
    pub severity: Severity,
    pub requires: &'static [CheckId],
    pub retry: Retry,
    pub state: State,
    /// Heaviest first; empty when the check passed.
    pub findings: Vec<Finding>,
    /// What was seen, shortest and most telling first.
    pub facts: Vec<String>,
    /// The failed check at the root, when this one was skipped.
    pub skipped_for: Option<CheckId>,
}

impl CheckResult {
    /// A check on which no training hangs warns, also when it was not answered or not in time.
    pub(super) fn new<Context>(check: &Check<Context>, outcome: Outcome) -> Self {
        let outcome = match check.severity {
            Severity::Error | Severity::ErrorWhenSeen => outcome,
            Severity::Warning => outcome.without_failures(),
        };
        Self::of(check, outcome)
    }

    fn of<Context>(check: &Check<Context>, outcome: Outcome) -> Self {
        let state = match outcome.findings.iter().map(|finding| finding.level).max() {
            None => State::Ok,
            Some(Level::Skipped) => State::Skipped,
            Some(Level::Warning) => State::Warning,
            Some(Level::Unknown) => State::Unknown,
            Some(Level::Failed) => State::Failed,
        };
        Self {
            id: check.id,
            category: check.category,
            title: check.title,
            hint: Cow::Borrowed(check.hint),
            severity: check.severity,
            requires: check.requires,
            retry: check.retry,
            state,
            findings: outcome.findings,
            facts: outcome.facts,
            skipped_for: None,
        }
    }

    pub(super) fn skipped<Context>(check: &Check<Context>, root: CheckId) -> Self {
        let finding = Finding::failed(&PREREQUISITE_FAILED, format!("needs {root}, which failed"));
        let result = Self::of(check, Outcome::of(finding));
        Self {
            state: State::Skipped,
            skipped_for: Some(root),
            ..result
        }
    }
}

/// What the whole report says. Of several reports the worst counts, and the order is from good to bad: what is known to
/// be broken weighs more than what cannot be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Healthy,
    /// Works, but something deserves a look.
    Warnings,
    /// Nothing failed, but the caller may not look at everything that counts.
    Unknown,
    /// The API server cannot be reached, or does not know the caller: nothing is known.
    Unreachable,
    Unhealthy,
}

/// One complete look at a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub question: Question,
    /// In the catalogue's order, whichever check ended first.
    pub results: Vec<CheckResult>,
    /// The checks without which nothing can be known; see [`Verdict::Unreachable`].
    pub gates: &'static [CheckId],
    /// Checks that apply, and that the user did not want: where there are any, the report is about a part only.
    pub left_out: Vec<CheckId>,
    pub strictness: Strictness,
}

impl Report {
    pub fn verdict(&self) -> Verdict {
        let (mut failures, mut unknown) = (
            self.results.iter().filter(|result| self.is_failure(result)),
            self.in_state(State::Unknown),
        );
        if self.is_closed() {
            Verdict::Unreachable
        } else if failures.next().is_some() {
            Verdict::Unhealthy
        } else if unknown.any(|result| result.severity == Severity::Error) {
            Verdict::Unknown
        } else if self.results.iter().any(|result| result.state != State::Ok) {
            Verdict::Warnings
        } else {
            Verdict::Healthy
        }
    }

    /// Whether a check failed without which nothing can be known.
    fn is_closed(&self) -> bool {
        self.in_state(State::Failed)
            .any(|result| self.gates.contains(&result.id))
    }

    /// Whether this result counts as a failure.
    pub fn is_failure(&self, result: &CheckResult) -> bool {
        match result.state {
            State::Failed => true,
            State::Warning => self.strictness == Strictness::Strict,
            State::Ok | State::Skipped | State::Unknown => false,
        }
    }

    /// Whether waiting may still turn a failure into a success.
    pub fn can_heal(&self) -> bool {
        let checks = self
            .results
            .iter()
            .filter(|result| result.retry == Retry::UntilDeadline && self.is_failure(result));
        let mut findings = checks.flat_map(|result| &result.findings);
        let counts = |level| match level {
            Level::Failed => true,
            Level::Warning => self.strictness == Strictness::Strict,
            Level::Skipped | Level::Unknown => false,
        };
        findings.any(|finding| counts(finding.level) && finding.retry == Retry::UntilDeadline)
    }

    /// The same report, with every `kubectl` command in it reaching the cluster that was looked at: questions as the
    /// same caller, mends never as somebody else, who could hardly make them.
    #[must_use]
    pub fn with_kubectl(mut self, target: &Target) -> Self {
        let (asking, mending) = (target.kubectl_as_given(), target.kubectl_as_oneself());
        for result in &mut self.results {
            result.hint = call_inside(&asking, &result.hint).into();
        }
        let findings = self.results.iter_mut();
        for finding in findings.flat_map(|result| &mut result.findings) {
            let kubectl = match finding.level {
                Level::Unknown => &asking,
                Level::Failed | Level::Warning | Level::Skipped => &mending,
            };
            if finding.advice_for == Reader::Caller {
                finding.mend = finding.mend.take().map(|mend| call(kubectl, mend));
                let advice = finding.advice.take();
                finding.advice = advice.map(|advice| call_inside(kubectl, &advice));
            }
        }
        self
    }

    pub fn in_state(&self, state: State) -> impl Iterator<Item = &CheckResult> {
        self.results
            .iter()
            .filter(move |result| result.state == state)
    }
}

/// A command with this call of `kubectl` at its beginning, or at the end of the pipe that feeds it.
fn call(kubectl: &str, command: String) -> String {
    const PIPE: &str = "' | kubectl ";
    if let Some(rest) = command.strip_prefix("kubectl ") {
        return format!("{kubectl} {rest}");
    }
    match command.rsplit_once(PIPE) {
        Some((fed, rest)) => format!("{fed}' | {kubectl} {rest}"),
        None => command,
    }
}

/// Words with this call of `kubectl` in the command that follows their colon.
fn call_inside(kubectl: &str, advice: &str) -> String {
    advice.replace(": kubectl ", &format!(": {kubectl} "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{NOT_ALLOWED, Reason};

    fn result(severity: Severity, state: State) -> CheckResult {
        CheckResult {
            id: CheckId("TRN-TEST"),
            category: Category::Cluster,
            title: "It works",
            hint: "".into(),
            severity,
            requires: &[],
            retry: Retry::Never,
            state,
            findings: Vec::new(),
            facts: Vec::new(),
            skipped_for: None,
        }
    }

    fn report(results: &[(Severity, State)], strictness: Strictness) -> Report {
        let results = results
            .iter()
            .map(|(severity, state)| result(*severity, *state));
        Report {
            question: Question::Healthy,
            results: results.collect(),
            gates: &[],
            left_out: Vec::new(),
            strictness,
        }
    }

    fn verdict(results: &[(Severity, State)]) -> Verdict {
        report(results, Strictness::Lenient).verdict()
    }

    #[test]
    fn under_strictness_a_warning_is_a_failure_and_nothing_else_is() {
        use Severity::{Error, Warning};
        for (results, expected) in [
            (vec![(Error, State::Ok)], Verdict::Healthy),
            (vec![(Warning, State::Warning)], Verdict::Unhealthy),
            (
                vec![(Error, State::Unknown), (Warning, State::Warning)],
                Verdict::Unhealthy,
            ),
            (vec![(Warning, State::Unknown)], Verdict::Warnings),
        ] {
            assert_eq!(
                report(&results, Strictness::Strict).verdict(),
                expected,
                "{results:?}"
            );
        }
    }

    #[test]
    fn a_warning_is_waited_for_only_under_strictness() {
        const ODD: Reason = Reason {
            code: "Odd",
            meaning: "",
            mend: "",
        };
        let heals = |strictness| {
            let mut report = report(&[(Severity::Error, State::Warning)], strictness);
            report.results[0].retry = Retry::UntilDeadline;
            report.results[0].findings = vec![Finding::warning(&ODD, "odd")];
            report.can_heal()
        };
        assert!(heals(Strictness::Strict));
        assert!(!heals(Strictness::Lenient));
    }

    #[test]
    fn the_verdict_is_that_of_the_worst_that_counts() {
        use Severity::{Error, Warning};
        for (results, expected) in [
            (vec![(Error, State::Ok)], Verdict::Healthy),
            (
                vec![(Error, State::Ok), (Error, State::Warning)],
                Verdict::Warnings,
            ),
            (
                vec![(Error, State::Unknown), (Error, State::Failed)],
                Verdict::Unhealthy,
            ),
            (
                vec![(Error, State::Unknown), (Error, State::Warning)],
                Verdict::Unknown,
            ),
            (
                vec![(Warning, State::Unknown), (Error, State::Ok)],
                Verdict::Warnings,
            ),
            (
                vec![(Error, State::Skipped), (Error, State::Failed)],
                Verdict::Unhealthy,
            ),
        ] {
            assert_eq!(verdict(&results), expected, "{results:?}");
        }
    }

    #[test]
    fn questions_are_asked_as_the_caller_and_mends_made_as_oneself() {
        const ODD: Reason = Reason {
            code: "Odd",
            meaning: "",
            mend: "",
        };
        let finding = |level, command: &str| Finding {
            level,
            ..Finding::failed(&ODD, "odd").mended_by(command)
        };
        let mut report = report(&[(Severity::Error, State::Failed)], Strictness::Lenient);
        report.results[0].findings = vec![
            finding(Level::Failed, "kubectl create namespace a"),
            finding(Level::Failed, "echo '{}' | kubectl apply -f -"),
            finding(Level::Unknown, "kubectl auth can-i get pods -n a"),
            Finding {
                advice_for: Reader::Anybody,
                ..finding(Level::Failed, "kubectl config set-context c")
            },
        ];
        let target = Target {
            flags: vec!["--context c".to_owned(), "--as jane".to_owned()],
            ..Target::default()
        };
        let report = report.with_kubectl(&target);
        let findings = report.results[0].findings.iter();
        let commands: Vec<_> = findings
            .filter_map(|finding| finding.mend.as_deref())
            .collect();
        let expected = [
            "kubectl --context c create namespace a",
            "echo '{}' | kubectl --context c apply -f -",
            "kubectl --context c --as jane auth can-i get pods -n a",
            "kubectl config set-context c",
        ];
        assert_eq!(commands, expected);
    }

    #[test]
    fn a_command_in_an_advice_or_a_hint_reaches_the_same_cluster_unless_it_is_for_somebody_else() {
        const ODD: Reason = Reason {
            code: "Odd",
            meaning: "",
            mend: "",
        };
        let advised = |advice_for, advice: &str| Finding {
            advice: Some(advice.to_owned()),
            advice_for,
            ..Finding::failed(&ODD, "odd")
        };
        let mut report = report(&[(Severity::Error, State::Failed)], Strictness::Lenient);
        report.results[0].findings = vec![
            advised(
                Reader::Caller,
                "then restart it: kubectl -n a rollout restart deployment/b",
            ),
            advised(Reader::Caller, "move it with kubectl get"),
            advised(Reader::Anybody, "ask with: kubectl --context c get nodes"),
        ];
        report.results[0].hint = "ask it yourself: kubectl auth whoami".into();
        let target = Target {
            flags: vec!["--context c".to_owned(), "--as jane".to_owned()],
            ..Target::default()
        };
        let report = report.with_kubectl(&target);
        assert_eq!(
            report.results[0].hint,
            "ask it yourself: kubectl --context c --as jane auth whoami"
        );
        let findings = report.results[0].findings.iter();
        let advice: Vec<_> = findings
            .filter_map(|finding| finding.advice.as_deref())
            .collect();
        let expected = [
            "then restart it: kubectl --context c -n a rollout restart deployment/b",
            "move it with kubectl get",
            "ask with: kubectl --context c get nodes",
        ];
        assert_eq!(advice, expected);
    }

    #[test]
    fn the_heaviest_finding_decides_and_stands_first() {
        const ODD: Reason = Reason {
            code: "Odd",
            meaning: "",
            mend: "",
        };
        let unknown = Finding {
            level: Level::Unknown,
            ..Finding::failed(&NOT_ALLOWED, "not allowed")
        };
        let outcome = Outcome::new(
            vec![
                Finding::warning(&ODD, "odd"),
                unknown,
                Finding::failed(&ODD, "broken"),
            ],
            Vec::new(),
        );
        let levels: Vec<_> = outcome
            .findings
            .iter()
            .map(|finding| finding.level)
            .collect();
        assert_eq!(levels, [Level::Failed, Level::Unknown, Level::Warning]);
    }
}
