//! What the nodes of a trial have written: the line of each has to be there.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    manifest::{NODES, line_of},
    training::LOG_INCOMPLETE,
    trial::Trial,
};
use crate::{
    check::{Finding, trainer::last_words::telling_line},
    cluster::{Attempt, Follow, JobObservation, LogRange, LogStreamRequest, LogTail},
    train_job::{LogTarget, Selection, Voice, log_targets},
};

/// A log may be served a moment after its container has ended.
const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);
/// Of a training that failed.
const LAST_LINES: u16 = 20;

/// Findings about every node whose line is missing; none where all is there.
pub(super) async fn read_logs(
    trial: &Trial,
    observation: &JobObservation,
) -> Result<(), Vec<Finding>> {
    let targets = speakers(observation);
    let end = Instant::now() + LIMIT;
    let mut findings = Vec::new();
    for rank in 0..NODES {
        // A node that was tried again has several pods, of which the last was complete.
        let of_rank = |target: &&LogTarget| target.rank.unwrap_or_default() == rank;
        let found = if let Some(target) = targets.iter().rfind(of_rank) {
            wait_for_line(trial, target, rank, end).await
        } else {
            let detail =
                format!("no pod of node-{rank} is there any more, so its log could not be read");
            Err(Finding::failed(&LOG_INCOMPLETE, detail))
        };
        findings.extend(found.err());
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

/// What each node wrote last, where the training failed: `node-0: …`.
pub(super) async fn fetch_last_words(trial: &Trial, observation: &JobObservation) -> Vec<String> {
    let mut words = Vec::new();
    for target in speakers(observation) {
        let tail = LogTail {
            namespace: trial.namespace(),
            pod: &target.pod,
            container: &target.container,
            attempt: Attempt::Current,
            lines: LAST_LINES,
        };
        let text = trial.cluster().fetch_log_tail(tail).await;
        let line = text.ok().and_then(|text| telling_line(&text));
        words.extend(line.map(|line| format!("{}: {line}", target.label)));
    }
    words
}

fn speakers(observation: &JobObservation) -> Vec<LogTarget> {
    let targets = log_targets(observation, &Selection::default()).into_iter();
    targets
        .filter(|target| target.voice == Voice::Application)
        .collect()
}

async fn wait_for_line(
    trial: &Trial,
    target: &LogTarget,
    rank: u32,
    end: Instant,
) -> Result<(), Finding> {
    let request = LogStreamRequest {
        namespace: trial.namespace().into(),
        pod: target.pod.as_str().into(),
        container: target.container.as_str().into(),
        range: LogRange::Whole,
        follow: Follow::No,
        attempt: Attempt::Current,
    };
    let expected = line_of(rank);
    loop {
        let problem = match trial.cluster().fetch_log(&request).await {
            Ok(text) if has_line(&text, &expected) => return Ok(()),
            Ok(text) => format!(
                "{} lines, but none says \"{expected}\"",
                text.lines().count()
            ),
            Err(failure) => failure.to_string(),
        };
        if Instant::now() >= end {
            let detail = format!("the log of {}: {problem}", target.label);
            return Err(Finding::failed(&LOG_INCOMPLETE, detail));
        }
        sleep(PAUSE).await;
    }
}

/// Before each line stands when it was written.
fn has_line(text: &str, expected: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| {
        line.split_once(' ')
            .is_some_and(|(_, line)| line.trim_end() == expected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_behind_its_stamp_and_only_whole() {
        let text = "2026-11-22T09:00:00.1Z first\n2026-11-22T09:00:00.2Z kubectl-trainer: node 1 was here\n";
        assert!(has_line(text, &line_of(1)));
        assert!(!has_line(text, &line_of(0)));
        assert!(!has_line(text, "node 1 was here"));
    }
}
