//! The words of a job's progress that rows, lines and tables share: how long, how much, how fast, and who says so.

use std::time::Duration;

use jiff::Timestamp;

use super::log_note::grouped;
use crate::{
    logs::stamp::Stamp,
    progress::{
        board::Standings,
        reading::{Count, Epoch, Kind},
        tracker::{Activity, Source, Training},
    },
    prose,
    style::Glyphs,
    train_job::{NodeCount, Phase, PhaseKind, PhaseState},
};

/// More metrics than these are not shown.
const METRICS: usize = 4;
/// Who has not spoken for so long may be stuck.
const LONG: Duration = Duration::from_mins(1);

/// `8s`, `1m02s`, `2h05m`, `3d04h`.
pub fn span_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if minutes == 0 => format!("{seconds}s"),
        () if hours == 0 => format!("{minutes}m{:02}s", seconds % 60),
        () if days == 0 => format!("{hours}h{:02}m", minutes % 60),
        () => format!("{days}d{:02}h", hours % 24),
    }
}

/// `42%`: never more than is done, so that 100 is said only of all.
pub fn percent_words(part: f64) -> String {
    format!("{}%", percent(part))
}

pub fn percent(part: f64) -> u8 {
    // A quotient is rounded like the part itself: 29 of 100 are 29.
    let is_reached = |percent: &u8| part >= f64::from(*percent) / 100.0;
    (1..=100).rev().find(is_reached).unwrap_or_default()
}

/// What is known of how far a training is. A part of it is never shown as if it were the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// So much of all.
    Whole(f64),
    /// So much of one epoch of nobody knows how many.
    Epoch(f64),
    /// So much of one loop.
    Loop(f64),
    /// It has begun.
    Begun,
}

impl Extent {
    pub const fn of(training: &Training) -> Self {
        match (training.whole, training.part, training.epoch) {
            (Some(whole), ..) => Self::Whole(whole),
            (None, Some(part), Some(_)) => Self::Epoch(part),
            (None, Some(part), None) => Self::Loop(part),
            (None, None, _) => Self::Begun,
        }
    }

    pub const fn part(self) -> Option<f64> {
        match self {
            Self::Whole(part) | Self::Epoch(part) | Self::Loop(part) => Some(part),
            Self::Begun => None,
        }
    }

    /// What the part is of.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole(_) | Self::Begun => "training",
            Self::Epoch(_) => "this epoch",
            Self::Loop(_) => "this loop",
        }
    }
}

/// `step 4,201/10,000`, or `step 4,201` where nobody says of how many.
pub fn step_words(step: Count) -> String {
    format!("step {}", count_words(step))
}

fn count_words(count: Count) -> String {
    let done = grouped(count.done);
    match count.total {
        Some(total) => format!("{done}/{}", grouped(total)),
        None => done,
    }
}

