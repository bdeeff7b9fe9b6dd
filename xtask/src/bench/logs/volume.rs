//! Many lines at once: how long it takes to read them all, and how much of the processor.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::LogsArgs;
use super::figure::{Figure, Rival, Unit};
use super::ground::Job;
use super::running::{Running, Usage};
use super::tools::{Follow, Tool, Tools};
use crate::process::{StepError, output, say, spelled};

/// Beside curl, which does nothing with the lines.
const WALL_LIMIT: f64 = 1.15;
const STERN_LIMIT: f64 = 0.2;
const KUBECTL_LIMIT: f64 = 1.0;
/// A line of a thousand pods beside a line of three.
const MANY_LIMIT: f64 = 1.5;

/// What came out, and the plugin's own runs.
pub(super) struct Volume {
    pub(super) figures: Vec<Figure>,
    pub(super) plugin: Vec<Usage>,
}

/// The job of three pods, read by all four in turn.
pub(super) fn measure(tools: &Tools<'_>, args: &LogsArgs) -> Result<Volume, StepError> {
    let job = &tools.ground.few;
    let lines = write_log(tools, job, args.lines)?;
    let mut usages: [Vec<Usage>; 4] = Default::default();
    for round in 1..=args.rounds {
        for (tool, usages) in Tool::ALL.into_iter().zip(&mut usages) {
            let usage = read_all(tools, tool, job, lines)?;
            say_usage(round, tool, usage);
            usages.push(usage);
        }
    }
    let [plugin, curl, kubectl, stern] = usages;
    let figure = |what, rival: Tool, theirs: &[Usage], limit, value: fn(&Usage) -> f64| Figure {
        what,
        unit: Unit::Seconds,
        ours: plugin.iter().map(value).collect(),
        rival: Some(Rival {
            name: rival.name().to_owned(),
            values: theirs.iter().map(value).collect(),
        }),
        limit,
    };
    let wall = |usage: &Usage| usage.wall;
    let user = |usage: &Usage| usage.user;
    let figures = vec![
        figure("three pods: time", Tool::Curl, &curl, WALL_LIMIT, wall),
        figure(
            "three pods: user processor time beside stern",
            Tool::Stern,
            &stern,
            STERN_LIMIT,
            user,
        ),
        figure(
            "three pods: user processor time beside kubectl",
            Tool::Kubectl,
            &kubectl,
            KUBECTL_LIMIT,
            user,
        ),
    ];
    Ok(Volume { figures, plugin })
}

/// As many lines of many pods, read by the plugin alone, beside its own runs with three.
pub(super) fn measure_many(
    tools: &Tools<'_>,
    args: &LogsArgs,
    few: &[Usage],
) -> Result<Figure, StepError> {
    let job = &tools.ground.many;
    let lines = write_log(tools, job, args.lines)?;
    let a_million = |usage: &Usage, lines: usize| usage.processor() * 1e6 / as_float(lines);
    let mut many = Vec::new();
    for round in 1..=args.rounds {
        let usage = read_all(tools, Tool::Plugin, job, lines)?;
        say_usage(round, Tool::Plugin, usage);
        many.push(a_million(&usage, lines));
    }
    let few_lines = lines_of(&tools.ground.few, args.lines);
    let few = few.iter().map(|usage| a_million(usage, few_lines));
    Ok(Figure {
        what: "a million lines of many pods: processor time",
        unit: Unit::Seconds,
        ours: many,
        rival: Some(Rival {
            name: "the same of three pods".to_owned(),
            values: few.collect(),
        }),
        limit: MANY_LIMIT,
    })
}

/// Gives the pods of a job so many lines together, and has them read once so that the log server knows them.
fn write_log(tools: &Tools<'_>, job: &Job, lines: usize) -> Result<usize, StepError> {
    tools.ground.write_log(lines / job.pods.len())?;
    let lines = lines_of(job, lines);
    let pods = job.pods.len();
    say(format_args!("\n{lines} lines of {pods} pods"));
    read_all(tools, Tool::Curl, job, lines)?;
    Ok(lines)
}

/// What `lines` come to when each pod has the same number of them.
fn lines_of(job: &Job, lines: usize) -> usize {
    lines / job.pods.len() * job.pods.len()
}

/// Runs a program to its end; it must have printed exactly so many lines.
fn read_all(tools: &Tools<'_>, tool: Tool, job: &Job, lines: usize) -> Result<Usage, StepError> {
    let printed = tools.folder().join("standard-output");
    let mut running = Vec::new();
    for command in tools.commands(tool, job, Follow::No) {
        let file =
            File::create(&printed).map_err(|error| StepError::io(printed.display(), error))?;
        running.push(Running::start(command, Stdio::from(file), tools.folder())?);
    }
    let mut whole = Usage::default();
    for running in running {
        whole = whole.beside(running.finish()?);
    }
    let files: Vec<PathBuf> = match tool {
        Tool::Curl => job.pods.iter().map(|pod| tools.curl_file(pod)).collect(),
        Tool::Plugin | Tool::Kubectl | Tool::Stern => vec![printed],
    };
    let counted = count_lines(&files)?;
    if counted == lines {
        return Ok(whole);
    }
    Err(StepError::Steps(format!(
        "{} printed {counted} of {lines} lines",
        tool.name()
    )))
}

/// Counts the lines of files, and removes them.
fn count_lines(files: &[PathBuf]) -> Result<usize, StepError> {
    let mut count = Command::new("sh");
    count
        .args(["-c", "cat -- \"$@\" | wc -l", "sh"])
        .args(files);
    let counted = output(&mut count)?;
    for file in files {
        fs::remove_file(file).map_err(|error| StepError::io(file.display(), error))?;
    }
    let text = String::from_utf8_lossy(&counted.stdout);
    let number = text.trim().parse();
    number.map_err(|_| StepError::Steps(format!("`wc -l` printed {text:?}")))
}

fn say_usage(round: usize, tool: Tool, usage: Usage) {
    let wall = spelled(Duration::from_secs_f64(usage.wall));
    say(format_args!(
        "round {round}: {}: {wall}, {:.2} s user, {:.2} s system",
        tool.name(),
        usage.user,
        usage.system
    ));
}

#[expect(clippy::cast_precision_loss, reason = "far fewer lines than 2^52")]
fn as_float(lines: usize) -> f64 {
    lines as f64
}
