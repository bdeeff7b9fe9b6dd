//! `cargo xtask soak`: the broken clusters of the tests, against the older releases of Trainer, one after the other;
//! the models of the log follower with many more runs than a test has time for; and the long series of seeded faults
//! while logs are followed.

use std::time::Duration;

use testbed::RELEASE_VARIABLE;

use crate::bench::lossless::{self, LosslessArgs};
use crate::bundle;
use crate::process::{StepError, cargo, run, say, spelled, timed};

/// What `cargo xtask test` does not run these tests against.
const OLDER_RELEASES: [&str; 3] = ["v2.2.1", "v2.1.0", "v2.0.1"];
/// The test modules that break a cluster.
const BROKEN_CLUSTERS: &str = "broken_";
/// The tests that hold the log follower against models of kubelets and containers.
const MODELS: &str = "logs::model::";
/// How many runs each of these models makes, by its variable.
const MODEL_CASES: (&str, &str) = ("ALIGNMENT_CASES", "100000");

#[derive(clap::Args)]
pub(crate) struct SoakArgs {
    /// Releases such as v2.2.1; all older ones, the log follower's models and its seeds, unless named
    releases: Vec<String>,
}

/// Runs every part, also after one has failed, and ends with a line for each.
pub(crate) fn soak(args: &SoakArgs) -> Result<(), StepError> {
    prepare()?;
    let parts = match args.releases.as_slice() {
        [] => OLDER_RELEASES
            .map(|release| Part::Release(release.to_owned()))
            .into_iter()
            .chain([Part::Models, Part::Logs])
            .collect(),
        named => named.iter().cloned().map(Part::Release).collect::<Vec<_>>(),
    };
    let ended: Vec<_> = parts
        .iter()
        .map(|part| {
            say(format_args!("\n=== {}", part.title()));
            timed(|| part.run())
        })
        .collect();
    say("");
    for (part, (result, duration)) in parts.iter().zip(&ended) {
        say(summary_line(&part.title(), *duration, result));
    }
    let failures = ended.iter().filter_map(|(result, _)| result.as_ref().err());
    let failures: Vec<String> = failures.map(ToString::to_string).collect();
    if failures.is_empty() {
        return Ok(());
    }
    let (failed, all) = (failures.len(), parts.len());
    let text = format!("{failed} of {all} parts failed\n{}", failures.join("\n"));
    Err(StepError::Steps(text))
}

/// One part of the whole.
enum Part {
    Release(String),
    Models,
    Logs,
}

impl Part {
    fn title(&self) -> String {
        match self {
            Self::Release(release) => format!("Trainer {release}"),
            Self::Models => "models of logs".to_owned(),
            Self::Logs => "logs under faults".to_owned(),
        }
    }

    fn run(&self) -> Result<(), StepError> {
        match self {
            Self::Release(release) => test(release),
            Self::Models => models(),
            Self::Logs => lossless::lossless(&LosslessArgs::soak(), None),
        }
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

fn models() -> Result<(), StepError> {
    let mut tests = cargo();
    tests.args(["test", "--locked", "--package", "kubectl-trainer"]);
    tests.args(["--lib", MODELS]);
    run(tests.env(MODEL_CASES.0, MODEL_CASES.1))
}

fn summary_line(title: &str, duration: Duration, result: &Result<(), StepError>) -> String {
    let mark = if result.is_ok() { "ok    " } else { "FAILED" };
    format!("{mark}  {title:<20} {}", spelled(duration))
}
