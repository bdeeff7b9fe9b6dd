//! What one line says of progress, in the same words whatever framework wrote it.

use std::{fmt, time::Duration};

/// What a bar or a line is about. Only [`Kind::Training`] is the training's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Download,
    /// Tokenising, packing, converting.
    Preprocessing,
    /// Making splits, `map`, `filter`, finding files.
    Dataset,
    ModelLoad,
    Training,
    /// Validation, test, prediction, generation.
    Evaluation,
    /// Saving, merging, uploading.
    Checkpoint,
    /// A bar that does not say what it counts; the tracker may find out.
    Other,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Download,
        Self::Preprocessing,
        Self::Dataset,
        Self::ModelLoad,
        Self::Training,
        Self::Evaluation,
        Self::Checkpoint,
        Self::Other,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Preprocessing => "preprocessing",
            Self::Dataset => "dataset",
            Self::ModelLoad => "model-load",
            Self::Training => "training",
            Self::Evaluation => "evaluation",
            Self::Checkpoint => "checkpoint",
            Self::Other => "other",
        }
    }
}

/// So many of so many; where a total is known, `done` is never above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub done: u64,
    pub total: Option<u64>,
}

impl Count {
    pub fn new(done: u64, total: Option<u64>) -> Self {
        let total = total.filter(|total| *total > 0);
        Self {
            done: total.map_or(done, |total| done.min(total)),
            total,
        }
    }

    /// From 0 to 1.
    pub fn fraction(self) -> Option<f64> {
        self.total.map(|total| ratio(self.done, total))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a fraction is shown in per cent; 53 bits are enough"
)]
fn ratio(done: u64, total: u64) -> f64 {
    done as f64 / total as f64
}

/// Which epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// As the line numbers it: some count from 0, some from 1, some in fractions.
    pub stated: f64,
    /// How many were over before the present one; with fractions where the line has them.
    pub done: f64,
    pub total: Option<f64>,
}

impl Epoch {
    /// `Epoch 2/5`, or `epoch 002`: the second is under way.
    pub fn from_one(number: u64, total: Option<u64>) -> Self {
        let float = |number: u64| ratio(number, 1);
        Self {
            stated: float(number),
            done: float(number.saturating_sub(1)),
            total: total.filter(|total| *total > 0).map(float),
        }
    }

    /// The line that says so comes when this epoch, counted from 1, is over.
    pub fn ended(number: u64, total: Option<u64>) -> Self {
        let epoch = Self::from_one(number, total);
        Self {
            done: epoch.stated,
            ..epoch
        }
    }

    /// The one whose steps follow a line that names this one: the next, where this one is over. None behind the last.
    pub fn under_way(self) -> Option<Self> {
        let epoch = if self.done >= self.stated {
            Self {
                stated: self.done + 1.0,
                ..self
            }
        } else {
            self
        };
        let is_last = |total: f64| epoch.done >= total;
        (!epoch.total.is_some_and(is_last)).then_some(epoch)
    }

    /// `Epoch 2`, and nobody knows whether the first was 0 or 1: good for order and for showing.
    pub fn numbered(number: u64) -> Self {
        let number = ratio(number, 1);
        Self {
            stated: number,
            done: number,
            total: None,
        }
    }
}

/// What the steps of a line count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    Whole,
    Epoch,
}

/// A number with the name that the line gives it: `loss`, `Learning Rate`, `Tokens/sec`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub name: String,
    /// Also `nan`: that is news too.
    pub value: f64,
}

/// Where in its attempt a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The processes start, for the first time or again: what they said before counts no more.
    Begins,
    Underway,
    /// The program says that this is over.
    Over,
}

/// What one line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub kind: Kind,
    /// The bar's own description, empty where it has none.
    pub label: String,
    pub step: Option<Count>,
    /// What `step` and `fraction` are of.
    pub span: Span,
    /// As the line states it, from 0 to 1; wins over `step`, whose count may be of one rank's share.
    pub fraction: Option<f64>,
    pub epoch: Option<Epoch>,
    /// Steps a second.
    pub rate: Option<f64>,
    /// By the program's own estimate.
    pub remaining: Option<Duration>,
    /// What `remaining` is of; none where it is of `span`.
    pub remaining_of: Option<Span>,
    pub metrics: Vec<Metric>,
    /// The bar is drawn below another one.
    pub is_nested: bool,
    pub stage: Stage,
}

