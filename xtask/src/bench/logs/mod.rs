//! How the plugin reads logs beside curl, kubectl and stern: the same pods of the same cluster, in one run.
//!
//! All programs run in the control plane's network, so that the API server's own connections are measured and not the
//! test bed's door. Every run's lines are counted before its time counts.

mod figure;
mod followed;
mod ground;
mod observer;
mod running;
mod stopped;
mod tools;
mod volume;

use std::path::{Path, PathBuf};

use super::spread::Kept;
use crate::process::{StepError, say};
use figure::Figure;
use ground::Ground;
use tools::Tools;

/// How large the measurement is; smaller ones show that it works.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options of logs")]
pub(crate) struct LogsArgs {
    /// Lines of all pods together
    #[arg(long, default_value_t = 600_000)]
    lines: usize,
    /// Pods of the large job
    #[arg(long, default_value_t = 1000)]
    pods: u16,
    /// How often each program is run
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds for which stern and kubectl may open followed logs, and for which lines come once all are open
    #[arg(long, default_value_t = 40)]
    follow_seconds: u64,
    /// Seconds after which the memory is looked at while nobody reads what is printed
    #[arg(long, default_value_t = 600)]
    stopped_seconds: u64,
    /// Another build of the plugin than the release, to look at
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
}

impl LogsArgs {
    /// The plugin to measure, when it is not to be built.
    pub(super) fn plugin(&self) -> Option<&Path> {
        self.plugin.as_deref()
    }
}

/// Runs all measurements, shows their rows, and returns what is over its limit.
pub(super) fn measure(plugin: &Path, args: &LogsArgs) -> Result<Vec<&'static str>, StepError> {
    let ground = Ground::prepare(args.pods)?;
    let tools = Tools::new(&ground, plugin)?;
    let volume = volume::measure(&tools, args)?;
    let mut figures = volume.figures;
    figures.push(volume::measure_many(&tools, args, &volume.plugin)?);
    figures.extend(followed::measure(&tools, args)?);
    figures.push(stopped::measure(&tools, args)?);
    say("");
    let missed = figures
        .iter()
        .filter(|figure| figure.report() == Kept::No)
        .map(Figure::name);
    Ok(missed.collect())
}
