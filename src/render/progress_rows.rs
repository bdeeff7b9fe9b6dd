//! A job's progress as rows on a terminal: its phases, a bar for what runs, and who says so.

use jiff::Timestamp;

use super::{
    bar::{BarLook, render_bar},
    progress_words::{
        Extent, activity_details, activity_words, age_words, between, epoch_words, is_silent,
        kind_word, metric_words, percent_words, phase_words, rate_words, remaining_words,
        source_words, step_words,
    },
};
use crate::{
    logs::stamp::Stamp,
    progress::{board::Standings, reading::Count, tracker::Activity},
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

/// Whether a training still goes on: a bar is of what runs, and of what is over nobody waits for another word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Runs,
    Over,
}

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
    /// Whether it is known what the job waits for, or how far a step is that runs.
    pub fn is_told(&self) -> bool {
        let Standings {
            training: standing,
            dataset,
            model,
            ..
        } = self.standings;
        let trains = standing.training.is_some() || standing.activity.is_some();
        let own = [
            (PhaseKind::Dataset, dataset.is_some()),
            (PhaseKind::Model, model.is_some()),
            (PhaseKind::Training, trains),
        ];
        self.phases.iter().any(|phase| phase.why.is_some())
            || own
                .into_iter()
                .any(|(kind, is_told)| is_told && self.running(kind).is_some())
    }

    pub fn is_over(&self) -> bool {
        let is_end =
            |phase: &Phase| phase.kind == PhaseKind::Done && phase.state != PhaseState::Waiting;
        self.phases.iter().any(is_end)
    }

    /// The phase of this kind, as long as it runs.
    fn running(&self, kind: PhaseKind) -> Option<&Phase> {
        let runs = |phase: &&Phase| phase.kind == kind && phase.state == PhaseState::Running;
        self.phases.iter().find(runs)
    }
}

/// At most six rows, none longer than the terminal. Of what is not known there is none.
pub fn render_rows(progress: JobProgress<'_>, look: RowsLook) -> Vec<String> {
    let wait = wait_words(progress.phases);
    let wait = wait.map(|(text, role)| prose::cut(&look.style.paint(role, &text), look.width));
    let phases = phases_row(progress.phases, look);
    let rows = phases.into_iter().chain(wait);
    rows.chain(render_steps(progress, look)).collect()
}

/// Of the steps that run, those of which something is known; of a job that is over, how far its training came.
pub fn render_steps(progress: JobProgress<'_>, look: RowsLook) -> Vec<String> {
    let standings = progress.standings;
    let mut rows = Vec::new();
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
        rows.extend(training_rows(standings, Life::Runs, look));
    } else if progress.is_over() && standings.training.training.is_some() {
        rows.extend(training_rows(standings, Life::Over, look));
    }
    rows.iter().map(|row| prose::cut(row, look.width)).collect()
}

/// `dataset 1m02s · scheduling 3s · starting 41s · training 2m10s, 2/2 nodes`. Where they do not fit, those that were
/// over first are left out.
pub fn phases_row(phases: &[Phase], look: RowsLook) -> Option<String> {
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
    (!words.is_empty()).then(|| prose::cut(&row, look.width))
}

/// What the job waits for, and how much that matters.
pub fn wait_words(phases: &[Phase]) -> Option<(String, Role)> {
    let wait = phases.iter().find_map(|phase| phase.why.as_ref())?;
    let role = match wait.weight {
        Weight::Passing => Role::Muted,
        Weight::Standing => Role::Warning,
    };
    Some((prose::visible(&wait.text), role))
}

/// What is known of the training, and how, and what goes on beside it.
fn training_rows(standings: &Standings, life: Life, look: RowsLook) -> Vec<String> {
    let now = Stamp::from(look.now);
    let activity = standings.training.activity.as_ref();
    let Some(training) = &standings.training.training else {
        let row = |activity: &Activity| activity_row(kind_word(activity.kind), activity, look);
        return activity.map(row).into_iter().collect();
    };
    let remaining = training.remaining.filter(|_| life == Life::Runs);
    let counted = [
        training.step.map(step_words),
        training.rate.map(rate_words),
        remaining_words(remaining, training.at, now),
    ];
    let mut counted: Vec<_> = counted.into_iter().flatten().collect();
    let mut rows = Vec::new();
    let extent = Extent::of(training);
    let bar = Bar {
        name: extent.name().to_owned(),
        part: extent.part(),
        role: Role::Good,
        longest: match life {
            Life::Runs => LONGEST_BAR,
            Life::Over => 0,
        },
    };
    let mut beside: Vec<_> = training.epoch.map(epoch_words).into_iter().collect();
    beside.extend(activity.map(activity_words));
    beside.extend(metric_words(training));
    let source = Source {
        words: source_words(training, standings, now),
        role: match life {
            Life::Runs => source_role(training.at, now),
            Life::Over => Role::Muted,
        },
    };
    let name = if bar.part.is_none() && counted.is_empty() {
        bar.name.clone()
    } else {
        let row = bar_words(&bar, look);
        while counted.len() > 1 && prose::width(&row) + length(&counted, look) > look.width {
            counted.pop();
        }
        rows.push(row + &counted.join(between(look.glyphs)));
        String::new()
    };
    // A narrow terminal has no room for a margin.
    let is_narrow = name.is_empty() && NAME + prose::width(&source.words) > look.width;
    let begin = if is_narrow {
        String::new()
    } else {
        name_words(&name)
    };
    let details = fitting(prose::width(&begin), beside, &source, look);
    rows.push(begin + &details);
    rows
}

