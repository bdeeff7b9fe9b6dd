//! The pages of `explain`: the list of all checks, and one check's page.

use super::{
    Look,
    table::{CellText, Column, Give, render_table},
};
use crate::{
    check::{Reason, Severity, page::Page},
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
        Severity::Warning => "warning",
    }
}

/// A paragraph of the source, whose own line breaks mean nothing.
fn wrap(paragraph: &str, width: usize, indent: usize) -> String {
    let words: Vec<_> = paragraph.split_whitespace().collect();
    prose::wrap(&words.join(" "), indent, Some(width))
}
