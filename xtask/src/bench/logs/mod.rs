//! How the plugin reads logs beside curl, kubectl and stern: the same pods of the same cluster, in one run.
//!
//! All programs run in the control plane's network, so that the API server's own connections are measured and not the
//! test bed's door. Every run's lines are compared with
//! those that were written before its time counts.

mod followed;
mod ground;
mod observer;
mod printed;
mod sizes;
mod stopped;
mod tools;
mod volume;

use std::path::Path;
use std::process::Command;

use super::{figure, quiet, running};
use crate::process::{StepError, output, say};
use figure::Figure;
use ground::Ground;
pub(crate) use sizes::LogsArgs;
use tools::Tools;

/// Runs all measurements, shows their rows, and returns what is over its limit.
pub(super) fn measure(plugin: &Path, args: &LogsArgs) -> Result<Vec<String>, StepError> {
    let ground = Ground::prepare(args.pods())?;
    let tools = Tools::new(&ground, plugin)?;
    quiet::wait_for_rest(quiet::Rest::Long)?;
    let volume = volume::measure(&tools, args)?;
    let mut figures = volume.figures;
    figures.extend(volume::measure_many(&tools, args, &volume.plugin)?);
    figures.extend(followed::measure(&tools, args)?);
    figures.push(stopped::measure(&tools, args)?);
    say(format_args!("\n{}", measured(plugin, args)?));
    Ok(figures.iter().filter_map(Figure::report).collect())
}

/// Which build the rows are of, and how often it ran.
fn measured(plugin: &Path, args: &LogsArgs) -> Result<String, StepError> {
    let version = output(Command::new(plugin).args(["version", "--client"]))?;
    let version = String::from_utf8_lossy(&version.stdout);
    let (name, rounds) = (plugin.display(), args.rounds);
    Ok(format!("{name}: {}; {rounds} rounds", version.trim()))
}
