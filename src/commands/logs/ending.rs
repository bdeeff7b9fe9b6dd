//! How a run of `logs` ends: the word in its summary, and the exit code.

use crate::{
    cluster::Follow,
    error::{CommandError, ErrorKind},
    logs::tally::{Access, Tally},
    render::log_note::{counted, list_steps, render_gone, render_never, render_other_containers},
    train_job::JobEnd,
};

/// Why nothing more comes.
#[derive(Debug)]
pub(super) enum End {
    /// All was read.
    Read(JobEnd, Afterwards),
    /// All was read of what was saved.
    ReadBack(SavedEnd),
    /// By Ctrl-C or SIGTERM.
    Stopped(ErrorKind),
    /// Reading could not go on.
    Broken(CommandError),
}

/// A last look at the job.
#[derive(Clone, Debug, Default)]
pub(super) struct Afterwards {
    /// How it stands, in one word; none where it could not be looked at.
    pub(super) state: Option<&'static str>,
    /// Steps of a job that is over and that have no pod any more.
    pub(super) without_pods: Vec<String>,
    pub(super) past: Past,
    /// The containers that there are, where none of them was asked for.
    pub(super) other_containers: Vec<String>,
}

/// Whether there ever was something to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Past {
    #[default]
    HadPods,
    EndedWithoutPods,
}

/// What a saved run says of its end.
#[derive(Clone, Debug)]
pub(super) struct SavedEnd {
    /// None where it was killed.
    pub(super) word: Option<String>,
    /// When it was last written down how far it was.
    pub(super) updated: String,
}

/// What the arguments and the cluster say of an end.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Whether the job's end is the command's.
    pub(super) follow: Follow,
    pub(super) gaps: Gaps,
    pub(super) job: String,
    pub(super) namespace: String,
    /// `kubectl`, with the flags that reach the same cluster.
    pub(super) kubectl: String,
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
    /// `Complete`, `Failed`, `cut short at ...`.
    pub(super) text: String,
    /// The same as one word of the schema.
    pub(super) word: String,
    /// Steps whose pods are gone, and their logs with them.
    pub(super) gone: Vec<String>,
    /// Why there is nothing to read, where that has to be said: pods are gone, and the job's own reason.
    pub(super) remarks: Vec<String>,
    pub(super) source: Source,
    pub(super) result: Result<(), CommandError>,
}

/// Where lines came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Cluster,
    Folder,
}

/// Of a saved run that was killed.
const CUT_SHORT: &str = "CutShort";

pub(super) fn conclude(end: End, tally: &Tally, rules: &Rules) -> Conclusion {
    let word = word_of(&end);
    let text = text_of(&end, &word);
    let gone = gone(&end, tally);
    let remarks = remarks(&end, &gone, rules);
    let source = match &end {
        End::ReadBack(_) => Source::Folder,
        _ => Source::Cluster,
    };
    let result = match end {
        End::Stopped(kind) => Err(CommandError::silent(kind)),
        End::Broken(error) => Err(error),
        End::Read(..) if tally.access() == Access::Forbidden => {
            Err(forbidden(&rules.namespace, &rules.kubectl))
        }
        End::Read(end, _) => job_result(end, rules)
            .and_then(|()| gone_result(&gone, rules))
            .and_then(|()| gap_result(tally, rules)),
        End::ReadBack(saved) => saved_result(&saved, rules).and_then(|()| gap_result(tally, rules)),
    };
    Conclusion {
        text,
        word,
        gone,
        remarks,
        source,
        result,
    }
}

/// One of the words that `docs/schemas/logs.schema.json` has for an outcome.
pub(super) fn word_of(end: &End) -> String {
    let word = match end {
        End::Read(JobEnd::Complete, _) => "Complete",
        End::Read(JobEnd::Failed { .. }, _) => "Failed",
        End::Read(JobEnd::Deleted, _) => "Deleted",
        End::Read(JobEnd::NotOver, afterwards) => afterwards.state.unwrap_or("NotOver"),
        End::ReadBack(saved) => saved.word.as_deref().unwrap_or(CUT_SHORT),
        End::Stopped(kind) => word_of_signal(*kind),
        End::Broken(_) => "EndedEarly",
    };
    word.to_owned()
}

pub(super) const fn word_of_signal(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Terminated => "Terminated",
        ErrorKind::HungUp => "HungUp",
        _ => "Interrupted",
    }
}

