//! CLU's metric writer, which the examples of Flax use: `[400] steps_per_second=1.58, train_accuracy=0.37, train_loss=3.2`,
//! behind absl's prefix. How many steps there are is not said.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Kind, Progress},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "clu",
    anchors: &["logging_writer.py:", "INFO:absl:["],
    begin: || Box::new(Clu),
};

struct Clu;

const RATES: [&str; 2] = ["steps_per_second", "steps_per_sec"];
const EVALUATIONS: [&str; 3] = ["eval", "validation", "test"];

impl ProgressFormat for Clu {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::new(line.strip_prefix('[')?);
        let step = scan.count()?;
        scan.literal("] ")?;
        let mut metrics = pairs::metrics(scan.rest(), ", ");
        let rate = RATES
            .iter()
            .find_map(|name| pairs::take(&mut metrics, name));
        if rate.is_none() && metrics.is_empty() {
            return None;
        }
        let is_evaluation = metrics
            .first()
            .is_some_and(|metric| EVALUATIONS.iter().any(|word| metric.name.starts_with(word)));
        let progress = if is_evaluation {
            Progress::new(Kind::Evaluation)
        } else {
            Progress::training().with_step(step, None)
        };
        Some(progress.with_rate(rate).with_metrics(metrics))
    }
}
