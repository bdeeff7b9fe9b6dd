//! Reports of checks in every format: the one place where the format is chosen, and the sentence at the end of each.

use super::{
    Look, check_json, check_junit, check_matrix, check_table,
    document::{render_json, render_yaml},
};
use crate::check::{
    Question,
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
    /// Whose access was asked about, in words, where that is the question; else empty.
    pub holder: &'a str,
    /// What the user types to run this program: `kubectl trainer`.
    pub program: &'a str,
    /// What the program ends with.
    pub exit_code: u8,
}

/// The whole document, ending with a line feed: one report, or several side by side.
pub fn render_reports(format: ReportFormat, sheets: &[Sheet<'_>], look: &Look) -> String {
    match (format, sheets) {
        (ReportFormat::Table(depth), [sheet]) => check_table::render(sheet, depth, look),
        (ReportFormat::Table(depth), sheets) => check_matrix::render(sheets, depth, look),
        (ReportFormat::Json, [sheet]) => render_json(&check_json::document(sheet)),
        (ReportFormat::Json, sheets) => render_json(&check_json::list(sheets)),
        (ReportFormat::Yaml, [sheet]) => render_yaml(&check_json::document(sheet)),
        (ReportFormat::Yaml, sheets) => render_yaml(&check_json::list(sheets)),
        (ReportFormat::Junit, sheets) => check_junit::render(sheets),
    }
}

/// What the program ends with after these reports.
pub(super) fn worst_exit_code(sheets: &[Sheet<'_>]) -> u8 {
    let worst = sheets.iter().max_by_key(|sheet| sheet.report.verdict());
    worst.map_or(0, |sheet| sheet.exit_code)
}

/// The verdict as one sentence.
pub(super) fn render_verdict(sheet: &Sheet<'_>) -> String {
    let report = sheet.report;
    let subject = render_subject(sheet);
    let counts = render_counts(report);
    let part = render_part(report);
    match (report.verdict(), part) {
        (Verdict::Unreachable, _) if report.question == Question::Granted => format!(
            "Nothing is known of {subject}: the API server cannot be reached or does not know the credential."
        ),
        (Verdict::Unreachable, _) => format!(
            "Nothing is known of {subject}: the API server cannot be reached or does not know you."
        ),
        (Verdict::Unhealthy, Some(part)) => {
            let bad = unhealthy_words(report);
            sentence(&format!("{subject} {bad}, by {part}: {counts}."))
        }
        (Verdict::Unhealthy, None) => {
            sentence(&format!("{subject} {}: {counts}.", unhealthy_words(report)))
        }
        (_, Some(part)) => sentence(&format!(
            "{subject} was looked at only in part, {part}: {counts}."
        )),
        (Verdict::Unknown, None) => format!(
            "Nothing is known to be wrong with {subject}, but you may not look at everything: {counts}."
        ),
        (verdict, None) => {
            let good = healthy_words(report.question, verdict);
            sentence(&format!("{subject} {good}: {counts}."))
        }
    }
}

/// What the question is about, in the middle of a sentence.
fn render_subject(sheet: &Sheet<'_>) -> String {
    match (sheet.report.question, sheet.context) {
        (Question::Healthy, "") => "Kubeflow Trainer".to_owned(),
        (Question::Healthy, context) => format!("Kubeflow Trainer on context {context}"),
        (Question::Granted, _) => sheet.holder.to_owned(),
        (Question::Ready, "") => "the cluster".to_owned(),
        (Question::Ready, context) => format!("the cluster of context {context}"),
    }
}

fn healthy_words(question: Question, verdict: Verdict) -> &'static str {
    match (question, verdict) {
        (Question::Healthy, Verdict::Warnings) => "works, but deserves a look",
        (Question::Healthy, _) => "is healthy",
        (Question::Ready, Verdict::Warnings) => {
            "is ready for Kubeflow Trainer, but deserves a look"
        }
        (Question::Ready, _) => "is ready for Kubeflow Trainer",
        (Question::Granted, Verdict::Warnings) => {
            "may do what it should and no more, but deserves a look"
        }
        (Question::Granted, _) => "may do what it should and no more",
    }
}

fn unhealthy_words(report: &Report) -> &'static str {
    let is_failed = report.in_state(State::Failed).next().is_some();
    match report.question {
        Question::Healthy if !is_failed => "works, but --strict takes warnings for failures",
        Question::Healthy if is_missing(report) => "is not installed",
        Question::Healthy if is_elsewhere_sound(report) => "cannot be used in this namespace",
        Question::Healthy => "is not healthy",
        Question::Ready if !is_failed => {
            "is ready for Kubeflow Trainer, but --strict takes warnings for failures"
        }
        Question::Ready => "is not ready for Kubeflow Trainer",
        Question::Granted => "does not have the access that it should",
    }
}

fn is_missing(report: &Report) -> bool {
    let mut findings = report.results.iter().flat_map(|result| &result.findings);
    findings.any(|finding| finding.reason == &NOT_INSTALLED)
}

/// Whether all that failed is about one namespace or one caller, and says nothing of the installation.
fn is_elsewhere_sound(report: &Report) -> bool {
    let mut failed = report.in_state(State::Failed);
    failed.all(|result| result.category.is_of_namespace())
}

/// `3 of 24 checks`, where the user did not want all.
fn render_part(report: &Report) -> Option<String> {
    let made = report.results.len();
    let all = made + report.left_out.len();
    (made < all).then(|| format!("{made} of {all} checks"))
}

/// With a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// `2 failed (TRN-A, TRN-B), 1 warning (TRN-C), 9 ok`.
fn render_counts(report: &Report) -> String {
    let all = report.results.len();
    if report.left_out.is_empty() && report.in_state(State::Ok).count() == all {
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
