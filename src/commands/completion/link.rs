//! `completion install|uninstall|status`: the file that kubectl asks, made, removed and tried.

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
    render::completion::{StatusLine, render_status},
    ui::Ui,
};

/// The oldest kubectl that asks plugins.
const OLDEST_KUBECTL: &str = "1.26";

pub(super) async fn install(
    ui: &mut Ui,
    context: &CommandContext,
    args: &InstallArgs,
) -> Result<(), CommandError> {
    let names = context.plugin_names();
    let overwrite = match args.force {
        true => Overwrite::Allowed,
        false => Overwrite::Refused,
    };
    let surroundings = Surroundings::read();
    let done = plugin::install(&names, &surroundings, args.folder.as_deref(), overwrite)
        .map_err(|fault| refuse(fault, context))?;
    ui.answer(&match done {
        Installed::Already(path) => format!("{} is there already.\n", path.display()),
        Installed::Made(path) => format!("{} is made.\n", path.display()),
    })?;
    tell(ui, context).await
}

pub(super) fn uninstall(ui: &mut Ui, context: &CommandContext) -> Result<(), CommandError> {
    let names = context.plugin_names();
    let removed =
        plugin::uninstall(&names, &Surroundings::read()).map_err(|fault| refuse(fault, context))?;
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
    let names = context.plugin_names();
    let found = survey(&names, &Surroundings::read());
    let proof = match &found.kubectl {
        Some(kubectl) => Some(fetch_proof(kubectl, &names).await),
        None => None,
    };
    let problem = problem(&found, proof.as_ref(), &names);
    let typed = format!("kubectl {}", names.words().join(" "));
    ui.answer(&render_status(
        &typed,
        problem.is_none(),
        &lines(&found),
        context.look(ui).style,
    ))?;
    match problem {
        None => {
            ui.note(&format!(
                "Your shell has to complete kubectl itself, too: see kubectl completion --help"
            ));
            Ok(())
        }
        Some((text, mend)) => Err(CommandError::new(ErrorKind::Failed, text)
            .with_hint(mend.replace("{}", context.display_name()))),
    }
}

fn lines(found: &Survey) -> Vec<StatusLine> {
    let shown = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map_or_else(
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
        StatusLine::new("kubectl", shown(&found.kubectl)),
        StatusLine::new("plugin", shown(&found.plugin)),
        StatusLine::new("completion", completion),
    ]
}

/// The first thing that is wrong, and what mends it; `{}` stands for what the user types to run this program.
fn problem(found: &Survey, proof: Option<&Proof>, names: &Names) -> Option<(String, String)> {
    let install = "make it anew with: {} completion install".to_owned();
    let file = &names.completion;
    if found.kubectl.is_none() {
        let text = "there is no kubectl on the PATH".to_owned();
        return Some((text, "put kubectl into a folder of the PATH".to_owned()));
    }
    if found.plugin.is_none() {
        let text = format!("kubectl does not find {} on the PATH", names.plugin);
        return Some((
            text,
            "put the program into a folder of the PATH under that name".to_owned(),
        ));
    }
    match (&found.completion, proof) {
        (CompletionFile::Absent, _) => Some((
            format!("there is no {file} on the PATH, which kubectl would ask"),
            "make it with: {} completion install".to_owned(),
        )),
        (CompletionFile::Broken(path), _) => {
            Some((format!("{} cannot be started", path.display()), install))
        }
        (CompletionFile::OtherCopy { path, target }, _) => Some((
            format!(
                "{} leads to {}, which is not the plugin that kubectl runs",
                path.display(),
                target.display()
            ),
            install,
        )),
        (_, Some(Proof::DoesNot)) => Some((
            format!("{file} is there, and kubectl gives none of its words"),
            format!("kubectl {OLDEST_KUBECTL} or newer asks plugins: kubectl version --client"),
        )),
        (_, Some(Proof::NotAsked(problem))) => Some((
            format!("kubectl cannot be asked: {problem}"),
            format!(
                "try it: kubectl __complete {} \"\"",
                names.words().join(" ")
            ),
        )),
        _ => None,
    }
}

fn refuse(fault: InstallFault, context: &CommandContext) -> CommandError {
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
        InstallFault::NotRemoved { .. } => "remove it by hand".to_owned(),
    };
    let kind = match &fault {
        InstallFault::NoPlugin { .. } => ErrorKind::NotFound,
        InstallFault::NotOnPath { .. } => ErrorKind::Usage,
        InstallFault::NotOurs { .. } => ErrorKind::Refused,
        InstallFault::Nowhere { .. } | InstallFault::NotRemoved { .. } => ErrorKind::Failed,
    };
    CommandError::new(kind, fault).with_hint(hint)
}
