//! How fast lines go to a terminal with rows under them, and how many bytes the rows cost. The terminal is a
//! pseudo-terminal whose other side reads as fast as it can; every line must arrive whole, once and in order.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::say_row;
use super::spread::{Kept, Spread};
use crate::process::{StepError, cargo, run, target_folder, words};
use crate::terminal::{Size, run_on_terminal};

const TERMINAL: Size = Size {
    columns: 140,
    rows: 50,
};
const LINES: usize = 1_000_000;
const ROUNDS: usize = 7;
/// How many rows, each of 130 bytes.
const ROWS: [usize; 3] = [0, 1, 6];
/// What a line has behind its number, and how a terminal ends it.
const FILL: &str = "loss=0.4321 lr=9.6e-05 grad_norm=1.234 throughput=8123.4 tokens/s elapsed=00:12:34 remaining=00:17:21\r\n";
/// Lines a second, at least.
const SPEED_LIMIT: f64 = 300_000.0;
/// Bytes that the terminal is sent beside the lines' own, at most.
const BYTES_LIMIT: f64 = 1.3;

/// What one run has shown.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shown {
    /// Lines a second.
    speed: f64,
    /// All bytes beside those of the lines.
    ratio: f64,
}

/// Runs all sizes in turn, and returns what was over its limit.
pub(super) fn measure() -> Result<Vec<String>, StepError> {
    let program = build()?;
    let mut runs = ROWS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (rows, runs) in ROWS.iter().zip(&mut runs) {
            runs.push(show(&program, *rows)?);
        }
    }
    let reports = ROWS.iter().zip(&runs);
    Ok(reports
        .filter_map(|(rows, runs)| report(*rows, runs))
        .collect())
}

/// With the profile of the released binary.
fn build() -> Result<PathBuf, StepError> {
    let name = "rows_under_lines";
    let build = ["build", "--locked", "--release", "--example", name];
    run(cargo().args(build).args(["--package", "kubectl-trainer"]))?;
    Ok(target_folder().join("release/examples").join(name))
}

fn report(rows: usize, runs: &[Shown]) -> Option<String> {
    let speed = Spread::of(runs.iter().map(|run| run.speed));
    let ratio = Spread::of(runs.iter().map(|run| run.ratio));
    let what = format!("{LINES} lines to a terminal with {rows} rows under them");
    say_row(&format!(
        "| {what} | {:.0} lines/s ({:.0} to {:.0}) | {SPEED_LIMIT:.0} | {:.3} of their bytes | {BYTES_LIMIT} |",
        speed.median, speed.minimum, speed.maximum, ratio.median
    ));
    let kept = [
        Kept::judge(SPEED_LIMIT, speed.median),
        Kept::judge(ratio.median, BYTES_LIMIT),
    ];
    kept.contains(&Kept::No).then_some(what)
}

fn show(program: &Path, rows: usize) -> Result<Shown, StepError> {
    let mut command = Command::new(program);
    command.args([LINES.to_string(), rows.to_string()]);
    let name = words(&command);
    let (sent, took) = sent_to_terminal(command).map_err(|error| StepError::io(&name, error))?;
    let judged = judge_lines(&sent).and_then(|seen| {
        seen.judge_rows(rows, took)?;
        Ok(seen)
    });
    let seen = judged.map_err(|text| StepError::Steps(format!("{name}: {text}")))?;
    Ok(Shown {
        speed: as_number(LINES) / took.as_secs_f64(),
        ratio: as_number(sent.len()) / as_number(seen.bytes),
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of bytes or lines; its first digits matter"
)]
fn as_number(count: usize) -> f64 {
    count as f64
}

/// Everything that a terminal is sent, and how long that takes.
fn sent_to_terminal(mut command: Command) -> std::io::Result<(Vec<u8>, Duration)> {
    command.env("TERM", "xterm");
    let mut sent = Vec::with_capacity(256 << 20);
    let start = Instant::now();
    let status = run_on_terminal(command, TERMINAL, |bytes| sent.extend_from_slice(bytes))?;
    if !status.success() {
        return Err(std::io::Error::other(format!("it ended with {status}")));
    }
    Ok((sent, start.elapsed()))
}

/// What stood in all that a terminal was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Of the lines themselves.
    bytes: usize,
    /// Those that were drawn, each as often as it was.
    rows: usize,
}

impl Seen {
    /// Rows that nobody saw cost nothing: each has to have been drawn in every second, and none where none is wanted.
    fn judge_rows(self, wanted: usize, took: Duration) -> Result<(), String> {
        let seconds = usize::try_from(took.as_secs()).unwrap_or(usize::MAX);
        let least = wanted.saturating_mul(seconds.max(1));
        if self.rows < least || (wanted == 0 && self.rows > 0) {
            let rows = self.rows;
            return Err(format!("{rows} rows were drawn, and not {least}"));
        }
        Ok(())
    }
}

/// What was seen, if all lines are there, whole, once and in order.
fn judge_lines(sent: &[u8]) -> Result<Seen, String> {
    let (mut number, mut seen) = (0, Seen::default());
    for record in sent.split_inclusive(|byte| *byte == b'\n') {
        let line = match record.strip_prefix(b"\x1b") {
            Some(erasing) => erasing
                .split(|byte| *byte == b'J')
                .nth(1)
                .unwrap_or_default(),
            None => record,
        };
        if line.is_empty() {
            continue;
        }
        if line.starts_with(b"row ") {
            seen.rows += 1;
            continue;
        }
        number += 1;
        if line.strip_prefix(format!("line {number} ").as_bytes()) != Some(FILL.as_bytes()) {
            return Err(format!(
                "line {number} is {:?}",
                String::from_utf8_lossy(record)
            ));
        }
        seen.bytes += line.len();
    }
    match number {
        LINES => Ok(seen),
        fewer => Err(format!("{fewer} lines came of {LINES}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FILL, Seen, judge_lines};

    #[test]
    fn a_line_that_is_torn_or_missing_is_no_measurement() {
        let torn = FILL.replace(" lr", "\u{1b}[1F\u{1b}[J lr");
        for (sent, expected) in [
            (format!("line 1 {FILL}row 1\r\n"), "1 lines came of 1000000"),
            (
                format!("line 1 {FILL}\u{1b}[1F\u{1b}[Jline 3 {FILL}"),
                "line 2 is",
            ),
            (format!("line 1 {FILL}line 2 {torn}"), "line 2 is"),
            ("line 1 loss=0row 1\r\n".to_owned(), "line 1 is"),
        ] {
            let error = judge_lines(sent.as_bytes()).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn rows_that_were_not_drawn_are_no_measurement() {
        let judge = |rows, wanted| {
            let seen = Seen { bytes: 1, rows };
            seen.judge_rows(wanted, Duration::from_millis(2500))
        };
        assert_eq!(judge(12, 6), Ok(()));
        assert_eq!(judge(0, 0), Ok(()));
        assert!(judge(11, 6).is_err() && judge(0, 1).is_err() && judge(1, 0).is_err());
    }
}
