//! Many followed logs: how long until every pod's first line has come, and how much memory it takes to hold them.

use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::LogsArgs;
use super::figure::{Figure, Rival, Unit};
use super::observer::{Observer, wait_for_files};
use super::printed::{Printed, Written};
use super::quiet::{self, Rest};
use super::running::{Memory, Running};
use super::sizes::Size;
use super::tools::{Follow, Tool, Tools};
use crate::process::{StepError, say};

/// What is there when the logs are opened.
pub(super) const FIRST_LINES: usize = 5;
const TIME_LIMIT: f64 = 1.3;
const MEMORY_LIMIT: f64 = 40e6;
const STERN_MEMORY_LIMIT: f64 = 0.5;
/// For the two that are to open all.
const OPEN_LIMIT: Duration = Duration::from_mins(2);
/// In which all lines have to arrive once the last was written.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);

/// The plugin and curl in turn, then the plugin while lines come, then stern and kubectl for a while.
pub(super) fn measure(tools: &Tools<'_>, args: &LogsArgs) -> Result<Vec<Figure>, StepError> {
    let pods = tools.ground.many.pods.len();
    say(format_args!("\n{pods} followed pods"));
    let (mut ours, mut curls) = (Vec::new(), Vec::new());
    tools.ground.write_log(FIRST_LINES)?;
    // Once, so that the log server knows them: whoever comes first waits a third of a second longer.
    open_all_with_curl(tools)?;
    for round in 1..=args.rounds {
        // Another begins each round, and what one leaves the server to clear away is not the other's.
        let mut programs = [Tool::Plugin, Tool::Curl];
        programs.rotate_left(round % 2);
        for program in programs {
            quiet::wait_for_rest(Rest::Short)?;
            match program {
                Tool::Plugin => ours.push(open_all(tools)?),
                _ => curls.push(open_all_with_curl(tools)?),
            }
        }
        let (ours, curl) = (ours[round - 1], curls[round - 1]);
        say(format_args!(
            "round {round}: every pod's first line: {} {ours:.2} s, {} {curl:.2} s",
            Tool::Plugin.name(),
            Tool::Curl.name()
        ));
    }
    let patience = Duration::from_secs(args.follow_seconds);
    let memory = hold(tools, patience)?;
    tools.ground.write_log(FIRST_LINES)?;
    let stern = open_some(tools, Tool::Stern, patience)?;
    open_some(tools, Tool::Kubectl, patience)?;
    Ok(figures(args, (ours, curls), memory, &stern))
}

fn figures(
    args: &LogsArgs,
    (ours, curls): (Vec<f64>, Vec<f64>),
    memory: Memory,
    stern: &Opened,
) -> Vec<Figure> {
    let pods = args.pods();
    let held = args.judging(&[Size::Pods, Size::Follow]);
    vec![
        Figure {
            what: format!("{pods} pods followed: time until every pod's first line"),
            unit: Unit::Seconds,
            ours,
            rival: Some(Rival {
                name: Tool::Curl.name().to_owned(),
                values: curls,
            }),
            limit: TIME_LIMIT,
            judging: args.judging(&[Size::Pods, Size::Rounds]),
        },
        Figure {
            what: format!("{pods} pods followed: most memory"),
            unit: Unit::Bytes,
            ours: vec![memory.peak],
            rival: None,
            limit: MEMORY_LIMIT,
            judging: held,
        },
        Figure {
            what: format!("{pods} pods followed: most memory"),
            unit: Unit::Bytes,
            ours: vec![memory.peak],
            rival: Some(Rival {
                name: format!("`stern`, {} pods by then", stern.pods),
                values: vec![stern.memory.peak],
            }),
            limit: STERN_MEMORY_LIMIT,
            judging: held,
        },
    ]
}

/// Starts a program whose output an observer reads.
pub(super) fn observe(tools: &Tools<'_>, tool: Tool) -> Result<(Running, Observer), StepError> {
    let mut commands = tools.commands(tool, &tools.ground.many, Follow::Yes);
    let command = commands.remove(0);
    let mut running = Running::start(command, Stdio::piped(), tools.folder())?;
    let stdout = running.stdout();
    let stdout = stdout.ok_or_else(|| StepError::Steps("no standard output".to_owned()))?;
    Ok((running, Observer::new(stdout)))
}

