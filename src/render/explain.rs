//! The pages of `explain`: the list of all checks, a check's page, a reason's page; and all of them as one document.

use super::{
    Look,
    table::{CellText, Column, Give, render_table},
};
use crate::{
    check::{
        EVERY_CHECKS_REASONS, Question, Reason, Severity,
        page::{Giver, Page},
    },
    prose,
    style::Role,
};

/// Prose is wrapped at this width, also where lines could be longer.
const PROSE_WIDTH: usize = 88;

/// All checks, one a line.
pub fn render_index(pages: &[Page], look: &Look) -> String {
    let columns = ["ID", "SEVERITY", "CHECK"].map(|heading| Column {
        heading,
        give: Give::Never,
    });
    let row = |page: &Page| -> Vec<CellText> {
        vec![
            page.id.0.into(),
            severity_word(page.severity).into(),
            page.title.into(),
        ]
    };
    render_table(&columns, pages.iter().map(row).collect(), look)
}

/// One check: what it looks at, what it needs, every finding's meaning and mend.
pub fn render_page(page: &Page, look: &Look) -> String {
    let width = look.width.unwrap_or(PROSE_WIDTH).min(PROSE_WIDTH);
    let heading = |text: &str| look.style.paint(Role::Strong, text);
    let mut text = format!("{}  {}\n", heading(page.id.0), page.title);
    text.push_str(&format!("severity {}", severity_word(page.severity)));
    if !page.requires.is_empty() {
        let names: Vec<_> = page.requires.iter().map(|id| id.0).collect();
        text.push_str(&format!(", after {}", names.join(", ")));
    }
    text.push_str("\n\n");
    for paragraph in page.about.split("\n\n") {
        text.push_str(&wrap(paragraph, width, 0));
        text.push('\n');
    }
    text.push_str(&format!(
        "{}\n{}\n",
        heading("When it fails"),
        wrap(page.hint, width, 2)
    ));
    text.push_str(&format!("{}\n", heading("What it may find")));
    for reason in page.reasons.iter().chain(page.shared_reasons) {
        text.push_str(&render_reason(reason, width, look));
    }
    text
}

/// One reason: which checks can give it, what it means there, and what mends it.
pub fn render_reason_page(givers: &[Giver], look: &Look) -> String {
    let width = look.width.unwrap_or(PROSE_WIDTH).min(PROSE_WIDTH);
    let mut text = String::new();
    for giver in givers {
        let code = look.style.paint(Role::Command, giver.reason.code);
        let (id, title) = match giver.check {
            Some((id, title)) => (id.0, title),
            None => ("every check", "whatever it looks at"),
        };
        let id = look.style.paint(Role::Strong, id);
        text.push_str(&format!("{code}, given by {id}  {title}\n"));
        text.push_str(&wrap(giver.reason.meaning, width, 2));
        text.push_str(&wrap(giver.reason.mend, width, 2));
    }
    text
}

const INTRODUCTION: &str = "# Checks

What `kubectl trainer verify` and, in the sections of access, `kubectl trainer access verify` can look at, in the order of their reports. This page is made from the catalogue in the program; `kubectl trainer explain ID` shows a part of it, offline.
";

/// All pages as one Markdown document: `docs/checks.md`.
pub fn render_markdown(pages: &[Page]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut section = None;
    for page in pages {
        if section != Some((page.question, page.category)) {
            let title = page.category.title();
            text.push_str(&match page.question {
                Question::Healthy => format!("\n## {title}\n"),
                Question::Ready => format!("\n## Before an installation: {title}\n"),
                Question::Granted => format!("\n## Access: {title}\n"),
            });
            section = Some((page.question, page.category));
        }
        text.push_str(&render_section(page));
    }
    text.push_str("\n## Any check\n\n");
    text.push_str(&render_reason_rows(EVERY_CHECKS_REASONS));
    text
}

fn render_section(page: &Page) -> String {
    let requires = match page.requires {
        [] => String::new(),
        ids => {
            let names: Vec<_> = ids
                .iter()
                .map(|id| format!("[{id}](#{})", anchor(id.0)))
                .collect();
            format!(", after {}", names.join(", "))
        }
    };
    let reasons = match page.reasons {
        [] => String::new(),
        reasons => format!("\n{}", render_reason_rows(reasons)),
    };
    format!(
        "\n### {}\n\n**{}** (severity {}{requires})\n\n{}\n\nWhere a finding names no command: {}.\n{reasons}",
        page.id,
        escape(page.title),
        severity_word(page.severity),
        escape(page.about),
        escape(page.hint),
    )
}

fn render_reason_rows(reasons: &[&Reason]) -> String {
    let mut text = "| reason | meaning | what mends it |\n|---|---|---|\n".to_owned();
    for reason in reasons {
        let (meaning, mend) = (escape(reason.meaning), escape(reason.mend));
        text.push_str(&format!("| `{}` | {meaning} | {mend} |\n", reason.code));
    }
    text
}

/// The name that Markdown gives a heading.
fn anchor(heading: &str) -> String {
    heading.to_ascii_lowercase()
}

/// Plain text that Markdown shows as it is.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "\\<")
        .replace('*', "\\*")
}

fn render_reason(reason: &Reason, width: usize, look: &Look) -> String {
    let code = look.style.paint(Role::Command, reason.code);
    format!(
        "  {code}\n{}{}",
        wrap(reason.meaning, width, 4),
        wrap(reason.mend, width, 4)
    )
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::ErrorWhenSeen => "error when seen",
        Severity::Warning => "warning",
    }
}

/// A paragraph of the source, whose own line breaks mean nothing.
fn wrap(paragraph: &str, width: usize, indent: usize) -> String {
    let words: Vec<_> = paragraph.split_whitespace().collect();
    prose::wrap(&words.join(" "), indent, Some(width))
}
