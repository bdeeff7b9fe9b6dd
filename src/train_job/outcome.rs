//! How a job ended, as far as it has.

use crate::cluster::TrainJob;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    Complete,
    /// The reason is such as `JobFailed` or `DeadlineExceeded`.
    Failed {
        reason: String,
        message: String,
    },
    Deleted,
    /// It goes on; reading ended for a reason of its own.
    NotOver,
}

/// `None` while the job goes on.
pub fn job_end(job: &TrainJob) -> Option<JobEnd> {
    job.end().map(|end| match &*end.kind {
        "Failed" => JobEnd::Failed {
            reason: end.reason.clone(),
            message: end.message.clone(),
        },
        _ => JobEnd::Complete,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::JobCondition;

    fn job(conditions: &[(&'static str, &'static str)]) -> TrainJob {
        let conditions = conditions.iter().map(|(kind, status)| JobCondition {
            kind: (*kind).into(),
            status: (*status).into(),
            reason: format!("{kind}Reason"),
            message: String::new(),
            changed: None,
        });
        TrainJob {
            conditions: conditions.collect(),
            ..TrainJob::default()
        }
    }

    #[test]
    fn a_job_is_over_when_a_condition_says_so() {
        assert_eq!(job_end(&job(&[])), None);
        assert_eq!(job_end(&job(&[("Suspended", "True")])), None);
        assert_eq!(
            job_end(&job(&[("Complete", "False"), ("Failed", "Unknown")])),
            None
        );
        assert_eq!(
            job_end(&job(&[("Suspended", "False"), ("Complete", "True")])),
            Some(JobEnd::Complete)
        );
    }

    #[test]
    fn a_failed_job_says_why() {
        let end = job_end(&job(&[("Failed", "True")]));
        let expected = JobEnd::Failed {
            reason: "FailedReason".to_owned(),
            message: String::new(),
        };
        assert_eq!(end, Some(expected));
    }
}
