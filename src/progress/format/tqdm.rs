//! Bars of tqdm, and of all that draw with it: HF Trainer, Lightning, torchtune, composer, NeMo 1, YOLO, datasets.
//! `label:  20%|██        | 2/10 [00:00<00:03,  2.54it/s, loss=0.5]`, also without a total or without the bar itself.

use std::time::Duration;

use super::{Format, ProgressFormat};
use crate::progress::{
    label, pairs,
    reading::{Kind, Progress, Span},
    scan::{Scan, whole},
};

pub(super) const FORMAT: Format = Format {
    name: "tqdm",
    anchors: &["%|", "it/s", "s/it", "/s]", "/s, "],
    begin: || Box::new(Tqdm),
};

struct Tqdm;

impl ProgressFormat for Tqdm {
    fn read(&mut self, line: &str) -> Option<Progress> {
        line.match_indices('[').find_map(|(at, _)| {
            let clocks = Clocks::read(line.get(at + 1..)?)?;
            let counted = Counted::read(line.get(..at)?)?;
            progress(&counted, &clocks)
        })
    }
}

/// What stands in the brackets.
struct Clocks<'a> {
    remaining: Option<Duration>,
    /// Steps a second, and what a step is called.
    rate: Option<(Option<f64>, &'a str)>,
    postfix: &'a str,
}

impl<'a> Clocks<'a> {
    /// `00:05<00:20,  2.54it/s, loss=0.5]`.
    fn read(text: &'a str) -> Option<Self> {
        let mut scan = Scan::new(text);
        scan.clock()?;
        let mut remaining = None;
        if scan.literal("<").is_some() {
            remaining = scan.clock();
            if remaining.is_none() {
                scan.literal("?")?;
            }
        }
        let inside = scan.rest().split(']').next().unwrap_or_default();
        let mut rest = inside.strip_prefix(',').unwrap_or(inside);
        let first = rest.split(',').next().unwrap_or_default();
        let rate = rate(first.trim());
        if rate.is_some() {
            rest = rest.get(first.len()..).unwrap_or_default();
        }
        Some(Self {
            remaining,
            rate,
            postfix: rest,
        })
    }
}

/// `2.54it/s`, `8.77s/it`, `? examples/s`, `12.2MB/s`: how many a second, and what they are.
pub(super) fn rate(text: &str) -> Option<(Option<f64>, &str)> {
    let mut scan = Scan::new(text);
    let number = scan.number();
    if number.is_none() {
        scan.literal("?")?;
    }
    let rest = scan.blanks().rest();
    if let Some(unit) = rest.strip_prefix("s/") {
        return Some((number.map(f64::recip), unit.trim()));
    }
    let (unit, _) = rest.split_once("/s")?;
    Some((number.map(|number| number * scale(unit)), unit.trim()))
}

/// `12.2MB/s` is 12,200,000 a second.
fn scale(unit: &str) -> f64 {
    const SCALES: [(char, f64); 5] = [('k', 1e3), ('K', 1e3), ('M', 1e6), ('G', 1e9), ('T', 1e12)];
    let mut letters = unit.chars();
    let prefix = letters.next();
    let scale = SCALES.iter().find(|(letter, _)| Some(*letter) == prefix);
    match (scale, letters.next()) {
        (Some((_, scale)), Some(letter)) if letter.is_ascii_alphabetic() => *scale,
        _ => 1.0,
    }
}

/// What stands before the brackets.
struct Counted<'a> {
    label: &'a str,
    done: u64,
    total: Option<u64>,
    has_percent: bool,
}

impl<'a> Counted<'a> {
    /// `label:  20%|██        | 2/10 `, `label:  93% 1586/1702 `, `81989/88743 `, `label: 52002 examples `.
    fn read(text: &'a str) -> Option<Self> {
        let text = text.trim_end();
        let start = text.rfind([' ', '|', '\u{a0}']).map_or(0, |at| at + 1);
        let (before, count) = (text.get(..start)?, text.get(start..)?);
        if let Some((done, total)) = count.split_once('/') {
            let (label, has_percent) = without_bar(before);
            return Some(Self {
                label,
                done: exact(done)?,
                total: if total == "?" {
                    None
                } else {
                    Some(exact(total)?)
                },
                has_percent,
            });
        }
        Self::without_total(text)
    }

