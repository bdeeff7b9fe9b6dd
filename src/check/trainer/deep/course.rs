//! How far a trial has come, and when: each milestone at the first look that shows it. Pure, but for the clock that runs.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    cluster::{JobObservation, Sight},
    train_job::{PhaseKind, PhaseState, phases},
};

use super::manifest::NODES;

/// In the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Milestone {
    Accepted,
    /// Not told where the account may not see a `JobSet`.
    JobSetMade,
    PodsMade,
    Scheduled,
    /// Images are there, and containers run or have run.
    Started,
    Complete,
    LogRead,
    Removed,
}

impl Milestone {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::JobSetMade => "JobSet made",
            Self::PodsMade => "pods made",
            Self::Scheduled => "pods scheduled",
            Self::Started => "images pulled and containers started",
            Self::Complete => "complete",
            Self::LogRead => "log read",
            Self::Removed => "removed with all that it became",
        }
    }
}

/// The times of one trial.
pub(super) struct Course {
    begin: Instant,
    reached: Vec<(Milestone, Duration)>,
}

impl Course {
    pub(super) fn begin() -> Self {
        Self {
            begin: Instant::now(),
            reached: Vec::new(),
        }
    }

    pub(super) const fn since(&self) -> Instant {
        self.begin
    }

    /// Whether it was not reached before.
    pub(super) fn reach(&mut self, milestone: Milestone) -> bool {
        let is_new = self.reached.iter().all(|(known, _)| *known != milestone);
        if is_new {
            self.reached.push((milestone, self.begin.elapsed()));
        }
        is_new
    }

    pub(super) fn last(&self) -> Option<Milestone> {
        self.reached.last().map(|(milestone, _)| *milestone)
    }

    /// `complete after 4.2 s`, one for each milestone.
    pub(super) fn facts(&self) -> Vec<String> {
        let facts = self.reached.iter();
        facts
            .map(|(milestone, after)| format!("{} after {}", milestone.words(), seconds(*after)))
            .collect()
    }

    pub(super) fn elapsed(&self) -> String {
        seconds(self.begin.elapsed())
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The milestones before the end that one look at the job shows, in their order. A later one shows those before it.
pub(super) fn shown(observation: &JobObservation) -> Vec<Milestone> {
    let mut shown = Vec::new();
    if matches!(observation.job_set, Sight::Seen(_)) {
        shown.push(Milestone::JobSetMade);
    }
    if observation.pods.len() >= NODES as usize {
        shown.push(Milestone::PodsMade);
    }
    let phases = phases(observation);
    let is_over = |kind| {
        let mut phases = phases.iter();
        phases.any(|phase| phase.kind == kind && phase.state == PhaseState::Finished)
    };
    if is_over(PhaseKind::Scheduling) {
        shown.push(Milestone::Scheduled);
    }
    if is_over(PhaseKind::Starting) {
        shown.push(Milestone::Started);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> JobObservation {
        JobObservation::of_objects(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_job_that_runs_has_passed_all_before() {
        let running = look(include_str!("../../../train_job/objects/pair.json"));
        let expected = [
            Milestone::JobSetMade,
            Milestone::PodsMade,
            Milestone::Scheduled,
            Milestone::Started,
        ];
        assert_eq!(shown(&running), expected);
    }

    #[test]
    fn a_suspended_job_has_no_pods_yet() {
        let suspended = look(include_str!(
            "../../../train_job/objects/phases/suspended.json"
        ));
        assert!(!shown(&suspended).contains(&Milestone::PodsMade));
    }

    #[test]
    fn a_milestone_is_reached_once() {
        let mut course = Course::begin();
        assert!(course.reach(Milestone::Accepted));
        assert!(!course.reach(Milestone::Accepted));
        assert_eq!(course.facts().len(), 1);
    }
}
