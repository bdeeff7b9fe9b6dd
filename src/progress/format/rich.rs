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
        let label = words.next()?;
        let label = label.trim_end_matches([' ', '━', '╸', '╺', '-']).trim();
        let progress = match label::kind(label, "it") {
            Kind::Training => Progress {
                epoch: epoch(label),
                ..Progress::training().of(Span::Epoch)
            },
            kind => Progress {
                label: label.to_owned(),
                ..Progress::new(kind)
            },
        };
        Some(
            progress
                .with_step(Scan::new(done).count()?, Scan::new(total).count())
                .with_rate(Some(rate))
                .with_remaining(remaining)
                .with_metrics(pairs::column_metrics(after.rest())),
        )
    }
}

/// `Epoch 9/9` is the last of ten: both count from 0.
fn epoch(label: &str) -> Option<Epoch> {
    let mut scan = Scan::after(label, "Epoch ")?;
    let number = scan.blanks().count()?;
    let last = scan.literal("/").and_then(|()| scan.count());
    Some(Epoch {
        total: last.map(|last| Epoch::numbered(last).done + 1.0),
        ..Epoch::numbered(number)
    })
}
