//! Many lines at once: how long it takes to read them all, and how much of the processor.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use super::LogsArgs;
use super::figure::{Figure, Rival, Unit};
use super::ground::Job;
use super::printed::{Printed, Written, take_file};
use super::quiet::{self, Rest};
use super::running::{Running, Usage};
use super::sizes::Size;
use super::tools::{Follow, Tool, Tools};
use crate::process::{StepError, say, spelled};

/// Beside curl, which does nothing with the lines.
const WALL_LIMIT: f64 = 1.15;
const STERN_LIMIT: f64 = 0.2;
const KUBECTL_LIMIT: f64 = 1.0;
/// A line of a thousand pods beside a line of three.
const MANY_LIMIT: f64 = 1.5;
/// curl is a program of its own for every ninety pods.
const CURL_LIMIT: f64 = 1.0;

/// What came out, and the plugin's own runs.
pub(super) struct Volume {
    pub(super) figures: Vec<Figure>,
    pub(super) plugin: Vec<Usage>,
}

/// The job of three pods, read by all four in turn.
pub(super) fn measure(tools: &Tools<'_>, args: &LogsArgs) -> Result<Volume, StepError> {
    let job = &tools.ground.few;
    let written = write_log(tools, job, args.lines)?;
    let [plugin, curl, kubectl, stern] =
        read_in_turn(tools, Tool::ALL, (job, &written), args.rounds)?;
    let judging = args.judging(&[Size::Lines, Size::Rounds]);
    let sizes = args.sizes_of_volume(job.pods.len());
    let figure = |what, rival: Tool, theirs: &[Usage], limit, value: fn(&Usage) -> f64| Figure {
        what: format!("{sizes}: {what}"),
        unit: Unit::Seconds,
        ours: plugin.iter().map(value).collect(),
        rival: Some(Rival {
            name: rival.name().to_owned(),
            values: theirs.iter().map(value).collect(),
        }),
        limit,
        judging,
    };
    let wall = |usage: &Usage| usage.wall;
    let user = |usage: &Usage| usage.user;
    let figures = vec![
        figure("time", Tool::Curl, &curl, WALL_LIMIT, wall),
        figure(
            "user processor time",
            Tool::Stern,
            &stern,
            STERN_LIMIT,
            user,
        ),
        figure(
            "user processor time",
            Tool::Kubectl,
            &kubectl,
            KUBECTL_LIMIT,
            user,
        ),
    ];
    Ok(Volume { figures, plugin })
}

/// As many lines as of few pods, but of many: processor time a line beside that of few, and beside curl's own.
pub(super) fn measure_many(
    tools: &Tools<'_>,
    args: &LogsArgs,
    few: &[Usage],
) -> Result<Vec<Figure>, StepError> {
    let job = &tools.ground.many;
    let written = write_log(tools, job, args.lines)?;
    let programs = [Tool::Plugin, Tool::Curl];
    let [plugin, curl] = read_in_turn(tools, programs, (job, &written), args.rounds)?;
    let a_million = |usages: &[Usage], lines: usize| -> Vec<f64> {
        let processor = usages.iter().map(|usage| usage.processor());
        processor
            .map(|seconds| seconds * 1e6 / as_float(lines))
            .collect()
    };
    let lines = written.lines() * job.pods.len();
    let few_pods = &tools.ground.few;
    let few = Rival {
        name: format!("the same, {} pods", few_pods.pods.len()),
        values: a_million(few, lines_of(few_pods, args.lines)),
    };
    let curl = Rival {
        name: Tool::Curl.name().to_owned(),
        values: a_million(&curl, lines),
    };
    let sizes = args.sizes_of_volume(job.pods.len());
    let figure = |rival: Rival, limit: f64| Figure {
        what: format!("{sizes}: processor time for a million lines"),
        unit: Unit::Seconds,
        ours: a_million(&plugin, lines),
        rival: Some(rival),
        limit,
        judging: args.judging(&[Size::Lines, Size::Pods, Size::Rounds]),
    };
    Ok(vec![figure(few, MANY_LIMIT), figure(curl, CURL_LIMIT)])
}

