//! Asks kubectl to complete this plugin's words, as a shell does, and looks at what comes back.

use std::{path::Path, process::Stdio, time::Duration};

use crate::plugin::Names;

/// kubectl needs a tenth of a second; a machine that is busy, more.
const LIMIT: Duration = Duration::from_secs(10);

/// One of the words that must come back.
const EXPECTED: &str = "completion";

/// What kubectl answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Completes,
    /// It answered without this plugin's words.
    DoesNot,
    /// It could not be asked.
    NotAsked(String),
}

/// Presses TAB, so to speak, behind `kubectl trainer `.
pub(super) async fn fetch_proof(kubectl: &Path, names: &Names) -> Proof {
    let mut command = tokio::process::Command::new(kubectl);
    command
        .arg("__complete")
        .args(names.words())
        .arg("")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    match tokio::time::timeout(LIMIT, command.output()).await {
        Err(_) => Proof::NotAsked(format!("no answer within {} s", LIMIT.as_secs())),
        Ok(Err(problem)) => Proof::NotAsked(problem.to_string()),
        Ok(Ok(output)) => judge(&String::from_utf8_lossy(&output.stdout)),
    }
}

fn judge(answer: &str) -> Proof {
    let mut words = answer.lines().filter_map(|line| line.split('\t').next());
    if words.any(|word| word == EXPECTED) {
        Proof::Completes
    } else {
        Proof::DoesNot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_plugins_own_words_prove_it() {
        assert_eq!(judge("access\tx\ncompletion\ty\n:4\n"), Proof::Completes);
        assert_eq!(judge("README.md\n:0\n"), Proof::DoesNot);
        assert_eq!(judge(""), Proof::DoesNot);
    }
}
