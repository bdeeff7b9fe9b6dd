//! `cargo xtask bench`: the plugin and a named rival in turn, in one run, on one cluster; the answer is the ratio of
//! their times. A Markdown row for docs/benchmarks.md comes on standard output.

mod cluster;
mod start;
mod verify;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{StepError, cargo, run, say, target_folder, words};

/// How often plugin and rival are run in turn.
const PAIRS: usize = 11;

/// Which comparisons to run.
#[derive(clap::Args)]
pub(crate) struct BenchArgs {
    /// start: `--help` against kubectl's; verify: a healthy cluster against four kubectl gets; cluster: the test bed
    /// itself, ten times up and down [default: start and verify]
    #[arg(value_enum)]
    names: Vec<Name>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Start,
    Verify,
    Cluster,
}

/// What the two sides took, pair by pair, and what is asked of their ratio.
struct Comparison {
    what: &'static str,
    rival: &'static str,
    limit: f64,
    pairs: Vec<(Duration, Duration)>,
}

/// Runs what was chosen.
pub(crate) fn bench(args: &BenchArgs) -> Result<(), StepError> {
    let names = match args.names.as_slice() {
        [] => &[Name::Start, Name::Verify],
        names => names,
    };
    if names.contains(&Name::Cluster) {
        cluster::measure()?;
    }
    if names.iter().all(|name| *name == Name::Cluster) {
        return Ok(());
    }
    compare(names)
}

/// Builds the release binary and runs the comparisons.
fn compare(names: &[Name]) -> Result<(), StepError> {
    let chosen = |name| names.contains(&name);
    let plugin = target_folder().join("release/kubectl-trainer");
    crate::bundle::make_if_missing()?;
    run(cargo().args([
        "build",
        "--locked",
        "--release",
        "--package",
        "kubectl-trainer",
    ]))?;
    say_size(&plugin)?;
    let mut comparisons = Vec::new();
    if chosen(Name::Start) {
        comparisons.push(start::compare(&plugin)?);
    }
    if chosen(Name::Verify) {
        comparisons.push(verify::compare(&plugin)?);
    }
    let missed: Vec<_> = comparisons
        .iter()
        .filter(|comparison| !comparison.report())
        .map(|one| one.what)
        .collect();
    if missed.is_empty() {
        Ok(())
    } else {
        Err(StepError::Steps(format!(
            "over the limit: {}",
            missed.join(", ")
        )))
    }
}

fn say_size(plugin: &std::path::Path) -> Result<(), StepError> {
    let bytes = std::fs::metadata(plugin)
        .map_err(|error| StepError::io(plugin.display(), error))?
        .len();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a size in megabytes with two digits"
    )]
    let megabytes = bytes as f64 / 1e6;
    say(format_args!(
        "release binary: {megabytes:.2} MB (limit 10 MB)"
    ));
    if megabytes <= 10.0 {
        Ok(())
    } else {
        Err(StepError::Steps(
            "the release binary is over 10 MB".to_owned(),
        ))
    }
}

impl Comparison {
    /// Shows median, minimum and maximum of the ratio; true when the median keeps the limit.
    fn report(&self) -> bool {
        let mut ratios: Vec<f64> = self
            .pairs
            .iter()
            .map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        let ratio = median(&ratios);
        let ours = median_ms(self.pairs.iter().map(|pair| pair.0));
        let theirs = median_ms(self.pairs.iter().map(|pair| pair.1));
        let (low, high) = (
            ratios.first().copied().unwrap_or(f64::NAN),
            ratios.last().copied().unwrap_or(f64::NAN),
        );
        say_row(&format!(
            "| {} | {ours:.1} ms | {} | {theirs:.1} ms | {ratio:.3} ({low:.3} to {high:.3}) | {:.3} |",
            self.what, self.rival, self.limit
        ));
        ratio <= self.limit
    }
}

fn say_row(row: &str) {
    use std::io::Write as _;
    // A closed standard output leaves nobody to read the row.
    let _ = writeln!(std::io::stdout().lock(), "{row}");
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn median_ms(durations: impl Iterator<Item = Duration>) -> f64 {
    let mut millis: Vec<f64> = durations.map(|one| one.as_secs_f64() * 1e3).collect();
    millis.sort_by(f64::total_cmp);
    median(&millis)
}

/// Runs both sides in turn, once each unmeasured so that files are in memory.
fn pairs(
    mut ours: Vec<Command>,
    mut theirs: Vec<Command>,
) -> Result<Vec<(Duration, Duration)>, StepError> {
    one_side(&mut ours)?;
    one_side(&mut theirs)?;
    (0..PAIRS)
        .map(|_| Ok((one_side(&mut ours)?, one_side(&mut theirs)?)))
        .collect()
}

/// The commands of one side, one after the other; each must succeed, or its time means nothing.
fn one_side(commands: &mut [Command]) -> Result<Duration, StepError> {
    let start = Instant::now();
    for command in commands {
        let ended = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let status = ended.map_err(|source| StepError::NotStarted {
            command: words(command),
            source,
        })?;
        if !status.success() {
            return Err(StepError::Failed {
                command: words(command),
                status,
            });
        }
    }
    Ok(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_eleven_is_the_sixth() {
        let values: Vec<f64> = (1..=11).map(f64::from).collect();
        assert!((median(&values) - 6.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_command_that_fails_is_not_measured() {
        let failed = one_side(&mut [Command::new("false")]).unwrap_err();
        assert_eq!(failed.to_string(), "`false` ended with exit status: 1");
    }
}
