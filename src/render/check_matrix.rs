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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::check::{
        Category, CheckId, Finding, Question, Reason, Retry, Severity,
        report::{CheckResult, Report, State},
        selection::Strictness,
    };

    const STOPPED: Reason = Reason {
        code: "Stopped",
        meaning: "",
        mend: "",
    };

    fn report(state: State) -> Report {
        let finding = Finding::failed(&STOPPED, "it has stopped").mended_by("kubectl start it");
        let result = |id, title, state, findings| CheckResult {
            id: CheckId(id),
            category: Category::Cluster,
            title,
            hint: "".into(),
            severity: Severity::Error,
            requires: &[],
            retry: Retry::Never,
            state,
            findings,
            facts: Vec::new(),
            skipped_for: None,
        };
        let findings = if state == State::Ok {
            Vec::new()
        } else {
            vec![finding]
        };
        Report {
            question: Question::Healthy,
            results: vec![
                result("TRN-API", "The API server answers", State::Ok, Vec::new()),
                result("TRN-PODS", "The pods run", state, findings),
            ],
            gates: &[],
            left_out: Vec::new(),
            strictness: Strictness::Lenient,
        }
    }

    fn rendered(columns: usize) -> String {
        let reports = [report(State::Ok), report(State::Failed)];
        let sheets = reports.iter().zip(["prod", "the-other-one"]);
        let sheets: Vec<_> = sheets
            .map(|(report, context)| Sheet {
                report,
                context,
                server: "",
                namespace: "default",
                program: "kubectl trainer",
                holder: "",
                exit_code: 0,
            })
            .collect();
        let look = Look {
            width: Some(columns),
            ..Look::plain(Timestamp::UNIX_EPOCH)
        };
        render(&sheets, Depth::Folded, &look)
    }

    #[test]
    fn contexts_are_columns_and_their_findings_stand_below() {
        assert_data_eq!(
            rendered(100),
            str![[r#"
CHECK                             prod       the-other-one
TRN-API   The API server answers  ✓ ok       ✓ ok
TRN-PODS  The pods run            ✓ ok       ✗ failed

Context the-other-one
Cluster
  ✗ failed   The pods run
             Stopped: it has stopped
             mend: kubectl start it
             see:  kubectl trainer explain TRN-PODS

Kubeflow Trainer on context prod is healthy: all 2 checks passed.
Kubeflow Trainer on context the-other-one is not healthy: 1 failed (TRN-PODS), 1 ok.

"#]]
        );
    }

    #[test]
    fn titles_give_way_first() {
        let text = rendered(40);
        assert_eq!(
            text.lines().next(),
            Some("CHECK     prod       the-other-one")
        );
    }

    #[test]
    fn where_columns_do_not_fit_a_context_is_a_block() {
        assert_data_eq!(
            rendered(30),
            str![[r#"
Context prod
Cluster
  ✓ ok       The API server
             answers
  ✓ ok       The pods run

Kubeflow Trainer on context
prod is healthy: all 2 checks
passed.

Context the-other-one
Cluster
  ✓ ok       The API server
             answers
  ✗ failed   The pods run
             Stopped: it has
             stopped
             mend: kubectl start it
             see:  kubectl trainer explain TRN-PODS

Kubeflow Trainer on context
the-other-one is not healthy:
1 failed (TRN-PODS), 1 ok.

"#]]
        );
    }
}
