//! Which TrainJob the user means: one place, so that every command takes the same names and says the same of others.

use super::installation;
use crate::{
    cluster::{Cluster, FailureKind, fetch_train_job, fetch_train_jobs, nearest},
    error::{CommandError, ErrorKind},
    train_job::{JobName, NameProblem, resolve},
};

/// So many names are shown of a long list.
const SHOWN: usize = 10;

/// The name of the job in the connection's namespace that was typed: `NAME`, `trainjob/NAME`, the beginning of a name that
/// only one has, `@last`, or nothing where there is one job only.
pub(crate) async fn fetch_job_name(
    cluster: &Cluster,
    typed: Option<&str>,
) -> Result<String, CommandError> {
    let namespace = cluster.namespace();
    let wanted = JobName::parse(typed);
    // Reading one job takes fewer rights than listing all of them.
    if let JobName::Named(name) = &wanted {
        match fetch_train_job(cluster, namespace, name).await {
            Ok(Some(_)) => return Ok(name.clone()),
            Ok(None) => {}
            Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => {}
            Err(failure) => return Err(installation::fetch_explanation(cluster, failure).await),
        }
    }
    let jobs = match fetch_train_jobs(cluster, namespace).await {
        Ok(jobs) => jobs,
        Err(failure) => return Err(installation::fetch_explanation(cluster, failure).await),
    };
    resolve(&wanted, &jobs).map_err(|problem| explain(cluster, &problem))
}

fn explain(cluster: &Cluster, problem: &NameProblem) -> CommandError {
    let namespace = cluster.namespace();
    let kind = match problem {
        NameProblem::NotNamed(_) | NameProblem::Ambiguous { .. } => ErrorKind::Usage,
        NameProblem::Unknown { .. } | NameProblem::NoJobs => ErrorKind::NotFound,
    };
    let error = CommandError::new(kind, format!("{problem} in namespace {namespace}"));
    match problem {
        NameProblem::NotNamed(jobs) => error.with_hint(format!("they are: {}", shown(jobs))),
        NameProblem::Ambiguous { begin_so, .. } => {
            error.with_hint(format!("they are: {}", shown(begin_so)))
        }
        NameProblem::Unknown { typed, there } => match nearest(typed, there) {
            Some(nearest) => error.with_hint(format!("did you mean \"{nearest}\"?")),
            None if there.is_empty() => error.with_hint(elsewhere(cluster)),
            None => error.with_hint(format!("there are: {}", shown(there))),
        },
        NameProblem::NoJobs => error.with_hint(elsewhere(cluster)),
    }
}

fn elsewhere(cluster: &Cluster) -> String {
    let kubectl = cluster.target().kubectl();
    format!("name another namespace with -n; all TrainJobs: {kubectl} get trainjobs -A")
}

fn shown(names: &[String]) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let first = names[..names.len() - more].join(", ");
    match more {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
