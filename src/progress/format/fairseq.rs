//! fairseq: `| epoch 001:    450 / 1891 loss=11.521, nll_loss=10.881, …, lr=8.9e-05, …`, `| epoch 010  2000 / 8223 loss=1.27 (1.50), …`,
//! at the end of an epoch `| epoch 027 | loss 1.200 | ppl 2.30 | …`, and `| epoch 001 | valid on 'valid' subset | …`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Kind, Metric, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "fairseq",
    anchors: &["| epoch "],
    begin: || Box::new(Fairseq),
};

struct Fairseq;

impl ProgressFormat for Fairseq {
    fn read(&mut self, line: &str) -> Option<Progress> {
        // `| epoch 001: …`, and since 0.9 `| train_inner | epoch 001: …` behind the logger's moment.
        let (before, start) = line.split_once("epoch ")?;
        let before = before.trim_end();
        if !before.is_empty() && !before.ends_with('|') {
            return None;
        }
        let mut scan = Scan::new(start);
        let number = scan.count()?;
        let rest = scan.rest().trim_start_matches(':').trim_start();
        if let Some(rest) = rest.strip_prefix("| valid on ") {
            return Some(validation(rest));
        }
        let progress = Progress::training().of(Span::Epoch);
        if let Some(summary) = rest.strip_prefix("| ") {
            let progress = progress
                .with_epoch(Epoch::ended(number, None))
                .with_metrics(metrics(summary));
            return progress.speaks_of_training().then_some(progress);
        }
        let mut scan = Scan::new(rest);
        let done = scan.count()?;
        scan.literal(" / ")?;
        let total = scan.count()?;
        Some(
            progress
                .with_epoch(Epoch::from_one(number, None))
                .with_step(done, Some(total))
                .with_metrics(pairs::metrics(scan.rest(), ", ")),
        )
    }
}

/// `'valid' subset | valid_loss 8.1 | …` or, on the way, `'valid' subset  1000 / 1311 loss=1.60`.
fn validation(text: &str) -> Progress {
    let progress = Progress::new(Kind::Evaluation).with_metrics(metrics(text));
    let count = || {
        let mut scan = Scan::after(text, "subset ")?;
        let done = scan.blanks().count()?;
        scan.literal(" / ")?;
        Some((done, scan.count()?))
    };
    match count() {
        Some((done, total)) => progress.with_step(done, Some(total)),
        None => progress,
    }
}

/// `loss 1.200 | ppl 2.30 | …`.
fn metrics(text: &str) -> Vec<Metric> {
    text.split(" | ").filter_map(pairs::spoken_metric).collect()
}
