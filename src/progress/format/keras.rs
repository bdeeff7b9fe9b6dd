//! Keras: `Epoch 2/15`, then `237/422 [======>.....] - ETA: 7s - loss: 0.04 - accuracy: 0.98`; Keras 3 draws `━━━━`; with
//! `verbose=2` a line an epoch. Downloads and `evaluate` draw the same bar.

use std::time::Duration;

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Kind, Metric, Progress, Span},
    scan::{Scan, span},
};

pub(super) const FORMAT: Format = Format {
    name: "keras",
    anchors: &["Epoch ", "/step", "/sample", "ETA: ", "s - ", "━"],
    begin: || Box::new(Keras::default()),
};

#[derive(Default)]
struct Keras {
    epoch: Option<Epoch>,
    /// Steps of the epochs; a bar with another total below the same headline is an evaluation.
    total: Option<u64>,
}

impl ProgressFormat for Keras {
    fn read(&mut self, line: &str) -> Option<Progress> {
        if line.starts_with("Epoch ") {
            return self.headline(line);
        }
        let bar = Bar::read(line)?;
        let kind = self.kind(&bar);
        let mut progress = Progress::new(kind)
            .with_step(bar.done, bar.total)
            .with_rate(bar.step_seconds.map(f64::recip))
            .with_remaining(bar.remaining)
            .with_metrics(bar.metrics);
        if kind == Kind::Training {
            progress.epoch = self.epoch;
            progress.span = Span::Epoch;
        }
        Some(progress)
    }
}

impl Keras {
    /// `Epoch 2/15` and nothing else.
    fn headline(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::after(line, "Epoch ")?;
        let number = scan.count()?;
        scan.literal("/")?;
        let total = scan.count()?;
        if !scan.rest().trim().is_empty() || number > total {
            return None;
        }
        let epoch = Epoch::from_one(number, Some(total));
        if number == 1 {
            self.total = None;
        }
        self.epoch = Some(epoch);
        Some(Progress::training().with_epoch(epoch).of(Span::Epoch))
    }

    fn kind(&mut self, bar: &Bar) -> Kind {
        const A_FILE: u64 = 1_000_000;
        const A_BLOCK: f64 = 1e-4;
        if bar.metrics.is_empty() {
            let fast = bar.step_seconds.is_some_and(|seconds| seconds < A_BLOCK);
            let is_file = fast || bar.total.is_some_and(|total| total >= A_FILE);
            return if is_file {
                Kind::Download
            } else {
                Kind::Evaluation
            };
        }
        if self.epoch.is_none() {
            let validated = bar
                .metrics
                .iter()
                .any(|metric| metric.name.starts_with("val_"));
            return if validated {
                Kind::Training
            } else {
                Kind::Other
            };
        }
        if self.total.is_none() {
            self.total = bar.total;
        }
        if bar.total == self.total || bar.total.is_none() {
            Kind::Training
        } else {
            Kind::Evaluation
        }
    }
}

struct Bar {
    done: u64,
    total: Option<u64>,
    remaining: Option<Duration>,
    step_seconds: Option<f64>,
    metrics: Vec<Metric>,
}

impl Bar {
    fn read(line: &str) -> Option<Self> {
        let mut scan = Scan::new(line);
        let done = scan.count()?;
        scan.literal("/")?;
        let total = match scan.literal("Unknown") {
            Some(()) => None,
            None => Some(scan.count()?),
        };
        let rest = drawn(scan.rest())?;
        let mut bar = Self {
            done,
            total,
            remaining: None,
            step_seconds: None,
            metrics: Vec::new(),
        };
        for (place, field) in rest.split(" - ").enumerate() {
            bar.take(place, field.trim());
        }
        let says_something =
            !bar.metrics.is_empty() || bar.step_seconds.is_some() || bar.remaining.is_some();
        says_something.then_some(bar)
    }

    /// `ETA: 7s`, `8:21 1s/step`, `13s 29ms/step`, `29s 24ms/sample`, `484s`, `21s/epoch`, `loss: 0.5`.
    fn take(&mut self, place: usize, field: &str) {
        if let Some(eta) = field.strip_prefix("ETA: ") {
            self.remaining = clock_or_seconds(eta);
        } else if field.ends_with("/step") || field.ends_with("/sample") {
            let mut words = field.split_whitespace();
            self.step_seconds = words.next_back().and_then(seconds_a_step);
            // Keras 3 writes what is left, and at the end what it took.
            let running = self.total.is_some_and(|total| self.done < total);
            if place == 0 && running {
                self.remaining = words.next().and_then(clock_or_seconds);
            }
        } else if !field.ends_with("s/epoch") {
            // What follows the last number is something else's.
            self.metrics
                .extend(pairs::metric(field.split("  ").next().unwrap_or_default()));
        }
    }
}

/// What follows the bar: ` [=====>....] - …`, ` ━━━━━━ …`, or ` - …` without one.
fn drawn(text: &str) -> Option<&str> {
    let text = text.trim_start();
    if let Some(bar) = text.strip_prefix('[') {
        let (bar, rest) = bar.split_once(']')?;
        let is_bar = bar.bytes().all(|byte| matches!(byte, b'=' | b'>' | b'.'));
        return is_bar
            .then_some(rest)
            .and_then(|rest| rest.trim_start().strip_prefix('-'));
    }
    if text.starts_with('━') {
        return Some(text.trim_start_matches('━'));
    }
    text.strip_prefix("- ")
}

/// `7s`, `11:03`, `1:02:03`.
fn clock_or_seconds(text: &str) -> Option<Duration> {
    let mut scan = Scan::new(text);
    if let Some(clock) = scan.clock() {
        return Some(clock);
    }
    let seconds = scan.number()?;
    scan.literal("s")?;
    span(seconds)
}

/// `29ms/step`, `1s/step`, `940us/step`, and `24ms/sample` of TensorFlow 2.0, whose steps are samples.
fn seconds_a_step(text: &str) -> Option<f64> {
    let mut scan = Scan::new(text);
    let number = scan.number()?;
    let scale = match scan.rest().split_once('/')?.0 {
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        _ => return None,
    };
    Some(number * scale)
}
