//! The metric lines of HF Trainer and those who build on it (TRL, axolotl, unsloth, ms-swift, LLaMA-Factory), and fairseq's with `--log-format json`, as Python writes a dict or
//! as JSON: `{'loss': 0.86, 'grad_norm': 0.5, 'learning_rate': 1e-05, 'epoch': 0.97}`. Since transformers 5 the numbers
//! are in quotes. The lines before the training say how long it will be.

use std::time::Duration;

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Kind, Metric, Progress, Stage},
    scan::{Scan, whole},
};

pub(super) const FORMAT: Format = Format {
    name: "hf-trainer",
    anchors: &[
        "{'",
        "{\"",
        "Num Epochs",
        "Total optimization steps",
        "Total steps",
    ],
    begin: || Box::new(HfTrainer::default()),
};

#[derive(Default)]
struct HfTrainer {
    epochs: Option<f64>,
}

impl ProgressFormat for HfTrainer {
    fn read(&mut self, line: &str) -> Option<Progress> {
        if line.starts_with('{') {
            return self.dict(line);
        }
        self.plan(line)
    }
}

impl HfTrainer {
    /// `Num Epochs = 3`, `Total optimization steps = 97`, `Num Epochs = 2 | Total steps = 5,000`.
    fn plan(&mut self, line: &str) -> Option<Progress> {
        let said = |name: &str| Scan::after(line, name)?.count();
        let epochs = said("Num Epochs = ");
        if let Some(epochs) = epochs {
            self.epochs = Epoch::from_one(1, Some(epochs)).total;
        }
        let steps = said("Total optimization steps = ").or_else(|| said("Total steps = "));
        let mut progress = Progress::training();
        match (steps, epochs) {
            (Some(steps), _) => progress = progress.with_step(0, Some(steps)),
            (None, Some(epochs)) => {
                progress.epoch = Some(Epoch {
                    stated: 0.0,
                    ..Epoch::from_one(1, Some(epochs))
                });
            }
            (None, None) => return None,
        }
        Some(progress)
    }

    fn dict(&self, line: &str) -> Option<Progress> {
        let pairs = dict_pairs(line);
        let has = |name: &str| pairs.iter().any(|(key, _)| *key == name);
        let kind = kind(&pairs)?;
        let mut progress = Progress::new(kind).with_metrics(metrics(&pairs));
        if kind == Kind::Training && has("train_runtime") && !has("loss") {
            progress.stage = Stage::Over;
        }
        progress.epoch = self.epoch(&pairs);
        if kind != Kind::Training {
            // Where the training stands is not how far the evaluation is.
            return Some(progress);
        }
        if let Some((done, total)) = steps(&pairs) {
            progress = progress.with_step(done, total);
        }
        progress.rate = number(&pairs, "train_speed(iter/s)");
        progress.remaining = value(&pairs, "remaining_time").and_then(clock);
        Some(progress)
    }

    fn epoch(&self, pairs: &[(&str, &str)]) -> Option<Epoch> {
        let stated = number(pairs, "epoch").filter(|epoch| epoch.is_finite())?;
        Some(Epoch {
            stated,
            // fairseq says the epoch's number, and in `update` how many were done.
            done: number(pairs, "update").unwrap_or(stated).max(0.0),
            total: self.epochs,
        })
    }
}

/// ms-swift's `12/94`, LLaMA-Factory's two numbers, fairseq's one.
fn steps(pairs: &[(&str, &str)]) -> Option<(u64, Option<u64>)> {
    let count = |name: &str| number(pairs, name).and_then(whole);
    if let Some((done, total)) = value(pairs, "global_step/max_steps").and_then(of_total) {
        return Some((done, Some(total)));
    }
    if let Some(done) = count("current_steps") {
        return Some((done, count("total_steps")));
    }
    let done = count("num_updates").or_else(|| count("step"))?;
    Some((done, None))
}

/// `2h 5m 59s` or `0:03:25`.
fn clock(text: &str) -> Option<Duration> {
    let spoken = Scan::new(text).spoken_clock();
    spoken.or_else(|| Scan::new(text).clock())
}

/// None for a dict that is about something else.
fn kind(pairs: &[(&str, &str)]) -> Option<Kind> {
    let has = |name: &str| pairs.iter().any(|(key, _)| *key == name);
    let is_loss = has("loss") || has("train_loss");
    let is_trainers = [
        "learning_rate",
        "lr",
        "train_lr",
        "epoch",
        "grad_norm",
        "train_runtime",
        "num_tokens",
    ]
    .into_iter()
    .any(has);
    let is_summary = has("train_runtime") && has("train_samples_per_second");
    if is_loss && is_trainers || is_summary {
        return Some(Kind::Training);
    }
    let is_evaluation = pairs.iter().any(|(key, _)| {
        key.starts_with("eval_")
            || *key == "valid_loss"
            || key.contains("_eval_loss")
            || key.contains("_eval_runtime")
    });
    (is_evaluation
        && pairs
            .iter()
            .any(|(key, _)| key.contains("_runtime") || key.contains("loss")))
    .then_some(Kind::Evaluation)
}

/// What is progress itself is no metric.
const NO_METRICS: &[&str] = &[
    "epoch",
    "global_step/max_steps",
    "percentage",
    "elapsed_time",
    "remaining_time",
    "train_speed(iter/s)",
    "update",
    "num_updates",
    "current_steps",
    "total_steps",
];

fn metrics(pairs: &[(&str, &str)]) -> Vec<Metric> {
    pairs
        .iter()
        .filter(|(key, _)| !NO_METRICS.contains(key))
        .filter_map(|(key, value)| pairs::named(key, exact_number(value)?))
        .take(pairs::MOST)
        .collect()
}

/// A number and nothing else.
fn exact_number(text: &str) -> Option<f64> {
    let mut scan = Scan::new(text);
    let number = scan.number()?;
    scan.rest().is_empty().then_some(number)
}

fn value<'a>(pairs: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| *value)
}

fn number(pairs: &[(&str, &str)], name: &str) -> Option<f64> {
    value(pairs, name).and_then(exact_number)
}

/// `12/94`.
fn of_total(text: &str) -> Option<(u64, u64)> {
    let mut scan = Scan::new(text);
    let done = scan.count()?;
    scan.literal("/")?;
    Some((done, scan.count()?))
}

/// The flat pairs of a Python dict or a JSON object, without quotes; what is cut off at the end is left out.
fn dict_pairs(line: &str) -> Vec<(&str, &str)> {
    const MOST: usize = 256;
    let inside = line.trim_start_matches('{');
    let (inside, whole) = match inside.find('}') {
        Some(end) => (inside.get(..end).unwrap_or_default(), true),
        None => (inside, false),
    };
    let mut parts: Vec<&str> = inside.split(", ").take(MOST).collect();
    if !whole && !inside.trim_end().ends_with(',') {
        parts.pop();
    }
    parts.into_iter().filter_map(pair).collect()
}

/// `'loss': 0.5`.
fn pair(part: &str) -> Option<(&str, &str)> {
    let (key, value) = part.split_once("': ").or_else(|| part.split_once("\": "))?;
    Some((unquoted(key), unquoted(value)))
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\'' | '"' | ',')
    })
}
