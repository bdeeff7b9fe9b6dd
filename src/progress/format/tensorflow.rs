//! TensorFlow without Keras: `global step 8: loss = 57.97 (16.765 sec/step)`, the object detection API's
//! `Step 100 per-step time 0.813s loss=1.396`, and `tf_cnn_benchmarks`, the usual MPI test: `40\timages/sec: 154.4 +/- 0.7 …`.

use super::{Format, ProgressFormat};
use crate::progress::{pairs, reading::Progress, scan::Scan};

pub(super) const FORMAT: Format = Format {
    name: "tensorflow",
    anchors: &["global step ", " per-step time ", "images/sec: "],
    begin: || Box::new(TensorFlow),
};

struct TensorFlow;

impl ProgressFormat for TensorFlow {
    fn read(&mut self, line: &str) -> Option<Progress> {
        slim(line)
            .or_else(|| object_detection(line))
            .or_else(|| benchmarks(line))
    }
}

fn slim(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line.strip_prefix("global step ")?);
    let step = scan.count()?;
    scan.literal(": loss = ")?;
    let loss = scan.number()?;
    scan.literal(" (")?;
    let seconds = scan.number()?;
    scan.literal(" sec/step)")?;
    Some(timed(step, seconds, loss))
}

fn object_detection(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line.strip_prefix("Step ")?);
    let step = scan.count()?;
    scan.literal(" per-step time ")?;
    let seconds = scan.number()?;
    let loss = Scan::after(scan.rest(), "loss=")?.number()?;
    Some(timed(step, seconds, loss))
}

fn timed(step: u64, seconds: f64, loss: f64) -> Progress {
    Progress::training()
        .with_step(step, None)
        .with_rate(Some(seconds.recip()))
        .with_metrics(pairs::known([("loss", Some(loss))]))
}

fn benchmarks(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line);
    let step = scan.count()?;
    scan.literal("\timages/sec: ")?;
    let speed = scan.number()?;
    let loss = line.rsplit('\t').next().and_then(pairs::leading_number);
    Some(
        Progress::training()
            .with_step(step, None)
            .with_metrics(pairs::known([("images/sec", Some(speed)), ("loss", loss)])),
    )
}
