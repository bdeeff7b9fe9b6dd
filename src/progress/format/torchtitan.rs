//! torchtitan: `step: 22  loss:  6.2250  memory:  1.41GiB(1.79%)  tps: 193,831  tflops: 18.36  mfu: 1.86%`; how many steps
//! there are is said once, before: `… sequence length 4096, total steps 10 (warmup 2)`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Metric, Progress},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "torchtitan",
    anchors: &["loss: ", ", total steps "],
    begin: || Box::new(TorchTitan::default()),
};

#[derive(Default)]
struct TorchTitan {
    total: Option<u64>,
}

/// Tokens, and in 2024 words, a second.
const THROUGHPUTS: [&str; 2] = ["tps", "wps"];

impl ProgressFormat for TorchTitan {
    fn read(&mut self, line: &str) -> Option<Progress> {
        if let Some(mut scan) = Scan::after(line, ", total steps ") {
            self.total = Some(scan.count()?);
            return Some(Progress::training().with_step(0, self.total));
        }
        let mut scan = Scan::new(line.strip_prefix("step: ")?);
        let step = scan.blanks().count()?;
        let mut metrics = pairs::column_metrics(scan.rest());
        let is_torchtitans = metrics
            .iter()
            .any(|metric| THROUGHPUTS.contains(&metric.name.as_str()));
        metrics.retain(is_known);
        is_torchtitans.then(|| {
            Progress::training()
                .with_step(step, self.total.filter(|total| *total >= step))
                .with_metrics(metrics)
        })
    }
}

/// A stage of a pipeline that does not know the loss says -1.
fn is_known(metric: &Metric) -> bool {
    const NOT_HERE: f64 = -1.0;
    metric.name != "loss" || metric.value.to_bits() != NOT_HERE.to_bits()
}
