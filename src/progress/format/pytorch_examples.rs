//! PyTorch's examples and the many that follow them: `Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3`, also without `Train` or
//! without the percentage; the ImageNet example's `Epoch: [0][  400/80073]\tTime  0.315 ( 0.372)\t…`; the DDP tutorial's
//! `Epoch 4991 | Batchsize: 32 | Steps: 8`.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Epoch, Metric, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "pytorch-examples",
    anchors: &["Epoch: ", "| Batchsize: "],
    begin: || Box::new(PyTorchExamples),
};

struct PyTorchExamples;

impl ProgressFormat for PyTorchExamples {
    fn read(&mut self, line: &str) -> Option<Progress> {
        imagenet(line)
            .or_else(|| mnist(line))
            .or_else(|| tutorial(line))
    }
}

fn mnist(line: &str) -> Option<Progress> {
    let start = line.strip_prefix("Train ").unwrap_or(line);
    let mut scan = Scan::new(start.strip_prefix("Epoch: ")?);
    let epoch = scan.count()?;
    let bracket = scan.blanks().literal("[");
    let done = scan.blanks().count()?;
    scan.literal("/")?;
    let total = scan.count()?;
    let percent = scan
        .blanks()
        .literal("(")
        .and_then(|()| scan.blanks().number());
    if bracket.is_some() {
        scan = Scan::new(scan.rest().split_once(']')?.1);
    }
    let mut progress = in_epoch(epoch, done, total).with_metrics(metrics(scan.rest()));
    // With several processes the count is of one process's share, and the percentage, which is of the whole, another.
    let exact = progress.part().unwrap_or(0.0) * 100.0;
    let differs = |percent: &f64| (percent - exact).abs() > 1.0;
    progress.fraction = percent.filter(differs).map(|percent| percent / 100.0);
    progress.speaks_of_training().then_some(progress)
}

fn in_epoch(epoch: u64, done: u64, total: u64) -> Progress {
    Progress::training()
        .with_step(done, Some(total))
        .with_epoch(Epoch::numbered(epoch))
        .of(Span::Epoch)
}

/// `Loss: 0.31\tAcc: 0`, `loss=2.3130, accuracy=12.5000`.
fn metrics(text: &str) -> Vec<Metric> {
    text.split(['\t', ',']).filter_map(pairs::metric).collect()
}

fn imagenet(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line.strip_prefix("Epoch: [")?);
    let epoch = scan.count()?;
    scan.literal("][")?;
    let done = scan.blanks().count()?;
    scan.literal("/")?;
    let total = scan.count()?;
    scan.literal("]")?;
    let mut metrics = scan.rest().split('\t').filter_map(current).collect();
    let time = pairs::take(&mut metrics, "Time");
    Some(
        in_epoch(epoch, done, total)
            .with_rate(time.map(f64::recip))
            .with_metrics(pairs::without(metrics, &["Data"])),
    )
}

/// `Loss 6.9802e+00 (7.0827e+00)`: the last value, and the mean in parentheses.
fn current(text: &str) -> Option<Metric> {
    pairs::spoken_metric(text.split('(').next()?)
}

fn tutorial(line: &str) -> Option<Progress> {
    let mut scan = Scan::after(line, "Epoch ")?;
    let epoch = scan.count()?;
    scan.literal(" | Batchsize: ")?;
    Some(
        Progress::training()
            .with_epoch(Epoch::numbered(epoch))
            .of(Span::Epoch),
    )
}
