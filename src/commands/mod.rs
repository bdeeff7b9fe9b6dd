//! One file a command: arguments in, one question to the cluster, one rendered answer out.

pub mod context;
pub mod explain;
mod installation;
pub(crate) mod job_name;
pub mod overview;
mod progress;
pub mod runtimes;
pub mod verify;
pub mod version;

pub use context::CommandContext;

use crate::{cli::Command, error::CommandError, ui::Ui};

/// Runs the chosen command.
pub(crate) async fn dispatch(
    ui: &mut Ui,
    context: &CommandContext,
    command: &Command,
) -> Result<(), CommandError> {
    if !takes_several_contexts(command) {
        context.refuse_several_contexts()?;
    }
    match command {
        Command::Verify(args) => verify::run(ui, context, args).await,
        Command::Runtimes(args) => runtimes::run(ui, context, args).await,
        Command::Explain(args) => explain::run(ui, context, args),
        Command::Version(args) => version::run(ui, context, args).await,
    }
}

fn takes_several_contexts(command: &Command) -> bool {
    match command {
        Command::Verify(_) => true,
        Command::Runtimes(args) => args.takes_several_contexts(),
        Command::Explain(_) | Command::Version(_) => false,
    }
}
