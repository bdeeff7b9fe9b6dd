//! The project's own commands, as `cargo xtask …`: arguments to exit code, nothing else.

mod bench;
mod bundle;
mod ci;
mod demo;
mod film;
mod process;
mod soak;
mod terminal;
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
    /// Bring up a cluster, break and mend Kubeflow Trainer on it, and run a two-node training
    Demo(demo::DemoArgs),
    /// Run every test, those on a real cluster included
    Test {
        /// Handed to `cargo test`, such as the part of a test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filter: Vec<String>,
    },
    /// Run the tests with broken clusters against the older releases of Trainer, and follow logs under 200 seeds of faults
    Soak(soak::SoakArgs),
    /// Run all that a change must pass before it lands
    Ci,
    /// Bring up, look at and take down clusters for work by hand
    Cluster {
        #[command(subcommand)]
        command: testbed::command::ClusterCommand,
    },
    /// Render the released manifests into the build folder, and the table of releases into the source
    Bundle,
    /// Measure against the named rivals, side by side
    Bench(bench::BenchArgs),
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
        Command::Demo(args) => demo::demo(&args),
        Command::Test { filter } => test::test(&filter),
        Command::Soak(args) => soak::soak(&args),
        Command::Ci => ci::ci(),
        Command::Cluster { command } => Ok(testbed::command::run(&command)?),
        Command::Bundle => bundle::bundle(),
        Command::Bench(args) => bench::bench(&args),
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
