//! Lines at the end of an epoch that say how many there are: `Epoch 1/5 - Loss: 0.5693, Acc: 0.8465`,
//! `Epoch 1/20 (157 steps) - Train loss: 1.8673, Val loss: 0.3481`, `Epoch 1/1 with loss 0.5754`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Metric, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "epoch-lines",
    anchors: &["Epoch "],
    begin: || Box::new(EpochLines),
};

struct EpochLines;

impl ProgressFormat for EpochLines {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let mut scan = Scan::new(line.strip_prefix("Epoch ")?);
        let number = scan.count()?;
        scan.literal("/")?;
        let total = scan.count()?;
        let progress = Progress::training()
            .with_epoch(Epoch::ended(number, Some(total)))
            .of(Span::Epoch)
            .with_metrics(metrics(scan.rest()));
        (number <= total && progress.speaks_of_training()).then_some(progress)
    }
}

fn metrics(text: &str) -> Vec<Metric> {
    let parts = text
        .split([',', '|'])
        .flat_map(|part| part.split(" - "))
        .map(without_with);
    parts
        .filter_map(|part| pairs::metric(part).or_else(|| pairs::spoken_metric(part)))
        .collect()
}

/// DeepSpeed-Chat says `with loss`.
fn without_with(text: &str) -> &str {
    let text = text.trim_start();
    text.strip_prefix("with ").unwrap_or(text)
}
