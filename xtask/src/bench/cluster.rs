//! How long the test bed takes to come up with Trainer and to go down again, ten times in a row; one failure ends it.

use std::time::Duration;

use testbed::{Options, Testbed};

use super::{median, say_row};
use crate::process::{StepError, say, timed};

/// How often in a row.
const TIMES: usize = 10;
/// Limits of the two medians.
const UP_LIMIT: Duration = Duration::from_secs(45);
const DOWN_LIMIT: Duration = Duration::from_secs(3);

/// Runs the ten rounds; over a limit is an error.
pub(super) fn measure() -> Result<(), StepError> {
    let mut ups = Vec::new();
    let mut downs = Vec::new();
    for round in 1..=TIMES {
        say(format_args!("round {round} of {TIMES}"));
        let (bed, up) = timed(|| Testbed::start(&Options::with_trainer(), &mut std::io::stderr()));
        let bed = bed?;
        let ((), down) = timed(|| drop(bed));
        ups.push(up);
        downs.push(down);
    }
    let kept = [
        report("up with Trainer", &ups, UP_LIMIT),
        report("down", &downs, DOWN_LIMIT),
    ];
    if kept == [Kept::Yes; 2] {
        Ok(())
    } else {
        Err(StepError::Steps(
            "the test bed is over its limit".to_owned(),
        ))
    }
}

/// Whether a limit was kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

fn report(what: &str, durations: &[Duration], limit: Duration) -> Kept {
    let mut seconds: Vec<f64> = durations.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = median(&seconds);
    let (low, high) = (seconds[0], seconds[seconds.len() - 1]);
    let times = seconds.len();
    let limit = limit.as_secs_f64();
    say_row(&format!(
        "| {what}, {times} times in a row | {middle:.1} s ({low:.1} to {high:.1}) | {limit:.0} s |"
    ));
    if high <= limit { Kept::Yes } else { Kept::No }
}
