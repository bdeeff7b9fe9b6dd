//! nanoGPT's `iter 2920: loss 3.9883, time 1099.34ms, mfu 15.34%` and `step 250: train loss 1.5440, val loss 1.7220`;
//! nanochat's `step 00001 (0.13%) | loss: 1.874766 | lrm: 0.01 | dt: 1308.03ms | tok/sec: 12,525 | …`, which names a total
//! in some of its programs: `step 00004/21400 (0.02%)`.

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
    let milliseconds = scan.number()?;
    scan.literal("ms")?;
    let utilisation = scan.literal(", mfu ").and_then(|()| scan.number());
    // The first say -100: it is not known yet.
    let utilisation = utilisation.filter(|share| *share >= 0.0);
    Some(
        Progress::training()
            .with_step(step, None)
            .with_rate(Some(1e3 / milliseconds))
            .with_metrics(pairs::known([("loss", Some(loss)), ("mfu", utilisation)])),
    )
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
    let total = scan.literal("/").and_then(|()| scan.count());
    scan.literal(" (")?;
    let percent = scan.number()?;
    scan.literal("%) | ")?;
    let mut metrics = pairs::metrics(scan.rest(), " | ");
    let milliseconds = pairs::take(&mut metrics, "dt");
    let progress = Progress::training()
        .with_step(step, total)
        .with_rate(milliseconds.map(|milliseconds| 1e3 / milliseconds))
        .with_metrics(pairs::without(metrics, &["epoch", "total time"]));
    progress.speaks_of_training().then(|| Progress {
        fraction: Some(percent / 100.0).filter(|_| total.is_none()),
        ..progress
    })
}
