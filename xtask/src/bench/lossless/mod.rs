//! `cargo xtask bench lossless`: seeded runs on a real cluster in which pods number their lines, faults happen, and the
//! plugin, stern and `kubectl logs -f` follow the same pods at the same time. What the plugin printed must equal what
//! was written, but for what the cluster itself dropped, and that must be marked.

mod fault;
mod judge;
mod line;
mod plan;
mod printed;
mod process;
mod proof;
mod random;
mod report;
mod run;
#[cfg(test)]
mod sample;
mod scenario;
mod served;
mod site;
mod stamp;
mod token;
mod truth;
mod verdict;
mod writer;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::process::{StepError, cargo, run as run_step, say, spelled, target_folder, timed};
use judge::RunReport;
use plan::{Plan, plan};
use scenario::{Ground, Reach, Scenario};
use site::{Rivals, SLOTS, Site, tell};

/// The first seed of a long series.
const FIRST_SEED: u64 = 1;
/// Runs of `cargo xtask soak`.
const SOAK_RUNS: u64 = 200;

/// Which runs.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct LosslessArgs {
    /// lossless: how many seeds to run, one after the other
    #[arg(long)]
    runs: Option<u64>,
    /// lossless: the first seed; alone, the only one
    #[arg(long)]
    seed: Option<u64>,
    /// lossless: this fault in every run, in place of the seed's own
    #[arg(long)]
    scenario: Option<Scenario>,
    /// lossless: with fewer lines at full speed, as `cargo xtask test` runs its sample
    #[arg(long)]
    sample: bool,
    /// lossless: without stern and kubectl beside the plugin
    #[arg(long)]
    alone: bool,
}

impl LosslessArgs {
    /// The long series.
    pub(crate) fn soak() -> LosslessArgs {
        LosslessArgs {
            runs: Some(SOAK_RUNS),
            ..LosslessArgs::default()
        }
    }

    /// What a repetition must say besides the seed.
    fn again(&self) -> String {
        let [alone, sample] = [(self.alone, " --alone"), (self.sample, " --sample")]
            .map(|(is_set, flag)| if is_set { flag } else { "" });
        format!("{alone}{sample}")
    }

    fn plans(&self) -> Vec<Plan> {
        let first = self.seed.unwrap_or(FIRST_SEED);
        let alone = if self.seed.is_some() { 1 } else { 20 };
        let runs = self.runs.unwrap_or(alone);
        let seeds = first..first + runs;
        let plans = seeds.map(|seed| plan(seed, self.scenario));
        if self.sample {
            plans.map(Plan::shortened).collect()
        } else {
            plans.collect()
        }
    }
}

/// Runs the seeds, shows the table on standard output, and ends with the seeds that failed.
/// The plugin is built first unless another build is named.
pub(crate) fn lossless(args: &LosslessArgs, plugin: Option<&Path>) -> Result<(), StepError> {
    let plugin = match plugin {
        Some(plugin) => plugin.to_path_buf(),
        None => build_plugin()?,
    };
    let rivals = if args.alone {
        Rivals::None
    } else {
        Rivals::Both(testbed::programs::stern(&mut std::io::stderr())?)
    };
    let site = Site::start(plugin, rivals)?;
    let outcomes = run_all(&site, &args.plans());
    let (table, failures) = summary(&outcomes, &args.again());
    super::say_row(table.trim_end());
    if failures.is_empty() {
        return Ok(());
    }
    Err(StepError::Steps(failures.join("\n")))
}

fn build_plugin() -> Result<PathBuf, StepError> {
    crate::bundle::make_if_missing()?;
    run_step(cargo().args(["build", "--locked", "--package", "kubectl-trainer"]))?;
    Ok(target_folder().join("debug/kubectl-trainer"))
}

/// A plan and what became of it.
type Outcome = (Plan, Result<RunReport, StepError>);

