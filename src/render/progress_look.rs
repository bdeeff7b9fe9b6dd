//! One look at one job's progress, as text: what it is called and how it stands, then its rows.

use super::{
    Look,
    progress_rows::{JobProgress, RowsLook, render_rows},
};
use crate::{
    progress::look::{JobLook, Unheard},
    style::{Glyphs, Role},
};

/// Where nobody looks at columns, nothing is cut.
const WIDE: usize = 1000;

/// Several lines, each with its end.
pub fn render_look(job: &JobLook, look: &Look, glyphs: Glyphs) -> String {
    let name = look.style.paint(Role::Strong, &job.name);
    let mut rows = vec![format!("TrainJob {name}: {}", job.state)];
    let progress = JobProgress {
        phases: &job.phases,
        standings: &job.standings,
    };
    let rows_look = RowsLook {
        style: look.style,
        glyphs,
        width: look.width.unwrap_or(WIDE),
        now: look.now,
    };
    rows.extend(render_rows(progress, rows_look));
    if let Some(unheard) = &job.unheard {
        let text = render_unheard(unheard);
        rows.push(look.style.paint(Role::Warning, &text));
    }
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// In place of a bar. The missing right is the command's error, and told there.
fn render_unheard(unheard: &Unheard) -> String {
    match unheard.missing_right() {
        Some(_) => "how far it is is not known: its log may not be read".to_owned(),
        None => format!("how far it is is not known: {unheard}"),
    }
}
