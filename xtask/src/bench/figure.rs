//! One row of the table: what was measured, for us and for a rival, and the limit of the ratio or of our value.

use super::say_row;
use super::spread::{Kept, Spread};

/// What is measured, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Bytes,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Seconds => format!("{value:.2} s"),
            Unit::Bytes => format!("{:.1} MB", value / 1e6),
        }
    }
}

/// A rival's values, in the same order of runs as ours.
#[derive(Clone, Debug)]
pub(super) struct Rival {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// What was measured, and what must be at most `limit`.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// With the sizes that it was measured with.
    pub(super) what: String,
    pub(super) unit: Unit,
    pub(super) ours: Vec<f64>,
    /// The limit is of the ratio; without a rival it is of the value.
    pub(super) rival: Option<Rival>,
    pub(super) limit: f64,
    pub(super) judging: Judging,
}

/// Whether the limit holds for what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judging {
    /// The sizes are those of the limit.
    Judged,
    /// They were made smaller.
    Reduced,
}

impl Figure {
    /// Shows the row. The name of a figure whose median does not keep the limit.
    pub(super) fn report(&self) -> Option<String> {
        say_row(&self.row());
        let is_missed = self.judging == Judging::Judged && self.kept() == Kept::No;
        is_missed.then(|| self.what.clone())
    }

    fn kept(&self) -> Kept {
        Kept::judge(self.judged().median, self.limit)
    }

    fn verdict(&self) -> &'static str {
        match (self.judging, self.kept()) {
            (Judging::Reduced, _) => "reduced, not judged",
            (Judging::Judged, Kept::Yes) => "kept",
            (Judging::Judged, Kept::No) => "MISSED",
        }
    }

    /// What the limit is for: ratios run by run, or our values.
    fn judged(&self) -> Spread {
        let Some(rival) = &self.rival else {
            return Spread::of(self.ours.iter().copied());
        };
        let pairs = self.ours.iter().zip(&rival.values);
        Spread::of(pairs.map(|(ours, theirs)| ours / theirs))
    }

    fn row(&self) -> String {
        let ours = self.unit.show(Spread::of(self.ours.iter().copied()).median);
        let judged = self.judged();
        let verdict = self.verdict();
        let Some(rival) = &self.rival else {
            let (low, high) = (
                self.unit.show(judged.minimum),
                self.unit.show(judged.maximum),
            );
            let limit = self.unit.show(self.limit);
            return format!(
                "| {} | {ours} | | | {low} to {high} | {limit} | {verdict} |",
                self.what
            );
        };
        let theirs = self
            .unit
            .show(Spread::of(rival.values.iter().copied()).median);
        format!(
            "| {} | {ours} | {} | {theirs} | {:.3} ({:.3} to {:.3}) | {:.3} | {verdict} |",
            self.what, rival.name, judged.median, judged.minimum, judged.maximum, self.limit
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Judging, Rival, Unit};

    fn figure(rival: Option<Rival>, limit: f64) -> Figure {
        Figure {
            what: "reading".to_owned(),
            unit: Unit::Seconds,
            ours: vec![1.0, 2.0, 3.0],
            rival,
            limit,
            judging: Judging::Judged,
        }
    }

    #[test]
    fn what_was_measured_with_smaller_sizes_keeps_no_limit_and_misses_none() {
        let mut figure = figure(None, 1.5);
        assert_eq!(figure.report().as_deref(), Some("reading"));
        figure.judging = Judging::Reduced;
        assert_eq!(figure.report(), None);
        let row = figure.row();
        assert!(row.ends_with("| 1.50 s | reduced, not judged |"), "{row}");
    }

    #[test]
    fn beside_a_rival_the_limit_is_of_the_ratio_run_by_run() {
        let rival = Rival {
            name: "`curl`".to_owned(),
            values: vec![1.0, 4.0, 2.0],
        };
        let row = figure(Some(rival), 1.0).row();
        assert_eq!(
            row,
            "| reading | 2.00 s | `curl` | 2.00 s | 1.000 (0.500 to 1.500) | 1.000 | kept |"
        );
    }

    #[test]
    fn without_one_it_is_of_the_value() {
        let row = figure(None, 1.5).row();
        assert_eq!(
            row,
            "| reading | 2.00 s | | | 1.00 s to 3.00 s | 1.50 s | MISSED |"
        );
    }
}
