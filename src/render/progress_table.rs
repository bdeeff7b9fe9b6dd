//! The progress of several jobs, a row each.

use super::{
    Look,
    progress_words::{
        Extent, age_words, epoch_words, is_silent, percent_words, remaining_words, step_words,
    },
    render_age,
    table::{CellText, Column, Give, render_table},
};
use crate::{
    logs::stamp::Stamp,
    progress::{
        look::{JobLook, Unheard},
        tracker::{Source, Training},
    },
    style::Role,
    train_job::{PhaseKind, PhaseState},
};

/// Where nothing tells it.
const NOTHING: &str = "-";
/// Where it could not be seen.
const UNKNOWN: &str = "<unknown>";

/// Whether the rows are of one namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespaces {
    One,
    All,
}

#[derive(Clone, Copy)]
enum ProgressColumn {
    Namespace,
    Name,
    Phase,
    Progress,
    Eta,
    Nodes,
    Age,
    Source,
}

const COLUMNS: [ProgressColumn; 8] = [
    ProgressColumn::Namespace,
    ProgressColumn::Name,
    ProgressColumn::Phase,
    ProgressColumn::Progress,
    ProgressColumn::Eta,
    ProgressColumn::Nodes,
    ProgressColumn::Age,
    ProgressColumn::Source,
];

/// One row a job, in the order of the jobs.
pub fn render_progress_table(jobs: &[JobLook], namespaces: Namespaces, look: &Look) -> String {
    let first = match namespaces {
        Namespaces::One => 1,
        Namespaces::All => 0,
    };
    let columns = &COLUMNS[first..];
    let layout: Vec<_> = columns.iter().map(|column| column.layout()).collect();
    let row = |job: &JobLook| {
        columns
            .iter()
            .map(|column| cell(job, *column, look))
            .collect()
    };
    render_table(&layout, jobs.iter().map(row).collect(), look)
}

/// Why rows do not tell how far their jobs are, where it is not that logs may not be read.
pub fn render_unheard(jobs: &[JobLook], namespaces: Namespaces) -> Vec<String> {
    let mut not_asked = 0;
    let mut texts = Vec::new();
    for job in jobs {
        match &job.unheard {
            None => {}
            Some(Unheard::NotAsked) => not_asked += 1,
            Some(reason) if reason.missing_right().is_some() => {}
            Some(reason) => {
                let place = match namespaces {
                    Namespaces::One => String::new(),
                    Namespaces::All => format!("{}/", job.namespace),
                };
                texts.push(format!("TrainJob \"{place}{}\": {reason}", job.name));
            }
        }
    }
    texts.extend(match not_asked {
        0 => None,
        1 => Some("1 log was not asked for: those before it took too long".to_owned()),
        count => Some(format!(
            "{count} logs were not asked for: those before them took too long"
        )),
    });
    texts
}

impl ProgressColumn {
    const fn layout(self) -> Column {
        let (heading, give) = match self {
            Self::Namespace => ("NAMESPACE", Give::Never),
            Self::Name => ("NAME", Give::Never),
            Self::Phase => ("PHASE", Give::Never),
            Self::Progress => ("PROGRESS", Give::Never),
            Self::Eta => ("ETA", Give::Never),
            Self::Nodes => ("NODES", Give::Never),
            Self::Age => ("AGE", Give::Never),
            Self::Source => ("SOURCE", Give::Beginning),
        };
        Column { heading, give }
    }
}

fn cell(job: &JobLook, column: ProgressColumn, look: &Look) -> CellText {
    let now = Stamp::from(look.now);
    let training = job.standings.training.training.as_ref();
    match column {
        ProgressColumn::Namespace => job.namespace.clone().into(),
        ProgressColumn::Name => painted(job.name.clone(), Role::Strong),
        ProgressColumn::Phase => phase_cell(job),
        ProgressColumn::Progress => match (training, &job.unheard) {
            (Some(training), _) => progress_words(training).into(),
            (None, Some(_)) => UNKNOWN.into(),
            (None, None) => NOTHING.into(),
        },
        ProgressColumn::Eta => training
            .filter(|_| goes_on(job))
            .and_then(|training| remaining_words(training.remaining, training.at, now))
            .map_or(NOTHING.into(), |words| {
                words.trim_end_matches(" left").into()
            }),
        ProgressColumn::Nodes => node_words(job).into(),
        ProgressColumn::Age => render_age(job.created, look.now).into(),
        ProgressColumn::Source => source_cell(job, now),
    }
}

fn painted(text: String, role: Role) -> CellText {
    CellText {
        text,
        role: Some(role),
    }
}

fn goes_on(job: &JobLook) -> bool {
    job.phase()
        .is_some_and(|phase| matches!(phase.state, PhaseState::Running | PhaseState::Waiting))
}

