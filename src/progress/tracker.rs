//! From the readings of several ranks, and from the report of the training itself, to one standing. Rank 0 leads; nothing
//! goes backwards within an attempt; a new attempt begins anew; what is not known is not shown.

mod manner;
mod pace;
mod report;
mod standing;
mod training;

use std::collections::BTreeMap;

pub use report::Report;
pub use standing::{Activity, Source, Standing, Training};
pub use training::LastValue;

use crate::{
    logs::stamp::Stamp,
    progress::{
        format::Reading,
        reading::{Kind, Progress, Stage},
    },
};
use pace::seconds;
use training::{Course, NEARLY_DONE, TrainingState};

/// After so long without a word of the leader, a higher rank may lead: in a pipeline the last rank alone knows the loss.
/// The same holds for the way in which the leader writes, where it has several.
const LEADER_SILENCE: f64 = 120.0;
/// Bars without a name that are remembered.
const MOST_UNNAMED: usize = 8;

/// Where a reading comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The node's index: `node-0` is 0.
    pub node: u32,
    /// The JobSet's restarts before this pod.
    pub round: u32,
    /// Which of the job's pods, in the order in which they were heard first: one that takes another's place has the same
    /// round, and its containers were never restarted.
    pub pod: u32,
    /// The container's restarts before these lines.
    pub attempt: u32,
}

/// Who speaks: a node, and a process on it.
type Speaker = (u32, u32);
/// Which attempt: rounds first, then pods.
type Era = (u32, u32, u32);

/// A bar without a name, until something tells what it is.
#[derive(Clone, Debug)]
struct Unnamed {
    speaker: Speaker,
    format: &'static str,
    at: Stamp,
    total: Option<u64>,
    progress: Progress,
}

/// Keeps the standing of one TrainJob.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    eras: BTreeMap<u32, Era>,
    leader: Option<Speaker>,
    /// What those said who led, as long as they did.
    states: BTreeMap<Speaker, TrainingState>,
    /// Oldest first.
    unnamed: Vec<Unnamed>,
    /// The totals of unnamed bars that turned out to be the training's, by speaker.
    confirmed: BTreeMap<Speaker, u64>,
    activity: Option<(Speaker, Activity)>,
    started: Option<Stamp>,
    report: Option<Report>,
    /// Seconds between the last two reports.
    report_gap: f64,
    /// What was shown last; it does not go back.
    shown: Option<f64>,
    guess: Guess,
}

/// Whether what was shown last is still believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Guess {
    #[default]
    Holds,
    /// It was of one epoch. Nothing is shown until the training has come so far.
    WasWrong,
}

impl Tracker {
    pub fn new() -> Self {
        Self::default()
    }

    /// A container of the training has begun anew, though it may not have said a word yet.
    pub fn attempt_began(&mut self, origin: Origin) {
        self.admits(origin);
    }

    /// Takes what a line says.
    pub fn observe(&mut self, origin: Origin, at: Stamp, reading: &Reading) {
        if !self.admits(origin) {
            return;
        }
        let speaker = (origin.node, reading.rank.unwrap_or(0));
        let progress = &reading.progress;
        if progress.stage == Stage::Begins {
            self.processes_began(origin.node);
            return;
        }
        match progress.kind {
            Kind::Training => self.train(speaker, at, reading.format, progress),
            Kind::Other => self.take_unnamed(speaker, at, reading.format, progress),
            _ => self.act(speaker, at, progress),
        }
    }

    /// When the container of the node that leads started last. Reports from before are of an attempt that is over; what
    /// the logs said is kept until its new log is opened. An earlier moment than is known is that of a pod that is still
    /// there, or of the job, and says nothing new.
    pub fn leader_started(&mut self, at: Stamp) {
        if self.started.is_some_and(|started| at < started) {
            return;
        }
        let is_valid = |started| {
            let report = self.report.as_ref();
            report.is_some_and(|report| report.is_of_this_attempt(started))
        };
        let outdated = is_valid(self.started) && !is_valid(Some(at));
        if outdated {
            self.shown = None;
        }
        self.started = Some(at);
    }

    /// Takes what the training told the cluster.
    pub fn report(&mut self, report: Report) {
        if let Some(before) = &self.report
            && before.updated < report.updated
        {
            // Between two attempts is no usual pause.
            self.report_gap = if before.is_of_this_attempt(self.started) {
                seconds(before.updated, report.updated)
            } else {
                0.0
            };
        }
        self.report = Some(report);
    }

    /// Whether the training told the cluster lately how far it is.
    pub fn has_fresh_report(&self, now: Stamp) -> bool {
        self.report.as_ref().is_some_and(|report| {
            report.is_of_this_attempt(self.started)
                && report.is_fresh(now)
                && report.fraction().is_some()
        })
    }

