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

const NO_METRICS: [&str; 6] = [
    "data_time",
    "data",
    "max_mem",
    "max mem",
    "forward",
    "backward",
];

impl ProgressFormat for Detectron2 {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::after(line, "eta: ")?;
        let remaining = scan.clock()?;
        scan.literal("  iter: ")?;
        let step = scan.count()?;
        let mut metrics = pairs::metrics(scan.rest(), "  ");
        let time = pairs::take(&mut metrics, "time");
        Some(
            Progress::training()
                .with_step(step, None)
                .with_rate(time.map(f64::recip))
                .with_remaining(Some(remaining))
                .with_metrics(pairs::without(metrics, &NO_METRICS)),
        )
    }
}
