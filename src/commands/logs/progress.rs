//! How the progress of a job is shown beside its lines: what was wished for, and what there is a terminal for.

use super::{
    Run,
    arguments::ProgressWish,
    board::{JobBoard, Sightings},
    sheet::{Events, Lines, Means, Sheet},
};
use crate::{
    cluster::Follow,
    error::{CommandError, ErrorKind},
    logs::save::RunNames,
    render::{
        progress_json::{EventJob, ProgressEvents},
        progress_line::ProgressLines,
    },
};

impl Run<'_> {
    /// The sheet, with the job's progress beside its lines where that is wanted.
    pub(super) fn with_progress(
        &self,
        mut sheet: Sheet,
        sightings: Sightings,
        names: &RunNames,
    ) -> Result<Sheet, CommandError> {
        let wish = match self.args.progress.wish {
            ProgressWish::Auto if sheet.is_bare() => ProgressWish::None,
            wish => wish,
        };
        if matches!(wish, ProgressWish::Auto | ProgressWish::Tty) {
            sheet.allow_rows();
        }
        let means = match wish {
            // Then how the job stands is the whole answer.
            ProgressWish::None if sheet.lines() == Lines::Hidden => Means::End,
            ProgressWish::None => return Ok(sheet),
            ProgressWish::Auto | ProgressWish::Tty if sheet.takes_rows() => Means::Rows,
            ProgressWish::Tty => return Err(no_terminal()),
            ProgressWish::Auto | ProgressWish::Plain => Means::Lines(ProgressLines::default()),
            ProgressWish::Json => {
                let job = EventJob {
                    namespace: names.namespace.clone(),
                    job: names.job.clone(),
                };
                Means::Events(Events::new(ProgressEvents::new(job)))
            }
        };
        Ok(sheet.with_progress(JobBoard::new(sightings, self.said_first.clone()), means))
    }

    /// A job that is not followed is looked at once.
    pub(super) fn refuse_progress(&self) -> Result<(), CommandError> {
        match (self.follow, self.args.progress.wish) {
            (Follow::Yes, _) | (_, ProgressWish::Auto | ProgressWish::None) => Ok(()),
            (Follow::No, ProgressWish::Tty | ProgressWish::Plain | ProgressWish::Json) => {
                let text = "--progress is for a job that is followed";
                Err(CommandError::new(ErrorKind::Usage, text).with_hint("add --follow"))
            }
        }
    }
}

fn no_terminal() -> CommandError {
    let text = "--progress tty needs one terminal for standard output and standard error";
    CommandError::new(ErrorKind::Usage, text)
        .with_hint("--progress plain says the same in lines; -q and -v leave no room for bars")
}