    /// What is known at `now`. Shown percentages do not go back until a new attempt begins.
    pub fn standing(&mut self, now: Stamp) -> Standing {
        let mut training = self.reported(now).or_else(|| self.logged(now));
        if let Some(training) = &mut training {
            self.keep(training);
        }
        let activity = self.activity.as_ref().map(|(_, activity)| activity);
        let activity = activity.filter(|activity| activity.is_current(now));
        Standing {
            training,
            activity: activity.map(|activity| activity.at(now)),
        }
    }

    /// What was shown stays, unless it was wrong. What others say of less has no steps and no time of it then.
    fn keep(&mut self, training: &mut Training) {
        let Some(whole) = training.whole else { return };
        match (self.shown, self.guess) {
            (Some(shown), Guess::Holds) if shown > whole => {
                training.whole = Some(shown);
                (training.step, training.remaining) = (None, None);
            }
            (Some(shown), Guess::WasWrong) if shown > whole => {
                (training.whole, training.remaining) = (None, None);
            }
            _ => (self.shown, self.guess) = (Some(whole), Guess::Holds),
        }
        training.is_finished |= training.whole >= Some(1.0);
    }

    /// Forgets what an earlier attempt said. False for its late lines.
    fn admits(&mut self, origin: Origin) -> bool {
        let era = (origin.round, origin.pod, origin.attempt);
        let newest_round = self.eras.values().map(|(round, ..)| *round).max();
        if newest_round.is_some_and(|newest| origin.round < newest) {
            return false;
        }
        let before = self.eras.get(&origin.node).copied();
        if before.is_some_and(|before| era < before) {
            return false;
        }
        let new_round = newest_round.is_some_and(|newest| origin.round > newest);
        let leads = self.leader.is_none_or(|(node, _)| node == origin.node);
        let new_attempt = before.is_some_and(|before| era > before);
        if new_round {
            self.eras.clear();
        }
        self.eras.insert(origin.node, era);
        if new_round || (new_attempt && leads) {
            self.begin_anew();
        } else if new_attempt {
            self.forget(origin.node);
        }
        true
    }

    /// A launcher within a container starts its processes (again).
    fn processes_began(&mut self, node: u32) {
        if self.leader.is_some_and(|(leader, _)| leader == node) {
            self.begin_anew();
        } else {
            self.forget(node);
        }
    }

    fn begin_anew(&mut self) {
        self.leader = None;
        self.states.clear();
        self.unnamed.clear();
        self.confirmed.clear();
        self.activity = None;
        (self.shown, self.guess) = (None, Guess::Holds);
    }

    fn forget(&mut self, node: u32) {
        self.states.retain(|speaker, _| speaker.0 != node);
        self.unnamed.retain(|bar| bar.speaker.0 != node);
        self.confirmed.retain(|speaker, _| speaker.0 != node);
    }

    fn train(&mut self, speaker: Speaker, at: Stamp, format: &'static str, progress: &Progress) {
        if !self.may_lead(speaker, at) {
            return;
        }
        self.take(speaker, at, format, progress);
        let counts = progress.step.is_some_and(|step| step.total.is_some());
        if !counts && progress.speaks_of_training() {
            self.confirm(speaker, at);
        }
    }

    fn take(&mut self, speaker: Speaker, at: Stamp, format: &'static str, progress: &Progress) {
        let state = self.states.entry(speaker);
        let state = state.or_insert_with(|| TrainingState::new(format, at));
        let course = state.take(format, at, progress);
        // A training that is over has no part in the next one.
        if course != Course::GoesOn && self.shown >= Some(NEARLY_DONE) {
            self.shown = None;
        }
        if course == Course::WasOneEpoch {
            self.guess = Guess::WasWrong;
        }
    }

    /// Of the one who leads.
    fn state(&self) -> Option<&TrainingState> {
        self.states.get(&self.leader?)
    }

    fn may_lead(&mut self, speaker: Speaker, at: Stamp) -> bool {
        let silent = self
            .state()
            .is_none_or(|state| seconds(state.heard, at) > LEADER_SILENCE);
        let leads = self.leader.is_none_or(|leader| speaker <= leader || silent);
        if leads {
            self.leader = Some(speaker);
        }
        leads
    }

    /// Something that only a training says came from this speaker: the bar without a name that moved last is its own.
    fn confirm(&mut self, speaker: Speaker, at: Stamp) {
        if self.confirmed.contains_key(&speaker) && !self.has_ended(speaker) {
            return;
        }
        // Of several that are over nobody knows which was the training's.
        let is_over = |bar: &Unnamed| bar.progress.part().is_some_and(|part| part >= 1.0);
        let is_candidate =
            |bar: &&Unnamed| bar.speaker == speaker && bar.total.is_some() && !is_over(bar);
        let Some(bar) = self.unnamed.iter().rfind(is_candidate).cloned() else {
            return;
        };
        if !self.may_lead(speaker, at) {
            return;
        }
        self.confirmed
            .extend(bar.total.map(|total| (speaker, total)));
        self.unnamed.retain(|bar| bar.speaker != speaker);
        let is_same =
            |(who, activity): &(Speaker, Activity)| *who == speaker && activity.kind == Kind::Other;
        if self.activity.as_ref().is_some_and(is_same) {
            self.activity = None;
        }
        self.take(speaker, bar.at, bar.format, &bar.progress);
    }

