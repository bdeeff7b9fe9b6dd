//! mlx-lm: `Starting training..., iters: 100`, then `Iter 10: Train loss 2.745, Learning Rate 1.000e-05, It/sec 0.150, …`,
//! `Iter 100: Val loss 1.468, Val took 0.216s`, `Iter 100: Saved adapter weights to …`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Kind, Progress},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "mlx",
    anchors: &["Iter ", ", iters: "],
    begin: || Box::new(Mlx::default()),
};

#[derive(Default)]
struct Mlx {
    total: Option<u64>,
}

/// What a line begins with, and what it is about.
const KINDS: [(&str, Kind); 3] = [
    ("Train loss", Kind::Training),
    ("Val loss", Kind::Evaluation),
    ("Saved adapter", Kind::Checkpoint),
];

impl ProgressFormat for Mlx {
    fn read(&mut self, line: &str) -> Option<Progress> {
        if line.starts_with("Starting training") {
            self.total = Some(Scan::after(line, ", iters: ")?.count()?);
            return Some(Progress::training().with_step(0, self.total));
        }
        let mut scan = Scan::new(line.strip_prefix("Iter ")?);
        let step = scan.count()?;
        scan.literal(": ")?;
        let rest = scan.rest();
        let (_, kind) = KINDS.iter().find(|(start, _)| rest.starts_with(start))?;
        let mut metrics = rest.split(", ").filter_map(pairs::spoken_metric).collect();
        let rate = pairs::take(&mut metrics, "It/sec");
        let progress = Progress::new(*kind)
            .with_rate(rate)
            .with_metrics(pairs::without(metrics, &["Val took"]));
        Some(match kind {
            Kind::Training => progress.with_step(step, self.total.filter(|total| *total >= step)),
            _ => progress,
        })
    }
}