/// Seconds from the plugin's start until every pod's first line.
fn open_all(tools: &Tools<'_>) -> Result<f64, StepError> {
    let pods = tools.ground.many.pods.len();
    let start = Instant::now();
    let (running, observer) = observe(tools, Tool::Plugin)?;
    let seen = observer.wait(OPEN_LIMIT, |seen| seen.pods() >= pods);
    drop(running);
    all_opened(Tool::Plugin, seen.pods(), pods)?;
    Ok((seen.newest - start).as_secs_f64())
}

/// The same of all curls together.
fn open_all_with_curl(tools: &Tools<'_>) -> Result<f64, StepError> {
    let job = &tools.ground.many;
    let files: Vec<PathBuf> = job.pods.iter().map(|pod| tools.curl_file(pod)).collect();
    for file in &files {
        // Only the first round finds none from before.
        let _ = std::fs::remove_file(file);
    }
    let start = Instant::now();
    let running = tools
        .commands(Tool::Curl, job, Follow::Yes)
        .into_iter()
        .map(|command| Running::start(command, Stdio::null(), tools.folder()))
        .collect::<Result<Vec<_>, _>>()?;
    let opened = wait_for_files(&files, OPEN_LIMIT);
    let seconds = start.elapsed().as_secs_f64();
    drop(running);
    all_opened(Tool::Curl, opened, files.len())?;
    Ok(seconds)
}

fn all_opened(tool: Tool, opened: usize, pods: usize) -> Result<(), StepError> {
    if opened == pods {
        return Ok(());
    }
    let name = tool.name();
    Err(StepError::Steps(format!(
        "{name} printed lines of {opened} of {pods} pods within {} s",
        OPEN_LIMIT.as_secs()
    )))
}

/// The plugin's memory after lines have come for a while, every one of which it must have printed.
fn hold(tools: &Tools<'_>, patience: Duration) -> Result<Memory, StepError> {
    let pods = tools.ground.many.pods.len();
    let first = tools.ground.write_log(FIRST_LINES)?;
    let (running, observer) = observe(tools, Tool::Plugin)?;
    let seen = observer.wait(OPEN_LIMIT, |seen| seen.pods() >= pods);
    all_opened(Tool::Plugin, seen.pods(), pods)?;
    let writer = tools.ground.write_on(first);
    thread::sleep(patience);
    let written = writer.stop()?;
    let lines = written.lines() * pods;
    observer.wait(SETTLE_LIMIT, |seen| seen.printed.lines() >= lines);
    let memory = running.memory()?;
    drop(running);
    exactly(&observer.finish(), &written, pods)?;
    say(format_args!(
        "{} printed all {lines} lines of {pods} pods; memory {:.1} MB, at most {:.1} MB",
        Tool::Plugin.name(),
        memory.resident / 1e6,
        memory.peak / 1e6
    ));
    Ok(memory)
}

/// The plugin's lines must be those that were written, each once.
pub(super) fn exactly(printed: &Printed, written: &Written, pods: usize) -> Result<(), StepError> {
    let name = Tool::Plugin.name();
    let judged = printed.judge(written, pods);
    judged.map_err(|why| StepError::Steps(format!("{name} {why}")))
}

/// How far a program came that opens only so many logs a second.
struct Opened {
    pods: usize,
    memory: Memory,
}

fn open_some(tools: &Tools<'_>, tool: Tool, patience: Duration) -> Result<Opened, StepError> {
    let all = tools.ground.many.pods.len();
    let (running, observer) = observe(tools, tool)?;
    let seen = observer.wait(patience, |seen| seen.pods() >= all);
    let memory = running.memory()?;
    let (name, pods) = (tool.name(), seen.pods());
    say(format_args!(
        "{name}: lines of {pods} of {all} pods after {:.1} s; memory at most {:.1} MB",
        running.elapsed().as_secs_f64(),
        memory.peak / 1e6
    ));
    Ok(Opened { pods, memory })
}
