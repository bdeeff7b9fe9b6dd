//! The metric logger of torchvision's references, DETR, MAE and their descendants:
//! `Epoch: [0]  [ 103/5005]  eta: 4:43:31  lr: 0.1  img/s: 13.6  loss: 6.8536 (6.9458)  time: 2.5401  data: 0.0336`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "torchvision",
    anchors: &["Epoch: ["],
    begin: || Box::new(TorchVision),
};

struct TorchVision;

const NO_METRICS: [&str; 2] = ["data", "max mem"];

impl ProgressFormat for TorchVision {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::new(line.strip_prefix("Epoch: [")?);
        let epoch = scan.count()?;
        scan.literal("]  [")?;
        let done = scan.blanks().count()?;
        scan.literal("/")?;
        let total = scan.count()?;
        scan.literal("]  ")?;
        // Some leave it out.
        let remaining = scan.literal("eta: ").and_then(|()| scan.clock());
        let mut metrics = pairs::metrics(scan.rest(), "  ");
        let time = pairs::take(&mut metrics, "time");
        Some(
            Progress::training()
                .with_step(done, Some(total))
                .with_epoch(Epoch::numbered(epoch))
                .of(Span::Epoch)
                .with_rate(time.map(f64::recip))
                .with_remaining(remaining)
                .with_metrics(pairs::without(metrics, &NO_METRICS)),
        )
    }
}