/// The runs of some programs, round by round. What one leaves the server to clear away is nobody else's: none begins
/// before the machine is at rest, and none always comes after the same other.
fn read_in_turn<const N: usize>(
    tools: &Tools<'_>,
    programs: [Tool; N],
    (job, written): (&Job, &Written),
    rounds: usize,
) -> Result<[Vec<Usage>; N], StepError> {
    let mut usages = [const { Vec::new() }; N];
    for round in 1..=rounds {
        for place in order_of_round::<N>(round) {
            quiet::wait_for_rest(Rest::Short)?;
            let usage = read_all(tools, programs[place], job, written)?;
            say_usage(round, programs[place], usage);
            usages[place].push(usage);
        }
    }
    Ok(usages)
}

/// Each round begins with another, and when all have begun one, the order is turned about.
fn order_of_round<const N: usize>(round: usize) -> [usize; N] {
    let mut order = std::array::from_fn(|place| place);
    order.rotate_left(round % N);
    if round / N % 2 == 1 {
        order.reverse();
    }
    order
}

/// Gives the pods of a job so many lines together, and has them read once so that the log server knows them.
fn write_log(tools: &Tools<'_>, job: &Job, lines: usize) -> Result<Written, StepError> {
    let written = tools.ground.write_log(lines / job.pods.len())?;
    let lines = lines_of(job, lines);
    let pods = job.pods.len();
    say(format_args!("\n{lines} lines of {pods} pods"));
    read_all(tools, Tool::Curl, job, &written)?;
    Ok(written)
}

/// What `lines` come to when each pod has the same number of them.
fn lines_of(job: &Job, lines: usize) -> usize {
    lines / job.pods.len() * job.pods.len()
}

/// Runs a program to its end; afterwards, what it printed must be what was written.
fn read_all(
    tools: &Tools<'_>,
    tool: Tool,
    job: &Job,
    written: &Written,
) -> Result<Usage, StepError> {
    let output = tools.folder().join("standard-output");
    let mut running = Vec::new();
    for command in tools.commands(tool, job, Follow::No) {
        let file = File::create(&output).map_err(|error| StepError::io(output.display(), error))?;
        running.push(Running::start(command, Stdio::from(file), tools.folder())?);
    }
    let mut whole = Usage::default();
    for running in running {
        whole = whole.beside(running.finish()?);
    }
    let judged = printed(tools, tool, job)?.judge(written, job.pods.len());
    let name = tool.name();
    judged.map_err(|why| StepError::Steps(format!("{name} {why}")))?;
    Ok(whole)
}

/// What a program has printed, which is removed; curl has a file for each pod.
fn printed(tools: &Tools<'_>, tool: Tool, job: &Job) -> Result<Printed, StepError> {
    let mut printed = Printed::default();
    if tool == Tool::Curl {
        for pod in &job.pods {
            take_file(&tools.curl_file(pod), |file| {
                printed.read_file_of(pod, file)
            })?;
        }
        return Ok(printed);
    }
    take_file(&tools.folder().join("standard-output"), |file| {
        printed.read_file(file)
    })?;
    Ok(printed)
}

fn say_usage(round: usize, tool: Tool, usage: Usage) {
    let wall = spelled(Duration::from_secs_f64(usage.wall));
    say(format_args!(
        "round {round}: {}: {wall}, {:.3} s user, {:.3} s system",
        tool.name(),
        usage.user,
        usage.system
    ));
}

#[expect(clippy::cast_precision_loss, reason = "far fewer lines than 2^52")]
fn as_float(lines: usize) -> f64 {
    lines as f64
}

#[cfg(test)]
mod tests {
    use super::order_of_round;

    #[test]
    fn every_program_runs_once_a_round_and_none_always_after_the_same() {
        let mut before = std::collections::BTreeSet::new();
        for round in 1..=7 {
            let order = order_of_round::<4>(round);
            let mut sorted = order;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
            before.extend(order.windows(2).map(|pair| (pair[0], pair[1])));
        }
        let before = |one, other| before.contains(&(one, other));
        assert!(before(3, 0) && before(1, 0) && before(0, 1) && before(2, 1));
    }
}
