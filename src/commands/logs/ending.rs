//! How a run of `logs` ends: the word in its summary, and the exit code.

use crate::{
    error::{CommandError, ErrorKind},
    logs::tally::{Access, Tally},
    render::log_note::counted,
    train_job::JobEnd,
};

/// Why nothing more comes.
#[derive(Debug)]
pub(super) enum End {
    /// All was read.
    Read(JobEnd),
    /// All was read of what was saved; the word is that of the saved run.
    ReadBack(Option<String>),
    /// By Ctrl-C or SIGTERM.
    Stopped(ErrorKind),
    /// Reading could not go on.
    Broken(CommandError),
}

/// What the arguments and the cluster say of an end.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Whether the job's end is the command's.
    pub(super) follows: Follows,
    pub(super) gaps: Gaps,
    pub(super) job: String,
    pub(super) namespace: String,
    /// `kubectl`, with the flags that reach the same cluster.
    pub(super) kubectl: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    Yes,
    No,
}

/// Whether lines that may be missing are a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gaps {
    Tolerated,
    Failures,
}

/// The end of a run, judged.
#[derive(Debug)]
pub(super) struct Conclusion {
    /// `Complete`, `Failed`, ...; empty where there is nothing to say.
    pub(super) word: String,
    pub(super) source: Source,
    pub(super) result: Result<(), CommandError>,
}

/// Where lines came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Cluster,
    Folder,
}

pub(super) fn conclude(end: End, tally: &Tally, rules: &Rules) -> Conclusion {
    let word = word_of(&end);
    let source = match &end {
        End::ReadBack(_) => Source::Folder,
        _ => Source::Cluster,
    };
    let result = match end {
        End::Stopped(kind) => Err(CommandError::silent(kind)),
        End::Broken(error) => Err(error),
        End::Read(_) if tally.access() == Access::Forbidden => Err(forbidden(rules)),
        End::Read(end) => job_result(end, rules).and_then(|()| gap_result(tally, rules)),
        End::ReadBack(_) => gap_result(tally, rules),
    };
    Conclusion {
        word,
        source,
        result,
    }
}

fn word_of(end: &End) -> String {
    let word = match end {
        End::Read(JobEnd::Complete) => "Complete",
        End::Read(JobEnd::Failed { .. }) => "Failed",
        End::Read(JobEnd::Deleted) => "deleted",
        End::Read(JobEnd::NotOver) => "not over",
        End::ReadBack(word) => word.as_deref().unwrap_or_default(),
        End::Stopped(ErrorKind::Terminated) => "terminated",
        End::Stopped(_) => "interrupted",
        End::Broken(_) => "ended early",
    };
    word.to_owned()
}

/// Without following, the job's own result is not asked for.
fn job_result(end: JobEnd, rules: &Rules) -> Result<(), CommandError> {
    let job = &rules.job;
    match (end, rules.follows) {
        (JobEnd::Failed { reason, message }, Follows::Yes) => {
            let why = match (reason.as_str(), message.as_str()) {
                ("", "") => String::new(),
                (reason, "") => format!(": {reason}"),
                ("", message) => format!(": {message}"),
                (reason, message) => format!(": {message} ({reason})"),
            };
            let text = format!("TrainJob \"{job}\" failed{why}");
            Err(CommandError::new(ErrorKind::Failed, text))
        }
        (JobEnd::Deleted, Follows::Yes) => Err(CommandError::new(
            ErrorKind::NotFound,
            format!("TrainJob \"{job}\" was deleted"),
        )),
        _ => Ok(()),
    }
}

fn gap_result(tally: &Tally, rules: &Rules) -> Result<(), CommandError> {
    if rules.gaps == Gaps::Tolerated || tally.is_complete() {
        return Ok(());
    }
    let text = match tally.gaps + tally.skipped {
        0 => "not every container could be read to its end".to_owned(),
        holes => format!("lines may be missing in {}", counted(holes, "place")),
    };
    Err(CommandError::new(ErrorKind::Failed, text))
}

fn forbidden(rules: &Rules) -> CommandError {
    let Rules {
        namespace, kubectl, ..
    } = rules;
    CommandError::new(
        ErrorKind::Forbidden,
        format!("forbidden: you may not get pods/log in namespace {namespace}"),
    )
    .with_hint(format!(
        "ask an administrator for verb \"get\" on resource \"pods/log\" of apiGroup \"\"; check it with: \
         {kubectl} auth can-i get pods --subresource=log -n {namespace}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::{Entry, GapReason, SourceId};

    fn rules(follows: Follows, gaps: Gaps) -> Rules {
        Rules {
            follows,
            gaps,
            job: "train".to_owned(),
            namespace: "team".to_owned(),
            kubectl: "kubectl".to_owned(),
        }
    }

    fn failed() -> JobEnd {
        JobEnd::Failed {
            reason: "JobFailed".to_owned(),
            message: "node-0 ended with 3".to_owned(),
        }
    }

    /// The word, the exit code, and what is said.
    fn concluded(end: End, tally: &Tally, rules: &Rules) -> (String, u8, Vec<String>) {
        let Conclusion { word, result, .. } = conclude(end, tally, rules);
        match result {
            Ok(()) => (word, 0, Vec::new()),
            Err(error) => (word, error.kind.exit_code(), error.chain()),
        }
    }

    #[test]
    fn following_ends_with_the_jobs_result() {
        let rules = rules(Follows::Yes, Gaps::Tolerated);
        let end = |end| {
            let (word, code, said) = concluded(End::Read(end), &Tally::default(), &rules);
            (word, code, said.join("; "))
        };
        assert_eq!(
            end(JobEnd::Complete),
            ("Complete".to_owned(), 0, String::new())
        );
        let said = "TrainJob \"train\" failed: node-0 ended with 3 (JobFailed)".to_owned();
        assert_eq!(end(failed()), ("Failed".to_owned(), 1, said));
        let said = "TrainJob \"train\" was deleted".to_owned();
        assert_eq!(end(JobEnd::Deleted), ("deleted".to_owned(), 5, said));
    }

    #[test]
    fn without_following_only_the_reading_counts() {
        let rules = rules(Follows::No, Gaps::Tolerated);
        assert_eq!(
            concluded(End::Read(failed()), &Tally::default(), &rules).1,
            0
        );
        assert_eq!(
            concluded(End::Read(JobEnd::NotOver), &Tally::default(), &rules).1,
            0
        );
    }

    #[test]
    fn gaps_count_where_the_user_says_so() {
        let mut tally = Tally::default();
        tally.count(&Entry::Gap {
            source: SourceId(0),
            after: None,
            before: None,
            reason: GapReason::Rotated,
        });
        let end = || End::Read(JobEnd::Complete);
        assert_eq!(
            concluded(end(), &tally, &rules(Follows::Yes, Gaps::Tolerated)).1,
            0
        );
        let (_, code, said) = concluded(end(), &tally, &rules(Follows::Yes, Gaps::Failures));
        assert_eq!(
            (code, said),
            (1, vec!["lines may be missing in 1 place".to_owned()])
        );
    }

    #[test]
    fn a_signal_is_the_end_whatever_was_read() {
        let rules = rules(Follows::Yes, Gaps::Failures);
        let end = |kind| concluded(End::Stopped(kind), &Tally::default(), &rules);
        assert_eq!(
            end(ErrorKind::Interrupted),
            ("interrupted".to_owned(), 130, Vec::new())
        );
        assert_eq!(
            end(ErrorKind::Terminated),
            ("terminated".to_owned(), 143, Vec::new())
        );
    }
}
