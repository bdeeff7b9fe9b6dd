//! From a seed to a run, pure: what is written, how fast, and which faults come when.

use std::time::Duration;

use super::line::Shape;
use super::random::Random;
use super::scenario::{ALL, Scenario};

/// Between two bursts of a writer.
pub(super) const BURST_PAUSE: Duration = Duration::from_millis(100);
/// Bursts of a writer in a second.
const BURSTS_A_SECOND: u64 = 10;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) scenario: Scenario,
    pub(super) nodes: u64,
    pub(super) writer: Writer,
    pub(super) output: Output,
    /// In the order of their time.
    pub(super) faults: Vec<Step>,
}

/// What each pod writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) shape: Shape,
    pub(super) lines: u64,
    pub(super) pace: Pace,
    /// How often a container is started; all but the last end with a failure.
    pub(super) attempts: u64,
    /// So many lines in a row have the same stamp, where the bench gives the stamps.
    pub(super) equal_stamps: u64,
}

/// How fast a writer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// So many lines, ten times a second.
    Bursts(u64),
    FullSpeed,
}

/// How the plugin prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Json,
    Text,
}

/// A fault, counted from when the follower has printed a line of each writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Duration,
    pub(super) fault: RunFault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunFault {
    /// All streams are reset.
    Cut,
    /// All streams end in the middle of the first line after so many bytes.
    BreakMidLine(u64),
    /// All streams end after so many bytes.
    CutAfter(u64),
    /// The streams are cut, and so long no connection is accepted.
    Refuse(Duration),
    /// The streams are cut, and for so long requests are answered with this HTTP status.
    Answer {
        status: u16,
        rest: Duration,
    },
    /// Nothing moves on the open streams for so long.
    Stall(Duration),
    RestartApiServer,
    /// The token's file gets another one, the old one becomes invalid, the streams are cut.
    RotateToken,
    DeletePod,
    /// The container's log file is cut to nothing under the reader.
    Truncate,
    /// The kubelet is killed and started again after so long.
    StopKubelet(Duration),
    /// Everything on the node dies; it comes back after so long.
    KillNode(Duration),
    /// Nobody reads what the followers print for so long.
    RestReader(Duration),
    /// The followers' processes are stopped for so long.
    StopProcesses(Duration),
}

/// The run of a seed. The scenario follows from the seed alone unless one is given.
pub(super) fn plan(seed: u64, scenario: Option<Scenario>) -> Plan {
    let mut random = Random::of(seed);
    let drawn = ALL[usize::try_from(seed).unwrap_or(0) % ALL.len()];
    let scenario = scenario.unwrap_or(drawn);
    let nodes = random.one_of(&[1, 1, 2]);
    let output = random.one_of(&[Output::Json, Output::Json, Output::Text]);
    let writer = writer(scenario, &mut random);
    let faults = faults(scenario, &writer, &mut random);
    let mut plan = Plan {
        seed,
        scenario,
        nodes,
        writer,
        output,
        faults,
    };
    plan.restrain();
    plan
}

/// Lines at full speed in a run of the sample: enough that the file is rotated several times meanwhile.
const SAMPLE_FLOOD: u64 = 500_000;

impl Plan {
    /// The plan as `cargo xtask test` takes it: the same, but with fewer lines where there are most.
    pub(super) fn shortened(mut self) -> Plan {
        self.writer.lines = self.writer.lines.min(SAMPLE_FLOOD);
        self
    }

    /// About how long the run takes, to begin with the longest.
    pub(super) fn expected(&self) -> Duration {
        let rests = self.faults.iter().map(|step| match step.fault {
            RunFault::KillNode(_) => Duration::from_secs(40),
            RunFault::StopKubelet(_) | RunFault::DeletePod => Duration::from_secs(20),
            RunFault::RotateToken => Duration::from_secs(10),
            _ => Duration::ZERO,
        });
        let least = match self.writer.pace {
            Pace::FullSpeed => Duration::from_mins(1),
            Pace::Bursts(_) => self.duration() * u32::try_from(self.writer.attempts).unwrap_or(1),
        };
        least + rests.sum::<Duration>()
    }

    /// Where two things cannot be had together, the scenario's own comes first.
    fn restrain(&mut self) {
        let loud = matches!(
            self.scenario,
            Scenario::Flood | Scenario::ReaderStopped | Scenario::ProcessStopped
        );
        if loud {
            self.nodes = 1;
        }
        // Only the JSON names the attempts that nobody can read any more.
        if matches!(
            self.scenario,
            Scenario::ContainerRestarted | Scenario::NodeKilled
        ) {
            self.output = Output::Json;
        }
        // The writer goes on after the stall, and not for much longer.
        if let (
            Some(Step {
                fault: RunFault::Stall(rest),
                ..
            }),
            Pace::Bursts(burst),
        ) = (self.faults.first(), self.writer.pace)
        {
            self.writer.lines = burst * BURSTS_A_SECOND * (rest.as_secs() + 6);
        }
        // Fake pods share what they have written, so only the names in the JSON tell them apart.
        if self.nodes > 1 && self.scenario.ground() == super::scenario::Ground::Fake {
            self.output = Output::Json;
        }
    }

