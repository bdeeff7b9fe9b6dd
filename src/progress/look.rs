//! What one look at a TrainJob tells of its progress: where it stands, how far its steps are, and why that is not known.

use std::time::Duration;

use jiff::Timestamp;

use super::board::{Board, Standings};
use crate::{
    cluster::{Failure, FailureKind, ListedJob, TrainJob},
    train_job::{JobEnd, Phase, PhaseState, job_end, phases, state_word},
};

/// One job, as it was seen at one moment.
#[derive(Clone, Debug)]
pub struct JobLook {
    pub namespace: String,
    pub name: String,
    pub created: Option<Timestamp>,
    /// How it stands, in one word: `Running`.
    pub state: &'static str,
    /// Why it failed, as the cluster says it.
    pub failure: Option<String>,
    pub phases: Vec<Phase>,
    pub standings: Standings,
    /// Why the log could not be heard, where nothing else tells how far the training is.
    pub unheard: Option<Unheard>,
}

/// Why a log could not be heard.
#[derive(Clone, Debug)]
pub enum Unheard {
    Failed(Failure),
    /// Nothing came for so long.
    NoAnswer(Duration),
    /// The logs of other jobs had taken too long.
    NotAsked,
}

impl JobLook {
    /// Puts together what was heard until `now`.
    pub fn of(job: &ListedJob, mut board: Board, unheard: Option<Unheard>, now: Timestamp) -> Self {
        let ListedJob {
            namespace,
            observation,
        } = job;
        let standings = board.standings(now.into());
        Self {
            namespace: namespace.clone(),
            name: observation.train_job.name.clone(),
            created: observation.train_job.created,
            state: state_word(observation),
            failure: failure_words(&observation.train_job),
            phases: phases(observation),
            unheard: unheard.filter(|_| standings.training.training.is_none()),
            standings,
        }
    }

    /// The phase that the job is in: its end where it is over, else the last one that runs, else the first that is to come.
    pub fn phase(&self) -> Option<&Phase> {
        let runs = |phase: &&Phase| phase.state == PhaseState::Running;
        let is_to_come = |phase: &&Phase| phase.state == PhaseState::Waiting;
        let phases = || self.phases.iter();
        let over = phases()
            .next_back()
            .filter(|last| last.state != PhaseState::Waiting);
        let current = || phases().rfind(runs).or_else(|| phases().find(is_to_come));
        over.or_else(current)
    }
}

fn failure_words(job: &TrainJob) -> Option<String> {
    let JobEnd::Failed { reason, message } = job_end(job)? else {
        return None;
    };
    Some(match message.as_str() {
        "" => reason,
        message => format!("{message} ({reason})"),
    })
}

impl Unheard {
    /// None where there was nothing to hear: the container has just begun, or its pod has just gone.
    pub fn of(failure: Failure) -> Option<Self> {
        match failure.kind {
            FailureKind::NotFound { .. } | FailureKind::Rejected { .. } => None,
            _ => Some(Self::Failed(failure)),
        }
    }

    /// The right that was missing, if that was it.
    pub const fn missing_right(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => {
                Some(failure)
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Unheard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(formatter),
            Self::NoAnswer(limit) => {
                let seconds = limit.as_secs();
                write!(formatter, "its log was not there within {seconds} s")
            }
            Self::NotAsked => formatter.write_str("its log was not asked for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::JobObservation;

    #[test]
    fn what_a_job_reported_is_shown_after_its_pods_are_gone() {
        let complete = |conditions| {
            let objects = json!({"trainJob": {
                "metadata": {"name": "train", "creationTimestamp": "2026-11-21T18:00:00Z"},
                "status": {
                    "conditions": conditions,
                    "trainerStatus": {
                        "progressPercentage": 100, "lastUpdatedTime": "2026-11-21T18:30:00Z"
                    }
                }
            }});
            let job = ListedJob {
                namespace: "team".to_owned(),
                observation: JobObservation::of_objects(&objects),
            };
            let mut board = Board::new();
            board.observe(&job.observation);
            let now = "2026-11-21T19:00:00Z".parse().unwrap();
            let look = JobLook::of(&job, board, None, now);
            look.standings.training.training?.whole
        };
        let over = json!([{"type": "Complete", "status": "True", "reason": "JobsCompleted"}]);
        assert_eq!(complete(over), Some(1.0));
        // As long as it goes on, its next pods may begin anew.
        assert_eq!(complete(json!([])), None);
    }
}
