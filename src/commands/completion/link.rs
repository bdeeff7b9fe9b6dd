//! `completion install|uninstall|status`: the file that kubectl asks, made, removed and tried.

use std::path::PathBuf;

use super::{
    InstallArgs,
    proof::{Proof, fetch_proof},
};
use crate::{
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    plugin::{
        self, CompletionFile, InstallFault, Installed, Names, Overwrite, Surroundings, Survey,
        survey,
    },
    render::completion::{StatusLine, Verdict, render_status},
    ui::Ui,
};

/// The oldest kubectl that asks plugins.
const OLDEST_KUBECTL: &str = "1.26";

pub(super) async fn install(
    ui: &mut Ui,
    context: &CommandContext,
    args: &InstallArgs,
) -> Result<(), CommandError> {
    let names = Names::own();
    let overwrite = if args.force {
        Overwrite::Allowed
    } else {
        Overwrite::Refused
    };
    let surroundings = Surroundings::read();
    let done = plugin::install(&names, &surroundings, args.folder.as_deref(), overwrite)
        .map_err(|fault| refuse_install(fault, context))?;
    ui.answer(&match done {
        Installed::Already(path) => format!("{} is there already.\n", path.display()),
        Installed::Made(path) => format!("{} is made.\n", path.display()),
    })?;
    tell(ui, context).await
}

pub(super) fn uninstall(ui: &mut Ui) -> Result<(), CommandError> {
    let names = Names::own();
    let removed = plugin::uninstall(&names, &Surroundings::read()).map_err(refuse_uninstall)?;
    let lines = removed
        .iter()
        .map(|path| format!("{} is removed.\n", path.display()));
    let text: String = lines.collect();
    match text.as_str() {
        "" => Ok(ui.answer(&format!("There is no {} on the PATH.\n", names.completion))?),
        text => Ok(ui.answer(text)?),
    }
}

pub(super) async fn status(ui: &mut Ui, context: &CommandContext) -> Result<(), CommandError> {
    tell(ui, context).await
}

/// Whether it works, what that rests on, and what mends it.
async fn tell(ui: &mut Ui, context: &CommandContext) -> Result<(), CommandError> {
    let names = Names::own();
    let found = survey(&names, &Surroundings::read());
    let proof = match &found.kubectl {
        Some(kubectl) => Some(fetch_proof(kubectl, &names).await),
        None => None,
    };
    let problem = problem(&found, proof.as_ref(), context.display_name());
    let typed = format!("kubectl {}", names.words().join(" "));
    let verdict = match &problem {
        None => Verdict::Works,
        Some(_) => Verdict::DoesNot,
    };
    ui.answer(&render_status(
        &typed,
        verdict,
        &lines(&found),
        context.look(ui).style,
    ))?;
    if let Some(problem) = problem {
        let error = CommandError::new(ErrorKind::Failed, problem.what);
        return Err(error.with_hint(problem.mend));
    }
    ui.note("Your shell has to complete kubectl itself, too: see kubectl completion --help");
    Ok(())
}

fn lines(found: &Survey) -> Vec<StatusLine> {
    let shown = |path: Option<&PathBuf>| {
        path.map_or_else(
            || "not on the PATH".to_owned(),
            |path| path.display().to_string(),
        )
    };
    let completion = match &found.completion {
        CompletionFile::Absent => "none".to_owned(),
        CompletionFile::Works(path) | CompletionFile::Own(path) | CompletionFile::Broken(path) => {
            path.display().to_string()
        }
        CompletionFile::OtherCopy { path, target } => {
            format!("{} -> {}", path.display(), target.display())
        }
    };
    vec![
        StatusLine::new("kubectl", shown(found.kubectl.as_ref())),
        StatusLine::new("plugin", shown(found.plugin.as_ref())),
        StatusLine::new("completion", completion),
    ]
}

/// Why TAB does not work, and what mends it.
struct Problem {
    what: String,
    mend: String,
}

impl Problem {
    fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            mend: mend.into(),
        }
    }
}

