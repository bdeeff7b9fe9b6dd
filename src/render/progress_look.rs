//! One look at one job's progress, as text: what it is called and how it stands, then its rows; lines without bars
//! elsewhere than on a terminal.

use super::{
    Look,
    progress_line::{render_lines, render_standing},
    progress_rows::{JobProgress, RowsLook, phases_row, render_steps, wait_words},
};
use crate::{
    progress::look::JobLook,
    prose,
    style::{Glyphs, Role},
    train_job::{PhaseKind, PhaseState},
};

/// Several lines, each with its end. On a terminal none is longer than it, and no word is broken.
pub fn render_look(job: &JobLook, look: &Look, glyphs: Glyphs) -> String {
    let name = look.style.paint(Role::Strong, &job.name);
    let mut rows = vec![format!("TrainJob {name}: {}", job.state)];
    if let Some(failure) = &job.failure {
        rows.extend(folded(&prose::visible(failure), Role::Bad, look));
    }
    rows.extend(match look.width {
        Some(width) => drawn_rows(job, look, (width, glyphs)),
        None => render_lines(progress(job), look.now, Glyphs::Unicode),
    });
    if let Some(reason) = unknown_words(job) {
        let text = format!("how far it is is not known: {reason}");
        rows.extend(folded(&text, Role::Warning, look));
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
    let mut rows = Vec::from_iter(phases_row(&job.phases, rows_look));
    // It is seen but once, and has to be whole.
    let wait = wait_words(&job.phases);
    rows.extend(
        wait.into_iter()
            .flat_map(|(text, role)| folded(&text, role, look)),
    );
    rows.extend(render_steps(progress(job), rows_look));
    if progress(job).is_over() && job.standings.training.training.is_none() {
        let standing = render_standing(progress(job), look.now, glyphs);
        let fold = |text: String| prose::wrap(&text, 0, look.width);
        let lines = standing.map(fold).unwrap_or_default();
        rows.extend(lines.lines().map(str::to_owned));
    }
    rows
}

/// A sentence in as many rows as it needs.
fn folded(text: &str, role: Role, look: &Look) -> Vec<String> {
    let rows = prose::wrap(text, 0, look.width);
    let rows = rows.lines().map(|row| look.style.paint(role, row));
    rows.collect()
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        progress::board::Standings,
        style::Style,
        train_job::{Phase, Wait, Weight},
    };

    /// A job that waits for this, as it looks at eighty columns.
    fn waits(text: &str) -> String {
        let wait = Wait {
            weight: Weight::Standing,
            topic: "image".to_owned(),
            text: text.to_owned(),
        };
        let starting = Phase {
            kind: PhaseKind::Starting,
            state: PhaseState::Running,
            began: Some(Timestamp::UNIX_EPOCH),
            ended: None,
            nodes: None,
            why: Some(wait),
        };
        let job = JobLook {
            namespace: "team".to_owned(),
            name: "train".to_owned(),
            created: None,
            state: "Pending",
            failure: None,
            phases: vec![starting],
            standings: Standings::default(),
            unheard: None,
        };
        let look = Look {
            style: Style::Plain,
            width: Some(80),
            now: Timestamp::UNIX_EPOCH,
        };
        render_look(&job, &look, Glyphs::Unicode)
    }

    #[test]
    fn on_a_terminal_a_long_sentence_is_broken_between_words_and_nothing_of_it_is_left_out() {
        let text = "node-0 and node-1: the image of container node cannot be pulled: failed to \
            pull and unpack image \"registry.example.com/team/training:v1\": no such host";
        assert_eq!(
            waits(text),
            "TrainJob train: Pending\n\
             starting 0s\n\
             node-0 and node-1: the image of container node cannot be pulled: failed to pull\n\
             and unpack image \"registry.example.com/team/training:v1\": no such host\n"
        );
    }
}