/// A bar, and what it is of.
struct Bar {
    name: String,
    part: Option<f64>,
    role: Role,
    longest: usize,
}

/// A loop of a step: never the training's.
fn activity_row(name: &str, activity: &Activity, look: RowsLook) -> String {
    let now = Stamp::from(look.now);
    let bar = Bar {
        name: name.to_owned(),
        part: activity.step.and_then(Count::fraction),
        role: Role::Command,
        longest: LONGEST_BAR,
    };
    let source = Source {
        words: age_words(activity.at, now),
        role: source_role(activity.at, now),
    };
    let begin = bar_words(&bar, look);
    begin.clone()
        + &fitting(
            prose::width(&begin),
            activity_details(activity, now),
            &source,
            look,
        )
}

/// Some names are longer than others.
fn name_words(name: &str) -> String {
    let columns = NAME - 1;
    format!("{name:columns$} ")
}

/// What a row with a bar begins with.
fn bar_words(bar: &Bar, look: RowsLook) -> String {
    let mut row = name_words(&bar.name);
    if let Some(part) = bar.part {
        let columns = look.width.saturating_sub(NAME + BEHIND).min(bar.longest);
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
    row
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

/// Behind so many columns.
fn fitting(begin: usize, mut details: Vec<String>, source: &Source, look: RowsLook) -> String {
    let separator = between(look.glyphs);
    let behind = prose::width(separator) + prose::width(&source.words);
    while !details.is_empty() && begin + length(&details, look) + behind > look.width {
        details.pop();
    }
    details.push(look.style.paint(source.role, &source.words));
    details.join(separator)
}

/// Of details beside each other.
fn length(details: &[String], look: RowsLook) -> usize {
    let texts = details.iter().map(|text| prose::width(text));
    let separators = prose::width(between(look.glyphs)) * details.len().saturating_sub(1);
    texts.sum::<usize>() + separators
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{
        logs::stamp::at,
        progress::{
            reading::{Epoch, Kind},
            tracker::{LastValue, Source as Speaker, Standing, Training},
        },
        train_job::{NodeCount, Wait},
    };

    const NOW: i64 = 1_000;

    fn phase(kind: PhaseKind, state: PhaseState, times: (i64, i64)) -> Phase {
        let time = |seconds| Timestamp::from_second(seconds).ok();
        Phase {
            kind,
            state,
            began: time(times.0).filter(|_| state != PhaseState::Waiting),
            ended: time(times.1).filter(|_| state == PhaseState::Finished),
            nodes: None,
            why: None,
        }
    }

    /// A job whose training runs on two nodes.
    fn trains() -> Vec<Phase> {
        use PhaseState::{Finished, Running, Waiting};
        let training = phase(PhaseKind::Training, Running, (870, 0));
        let nodes = NodeCount {
            reached: 2,
            wanted: 2,
        };
        vec![
            phase(PhaseKind::Dataset, Finished, (700, 762)),
            phase(PhaseKind::Model, Finished, (765, 823)),
            phase(PhaseKind::Scheduling, Finished, (825, 828)),
            phase(PhaseKind::Starting, Finished, (828, 869)),
            Phase {
                nodes: Some(nodes),
                ..training
            },
            phase(PhaseKind::Done, Waiting, (0, 0)),
        ]
    }

    fn training() -> Training {
        let last = |value| LastValue { value, at: at(990) };
        let metrics = [("loss", 0.4321), ("lr", 9.6e-5), ("eval_loss", 1.25)];
        Training {
            whole: Some(0.4201),
            part: Some(0.26),
            step: Some(Count::new(4201, Some(10_000))),
            epoch: Some(Epoch::from_one(2, Some(3))),
            rate: Some(12.34),
            remaining: Some(Duration::from_secs(484)),
            metrics: metrics
                .map(|(name, value)| (name.to_owned(), last(value)))
                .into(),
            is_finished: false,
            source: Speaker::Log {
                format: "tqdm",
                node: 0,
                rank: 0,
            },
            at: at(996),
        }
    }

    fn activity(kind: Kind) -> Activity {
        Activity {
            kind,
            label: "model.safetensors".to_owned(),
            step: Some(Count::new(450_000_000, Some(1_000_000_000))),
            rate: None,
            remaining: Some(Duration::from_secs(12)),
            node: 0,
            at: at(997),
        }
    }

    fn standings(training: Option<Training>, activity: Option<Activity>) -> Standings {
        Standings {
            training: Standing { training, activity },
            speaker: Some("node-0".to_owned()),
            dataset: None,
            model: None,
        }
    }

    const WIDE: RowsLook = RowsLook {
        style: Style::Plain,
        glyphs: Glyphs::Unicode,
        width: 119,
        now: Timestamp::UNIX_EPOCH,
    };

    fn rows(phases: &[Phase], standings: &Standings, look: RowsLook) -> String {
        let look = RowsLook {
            now: Timestamp::from_second(NOW).unwrap(),
            ..look
        };
        let progress = JobProgress { phases, standings };
        let rows = render_rows(progress, look);
        assert!(rows.len() <= 6, "{rows:#?}");
        for row in &rows {
            assert!(prose::width(row) <= look.width, "{row:?}");
        }
        rows.join("\n")
    }

    #[test]
    fn a_training_has_its_phases_a_bar_and_who_says_so() {
        assert_eq!(
            rows(&trains(), &standings(Some(training()), None), WIDE),
            "dataset 1m02s · model 58s · scheduling 3s · starting 41s · training 2m10s, 2/2 nodes\n\
             training    ━━━━━━━━━━━━━━━━╸───────────────────────  42%  \
             step 4,201/10,000 · 12.3 steps/s · ~8m00s left\n\
             \x20           epoch 2/3 · loss 0.4321 · eval_loss 1.250 · lr 9.6e-05 · log of node-0 (tqdm), 4s ago"
        );
    }

    #[test]
    fn on_eighty_columns_what_matters_less_gives_way_and_the_source_stays() {
        let look = RowsLook { width: 79, ..WIDE };
        assert_eq!(
            rows(&trains(), &standings(Some(training()), None), look),
            "model 58s · scheduling 3s · starting 41s · training 2m10s, 2/2 nodes\n\
             training    ━━━━━────────  42%  step 4,201/10,000 · 12.3 steps/s · ~8m00s left\n\
             \x20           epoch 2/3 · loss 0.4321 · log of node-0 (tqdm), 4s ago"
        );
    }

    #[test]
    fn a_narrow_terminal_has_no_bar_and_one_without_utf_8_other_characters() {
        let standings = standings(Some(training()), None);
        let narrow = RowsLook { width: 50, ..WIDE };
        assert_eq!(
            rows(&trains(), &standings, narrow),
            "starting 41s · training 2m10s, 2/2 nodes\n\
             training     42%  step 4,201/10,000 · 12.3 steps/s\n\
             \x20           log of node-0 (tqdm), 4s ago"
        );
        let narrowest = RowsLook { width: 39, ..WIDE };
        let silent = Standings {
            training: Standing {
                training: Some(Training {
                    at: at(200),
                    ..training()
                }),
                activity: None,
            },
            ..standings.clone()
        };
        assert_eq!(
            rows(&trains(), &silent, narrowest),
            "training 2m10s, 2/2 nodes\n\
             training     42%  step 4,201/10,000\n\
             log of node-0 (tqdm), 13m20s ago"
        );
        let ascii = RowsLook {
            glyphs: Glyphs::Ascii,
            ..WIDE
        };
        let text = rows(&trains(), &standings, ascii);
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("####------"), "{text}");
    }

    #[test]
    fn a_part_is_never_shown_as_if_it_were_the_whole() {
        let part = Training {
            whole: None,
            remaining: None,
            ..training()
        };
        let bar = |training: Training| {
            let rows = rows(&trains(), &standings(Some(training), None), WIDE);
            rows.lines().nth(1).unwrap().to_owned()
        };
        let loop_alone = Training {
            epoch: None,
            ..part.clone()
        };
        let step_alone = Training {
            part: None,
            step: Some(Count::new(7, None)),
            ..part.clone()
        };
        assert!(bar(part).starts_with("this epoch  ━━━━━━━━━━─"));
        assert!(bar(loop_alone).starts_with("this loop   ━━━━━━━━━━─"));
        assert_eq!(bar(step_alone), "training    step 7 · 12.3 steps/s");
    }

    #[test]
    fn where_nothing_is_counted_there_is_one_row() {
        let bare = Training {
            whole: None,
            part: None,
            step: None,
            rate: None,
            remaining: None,
            metrics: BTreeMap::new(),
            source: Speaker::TrainerStatus,
            ..training()
        };
        let text = rows(&trains(), &standings(Some(bare), None), WIDE);
        let last = text.lines().nth(1).unwrap();
        assert_eq!(
            last,
            "training    epoch 2/3 · reported by the training, 4s ago"
        );
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn of_a_job_that_is_over_stays_how_far_it_came_without_a_bar_or_a_time_left() {
        let mut phases = trains();
        phases[4].state = PhaseState::Failed;
        phases[5].state = PhaseState::Failed;
        let text = rows(&phases, &standings(Some(training()), None), WIDE);
        let (_, training) = text.split_once('\n').unwrap();
        assert_eq!(
            training,
            "training     42%  step 4,201/10,000 · 12.3 steps/s\n\
             \x20           epoch 2/3 · loss 0.4321 · eval_loss 1.250 · lr 9.6e-05 · log of node-0 (tqdm), 4s ago"
        );
    }

    #[test]
    fn where_nothing_is_known_there_are_only_phases() {
        let nothing = standings(None, None);
        assert_eq!(rows(&trains(), &nothing, WIDE).lines().count(), 1);
        assert_eq!(rows(&[], &nothing, WIDE), "");
        let progress = |phases| JobProgress {
            phases,
            standings: &nothing,
        };
        assert!(!progress(&trains()).is_told());
    }

    #[test]
    fn what_a_job_waits_for_has_a_row() {
        let wait = Wait {
            weight: Weight::Standing,
            topic: "no node fits".to_owned(),
            text: "node-0: no node\nfits".to_owned(),
        };
        let scheduling = Phase {
            nodes: Some(NodeCount {
                reached: 0,
                wanted: 1,
            }),
            why: Some(wait),
            ..phase(PhaseKind::Scheduling, PhaseState::Running, (990, 0))
        };
        assert_eq!(
            rows(&[scheduling], &standings(None, None), WIDE),
            "scheduling 10s, 0/1 node\nnode-0: no node\\nfits"
        );
    }

    #[test]
    fn an_initializer_has_a_bar_of_its_own_and_only_while_it_runs() {
        let mut phases = trains();
        let standings = Standings {
            model: Some(activity(Kind::Download)),
            ..standings(None, None)
        };
        assert_eq!(rows(&phases, &standings, WIDE).lines().count(), 1);
        phases[1].state = PhaseState::Running;
        assert_eq!(
            rows(&phases, &standings, WIDE).lines().nth(1).unwrap(),
            "model       ━━━━━━━━━━━━━━━━━━──────────────────────  45%  \
             model.safetensors · 450M/1G · ~9s left · 3s ago"
        );
    }

    #[test]
    fn what_goes_on_beside_a_training_stands_with_it_and_alone_has_a_bar() {
        let activity = Activity {
            label: String::new(),
            step: Some(Count::new(5, Some(10))),
            ..activity(Kind::Evaluation)
        };
        let beside = standings(Some(training()), Some(activity.clone()));
        let text = rows(&trains(), &beside, WIDE);
        assert!(
            text.contains(" epoch 2/3 · evaluation 5/10 · loss "),
            "{text}"
        );
        let alone = standings(None, Some(activity));
        let text = rows(&trains(), &alone, WIDE);
        let row = text.lines().nth(1).unwrap();
        assert!(
            row.starts_with("evaluation  ━━━━━━━━━━━━━━━━━━━━─"),
            "{row}"
        );
        assert!(row.ends_with("  50%  5/10 · ~9s left · 3s ago"), "{row}");
    }

    #[test]
    fn a_source_that_is_silent_for_long_stands_out() {
        let look = RowsLook {
            style: Style::Coloured,
            ..WIDE
        };
        let silent = |seconds| {
            let training = Training {
                at: at(NOW - seconds),
                ..training()
            };
            rows(&trains(), &standings(Some(training), None), look)
        };
        let warning = |text: &str| Style::Coloured.paint(Role::Warning, text);
        let words = warning("log of node-0 (tqdm), 1m00s ago");
        assert!(silent(60).ends_with(&words), "{:?}", silent(60));
        assert!(!silent(59).contains(&warning("log of node-0 (tqdm), 59s ago")));
    }
}
