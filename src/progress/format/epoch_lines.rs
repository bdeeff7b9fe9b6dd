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
        let metrics: Vec<Metric> = scan
            .rest()
            .split([',', '|'])
            .flat_map(|part| part.split(" - "))
            .filter_map(|part| {
                pairs::metric(part).or_else(|| pairs::spoken_metric(without_with(part)))
            })
            .collect();
        // The epoch is over when its line comes.
        let epoch = Epoch {
            done: Epoch::numbered(number.min(total)).done,
            ..Epoch::from_one(number, Some(total))
        };
        let progress = Progress::training()
            .with_epoch(epoch)
            .of(Span::Epoch)
            .with_metrics(metrics);
        (number <= total && progress.speaks_of_training()).then_some(progress)
    }
}

/// DeepSpeed-Chat says `with loss`.
fn without_with(text: &str) -> &str {
    let text = text.trim_start();
    text.strip_prefix("with ").unwrap_or(text)
}
