//! Whether a run showed anything, pure: its writers wrote what was planned, and its faults happened to the plugin.

use std::time::Duration;

use super::plan::{Plan, RunFault};
use super::scenario::Scenario;
use super::served::{Follower, Served};
use super::truth::Truth;

/// A stream that is stalled for longer must have been opened anew.
const STALL_LIMIT: Duration = Duration::from_secs(35);

/// What the writers should have written and did not, and what the bench did not see.
pub(super) fn unwritten(plan: &Plan, truth: &Truth) -> Vec<String> {
    let planned = plan.writer.lines;
    let whole = |lines: usize| lines as u64 == planned;
    let all = truth.len() as u64;
    let complete = truth.values().filter(|of| whole(of.stamps.len())).count() as u64;
    let mut faults = Vec::new();
    // Who is ended by the plan writes less, and another in its place writes all.
    let (wanted, is_ended) = match plan.scenario {
        Scenario::PodReplaced | Scenario::NodeKilled => (plan.nodes, true),
        _ => (plan.nodes * plan.writer.attempts, false),
    };
    if complete < wanted || (!is_ended && all != wanted) {
        faults.push(format!(
            "{complete} of {all} writers wrote {planned} lines; {wanted} should have"
        ));
    }
    let unseen = truth.values().flat_map(|of| &of.stamps);
    let unseen = unseen.filter(|stamp| stamp.is_none()).count();
    if unseen > 0 && plan.scenario != Scenario::Truncation {
        faults.push(format!("the bench did not see {unseen} lines in any file"));
    }
    faults
}

/// The faults of the plan of which nothing shows that they met the plugin.
pub(super) fn unproved(
    plan: &Plan,
    truth: &Truth,
    served: &Served,
    reconnects: u64,
) -> Vec<String> {
    let streams = served.streams.iter();
    let streams = streams.filter(|((follower, _), _)| *follower == Follower::Plugin);
    let opened: Vec<u64> = streams.map(|(_, count)| *count).collect();
    let pods = opened.len() as u64;
    let rotated = truth
        .values()
        .any(|of| of.file_starts.iter().any(|line| *line > 1));
    let sources = truth.len() as u64;
    let reopened = reconnects > 0 && opened.iter().any(|count| *count > 1);
    let (happened, what) = match plan.scenario {
        Scenario::StalledStream if !outlasts_patience(plan) => (true, ""),
        Scenario::CutMidLine
        | Scenario::CutBetweenEqualStamps
        | Scenario::Refused
        | Scenario::ErrorAnswers
        | Scenario::StalledStream
        | Scenario::ApiServerRestarted
        | Scenario::TokenRotated
        | Scenario::KubeletStopped => (reopened, "no stream of the plugin broke"),
        Scenario::Rotation | Scenario::Truncation | Scenario::Flood => {
            (rotated, "no file of a log was followed by another")
        }
        Scenario::PodReplaced => (
            sources > plan.nodes && pods > plan.nodes,
            "no pod was replaced",
        ),
        Scenario::NodeKilled => (sources > plan.nodes, "no container was started again"),
        Scenario::ContainerRestarted => (
            sources >= plan.nodes * plan.writer.attempts && plan.writer.attempts > 1,
            "no container was started again",
        ),
        // Seen while it happened.
        Scenario::ReaderStopped | Scenario::ProcessStopped => (true, ""),
    };
    let mut faults = Vec::new();
    if pods < plan.nodes {
        faults.push(format!(
            "the plugin followed {pods} pods of {} through the bed's door",
            plan.nodes
        ));
    }
    if !happened {
        faults.push(format!("the fault did not happen: {what}"));
    }
    faults
}

