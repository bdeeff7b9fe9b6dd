//! `completion`: scripts for shells, and the file through which kubectl completes this plugin's words.

mod answer;
mod link;
mod offer;
mod proof;
mod scripts;

use std::path::PathBuf;

use self::scripts::Shell;
use crate::{commands::CommandContext, error::CommandError, plugin::Names, ui::Ui};

pub(crate) use answer::answer_shell;

/// Complete words with TAB: through kubectl, or with a script for your shell
///
/// kubectl completes the words of a plugin by asking a second file beside it. `install` makes that file, `status` tells
/// whether TAB works and if not, why. Your shell also has to complete kubectl itself, as `kubectl completion --help`
/// shows.
///
/// The scripts are for calling the plugin by its own name, without kubectl. They ask the program for every word, so
/// that names of TrainJobs are completed too; nushell's knows commands and flags.
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct CompletionArgs {
    #[command(subcommand)]
    command: CompletionCommand,
}

#[derive(clap::Subcommand, Debug)]
enum CompletionCommand {
    /// Make TAB work behind kubectl: puts the file beside the plugin, or into another folder of the PATH
    Install(InstallArgs),
    /// Remove what install has made
    Uninstall,
    /// Tell whether TAB works behind kubectl, and if not, why
    Status,
    /// Print the script for bash, for calling the plugin by its own name
    Bash,
    /// Print the script for zsh
    Zsh,
    /// Print the script for fish
    Fish,
    /// Print the script for PowerShell
    Powershell,
    /// Print the script for elvish
    Elvish,
    /// Print the script for nushell
    Nushell,
}

#[derive(clap::Args, Debug)]
struct InstallArgs {
    /// Folder of the PATH to put the file into; without it, the plugin's own where that can be written
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Replace a file of that name which something else has made
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &CompletionArgs,
) -> Result<(), CommandError> {
    let shell = match &args.command {
        CompletionCommand::Install(args) => return link::install(ui, context, args).await,
        CompletionCommand::Uninstall => return link::uninstall(ui),
        CompletionCommand::Status => return link::status(ui, context).await,
        CompletionCommand::Bash => Shell::Bash,
        CompletionCommand::Zsh => Shell::Zsh,
        CompletionCommand::Fish => Shell::Fish,
        CompletionCommand::Powershell => Shell::Powershell,
        CompletionCommand::Elvish => Shell::Elvish,
        CompletionCommand::Nushell => Shell::Nushell,
    };
    let script = scripts::script(shell, &Names::own().plugin)?;
    Ok(ui.answer(&script)?)
}