/// The table of all runs that came to a verdict, and a text for each that failed, with the command and these options
/// that run it again.
fn summary(outcomes: &[Outcome], options: &str) -> (String, Vec<String>) {
    let reports: Vec<RunReport> = outcomes
        .iter()
        .filter_map(|(_, outcome)| outcome.as_ref().ok().cloned())
        .collect();
    let failures = outcomes.iter().filter_map(|(plan, outcome)| {
        let text = match outcome {
            Ok(report) if report.faults.is_empty() => return None,
            Ok(report) => report.faults.join("\n  "),
            Err(error) => error.to_string(),
        };
        let (seed, scenario) = (plan.seed, plan.scenario.name());
        Some(format!(
            "seed {seed} ({scenario}) failed; run it again with: cargo xtask bench lossless --seed {seed} --scenario {scenario}{options}\n  {text}"
        ))
    });
    (report::render_table(&reports), failures.collect())
}

/// Runs the plans that disturb all others one by one, and then the rest in lanes side by side, the longest first: one
/// lane for each slot of fake pods, five for the steady node, and one for the node that may break.
fn run_all(site: &Site, plans: &[Plan]) -> Vec<Outcome> {
    let of = |reach, ground| {
        let plans = plans.iter();
        let plans = plans
            .filter(move |plan| plan.scenario.reach() == reach && plan.scenario.ground() == ground);
        let mut plans: Vec<Plan> = plans.cloned().collect();
        plans.sort_by_key(|plan| Reverse(plan.expected()));
        Mutex::new(VecDeque::from(plans))
    };
    let mut outcomes = run_lane(site, &of(Reach::All, Ground::Fake), 0);
    let [fake, steady, fragile] =
        [Ground::Fake, Ground::Steady, Ground::Fragile].map(|ground| of(Reach::Own, ground));
    let lanes = (0..SLOTS)
        .map(|slot| (&fake, slot))
        .chain([&steady, &steady, &steady, &steady, &steady, &fragile].map(|queue| (queue, 0)));
    outcomes.extend(thread::scope(|scope| {
        let lanes: Vec<_> = lanes
            .map(|(queue, slot)| scope.spawn(move || run_lane(site, queue, slot)))
            .collect();
        let ended = lanes.into_iter().filter_map(|lane| lane.join().ok());
        ended.flatten().collect::<Vec<Outcome>>()
    }));
    let lost = plans.len() - outcomes.len();
    if let Some(first) = plans.first().filter(|_| lost > 0) {
        let text = format!("{lost} runs ended without an outcome");
        outcomes.push((first.clone(), Err(StepError::Steps(text))));
    }
    outcomes.sort_by_key(|(plan, _)| plan.seed);
    outcomes
}

fn run_lane(site: &Site, queue: &Mutex<VecDeque<Plan>>, slot: u8) -> Vec<Outcome> {
    let next = || {
        let mut plans = queue.lock().unwrap_or_else(PoisonError::into_inner);
        plans.pop_front()
    };
    let mut outcomes = Vec::new();
    while let Some(plan) = next() {
        let (outcome, duration) = timed(|| run::run(site, &plan, slot));
        let told = match &outcome {
            Ok(report) => report::render_run(report),
            Err(error) => error.to_string(),
        };
        tell(&plan, &format!("{told}, {}", spelled(duration)));
        let faults = outcome.iter().flat_map(|report| &report.faults);
        faults
            .take(5)
            .for_each(|fault| say(format_args!("  {fault}")));
        outcomes.push((plan, outcome));
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_run_is_told_with_the_command_that_repeats_it() {
        let args = LosslessArgs {
            seed: Some(15),
            alone: true,
            sample: true,
            ..LosslessArgs::default()
        };
        let plans = args.plans();
        assert_eq!(plans, [plan(15, None).shortened()]);
        let failed = Err(StepError::Steps("no line".to_owned()));
        let (_, failures) = summary(&[(plans[0].clone(), failed)], &args.again());
        let expected = "seed 15 (flood) failed; run it again with: cargo xtask bench lossless --seed 15 --scenario flood --alone --sample\n  no line";
        assert_eq!(failures, [expected]);
    }

    #[test]
    fn a_run_with_a_fault_is_a_failure_and_one_without_is_none() {
        let report = |faults: &[&str]| RunReport {
            scenario: Scenario::Refused,
            verdicts: [].into(),
            reconnects: 0,
            faults: faults.iter().map(|text| (*text).to_owned()).collect(),
        };
        let outcome = |faults| (plan(1, None), Ok(report(faults)));
        let (_, failures) = summary(&[outcome(&[]), outcome(&["lost"])], "");
        assert_eq!(failures.len(), 1);
    }
}
