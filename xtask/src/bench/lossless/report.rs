//! The table at the end: what was written, and what each follower lost and repeated, scenario by scenario.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::judge::RunReport;
use super::scenario::Scenario;
use super::served::{FOLLOWERS, Follower};
use super::verdict::Verdict;

const HEAD: &str = "| fault | runs | lines | plugin: lost, repeated | marked (markers) | left out by the kubelet | reconnects | stern: lost, repeated, torn | kubectl: lost, repeated, torn |\n|---|---|---|---|---|---|---|---|---|\n";

/// The Markdown table for docs/benchmarks.md, with a row for each scenario that ran and one for all.
pub(super) fn render_table(reports: &[RunReport]) -> String {
    let mut rows: BTreeMap<Scenario, Row> = BTreeMap::new();
    let mut all = Row::default();
    for report in reports {
        rows.entry(report.scenario).or_default().add(report);
        all.add(report);
    }
    let mut table = HEAD.to_owned();
    for (scenario, row) in &rows {
        row.render(scenario.name(), &mut table);
    }
    all.render("all", &mut table);
    table
}

#[derive(Default)]
struct Row {
    runs: u64,
    reconnects: u64,
    verdicts: BTreeMap<Follower, Verdict>,
}

impl Row {
    fn add(&mut self, report: &RunReport) {
        self.runs += 1;
        self.reconnects += report.reconnects;
        for follower in FOLLOWERS {
            if let Some(verdict) = report.verdicts.get(&follower) {
                let sum = self.verdicts.entry(follower).or_default();
                sum.add(verdict.clone());
            }
        }
    }

    fn render(&self, name: &str, table: &mut String) {
        let none = Verdict::default();
        let ours = self.verdicts.get(&Follower::Plugin).unwrap_or(&none);
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {name} | {} | {} | {}, {} | {} ({}) | {} | {} | {} | {} |",
            self.runs,
            ours.written,
            ours.lost,
            ours.repeated,
            ours.marked,
            ours.markers,
            ours.left_out,
            self.reconnects,
            self.rival(Follower::Stern),
            self.rival(Follower::Kubectl),
        );
    }

    fn rival(&self, follower: Follower) -> String {
        match self.verdicts.get(&follower) {
            Some(verdict) => format!("{}, {}, {}", verdict.lost, verdict.repeated, verdict.torn),
            None => "not run".to_owned(),
        }
    }
}

/// One line a run, as it ends.
pub(super) fn render_run(report: &RunReport) -> String {
    let none = Verdict::default();
    let of = |follower| report.verdicts.get(&follower);
    let ours = of(Follower::Plugin).unwrap_or(&none);
    let mut line = format!(
        "{} lines: {} lost, {} repeated, {} marked by {} markers ({} at a file's end), {} left out by the kubelet, {} reconnects",
        ours.written,
        ours.lost,
        ours.repeated,
        ours.marked,
        ours.markers,
        ours.boundary_markers,
        ours.left_out,
        report.reconnects
    );
    for (name, follower) in [("stern", Follower::Stern), ("kubectl", Follower::Kubectl)] {
        if let Some(verdict) = of(follower) {
            let _ = write!(
                line,
                "; {name}: {} lost, {} repeated",
                verdict.lost, verdict.repeated
            );
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_scenario_add_up_in_one_row() {
        let report = |lost| RunReport {
            scenario: Scenario::Refused,
            verdicts: BTreeMap::from([
                (
                    Follower::Plugin,
                    Verdict {
                        written: 100,
                        ..Verdict::default()
                    },
                ),
                (
                    Follower::Stern,
                    Verdict {
                        lost,
                        ..Verdict::default()
                    },
                ),
            ]),
            reconnects: 2,
            faults: Vec::new(),
        };
        let table = render_table(&[report(5), report(6)]);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        let expected = [
            "| refused | 2 | 200 | 0, 0 | 0 (0) | 0 | 4 | 11, 0, 0 | not run |",
            "| all | 2 | 200 | 0, 0 | 0 (0) | 0 | 4 | 11, 0, 0 | not run |",
        ];
        assert_eq!(rows, expected);
    }
}
