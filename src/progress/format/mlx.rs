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
        let kind = kind(rest)?;
        let mut metrics: Vec<_> = rest.split(", ").filter_map(pairs::spoken_metric).collect();
        let rate = metrics
            .iter()
            .position(|metric| metric.name == "It/sec")
            .map(|at| metrics.remove(at).value);
        metrics.retain(|metric| metric.name != "Val took");
        let mut progress = Progress::new(kind).with_metrics(metrics);
        if kind == Kind::Training {
            progress = progress.with_step(step, self.total.filter(|total| *total >= step));
        }
        progress.rate = rate;
        Some(progress)
    }
}

fn kind(text: &str) -> Option<Kind> {
    [
        ("Train loss", Kind::Training),
        ("Val loss", Kind::Evaluation),
        ("Saved adapter", Kind::Checkpoint),
    ]
    .into_iter()
    .find(|(start, _)| text.starts_with(start))
    .map(|(_, kind)| kind)
}
