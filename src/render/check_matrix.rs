//! Reports of several contexts for people: a line a check and a column a context, then what is not as it should be,
//! context by context. Where the columns do not fit, one whole report after the other.

use super::{
    Look,
    check::{Depth, Sheet},
    check_table,
};
use crate::{
    prose::{visible, width},
    style::Role,
};

const GAP: usize = 2;

/// All reports, each ending with its verdict.
pub(super) fn render(sheets: &[Sheet<'_>], depth: Depth, look: &Look) -> String {
    let Some(matrix) = render_matrix(sheets, look) else {
        let blocks = sheets.iter().map(|sheet| {
            let heading = render_heading(sheet, look);
            format!("{heading}{}", check_table::render(sheet, depth, look))
        });
        return blocks.collect::<Vec<_>>().join("\n");
    };
    let mut text = matrix;
    for sheet in sheets {
        let troubles = check_table::render_troubles(sheet, depth, look);
        if !troubles.is_empty() {
            text.push_str(&format!("\n{}{troubles}", render_heading(sheet, look)));
        }
    }
    text.push('\n');
    for sheet in sheets {
        text.push_str(&check_table::render_verdict_line(sheet, look));
    }
    text
}

fn render_heading(sheet: &Sheet<'_>, look: &Look) -> String {
    let text = format!("Context {}", visible(sheet.context));
    format!("{}\n", look.style.paint(Role::Strong, &text))
}

/// A line a check, a column a context; with the checks' titles where there is room, and `None` where there is not even
/// room for their ids.
fn render_matrix(sheets: &[Sheet<'_>], look: &Look) -> Option<String> {
    let checks = &sheets.first()?.report.results;
    let names: Vec<_> = sheets.iter().map(|sheet| visible(sheet.context)).collect();
    let columns: usize = names.iter().map(|name| column_width(name) + GAP).sum();
    let ids = checks.iter().map(|check| width(check.id.0)).max()?;
    let full = checks
        .iter()
        .map(|check| format!("{:ids$}  {}", check.id, check.title));
    let short = checks.iter().map(|check| check.id.to_string());
    let labels = [full.collect(), short.collect()];
    let mut fitting = labels.into_iter().filter(|labels: &Vec<String>| {
        look.width
            .is_none_or(|limit| widest(labels) + columns <= limit)
    });
    let labels = fitting.next()?;
    let margin = widest(&labels);
    let heading = names
        .iter()
        .map(|name| (pad(name.clone(), column_width(name)), Role::Strong));
    let mut text = render_row("CHECK", margin, heading, look);
    for (position, label) in labels.iter().enumerate() {
        let cells = sheets.iter().zip(&names).map(|(sheet, name)| {
            let result = sheet.report.results.get(position);
            let (cell, role) = result.map_or((String::new(), Role::Muted), |result| {
                check_table::mark(result.state)
            });
            (pad(cell, column_width(name)), role)
        });
        text.push_str(&render_row(label, margin, cells, look));
    }
    Some(text)
}

/// A label in `margin` columns, then the cells; no line ends in blanks.
fn render_row(
    label: &str,
    margin: usize,
    cells: impl Iterator<Item = (String, Role)>,
    look: &Look,
) -> String {
    let mut line = pad(label.to_owned(), margin);
    for (cell, role) in cells {
        let bare = cell.trim_end();
        let blanks = " ".repeat(cell.len() - bare.len());
        line.push_str(&" ".repeat(GAP));
        line.push_str(&format!("{}{blanks}", look.style.paint(role, bare)));
    }
    format!("{}\n", line.trim_end())
}

fn widest(texts: &[String]) -> usize {
    texts.iter().map(|text| width(text)).max().unwrap_or(0)
}

/// Wide enough for the context's name and for the longest state.
fn column_width(name: &str) -> usize {
    width(name).max(width("? unknown"))
}

fn pad(text: String, columns: usize) -> String {
    let blanks = columns.saturating_sub(width(&text));
    text + &" ".repeat(blanks)
}
