//! One look at one job's progress, as text: what it is called and how it stands, then its rows; lines without bars
//! elsewhere than on a terminal.

use super::{
    Look,
    progress_line::render_standing,
    progress_rows::{JobProgress, RowsLook, render_rows},
    progress_words::{between, phase_words},
};
use crate::{
    progress::look::JobLook,
    prose,
    style::{Glyphs, Role},
    train_job::{PhaseKind, PhaseState},
};

/// Several lines, each with its end.
pub fn render_look(job: &JobLook, look: &Look, glyphs: Glyphs) -> String {
    let name = look.style.paint(Role::Strong, &job.name);
    let mut rows = vec![format!("TrainJob {name}: {}", job.state)];
    if let Some(failure) = &job.failure {
        rows.push(look.style.paint(Role::Bad, &prose::visible(failure)));
    }
    rows.extend(match look.width {
        Some(width) => drawn_rows(job, look, (width, glyphs)),
        None => plain_rows(job, look),
    });
    if let Some(reason) = unknown_words(job) {
        let text = format!("how far it is is not known: {reason}");
        rows.push(look.style.paint(Role::Warning, &text));
    }
    let lines = rows.iter().map(|row| format!("{}\n", row.trim_end()));
    lines.collect()
}

const fn progress(job: &JobLook) -> JobProgress<'_> {
    JobProgress {
        phases: job.phases.as_slice(),
        standings: &job.standings,
    }
}

fn drawn_rows(job: &JobLook, look: &Look, (width, glyphs): (usize, Glyphs)) -> Vec<String> {
    let rows_look = RowsLook {
        style: look.style,
        glyphs,
        width,
        now: look.now,
    };
    let mut rows = render_rows(progress(job), rows_look);
    if is_over(job) {
        // Bars are of what runs.
        rows.extend(render_standing(progress(job), look.now));
    }
    rows
}

fn plain_rows(job: &JobLook, look: &Look) -> Vec<String> {
    let waits = job.phases.iter().find_map(|phase| phase.why.as_ref());
    let waits = waits.map(|wait| prose::visible(&wait.text));
    let begun = job
        .phases
        .iter()
        .filter(|phase| phase.state != PhaseState::Waiting);
    let begun: Vec<_> = begun.map(|phase| phase_words(phase, look.now)).collect();
    let begun = (!begun.is_empty()).then(|| begun.join(between(Glyphs::Unicode)));
    let standing = render_standing(progress(job), look.now);
    begun.into_iter().chain(waits).chain(standing).collect()
}

fn is_over(job: &JobLook) -> bool {
    job.phase()
        .is_some_and(|phase| phase.kind == PhaseKind::Done && phase.state != PhaseState::Waiting)
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
