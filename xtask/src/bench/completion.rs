//! How long TAB takes behind the last of 10,000 TrainJobs, beside kubectl's own completion of the same names. What is
//! offered is compared with what there is; a run that offers anything else ends the measurement.

mod ground;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use super::figure::{Figure, Judging, Rival, Unit};
use super::logs::LogsArgs;
use super::memory::most_memory;
use super::running::Running;
use super::say_row;
use super::spread::Spread;
use crate::process::{StepError, output, say};
use ground::{Ground, NAMESPACE};

const JOBS: usize = 10_000;
/// Of kubectl's time.
const TIME_LIMIT: f64 = 1.0 / 3.0;
const MEMORY_LIMIT: f64 = 15e6;

/// How large the measurement is.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options of completion")]
pub(crate) struct CompletionArgs {
    /// TrainJobs in the namespace
    #[arg(long, default_value_t = JOBS)]
    jobs: usize,
}

/// Runs all measurements, shows their rows, and returns what is over its limit.
pub(super) fn measure(
    plugin: &Path,
    args: &CompletionArgs,
    common: &LogsArgs,
) -> Result<Vec<String>, StepError> {
    let ground = Ground::prepare(args.jobs, plugin)?;
    super::quiet::wait_for_rest(super::quiet::Rest::Long)?;
    let judging = if args.jobs < JOBS {
        Judging::Reduced
    } else {
        common.judging_of_rounds()
    };
    let taken = take(&ground, common.rounds())?;
    let version = output(Command::new(plugin).args(["version", "--client"]))?;
    let version = String::from_utf8_lossy(&version.stdout);
    say(format_args!("\n{}: {}", plugin.display(), version.trim()));
    let figures = figures(taken.clone(), args.jobs, judging);
    let missed = figures.iter().filter_map(Figure::report).collect();
    say_own_time(&taken);
    Ok(missed)
}

/// What every round took, in seconds and bytes.
#[derive(Clone, Debug, Default)]
struct Taken {
    ours: Vec<f64>,
    theirs: Vec<f64>,
    /// The plugin without kubectl.
    alone: Vec<f64>,
    memory: Vec<f64>,
}

/// Runs each in turn, after once unmeasured, so that files are in memory.
fn take(ground: &Ground, rounds: usize) -> Result<Taken, StepError> {
    let prefix = ground.prefix();
    let ours = ["trainer", "logs", "--namespace", NAMESPACE, &prefix];
    let theirs = ["get", "trainjobs", "--namespace", NAMESPACE, &prefix];
    let kubectl = |words: &[&str]| {
        let mut command = ground.kubectl();
        command.arg("__complete").args(words);
        command
    };
    let alone = || {
        let mut command = ground.plugin();
        command.args(&ours[1..]);
        command
    };
    let mut taken = Taken::default();
    for round in 0..=rounds {
        let in_turn = [
            time(ground, kubectl(&ours))?,
            time(ground, kubectl(&theirs))?,
            time(ground, alone())?,
        ];
        let memory = most_memory(&alone())?;
        if round > 0 {
            taken.ours.push(in_turn[0]);
            taken.theirs.push(in_turn[1]);
            taken.alone.push(in_turn[2]);
            taken.memory.push(memory);
        }
    }
    Ok(taken)
}

/// The seconds of one run, which must offer the names that there are.
fn time(ground: &Ground, command: Command) -> Result<f64, StepError> {
    let path = ground.folder().join("offered");
    let file = File::create(&path).map_err(|error| StepError::io(path.display(), error))?;
    let usage = Running::start(command, Stdio::from(file), ground.folder())?.finish()?;
    let text = fs::read_to_string(&path).map_err(|error| StepError::io(path.display(), error))?;
    let (offered, expected) = (offered(&text), ground.expected());
    if offered != expected {
        let text = format!("offered {offered:?} in place of {expected:?}");
        return Err(StepError::Steps(text));
    }
    Ok(usage.wall)
}

/// The words before their descriptions, without the last line, which tells the shell what to do with them.
fn offered(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with(':'));
    let words = lines.map(|line| line.split('\t').next().unwrap_or_default());
    words.collect()
}

fn figures(taken: Taken, jobs: usize, judging: Judging) -> [Figure; 2] {
    let rival = Rival {
        name: "`kubectl __complete get trainjobs`".to_owned(),
        values: taken.theirs,
    };
    let time = Figure {
        what: format!("TAB through kubectl behind the last of {jobs} TrainJobs"),
        unit: Unit::Seconds,
        ours: taken.ours,
        rival: Some(rival),
        limit: TIME_LIMIT,
        judging,
    };
    let memory = Figure {
        what: "the same: most memory of the plugin".to_owned(),
        unit: Unit::Bytes,
        ours: taken.memory,
        rival: None,
        limit: MEMORY_LIMIT,
        judging,
    };
    [time, memory]
}

/// For information: nothing is asked of it.
fn say_own_time(taken: &Taken) {
    let time = Spread::of(taken.alone.iter().map(|seconds| seconds * 1e3));
    let (middle, low, high) = (time.median, time.minimum, time.maximum);
    say_row(&format!(
        "| the same: the plugin alone | {middle:.0} ms | | | {low:.0} to {high:.0} ms | | |"
    ));
}

#[cfg(test)]
mod tests {
    use super::offered;

    #[test]
    fn what_is_offered_is_read_with_and_without_descriptions() {
        let text = "job-1\tComplete\njob-2\n:4\n";
        assert_eq!(offered(text), ["job-1", "job-2"]);
        assert_eq!(offered(":4\n"), [""; 0]);
    }
}
