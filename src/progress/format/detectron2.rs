//! Detectron2 and maskrcnn-benchmark: `eta: 8:08:27  iter: 639  total_loss: 1.194  …  time: 0.3326  lr: 0.006394  max_mem: 3961M`.
//! How many iterations there are is not said, but how long they will take.

use super::{Format, ProgressFormat};
use crate::progress::{pairs, reading::Progress, scan::Scan};

pub(super) const FORMAT: Format = Format {
    name: "detectron2",
    anchors: &["  iter: "],
    begin: || Box::new(Detectron2),
};

struct Detectron2;

const NO_METRICS: [&str; 7] = [
    "time",
    "data_time",
    "data",
    "max_mem",
    "max mem",
    "forward",
    "backward",
];

impl ProgressFormat for Detectron2 {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let start = line.strip_prefix(':').unwrap_or(line).trim_start();
        let mut scan = Scan::new(start.strip_prefix("eta: ")?);
        let remaining = scan.clock();
        let mut scan = Scan::after(scan.rest(), "iter: ")?;
        let step = scan.count()?;
        let mut metrics = pairs::metrics(scan.rest(), "  ");
        let time = metrics
            .iter()
            .find(|metric| metric.name == "time")
            .map(|metric| metric.value);
        metrics.retain(|metric| !NO_METRICS.contains(&metric.name.as_str()));
        let mut progress = Progress::training()
            .with_step(step, None)
            .with_metrics(metrics);
        progress.rate = time.map(f64::recip);
        progress.remaining = remaining;
        Some(progress)
    }
}