fn outlasts_patience(plan: &Plan) -> bool {
    let long = |fault| matches!(fault, RunFault::Stall(rest) if rest > STALL_LIMIT);
    plan.faults.iter().any(|step| long(step.fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lossless::plan::plan;
    use crate::bench::lossless::scenario::ALL;
    use crate::bench::lossless::stamp::Stamp;
    use crate::bench::lossless::truth::Source;
    use crate::bench::lossless::verdict::Written;

    /// So many writers wrote everything, into files that begin with these lines.
    fn truth(plan: &Plan, writers: u64, file_starts: &[u64]) -> Truth {
        let lines = usize::try_from(plan.writer.lines).unwrap();
        let written = Written {
            stamps: vec![Stamp::parse("2026-01-31T12:00:00Z"); lines],
            file_starts: file_starts.iter().copied().collect(),
            ..Written::default()
        };
        let source = |number: u64| Source {
            pod: format!("pod-{number}"),
            tag: format!("tag{number:05}"),
        };
        (0..writers)
            .map(|number| (source(number), written.clone()))
            .collect()
    }

    fn served(pods: u64, streams: u64) -> Served {
        let name = |number| (Follower::Plugin, format!("pod-{number}"));
        Served {
            streams: (0..pods).map(|number| (name(number), streams)).collect(),
            ..Served::default()
        }
    }

    #[test]
    fn a_run_in_which_nothing_happened_is_found_in_every_scenario_that_leaves_a_trace() {
        let seen_meanwhile = [Scenario::ReaderStopped, Scenario::ProcessStopped];
        for scenario in ALL {
            let mut plan = plan(1, Some(scenario));
            plan.writer.lines = 10;
            if scenario == Scenario::StalledStream {
                plan.faults[0].fault = RunFault::Stall(Duration::from_secs(42));
            }
            let truth = truth(&plan, plan.nodes, &[]);
            let faults = unproved(&plan, &truth, &served(plan.nodes, 1), 0);
            let expected = usize::from(!seen_meanwhile.contains(&scenario));
            assert_eq!(faults.len(), expected, "{scenario:?}: {faults:?}");
        }
    }

    #[test]
    fn what_happened_is_proved() {
        for (scenario, writers, pods, streams, reconnects, file_starts) in [
            (Scenario::Refused, 1, 1, 2, 1, &[][..]),
            (Scenario::Rotation, 1, 1, 1, 0, &[1, 5]),
            (Scenario::PodReplaced, 2, 2, 1, 0, &[]),
            (Scenario::NodeKilled, 2, 1, 2, 0, &[]),
        ] {
            let mut plan = plan(1, Some(scenario));
            (plan.nodes, plan.writer.lines) = (1, 10);
            let truth = truth(&plan, writers, file_starts);
            let faults = unproved(&plan, &truth, &served(pods, streams), reconnects);
            assert_eq!(faults, [""; 0], "{scenario:?}");
            assert_eq!(unwritten(&plan, &truth), [""; 0], "{scenario:?}");
        }
    }

    #[test]
    fn a_plugin_that_opened_no_stream_shows_nothing() {
        let mut plan = plan(1, Some(Scenario::Rotation));
        (plan.nodes, plan.writer.lines) = (1, 10);
        let truth = truth(&plan, 1, &[5]);
        assert_eq!(unproved(&plan, &truth, &served(0, 0), 0).len(), 1);
    }

    #[test]
    fn a_writer_that_wrote_too_little_or_unseen_is_found() {
        let mut plan = plan(1, Some(Scenario::Refused));
        (plan.nodes, plan.writer.lines, plan.writer.attempts) = (1, 10, 1);
        assert_eq!(unwritten(&plan, &Truth::new()).len(), 1);
        assert_eq!(unwritten(&plan, &truth(&plan, 2, &[])).len(), 1);
        let written = truth(&plan, 1, &[]);
        plan.writer.lines = 11;
        assert_eq!(unwritten(&plan, &written).len(), 1);
        plan.writer.lines = 10;
        let mut unseen = written;
        if let Some(of) = unseen.values_mut().next() {
            of.stamps[3] = None;
        }
        assert_eq!(unwritten(&plan, &unseen).len(), 1);
    }
}
