//! Which job a name means: the whole name, the beginning of one, the youngest, or the only one there is.

use std::fmt;

use crate::cluster::TrainJob;

/// What was typed in place of a job's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobName {
    /// Nothing: the only job of the namespace.
    Only,
    /// `@last`: the one that was created last.
    Youngest,
    /// A name, or the beginning of one.
    Named(String),
}

impl JobName {
    /// `NAME`, `trainjob/NAME` (in any of kubectl's spellings), `@last`, or nothing.
    pub fn parse(typed: Option<&str>) -> Self {
        match typed {
            None => Self::Only,
            Some("@last") => Self::Youngest,
            Some(typed) => {
                let name = match typed.split_once('/') {
                    Some((kind, name)) if is_train_job(kind) => name,
                    _ => typed,
                };
                Self::Named(name.to_owned())
            }
        }
    }
}

fn is_train_job(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let plain = kind.split_once('.').map_or(kind.as_str(), |(kind, _)| kind);
    plain == "trainjob" || plain == "trainjobs"
}

/// Why a name does not mean one job. The names that it may mean are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameProblem {
    /// None was named, and there are several.
    NotNamed(Vec<String>),
    /// Several begin so.
    Ambiguous {
        typed: String,
        begin_so: Vec<String>,
    },
    /// None has or begins with this name.
    Unknown { typed: String, there: Vec<String> },
    /// There is no job.
    NoJobs,
}

impl fmt::Display for NameProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNamed(_) => write!(formatter, "name one of the TrainJobs"),
            Self::Ambiguous { typed, .. } => {
                write!(formatter, "several TrainJobs begin with \"{typed}\"")
            }
            Self::Unknown { typed, .. } => write!(formatter, "there is no TrainJob \"{typed}\""),
            Self::NoJobs => write!(formatter, "there are no TrainJobs"),
        }
    }
}

impl std::error::Error for NameProblem {}

/// The name of the one job that is meant. An exact name is never ambiguous.
pub fn resolve(wanted: &JobName, jobs: &[TrainJob]) -> Result<String, NameProblem> {
    let youngest = || jobs.iter().max_by_key(|job| (job.created, &job.name));
    let found = match wanted {
        JobName::Youngest => youngest(),
        JobName::Only => match jobs {
            [] => None,
            [only] => Some(only),
            _ => return Err(NameProblem::NotNamed(names(jobs.iter()))),
        },
        JobName::Named(typed) => return resolve_name(typed, jobs),
    };
    found.map(|job| job.name.clone()).ok_or(NameProblem::NoJobs)
}

fn resolve_name(typed: &str, jobs: &[TrainJob]) -> Result<String, NameProblem> {
    if jobs.iter().any(|job| job.name == typed) {
        return Ok(typed.to_owned());
    }
    let has_beginning = |job: &&TrainJob| !typed.is_empty() && job.name.starts_with(typed);
    let mut begin_so = names(jobs.iter().filter(has_beginning));
    match begin_so.len() {
        1 => Ok(begin_so.remove(0)),
        0 => Err(NameProblem::Unknown {
            typed: typed.to_owned(),
            there: names(jobs.iter()),
        }),
        _ => Err(NameProblem::Ambiguous {
            typed: typed.to_owned(),
            begin_so,
        }),
    }
}

fn names<'a>(jobs: impl Iterator<Item = &'a TrainJob>) -> Vec<String> {
    let mut names: Vec<_> = jobs.map(|job| job.name.clone()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// Jobs, the oldest first.
    fn jobs(names: &[&str]) -> Vec<TrainJob> {
        let created = |second: i64| Timestamp::from_second(1_763_000_000 + second).ok();
        let jobs = names.iter().zip(0..).map(|(name, second)| TrainJob {
            name: (*name).to_owned(),
            created: created(second),
            ..TrainJob::default()
        });
        jobs.collect()
    }

    fn resolved(typed: Option<&str>, names: &[&str]) -> Result<String, NameProblem> {
        resolve(&JobName::parse(typed), &jobs(names))
    }

    #[test]
    fn a_job_may_be_named_as_kubectl_names_objects() {
        for typed in [
            "pi",
            "trainjob/pi",
            "trainjobs/pi",
            "TrainJob/pi",
            "trainjobs.trainer.kubeflow.org/pi",
        ] {
            assert_eq!(
                JobName::parse(Some(typed)),
                JobName::Named("pi".to_owned()),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_beginning_does_where_only_one_job_begins_so() {
        assert_eq!(resolved(Some("bert"), &["bert-2", "pi"]).unwrap(), "bert-2");
        let expected = NameProblem::Ambiguous {
            typed: "bert".to_owned(),
            begin_so: vec!["bert-1".to_owned(), "bert-2".to_owned()],
        };
        assert_eq!(
            resolved(Some("bert"), &["bert-2", "bert-1", "pi"]),
            Err(expected)
        );
    }

    #[test]
    fn a_whole_name_is_never_ambiguous() {
        assert_eq!(
            resolved(Some("bert"), &["bert-2", "bert", "bert-1"]).unwrap(),
            "bert"
        );
    }

    #[test]
    fn without_a_name_the_only_job_is_meant() {
        assert_eq!(resolved(None, &["pi"]).unwrap(), "pi");
        assert_eq!(resolved(None, &[]), Err(NameProblem::NoJobs));
        let both = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(
            resolved(None, &["b", "a"]),
            Err(NameProblem::NotNamed(both))
        );
    }

    #[test]
    fn the_last_job_is_the_youngest() {
        assert_eq!(resolved(Some("@last"), &["z", "a", "m"]).unwrap(), "m");
        assert_eq!(resolved(Some("@last"), &[]), Err(NameProblem::NoJobs));
    }

    #[test]
    fn an_unknown_name_shows_what_there_is() {
        let expected = NameProblem::Unknown {
            typed: "bret".to_owned(),
            there: vec!["bert".to_owned()],
        };
        assert_eq!(resolved(Some("bret"), &["bert"]), Err(expected));
        assert!(resolved(Some("trainjob/"), &["bert"]).is_err());
    }
}