/// The job's words as the job has them, ours as words.
fn text_of(end: &End, word: &str) -> String {
    match (end, word) {
        (End::ReadBack(saved), CUT_SHORT) => format!("cut short at {}", saved.updated),
        (_, "Deleted") => "deleted".to_owned(),
        (_, "Deleting") => "being deleted".to_owned(),
        (_, "NotOver") => "not over".to_owned(),
        (_, "Terminated") => "terminated".to_owned(),
        (_, "HungUp") => "terminal closed".to_owned(),
        (_, "Interrupted") => "interrupted".to_owned(),
        (_, "EndedEarly") => "ended early".to_owned(),
        _ => word.to_owned(),
    }
}

/// What was read while its pods were there is not lost.
fn gone(end: &End, tally: &Tally) -> Vec<String> {
    let End::Read(_, afterwards) = end else {
        return Vec::new();
    };
    let read = tally.steps();
    let mut steps = read
        .iter()
        .filter_map(|label| label.split('/').next())
        .collect::<Vec<_>>();
    steps.sort_unstable();
    let is_gone = |step: &&String| steps.binary_search(&step.as_str()).is_err();
    let without_pods = afterwards.without_pods.iter();
    without_pods.filter(is_gone).cloned().collect()
}

/// While following, the job's own reason is the command's error.
fn remarks(end: &End, gone: &[String], rules: &Rules) -> Vec<String> {
    let End::Read(_, afterwards) = end else {
        return Vec::new();
    };
    let mut remarks = match afterwards.past {
        Past::EndedWithoutPods => vec![render_never(&rules.job)],
        Past::HadPods if !gone.is_empty() => vec![render_gone(gone)],
        Past::HadPods => match afterwards.other_containers.as_slice() {
            [] => return Vec::new(),
            there => return vec![render_other_containers(there)],
        },
    };
    if let (End::Read(JobEnd::Failed { reason, message }, _), Follow::No) = (end, rules.follow) {
        remarks.push(failure_text(&rules.job, reason, message));
    }
    remarks
}

fn gone_result(gone: &[String], rules: &Rules) -> Result<(), CommandError> {
    if rules.gaps == Gaps::Tolerated || gone.is_empty() {
        return Ok(());
    }
    let text = format!("the logs of {} are gone", list_steps(gone));
    Err(CommandError::new(ErrorKind::Failed, text))
}

fn saved_result(saved: &SavedEnd, rules: &Rules) -> Result<(), CommandError> {
    if rules.gaps == Gaps::Tolerated || saved.word.is_some() {
        return Ok(());
    }
    let text = format!("the saved run was cut short at {}", saved.updated);
    Err(CommandError::new(ErrorKind::Failed, text))
}

/// Without following, the job's own result is not asked for.
fn job_result(end: JobEnd, rules: &Rules) -> Result<(), CommandError> {
    let job = &rules.job;
    match (end, rules.follow) {
        (JobEnd::Failed { reason, message }, Follow::Yes) => {
            let text = failure_text(job, &reason, &message);
            Err(CommandError::new(ErrorKind::Failed, text))
        }
        (JobEnd::Deleted, Follow::Yes) => Err(CommandError::new(
            ErrorKind::NotFound,
            format!("TrainJob \"{job}\" was deleted"),
        )),
        _ => Ok(()),
    }
}

