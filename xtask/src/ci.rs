//! `cargo xtask ci`: everything a change must pass, in the order in which it fails soonest; `.ci/run` calls it.

use std::process::Command;
use std::time::Duration;

use crate::process::{StepError, cargo, output, run, say, spelled, timed};
use crate::test;

/// The version of cargo-deny that is built where there is none.
const CARGO_DENY: &str = "0.20.2";

/// One step of the list: what it proves, and how.
struct Step {
    name: &'static str,
    run: fn() -> Result<(), StepError>,
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        run: format,
    },
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "licences, bans, sources",
        run: deny,
    },
    Step {
        name: "advisories",
        run: advisories,
    },
    Step {
        name: "documentation",
        run: documentation,
    },
    Step {
        name: "tests",
        run: tests,
    },
];

/// Runs every step, also after one has failed, and ends with a line for each and the time of all.
pub(crate) fn ci() -> Result<(), StepError> {
    have_components()?;
    let (steps, duration) = timed(run_steps);
    say("");
    for (name, duration, result) in &steps {
        say(summary_line(name, *duration, result));
    }
    say(format_args!("{:34} {}", "all", spelled(duration)));
    match steps.iter().filter(|(.., result)| result.is_err()).count() {
        0 => Ok(()),
        failed => Err(StepError::Steps(format!(
            "{failed} of {} steps failed",
            STEPS.len()
        ))),
    }
}

/// What a toolchain can lack is said before anything is built.
fn have_components() -> Result<(), StepError> {
    for component in ["fmt", "clippy"] {
        if !output(cargo().args([component, "--version"]))?
            .status
            .success()
        {
            let text = format!(
                "cargo {component} is missing; mend it with: rustup component add rustfmt clippy"
            );
            return Err(StepError::Steps(text));
        }
    }
    Ok(())
}

fn run_steps() -> Vec<(&'static str, Duration, Result<(), StepError>)> {
    let mut ended = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        say(format_args!(
            "\n=== {} of {}: {}",
            index + 1,
            STEPS.len(),
            step.name
        ));
        let (result, duration) = timed(step.run);
        if let Err(error) = &result {
            say(format_args!("failed: {error}"));
        }
        ended.push((step.name, duration, result));
    }
    ended
}

fn summary_line(name: &str, duration: Duration, result: &Result<(), StepError>) -> String {
    let mark = if result.is_ok() { "ok    " } else { "FAILED" };
    format!("{mark}  {name:<26} {}", spelled(duration))
}

fn format() -> Result<(), StepError> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), StepError> {
    run(cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation() -> Result<(), StepError> {
    let mut doc = cargo();
    doc.args([
        "doc",
        "--locked",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn tests() -> Result<(), StepError> {
    test::test(&[])
}

fn deny() -> Result<(), StepError> {
    have_cargo_deny()?;
    run(cargo().args(["deny", "--locked", "check", "licenses", "bans", "sources"]))
}

fn have_cargo_deny() -> Result<(), StepError> {
    if output(cargo().args(["deny", "--version"]))?
        .status
        .success()
    {
        return Ok(());
    }
    say(format_args!(
        "cargo-deny is not installed: building version {CARGO_DENY} (some minutes, once)"
    ));
    run(cargo().args([
        "install",
        "--quiet",
        "--locked",
        "cargo-deny",
        "--version",
        CARGO_DENY,
    ]))
}

/// Advisories live in a git repository that is not a package registry: where it cannot be reached, that is said.
fn advisories() -> Result<(), StepError> {
    let mut check = cargo();
    check.args(["deny", "--locked", "check", "advisories"]);
    let ended = output(&mut check)?;
    let text = String::from_utf8_lossy(&ended.stderr);
    if ended.status.success() {
        return Ok(());
    }
    if cannot_be_reached(&text) {
        say("not checked: the advisory database cannot be reached from this machine");
        return Ok(());
    }
    say(text);
    Err(failed(&check, ended.status))
}

fn failed(command: &Command, status: std::process::ExitStatus) -> StepError {
    StepError::Failed {
        command: crate::process::words(command),
        status,
    }
}

/// cargo-deny's words for a database that it could neither fetch nor find.
fn cannot_be_reached(text: &str) -> bool {
    text.contains("failed to load advisory database")
        || text.contains("failed to fetch advisory database")
}
