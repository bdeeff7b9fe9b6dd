//! Answers a shell that completes a line. Nothing that goes wrong here is said: it would stand in the middle of what
//! somebody is typing.

use std::{ffi::OsString, process::ExitCode};

use super::{
    offer::offer,
    scripts::{VARIABLE, answer_script},
};
use crate::{
    cli::completion::complete_last,
    plugin::{Names, leave_terminal},
    render::completion::{Descriptions, render_completion},
    ui::{self, ColourChoice, Loudness, Ui},
};

/// As Cobra's programs are asked, of which kubectl is one.
const ASKED: &str = "__complete";
const ASKED_BARE: &str = "__completeNoDesc";
/// Behind it, scripts hand over the line.
const HANDED_OVER: &str = "--";

/// The answer to a shell, if it is one that has started the program.
pub(crate) fn answer_shell(words: &[OsString]) -> Option<ExitCode> {
    let (program, rest) = words.split_first()?;
    let first = rest.first().map(|word| word.to_string_lossy());
    let first = first.as_deref().unwrap_or_default();
    let text = if Names::is_completion(Some(program)) {
        answer_kubectl(rest, Descriptions::Shown)
    } else {
        match (first, std::env::var(VARIABLE)) {
            (ASKED, _) => answer_kubectl(&rest[1..], Descriptions::Shown),
            (ASKED_BARE, _) => answer_kubectl(&rest[1..], Descriptions::Hidden),
            // A variable that was left over must not silence commands.
            (HANDED_OVER, Ok(shell)) if !shell.is_empty() => answer_direct(&shell, rest),
            _ => return None,
        }
    };
    let _ = Ui::open(ColourChoice::Never, Loudness::Quiet).answer(&text);
    Some(ExitCode::SUCCESS)
}

/// Nothing may stand in the middle of what somebody types, and nobody is to be asked.
fn withdraw() {
    ui::silence_panics();
    leave_terminal();
}

fn answer_kubectl(words: &[OsString], descriptions: Descriptions) -> String {
    withdraw();
    render_completion(&complete_last(words, &offer()), descriptions)
}

fn answer_direct(shell: &str, words: &[OsString]) -> String {
    withdraw();
    answer_script(shell, words, &offer()).unwrap_or_default()
}
