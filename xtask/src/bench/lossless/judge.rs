//! From what was written, served and printed to the verdicts of a run: the plugin's, which must be without fault, and
//! the rivals', which are counted.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::plan::{Output as Format, Plan};
use super::printed::{Output, of_kubectl, of_plugin_json, of_plugin_text, of_stern};
use super::run::{PLUGIN, STERN};
use super::scenario::{Holes, Scenario};
use super::served::{Follower, Served};
use super::truth::{Source, Truth};
use super::verdict::{Broken, Verdict, Written, judge};

/// What a run leaves behind.
pub(super) struct Evidence {
    pub(super) truth: Truth,
    pub(super) served: Served,
    /// The pods at the beginning, for each of which one kubectl followed.
    pub(super) pods: Vec<String>,
    /// Standard output and standard error of each follower, by its name; kubectl's has the pod's.
    pub(super) followers: BTreeMap<String, (PathBuf, PathBuf)>,
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
    }
    if let Some((stdout, _)) = path(STERN) {
        let output = of_stern(stdout, shape)?;
        report.judge_rival(Follower::Stern, evidence, &output, |_| true);
    }
    let kubectls: Vec<(String, &Path)> = evidence
        .pods
        .iter()
        .filter_map(|pod| Some((pod.clone(), path(pod)?.0.as_path())))
        .collect();
    if !kubectls.is_empty() {
        let output = of_kubectl(&kubectls, shape)?;
        let started_for = |source: &Source| evidence.pods.contains(&source.pod);
        report.judge_rival(Follower::Kubectl, evidence, &output, started_for);
    }
    Ok(report)
}

impl RunReport {
    fn judge_plugin(&mut self, plan: &Plan, evidence: &Evidence, output: &Output) {
        let mut verdict = sum(evidence, Follower::Plugin, output, |_| true);
        excuse_skipped(&mut verdict, evidence, output);
        self.reconnects = output.summary.map_or(0, |summary| summary.reconnects);
        self.faults.append(&mut verdict.faults);
        self.judge_rest(plan, evidence, output, &verdict);
        self.verdicts.insert(Follower::Plugin, verdict);
    }

    /// What the lines alone do not show.
    fn judge_rest(&mut self, plan: &Plan, evidence: &Evidence, output: &Output, verdict: &Verdict) {
        if verdict.written == 0 {
            self.faults
                .push("nothing was written, so nothing was shown".to_owned());
        }
        if evidence.exit != Some(0) {
            let exit = evidence
                .exit
                .map_or("no end".to_owned(), |code| code.to_string());
            self.faults
                .push(format!("the job completed, and the exit code is {exit}"));
        }
        // What was served as a line is printed as one, also where the kubelet tore it.
        let foreign = output.foreign.iter();
        let unserved = foreign.filter(|text| !evidence.served.foreign.contains(*text));
        for text in unserved.take(3) {
            self.faults.push(format!("no line of the writer: {text:?}"));
        }
        if plan.scenario.holes() == Holes::Never && verdict.markers + output.skipped > 0 {
            let (markers, skipped) = (verdict.markers, output.skipped);
            let text = format!(
                "{markers} markers and {skipped} skipped attempts, where all could be read"
            );
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
        follower: Follower,
        evidence: &Evidence,
        output: &Output,
        counts: impl Fn(&Source) -> bool,
    ) {
        let mut verdict = sum(evidence, follower, output, counts);
        let foreign = output.foreign.iter();
        let unserved = foreign.filter(|text| !evidence.served.foreign.contains(*text));
        verdict.torn += unserved.count() as u64;
        verdict.faults.clear();
        self.verdicts.insert(follower, verdict);
    }
}

/// The verdicts of all sources that a follower was pointed at.
fn sum(
    evidence: &Evidence,
    follower: Follower,
    output: &Output,
    counts: impl Fn(&Source) -> bool,
) -> Verdict {
    let mut sum = Verdict::default();
    for (source, written) in &evidence.truth {
        if counts(source) {
            sum.add(judge_source(evidence, follower, output, (source, written)));
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
    evidence: &Evidence,
    follower: Follower,
    output: &Output,
    (source, written): (&Source, &Written),
) -> Verdict {
    let broken = evidence.served.broken.get(&(follower, source.clone()));
    let printed = output.sources.get(source).map_or(&[][..], Vec::as_slice);
    let none = Broken::default();
    let mut verdict = judge(written, printed, broken.unwrap_or(&none));
    let (pod, tag) = (&source.pod, &source.tag);
    for fault in &mut verdict.faults {
        *fault = format!("{pod} {tag}: {fault}");
    }
    verdict
}

/// An attempt of which nothing was printed is marked where the plugin says that it saw nothing of so many.
fn excuse_skipped(verdict: &mut Verdict, evidence: &Evidence, output: &Output) {
    let silent = evidence
        .truth
        .iter()
        .filter(|(source, _)| !output.sources.contains_key(source));
    for (source, written) in silent.take(usize::try_from(output.skipped).unwrap_or(0)) {
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
