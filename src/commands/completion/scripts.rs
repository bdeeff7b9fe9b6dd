//! The scripts with which shells complete the plugin when it is called by its own name.

use std::{ffi::OsString, io};

use clap_complete::env::Shells;

use crate::{
    cli::completion::{Offer, completing_command},
    error::CommandError,
};

/// Set to the name of a shell, it makes the program complete a line in place of running it.
pub(super) const VARIABLE: &str = "KUBECTL_TRAINER_COMPLETE";

/// The shells that there is a script for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
    Nushell,
}

impl Shell {
    const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Elvish => "elvish",
            Self::Nushell => "nushell",
        }
    }
}

/// For bash, of our own: what the library has for it neither quotes what it writes nor completes behind `=`.
const BASH: &str = include_str!("bash.sh");

/// The script for a shell, with the program under this name.
pub(super) fn script(shell: Shell, plugin: &str) -> Result<String, CommandError> {
    if shell == Shell::Bash {
        return Ok(bash_script(plugin));
    }
    let mut script = Vec::new();
    match Shells::builtins().completer(shell.name()) {
        Some(completer) => {
            completer.write_registration(VARIABLE, plugin, plugin, plugin, &mut script)?;
        }
        None => static_script(plugin, &mut script),
    }
    Ok(String::from_utf8_lossy(&script).into_owned())
}

fn bash_script(plugin: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric();
    let function = plugin.replace(|letter| !is_plain(letter), "_");
    BASH.replace("FUNCTION", &format!("_{function}"))
        .replace("PLUGIN", plugin)
}

/// nushell has no way to ask with the whole line, so its script holds the grammar.
fn static_script(plugin: &str, script: &mut Vec<u8>) {
    let mut grammar = crate::cli::command(plugin);
    clap_complete::generate(clap_complete_nushell::Nushell, &mut grammar, plugin, script);
}

/// What a script shows for the line that it hands over behind `--`; nothing for a shell that there is no script for.
pub(super) fn answer_script(shell: &str, words: &[OsString], offer: &Offer) -> io::Result<String> {
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell) else {
        return Ok(String::new());
    };
    let handed_over = words.iter().position(|word| word == "--");
    let line = handed_over.map_or(&[][..], |dashes| &words[dashes + 1..]);
    let Some(name) = line.first() else {
        return Ok(String::new());
    };
    let (mut grammar, line) = completing_command(&name.to_string_lossy(), line, offer);
    let folder = std::env::current_dir().ok();
    let mut answer = Vec::new();
    completer.write_complete(&mut grammar, line, folder.as_deref(), &mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
