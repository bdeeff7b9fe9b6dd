//! OpenMMLab's runners: mmcv's `Epoch [1][1200/7517]\tlr: 0.00125, eta: 4:44:04, time: 0.593, …, loss: 0.4606` and
//! mmengine's `Epoch(train)  [1][1060/1879]  lr: 1.9e-05  eta: 1 day, 12:05:49  time: 2.3914  …`. Their `eta` is of the
//! whole training. `Epoch(val) [1][2]\t…` is an evaluation.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Kind, Metric, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "openmmlab",
    anchors: &["Epoch [", "Epoch(train) ", "Epoch(val) ["],
    begin: || Box::new(OpenMmLab),
};

struct OpenMmLab;

const NO_METRICS: [&str; 3] = ["data_time", "memory", "eta"];

impl ProgressFormat for OpenMmLab {
    fn read(&mut self, line: &str) -> Option<Progress> {
        if let Some(scan) = Scan::after(line, "Epoch(val) [") {
            let results = scan.rest().split_once('\t')?.1;
            return Some(Progress::new(Kind::Evaluation).with_metrics(metrics(results)));
        }
        let start = line.strip_prefix("Epoch(train)");
        let start = start.or_else(|| line.strip_prefix("Epoch"))?;
        let mut scan = Scan::new(start.trim_start().strip_prefix('[')?);
        let epoch = scan.blanks().count()?;
        scan.literal("][")?;
        let done = scan.blanks().count()?;
        scan.literal("/")?;
        let total = scan.count()?;
        scan.literal("]")?;
        let mut metrics = metrics(scan.rest());
        let time = pairs::take(&mut metrics, "time");
        let mut progress = Progress::training()
            .with_step(done, Some(total))
            .with_epoch(Epoch::from_one(epoch, None))
            .of(Span::Epoch)
            .with_rate(time.map(f64::recip))
            .with_metrics(pairs::without(metrics, &NO_METRICS));
        progress.remaining = Scan::after(scan.rest(), "eta: ").and_then(|mut scan| scan.clock());
        progress.remaining_of = Some(Span::Whole);
        Some(progress)
    }
}

/// mmcv puts commas between them, mmengine two blanks.
fn metrics(text: &str) -> Vec<Metric> {
    let text = text.trim_start();
    let between = if text.contains("  ") { "  " } else { ", " };
    pairs::metrics(text, between)
}
