//! How long the test bed takes to come up with Trainer and to go down again, ten times in a row; one failure ends it.

use std::time::Duration;

use testbed::{Options, Testbed};

use super::say_row;
use super::spread::{Kept, Spread};
use crate::process::{StepError, say, timed};

/// How often in a row.
const TIMES: usize = 10;
/// Limits of the two medians.
const UP_LIMIT: Duration = Duration::from_secs(45);
const DOWN_LIMIT: Duration = Duration::from_secs(3);

/// Runs the ten rounds, and returns what was over its limit in any of them.
pub(super) fn measure() -> Result<Vec<&'static str>, StepError> {
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
    let reports = [
        ("up with Trainer", &ups, UP_LIMIT),
        ("down", &downs, DOWN_LIMIT),
    ];
    let missed = reports
        .into_iter()
        .filter(|(what, durations, limit)| report(what, durations, *limit) == Kept::No);
    Ok(missed.map(|(what, ..)| what).collect())
}

fn report(what: &str, durations: &[Duration], limit: Duration) -> Kept {
    let seconds = Spread::of(durations.iter().map(Duration::as_secs_f64));
    let times = durations.len();
    let limit = limit.as_secs_f64();
    let (middle, low, high) = (seconds.median, seconds.minimum, seconds.maximum);
    say_row(&format!(
        "| {what}, {times} times in a row | {middle:.1} s ({low:.1} to {high:.1}) | {limit:.0} s |"
    ));
    Kept::judge(high, limit)
}
