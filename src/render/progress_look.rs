//! One look at one job's progress, as text: what it is called and how it stands, then its rows.

use super::{
    Look,
    progress_rows::{JobProgress, RowsLook, render_rows},
};
use crate::{
    progress::look::JobLook,
    style::{Glyphs, Role},
    train_job::{PhaseKind, PhaseState},
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
    if let Some(reason) = unknown_words(job) {
        let text = format!("how far it is is not known: {reason}");
        rows.push(look.style.paint(Role::Warning, &text));
    }
    let lines = rows.iter().map(|row| format!("{}\n", row.trim_end()));
    lines.collect()
}

/// Why there is no bar of the training, where one is to be expected.
fn unknown_words(job: &JobLook) -> Option<String> {
    let standing = &job.standings.training;
    let trains = job.phase().is_some_and(|phase| {
        (phase.kind, phase.state) == (PhaseKind::Training, PhaseState::Running)
    });
    match &job.unheard {
        // The missing right is the command's error, and told there.
        Some(unheard) if unheard.missing_right().is_some() => {
            Some("its log may not be read".to_owned())
        }
        Some(unheard) => Some(unheard.to_string()),
        None if trains && standing.training.is_none() && standing.activity.is_none() => {
            Some("nothing at the end of its log tells it".to_owned())
        }
        None => None,
    }
}