fn failure_text(job: &str, reason: &str, message: &str) -> String {
    let why = match (reason, message) {
        ("", "") => String::new(),
        (reason, "") => format!(": {reason}"),
        ("", message) => format!(": {message}"),
        (reason, message) => format!(": {message} ({reason})"),
    };
    format!("TrainJob \"{job}\" failed{why}")
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

pub(super) fn forbidden(namespace: &str, kubectl: &str) -> CommandError {
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

    fn rules(follow: Follow, gaps: Gaps) -> Rules {
        Rules {
            follow,
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

    fn read(end: JobEnd) -> End {
        End::Read(end, Afterwards::default())
    }

    /// The word, the exit code, and what is said.
    fn concluded(end: End, tally: &Tally, rules: &Rules) -> (String, u8, Vec<String>) {
        let Conclusion { text, result, .. } = conclude(end, tally, rules);
        match result {
            Ok(()) => (text, 0, Vec::new()),
            Err(error) => (text, error.kind.exit_code(), error.chain()),
        }
    }

    #[test]
    fn following_ends_with_the_jobs_result() {
        let rules = rules(Follow::Yes, Gaps::Tolerated);
        let end = |end| {
            let (word, code, said) = concluded(read(end), &Tally::default(), &rules);
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
        let rules = rules(Follow::No, Gaps::Tolerated);
        assert_eq!(concluded(read(failed()), &Tally::default(), &rules).1, 0);
        assert_eq!(
            concluded(read(JobEnd::NotOver), &Tally::default(), &rules).1,
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
        let end = || read(JobEnd::Complete);
        assert_eq!(
            concluded(end(), &tally, &rules(Follow::Yes, Gaps::Tolerated)).1,
            0
        );
        let (_, code, said) = concluded(end(), &tally, &rules(Follow::Yes, Gaps::Failures));
        assert_eq!(
            (code, said),
            (1, vec!["lines may be missing in 1 place".to_owned()])
        );
    }

    #[test]
    fn a_job_that_goes_on_is_told_by_its_state() {
        let rules = rules(Follow::No, Gaps::Failures);
        let afterwards = Afterwards {
            state: Some("Suspended"),
            ..Afterwards::default()
        };
        let end = End::Read(JobEnd::NotOver, afterwards);
        assert_eq!(
            concluded(end, &Tally::default(), &rules),
            ("Suspended".to_owned(), 0, Vec::new())
        );
    }

    #[test]
    fn pods_that_are_gone_are_told_with_the_jobs_reason_and_count_where_the_user_says_so() {
        let afterwards = || Afterwards {
            state: Some("Failed"),
            without_pods: vec!["node-0".to_owned(), "node-1".to_owned()],
            ..Afterwards::default()
        };
        let conclude = |gaps| {
            let end = End::Read(failed(), afterwards());
            conclude(end, &Tally::default(), &rules(Follow::No, gaps))
        };
        let tolerated = conclude(Gaps::Tolerated);
        assert!(tolerated.result.is_ok());
        assert_eq!(tolerated.gone, ["node-0", "node-1"]);
        assert_eq!(
            tolerated.remarks,
            [
                "the pods of node-0, node-1 are gone, and their logs with them",
                "TrainJob \"train\" failed: node-0 ended with 3 (JobFailed)"
            ]
        );
        let error = conclude(Gaps::Failures).result.unwrap_err();
        assert_eq!(
            (error.kind.exit_code(), error.chain()),
            (1, vec!["the logs of node-0, node-1 are gone".to_owned()])
        );
    }

    #[test]
    fn who_waited_for_a_container_that_never_came_learns_which_there_are() {
        let afterwards = Afterwards {
            other_containers: vec!["node".to_owned()],
            ..Afterwards::default()
        };
        let end = End::Read(JobEnd::Complete, afterwards);
        let conclusion = conclude(end, &Tally::default(), &rules(Follow::Yes, Gaps::Tolerated));
        assert_eq!(
            conclusion.remarks,
            ["no container is called as it was asked for; there are: node"]
        );
    }

    #[test]
    fn of_a_job_that_ended_before_it_had_pods_nothing_is_gone() {
        let afterwards = Afterwards {
            past: Past::EndedWithoutPods,
            ..Afterwards::default()
        };
        let end = End::Read(failed(), afterwards);
        let conclusion = conclude(end, &Tally::default(), &rules(Follow::No, Gaps::Failures));
        assert!(conclusion.result.is_ok());
        assert_eq!(conclusion.gone, Vec::<String>::new());
        assert_eq!(
            conclusion.remarks,
            [
                "TrainJob \"train\" ended before it had a pod: there is nothing to read",
                "TrainJob \"train\" failed: node-0 ended with 3 (JobFailed)"
            ]
        );
    }

    #[test]
    fn a_saved_run_that_was_killed_is_cut_short() {
        let end = || {
            End::ReadBack(SavedEnd {
                word: None,
                updated: "2026-11-21T11:55:04Z".to_owned(),
            })
        };
        let tally = Tally::default();
        let word = "cut short at 2026-11-21T11:55:04Z".to_owned();
        let tolerated = concluded(end(), &tally, &rules(Follow::No, Gaps::Tolerated));
        assert_eq!(tolerated, (word.clone(), 0, Vec::new()));
        let (_, code, said) = concluded(end(), &tally, &rules(Follow::No, Gaps::Failures));
        assert_eq!((code, said), (1, vec![format!("the saved run was {word}")]));
    }

    #[test]
    fn a_signal_is_the_end_whatever_was_read() {
        let rules = rules(Follow::Yes, Gaps::Failures);
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
