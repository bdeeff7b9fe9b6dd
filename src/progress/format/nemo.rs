//! NeMo 2's printer: `Training epoch 0, iteration 120/149 | lr: 3e-05 | … | global_step: 120 | reduced_train_loss: 1.233 | …`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "nemo",
    anchors: &["Training epoch "],
    begin: || Box::new(Nemo),
};

struct Nemo;

const NO_METRICS: [&str; 2] = ["global_batch_size", "global_step"];

impl ProgressFormat for Nemo {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::after(line, "Training epoch ")?;
        let epoch = scan.count()?;
        scan.literal(", iteration ")?;
        let iteration = scan.count()?;
        scan.literal("/")?;
        let last = scan.count()?;
        let mut metrics = pairs::metrics(scan.rest(), " | ");
        let time = pairs::take(&mut metrics, "train_step_timing in s");
        // Both count from 0: `iteration 149/149` is the last of 150.
        Some(
            Progress::training()
                .with_step(iteration.saturating_add(1), last.checked_add(1))
                .with_epoch(Epoch::numbered(epoch))
                .of(Span::Epoch)
                .with_rate(time.map(f64::recip))
                .with_metrics(pairs::without(metrics, &NO_METRICS)),
        )
    }
}
