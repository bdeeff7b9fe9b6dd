//! Waits until the machine has come to rest: a thousand pods that have just come up keep their controllers busy for a
//! while, and whoever is measured first would pay for it.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{StepError, say};

const PATH: &str = "/proc/stat";
const LOOK: Duration = Duration::from_secs(2);
/// A larger share of all processors is no rest. The bed alone takes some 3 %.
const BUSY_PERCENT: u64 = 10;

/// What the processors have done since the machine started, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    all: u64,
    idle: u64,
}

/// How much rest is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Of controllers that were busy for minutes.
    Long,
    /// Of what one program left the server to clear away.
    Short,
}

impl Rest {
    /// Looks in a row that must all be quiet.
    const fn looks(self) -> u32 {
        match self {
            Self::Long => 3,
            Self::Short => 1,
        }
    }

    const fn limit(self) -> Duration {
        match self {
            Self::Long => Duration::from_mins(3),
            Self::Short => Duration::from_secs(20),
        }
    }
}

/// Goes on after a while also where there is no rest, and says so: then the figures are worth less.
pub(super) fn wait_for_rest(rest: Rest) -> Result<(), StepError> {
    let start = Instant::now();
    let mut quiet = 0;
    loop {
        let before = fetch_ticks()?;
        thread::sleep(LOOK);
        let busy = busy_percent(before, fetch_ticks()?);
        quiet = if busy < BUSY_PERCENT { quiet + 1 } else { 0 };
        if quiet == rest.looks() {
            return Ok(());
        }
        if start.elapsed() > rest.limit() {
            say(format_args!(
                "the machine does not come to rest: {busy} % busy before anything is measured"
            ));
            return Ok(());
        }
    }
}

fn fetch_ticks() -> Result<Ticks, StepError> {
    let text = fs::read_to_string(PATH).map_err(|error| StepError::io(PATH, error))?;
    parse_ticks(&text).ok_or_else(|| {
        StepError::Steps(format!("{PATH} does not begin with the processors' times"))
    })
}

/// `cpu user nice system idle iowait irq softirq steal ...`
fn parse_ticks(text: &str) -> Option<Ticks> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .take(8)
        .map(|field| field.parse().ok())
        .collect::<Option<_>>()?;
    Some(Ticks {
        all: ticks.iter().sum(),
        idle: ticks.get(3)? + ticks.get(4)?,
    })
}

fn busy_percent(before: Ticks, after: Ticks) -> u64 {
    let all = after.all.saturating_sub(before.all).max(1);
    let idle = after.idle.saturating_sub(before.idle);
    100 - (idle * 100 / all).min(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_disk_is_no_work_and_what_others_took_is() {
        let before = parse_ticks("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3").unwrap();
        assert_eq!(
            before,
            Ticks {
                all: 1000,
                idle: 800
            }
        );
        let after = parse_ticks("cpu  150 0 110 760 130 5 5 40 90 0\n").unwrap();
        assert_eq!(busy_percent(before, after), 55);
        assert_eq!(busy_percent(before, before), 100);
        assert_eq!(parse_ticks("intr 1 2 3"), None);
    }
}
