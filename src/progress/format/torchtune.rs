//! torchtune's loggers to files and to standard output: `Step 5 | loss:0.79 lr:2e-05 gpu_resources:40609094656`. Its bar
//! is tqdm's.

use super::{Format, ProgressFormat};
use crate::progress::{pairs, reading::Progress, scan::Scan};

pub(super) const FORMAT: Format = Format {
    name: "torchtune",
    anchors: &[" | loss:"],
    begin: || Box::new(TorchTune),
};

struct TorchTune;

impl ProgressFormat for TorchTune {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::new(line.strip_prefix("Step ")?);
        let step = scan.count()?;
        scan.literal(" | ")?;
        let metrics = pairs::metrics(scan.rest(), " ");
        let progress = Progress::training()
            .with_step(step, None)
            .with_metrics(metrics);
        progress.speaks_of_training().then_some(progress)
    }
}
