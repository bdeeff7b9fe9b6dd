//! The completion scripts of every shell, as the program itself prints them under the plugin's name.

use std::fs;
use std::path::Path;

use super::archive::Entry;
use super::error::DistError;
use super::name::PluginName;
use crate::process::{StepError, command, output};

/// Each shell, and what is before and after the program's name in the name of its file.
const SCRIPTS: [(&str, &str, &str); 6] = [
    ("bash", "", ".bash"),
    ("zsh", "_", ""),
    ("fish", "", ".fish"),
    ("powershell", "_", ".ps1"),
    ("elvish", "", ".elv"),
    ("nushell", "", ".nu"),
];

/// Every script, as `completions/_kubectl-trainer`. The program is run under the plugin's name, so it must be one of
/// this machine.
pub(super) fn scripts(program: &Path, name: &PluginName) -> Result<Vec<Entry>, StepError> {
    let folder = tempfile::tempdir().map_err(|error| StepError::io("a folder", error))?;
    let file = format!("{}{}", name.program(), std::env::consts::EXE_SUFFIX);
    let named = folder.path().join(file);
    fs::hard_link(program, &named)
        .or_else(|_| fs::copy(program, &named).map(drop))
        .map_err(|error| StepError::io(program.display(), error))?;
    let script = |(shell, before, after): &(&'static str, &str, &str)| {
        let path = format!("completions/{before}{}{after}", name.program());
        Ok(Entry::text(path, print(&named, shell)?))
    };
    SCRIPTS.iter().map(script).collect()
}

fn print(program: &Path, shell: &'static str) -> Result<Vec<u8>, StepError> {
    let ended = output(command(program).args(["completion", shell]))?;
    if ended.status.success() && !ended.stdout.is_empty() {
        return Ok(ended.stdout);
    }
    let error = DistError::Completions {
        script: shell,
        program: program.to_owned(),
        reason: String::from_utf8_lossy(&ended.stderr).trim().to_owned(),
    };
    Err(error.into())
}
