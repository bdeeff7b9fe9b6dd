//! From what was written, served and printed to the verdicts of a run: the plugin's, which must be without fault, and
//! the rivals', which are counted.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::plan::{Output as Format, Plan};
use super::printed::{Output, of_kubectl, of_plugin_json, of_plugin_text, of_stern};
use super::proof;
use super::run::{PLUGIN, STERN};
use super::scenario::Scenario;
use super::served::{Follower, Served};
use super::truth::{Source, Truth};
use super::verdict::{Carried, Verdict, Written, judge};

/// What a run leaves behind.
pub(super) struct Evidence {
    pub(super) truth: Truth,
    pub(super) served: Served,
    /// The pods at the beginning, for each of which one kubectl followed.
    pub(super) pods: Vec<String>,
    /// Standard output and standard error of each follower, by its name; kubectl's has the pod's.
    pub(super) followers: BTreeMap<String, (PathBuf, PathBuf)>,
    /// Faults of the plan that did not happen, as it was seen while they should.
    pub(super) missed: Vec<String>,
    /// The plugin's exit code; none when it did not end by itself.
    pub(super) exit: Option<i32>,
}

/// The outcome of one run.
#[derive(Clone, Debug)]
pub(super) struct RunReport {
    pub(super) scenario: Scenario,
    pub(super) verdicts: BTreeMap<Follower, Verdict>,
    pub(super) reconnects: u64,
    /// What the plugin did wrong. Empty is a run that passed.
    pub(super) faults: Vec<String>,
}

/// Judges all followers of a run.
pub(super) fn judge_run(plan: &Plan, evidence: &Evidence) -> io::Result<RunReport> {
    let shape = &plan.writer.shape;
    let mut report = RunReport {
        scenario: plan.scenario,
        verdicts: BTreeMap::new(),
        reconnects: 0,
        faults: Vec::new(),
    };
    let path = |name: &str| evidence.followers.get(name);
    if let Some((stdout, stderr)) = path(PLUGIN) {
        let output = match plan.output {
            Format::Json => of_plugin_json(stdout, shape, &evidence.truth)?,
            Format::Text => of_plugin_text((stdout, stderr), shape, &evidence.truth)?,
        };
        report.judge_plugin(plan, evidence, &output);
    } else {
        report.faults.push("the plugin did not run".to_owned());
    }
    if let Some((stdout, _)) = path(STERN) {
        let output = of_stern(stdout, shape)?;
        report.judge_rival((plan, Follower::Stern), evidence, &output, |_| true);
    }
    let kubectls: Vec<(String, &Path)> = evidence
        .pods
        .iter()
        .filter_map(|pod| Some((pod.clone(), path(pod)?.0.as_path())))
        .collect();
    if !kubectls.is_empty() {
        let output = of_kubectl(&kubectls, shape)?;
        let started_for = |source: &Source| evidence.pods.contains(&source.pod);
        report.judge_rival((plan, Follower::Kubectl), evidence, &output, started_for);
    }
    Ok(report)
}

impl RunReport {
    fn judge_plugin(&mut self, plan: &Plan, evidence: &Evidence, output: &Output) {
        let mut verdict = sum((plan, Follower::Plugin), evidence, output, |_| true);
        excuse_skipped(&mut verdict, evidence, output);
        self.reconnects = output.summary.map_or(0, |summary| summary.reconnects);
        self.faults.extend(evidence.missed.iter().cloned());
        self.faults
            .append(&mut proof::unwritten(plan, &evidence.truth));
        let (truth, served) = (&evidence.truth, &evidence.served);
        self.faults
            .append(&mut proof::unproved(plan, truth, served, self.reconnects));
        self.faults.append(&mut verdict.faults);
        self.judge_rest(plan, evidence, output);
        self.verdicts.insert(Follower::Plugin, verdict);
    }

    /// What the lines alone do not show.
    fn judge_rest(&mut self, plan: &Plan, evidence: &Evidence, output: &Output) {
        if evidence.exit != Some(0) {
            let exit = evidence
                .exit
                .map_or("no end".to_owned(), |code| code.to_string());
            self.faults
                .push(format!("the job completed, and the exit code is {exit}"));
        }
        // What was served as a line is printed as one, also where the kubelet tore it.
        for text in unserved(evidence, Follower::Plugin, output).take(3) {
            self.faults.push(format!("no line of the writer: {text:?}"));
        }
        self.faults.extend(output.misplaced.iter().take(3).cloned());
        let may_skip = matches!(
            plan.scenario,
            Scenario::ContainerRestarted | Scenario::NodeKilled
        );
        if !may_skip && !output.skipped.is_empty() {
            let text = format!("{:?}, where all could be read", output.skipped);
            self.faults.push(text);
        }
        self.judge_summary(output);
    }

    fn judge_summary(&mut self, output: &Output) {
        let (lines, markers) = (output.lines, output.markers());
        match output.summary {
            Some(summary) if (summary.lines, summary.gaps) == (lines, markers) => {}
            Some(summary) => self.faults.push(format!(
                "the summary says {} lines and {} gaps; there are {lines} and {markers}",
                summary.lines, summary.gaps
            )),
            None => self.faults.push("there is no summary".to_owned()),
        }
    }

    /// Rivals are counted. What their own streams left out is not held against them.
    fn judge_rival(
        &mut self,
        (plan, follower): (&Plan, Follower),
        evidence: &Evidence,
        output: &Output,
        counts: impl Fn(&Source) -> bool,
    ) {
        let mut verdict = sum((plan, follower), evidence, output, counts);
        verdict.torn += unserved(evidence, follower, output).count() as u64;
        verdict.faults.clear();
        self.verdicts.insert(follower, verdict);
    }
}

