//! Memory while nobody reads what the plugin prints and lines keep coming; and every line is there once somebody does.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::LogsArgs;
use super::figure::{Figure, Rival, Unit};
use super::followed::{FIRST_LINES, exactly};
use super::ground::LINES_A_SECOND;
use super::observer::Observer;
use super::running::Running;
use super::sizes::Size;
use super::tools::{Follow, Tool, Tools};
use crate::process::{StepError, say};

/// When the memory is looked at for the first time.
const EARLY: Duration = Duration::from_secs(30);
const LIMIT: f64 = 1.2;
/// In which all that was held back has to be printed.
const DRAIN_LIMIT: Duration = Duration::from_mins(5);

/// Follows many pods with a standard output that is a pipe which nobody reads.
pub(super) fn measure(tools: &Tools<'_>, args: &LogsArgs) -> Result<Figure, StepError> {
    let pods = tools.ground.many.pods.len();
    let late = EARLY.max(Duration::from_secs(args.stopped_seconds));
    say(format_args!(
        "\n{pods} followed pods of {LINES_A_SECOND} lines a second, and nobody who reads"
    ));
    let first = tools.ground.write_log(FIRST_LINES)?;
    let writer = tools.ground.write_on(first);
    let mut commands = tools.commands(Tool::Plugin, &tools.ground.many, Follow::Yes);
    let mut running = Running::start(commands.remove(0), Stdio::piped(), tools.folder())?;
    let early_memory = memory_at(&running, EARLY)?;
    let late_memory = memory_at(&running, late)?;
    let written = writer.stop()?;
    let lines = written.lines() * pods;
    let stdout = running.stdout();
    let stdout = stdout.ok_or_else(|| StepError::Steps("no standard output".to_owned()))?;
    let (observer, start) = (Observer::new(stdout), Instant::now());
    observer.wait(DRAIN_LIMIT, |seen| seen.printed.lines() >= lines);
    drop(running);
    exactly(&observer.finish(), &written, pods)?;
    say(format_args!(
        "memory {:.1} MB after {} s, {:.1} MB after {} s; then all {lines} lines came in {:.1} s",
        early_memory / 1e6,
        EARLY.as_secs(),
        late_memory / 1e6,
        late.as_secs(),
        start.elapsed().as_secs_f64()
    ));
    Ok(Figure {
        what: format!(
            "{pods} pods followed, nobody reads: memory after {} s",
            late.as_secs()
        ),
        unit: Unit::Bytes,
        ours: vec![late_memory],
        rival: Some(Rival {
            name: format!("after {} s", EARLY.as_secs()),
            values: vec![early_memory],
        }),
        limit: LIMIT,
        judging: args.judging(&[Size::Pods, Size::Stopped]),
    })
}

/// Resident bytes, that long after the start.
fn memory_at(running: &Running, moment: Duration) -> Result<f64, StepError> {
    thread::sleep(moment.saturating_sub(running.elapsed()));
    Ok(running.memory()?.resident)
}