/// `epoch 2/3`, as the program numbers it.
pub fn epoch_words(epoch: Epoch) -> String {
    let number = |number: f64| {
        let text = format!("{number:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match epoch.total {
        Some(total) => format!("epoch {}/{}", number(epoch.stated), number(total)),
        None => format!("epoch {}", number(epoch.stated)),
    }
}

/// `12.3 steps/s`; of slow ones, how long each takes: `3.1 s/step`.
pub fn rate_words(rate: f64) -> String {
    let number = |number: f64| {
        let digits = usize::from(number < 100.0);
        format!("{number:.digits$}")
    };
    if rate >= 1.0 {
        format!("{} steps/s", number(rate))
    } else {
        format!("{} s/step", number(1.0 / rate))
    }
}

/// `~8m00s left`. It was estimated when the source spoke; nothing is said when that time is over.
pub fn remaining_words(remaining: Option<Duration>, at: Stamp, now: Stamp) -> Option<String> {
    let left = remaining?.saturating_sub(age(at, now));
    (left >= Duration::from_secs(1)).then(|| format!("~{} left", span_words(left)))
}

/// `loss 0.4321`: the most telling ones first, under the names that the program gives them.
pub fn metric_words(training: &Training) -> Vec<String> {
    let foremost = training.foremost().into_iter().take(METRICS);
    let words = foremost.map(|(name, value)| format!("{} {}", prose::visible(name), brief(value)));
    words.collect()
}

/// `log of node-0 (tqdm), 4s ago`.
pub fn source_words(training: &Training, standings: &Standings, now: Stamp) -> String {
    let who = match training.source {
        Source::TrainerStatus => "reported by the training".to_owned(),
        Source::Log { format, node, rank } => {
            let step = standings.speaker.clone();
            let step = step.unwrap_or_else(|| format!("node-{node}"));
            match rank {
                0 => format!("log of {step} ({format})"),
                rank => format!("log of {step}, rank {rank} ({format})"),
            }
        }
    };
    format!("{who}, {}", age_words(training.at, now))
}

/// `4s ago`.
pub fn age_words(at: Stamp, now: Stamp) -> String {
    format!("{} ago", span_words(age(at, now)))
}

/// How long ago it was; the clocks of nodes may be ahead.
pub fn age(at: Stamp, now: Stamp) -> Duration {
    let nanoseconds = at.nanoseconds_until(now).max(0);
    u64::try_from(nanoseconds).map_or(Duration::MAX, Duration::from_nanos)
}

/// Whether a source has been silent for so long that it may be stuck.
pub fn is_silent(at: Stamp, now: Stamp) -> bool {
    age(at, now) >= LONG
}

/// Counts of an activity are mostly of bytes: `450M/1.1G`.
fn short_count_words(count: Count) -> String {
    let done = short_number(count.done);
    match count.total {
        Some(total) => format!("{done}/{}", short_number(total)),
        None => done,
    }
}

/// `4,201`, `450M`, `1.1G`.
fn short_number(number: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    let fits = |(size, _): &&(u64, &str)| number >= *size;
    match UNITS.iter().find(fits) {
        Some((size, unit)) if number >= 100_000 => {
            let tenths = number / (size / 10);
            match (tenths / 10, tenths % 10) {
                (whole @ 0..10, tenth @ 1..) => format!("{whole}.{tenth}{unit}"),
                (whole, _) => format!("{whole}{unit}"),
            }
        }
        _ => grouped(number),
    }
}

/// `evaluation 5/10`, `download model.safetensors 450M/1.1G`.
pub fn activity_words(activity: &Activity) -> String {
    let label = prose::visible(&activity.label);
    let count = activity.step.map(short_count_words).unwrap_or_default();
    let words = [kind_word(activity.kind), &label, &count];
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The same without its kind, for where that stands already.
pub fn activity_details(activity: &Activity, now: Stamp) -> Vec<String> {
    let label = Some(prose::visible(&activity.label));
    let is_done = activity.step.and_then(Count::fraction) == Some(1.0);
    let remaining = activity.remaining.filter(|_| !is_done);
    let parts = [
        label.filter(|label| !label.is_empty()),
        activity.step.map(short_count_words),
        remaining_words(remaining, activity.at, now),
    ];
    parts.into_iter().flatten().collect()
}

pub const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Download => "download",
        Kind::Preprocessing => "preparing data",
        Kind::Dataset => "reading data",
        Kind::ModelLoad => "loading the model",
        Kind::Training => "training",
        Kind::Evaluation => "evaluation",
        Kind::Checkpoint => "checkpoint",
        Kind::Other => "a loop",
    }
}

/// `training 2m10s, 2/2 nodes`; of a phase that is over only how long it took.
pub fn phase_words(phase: &Phase, now: Timestamp) -> String {
    let name = phase.kind.name();
    let span = phase_span(phase, now).map(span_words);
    match (phase.state, span) {
        (PhaseState::Failed, _) if phase.kind == PhaseKind::Done => "failed".to_owned(),
        (PhaseState::Failed, Some(span)) => format!("{name} failed after {span}"),
        (PhaseState::Failed, None) => format!("{name} failed"),
        (PhaseState::Running, span) => {
            let nodes = phase.nodes.map(node_words).unwrap_or_default();
            let span = span.map(|span| format!(" {span}")).unwrap_or_default();
            format!("{name}{span}{nodes}")
        }
        (PhaseState::Waiting | PhaseState::Finished, Some(span)) => format!("{name} {span}"),
        (PhaseState::Waiting | PhaseState::Finished, None) => name.to_owned(),
    }
}

/// `, 2/2 nodes`.
pub fn node_words(nodes: NodeCount) -> String {
    let NodeCount { reached, wanted } = nodes;
    let noun = if wanted == 1 { "node" } else { "nodes" };
    format!(", {reached}/{wanted} {noun}")
}

/// How long a phase took, or has taken until now, as far as its times are known. A moment has no length.
pub fn phase_span(phase: &Phase, now: Timestamp) -> Option<Duration> {
    let end = match phase.state {
        PhaseState::Waiting => return None,
        PhaseState::Running => now,
        PhaseState::Finished | PhaseState::Failed => phase.ended?,
    };
    let began = phase.began?;
    // Both ends of it are one condition.
    let is_moment = phase.kind == PhaseKind::Done;
    let span = end.duration_since(began).max(jiff::SignedDuration::ZERO);
    (!is_moment).then_some(span.unsigned_abs())
}

