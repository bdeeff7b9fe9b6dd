//! The program `testbed`: clusters by hand, and the processes of which a running bed consists.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use testbed::Error;
use testbed::command::ClusterCommand;

/// A real Kubernetes cluster with Kubeflow Trainer on this machine.
#[derive(Parser)]
#[command(name = "testbed")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Cluster(ClusterCommand),
    /// Keep a bed; started by `up` and by tests
    #[command(hide = true)]
    Keep { options: String },
    /// Carry connections from this machine to a bed's API server; started by a keeper
    #[command(hide = true)]
    Door { control_plane: u32, bed: PathBuf },
    /// Carry what an API server dials in its cluster; started by a keeper
    #[command(hide = true)]
    ConnectProxy { bed: PathBuf },
    /// Serve the logs of fake nodes; started by a keeper
    #[command(hide = true)]
    LogServer { bed: PathBuf },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Cluster(command) => testbed::command::run(&command),
        Command::Keep { options } => testbed::keeper::keep(&options),
        Command::Door { control_plane, bed } => testbed::door::serve(control_plane, &bed),
        Command::ConnectProxy { bed } => testbed::control_plane::serve_connect(&bed),
        Command::LogServer { bed } => testbed::fake_nodes::serve_logs(&bed),
    }
}
