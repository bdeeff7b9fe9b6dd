//! What is shown when no command runs: the first commands for each reader, help, the version, and usage errors.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind as ParserErrorKind};

use crate::{
    cli,
    error::{CommandError, ErrorKind},
    style::{Role, Style},
    ui::Ui,
};

/// What each of the three readers needs first: heading, then command and what it answers.
const READERS: [(&str, &[(&str, &str)]); 3] = [
    (
        "You run the platform",
        &[
            ("verify", "is Trainer healthy? what mends it?"),
            ("verify --wait 5m", "the same, until it is healthy"),
            ("version", "the versions that meet here"),
            ("explain", "each check, and how to mend it"),
            ("completion install", "TAB for all of this"),
        ],
    ),
    (
        "You own a namespace",
        &[
            ("bootstrap NAMESPACE", "make it ready for training"),
            ("runtimes list -n NAMESPACE", "the recipes of its people"),
            (
                "runtimes list --as USER",
                "the same, as one of them sees it",
            ),
        ],
    ),
    (
        "You train models",
        &[
            ("logs -f JOB", "every line of every node, until it ends"),
            ("progress JOB", "how far it is, and what it waits for"),
            ("runtimes list", "framework, nodes, devices, image"),
            ("runtimes show NAME", "one recipe in detail"),
            ("verify", "is it my job, or the cluster?"),
        ],
    ),
];

/// Says what clap found instead of a command line that can run.
pub(crate) fn answer_parser(
    ui: &mut Ui,
    name: &str,
    words: &[OsString],
    problem: &clap::Error,
) -> Result<(), CommandError> {
    match problem.kind() {
        ParserErrorKind::DisplayHelp | ParserErrorKind::DisplayVersion => {
            let text = rendered(problem, ui.style());
            Ok(ui.answer(&text)?)
        }
        _ if words.len() <= 1 => Ok(ui.answer(&render_overview(name, ui.style()))?),
        _ => Err(refuse(ui, name, words, problem)),
    }
}

/// In our own words where the parser's tips would lead astray.
fn refuse(ui: &mut Ui, name: &str, words: &[OsString], problem: &clap::Error) -> CommandError {
    if let Some(flag) = refused_flag(problem)
        && let Some(hint) = cli::refusal(&flag, words)
    {
        let text = format!("{flag} is not taken here");
        return CommandError::new(ErrorKind::Usage, text).with_hint(hint);
    }
    // Its usage would show the two together again.
    if problem.kind() == ParserErrorKind::ArgumentConflict {
        let command = command_of(words);
        let hint = format!("leave one of them out; what each is for: {name} {command}--help");
        return CommandError::new(ErrorKind::Usage, first_words(problem)).with_hint(hint);
    }
    ui.note(rendered(problem, ui.status_style()).trim_end());
    CommandError::silent(ErrorKind::Usage)
}

/// The command that was typed, with a space behind it; empty where there is none.
fn command_of(words: &[OsString]) -> String {
    let grammar = cli::command("");
    let is_command = |word: &&OsString| grammar.find_subcommand(word).is_some();
    let command = words.iter().skip(1).find(is_command);
    command.map_or_else(String::new, |word| format!("{} ", word.to_string_lossy()))
}

/// What comes before the usage, on one line.
fn first_words(problem: &clap::Error) -> String {
    let text = rendered(problem, Style::Plain);
    let text = text.split("\n\n").next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn rendered(problem: &clap::Error, style: Style) -> String {
    match style {
        Style::Plain => problem.render().to_string(),
        Style::Coloured => problem.render().ansi().to_string(),
    }
}

fn refused_flag(problem: &clap::Error) -> Option<String> {
    match problem.get(ContextKind::InvalidArg)? {
        ContextValue::String(flag) => Some(flag.clone()),
        _ => None,
    }
}

fn render_overview(name: &str, style: Style) -> String {
    let width = READERS
        .iter()
        .flat_map(|(_, commands)| *commands)
        .map(|(words, _)| words.len())
        .max()
        .unwrap_or(0);
    let mut text = "Kubeflow Trainer v2, on the cluster of your current context.\n".to_owned();
    for (reader, commands) in READERS {
        text.push_str(&format!("\n{}\n", style.paint(Role::Strong, reader)));
        for (words, answer) in commands {
            let command = style.paint(Role::Command, &format!("{name} {words}"));
            let gap = " ".repeat(width - words.len() + 2);
            text.push_str(&format!("  {command}{gap}{answer}\n"));
        }
    }
    let help = style.paint(Role::Command, &format!("{name} --help"));
    text.push_str(&format!("\nAll commands and flags: {help}\n"));
    text
}