/// What stands between parts of a row.
pub const fn between(glyphs: Glyphs) -> &'static str {
    match glyphs {
        Glyphs::Unicode => " · ",
        Glyphs::Ascii => ", ",
    }
}

/// As many digits as tell something: `0.4321`, `9.6e-05`, `12.3`, `1,204`.
pub fn brief(value: f64) -> String {
    let size = value.abs();
    match () {
        () if !value.is_finite() => format!("{value}"),
        () if size == 0.0 => "0".to_owned(),
        () if !(1e-3..1e7).contains(&size) => scientific(value),
        () if size < 1.0 => format!("{value:.4}"),
        () if size < 10.0 => format!("{value:.3}"),
        () if size < 100.0 => format!("{value:.1}"),
        () => format!("{value:.0}"),
    }
}

/// `9.6e-05`, as Python writes it.
fn scientific(value: f64) -> String {
    let text = format!("{value:.1e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, size) = match exponent.strip_prefix('-') {
        Some(size) => ('-', size),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{size:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::stamp::at;

    #[test]
    fn spans_have_their_two_largest_units() {
        for (seconds, words) in [
            (0, "0s"),
            (59, "59s"),
            (62, "1m02s"),
            (3599, "59m59s"),
            (7500, "2h05m"),
            (86_399, "23h59m"),
            (273_600, "3d04h"),
        ] {
            assert_eq!(span_words(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn a_hundred_per_cent_are_all_of_it() {
        let words = |part| percent_words(part);
        assert_eq!(words(0.0), "0%");
        assert_eq!(words(0.429), "42%");
        assert_eq!(words(0.999_999), "99%");
        assert_eq!(words(1.0), "100%");
        assert_eq!(words(f64::NAN), "0%");
    }

    #[test]
    fn every_hundredth_is_one_per_cent() {
        for hundredths in 0..=100 {
            assert_eq!(percent(f64::from(hundredths) / 100.0), hundredths);
        }
    }

    #[test]
    fn counts_say_of_how_many_where_that_is_known() {
        let count = |done, total| step_words(Count::new(done, total));
        assert_eq!(count(4201, Some(10_000)), "step 4,201/10,000");
        assert_eq!(count(4201, None), "step 4,201");
        assert_eq!(epoch_words(Epoch::from_one(2, Some(3))), "epoch 2/3");
        let part = Epoch {
            stated: 0.6,
            done: 0.6,
            total: None,
        };
        assert_eq!(epoch_words(part), "epoch 0.6");
    }

    #[test]
    fn large_counts_beside_the_training_are_short() {
        for (number, words) in [
            (0, "0"),
            (4201, "4,201"),
            (99_999, "99,999"),
            (100_000, "100k"),
            (1_100_000_000, "1.1G"),
            (1_000_000, "1M"),
            (999_999_999, "999M"),
            (45_000_000_000_000, "45T"),
        ] {
            assert_eq!(short_number(number), words, "{number}");
        }
        let count = Count::new(450_000_000, Some(1_100_000_000));
        assert_eq!(short_count_words(count), "450M/1.1G");
    }

    #[test]
    fn slow_steps_are_measured_by_their_length() {
        assert_eq!(rate_words(12.34), "12.3 steps/s");
        assert_eq!(rate_words(1.0), "1.0 steps/s");
        assert_eq!(rate_words(2048.0), "2048 steps/s");
        assert_eq!(rate_words(0.25), "4.0 s/step");
    }

    #[test]
    fn an_estimate_is_counted_down_and_then_withdrawn() {
        let words = |now| remaining_words(Some(Duration::from_secs(90)), at(100), at(now));
        assert_eq!(words(100).as_deref(), Some("~1m30s left"));
        assert_eq!(words(160).as_deref(), Some("~30s left"));
        assert_eq!(words(190), None);
        assert_eq!(remaining_words(None, at(0), at(0)), None);
    }

    #[test]
    fn a_clock_that_is_ahead_gives_no_age() {
        assert_eq!(age_words(at(20), at(10)), "0s ago");
        assert!(!is_silent(at(0), at(59)));
        assert!(is_silent(at(0), at(60)));
    }

    #[test]
    fn numbers_have_the_digits_that_tell_something() {
        for (value, words) in [
            (0.0, "0"),
            (0.432_123, "0.4321"),
            (0.000_096, "9.6e-05"),
            (2.5, "2.500"),
            (12.345, "12.3"),
            (1204.4, "1204"),
            (1.5e9, "1.5e+09"),
            (-0.25, "-0.2500"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(brief(value), words);
        }
    }
}
