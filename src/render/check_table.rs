//! A report for people: categories, one line a check, and below those that are not ok the reason and the mend.

use std::collections::BTreeMap;

use super::{
    Look,
    check::{Depth, Sheet, render_verdict},
};
use crate::{
    check::{
        Category, Finding, Level,
        report::{CheckResult, Report, State, Verdict},
    },
    style::{Role, Style},
};

/// Columns before a title: two blanks, the mark and the widest word, two blanks.
const INDENT: usize = 13;
/// Between a title and the fact beside it.
const GAP: usize = 2;

/// The report, ending with its verdict.
pub(super) fn render(sheet: &Sheet<'_>, depth: Depth, look: &Look) -> String {
    let report = sheet.report;
    let mut text = String::new();
    let mut category = None;
    for result in report
        .results
        .iter()
        .filter(|result| depth == Depth::Full || !is_folded(result))
    {
        if category != Some(result.category) {
            text.push_str(&render_heading(result.category, look));
            category = Some(result.category);
        }
        text.push_str(&render_result(result, depth, report, look));
    }
    if depth == Depth::Folded {
        text.push_str(&render_unknown(report, look));
        text.push_str(&render_skipped(report, look));
    }
    let verdict = paint(
        look.style,
        verdict_role(report.verdict()),
        &render_verdict(sheet),
    );
    format!("{text}\n{}", wrap(&verdict, 0, look))
}

/// What many checks have in common is said once, at the end.
fn is_folded(result: &CheckResult) -> bool {
    matches!(result.state, State::Unknown | State::Skipped)
}

fn render_heading(category: Category, look: &Look) -> String {
    format!("{}\n", paint(look.style, Role::Strong, category.title()))
}

fn render_result(result: &CheckResult, depth: Depth, report: &Report, look: &Look) -> String {
    let mut text = match depth {
        Depth::Folded => render_line(result.state, &render_title(result, report, look), look),
        Depth::Full => render_line(
            result.state,
            &format!("{}  {}", result.id, result.title),
            look,
        ),
    };
    for finding in &result.findings {
        text.push_str(&render_finding(finding, look));
    }
    if depth == Depth::Full {
        result
            .facts
            .iter()
            .for_each(|fact| text.push_str(&render_muted(fact, look)));
    }
    if !matches!(result.state, State::Ok | State::Skipped) {
        text.push_str(&render_advice(result, look));
    }
    text
}

/// The title, and beside it the first fact if there is room.
fn render_title(result: &CheckResult, report: &Report, look: &Look) -> String {
    let column = report
        .results
        .iter()
        .map(|result| width(result.title))
        .max()
        .unwrap_or_default();
    let room = look.width.map_or(usize::MAX, |width| {
        width.saturating_sub(INDENT + column + GAP)
    });
    match result
        .facts
        .first()
        .filter(|fact| width(fact) <= room && result.state == State::Ok)
    {
        Some(fact) => format!(
            "{:column$}{:GAP$}{}",
            result.title,
            "",
            paint(look.style, Role::Muted, fact)
        ),
        None => result.title.to_owned(),
    }
}

fn render_finding(finding: &Finding, look: &Look) -> String {
    let role = match finding.level {
        Level::Failed => Role::Bad,
        Level::Warning => Role::Warning,
        Level::Unknown => Role::Muted,
    };
    let reason = paint(look.style, role, finding.reason.code);
    let mut text = wrap(
        &format!("{reason}: {}", printable(&finding.detail)),
        INDENT,
        look,
    );
    if let Some(advice) = &finding.advice {
        text.push_str(&wrap(&format!("hint: {}", printable(advice)), INDENT, look));
    }
    if let Some(mend) = &finding.mend {
        text.push_str(&render_command("mend:", mend, look));
    }
    text
}

fn render_advice(result: &CheckResult, look: &Look) -> String {
    let helpless = |finding: &Finding| finding.mend.is_none() && finding.advice.is_none();
    let hint = if result.findings.iter().all(helpless) {
        wrap(&format!("hint: {}", result.hint), INDENT, look)
    } else {
        String::new()
    };
    format!(
        "{hint}{}",
        render_command("see: ", &explain_command(result), look)
    )
}

/// Where the check's page is.
pub(super) fn explain_command(result: &CheckResult) -> String {
    format!("kubectl trainer explain {}", result.id)
}

/// Commands are never broken into lines: they are made to be pasted.
fn render_command(label: &str, command: &str, look: &Look) -> String {
    format!(
        "{:INDENT$}{label} {}\n",
        "",
        paint(look.style, Role::Command, &printable(command))
    )
}

fn render_muted(text: &str, look: &Look) -> String {
    format!(
        "{:INDENT$}{}\n",
        "",
        paint(look.style, Role::Muted, &printable(text))
    )
}

