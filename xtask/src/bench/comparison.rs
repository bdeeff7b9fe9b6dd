//! Two sides run in turn, and the ratio of their times.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::say_row;
use super::spread::{Kept, Spread};
use crate::process::{StepError, words};

/// How often plugin and rival are run in turn.
const PAIRS: usize = 11;

/// What the two sides took, pair by pair, and what is asked of their ratio.
pub(super) struct Comparison {
    pub(super) what: &'static str,
    pub(super) rival: &'static str,
    pub(super) limit: f64,
    pub(super) pairs: Vec<(Duration, Duration)>,
}

impl Comparison {
    /// Shows the row; the median of the ratio is what must keep the limit.
    pub(super) fn report(&self) -> Kept {
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        let ours = Spread::of(self.pairs.iter().map(|pair| millis(pair.0))).median;
        let theirs = Spread::of(self.pairs.iter().map(|pair| millis(pair.1))).median;
        let ratios = self
            .pairs
            .iter()
            .map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64());
        let ratio = Spread::of(ratios);
        say_row(&format!(
            "| {} | {ours:.1} ms | {} | {theirs:.1} ms | {:.3} ({:.3} to {:.3}) | {:.3} |",
            self.what, self.rival, ratio.median, ratio.minimum, ratio.maximum, self.limit
        ));
        Kept::judge(ratio.median, self.limit)
    }
}

/// Runs both sides in turn, once each unmeasured so that files are in memory.
pub(super) fn pairs(
    mut ours: Vec<Command>,
    mut theirs: Vec<Command>,
) -> Result<Vec<(Duration, Duration)>, StepError> {
    time_side(&mut ours)?;
    time_side(&mut theirs)?;
    (0..PAIRS)
        .map(|_| Ok((time_side(&mut ours)?, time_side(&mut theirs)?)))
        .collect()
}

/// The commands of one side, one after the other; each must succeed, or its time means nothing.
fn time_side(commands: &mut [Command]) -> Result<Duration, StepError> {
    let start = Instant::now();
    for command in commands {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let ended = command.stderr(Stdio::null()).status();
        let status = ended.map_err(|source| StepError::NotStarted {
            command: words(command),
            source,
        })?;
        if !status.success() {
            let command = words(command);
            return Err(StepError::Failed { command, status });
        }
    }
    Ok(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_not_measured() {
        let failed = time_side(&mut [Command::new("false")]).unwrap_err();
        assert_eq!(failed.to_string(), "`false` ended with exit status: 1");
    }
}
