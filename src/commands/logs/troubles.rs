//! What can go wrong with the files of `logs`, as errors that say what mends them.

use super::showing::Trouble;
use crate::{
    error::{CommandError, ErrorKind},
    logs::{ReadError, save::SaveError, saved::SavedError, spool::SpoolError},
};

impl From<Trouble> for CommandError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Output(error) => error.into(),
            Trouble::Save(error) => error.into(),
            Trouble::Saved(error) => error.into(),
            Trouble::Spool(error) => error.into(),
        }
    }
}

impl From<SaveError> for CommandError {
    fn from(error: SaveError) -> Self {
        let (kind, hint) = match &error {
            SaveError::Taken { .. } => (
                ErrorKind::Refused,
                "name another folder: --save FOLDER; what is there is shown by: --from FOLDER",
            ),
            SaveError::NotEmpty { .. } => (
                ErrorKind::Refused,
                "name a new or an empty folder: --save FOLDER",
            ),
            SaveError::File { .. } => (
                ErrorKind::Failed,
                "is there room, and may you write there? another folder: --save FOLDER",
            ),
        };
        Self::new(kind, error).with_hint(hint)
    }
}

impl From<SavedError> for CommandError {
    fn from(error: SavedError) -> Self {
        let (kind, hint) = match &error {
            SavedError::NothingSaved { .. } => (
                ErrorKind::NotFound,
                "name the folder that was given to --save",
            ),
            SavedError::File { .. } => (
                ErrorKind::Failed,
                "may you read it, and is the folder whole?",
            ),
            SavedError::Changed { .. } => (
                ErrorKind::Failed,
                "the .log files beside it can be read without an index",
            ),
            SavedError::Newer { .. } => (ErrorKind::Failed, "update kubectl-trainer"),
        };
        Self::new(kind, error).with_hint(hint)
    }
}

impl From<SpoolError> for CommandError {
    fn from(error: SpoolError) -> Self {
        Self::new(ErrorKind::Failed, error).with_hint(
            "lines that the terminal has not taken yet are kept in a temporary file: is there room? TMPDIR names \
             another folder, --buffer another size",
        )
    }
}

impl From<ReadError> for CommandError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Cluster(failure) => failure.into(),
        }
    }
}