/// What a follower printed as a line, and neither a writer wrote nor its own streams carried.
fn unserved<'a>(
    evidence: &'a Evidence,
    follower: Follower,
    output: &'a Output,
) -> impl Iterator<Item = &'a String> {
    let served = evidence.served.foreign.get(&follower);
    let is_served = move |text: &String| served.is_some_and(|served| served.contains(text));
    output.foreign.iter().filter(move |text| !is_served(text))
}

/// The verdicts of all sources that a follower was pointed at.
fn sum(
    by: (&Plan, Follower),
    evidence: &Evidence,
    output: &Output,
    counts: impl Fn(&Source) -> bool,
) -> Verdict {
    let mut sum = Verdict::default();
    for (source, written) in &evidence.truth {
        if counts(source) {
            sum.add(judge_source(by, evidence, output, (source, written)));
        }
    }
    let unknown = output
        .sources
        .keys()
        .filter(|source| !evidence.truth.contains_key(source));
    for source in unknown {
        sum.faults
            .push(format!("lines of {source:?}, which nobody wrote"));
    }
    sum
}

fn judge_source(
    (plan, follower): (&Plan, Follower),
    evidence: &Evidence,
    output: &Output,
    (source, written): (&Source, &Written),
) -> Verdict {
    let carried = evidence.served.carried.get(&(follower, source.clone()));
    let printed = output.sources.get(source).map_or(&[][..], Vec::as_slice);
    let none = Carried::default();
    let excuses = plan.scenario.excuses();
    let mut verdict = judge(written, printed, carried.unwrap_or(&none), excuses);
    let (pod, tag) = (&source.pod, &source.tag);
    for fault in &mut verdict.faults {
        *fault = format!("{pod} {tag}: {fault}");
    }
    verdict
}

/// An attempt of which nothing was printed is marked where the plugin says that it saw nothing of just this one, and
/// two attempts came after it: nobody can read the log of such a one.
fn excuse_skipped(verdict: &mut Verdict, evidence: &Evidence, output: &Output) {
    let silent = evidence
        .truth
        .iter()
        .filter(|(source, _)| !output.sources.contains_key(source));
    for (source, written) in silent.filter(|(source, written)| {
        is_out_of_reach(evidence, source, written) && is_skipped(output, source, written)
    }) {
        let lines = written.stamps.len() as u64;
        verdict.lost -= lines;
        verdict.marked += lines;
        let (pod, tag) = (&source.pod, &source.tag);
        let beginning = format!("{pod} {tag}: ");
        verdict
            .faults
            .retain(|fault| !fault.starts_with(&beginning));
    }
}

fn is_out_of_reach(evidence: &Evidence, source: &Source, written: &Written) -> bool {
    let of_pod = evidence.truth.iter().filter(|(of, _)| of.pod == source.pod);
    let newest = of_pod.filter_map(|(_, written)| written.attempt).max();
    matches!((written.attempt, newest), (Some(own), Some(newest)) if own + 2 <= newest)
}

fn is_skipped(output: &Output, source: &Source, written: &Written) -> bool {
    output.skipped.iter().any(|skipped| {
        let first = u64::from(skipped.before).saturating_sub(skipped.attempts);
        let own = written.attempt.map(u64::from);
        skipped.pod == source.pod
            && own.is_some_and(|own| (first..u64::from(skipped.before)).contains(&own))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lossless::printed::Skipped;

    fn evidence(attempts: u32) -> Evidence {
        let source = |attempt: u32| Source {
            pod: "pod".to_owned(),
            tag: format!("abcd{attempt:04}"),
        };
        let written = |attempt| Written {
            stamps: vec![None; 3],
            attempt: Some(attempt),
            ..Written::default()
        };
        Evidence {
            truth: (0..attempts)
                .map(|attempt| (source(attempt), written(attempt)))
                .collect(),
            served: Served::default(),
            pods: Vec::new(),
            followers: BTreeMap::new(),
            missed: Vec::new(),
            exit: Some(0),
        }
    }

    #[test]
    fn a_run_without_the_plugin_is_a_fault() {
        let plan = super::super::plan::plan(1, None);
        let report = judge_run(&plan, &evidence(1)).unwrap();
        assert_eq!(report.faults, ["the plugin did not run"]);
    }

    #[test]
    fn a_skipped_attempt_excuses_only_itself_and_only_two_behind_the_newest() {
        let evidence = evidence(4);
        let lost_after = |pod: &str, before, attempts| {
            let output = Output {
                skipped: vec![Skipped {
                    pod: pod.to_owned(),
                    before,
                    attempts,
                }],
                ..Output::default()
            };
            let plan = super::super::plan::plan(1, Some(Scenario::ContainerRestarted));
            let by = (&plan, Follower::Plugin);
            let mut verdict = sum(by, &evidence, &output, |_| true);
            excuse_skipped(&mut verdict, &evidence, &output);
            assert_eq!(verdict.lost, 3 * verdict.faults.len() as u64);
            verdict.lost
        };
        assert_eq!(lost_after("other", 2, 2), 12);
        assert_eq!(lost_after("pod", 2, 1), 9, "attempt 1");
        assert_eq!(lost_after("pod", 2, 2), 6, "attempts 0 and 1");
        assert_eq!(lost_after("pod", 4, 4), 6, "2 and 3 can be read");
    }
}
