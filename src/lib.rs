//! A kubectl plugin for Kubeflow Trainer v2.
//!
//! Data flows one way through the rooms: **type** ([`cli`]) -> **ask** ([`cluster`]) -> **think** ([`check`],
//! [`runtimes`]) -> **say** ([`render`]) -> **write** ([`ui`]). [`commands`] leads it through, one file a verb.

pub mod access;
pub mod apply;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod error;
pub mod logs;
pub mod plugin;
pub mod progress;
pub mod prose;
pub mod releases;
pub mod render;
pub mod runtimes;
pub mod style;
pub mod train_job;
pub mod ui;

use std::{ffi::OsString, io, process::ExitCode};

use clap::FromArgMatches;

use crate::{
    cli::Cli,
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    ui::{Loudness, Ui},
};

// What libraries would tell a logger or a tracer is left out of the release: there is neither.
#[cfg(not(debug_assertions))]
const _: () = assert!(
    matches!(log::STATIC_MAX_LEVEL, log::LevelFilter::Off)
        && tracing::level_filters::STATIC_MAX_LEVEL
            .into_level()
            .is_none()
);

/// Runs one command line, program name first, and says how it ended.
pub fn run(words: &[OsString]) -> ExitCode {
    if let Some(answer) = commands::completion::answer_shell(words) {
        return answer;
    }
    ui::install_panic_hook();
    let name = cli::display_name(words.first().map(OsString::as_os_str));
    let parsed = cli::command(&name)
        .try_get_matches_from(cli::help_as_flag(words))
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let result = match parsed {
        Ok(mut cli) => {
            cli.connection.hear_every_context(words);
            run_command(&cli, name)
        }
        Err(problem) => answer_parser(&name, words, &problem),
    };
    ExitCode::from(result.map_or_else(|error| error.kind.exit_code(), |()| 0))
}

fn answer_parser(
    name: &str,
    words: &[OsString],
    problem: &clap::Error,
) -> Result<(), CommandError> {
    let mut ui = Ui::open(cli::colour_wish(words), Loudness::Normal);
    let result = commands::overview::answer_parser(&mut ui, name, words, problem);
    if let Err(error) = &result {
        ui.error(&error.chain(), error.hints());
    }
    result
}

fn run_command(cli: &Cli, name: String) -> Result<(), CommandError> {
    let mut ui = Ui::open(cli.output.colour(), cli.output.loudness());
    let context = CommandContext::new(cli, name, &ui);
    let command = commands::dispatch(&mut ui, &context, &cli.command);
    let result = commands::block_on(command).map_err(|error| cannot_start(&error));
    let result = result.flatten();
    ui.clear_transient();
    if let Err(error) = &result {
        ui.error(&error.chain(), error.hints());
    }
    result
}

fn cannot_start(error: &io::Error) -> CommandError {
    CommandError::new(ErrorKind::Failed, format!("cannot start: {error}"))
        .with_hint("are there too many processes or open files? look with: ulimit -a")
}
