//! Where a file with a credential goes: to a place that only its owner may read, or to standard output where that is
//! asked for.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::minting::Made;
use crate::{
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render::document::render_json,
    ui::{Existing, Ui, write_private},
};

#[derive(clap::Args, Debug, Default)]
pub(super) struct OutputArgs {
    /// File to write, readable by you alone; `-` writes to standard output, also on a terminal
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// Where the answer goes.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) enum Destination<'a> {
    File(&'a Path, Existing),
    StandardOutput,
}

impl OutputArgs {
    /// Decided before any credential is made. Nobody shows a token on a screen by mistake.
    pub(super) fn destination(
        &self,
        ui: &Ui,
        context: &CommandContext,
        command: &str,
    ) -> Result<Destination<'_>, CommandError> {
        match self.file.as_deref() {
            Some(path) if path == Path::new("-") => Ok(Destination::StandardOutput),
            Some(path) => {
                let existing = self.existing();
                check_free(path, existing)?;
                Ok(Destination::File(path, existing))
            }
            None if ui.answers_to_terminal() => Err(CommandError::new(
                ErrorKind::Refused,
                "this file holds a token, which would be shown on the terminal",
            )
            .with_hint(format!(
                "name a file: {0} {command} -f FILE; to see it all the same: {0} {command} -f -",
                context.display_name()
            ))),
            None => Ok(Destination::StandardOutput),
        }
    }

    pub(super) const fn existing(&self) -> Existing {
        if self.force {
            Existing::Replaced
        } else {
            Existing::Kept
        }
    }
}

/// Refuses a place that is taken, or cannot be written to, before anything is made.
pub(in crate::commands) fn check_free(path: &Path, existing: Existing) -> Result<(), CommandError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(CommandError::new(
            ErrorKind::NotFound,
            format!("there is no folder {}", folder.display()),
        )
        .with_hint(format!("make it: mkdir -p {}", folder.display())));
    }
    match (existing, path.symlink_metadata()) {
        (Existing::Kept, Ok(_)) => Err(taken(path)),
        (Existing::Replaced, Ok(found)) if found.is_dir() => Err(CommandError::new(
            ErrorKind::Usage,
            format!("{} is a folder", path.display()),
        )
        .with_hint("name a file in it")),
        _ => Ok(()),
    }
}

fn taken(path: &Path) -> CommandError {
    CommandError::new(
        ErrorKind::Refused,
        format!("{} is there already", path.display()),
    )
    .with_hint("name another file, or replace it: --force")
}

pub(super) fn write_file(path: &Path, text: &str, existing: Existing) -> Result<(), CommandError> {
    write_private(path, text, existing).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => taken(path),
        _ => CommandError::new(
            ErrorKind::Failed,
            format!("cannot write {}: {error}", path.display()),
        )
        .with_hint("is the folder yours, and is there room? name another file with -f"),
    })
}

impl<'a> Destination<'a> {
    /// Writes the text where it belongs.
    pub(super) fn write(self, ui: &mut Ui, text: &str) -> Result<(), CommandError> {
        match self {
            Self::File(path, existing) => {
                write_file(path, text, existing)?;
                ui.note(&format!(
                    "Wrote {}, which only you can read.",
                    path.display()
                ));
                Ok(())
            }
            Self::StandardOutput => Ok(ui.answer(text)?),
        }
    }

    pub(super) const fn file(self) -> Option<&'a Path> {
        match self {
            Self::File(path, _) => Some(path),
            Self::StandardOutput => None,
        }
    }
}

/// How a program is told what was made, on standard output.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReportFormat {
    Json,
}

/// The file and the report cannot both go to standard output.
pub(super) fn check_report(
    report: Option<ReportFormat>,
    destination: Destination<'_>,
) -> Result<(), CommandError> {
    match (report, destination) {
        (Some(_), Destination::StandardOutput) => Err(CommandError::new(
            ErrorKind::Usage,
            "standard output can have the file or the report, not both",
        )
        .with_hint("write the file to a place of its own: -f FILE")),
        _ => Ok(()),
    }
}

/// Tells a program what was made, if it wants to know.
pub(super) fn report(
    ui: &mut Ui,
    wanted: Option<ReportFormat>,
    made: &Made,
    (server, destination): (&str, Destination<'_>),
) -> Result<(), CommandError> {
    match wanted {
        Some(ReportFormat::Json) => {
            let report = describe(made, server, destination.file());
            Ok(ui.answer(&render_json(&report))?)
        }
        None => Ok(()),
    }
}

/// What a program learns of a credential. The token is not in it.
pub(super) fn describe(made: &Made, server: &str, file: Option<&Path>) -> Value {
    let moment = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string());
    json!({
        "kind": "Credential",
        "schemaVersion": 1,
        "id": made.issued.id,
        "namespace": made.holder.namespace,
        "serviceAccount": made.holder.account,
        "secret": made.marker,
        "server": server,
        "issuedAt": moment(Some(made.issued.issued)),
        "expiresAt": moment(made.issued.expires),
        "grantedSeconds": made.issued.granted_seconds(),
        "file": file.map(|file| file.display().to_string()),
    })
}
