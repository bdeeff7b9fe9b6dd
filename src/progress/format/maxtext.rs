//! MaxText: `completed step: 9, seconds: 5.667, TFLOP/s/device: 134.924, Tokens/s/device: 8672.758, …, loss: 10.374`.

use super::{Format, ProgressFormat};
use crate::progress::{pairs, reading::Progress, scan::Scan};

pub(super) const FORMAT: Format = Format {
    name: "maxtext",
    anchors: &["completed step: "],
    begin: || Box::new(MaxText),
};

struct MaxText;

impl ProgressFormat for MaxText {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::new(line.strip_prefix("completed step: ")?);
        let step = scan.count()?;
        scan.literal(", ")?;
        let mut metrics = pairs::metrics(scan.rest(), ", ");
        let seconds = pairs::take(&mut metrics, "seconds");
        // Counted from 0, and this one is over.
        Some(
            Progress::training()
                .with_step(step.saturating_add(1), None)
                .with_rate(seconds.map(f64::recip))
                .with_metrics(metrics),
        )
    }
}
