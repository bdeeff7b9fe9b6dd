//! The state of the training in one attempt, made of the readings of one speaker: where it is, how fast, its last metrics.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use super::{
    manner::Manner,
    pace::{Estimate, Pace},
};
use crate::{
    logs::stamp::Stamp,
    progress::reading::{Count, Epoch, Metric, Progress, Span, Stage},
};

/// What has come this far may begin anew; before that, a smaller count is a late line.
pub(super) const NEARLY_DONE: f64 = 0.99;
/// And so far back it goes then: late lines are not that late.
const ANEW: f64 = 0.5;
/// A loop over the whole training stands this close to the end of an epoch when the next one begins.
const CLOSE: f64 = 0.05;
/// Those who draw counts of whatever a program tells them to. All others say what they count.
const DRAWN: [&str; 2] = ["tqdm", "rich"];
/// Names beyond these are not kept.
const MOST_METRICS: usize = 64;
/// The weight of a new rate in the mean.
const RATE_WEIGHT: f64 = 0.3;

/// A metric's last value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastValue {
    pub value: f64,
    pub at: Stamp,
}

/// Where the steps are: the lap first, then how much of it is done.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    lap: f64,
    part: f64,
}

#[derive(Clone, Debug)]
pub(super) struct TrainingState {
    /// When anything was said last, also what is thrown away.
    pub(super) heard: Stamp,
    /// When it was said last where the training is.
    pub(super) at: Stamp,
    pub(super) step: Option<Count>,
    pub(super) epoch: Option<Epoch>,
    pub(super) is_finished: bool,
    pub(super) metrics: BTreeMap<String, LastValue>,
    manner: Manner,
    place: Option<Place>,
    whole: Option<f64>,
    /// The same, also where it is not believed.
    reached: f64,
    laps: Laps,
    /// The steps that were announced.
    planned: Option<u64>,
    loops: Loops,
    whole_pace: Pace,
    step_pace: Pace,
    /// Those of the epochs before the present one, which counts its own.
    steps_before: f64,
    rate: Option<f64>,
    stated: Option<Estimate>,
}

/// Whether counts of the whole can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Laps {
    First,
    /// What was taken for the whole began anew: nobody knows how often it will.
    More,
}

/// What counts that do not say it are of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loops {
    Unknown,
    /// The epoch of this headline.
    OfEpoch(Epoch),
    /// They went on below the next headline.
    OfWhole,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    On,
    /// A late line.
    Behind,
    /// Its count is not the one that is followed.
    Beside,
}

/// Whether the training went on, or another one began in the same attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    GoesOn,
    BeganAnew,
    /// It went on, but the loop that was taken for all of it was one epoch of it.
    WasOneEpoch,
}

impl TrainingState {
    pub(super) fn new(format: &'static str, at: Stamp) -> Self {
        Self {
            heard: at,
            at,
            step: None,
            epoch: None,
            is_finished: false,
            metrics: BTreeMap::new(),
            manner: Manner::new(format, at),
            place: None,
            whole: None,
            reached: 0.0,
            laps: Laps::First,
            planned: None,
            loops: Loops::Unknown,
            whole_pace: Pace::default(),
            step_pace: Pace::default(),
            steps_before: 0.0,
            rate: None,
            stated: None,
        }
    }

    pub(super) fn take(&mut self, format: &'static str, at: Stamp, said: &Progress) -> Course {
        self.hear(at);
        let said = self.scoped(format, said);
        let progress = said.as_ref();
        let course = self.course(format, progress);
        match course {
            Course::GoesOn => {}
            Course::BeganAnew => self.begin_anew(progress, Laps::More),
            Course::WasOneEpoch => self.begin_anew(progress, Laps::First),
        }
        self.is_finished |= progress.stage == Stage::Over;
        let moved = self.move_to(format, progress);
        if moved != Move::Behind {
            self.take_metrics(at, &progress.metrics);
        }
        if moved == Move::On {
            self.at = self.at.max(at);
            self.manner.heed(format, at, progress.step);
            self.take_whole(at, progress);
            self.take_speed(at, progress);
        }
        course
    }

    /// Who speaks is not silent, whatever it is about.
    pub(super) fn hear(&mut self, at: Stamp) {
        self.heard = self.heard.max(at);
    }

    pub(super) fn take_metrics(&mut self, at: Stamp, metrics: &[Metric]) {
        for Metric { name, value } in metrics {
            if self.metrics.len() >= MOST_METRICS && !self.metrics.contains_key(name) {
                continue;
            }
            let last = LastValue { value: *value, at };
            self.metrics.insert(name.clone(), last);
        }
    }

