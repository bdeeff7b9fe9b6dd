//! The metric logger of torchvision's references, DETR and their descendants:
//! `Epoch: [0]  [ 103/5005]  eta: 4:43:31  lr: 0.1  img/s: 13.6  loss: 6.8536 (6.9458)  time: 2.5401  data: 0.0336`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "torchvision",
    anchors: &["  eta: "],
    begin: || Box::new(TorchVision),
};

struct TorchVision;

impl ProgressFormat for TorchVision {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::new(line.strip_prefix("Epoch: [")?);
        let epoch = scan.count()?;
        scan.literal("]")?;
        scan.blanks().literal("[")?;
        let done = scan.blanks().count()?;
        scan.literal("/")?;
        let total = scan.count()?;
        scan.literal("]")?;
        let mut metrics = pairs::metrics(scan.rest(), "  ");
        let time = metrics
            .iter()
            .find(|metric| metric.name == "time")
            .map(|metric| metric.value);
        metrics.retain(|metric| !matches!(metric.name.as_str(), "time" | "data" | "max mem"));
        let mut progress = Progress::training()
            .with_step(done, Some(total))
            .with_epoch(Epoch::numbered(epoch))
            .of(Span::Epoch)
            .with_metrics(metrics);
        progress.rate = time.map(f64::recip);
        progress.remaining = Scan::after(scan.rest(), "eta: ").and_then(|mut scan| scan.clock());
        Some(progress)
    }
}
