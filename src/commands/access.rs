//! `access`: credentials of service accounts, and what was granted to them. One file a command.

mod accounts;
mod diff;
mod env;
mod install_roles;
mod kubeconfig;
mod lending;
mod list;
mod minting;
mod output;
mod proposals;
mod revoke;
mod rotate;
mod server;
mod token;
mod verify;
mod why;

pub(super) use self::{
    kubeconfig::write_usual,
    lending::{Lent, lend},
    output::{Destination, check_free},
};

use futures::future::LocalBoxFuture;

use super::signals::until_signal;
use crate::{commands::CommandContext, error::CommandError, ui::Ui};

/// Give service accounts credentials, see which are out, and take them back
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct AccessArgs {
    #[command(subcommand)]
    command: AccessCommand,
}

#[derive(clap::Subcommand, Debug)]
enum AccessCommand {
    /// Print a token of a service account
    Token(token::TokenArgs),
    /// Write a kubeconfig that logs in as a service account and as nobody else
    Kubeconfig(kubeconfig::KubeconfigArgs),
    /// Write an env file for the Kubeflow SDK, or the Python that reads it
    Env(env::EnvArgs),
    /// List what was granted and which credentials are out
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Replace the credential in a file by a new one, and take the old one back
    Rotate(rotate::RotateArgs),
    Diff(diff::DiffArgs),
    Verify(verify::VerifyArgs),
    Why(why::WhyArgs),
    InstallRoles(install_roles::InstallRolesArgs),
    /// Take back credentials, or all that was granted to a service account
    Revoke(revoke::RevokeArgs),
}

impl AccessArgs {
    pub(crate) const fn takes_several_contexts(&self) -> bool {
        matches!(self.command, AccessCommand::Kubeconfig(_))
    }
}

pub(crate) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &AccessArgs,
) -> Result<(), CommandError> {
    let command: LocalBoxFuture<'_, _> = match &args.command {
        AccessCommand::Token(args) => Box::pin(token::run(ui, context, args)),
        AccessCommand::Kubeconfig(args) => Box::pin(kubeconfig::run(ui, context, args)),
        AccessCommand::Env(args) => Box::pin(env::run(ui, context, args)),
        AccessCommand::List(args) => Box::pin(list::run(ui, context, args)),
        AccessCommand::Rotate(args) => Box::pin(rotate::run(ui, context, args)),
        AccessCommand::Verify(args) => Box::pin(verify::run(ui, context, args)),
        AccessCommand::Why(args) => Box::pin(why::run(ui, context, args)),
        AccessCommand::Diff(_) => Box::pin(diff::run(ui, context)),
        AccessCommand::InstallRoles(args) => Box::pin(install_roles::run(ui, context, args)),
        AccessCommand::Revoke(args) => Box::pin(revoke::run(ui, context, args)),
    };
    until_signal(command).await
}