    /// The way in which it is written that tells most.
    pub(super) const fn format(&self) -> &'static str {
        self.manner.format()
    }

    /// Of the whole, from 0 to 1, where that is known.
    pub(super) fn whole(&self) -> Option<f64> {
        self.whole
    }

    /// Of the present epoch or loop.
    pub(super) fn part(&self) -> Option<f64> {
        self.place.map(|place| place.part)
    }

    /// Steps a second.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate.or_else(|| self.step_pace.speed())
    }

    /// Of how many steps, where that was said.
    pub(super) fn total(&self) -> Option<u64> {
        self.step.and_then(|step| step.total).or(self.planned)
    }

    /// Until the end of the whole training, counted from `at`, as far as that can be believed at `now`.
    pub(super) fn remaining(&self, now: Stamp) -> Option<Duration> {
        let own = self.whole.and_then(|_| self.whole_pace.until(1.0));
        let estimate = own.or(self.stated)?;
        let believed = estimate.believed(self.whole_pace.gap(), now)?;
        believed.left_at(self.at)
    }

    /// Programs train more than once: folds, sweeps, a second `fit`. What is behind when all was done is the next one.
    fn course(&self, format: &str, said: &Progress) -> Course {
        let is_done = self.is_finished || self.reached >= self.end_for(said);
        let begins = match (said.whole(), said.epoch, self.place) {
            _ if self.was_one_epoch(said) => return Course::WasOneEpoch,
            (Some(whole), ..) => is_done && whole <= ANEW,
            // Nobody says of how many epochs. Another format may count them from 0, or in parts.
            (None, Some(epoch), Some(place)) if format == self.manner.format() => {
                let is_back = epoch.stated < place.lap && epoch.stated <= place.lap * ANEW;
                place.part >= NEARLY_DONE && is_back
            }
            _ => false,
        };
        if begins {
            Course::BeganAnew
        } else {
            Course::GoesOn
        }
    }

    /// How far all must have come. The last per cent can last: a loop of another length is no new training in it.
    fn end_for(&self, said: &Progress) -> f64 {
        let total = said.step.and_then(|step| step.total);
        let is_other = said.span == Span::Whole && total.is_some() && self.total().is_some();
        if is_other && total != self.total() {
            1.0
        } else {
            NEARLY_DONE
        }
    }

    /// Whoever comes late may hear a loop before its headline: it does not stand where the next one does, or has ended
    /// before the last epoch has.
    fn was_one_epoch(&self, said: &Progress) -> bool {
        let (Some(place), Some((epoch, total))) = (self.place, headline(said)) else {
            return false;
        };
        let is_guess = self.loops == Loops::Unknown && is_drawn(self.manner.format());
        let is_too_early = place.part >= 1.0 && epoch.done < total;
        let is_elsewhere = (place.part - epoch.done / total).abs() > CLOSE;
        let is_whole = self.planned.is_some() || place.lap > 0.0;
        is_guess && !is_whole && (is_too_early || is_elsewhere)
    }

    fn begin_anew(&mut self, said: &Progress, laps: Laps) {
        *self = Self {
            heard: self.heard,
            epoch: self.epoch.filter(|_| said.epoch.is_none()),
            metrics: std::mem::take(&mut self.metrics),
            manner: self.manner,
            laps,
            rate: self.rate,
            ..Self::new(self.manner.format(), self.at)
        };
    }

    /// A loop that is drawn below the headline of an epoch is of that epoch, unless it is as long as the training was
    /// announced to be.
    fn scoped<'a>(&mut self, format: &str, said: &'a Progress) -> Cow<'a, Progress> {
        let total = said.step.and_then(|step| step.total);
        let is_drawn = is_drawn(format) && said.span == Span::Whole;
        let (true, Some(part), Loops::OfEpoch(epoch)) = (is_drawn, said.part(), self.loops) else {
            return Cow::Borrowed(said);
        };
        if total.is_some() && total == self.planned {
            return Cow::Borrowed(said);
        }
        if self.goes_on(epoch, part) {
            (self.loops, self.place) = (Loops::OfWhole, None);
            return Cow::Borrowed(said);
        }
        let scoped = said.clone().with_epoch(epoch).of(Span::Epoch);
        Cow::Owned(scoped)
    }

    /// Whether a loop stood at the last epoch's end when this one began, and stands behind it now.
    fn goes_on(&self, epoch: Epoch, part: f64) -> bool {
        let Some((place, total)) = self.place.zip(epoch.total) else {
            return false;
        };
        let end = epoch.done / total;
        let is_close = |part: f64| (part - end).abs() <= CLOSE;
        place.lap < epoch.stated && place.part <= part && is_close(place.part) && is_close(part)
    }

    fn move_to(&mut self, format: &str, progress: &Progress) -> Move {
        let Some(part) = progress.part() else {
            return self.move_without_count(progress);
        };
        let total = progress.step.and_then(|step| step.total);
        let lap = match progress.span {
            Span::Epoch => progress.epoch.map_or(0.0, |epoch| epoch.stated),
            Span::Whole => {
                if self.total().is_some() && self.total() != total {
                    return Move::Beside;
                }
                0.0
            }
        };
        let next = Place { lap, part };
        let is_behind = |place: Place| (next.lap, next.part) < (place.lap, place.part);
        if self.place.is_some_and(is_behind) {
            return Move::Behind;
        }
        if self.place.is_some_and(|place| place.lap < lap) {
            self.steps_before += self.step.map_or(0.0, |step| float(step.done));
        }
        self.take_epoch(progress);
        if progress.span == Span::Whole && total.is_some() && part <= 0.0 {
            // Nothing is counted yet: it may as well be a plan. Who draws begins every loop so.
            self.planned = total.filter(|_| !is_drawn(format)).or(self.planned);
        } else {
            self.place = Some(next);
            self.take_step(progress);
        }
        Move::On
    }

    /// Without a total: a smaller step or an earlier epoch is a late line.
    fn move_without_count(&mut self, progress: &Progress) -> Move {
        let behind_epoch = match (self.epoch, progress.epoch) {
            (Some(before), Some(next)) => next.done < before.done,
            _ => false,
        };
        let behind_step = match (self.step, progress.step) {
            (Some(before), Some(next)) => before.total.is_none() && next.done < before.done,
            _ => false,
        };
        if behind_epoch || behind_step {
            return Move::Behind;
        }
        if let Some((epoch, _)) = headline(progress)
            && let Some(epoch) = epoch.under_way()
            && self.loops != Loops::OfWhole
        {
            self.loops = Loops::OfEpoch(epoch);
        }
        self.take_epoch(progress);
        self.take_step(progress);
        Move::On
    }

    /// A count with a total says more than one without.
    fn take_step(&mut self, progress: &Progress) {
        let counts = |step: Count| step.total.is_some();
        let is_less = |step: &Count| !counts(*step) && self.step.is_some_and(counts);
        let step = progress.step.filter(|step| !is_less(step));
        self.step = step.or(self.step);
    }

    fn take_epoch(&mut self, progress: &Progress) {
        if let Some(epoch) = progress.epoch {
            let total = epoch.total.or(self.epoch.and_then(|epoch| epoch.total));
            self.epoch = Some(Epoch { total, ..epoch });
        }
    }

    fn take_whole(&mut self, at: Stamp, progress: &Progress) {
        let Some(whole) = progress.whole() else {
            return;
        };
        self.reached = self.reached.max(whole);
        if self.laps == Laps::More {
            return;
        }
        let whole = self.whole.map_or(whole, |before| before.max(whole));
        self.whole = Some(whole);
        // What passed before the first step was compiling and loading.
        if whole > 0.0 {
            self.whole_pace.push(at, whole);
        }
    }

    fn take_speed(&mut self, at: Stamp, progress: &Progress) {
        if let Some(rate) = progress.rate {
            let mean = self
                .rate
                .map_or(rate, |mean| mean + RATE_WEIGHT * (rate - mean));
            self.rate = Some(mean);
        }
        if let Some(step) = progress.step {
            self.step_pace
                .push(at, self.steps_before + float(step.done));
        }
        let of_whole = progress.remaining_of.unwrap_or(progress.span) == Span::Whole;
        if let Some(left) = progress.remaining
            && of_whole
            && self.laps == Laps::First
        {
            self.stated = Some(Estimate { at, left });
        }
    }
}

fn is_drawn(format: &str) -> bool {
    DRAWN.contains(&format)
}

/// A line that names an epoch, and of how many, and counts nothing.
fn headline(said: &Progress) -> Option<(Epoch, f64)> {
    let epoch = said.epoch.filter(|_| said.span == Span::Epoch)?;
    let total = epoch.total.filter(|total| *total > 1.0)?;
    said.part().is_none().then_some((epoch, total))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a pace is shown with few digits"
)]
const fn float(count: u64) -> f64 {
    count as f64
}
