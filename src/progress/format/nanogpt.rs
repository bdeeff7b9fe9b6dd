//! nanoGPT's `iter 2920: loss 3.9883, time 1099.34ms, mfu 15.34%` and `step 250: train loss 1.5440, val loss 1.7220`;
//! nanochat's `step 00004/21400 (0.02%) | loss: 8.89 | … | dt: 989.44ms | tok/sec: 529,882 | …`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Kind, Progress},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "nanogpt",
    anchors: &[": loss ", ": train loss ", " | loss: "],
    begin: || Box::new(NanoGpt),
};

struct NanoGpt;

impl ProgressFormat for NanoGpt {
    fn read(&mut self, line: &str) -> Option<Progress> {
        iteration(line)
            .or_else(|| evaluation(line))
            .or_else(|| nanochat(line))
    }
}

fn iteration(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line.strip_prefix("iter ")?);
    let step = scan.count()?;
    scan.literal(": loss ")?;
    let loss = scan.number()?;
    scan.literal(", time ")?;
    let time = scan.number()?;
    scan.literal("ms")?;
    let mfu = scan.literal(", mfu ").and_then(|()| scan.number());
    let metrics = [("loss", Some(loss)), ("mfu", mfu.filter(|mfu| *mfu >= 0.0))];
    let metrics = metrics
        .into_iter()
        .filter_map(|(name, value)| pairs::named(name, value?));
    let mut progress = Progress::training()
        .with_step(step, None)
        .with_metrics(metrics.collect());
    progress.rate = Some(1e3 / time);
    Some(progress)
}

fn evaluation(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line.strip_prefix("step ")?);
    scan.count()?;
    scan.literal(": ")?;
    let losses = scan.rest();
    let metrics = losses.split(", ").filter_map(pairs::spoken_metric);
    losses
        .starts_with("train loss ")
        .then(|| Progress::new(Kind::Evaluation).with_metrics(metrics.collect()))
}

fn nanochat(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line.strip_prefix("step ")?);
    let step = scan.count()?;
    scan.literal("/")?;
    let total = scan.count()?;
    let (_, rest) = scan.rest().split_once(" | ")?;
    let mut metrics = pairs::metrics(rest, " | ");
    let time = metrics
        .iter()
        .position(|metric| metric.name == "dt")
        .map(|at| metrics.remove(at).value);
    metrics.retain(|metric| metric.name != "total time");
    let mut progress = Progress::training()
        .with_step(step, Some(total))
        .with_metrics(metrics);
    progress.rate = time.map(|time| 1e3 / time);
    progress.speaks_of_training().then_some(progress)
}
