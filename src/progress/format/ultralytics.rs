//! Ultralytics' own bar, since 8.3.200: `12/300  3.87G  3.63 …  640: 100% ━━━━━━━━━━━━ 8/8 3.1it/s 2.6s`, and on the way
//! `640: 14% ━╸────────── 20/147 4.0s/it 1:26<8:33`.

use super::{Format, ProgressFormat, tqdm};
use crate::progress::{
    label,
    reading::{Kind, Progress, Span},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "ultralytics",
    anchors: &["% ━"],
    begin: || Box::new(Ultralytics),
};

struct Ultralytics;

impl ProgressFormat for Ultralytics {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let (before, after) = line.split_once("% ━")?;
        let mut scan = Scan::new(after.trim_start_matches(['━', '╸', '─', ' ']));
        let done = scan.scaled_count()?;
        scan.literal("/")?;
        let total = scan.scaled_count()?;
        let mut words = scan.rest().split_whitespace();
        let (rate, unit) = words.next().and_then(tqdm::rate).unwrap_or((None, ""));
        let remaining = words
            .next()
            .and_then(|clocks| Scan::new(clocks.split_once('<')?.1).clock());
        let label = label::before_percentage(before);
        let progress = match label::epoch(label) {
            Some(epoch) => Progress::training().with_epoch(epoch).of(Span::Epoch),
            None => named(label, unit),
        };
        Some(
            progress
                .with_step(done, Some(total))
                .with_rate(rate)
                .with_remaining(remaining),
        )
    }
}

fn named(label: &str, unit: &str) -> Progress {
    const WORDS: usize = 3;
    let kind: Kind = label::kind(label, unit);
    let words: Vec<&str> = label.split_whitespace().take(WORDS).collect();
    Progress {
        label: words.join(" "),
        ..Progress::new(kind)
    }
}