/// The first thing that is wrong. `program` is what the user types to run this one.
fn problem(found: &Survey, proof: Option<&Proof>, program: &str) -> Option<Problem> {
    let names = &found.names;
    if found.kubectl.is_none() {
        return Some(Problem::new(
            "there is no kubectl on the PATH",
            "put kubectl into a folder of the PATH",
        ));
    }
    if found.plugin.is_none() {
        return Some(Problem::new(
            format!("kubectl does not find {} on the PATH", names.plugin),
            "put the program into a folder of the PATH under that name",
        ));
    }
    problem_of_file(found, program).or_else(|| match proof? {
        Proof::Completes => None,
        Proof::DoesNot => Some(silent(found, program)),
        Proof::NotAsked(problem) => Some(Problem::new(
            format!("kubectl cannot be asked: {problem}"),
            format!(
                "try it: kubectl __complete {} \"\"",
                names.words().join(" ")
            ),
        )),
    })
}

fn problem_of_file(found: &Survey, program: &str) -> Option<Problem> {
    let anew = format!("make it anew with: {program} completion install");
    match &found.completion {
        CompletionFile::Works(_) | CompletionFile::Own(_) => None,
        CompletionFile::Absent => Some(Problem::new(
            format!(
                "there is no {} on the PATH, which kubectl would ask",
                found.names.completion
            ),
            format!("make it with: {program} completion install"),
        )),
        CompletionFile::Broken(path) => Some(Problem::new(
            format!("{} cannot be started", path.display()),
            anew,
        )),
        CompletionFile::OtherCopy { path, target } => {
            let what = format!(
                "{} leads to {}, which is not the plugin that kubectl runs",
                path.display(),
                target.display()
            );
            Some(Problem::new(what, anew))
        }
    }
}

/// It is there, and nothing comes of it.
fn silent(found: &Survey, program: &str) -> Problem {
    match &found.completion {
        CompletionFile::Own(path) => Problem::new(
            format!(
                "{} gives kubectl none of the plugin's words",
                path.display()
            ),
            format!("put this plugin's in its place: {program} completion install --force"),
        ),
        _ => Problem::new(
            format!(
                "{} is there, and kubectl gives none of its words",
                found.names.completion
            ),
            format!("kubectl {OLDEST_KUBECTL} or newer asks plugins: kubectl version --client"),
        ),
    }
}

fn refuse_install(fault: InstallFault, context: &CommandContext) -> CommandError {
    let name = context.display_name();
    let hint = match &fault {
        InstallFault::NoPlugin { .. } => {
            "put the program into a folder of the PATH under that name, then run this again"
                .to_owned()
        }
        InstallFault::NotOnPath { .. } => {
            "name a folder of the PATH, or leave --folder out".to_owned()
        }
        InstallFault::NotOurs { .. } => format!(
            "see what it is; to put this plugin's in its place: {name} completion install --force"
        ),
        InstallFault::Nowhere { .. } => format!(
            "name a folder of the PATH that you may write to: {name} completion install --folder FOLDER"
        ),
        InstallFault::Shadowed { .. } => {
            "remove the other one, or put this one's folder before it on the PATH".to_owned()
        }
        InstallFault::NotRemoved { .. } => "remove it by hand".to_owned(),
    };
    let kind = match &fault {
        InstallFault::NoPlugin { .. } => ErrorKind::NotFound,
        InstallFault::NotOnPath { .. } => ErrorKind::Usage,
        InstallFault::NotOurs { .. } => ErrorKind::Refused,
        InstallFault::Nowhere { .. }
        | InstallFault::Shadowed { .. }
        | InstallFault::NotRemoved { .. } => ErrorKind::Failed,
    };
    CommandError::new(kind, fault).with_hint(hint)
}

fn refuse_uninstall(fault: InstallFault) -> CommandError {
    let kind = match &fault {
        InstallFault::NotOurs { .. } => ErrorKind::Refused,
        _ => ErrorKind::Failed,
    };
    CommandError::new(kind, fault).with_hint("see what it is, and remove it by hand")
}
