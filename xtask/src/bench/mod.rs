//! `cargo xtask bench`: the plugin and a named rival in turn, in one run, on one cluster; the answer is the ratio of
//! their times. A Markdown row for docs/benchmarks.md comes on standard output.

mod cluster;
mod comparison;
mod logs;
pub(crate) mod lossless;
mod spread;
mod start;
mod verify;

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
    /// lossless: seeded faults, and what is lost and repeated beside stern and kubectl [default: start and verify]
    #[arg(value_enum)]
    names: Vec<Name>,
    #[command(flatten)]
    logs: logs::LogsArgs,
    #[command(flatten)]
    lossless: lossless::LosslessArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Start,
    Verify,
    Cluster,
    Logs,
    Lossless,
}

/// A comparison of the release binary, whose path it is given, with its rival.
type Compare = fn(&Path) -> Result<Comparison, StepError>;

/// Runs what was chosen, all of it, and ends with what is over its limit.
pub(crate) fn bench(args: &BenchArgs) -> Result<(), StepError> {
    let names = match args.names.as_slice() {
        [] => &[Name::Start, Name::Verify],
        names => names,
    };
    let mut missed = Vec::new();
    if names.contains(&Name::Cluster) {
        missed.extend(cluster::measure()?);
    }
    if names.contains(&Name::Logs) {
        missed.extend(measure_logs(&args.logs)?);
    }
    if names.contains(&Name::Lossless) {
        lossless::lossless(&args.lossless, args.logs.plugin())?;
    }
    let comparisons: Vec<Compare> = names.iter().filter_map(|name| comparison(*name)).collect();
    if !comparisons.is_empty() {
        missed.extend(compare(&comparisons)?);
    }
    if missed.is_empty() {
        return Ok(());
    }
    let text = format!("over the limit: {}", missed.join(", "));
    Err(StepError::Steps(text))
}

fn comparison(name: Name) -> Option<Compare> {
    match name {
        Name::Start => Some(start::compare),
        Name::Verify => Some(verify::compare),
        Name::Cluster | Name::Logs | Name::Lossless => None,
    }
}

/// With the release binary, unless another build is named.
fn measure_logs(args: &logs::LogsArgs) -> Result<Vec<&'static str>, StepError> {
    let plugin = match args.plugin() {
        Some(plugin) => plugin.to_path_buf(),
        None => build_release()?,
    };
    logs::measure(&plugin, args)
}

/// Builds the release binary, runs the comparisons, and returns what is over its limit.
fn compare(comparisons: &[Compare]) -> Result<Vec<&'static str>, StepError> {
    let plugin = build_release()?;
    let mut missed = Vec::new();
    if judge_size(&plugin)? == Kept::No {
        missed.push("size of the release binary");
    }
    for compare in comparisons {
        let comparison = compare(&plugin)?;
        if comparison.report() == Kept::No {
            missed.push(comparison.what);
        }
    }
    Ok(missed)
}

fn build_release() -> Result<PathBuf, StepError> {
    crate::bundle::make_if_missing()?;
    let build = ["build", "--locked", "--release"];
    run(cargo().args(build).args(["--package", "kubectl-trainer"]))?;
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
