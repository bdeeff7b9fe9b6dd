//! A report as JUnit XML, for CI systems: a suite a category, a case a check. A failed check is a failure, an unknown
//! one an error (nobody could look), a skipped one is skipped; a warning passes and says so in its output.

use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use super::check::{Sheet, render_verdict};
use crate::check::{
    Category,
    report::{CheckResult, State},
};

const NAME: &str = "kubectl trainer verify";

pub(super) fn render(sheet: &Sheet<'_>) -> String {
    let mut report = JunitReport::new(NAME);
    let mut suites: Vec<(Category, TestSuite)> = Vec::new();
    for result in &sheet.report.results {
        if suites
            .last()
            .is_none_or(|(category, _)| *category != result.category)
        {
            let mut suite = TestSuite::new(result.category.title());
            suite.add_property(("context", sheet.context));
            suite.add_property(("server", sheet.server));
            suite.add_property(("verdict", render_verdict(sheet).as_str()));
            suites.push((result.category, suite));
        }
        if let Some((_, suite)) = suites.last_mut() {
            suite.add_test_case(test_case(result, sheet.program));
        }
    }
    report.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    // Writing plain text into memory does not fail.
    report.to_string().unwrap_or_default()
}

fn test_case(result: &CheckResult, program: &str) -> TestCase {
    let mut case = TestCase::new(result.title, status(result, program));
    case.set_classname(result.id.0);
    if matches!(result.state, State::Ok | State::Warning) {
        case.set_system_out(
            format!("{}\n{}", findings(result, program), result.facts.join("\n"))
                .trim()
                .to_owned(),
        );
    }
    case
}

fn status(result: &CheckResult, program: &str) -> TestCaseStatus {
    let mut status = match result.state {
        State::Ok | State::Warning => return TestCaseStatus::success(),
        State::Skipped => TestCaseStatus::skipped(),
        State::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        State::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if let Some(finding) = result.findings.first() {
        status
            .set_type(finding.reason.code)
            .set_message(finding.detail.clone());
    }
    status.set_description(findings(result, program));
    status
}

/// Every finding with its advice and mend, a line each, and where to read on.
fn findings(result: &CheckResult, program: &str) -> String {
    let mut lines = Vec::new();
    for finding in &result.findings {
        lines.push(format!("{}: {}", finding.reason.code, finding.detail));
        lines.extend(
            finding
                .advice
                .iter()
                .map(|advice| format!("hint: {advice}")),
        );
        lines.extend(finding.mend.iter().map(|mend| format!("mend: {mend}")));
    }
    if !lines.is_empty() {
        lines.push(format!(
            "see: {}",
            super::check_table::explain_command(result, program)
        ));
    }
    lines.join("\n")
}
