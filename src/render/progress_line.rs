//! A job's progress in lines of text, for where nothing can be drawn: one for each change of a phase and each tenth of
//! the training.

use jiff::Timestamp;

use super::{
    progress_rows::JobProgress,
    progress_words::{
        activity_words, age_words, between, epoch_words, metric_words, percent, percent_words,
        phase_words, rate_words, remaining_words, source_words, step_words,
    },
};
use crate::{
    logs::stamp::Stamp,
    progress::{
        board::Standings,
        tracker::{Activity, Training},
    },
    style::Glyphs,
    train_job::{Phase, PhaseKind, PhaseState},
};

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

    /// `progress: scheduling 3s · starting 41s · training 0s, 2/2 nodes`: all that began or ended meanwhile.
    fn phase_news(&mut self, phases: &[Phase], now: Timestamp) -> Option<String> {
        let state = |phase: &Phase| (phase.kind, phase.state);
        let is_news = |phase: &&Phase| {
            phase.state != PhaseState::Waiting && !self.phases.contains(&state(phase))
        };
        let news = phases.iter().filter(is_news);
        let words: Vec<_> = news.map(|phase| phase_words(phase, now)).collect();
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
            training_words(training, standings, now)
        ))
    }
}

/// How far the job is, where anything says so: the training, what it does beside it, or the initializer that runs.
pub fn render_standing(progress: JobProgress<'_>, now: Timestamp) -> Option<String> {
    let standings = progress.standings;
    if let Some(training) = &standings.training.training {
        return Some(training_words(training, standings, now));
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
fn training_words(training: &Training, standings: &Standings, now: Timestamp) -> String {
    let now = Stamp::from(now);
    let mut words = vec![match (training.whole, training.part, training.epoch) {
        (Some(whole), ..) => format!("training {}", percent_words(whole)),
        (None, Some(part), Some(_)) => format!("training, this epoch {}", percent_words(part)),
        (None, Some(part), None) => format!("training, this loop {}", percent_words(part)),
        (None, None, _) => "training".to_owned(),
    }];
    words.extend(training.step.map(step_words));
    words.extend(training.rate.map(rate_words));
    words.extend(remaining_words(training.remaining, training.at, now));
    words.extend(training.epoch.map(epoch_words));
    words.extend(standings.training.activity.as_ref().map(activity_words));
    words.extend(metric_words(training));
    let source = source_words(training, standings, now);
    format!("{}; {source}", words.join(between(Glyphs::Unicode)))
}

fn line(words: &[String]) -> String {
    format!("progress: {}", words.join(between(Glyphs::Unicode)))
}
