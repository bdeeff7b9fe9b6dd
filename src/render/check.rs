//! A report of checks in every format: the one place where the format is chosen, and the sentence at its end.

use super::{
    Look, check_json, check_junit, check_table,
    document::{render_json, render_yaml},
};
use crate::check::{
    report::{Report, State, Verdict},
    trainer::NOT_INSTALLED,
};

/// `-o`, for commands whose answer is a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    Table(Depth),
    Json,
    Yaml,
    Junit,
}

/// How much a table says of checks that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// One line each, and unknown and skipped checks together.
    Folded,
    /// All that was seen, check by check.
    Full,
}

/// A report with what it is about.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    pub report: &'a Report,
    /// The kubeconfig context; empty without one.
    pub context: &'a str,
    /// URL of the API server; empty when the kubeconfig does not tell.
    pub server: &'a str,
    /// Where dry runs were made.
    pub namespace: &'a str,
    /// What the user types to run this program: `kubectl trainer`.
    pub program: &'a str,
    /// What the program ends with.
    pub exit_code: u8,
}

/// The whole document, ending with a line feed.
pub fn render_report(format: ReportFormat, sheet: &Sheet<'_>, look: &Look) -> String {
    match format {
        ReportFormat::Table(depth) => check_table::render(sheet, depth, look),
        ReportFormat::Json => render_json(&check_json::document(sheet)),
        ReportFormat::Yaml => render_yaml(&check_json::document(sheet)),
        ReportFormat::Junit => check_junit::render(sheet),
    }
}

/// The verdict as one sentence.
pub(super) fn render_verdict(sheet: &Sheet<'_>) -> String {
    let report = sheet.report;
    let place = match sheet.context {
        "" => String::new(),
        context => format!(" on context {context}"),
    };
    let counts = render_counts(report);
    match report.verdict() {
        Verdict::Healthy => format!("Kubeflow Trainer{place} is healthy: {counts}."),
        Verdict::Warnings => {
            format!("Kubeflow Trainer{place} works, but deserves a look: {counts}.")
        }
        Verdict::Unknown => format!(
            "Nothing is known to be wrong with Kubeflow Trainer{place}, but you may not look at everything: {counts}."
        ),
        Verdict::Unhealthy if is_missing(report) => {
            format!("Kubeflow Trainer{place} is not installed: {counts}.")
        }
        Verdict::Unhealthy => format!("Kubeflow Trainer{place} is not healthy: {counts}."),
        Verdict::Unreachable => format!(
            "Nothing is known of Kubeflow Trainer{place}: the API server cannot be reached or does not know you."
        ),
    }
}

fn is_missing(report: &Report) -> bool {
    let mut findings = report.results.iter().flat_map(|result| &result.findings);
    findings.any(|finding| finding.reason == &NOT_INSTALLED)
}

/// `2 failed (TRN-A, TRN-B), 1 warning (TRN-C), 9 ok`.
fn render_counts(report: &Report) -> String {
    let all = report.results.len();
    if report.in_state(State::Ok).count() == all {
        return format!("all {all} checks passed");
    }
    let parts = State::ALL.iter().filter_map(|state| {
        let ids: Vec<_> = report.in_state(*state).map(|result| result.id.0).collect();
        match (ids.len(), state) {
            (0, _) => None,
            (count, State::Failed | State::Warning) => {
                Some(format!("{count} {} ({})", state.word(), ids.join(", ")))
            }
            (count, _) => Some(format!("{count} {}", state.word())),
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}
