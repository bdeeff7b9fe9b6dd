//! One look at the progress of jobs for machines: a document a job, or a list of them.
//! `docs/schemas/progress-look.schema.json` is the contract.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    progress_json::{PhaseObject, StandingsObject},
    progress_words::age,
};
use crate::{
    logs::stamp::Stamp,
    progress::look::{JobLook, Unheard},
};

/// What one look has shown.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ProgressDocument<'a> {
    One(Box<JobDocument<'a>>),
    Several { items: Vec<JobDocument<'a>> },
}

/// One job.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobDocument<'a> {
    time: String,
    namespace: &'a str,
    job: &'a str,
    created: Option<String>,
    state: &'static str,
    /// Why it failed.
    failure: Option<&'a str>,
    /// The present one.
    phase: Option<&'static str>,
    phases: Vec<PhaseObject<'a>>,
    #[serde(flatten)]
    standings: StandingsObject<'a>,
    /// Of what is said of the training.
    source_age_seconds: Option<f64>,
    unknown: Option<UnknownDocument>,
}

/// Why it is not known how far the training is.
#[derive(Debug, Serialize)]
struct UnknownDocument {
    reason: &'static str,
    message: String,
    hint: Option<String>,
}

impl<'a> ProgressDocument<'a> {
    pub fn of_one(job: &'a JobLook, now: Timestamp) -> Self {
        Self::One(Box::new(JobDocument::of(job, now)))
    }

    pub fn of_several(jobs: &'a [JobLook], now: Timestamp) -> Self {
        Self::Several {
            items: jobs.iter().map(|job| JobDocument::of(job, now)).collect(),
        }
    }
}

impl<'a> JobDocument<'a> {
    fn of(job: &'a JobLook, now: Timestamp) -> Self {
        let training = job.standings.training.training.as_ref();
        Self {
            time: now.to_string(),
            namespace: &job.namespace,
            job: &job.name,
            created: job.created.map(|created| created.to_string()),
            state: job.state,
            failure: job.failure.as_deref(),
            phase: job.phase().map(|phase| phase.kind.name()),
            phases: job.phases.iter().map(PhaseObject::of).collect(),
            standings: StandingsObject::of(&job.standings),
            source_age_seconds: training
                .map(|training| age(training.at, Stamp::from(now)).as_secs_f64()),
            unknown: job.unheard.as_ref().map(UnknownDocument::of),
        }
    }
}

impl UnknownDocument {
    fn of(unheard: &Unheard) -> Self {
        Self {
            reason: match (unheard, unheard.missing_right()) {
                (_, Some(_)) => "Forbidden",
                (Unheard::NoAnswer(_), None) => "NoAnswer",
                (Unheard::NotAsked, None) => "NotAsked",
                (Unheard::Failed(_), None) => "Failed",
            },
            message: unheard.to_string(),
            hint: match unheard {
                Unheard::Failed(failure) => failure.hint(),
                Unheard::NoAnswer(_) | Unheard::NotAsked => None,
            },
        }
    }
}