fn phase_cell(job: &JobLook) -> CellText {
    match job.phase() {
        None => NOTHING.into(),
        Some(phase) if phase.state == PhaseState::Failed => {
            let word = match phase.kind {
                PhaseKind::Done => "failed".to_owned(),
                kind => format!("{} failed", kind.name()),
            };
            painted(word, Role::Bad)
        }
        Some(phase) if phase.kind == PhaseKind::Done => painted("done".to_owned(), Role::Good),
        Some(phase) => phase.kind.name().into(),
    }
}

/// The whole where it is known; else what is.
fn progress_words(training: &Training) -> String {
    let epoch = || training.epoch.map(epoch_words);
    let step = training.step.map(step_words);
    match Extent::of(training) {
        Extent::Whole(whole) => percent_words(whole),
        Extent::Epoch(part) => {
            let epoch = epoch().unwrap_or_default();
            format!("{epoch}, {}", percent_words(part))
        }
        extent @ Extent::Loop(part) => format!("{}, {}", extent.name(), percent_words(part)),
        Extent::Begun => step.or_else(epoch).unwrap_or_else(|| NOTHING.to_owned()),
    }
}

/// `3/4` have come as far as the present phase asks; of a job that is over, how many there were.
fn node_words(job: &JobLook) -> String {
    let counts = || job.phases.iter().filter_map(|phase| phase.nodes);
    let current = job.phase().and_then(|phase| phase.nodes);
    match (current, counts().map(|nodes| nodes.wanted).max()) {
        (_, None | Some(0)) => NOTHING.to_owned(),
        (Some(nodes), _) => format!("{}/{}", nodes.reached, nodes.wanted),
        (None, Some(wanted)) if goes_on(job) => format!("0/{wanted}"),
        (None, Some(wanted)) => wanted.to_string(),
    }
}

fn source_cell(job: &JobLook, now: Stamp) -> CellText {
    let Some(training) = &job.standings.training.training else {
        return match &job.unheard {
            None => NOTHING.into(),
            Some(unheard) if unheard.missing_right().is_some() => {
                painted("forbidden".to_owned(), Role::Warning)
            }
            Some(Unheard::NotAsked) => painted("not asked".to_owned(), Role::Warning),
            Some(_) => painted("no answer".to_owned(), Role::Warning),
        };
    };
    let who = match training.source {
        Source::TrainerStatus => "report",
        Source::Log { .. } => "log",
    };
    let text = format!("{who}, {}", age_words(training.at, now));
    if is_silent(training.at, now) && goes_on(job) {
        painted(text, Role::Warning)
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use jiff::Timestamp;
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::progress::{
        board::Standings,
        reading::{Count, Epoch},
    };

    /// A job of which nothing is known, because of this.
    fn unheard(name: &str, reason: Unheard) -> JobLook {
        JobLook {
            namespace: "team".to_owned(),
            name: name.to_owned(),
            created: None,
            state: "Running",
            failure: None,
            phases: Vec::new(),
            standings: Standings::default(),
            unheard: Some(reason),
        }
    }

    #[test]
    fn a_part_is_named_and_only_the_whole_stands_alone() {
        let known = |whole, part, epoch| {
            progress_words(&Training {
                whole,
                part,
                step: Some(Count::new(40, Some(100))),
                epoch,
                rate: None,
                remaining: None,
                metrics: BTreeMap::new(),
                is_finished: false,
                source: Source::TrainerStatus,
                at: Timestamp::UNIX_EPOCH.into(),
            })
        };
        let epoch = Some(Epoch::from_one(2, None));
        assert_eq!(known(Some(0.25), Some(0.4), epoch), "25%");
        assert_eq!(known(None, Some(0.4), epoch), "epoch 2, 40%");
        assert_eq!(known(None, Some(0.4), None), "this loop, 40%");
        assert_eq!(known(None, None, epoch), "step 40/100");
    }

    #[test]
    fn logs_that_were_not_asked_for_are_told_in_their_rows_and_once_by_their_number() {
        let slow = unheard("slow", Unheard::NoAnswer(Duration::from_secs(3)));
        let later = |name| unheard(name, Unheard::NotAsked);
        let jobs = [slow, later("a"), later("b")];
        assert_eq!(
            render_unheard(&jobs, Namespaces::One),
            [
                "TrainJob \"slow\": its log was not there within 3 s",
                "2 logs were not asked for: those before them took too long"
            ]
        );
        assert_eq!(
            render_unheard(&jobs[1..2], Namespaces::One),
            ["1 log was not asked for: those before it took too long"]
        );
        // Two namespaces may have a job of the same name.
        assert_eq!(
            render_unheard(&jobs[..1], Namespaces::All),
            ["TrainJob \"team/slow\": its log was not there within 3 s"]
        );
        let look = Look::plain(Timestamp::UNIX_EPOCH);
        assert_data_eq!(
            render_progress_table(&jobs, Namespaces::One, &look),
            str![[r#"
NAME   PHASE   PROGRESS    ETA   NODES   AGE         SOURCE
slow   -       <unknown>   -     -       <unknown>   no answer
a      -       <unknown>   -     -       <unknown>   not asked
b      -       <unknown>   -     -       <unknown>   not asked

"#]]
        );
    }
}
