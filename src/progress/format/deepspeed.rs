//! DeepSpeed's engine: `[Rank 0] step=40, skipped=2, lr=[5e-05], mom=[[0.9, 0.999]]`, its timer's
//! `epoch=0/micro_step=34/global_step=34, RunningAvgSamplesPerSec=7.8, …`, and the pipeline's `steps: 1 loss: 12.79 iter time (s): 150.471 …`.

use super::{Format, ProgressFormat};
use crate::progress::{pairs, reading::Progress, scan::Scan};

pub(super) const FORMAT: Format = Format {
    name: "deepspeed",
    anchors: &[", skipped=", "SamplesPerSec=", "iter time (s): "],
    begin: || Box::new(DeepSpeed),
};

struct DeepSpeed;

impl ProgressFormat for DeepSpeed {
    fn read(&mut self, line: &str) -> Option<Progress> {
        engine(line)
            .or_else(|| timer(line))
            .or_else(|| pipeline(line))
    }
}

fn engine(line: &str) -> Option<Progress> {
    let mut scan = Scan::after(line, "step=")?;
    let step = scan.count()?;
    scan.literal(", skipped=")?;
    let skipped = scan.number()?;
    let rate = Scan::after(scan.rest(), "lr=[").and_then(|mut scan| scan.number());
    Some(
        Progress::training()
            .with_step(step, None)
            .with_metrics(pairs::known([("skipped", Some(skipped)), ("lr", rate)])),
    )
}

/// `0/40, SamplesPerSec=83.5, …`: epoch and step.
fn timer(line: &str) -> Option<Progress> {
    let (place, rest) = line.split_once(", ")?;
    let first = rest.split('=').next()?;
    if !first.ends_with("SamplesPerSec") {
        return None;
    }
    let mut scan = Scan::new(place.rsplit(['=', '/']).next()?);
    let step = scan.count()?;
    scan.rest().is_empty().then(|| {
        Progress::training()
            .with_step(step, None)
            .with_metrics(pairs::metrics(rest, ", "))
    })
}

fn pipeline(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line.strip_prefix("steps: ")?);
    let step = scan.count()?;
    let number = |name: &str| Scan::after(line, name)?.number();
    Some(
        Progress::training()
            .with_step(step, None)
            .with_rate(number("iter time (s): ").map(f64::recip))
            .with_metrics(pairs::known([
                ("loss", number("loss: ")),
                ("samples/sec", number("samples/sec: ")),
            ])),
    )
}
