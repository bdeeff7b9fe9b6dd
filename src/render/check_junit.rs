//! Reports as JUnit XML, for CI systems: a case a check; a suite a category, or a context where there are several.
//! A failed check is a failure, an unknown one an error (nobody could look), a skipped one is skipped; a warning passes
//! and says so in its output, unless warnings count as failures. The document follows `docs/schemas/junit.xsd`.

use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use super::check::{Sheet, render_verdict};
use crate::check::{
    Question,
    report::{CheckResult, State},
};

/// The report's name: the command that made it.
fn name(sheets: &[Sheet<'_>]) -> &'static str {
    match sheets.first().map(|sheet| sheet.report.question) {
        Some(Question::Granted) => "kubectl trainer access verify",
        _ => "kubectl trainer verify",
    }
}

pub(super) fn render(sheets: &[Sheet<'_>]) -> String {
    let mut report = JunitReport::new(name(sheets));
    match sheets {
        [sheet] => {
            let results = sheet.report.results.as_slice();
            let categories = results.chunk_by(|one, next| one.category == next.category);
            report.add_test_suites(categories.filter_map(|results| {
                let name = results.first()?.category.title();
                Some(suite(name, sheet, results))
            }))
        }
        sheets => {
            let whole = |sheet: &Sheet<'_>| suite(sheet.context, sheet, &sheet.report.results);
            report.add_test_suites(sheets.iter().map(whole))
        }
    };
    // Writing plain text into memory does not fail.
    let text = report.to_string().unwrap_or_default();
    // Jenkins' schema has this count on the suites, and not on the whole.
    text.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1)
}

fn suite(name: &str, sheet: &Sheet<'_>, results: &[CheckResult]) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.add_property(("context", sheet.context));
    suite.add_property(("server", sheet.server));
    suite.add_property(("verdict", render_verdict(sheet).as_str()));
    suite.add_test_cases(results.iter().map(|result| test_case(result, sheet)));
    suite
}

fn test_case(result: &CheckResult, sheet: &Sheet<'_>) -> TestCase {
    let mut case = TestCase::new(result.title, status(result, sheet));
    case.set_classname(result.id.0);
    if matches!(result.state, State::Ok | State::Warning) && !sheet.report.is_failure(result) {
        let said = findings(result, sheet.program);
        let said = format!("{said}\n{}", result.facts.join("\n"));
        case.set_system_out(said.trim().to_owned());
    }
    case
}

fn status(result: &CheckResult, sheet: &Sheet<'_>) -> TestCaseStatus {
    let mut status = match result.state {
        _ if sheet.report.is_failure(result) => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        State::Skipped => TestCaseStatus::skipped(),
        State::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
        _ => return TestCaseStatus::success(),
    };
    if let Some(finding) = result.findings.first() {
        status
            .set_type(finding.reason.code)
            .set_message(finding.detail.clone());
    }
    status.set_description(findings(result, sheet.program));
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
