//! A job's progress as rows on a terminal: its phases, a bar for what runs, and who says so.

use jiff::Timestamp;

use super::{
    bar::{BarLook, render_bar},
    progress_words::{
        activity_details, activity_words, age_words, between, epoch_words, is_silent, kind_word,
        metric_words, percent_words, phase_words, rate_words, remaining_words, source_words,
        step_words,
    },
};
use crate::{
    logs::stamp::Stamp,
    progress::{
        board::Standings,
        reading::Count,
        tracker::{Activity, Training},
    },
    prose,
    style::{Glyphs, Role, Style},
    train_job::{Phase, PhaseKind, PhaseState, Weight},
};

/// The columns of what a row is about, with the blanks behind it.
const NAME: usize = 12;
/// What stands behind a bar at least: its per cent, and most of what is said of it.
const BEHIND: usize = 54;
const LONGEST_BAR: usize = 40;
/// A shorter bar shows nothing that its per cent does not.
const SHORTEST_BAR: usize = 10;

/// How far a job is.
#[derive(Clone, Copy, Debug)]
pub struct JobProgress<'a> {
    pub phases: &'a [Phase],
    pub standings: &'a Standings,
}

/// How rows may look.
#[derive(Clone, Copy, Debug)]
pub struct RowsLook {
    pub style: Style,
    pub glyphs: Glyphs,
    /// Columns.
    pub width: usize,
    pub now: Timestamp,
}

impl JobProgress<'_> {
    /// Whether anything is known of the job at all.
    pub fn is_known(&self) -> bool {
        let is_told = |phase: &Phase| phase.state != PhaseState::Waiting || phase.why.is_some();
        self.phases.iter().any(is_told)
    }

    /// The phase of this kind, as long as it runs.
    fn running(&self, kind: PhaseKind) -> Option<&Phase> {
        let runs = |phase: &&Phase| phase.kind == kind && phase.state == PhaseState::Running;
        self.phases.iter().find(runs)
    }
}

/// At most six rows, none longer than the terminal. Of what is not known there is none.
pub fn render_rows(progress: JobProgress<'_>, look: RowsLook) -> Vec<String> {
    let standings = progress.standings;
    let mut rows = Vec::new();
    rows.extend(phases_row(progress.phases, look));
    rows.extend(wait_row(progress.phases, look));
    let own = [
        (PhaseKind::Dataset, &standings.dataset),
        (PhaseKind::Model, &standings.model),
    ];
    for (kind, activity) in own {
        if let (Some(_), Some(activity)) = (progress.running(kind), activity) {
            rows.push(activity_row(kind.name(), activity, look));
        }
    }
    if progress.running(PhaseKind::Training).is_some() {
        rows.extend(training_rows(standings, look));
    }
    rows.iter().map(|row| prose::cut(row, look.width)).collect()
}

/// `dataset 1m02s · scheduling 3s · starting 41s · training 2m10s, 2/2 nodes`. Where they do not fit, those that were
/// over first are left out.
fn phases_row(phases: &[Phase], look: RowsLook) -> Option<String> {
    let begun = phases
        .iter()
        .filter(|phase| phase.state != PhaseState::Waiting);
    let mut words: Vec<_> = begun
        .map(|phase| (phase.state, phase_words(phase, look.now)))
        .collect();
    let separator = between(look.glyphs);
    let length = |words: &[(PhaseState, String)]| {
        let texts = words.iter().map(|(_, text)| prose::width(text));
        texts.sum::<usize>() + prose::width(separator) * words.len().saturating_sub(1)
    };
    while words.len() > 1 && length(&words) > look.width {
        words.remove(0);
    }
    let painted = words.iter().map(|(state, text)| {
        let role = match state {
            PhaseState::Running => Role::Strong,
            PhaseState::Failed => Role::Bad,
            PhaseState::Waiting | PhaseState::Finished => Role::Muted,
        };
        look.style.paint(role, text)
    });
    let row = painted.collect::<Vec<_>>().join(separator);
    (!words.is_empty()).then_some(row)
}

