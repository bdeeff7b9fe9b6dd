//! The commands that work on a test bed, or with what one has built. A release is packed on other systems too, so
//! nothing of these is compiled there.

use std::ffi::OsString;

use clap::Subcommand;

use crate::process::StepError;
use crate::{bench, bundle, ci, demo, soak, test};

#[derive(Subcommand)]
pub(crate) enum Command {
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
    /// Run a program and write the most memory that it had, in bytes
    #[command(hide = true)]
    MostMemory {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
}

pub(crate) fn run(command: Command) -> Result<(), StepError> {
    match command {
        Command::Demo(args) => demo::demo(&args),
        Command::Test { filter } => test::test(&filter),
        Command::Soak(args) => soak::soak(&args),
        Command::Ci => ci::ci(),
        Command::Cluster { command } => Ok(testbed::command::run(&command)?),
        Command::Bundle => bundle::bundle(),
        Command::Bench(args) => bench::bench(&args),
        Command::MostMemory { words } => bench::memory::write_most(&words),
    }
}
