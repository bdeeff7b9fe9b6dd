//! Which TrainJob the user means: one place, so that every command takes the same names and says the same of others.

use super::installation;
use crate::{
    cluster::{
        Cluster, Failure, FailureKind, JobObservation, fetch_job, fetch_train_job,
        fetch_train_jobs, nearest,
    },
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
    let one = match &wanted {
        JobName::Named(name) => Some(fetch_train_job(cluster, namespace, name).await),
        JobName::Only | JobName::Youngest => None,
    };
    match one {
        Some(Ok(Some(job))) => return Ok(job.name),
        Some(Err(failure)) if !is_forbidden(&failure) => {
            return Err(installation::fetch_explanation(cluster, failure).await);
        }
        _ => {}
    }
    let failure = match fetch_train_jobs(cluster, namespace).await {
        Ok(jobs) => {
            return resolve(&wanted, &jobs).map_err(|problem| explain(cluster, &problem));
        }
        Err(failure) => failure,
    };
    match (one, &wanted) {
        (Some(Ok(None)), JobName::Named(name)) if is_forbidden(&failure) => {
            Err(explain_unlisted(cluster, name, &failure))
        }
        // To read the one that was named needs less than to list them.
        (Some(Err(of_one)), _) if is_forbidden(&failure) => Err(of_one.into()),
        _ => Err(installation::fetch_explanation(cluster, failure).await),
    }
}

/// The same job, as it is now. Where its whole name was typed, that takes one round trip and not two.
pub(crate) async fn fetch_typed_job(
    cluster: &Cluster,
    typed: Option<&str>,
) -> Result<JobObservation, CommandError> {
    let namespace = cluster.namespace();
    if let JobName::Named(name) = JobName::parse(typed) {
        match fetch_job(cluster, namespace, &name).await {
            Ok(seen) => return Ok(seen),
            // It may be the beginning of another's name, and who may not read one may list all.
            Err(failure) if is_about_the_job(&failure) => {}
            Err(failure) => return Err(installation::fetch_explanation(cluster, failure).await),
        }
    }
    let name = fetch_job_name(cluster, typed).await?;
    Ok(fetch_job(cluster, namespace, &name).await?)
}

/// The error where a namespace has no job at all.
pub(crate) fn explain_none(cluster: &Cluster) -> CommandError {
    explain(cluster, &NameProblem::NoJobs)
}

/// Whether there is no such job, or it may not be read.
fn is_about_the_job(failure: &Failure) -> bool {
    match &failure.kind {
        FailureKind::NotFound { object, .. } => object.is_some(),
        FailureKind::Forbidden(rule) => rule.resource == "trainjobs",
        _ => false,
    }
}

fn is_forbidden(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Forbidden(_))
}

/// No job has this name, and the caller may not see which there are.
fn explain_unlisted(cluster: &Cluster, name: &str, failure: &Failure) -> CommandError {
    let problem = NameProblem::Unknown {
        typed: name.to_owned(),
        there: Vec::new(),
    };
    let error = CommandError::new(
        ErrorKind::NotFound,
        format!("{problem} in namespace {}", cluster.namespace()),
    );
    let error = error.with_hint("type the whole name: you may not list TrainJobs here");
    match failure.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
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
