//! `cargo xtask soak`: the broken clusters of the tests, against the older releases of Trainer, one after the other.

use std::time::Duration;

use testbed::RELEASE_VARIABLE;

use crate::bundle;
use crate::process::{StepError, cargo, run, say, spelled, timed};

/// What `cargo xtask test` does not run these tests against.
const OLDER_RELEASES: [&str; 3] = ["v2.2.1", "v2.1.0", "v2.0.1"];
/// The test modules that break a cluster.
const BROKEN_CLUSTERS: &str = "broken_";

#[derive(clap::Args)]
pub(crate) struct SoakArgs {
    /// Releases such as v2.2.1; all older ones unless named
    releases: Vec<String>,
}

/// Runs every release, also after one has failed, and ends with a line for each.
pub(crate) fn soak(args: &SoakArgs) -> Result<(), StepError> {
    prepare()?;
    let releases = match args.releases.as_slice() {
        [] => OLDER_RELEASES.map(str::to_owned).to_vec(),
        named => named.to_vec(),
    };
    let ended: Vec<_> = releases
        .iter()
        .map(|release| {
            say(format_args!("\n=== Trainer {release}"));
            timed(|| test(release))
        })
        .collect();
    say("");
    for (release, (result, duration)) in releases.iter().zip(&ended) {
        say(summary_line(release, *duration, result));
    }
    match ended.iter().filter(|(result, _)| result.is_err()).count() {
        0 => Ok(()),
        failed => Err(StepError::Steps(format!(
            "{failed} of {} releases failed",
            releases.len()
        ))),
    }
}

/// Without a cluster there is nothing to soak, so a lack is an error here.
fn prepare() -> Result<(), StepError> {
    if let Some(lack) = testbed::requirements::missing().first() {
        return Err(StepError::Steps(format!("no cluster can run here: {lack}")));
    }
    testbed::requirements::provide(&mut std::io::stderr())?;
    bundle::make_if_missing()?;
    run(cargo().args(["build", "--locked", "--workspace", "--bins"]))
}

fn test(release: &str) -> Result<(), StepError> {
    let mut tests = cargo();
    tests.args(["test", "--locked", "--package", "kubectl-trainer"]);
    tests.args(["--test", "cluster", BROKEN_CLUSTERS]);
    run(tests.env(RELEASE_VARIABLE, release))
}

fn summary_line(release: &str, duration: Duration, result: &Result<(), StepError>) -> String {
    let mark = if result.is_ok() { "ok    " } else { "FAILED" };
    format!("{mark}  Trainer {release:<12} {}", spelled(duration))
}