impl Progress {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            label: String::new(),
            step: None,
            span: Span::Whole,
            fraction: None,
            epoch: None,
            rate: None,
            remaining: None,
            remaining_of: None,
            metrics: Vec::new(),
            is_nested: false,
            stage: Stage::Underway,
        }
    }

    pub fn training() -> Self {
        Self::new(Kind::Training)
    }

    #[must_use]
    pub fn with_step(mut self, done: u64, total: Option<u64>) -> Self {
        self.step = Some(Count::new(done, total));
        self
    }

    #[must_use]
    pub fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    #[must_use]
    pub fn of(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    /// Steps a second.
    #[must_use]
    pub fn with_rate(mut self, rate: Option<f64>) -> Self {
        self.rate = rate;
        self
    }

    /// By the program's own estimate, of what the steps are of.
    #[must_use]
    pub fn with_remaining(mut self, remaining: Option<Duration>) -> Self {
        self.remaining = remaining;
        self
    }

    #[must_use]
    pub fn with_metrics(mut self, metrics: Vec<Metric>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Of `span`, from 0 to 1.
    pub fn part(&self) -> Option<f64> {
        let part = self
            .fraction
            .or_else(|| self.step.and_then(Count::fraction));
        part.filter(|part| part.is_finite())
            .map(|part| part.clamp(0.0, 1.0))
    }

    /// Of the whole training, from 0 to 1: epochs and the steps within one make one fraction. None where no total is known.
    pub fn whole(&self) -> Option<f64> {
        let by_epochs = |part: f64| {
            let epoch = self.epoch?;
            Some((epoch.done + part) / epoch.total?)
        };
        let whole = match self.span {
            Span::Whole => self.part().or_else(|| by_epochs(0.0)),
            Span::Epoch => by_epochs(self.part().unwrap_or(0.0)),
        };
        whole
            .filter(|whole| whole.is_finite())
            .map(|whole| whole.clamp(0.0, 1.0))
    }

    /// Whether the line carries what only a training has.
    pub fn speaks_of_training(&self) -> bool {
        self.metrics.iter().any(|metric| {
            matches!(
                Role::of(&metric.name),
                Some(Role::Loss | Role::LearningRate | Role::GradientNorm)
            )
        })
    }
}

/// For tests and messages: `training 2/10 of epoch 1/3 (0 done) 2.54/s left 3s loss=0.5`.
impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.kind.name())?;
        if let Some(step) = self.step {
            write!(formatter, " {}/", step.done)?;
            match step.total {
                Some(total) => write!(formatter, "{total}")?,
                None => formatter.write_str("?")?,
            }
        }
        if let Some(fraction) = self.fraction {
            write!(formatter, " {}%", short(fraction * 100.0))?;
        }
        if self.span == Span::Epoch {
            formatter.write_str(" of")?;
        }
        if let Some(epoch) = self.epoch {
            write!(formatter, " epoch {}", short(epoch.stated))?;
            if let Some(total) = epoch.total {
                write!(formatter, "/{}", short(total))?;
            }
            write!(formatter, " ({} done)", short(epoch.done))?;
        }
        if let Some(rate) = self.rate {
            write!(formatter, " {}/s", short(rate))?;
        }
        if let Some(remaining) = self.remaining {
            write!(formatter, " left {}s", remaining.as_secs())?;
            if self.remaining_of == Some(Span::Whole) {
                formatter.write_str(" in all")?;
            }
        }
        if self.is_nested {
            formatter.write_str(" nested")?;
        }
        formatter.write_str(match self.stage {
            Stage::Begins => " begins",
            Stage::Underway => "",
            Stage::Over => " over",
        })?;
        if !self.label.is_empty() {
            write!(formatter, " “{}”", self.label)?;
        }
        for metric in &self.metrics {
            write!(
                formatter,
                " {}={}",
                metric.name.replace(' ', "_"),
                metric.value
            )?;
        }
        Ok(())
    }
}