    /// `51it`, `52002 examples`: the bar does not know its end.
    fn without_total(text: &'a str) -> Option<Self> {
        let start = text.rfind(|character: char| {
            !character.is_ascii_alphanumeric() && !matches!(character, '.' | ' ' | '-')
        });
        let start = start.map_or(0, |at| at + 1);
        let mut scan = Scan::new(text.get(start..)?);
        let number = scan.blanks().number()?;
        let behind = scan.rest();
        let unit = scan.blanks().rest();
        // `1.08Mloc`, but `0 MiB`.
        let scale = if behind.starts_with(' ') {
            1.0
        } else {
            scale(unit)
        };
        let is_unit = !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_unit.then_some(Self {
            label: text.get(..start)?.trim_end_matches([' ', ':']).trim_start(),
            done: whole(number.max(0.0) * scale)?,
            total: None,
            has_percent: false,
        })
    }
}

/// `1625`, `26.4M`, and nothing behind it.
fn exact(text: &str) -> Option<u64> {
    let mut scan = Scan::new(text);
    let count = scan.scaled_count()?;
    let rest = scan.rest();
    (rest.is_empty() || matches!(rest, "B" | "iB" | "b")).then_some(count)
}

/// The description, and whether a percentage stood behind it.
fn without_bar(text: &str) -> (&str, bool) {
    let text = text.trim_end();
    let before = match (text.ends_with('|'), text.find("%|")) {
        (true, Some(at)) => text.get(..at),
        _ => text.strip_suffix('%'),
    };
    let Some(before) = before else {
        return match without_total_drawn(text) {
            Some(label) => (tidy(label), true),
            None => (tidy(text), false),
        };
    };
    let label =
        before.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    (tidy(label), true)
}

/// `Training: |          |`: a bar without a percentage, as its total is not known.
fn without_total_drawn(text: &str) -> Option<&str> {
    let (label, drawn) = text.strip_suffix('|')?.rsplit_once('|')?;
    drawn.trim().is_empty().then_some(label)
}

fn tidy(label: &str) -> &str {
    label
        .trim()
        .trim_end_matches([':', ' '])
        .trim_start_matches(['|', ' '])
}

fn progress(counted: &Counted<'_>, clocks: &Clocks<'_>) -> Option<Progress> {
    // `[12:30, 5/6 [00:10, …` may be anything: a bar has a percentage or a rate.
    if !counted.has_percent && clocks.rate.is_none() {
        return None;
    }
    let unit = clocks.rate.map_or("", |(_, unit)| unit);
    let label = counted.label;
    let mut kind = label::kind(label, unit);
    let epoch = label::epoch(label);
    let mut metrics = pairs::metrics(clocks.postfix, ", ");
    // Lightning's number of the run.
    metrics.retain(|metric| metric.name != "v_num");
    let mut progress = Progress::new(kind);
    progress.metrics = metrics;
    if kind == Kind::Other && (progress.speaks_of_training() || epoch.is_some()) {
        kind = Kind::Training;
    }
    progress.kind = kind;
    if kind == Kind::Training && epoch.is_some() {
        progress.epoch = epoch;
        progress.span = Span::Epoch;
    }
    // A label that only says the epoch is said by the epoch.
    if progress.epoch.is_none() {
        progress.label = short(label);
    }
    if progress.label.contains("|Loss") || label.contains("|Loss") {
        progress
            .metrics
            .extend(label.rsplit('|').next().and_then(pairs::metric));
    }
    progress.rate = clocks.rate.and_then(|(rate, _)| rate);
    progress.remaining = clocks.remaining;
    Some(progress.with_step(counted.done, counted.total))
}

/// Descriptions may be whole rows of a table.
fn short(label: &str) -> String {
    const LONGEST: usize = 48;
    label
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(LONGEST)
        .collect()
}
