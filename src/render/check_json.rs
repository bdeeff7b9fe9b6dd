//! A report for programs. The document is described by `docs/schemas/verify.schema.json` and only ever grows:
//! a change that breaks readers raises `schemaVersion`.

use serde::Serialize;

use super::check::{Sheet, render_verdict, worst_exit_code};
use crate::{
    check::{
        Category, CheckId, Finding, Level, Question, Severity,
        report::{CheckResult, State, Verdict},
        selection::Strictness,
    },
    cluster::MissingRule,
};

const SCHEMA_VERSION: u32 = 1;

/// The root of `-o json` and `-o yaml`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    kind: &'static str,
    schema_version: u32,
    question: Question,
    verdict: Verdict,
    message: String,
    exit_code: u8,
    context: &'a str,
    server: &'a str,
    namespace: &'a str,
    /// Whether warnings count as failures.
    strict: bool,
    selection: SelectionDocument<'a>,
    summary: Summary,
    checks: Vec<CheckDocument<'a>>,
}

/// The root for several contexts, described by `docs/schemas/verify-list.schema.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListDocument<'a> {
    kind: &'static str,
    schema_version: u32,
    /// The worst of the items'.
    exit_code: u8,
    items: Vec<Document<'a>>,
}

/// How much of what applies was looked at.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SelectionDocument<'a> {
    complete: bool,
    checks: usize,
    of: usize,
    left_out: &'a [CheckId],
}

/// How many checks ended in which state.
#[derive(Serialize)]
struct Summary {
    ok: usize,
    warning: usize,
    failed: usize,
    unknown: usize,
    skipped: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckDocument<'a> {
    id: CheckId,
    category: Category,
    title: &'a str,
    severity: Severity,
    state: State,
    /// The code of the heaviest finding.
    reason: Option<&'a str>,
    findings: Vec<FindingDocument<'a>>,
    facts: &'a [String],
    requires: &'a [CheckId],
    skipped_because_of: Option<CheckId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingDocument<'a> {
    level: Level,
    reason: &'a str,
    detail: &'a str,
    mend: Option<&'a str>,
    advice: Option<&'a str>,
    missing_rule: Option<RuleDocument<'a>>,
}

/// A rule as RBAC writes it, for one resource.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleDocument<'a> {
    verb: &'a str,
    api_group: &'a str,
    resource: &'a str,
    name: Option<&'a str>,
    namespace: Option<&'a str>,
}

pub(super) fn document<'a>(sheet: &Sheet<'a>) -> Document<'a> {
    let report = sheet.report;
    let count = |state| report.in_state(state).count();
    Document {
        kind: "VerifyReport",
        schema_version: SCHEMA_VERSION,
        question: report.question,
        verdict: report.verdict(),
        message: render_verdict(sheet),
        exit_code: sheet.exit_code,
        context: sheet.context,
        server: sheet.server,
        namespace: sheet.namespace,
        strict: report.strictness == Strictness::Strict,
        selection: SelectionDocument {
            complete: report.left_out.is_empty(),
            checks: report.results.len(),
            of: report.results.len() + report.left_out.len(),
            left_out: &report.left_out,
        },
        summary: Summary {
            ok: count(State::Ok),
            warning: count(State::Warning),
            failed: count(State::Failed),
            unknown: count(State::Unknown),
            skipped: count(State::Skipped),
        },
        checks: report.results.iter().map(check_document).collect(),
    }
}

pub(super) fn list<'a>(sheets: &[Sheet<'a>]) -> ListDocument<'a> {
    ListDocument {
        kind: "VerifyReportList",
        schema_version: SCHEMA_VERSION,
        exit_code: worst_exit_code(sheets),
        items: sheets.iter().map(document).collect(),
    }
}

fn check_document(result: &CheckResult) -> CheckDocument<'_> {
    CheckDocument {
        id: result.id,
        category: result.category,
        title: result.title,
        severity: result.severity,
        state: result.state,
        reason: result.findings.first().map(|finding| finding.reason.code),
        findings: result.findings.iter().map(finding_document).collect(),
        facts: &result.facts,
        requires: result.requires,
        skipped_because_of: result.skipped_for,
    }
}

fn finding_document(finding: &Finding) -> FindingDocument<'_> {
    FindingDocument {
        level: finding.level,
        reason: finding.reason.code,
        detail: &finding.detail,
        mend: finding.mend.as_deref(),
        advice: finding.advice.as_deref(),
        missing_rule: finding.missing_rule.as_deref().map(rule_document),
    }
}

fn rule_document(rule: &MissingRule) -> RuleDocument<'_> {
    RuleDocument {
        verb: &rule.verb,
        api_group: &rule.group,
        resource: &rule.resource,
        name: rule.name.as_deref(),
        namespace: rule.namespace.as_deref(),
    }
}
