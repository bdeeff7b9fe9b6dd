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

impl ProgressFormat for Megatron {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::after(line, "iteration ")?;
        let done = scan.blanks().count()?;
        scan.literal("/")?;
        let total = scan.blanks().count()?;
        scan.blanks().literal("|")?;
        let mut metrics = pairs::metrics(line, "|");
        let seconds = pairs::take(&mut metrics, "elapsed time per iteration (ms)")
            .map(|milliseconds| milliseconds / 1e3)
            .or_else(|| pairs::take(&mut metrics, "elapsed time per iteration (s)"));
        metrics.retain(is_news);
        Some(
            Progress::training()
                .with_step(done, Some(total))
                .with_rate(seconds.map(f64::recip))
                .with_metrics(metrics),
        )
    }
}

/// `number of skipped iterations: 0` is none.
fn is_news(metric: &Metric) -> bool {
    !metric.name.starts_with("number of")
}
