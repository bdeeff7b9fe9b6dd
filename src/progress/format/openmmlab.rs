//! OpenMMLab's runners: `Epoch [1][1200/7517]\tlr: 0.00125, eta: 4:44:04, time: 0.593, …, loss: 0.4606`. Its `eta` is of the
//! whole training. `Epoch(val) [1][2]\t…` is an evaluation.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Kind, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "openmmlab",
    anchors: &["Epoch [", "Epoch(val) ["],
    begin: || Box::new(OpenMmLab),
};

struct OpenMmLab;

impl ProgressFormat for OpenMmLab {
    fn read(&mut self, line: &str) -> Option<Progress> {
        if let Some(scan) = Scan::after(line, "Epoch(val) [") {
            let metrics = pairs::metrics(scan.rest().split_once('\t')?.1, ", ");
            return Some(Progress::new(Kind::Evaluation).with_metrics(metrics));
        }
        let mut scan = Scan::new(line.strip_prefix("Epoch [")?);
        let epoch = scan.count()?;
        scan.literal("][")?;
        let done = scan.count()?;
        scan.literal("/")?;
        let total = scan.count()?;
        scan.literal("]")?;
        let remaining = Scan::after(scan.rest(), "eta: ").and_then(|mut scan| scan.clock());
        let mut metrics = pairs::metrics(scan.rest(), ", ");
        let time = metrics
            .iter()
            .find(|metric| metric.name == "time")
            .map(|metric| metric.value);
        metrics.retain(|metric| {
            !matches!(
                metric.name.as_str(),
                "time" | "data_time" | "memory" | "eta"
            )
        });
        let mut progress = Progress::training()
            .with_step(done, Some(total))
            .with_epoch(Epoch {
                done: Epoch::from_one(epoch, None).done,
                ..Epoch::numbered(epoch)
            })
            .of(Span::Epoch)
            .with_metrics(metrics);
        progress.rate = time.map(f64::recip);
        progress.remaining = remaining;
        progress.remaining_of = Some(Span::Whole);
        Some(progress)
    }
}