    /// How long the writers write at least.
    pub(super) fn duration(&self) -> Duration {
        match self.writer.pace {
            Pace::Bursts(lines) => {
                Duration::from_secs(self.writer.lines / (lines * BURSTS_A_SECOND))
            }
            Pace::FullSpeed => Duration::ZERO,
        }
    }
}

fn writer(scenario: Scenario, random: &mut Random) -> Writer {
    let (burst, seconds) = match scenario {
        Scenario::StalledStream => (random.within(5..40), 48),
        // So slow that the file is not rotated before the next attempt is gone, too.
        Scenario::ContainerRestarted => (random.within(2..12), random.within(3..7)),
        Scenario::KubeletStopped => (random.within(1..4), 25),
        Scenario::NodeKilled => (random.within(1..4), 12),
        Scenario::ReaderStopped | Scenario::ProcessStopped => (random.within(300..450), 44),
        Scenario::Rotation => (random.within(40..300), random.within(12..25)),
        Scenario::Truncation => (random.within(5..60), 12),
        _ => (random.within(5..200), random.within(8..14)),
    };
    let pace = match scenario {
        Scenario::Flood => Pace::FullSpeed,
        _ => Pace::Bursts(burst),
    };
    let lines = match scenario {
        Scenario::Flood => 1_000_000,
        _ => burst * BURSTS_A_SECOND * seconds,
    };
    Writer {
        shape: shape(scenario, random),
        lines,
        pace,
        attempts: attempts(scenario, random),
        equal_stamps: equal_stamps(scenario, random),
    }
}

fn attempts(scenario: Scenario, random: &mut Random) -> u64 {
    match scenario {
        Scenario::ContainerRestarted => random.within(2..4),
        _ => 1,
    }
}

fn equal_stamps(scenario: Scenario, random: &mut Random) -> u64 {
    match scenario {
        Scenario::CutBetweenEqualStamps => random.within(20..2_000),
        _ => random.one_of(&[1, 1, 7, 100]),
    }
}

fn shape(scenario: Scenario, random: &mut Random) -> Shape {
    let (spread, long_every) = match scenario {
        // A cut at a line's end needs lines of one length.
        Scenario::CutBetweenEqualStamps => (1, 0),
        Scenario::CutMidLine
        | Scenario::ErrorAnswers
        | Scenario::StalledStream
        | Scenario::TokenRotated => (random.within(1..200), random.one_of(&[0, 97, 411])),
        _ => (random.within(1..100), 0),
    };
    let base = match scenario {
        Scenario::KubeletStopped | Scenario::ContainerRestarted => random.within(0..10),
        // More than all buffers on the way hold together.
        Scenario::ReaderStopped | Scenario::ProcessStopped => random.within(500..900),
        _ => random.within(0..80),
    };
    Shape {
        base,
        spread,
        long_every,
        // Above 16 KiB a container runtime writes a line in several records.
        long: random.within(10_000..60_000),
    }
}

fn faults(scenario: Scenario, writer: &Writer, random: &mut Random) -> Vec<Step> {
    let single = |random: &mut Random, fault| {
        let at = Duration::from_millis(random.within(500..2_500));
        vec![Step { at, fault }]
    };
    let seconds = |random: &mut Random, range| Duration::from_millis(random.within(range));
    match scenario {
        Scenario::Rotation | Scenario::ContainerRestarted | Scenario::Flood => Vec::new(),
        Scenario::ReaderStopped => single(random, RunFault::RestReader(Duration::from_secs(40))),
        Scenario::ProcessStopped => {
            single(random, RunFault::StopProcesses(Duration::from_secs(40)))
        }
        Scenario::KubeletStopped => {
            let rest = seconds(random, 1_000..6_000);
            single(random, RunFault::StopKubelet(rest))
        }
        Scenario::NodeKilled => {
            let rest = seconds(random, 1_000..20_000);
            single(random, RunFault::KillNode(rest))
        }
        Scenario::ApiServerRestarted => single(random, RunFault::RestartApiServer),
        Scenario::PodReplaced => single(random, RunFault::DeletePod),
        Scenario::StalledStream => {
            let rest = Duration::from_secs(random.one_of(&[3, 8, 20, 42]));
            single(random, RunFault::Stall(rest))
        }
        _ => several(scenario, writer, random),
    }
}

