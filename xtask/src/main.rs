//! The project's own commands, as `cargo xtask …`: arguments to exit code, nothing else.

#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod bundle;
#[cfg(target_os = "linux")]
mod ci;
#[cfg(target_os = "linux")]
mod demo;
mod dist;
#[cfg(target_os = "linux")]
mod film;
#[cfg(target_os = "linux")]
mod linux;
mod process;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use process::{StepError, say};

/// The project's own commands.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[cfg(target_os = "linux")]
    #[command(flatten)]
    OnLinux(linux::Command),
    /// Pack the plugin into the archive of a release, and render the krew manifest
    Dist(dist::DistArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_chain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), StepError> {
    match command {
        #[cfg(target_os = "linux")]
        Command::OnLinux(command) => linux::run(command),
        Command::Dist(args) => dist::dist(&args),
    }
}

fn say_chain(error: &StepError) {
    say(format_args!("error: {error}"));
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        say(format_args!("caused by: {cause}"));
        source = cause.source();
    }
}