    /// The total that the training itself announced: `Total optimization steps = 97`.
    fn planned(&self) -> Option<u64> {
        self.state()?.total()
    }

    fn has_ended(&self, speaker: Speaker) -> bool {
        let part = self.state().and_then(TrainingState::part);
        self.leader == Some(speaker) && part.is_some_and(|part| part >= 1.0)
    }

    /// A bar that does not say what it counts.
    fn take_unnamed(
        &mut self,
        speaker: Speaker,
        at: Stamp,
        format: &'static str,
        progress: &Progress,
    ) {
        let total = progress.step.and_then(|step| step.total);
        let confirmed = self
            .confirmed
            .get(&speaker)
            .copied()
            .or_else(|| self.planned());
        if total.is_some() && total == confirmed {
            self.train(speaker, at, format, progress);
            return;
        }
        if progress.label.is_empty() && total.is_some() {
            self.unnamed
                .retain(|bar| bar.speaker != speaker || bar.total != total);
            self.unnamed.push(Unnamed {
                speaker,
                format,
                at,
                total,
                progress: progress.clone(),
            });
            if self.unnamed.len() > MOST_UNNAMED {
                self.unnamed.remove(0);
            }
        }
        // Beside a training that runs, a loop of another length is its evaluation.
        let mut progress = progress.clone();
        if confirmed.is_some() && !self.has_ended(speaker) {
            progress.kind = Kind::Evaluation;
        }
        self.act(speaker, at, &progress);
    }

    fn act(&mut self, speaker: Speaker, at: Stamp, progress: &Progress) {
        if progress.kind == Kind::Evaluation {
            self.evaluate(speaker, at, progress);
        }
        let replaces = self.activity.as_ref().is_none_or(|(who, activity)| {
            speaker <= *who || seconds(activity.at, at) > LEADER_SILENCE
        });
        if replaces && progress.step.is_some() {
            let activity = Activity {
                kind: progress.kind,
                label: progress.label.clone(),
                step: progress.step,
                rate: progress.rate,
                remaining: progress.remaining,
                node: speaker.0,
                at,
            };
            self.activity = Some((speaker, activity));
        }
    }

    fn evaluate(&mut self, speaker: Speaker, at: Stamp, progress: &Progress) {
        // What is evaluated below a bar, or with an epoch, is a training.
        if progress.is_nested && progress.label.is_empty() || progress.epoch.is_some() {
            self.confirm(speaker, at);
        }
        let leads = self.leader == Some(speaker);
        if let Some(state) = self.states.get_mut(&speaker).filter(|_| leads) {
            state.hear(at);
            state.take_metrics(at, &progress.metrics);
        }
        // Its results are its end.
        let is_over = progress.step.is_none() && !progress.metrics.is_empty();
        let is_it = |(who, activity): &(Speaker, Activity)| {
            *who == speaker && activity.kind == Kind::Evaluation
        };
        if is_over && self.activity.as_ref().is_some_and(is_it) {
            self.activity = None;
        }
    }

    /// From the report, where it is of this attempt, and fresh or newer than the log.
    fn reported(&self, now: Stamp) -> Option<Training> {
        let report = self.report.as_ref()?;
        let newer = self.state().is_none_or(|state| report.updated >= state.at);
        if !report.is_of_this_attempt(self.started) || !(report.is_fresh(now) || newer) {
            return None;
        }
        let whole = report.fraction()?;
        let metrics = report.metrics.iter().map(|metric| {
            let last = LastValue {
                value: metric.value,
                at: report.updated,
            };
            (metric.name.clone(), last)
        });
        Some(Training {
            whole: Some(whole),
            part: None,
            step: report.step(),
            epoch: None,
            rate: None,
            remaining: report.remaining(self.report_gap, now),
            metrics: metrics.collect(),
            is_finished: false,
            source: Source::TrainerStatus,
            at: report.updated,
        })
    }

    fn logged(&self, now: Stamp) -> Option<Training> {
        let (node, rank) = self.leader?;
        let state = self.state()?;
        Some(Training {
            whole: state.whole(),
            part: state.part(),
            step: state.step,
            epoch: state.epoch,
            rate: state.rate(),
            remaining: state.remaining(now),
            metrics: state.metrics.clone(),
            is_finished: state.is_finished,
            source: Source::Log {
                format: state.format(),
                node,
                rank,
            },
            at: state.at,
        })
    }
}

#[cfg(test)]
mod tests;
