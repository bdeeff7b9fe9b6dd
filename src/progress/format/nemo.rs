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

impl ProgressFormat for Nemo {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::after(line, "Training epoch ")?;
        let epoch = scan.count()?;
        scan.literal(", iteration ")?;
        let iteration = scan.count()?;
        scan.literal("/")?;
        let last = scan.count()?;
        let mut metrics = pairs::metrics(scan.rest(), " | ");
        let time = metrics
            .iter()
            .find(|metric| metric.name == "train_step_timing in s")
            .map(|metric| metric.value);
        metrics.retain(|metric| {
            !metric.name.starts_with("global_") && !metric.name.contains("timing")
        });
        // Both count from 0: `iteration 149/149` is the last of 150.
        let mut progress = Progress::training()
            .with_step(iteration.saturating_add(1), last.checked_add(1))
            .with_epoch(Epoch::numbered(epoch))
            .of(Span::Epoch)
            .with_metrics(metrics);
        progress.rate = time.map(f64::recip);
        Some(progress)
    }
}
