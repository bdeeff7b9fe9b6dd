//! `cargo xtask test`: brings up one cluster, runs every test of the workspace against it, takes it down, and ends
//! with how many passed, failed and were skipped; each skipped test is named with its reason.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

use testbed::{Options, Testbed};

use crate::bundle;
use crate::process::{StepError, cargo, run, say, spelled, target_folder, timed, words};

/// What libtest's own result lines of all test programs add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    /// Names of the tests that libtest itself passed over, with its reason.
    ignored: Vec<String>,
}

impl Tally {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …` or `test NAME ... ignored, REASON`.
    fn read(&mut self, line: &str) {
        if let Some((name, reason)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... ignored"))
        {
            let reason = reason.trim_start_matches(", ");
            self.ignored.push(format!("{name}: {reason}"));
        } else if let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        {
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
        }
    }
}

/// `3` of `3 passed` in `3 passed; 0 failed; …`.
fn count(counts: &str, what: &str) -> usize {
    let found = counts.split("; ").find_map(|part| {
        let (number, word) = part.split_once(' ')?;
        (word == what).then(|| number.parse().ok())?
    });
    found.unwrap_or(0)
}

/// Runs the tests; `filter` is handed to `cargo test` as it is.
pub(crate) fn test(filter: &[String]) -> Result<(), StepError> {
    let (result, duration) = timed(|| test_on_a_cluster(filter));
    let (tally, skipped, status) = result?;
    for line in skipped.iter().chain(&tally.ignored) {
        say(format_args!("skipped: {line}"));
    }
    let passed = tally.passed.saturating_sub(skipped.len());
    let all_skipped = skipped.len() + tally.ignored.len();
    say(format_args!(
        "{passed} passed, {} failed, {all_skipped} skipped in {}",
        tally.failed,
        spelled(duration)
    ));
    if status.success() {
        Ok(())
    } else {
        Err(StepError::Steps(format!("tests ended with {status}")))
    }
}

fn test_on_a_cluster(filter: &[String]) -> Result<(Tally, Vec<String>, ExitStatus), StepError> {
    let skipped_file = target_folder().join("skipped-tests.txt");
    fs::create_dir_all(target_folder())
        .map_err(|error| StepError::io("the build folder", error))?;
    fs::write(&skipped_file, "").map_err(|error| StepError::io(skipped_file.display(), error))?;
    let ground = prepare_ground()?;
    run(cargo().args(["build", "--locked", "--workspace", "--bins"]))?;
    run(cargo().args(["test", "--locked", "--workspace", "--no-run"]))?;
    let bed = match ground {
        Ground::Cluster => Some(Testbed::start(&Options::with_trainer(), &mut io::stderr())?),
        Ground::NoCluster => None,
    };
    let (tally, status) = run_tests(filter, bed.as_ref(), &skipped_file)?;
    drop(bed);
    Ok((tally, skipped_tests(&skipped_file), status))
}

/// Whether this machine can run a real cluster.
enum Ground {
    Cluster,
    NoCluster,
}

/// Says what is missing for a cluster; where nothing is, makes what the build embeds.
fn prepare_ground() -> Result<Ground, StepError> {
    let missing = testbed::requirements::missing();
    if missing.is_empty() {
        testbed::requirements::provide(&mut io::stderr())?;
        bundle::make_if_missing()?;
        return Ok(Ground::Cluster);
    }
    say("tests that need a real cluster are skipped, because of this machine:");
    for lack in &missing {
        say(format_args!("  {lack}"));
    }
    Ok(Ground::NoCluster)
}

fn run_tests(
    filter: &[String],
    bed: Option<&Testbed>,
    skipped: &Path,
) -> Result<(Tally, ExitStatus), StepError> {
    let mut tests = test_command(filter, bed, skipped);
    let command = words(&tests);
    let mut child = tests
        .spawn()
        .map_err(|source| StepError::NotStarted { command, source })?;
    let tally = child.stdout.take().map(read_results).unwrap_or_default();
    let status = child
        .wait()
        .map_err(|error| StepError::io("the tests", error))?;
    Ok((tally, status))
}

fn test_command(filter: &[String], bed: Option<&Testbed>, skipped: &Path) -> Command {
    let mut tests = cargo();
    tests
        .args(["test", "--locked", "--workspace", "--no-fail-fast"])
        .args(filter)
        .env("KUBECTL_TRAINER_SKIPPED", skipped)
        .env("RUST_TEST_THREADS", threads().to_string())
        .env(
            "KUBECTL_TRAINER_TESTBED_PROGRAM",
            target_folder().join("debug/testbed"),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if let Some(bed) = bed {
        tests.env("KUBECTL_TRAINER_TESTBED", bed.name());
    }
    tests
}

/// Tests that want a cluster for themselves wait for each other, and most wait for what a cluster does: with one thread
/// more than the machine has processors it has something to do.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get) + 1
}

/// Passes the tests' output on as it comes, whatever bytes are in it, and adds up the result lines.
fn read_results(stdout: ChildStdout) -> Tally {
    let mut tally = Tally::default();
    for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        tally.read(&line);
        // The tests go on, and are counted, also when nobody reads along.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }
    tally
}

fn skipped_tests(file: &PathBuf) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tally_adds_up_the_result_lines_of_all_test_programs() {
        let mut tally = Tally::default();
        let output = "running 3 tests\ntest a ... ok\ntest b::c ... ignored, too long\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.10s\n";
        output.lines().for_each(|line| tally.read(line));
        assert_eq!(
            tally,
            Tally {
                passed: 7,
                failed: 2,
                ignored: vec!["b::c: too long".to_owned()]
            }
        );
    }
}
