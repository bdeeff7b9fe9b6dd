//! Megatron-LM and its descendants (Megatron-DeepSpeed, GPT-NeoX, accelerate's integration):
//! ` iteration      201/  250000 | consumed samples: … | elapsed time per iteration (ms): 139113.4 | lm loss: 2.373574E+00 | …`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Metric, Progress},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "megatron",
    anchors: &["iteration "],
    begin: || Box::new(Megatron),
};

struct Megatron;

const TIMES: [(&str, f64); 2] = [
    ("elapsed time per iteration (ms)", 1e-3),
    ("elapsed time per iteration (s)", 1.0),
];

impl ProgressFormat for Megatron {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::after(line, "iteration ")?;
        let done = scan.blanks().count()?;
        scan.literal("/")?;
        let total = scan.blanks().count()?;
        scan.blanks().literal("|")?;
        let mut metrics = pairs::metrics(line, "|");
        let rate = TIMES.iter().find_map(|(name, scale)| {
            let time = metrics.iter().find(|metric| metric.name == *name)?;
            Some(1.0 / (time.value * scale))
        });
        metrics.retain(is_of_interest);
        let mut progress = Progress::training().with_step(done, Some(total));
        progress.rate = rate;
        Some(progress.with_metrics(metrics))
    }
}

fn is_of_interest(metric: &Metric) -> bool {
    !metric.name.starts_with("elapsed time") && !metric.name.starts_with("number of")
}
