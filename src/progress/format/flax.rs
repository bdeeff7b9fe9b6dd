//! The small examples of Flax: `train epoch: 1, loss: 0.2352, accuracy: 92.94`, `train epoch 010 loss 0.1918 accuracy 92.41`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Kind, Metric, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "flax",
    anchors: &["train epoch", "eval  epoch", "eval epoch"],
    begin: || Box::new(Flax),
};

struct Flax;

impl ProgressFormat for Flax {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let (kind, rest) = match (line.strip_prefix("train"), line.strip_prefix("eval")) {
            (Some(rest), _) => (Kind::Training, rest),
            (_, Some(rest)) => (Kind::Evaluation, rest),
            _ => return None,
        };
        let mut scan = Scan::new(rest.trim_start().strip_prefix("epoch")?);
        let _ = scan.literal(":");
        let number = scan.blanks().count()?;
        let metrics = metrics(scan.rest());
        if metrics.is_empty() {
            return None;
        }
        // The line comes at the epoch's end.
        let progress = Progress::new(kind).with_metrics(metrics).of(Span::Epoch);
        Some(match kind {
            Kind::Training => progress.with_epoch(Epoch::numbered(number)),
            _ => progress,
        })
    }
}

/// `, loss: 0.2, accuracy: 93.8` or ` loss 0.19 accuracy 92.41`.
fn metrics(text: &str) -> Vec<Metric> {
    if text.contains(", ") {
        return pairs::metrics(text, ", ");
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .chunks_exact(2)
        .filter_map(|pair| pairs::named(pair.first()?, pairs::leading_number(pair.get(1)?)?))
        .collect()
}
