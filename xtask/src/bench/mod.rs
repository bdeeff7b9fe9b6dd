//! `cargo xtask bench`: the plugin and a named rival in turn, in one run, on one cluster; the answer is the ratio of
//! their times. A Markdown row for docs/benchmarks.md comes on standard output.

mod bars;
mod cluster;
mod comparison;
mod completion;
mod figure;
mod logs;
pub(crate) mod lossless;
pub(crate) mod memory;
mod quiet;
mod running;
mod spread;
mod start;
mod verify;

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{StepError, cargo, run, say, target_folder};
use comparison::Comparison;
use spread::Kept;

/// The largest release binary, in bytes.
const SIZE_LIMIT: u64 = 10_000_000;

/// Which comparisons to run.
#[derive(clap::Args)]
pub(crate) struct BenchArgs {
    /// start: `--help` against kubectl's; verify: a healthy cluster against four kubectl gets; cluster: the test bed
    /// itself, ten times up and down; logs: reading logs beside curl, kubectl and stern;
    /// bars: lines to a terminal with rows under them;
    /// completion: TAB behind the last of 10,000 TrainJobs beside kubectl's own;
    /// lossless: seeded faults, and what is lost and repeated beside stern and kubectl [default: start and verify]
    #[arg(value_enum)]
    names: Vec<Name>,
    #[command(flatten)]
    logs: logs::LogsArgs,
    #[command(flatten)]
    lossless: lossless::LosslessArgs,
    #[command(flatten)]
    completion: completion::CompletionArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Start,
    Verify,
    Cluster,
    Logs,
    Bars,
    Completion,
    Lossless,
}

/// A comparison of the release binary, whose path it is given, with its rival.
type Compare = fn(&Path) -> Result<Comparison, StepError>;

/// Runs what was chosen, all of it, and ends with what is over its limit or could not be measured.
pub(crate) fn bench(args: &BenchArgs) -> Result<(), StepError> {
    let names = match args.names.as_slice() {
        [] => &[Name::Start, Name::Verify],
        names => names,
    };
    let mut outcome = Outcome::default();
    if names.contains(&Name::Cluster) {
        outcome.add("cluster", cluster::measure());
    }
    if names.contains(&Name::Logs) {
        outcome.add("logs", measure_logs(&args.logs));
    }
    if names.contains(&Name::Bars) {
        outcome.add("bars", bars::measure());
    }
    if names.contains(&Name::Completion) {
        outcome.add("completion", measure_completion(args));
    }
    if names.contains(&Name::Lossless) {
        let judged = lossless::lossless(&args.lossless, args.logs.plugin());
        outcome.add::<String>("lossless", judged.map(|()| Vec::new()));
    }
    let comparisons: Vec<Compare> = names.iter().filter_map(|name| comparison(*name)).collect();
    if !comparisons.is_empty() {
        compare(&comparisons, &mut outcome);
    }
    outcome.end()
}

/// What went wrong so far.
#[derive(Debug, Default)]
struct Outcome {
    /// Names of figures that are over their limits.
    missed: Vec<String>,
    /// What could not be measured, or not as it must be, and why.
    failed: Vec<String>,
}

impl Outcome {
    /// Keeps what a measurement found, so that those after it are made too.
    fn add<S: Into<String>>(&mut self, name: &str, measured: Result<Vec<S>, StepError>) {
        match measured {
            Ok(missed) => self.missed.extend(missed.into_iter().map(Into::into)),
            Err(error) => {
                let text = format!("{name}: {}", in_full(&error));
                say(&text);
                self.failed.push(text);
            }
        }
    }

    fn end(self) -> Result<(), StepError> {
        let mut texts = self.failed;
        if !self.missed.is_empty() {
            texts.push(format!("over the limit: {}", self.missed.join(", ")));
        }
        if texts.is_empty() {
            return Ok(());
        }
        Err(StepError::Steps(texts.join("\n")))
    }
}

/// An error with its causes.
fn in_full(error: &StepError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn comparison(name: Name) -> Option<Compare> {
    match name {
        Name::Start => Some(start::compare),
        Name::Verify => Some(verify::compare),
        Name::Cluster | Name::Logs | Name::Bars | Name::Completion | Name::Lossless => None,
    }
}

fn measure_logs(args: &logs::LogsArgs) -> Result<Vec<String>, StepError> {
    logs::measure(&chosen_plugin(args)?, args)
}

fn measure_completion(args: &BenchArgs) -> Result<Vec<String>, StepError> {
    completion::measure(&chosen_plugin(&args.logs)?, &args.completion, &args.logs)
}

/// The release binary, unless another build is named.
fn chosen_plugin(args: &logs::LogsArgs) -> Result<PathBuf, StepError> {
    match args.plugin() {
        Some(plugin) => Ok(plugin.to_path_buf()),
        None => build_release(),
    }
}

/// Builds the release binary, looks at its size, and runs the comparisons.
fn compare(comparisons: &[Compare], outcome: &mut Outcome) {
    let built = build_release().and_then(|plugin| Ok((judge_size(&plugin)?, plugin)));
    let plugin = match built {
        Ok((Kept::Yes, plugin)) => plugin,
        Ok((Kept::No, plugin)) => {
            outcome.add("", Ok(vec!["size of the release binary"]));
            plugin
        }
        Err(error) => return outcome.add::<String>("release binary", Err(error)),
    };
    for compare in comparisons {
        let missed = compare(&plugin).map(|comparison| match comparison.report() {
            Kept::Yes => Vec::new(),
            Kept::No => vec![comparison.what],
        });
        outcome.add("comparison", missed);
    }
}

fn build_release() -> Result<PathBuf, StepError> {
    crate::bundle::make_if_missing()?;
    let build = ["build", "--locked", "--release"];
    let mut build_plugin = cargo();
    build_plugin
        .args(build)
        .args(["--package", "kubectl-trainer"])
        // As releases are built.
        .env("KUBECTL_TRAINER_WITHOUT_UNWIND_TABLES", "1");
    run(&mut build_plugin)?;
    Ok(target_folder().join("release/kubectl-trainer"))
}

fn judge_size(plugin: &Path) -> Result<Kept, StepError> {
    let metadata = fs::metadata(plugin).map_err(|error| StepError::io(plugin.display(), error))?;
    let bytes = metadata.len();
    say(format_args!(
        "release binary: {bytes} bytes, limit {SIZE_LIMIT}"
    ));
    Ok(if bytes <= SIZE_LIMIT {
        Kept::Yes
    } else {
        Kept::No
    })
}

/// A row for the document.
fn say_row(row: &str) {
    use std::io::Write as _;
    // A closed standard output leaves nobody to read the row.
    let _ = writeln!(std::io::stdout().lock(), "{row}");
}

#[cfg(test)]
mod tests {
    use super::Outcome;
    use crate::process::StepError;

    #[test]
    fn a_measurement_that_fails_hides_nothing_of_the_others() {
        let mut outcome = Outcome::default();
        let source = std::io::Error::other("no room");
        outcome.add::<String>("logs", Err(StepError::io("a file", source)));
        outcome.add("start", Ok(vec!["`--help`"]));
        outcome.add::<String>("lossless", Ok(Vec::new()));
        let error = outcome.end().unwrap_err().to_string();
        assert_eq!(error, "logs: a file: no room\nover the limit: `--help`");
        assert!(Outcome::default().end().is_ok());
    }
}
