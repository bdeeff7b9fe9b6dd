//! Lightning's bar drawn with rich: `Epoch 9/9 ━━━━━ 4/4 0:00:00 • 0:00:00 9.15it/s loss: 0.517`.

use super::{Format, ProgressFormat};
use crate::progress::{
    label, pairs,
    reading::{Epoch, Kind, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "rich",
    anchors: &["•"],
    begin: || Box::new(Rich),
};

struct Rich;

impl ProgressFormat for Rich {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let (before, after) = line.split_once(" • ")?;
        let mut after = Scan::new(after);
        let remaining = match after.literal("-:--:--") {
            Some(()) => None,
            None => Some(after.clock()?),
        };
        let rate = after.blanks().number()?;
        after.literal("it/s")?;
        let mut words = before.trim_end().rsplitn(3, ' ');
        Scan::new(words.next()?).clock()?;
        let (done, total) = words.next()?.split_once('/')?;
        let label = words.next()?.trim_end_matches([' ', '━', '╸', '╺', '-']);
        let kind = label::kind(label.trim(), "it");
        let mut progress = Progress::new(kind)
            .with_step(Scan::new(done).count()?, Scan::new(total).count())
            .with_metrics(metrics(after.rest()));
        progress.rate = Some(rate);
        progress.remaining = remaining;
        if kind == Kind::Training {
            progress.epoch = epoch(label);
            progress.span = Span::Epoch;
        } else {
            label.trim().clone_into(&mut progress.label);
        }
        Some(progress)
    }
}

/// `Epoch 9/9` is the last of ten: both count from 0.
fn epoch(label: &str) -> Option<Epoch> {
    let mut scan = Scan::after(label, "Epoch ")?;
    let number = scan.blanks().count()?;
    let last = scan.literal("/").and_then(|()| scan.count());
    let mut epoch = Epoch::numbered(number);
    epoch.total = last.map(|last| Epoch::numbered(last).done + 1.0);
    Some(epoch)
}

/// `v_num: 0 train_loss: 0.394`: the names have no blanks, the numbers follow them.
fn metrics(text: &str) -> Vec<crate::progress::reading::Metric> {
    let mut words = text.split_whitespace().peekable();
    let mut metrics = Vec::new();
    while let Some(word) = words.next() {
        let value = words.peek().and_then(|value| pairs::leading_number(value));
        if let (Some(name), Some(value)) = (word.strip_suffix(':'), value) {
            metrics.extend(pairs::named(name, value));
            words.next();
        }
    }
    metrics
}