/// What the job waits for.
fn wait_row(phases: &[Phase], look: RowsLook) -> Option<String> {
    let wait = phases.iter().find_map(|phase| phase.why.as_ref())?;
    let role = match wait.weight {
        Weight::Passing => Role::Muted,
        Weight::Standing => Role::Warning,
    };
    Some(look.style.paint(role, &prose::visible(&wait.text)))
}

/// What is known of the training, and how, and what goes on beside it.
fn training_rows(standings: &Standings, look: RowsLook) -> Vec<String> {
    let now = Stamp::from(look.now);
    let activity = standings.training.activity.as_ref();
    let Some(training) = &standings.training.training else {
        let row = |activity: &Activity| activity_row(kind_word(activity.kind), activity, look);
        return activity.map(row).into_iter().collect();
    };
    let counted = [
        training.step.map(step_words),
        training.rate.map(rate_words),
        remaining_words(training.remaining, training.at, now),
    ];
    let counted: Vec<_> = counted.into_iter().flatten().collect();
    let bar = Bar::of(training);
    let mut beside: Vec<_> = training.epoch.map(epoch_words).into_iter().collect();
    beside.extend(activity.map(activity_words));
    beside.extend(metric_words(training));
    let source = Source {
        words: source_words(training, standings, now),
        role: source_role(training.at, now),
    };
    vec![
        bar_row(&bar, &counted, look),
        details_row(beside, &source, look),
    ]
}

/// A bar, and what it is of.
struct Bar {
    name: String,
    part: Option<f64>,
    role: Role,
}

impl Bar {
    /// A part of the training is never shown as if it were the whole.
    fn of(training: &Training) -> Self {
        let bar = |name: &str, part| Self {
            name: name.to_owned(),
            part,
            role: Role::Good,
        };
        match (training.whole, training.part, training.epoch) {
            (None, Some(part), Some(_)) => bar("this epoch", Some(part)),
            (None, Some(part), None) => bar("this loop", Some(part)),
            (whole, ..) => bar("training", whole),
        }
    }
}

/// A loop of a step: never the training's.
fn activity_row(name: &str, activity: &Activity, look: RowsLook) -> String {
    let now = Stamp::from(look.now);
    let bar = Bar {
        name: name.to_owned(),
        part: activity.step.and_then(Count::fraction),
        role: Role::Command,
    };
    let mut details = activity_details(activity, now);
    details.push(age_words(activity.at, now));
    bar_row(&bar, &details, look)
}

fn bar_row(bar: &Bar, details: &[String], look: RowsLook) -> String {
    let mut row = format!("{:NAME$}", bar.name);
    if let Some(part) = bar.part {
        let columns = look.width.saturating_sub(NAME + BEHIND).min(LONGEST_BAR);
        if columns >= SHORTEST_BAR {
            let bar_look = BarLook {
                style: look.style,
                glyphs: look.glyphs,
                done: bar.role,
            };
            row.push_str(&render_bar(Some(part), columns, bar_look));
            row.push(' ');
        }
        let percent = format!("{:>4}", percent_words(part));
        row.push_str(&look.style.paint(Role::Strong, &percent));
        row.push_str("  ");
    }
    row + &details.join(between(look.glyphs))
}

/// Who says it, which always fits in: other details give way to it, the last ones first.
struct Source {
    words: String,
    role: Role,
}

fn source_role(at: Stamp, now: Stamp) -> Role {
    if is_silent(at, now) {
        Role::Warning
    } else {
        Role::Muted
    }
}

fn details_row(mut details: Vec<String>, source: &Source, look: RowsLook) -> String {
    let separator = between(look.glyphs);
    let length = |details: &[String]| {
        let texts = details
            .iter()
            .map(|text| prose::width(text) + prose::width(separator));
        NAME + texts.sum::<usize>() + prose::width(&source.words)
    };
    while !details.is_empty() && length(&details) > look.width {
        details.pop();
    }
    details.push(look.style.paint(source.role, &source.words));
    format!("{:NAME$}{}", "", details.join(separator))
}