/// All unknown checks as one, with every rule that is missing.
fn render_unknown(report: &Report, look: &Look) -> String {
    let unknown: Vec<_> = report.in_state(State::Unknown).collect();
    let Some(first) = unknown.first() else {
        return String::new();
    };
    let ids: Vec<_> = unknown.iter().map(|result| result.id.0).collect();
    let findings = unknown.iter().flat_map(|result| &result.findings);
    let rules: BTreeMap<_, _> = findings
        .filter_map(|finding| finding.missing_rule.as_deref())
        .map(|rule| {
            (
                (
                    rule.verb.clone(),
                    rule.full_resource(),
                    rule.namespace.clone(),
                ),
                rule.question(),
            )
        })
        .collect();
    let mut text = format!("{}\n", paint(look.style, Role::Strong, "Not looked at"));
    text.push_str(&render_line(State::Unknown, &ids.join(", "), look));
    let words = rules
        .keys()
        .map(|(verb, resource, namespace)| match namespace {
            Some(namespace) => format!("{verb} {resource} in namespace {namespace}"),
            None => format!("{verb} {resource} at the cluster scope"),
        });
    let words: Vec<_> = words.collect();
    text.push_str(&wrap(
        &format!("NotAllowed: you may not {}", words.join("; ")),
        INDENT,
        look,
    ));
    if let Some(question) = rules.values().next() {
        text.push_str(&render_command("ask: ", question, look));
    }
    text.push_str(&render_command("see: ", &explain_command(first), look));
    text
}

/// All skipped checks, one line for each check that they wait for.
fn render_skipped(report: &Report, look: &Look) -> String {
    let mut waiting: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for result in report.in_state(State::Skipped) {
        waiting
            .entry(result.skipped_for)
            .or_default()
            .push(result.id.0);
    }
    if waiting.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", paint(look.style, Role::Strong, "Not made"));
    for (root, ids) in waiting {
        let root = root.map_or("a check that they need", |root| root.0);
        text.push_str(&render_line(
            State::Skipped,
            &format!("because {root} failed: {}", ids.join(", ")),
            look,
        ));
    }
    text
}

/// Two blanks, mark and word in the state's colour, then the text, broken where the terminal ends.
fn render_line(state: State, text: &str, look: &Look) -> String {
    let (mark, role) = match state {
        State::Ok => ("✓", Role::Good),
        State::Warning => ("!", Role::Warning),
        State::Failed => ("✗", Role::Bad),
        State::Unknown => ("?", Role::Warning),
        State::Skipped => ("-", Role::Muted),
    };
    let label = paint(look.style, role, &format!("{mark} {}", state.word()));
    let padding = INDENT - 4 - width(state.word());
    let body = wrap(text, INDENT, look);
    format!("  {label}{:padding$}{}", "", body.trim_start_matches(' '))
}

const fn verdict_role(verdict: Verdict) -> Role {
    match verdict {
        Verdict::Healthy => Role::Good,
        Verdict::Warnings | Verdict::Unknown => Role::Warning,
        Verdict::Unhealthy | Verdict::Unreachable => Role::Bad,
    }
}

fn paint(style: Style, role: Role, text: &str) -> String {
    style.paint(role, text)
}

/// Lines of at most the terminal's width, each after `indent` blanks; one line where there is no terminal.
fn wrap(text: &str, indent: usize, look: &Look) -> String {
    let limit = look.width.unwrap_or(usize::MAX).max(indent + 20);
    let mut lines = vec![String::new()];
    let mut column = indent;
    for word in text.split(' ') {
        let length = width(word);
        if column > indent && column + 1 + length > limit {
            lines.push(String::new());
            column = indent;
        }
        if let Some(line) = lines.last_mut() {
            if column > indent {
                line.push(' ');
                column += 1;
            }
            line.push_str(word);
            column += length;
        }
    }
    let margin = " ".repeat(indent);
    lines
        .into_iter()
        .flat_map(|line| [margin.clone(), line, "\n".to_owned()])
        .collect()
}

/// Columns that a text takes, without the control sequences of colours.
fn width(text: &str) -> usize {
    let mut columns = 0;
    let mut inside = false;
    for character in text.chars() {
        match (inside, character) {
            (false, '\u{1b}') => inside = true,
            (false, _) => columns += 1,
            (true, 'm') => inside = false,
            (true, _) => {}
        }
    }
    columns
}

/// Text from the cluster on one line: line breaks become blanks, other control characters go.
fn printable(text: &str) -> String {
    let characters = text.chars().map(|character| {
        if character.is_whitespace() {
            ' '
        } else {
            character
        }
    });
    characters
        .filter(|character| !character.is_control())
        .collect()
}
