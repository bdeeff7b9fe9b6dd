//! Ultralytics' own bar, since 8.3.200: `12/300  3.87G  3.63 …  640: 100% ━━━━━━━━━━━━ 8/8 3.1it/s 2.6s`.

use super::{Format, ProgressFormat};
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
        let rate = scan.blanks().number();
        let unit = scan.rest().split("/s").next().unwrap_or_default();
        let label = before
            .trim_end_matches(|character: char| character.is_ascii_digit())
            .trim_end_matches([':', ' ']);
        let epoch = label::epoch(label);
        let kind = match epoch {
            Some(_) => Kind::Training,
            None => label::kind(label, unit),
        };
        let mut progress = Progress::new(kind).with_step(done, Some(total));
        progress.rate = rate.filter(|_| unit.len() < scan.rest().len());
        progress.epoch = epoch;
        if epoch.is_some() {
            progress.span = Span::Epoch;
        } else {
            progress.label = label
                .split_whitespace()
                .take(3)
                .collect::<Vec<_>>()
                .join(" ");
        }
        Some(progress)
    }
}
