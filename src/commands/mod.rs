//! One file a command: arguments in, one question to the cluster, one rendered answer out.

pub mod access;
mod applying;
pub mod bootstrap;
mod check_notes;
pub mod completion;
pub mod context;
pub mod explain;
mod installation;
pub(crate) mod job_name;
pub mod logs;
pub mod overview;
mod own_thread;
pub mod progress;
pub mod runtimes;
mod signals;
mod trial;
pub mod verify;
pub mod version;

pub use context::CommandContext;
pub(crate) use own_thread::block_on;

use self::signals::until_signal;
use crate::{cli::Command, cluster::Follow, error::CommandError, ui::Ui};

/// Runs the chosen command, until a signal ends it. Following logs ends by itself then: it has a last word; and what tries
/// something removes it first.
pub(crate) async fn dispatch(
    ui: &mut Ui,
    context: &CommandContext,
    command: &Command,
) -> Result<(), CommandError> {
    if !takes_several_contexts(command) {
        context.refuse_several_contexts()?;
    }
    match command {
        Command::Verify(args) => Box::pin(verify::run(ui, context, args)).await,
        Command::Logs(args) => logs::run(ui, context, args, args.follow()).await,
        Command::Tail(args) => logs::run(ui, context, args, Follow::Yes).await,
        Command::Progress(args) => Box::pin(progress::run(ui, context, args)).await,
        Command::Runtimes(args) => until_signal(runtimes::run(ui, context, args)).await,
        Command::Bootstrap(args) => Box::pin(bootstrap::run(ui, context, args)).await,
        Command::Access(args) => Box::pin(access::run(ui, context, args)).await,
        Command::Explain(args) => explain::run(ui, context, args),
        Command::Completion(args) => {
            Box::pin(until_signal(completion::run(ui, context, args))).await
        }
        Command::Version(args) => Box::pin(until_signal(version::run(ui, context, args))).await,
    }
}

fn takes_several_contexts(command: &Command) -> bool {
    match command {
        Command::Verify(_) => true,
        Command::Runtimes(args) => args.takes_several_contexts(),
        Command::Access(args) => args.takes_several_contexts(),
        Command::Bootstrap(_)
        | Command::Logs(_)
        | Command::Tail(_)
        | Command::Progress(_)
        | Command::Explain(_)
        | Command::Completion(_)
        | Command::Version(_) => false,
    }
}
