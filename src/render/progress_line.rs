//! A job's progress in lines of text, for where nothing can be drawn: one for each change of a phase and each tenth of
//! the training.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    progress_rows::JobProgress,
    progress_words::{
        Extent, activity_words, age_words, between, epoch_words, metric_words, node_words, percent,
        percent_words, phase_span, phase_words, rate_words, remaining_words, source_words,
        span_words, step_words,
    },
};
use crate::{
    logs::stamp::Stamp,
    progress::{
        board::Standings,
        tracker::{Activity, Training},
    },
    prose,
    style::Glyphs,
    train_job::{Phase, PhaseKind, PhaseState},
};

/// Of a phase that is younger it is said that it begins.
const YOUNG: Duration = Duration::from_secs(3);

/// Remembers what was said.
#[derive(Debug, Default)]
pub struct ProgressLines {
    phases: Vec<(PhaseKind, PhaseState)>,
    training: Option<Reached>,
}

/// How far the training was when it was said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// It began, and nobody says how much of it there is.
    Begun,
    /// So many tenths of the whole.
    Tenths(u8),
}

impl ProgressLines {
    /// What is worth a line.
    pub fn news(&mut self, progress: JobProgress<'_>, now: Timestamp) -> Vec<String> {
        let phases = self.phase_news(progress.phases, now);
        let training = self.training_news(progress.standings, now);
        phases.into_iter().chain(training).collect()
    }

    /// `progress: starting took 41s · training begins, 1/2 nodes`: all that began or ended meanwhile.
    fn phase_news(&mut self, phases: &[Phase], now: Timestamp) -> Option<String> {
        let state = |phase: &Phase| (phase.kind, phase.state);
        let is_news = |phase: &&Phase| {
            phase.state != PhaseState::Waiting && !self.phases.contains(&state(phase))
        };
        let news = phases.iter().filter(is_news);
        let words: Vec<_> = news.map(|phase| news_words(phase, now)).collect();
        self.phases = phases.iter().map(state).collect();
        (!words.is_empty()).then(|| line(&words))
    }

    /// Also where the training begins anew.
    fn training_news(&mut self, standings: &Standings, now: Timestamp) -> Option<String> {
        let training = standings.training.training.as_ref()?;
        let reached = match training.whole {
            Some(whole) => Reached::Tenths(percent(whole) / 10),
            None => Reached::Begun,
        };
        if self.training == Some(reached) {
            return None;
        }
        self.training = Some(reached);
        Some(format!(
            "progress: {}",
            training_words(training, standings, (now, Glyphs::Unicode))
        ))
    }
}

/// `dataset took 1m02s`, `training begins, 1/2 nodes`; of one that has run for a while, `training for 2m10s, 2/2 nodes`.
fn news_words(phase: &Phase, now: Timestamp) -> String {
    let name = phase.kind.name();
    let span = phase_span(phase, now);
    match (phase.state, span.map(span_words)) {
        (PhaseState::Waiting | PhaseState::Failed, _) | (_, None) => phase_words(phase, now),
        (PhaseState::Finished, Some(span)) => format!("{name} took {span}"),
        (PhaseState::Running, Some(words)) => {
            let nodes = phase.nodes.map(node_words).unwrap_or_default();
            if span.is_some_and(|span| span < YOUNG) {
                format!("{name} begins{nodes}")
            } else {
                format!("{name} for {words}{nodes}")
            }
        }
    }
}

/// How the job stands: the phases that have begun, what it waits for, and how far it is.
pub fn render_lines(progress: JobProgress<'_>, now: Timestamp, glyphs: Glyphs) -> Vec<String> {
    let phases = progress.phases.iter();
    let waits = phases.clone().find_map(|phase| phase.why.as_ref());
    let waits = waits.map(|wait| prose::visible(&wait.text));
    let begun = phases.filter(|phase| phase.state != PhaseState::Waiting);
    let begun: Vec<_> = begun.map(|phase| phase_words(phase, now)).collect();
    let begun = (!begun.is_empty()).then(|| begun.join(between(glyphs)));
    let standing = render_standing(progress, now, glyphs);
    begun.into_iter().chain(waits).chain(standing).collect()
}

/// How far the job is, where anything says so: the training, what it does beside it, or the initializer that runs.
pub fn render_standing(
    progress: JobProgress<'_>,
    now: Timestamp,
    glyphs: Glyphs,
) -> Option<String> {
    let standings = progress.standings;
    if let Some(training) = &standings.training.training {
        return Some(training_words(training, standings, (now, glyphs)));
    }
    let moment = Stamp::from(now);
    let own = [
        (PhaseKind::Dataset, &standings.dataset),
        (PhaseKind::Model, &standings.model),
    ];
    let own = own.into_iter().filter_map(|(kind, activity)| {
        let activity = activity.as_ref()?;
        Some(format!("{}: {}", kind.name(), aged(activity, moment)))
    });
    let beside = standings.training.activity.as_ref();
    let beside = beside.map(|activity| aged(activity, moment));
    own.chain(beside).next_back()
}

/// `download model.safetensors 450/1,000, 4s ago`.
fn aged(activity: &Activity, now: Stamp) -> String {
    format!(
        "{}, {}",
        activity_words(activity),
        age_words(activity.at, now)
    )
}