/// Four significant digits, without noise.
fn short(value: f64) -> String {
    let text = format!("{value:.4e}");
    text.parse::<f64>()
        .map_or(text, |rounded| format!("{rounded}"))
}

/// What a metric's name means, so that the same thing has one place on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Loss,
    ValidationLoss,
    Accuracy,
    ValidationAccuracy,
    LearningRate,
    GradientNorm,
    Throughput,
}

/// Words in a name, all of which must be there, and what the name then means. The first row that fits counts.
const ROLES: &[(&[&str], Role)] = &[
    (&["val", "loss"], Role::ValidationLoss),
    (&["valid", "loss"], Role::ValidationLoss),
    (&["eval", "loss"], Role::ValidationLoss),
    (&["test", "loss"], Role::ValidationLoss),
    (&["val", "accuracy"], Role::ValidationAccuracy),
    (&["val", "acc"], Role::ValidationAccuracy),
    (&["eval", "accuracy"], Role::ValidationAccuracy),
    (&["test", "acc"], Role::ValidationAccuracy),
    (&["learning", "rate"], Role::LearningRate),
    (&["lr"], Role::LearningRate),
    (&["grad", "norm"], Role::GradientNorm),
    (&["gnorm"], Role::GradientNorm),
    (&["loss"], Role::Loss),
    (&["accuracy"], Role::Accuracy),
    (&["acc"], Role::Accuracy),
    (&["tps"], Role::Throughput),
    (&["tokens", "s"], Role::Throughput),
    (&["tokens", "sec"], Role::Throughput),
    (&["tokens", "second"], Role::Throughput),
    (&["tok", "sec"], Role::Throughput),
    (&["samples", "sec"], Role::Throughput),
    (&["samplespersec"], Role::Throughput),
    (&["runningavgsamplespersec"], Role::Throughput),
    (&["images", "sec"], Role::Throughput),
    (&["img", "s"], Role::Throughput),
    (&["wps"], Role::Throughput),
];

impl Role {
    pub fn of(name: &str) -> Option<Self> {
        let words: Vec<String> = name
            .split(|character: char| !character.is_alphanumeric())
            .map(str::to_lowercase)
            .collect();
        if words.iter().any(|word| word == "scale") {
            return None;
        }
        let has = |wanted: &&str| words.iter().any(|word| word == wanted);
        ROLES
            .iter()
            .find(|(wanted, _)| wanted.iter().all(has))
            .map(|(_, role)| *role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_epochs_and_steps_make_one_fraction() {
        let progress = Progress::training()
            .with_step(50, Some(100))
            .with_epoch(Epoch::from_one(2, Some(4)))
            .of(Span::Epoch);
        assert_eq!(progress.whole(), Some(0.375));
    }

    #[test]
    fn steps_of_an_epoch_say_nothing_of_the_whole_when_the_epochs_are_not_counted() {
        let progress = Progress::training()
            .with_step(50, Some(100))
            .with_epoch(Epoch::numbered(2))
            .of(Span::Epoch);
        assert_eq!(progress.whole(), None);
        assert_eq!(progress.part(), Some(0.5));
    }

    #[test]
    fn a_count_above_its_total_is_the_total() {
        assert_eq!(Count::new(32_768, Some(29_515)).fraction(), Some(1.0));
    }

    #[test]
    fn names_of_metrics_are_understood_by_their_words() {
        for (name, role) in [
            ("lm loss", Some(Role::Loss)),
            ("reduced_train_loss", Some(Role::Loss)),
            ("val_loss", Some(Role::ValidationLoss)),
            ("Val loss", Some(Role::ValidationLoss)),
            ("loss scale", None),
            ("Learning Rate", Some(Role::LearningRate)),
            ("color", None),
            ("Acc@1", Some(Role::Accuracy)),
            ("Tokens/sec", Some(Role::Throughput)),
            ("tokens_per_second_per_gpu", Some(Role::Throughput)),
        ] {
            assert_eq!(Role::of(name), role, "{name}");
        }
    }
}