/// Up to four faults of a kind, a second or two apart.
fn several(scenario: Scenario, writer: &Writer, random: &mut Random) -> Vec<Step> {
    let mut at = Duration::ZERO;
    // Answers add up to a wait that doubles each time.
    let most = if scenario == Scenario::ErrorAnswers {
        3
    } else {
        5
    };
    let count = random.within(1..most);
    let mut steps = Vec::new();
    for _ in 0..count {
        at += Duration::from_millis(random.within(400..2_000));
        let fault = one(scenario, writer, random);
        steps.push(Step { at, fault });
    }
    steps
}

fn lines_a_second(writer: &Writer) -> u64 {
    match writer.pace {
        Pace::Bursts(burst) => burst * BURSTS_A_SECOND,
        Pace::FullSpeed => writer.lines,
    }
}

fn one(scenario: Scenario, writer: &Writer, random: &mut Random) -> RunFault {
    match scenario {
        // No more than flows in a second, or the fault would not come to pass.
        Scenario::CutMidLine => {
            let most = lines_a_second(writer) * writer.shape.streamed_bytes();
            RunFault::BreakMidLine(random.within(0..most.min(40_000)))
        }
        Scenario::CutBetweenEqualStamps => {
            let lines = random.within(1..lines_a_second(writer).min(400));
            RunFault::CutAfter(lines * writer.shape.streamed_bytes())
        }
        Scenario::Refused => RunFault::Refuse(Duration::from_millis(random.within(100..3_000))),
        Scenario::ErrorAnswers => RunFault::Answer {
            status: random.one_of(&[429, 500, 503]),
            // Longer than a follower waits before it asks again.
            rest: Duration::from_millis(random.within(1_500..3_500)),
        },
        Scenario::TokenRotated => RunFault::RotateToken,
        Scenario::Truncation => RunFault::Truncate,
        _ => RunFault::Cut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_the_same_run_every_time() {
        for seed in 0..64 {
            assert_eq!(plan(seed, None), plan(seed, None));
        }
        assert_ne!(plan(1, None).writer, plan(17, None).writer);
    }

    #[test]
    fn as_many_seeds_as_there_are_scenarios_hold_each_once() {
        let mut drawn: Vec<Scenario> = (100..100 + ALL.len() as u64)
            .map(|seed| plan(seed, None).scenario)
            .collect();
        drawn.sort();
        let mut all = ALL.to_vec();
        all.sort();
        assert_eq!(drawn, all);
    }

    #[test]
    fn bytes_that_a_fault_waits_for_flow_within_a_second() {
        for seed in 0..640 {
            for scenario in [Scenario::CutMidLine, Scenario::CutBetweenEqualStamps] {
                let plan = plan(seed, Some(scenario));
                let flowing = lines_a_second(&plan.writer) * plan.writer.shape.streamed_bytes();
                let struck = plan.faults.iter().all(|step| match step.fault {
                    RunFault::BreakMidLine(bytes) | RunFault::CutAfter(bytes) => bytes <= flowing,
                    _ => false,
                });
                assert!(struck, "{plan:?}");
            }
        }
    }

    #[test]
    fn the_sample_differs_only_in_the_lines_of_a_flood() {
        for seed in 0..64 {
            let (whole, short) = (plan(seed, None), plan(seed, None).shortened());
            if whole.scenario == Scenario::Flood {
                assert_eq!(
                    (whole.writer.lines, short.writer.lines),
                    (1_000_000, 500_000)
                );
            } else {
                assert_eq!(whole, short);
            }
        }
    }

    #[test]
    fn every_fault_comes_while_the_writer_writes() {
        for seed in 0..640 {
            let plan = plan(seed, None);
            let last = plan.faults.last().map_or(Duration::ZERO, |step| step.at);
            assert!(
                plan.writer.pace == Pace::FullSpeed || last < plan.duration(),
                "{plan:?}"
            );
            assert!(plan.faults.is_sorted_by_key(|step| step.at));
        }
    }

    #[test]
    fn fake_pods_side_by_side_are_followed_as_json() {
        let side_by_side = (0..640)
            .map(|seed| plan(seed, Some(Scenario::CutMidLine)))
            .filter(|plan| plan.nodes > 1);
        let outputs: Vec<Output> = side_by_side.map(|plan| plan.output).collect();
        assert!(!outputs.is_empty() && outputs.iter().all(|output| *output == Output::Json));
    }

    #[test]
    fn a_cut_between_equal_stamps_falls_on_the_end_of_a_line() {
        let plan = plan(5, Some(Scenario::CutBetweenEqualStamps));
        let shape = plan.writer.shape;
        let streamed = format!(
            "2026-01-31T12:00:00.000000000Z {}\n",
            shape.text("abcd1234", 9)
        );
        assert_eq!(streamed.len() as u64, shape.streamed_bytes());
        for step in &plan.faults {
            let RunFault::CutAfter(bytes) = step.fault else {
                panic!("{step:?}");
            };
            assert_eq!(bytes % shape.streamed_bytes(), 0);
        }
    }
}