/// `training 42% · step 4,201/10,000 · ~8m00s left · epoch 2/3 · loss 0.4321; log of node-0 (tqdm), 4s ago`.
fn training_words(
    training: &Training,
    standings: &Standings,
    (now, glyphs): (Timestamp, Glyphs),
) -> String {
    let now = Stamp::from(now);
    let mut words = vec![match Extent::of(training) {
        Extent::Whole(whole) => format!("training {}", percent_words(whole)),
        Extent::Begun => "training".to_owned(),
        extent @ (Extent::Epoch(part) | Extent::Loop(part)) => {
            format!("training, {} {}", extent.name(), percent_words(part))
        }
    }];
    words.extend(training.step.map(step_words));
    words.extend(training.rate.map(rate_words));
    words.extend(remaining_words(training.remaining, training.at, now));
    words.extend(training.epoch.map(epoch_words));
    words.extend(standings.training.activity.as_ref().map(activity_words));
    words.extend(metric_words(training));
    let source = source_words(training, standings, now);
    format!("{}; {source}", words.join(between(glyphs)))
}

fn line(words: &[String]) -> String {
    format!("progress: {}", words.join(between(Glyphs::Unicode)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        progress::{
            reading::{Count, Kind},
            tracker::{Source, Standing},
        },
        train_job::NodeCount,
    };

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn phase(kind: PhaseKind, state: PhaseState, times: (i64, i64)) -> Phase {
        let (began, ended) = times;
        Phase {
            kind,
            state,
            began: Some(time(began)),
            ended: (state != PhaseState::Running).then(|| time(ended)),
            nodes: None,
            why: None,
        }
    }

    fn trains(state: PhaseState, times: (i64, i64)) -> Phase {
        let nodes = NodeCount {
            reached: 1,
            wanted: 2,
        };
        Phase {
            nodes: Some(nodes),
            ..phase(PhaseKind::Training, state, times)
        }
    }

    fn standings(whole: Option<f64>) -> Standings {
        let at = Stamp::from(time(100));
        let source = Source::Log {
            format: "tqdm",
            node: 0,
            rank: 1,
        };
        let training = Training {
            whole,
            part: Some(0.5),
            step: Some(Count::new(5, None)),
            epoch: None,
            rate: None,
            remaining: None,
            metrics: BTreeMap::new(),
            is_finished: false,
            source,
            at,
        };
        Standings {
            training: Standing {
                training: Some(training),
                activity: None,
            },
            speaker: Some("node-0".to_owned()),
            ..Standings::default()
        }
    }

    /// What is said of these, one after the other.
    fn said(looks: &[(&[Phase], &Standings)]) -> Vec<String> {
        let mut lines = ProgressLines::default();
        let look = |(phases, standings): &(&[Phase], &Standings)| {
            let (phases, standings) = (*phases, *standings);
            lines.news(JobProgress { phases, standings }, time(101))
        };
        looks.iter().flat_map(look).collect()
    }

    #[test]
    fn a_phase_is_told_when_it_begins_and_when_it_ends() {
        use PhaseState::{Failed, Finished, Running};
        let nothing = Standings::default();
        let dataset = phase(PhaseKind::Dataset, Finished, (10, 72));
        let first = [dataset.clone(), trains(Running, (100, 0))];
        let then = [dataset, trains(Failed, (100, 101))];
        assert_eq!(
            said(&[(&first, &nothing), (&first, &nothing), (&then, &nothing)]),
            [
                "progress: dataset took 1m02s · training begins, 1/2 nodes",
                "progress: training failed after 1s"
            ]
        );
    }

    #[test]
    fn who_comes_late_learns_how_long_a_phase_runs_already() {
        let running = [trains(PhaseState::Running, (41, 0))];
        assert_eq!(
            said(&[(&running, &Standings::default())]),
            ["progress: training for 1m00s, 1/2 nodes"]
        );
    }

    #[test]
    fn a_training_is_told_at_each_tenth_of_the_whole_and_where_it_begins_anew() {
        let wholes = [0.04, 0.09, 0.11, 0.19, 0.31, 0.02].map(|whole| standings(Some(whole)));
        let looks = wholes.each_ref().map(|standings| (&[][..], standings));
        let source = "step 5; log of node-0, rank 1 (tqdm), 1s ago";
        assert_eq!(
            said(&looks),
            ["4%", "11%", "31%", "2%"]
                .map(|percent| format!("progress: training {percent} · {source}"))
        );
    }

    #[test]
    fn without_a_whole_only_its_beginning_is_told() {
        let some = standings(None);
        assert_eq!(
            said(&[(&[], &some), (&[], &some)]),
            ["progress: training, this loop 50% · step 5; log of node-0, rank 1 (tqdm), 1s ago"]
        );
    }

    #[test]
    fn a_standing_is_the_trainings_or_what_goes_on_in_its_place() {
        let standing = |standings: &Standings| {
            let phases = &[];
            render_standing(
                JobProgress { phases, standings },
                time(102),
                Glyphs::Unicode,
            )
        };
        assert_eq!(standing(&Standings::default()), None);
        let activity = Activity {
            kind: Kind::Download,
            label: "a.safetensors".to_owned(),
            step: Some(Count::new(4, Some(10))),
            rate: None,
            remaining: None,
            node: 0,
            at: Stamp::from(time(100)),
        };
        let model = Standings {
            model: Some(activity),
            ..Standings::default()
        };
        assert_eq!(
            standing(&model).as_deref(),
            Some("model: download a.safetensors 4/10, 2s ago")
        );
        assert_eq!(
            standing(&standings(Some(0.5))).as_deref(),
            Some("training 50% · step 5; log of node-0, rank 1 (tqdm), 2s ago")
        );
    }
}
