//! Flags that a user of kubectl or stern may type, that are not taken here, and what to do instead.

use std::ffi::OsString;

/// Flags of kubectl that are refused on purpose, with the reason.
const REFUSED: [(&str, &str); 6] = [
    (
        "--match-server-version",
        "the plugin's version is not Kubernetes', so they never match",
    ),
    ("--kuberc", "kubectl does not hand its kuberc on to plugins"),
    (
        "--warnings-as-errors",
        "warnings of the server are shown where something is made, and end nothing",
    ),
    (
        "--vmodule",
        "the plugin has no log by module; -v shows requests",
    ),
    ("--profile", "the plugin cannot be profiled by a flag"),
    (
        "--log-flush-frequency",
        "the plugin never holds back what it logs",
    ),
];

const CHOICE: &str = "a job's pods are chosen by --step, --node and --container";
const FORMAT: &str =
    "-o json has all there is of a line; a program such as jq makes any form of it";
const ONE_JOB: &str = "the logs of one job are shown: name the job, and its namespace with -n";
const NO_LIMIT: &str = "nothing is slowed down here: leave it out";
const PREVIOUS: &str = "every attempt is shown while following, and the one before with --previous";
const UNTIL: &str =
    "a moment to end at is not known here; -t shows moments, and --from reads a saved run again";

/// Flags of kubectl's `logs`, of stern and of kubetail, with what does the same here.
const LOGS: [(&str, &str); 33] = [
    ("--selector", CHOICE),
    ("-l", CHOICE),
    ("--field-selector", CHOICE),
    ("--exclude-pod", CHOICE),
    ("--condition", CHOICE),
    ("--container-state", PREVIOUS),
    (
        "--ephemeral-containers",
        "they are shown with --all-containers",
    ),
    ("--all-namespaces", ONE_JOB),
    ("-A", ONE_JOB),
    (
        "--limit-bytes",
        "cut the output instead: ... | head -c BYTES",
    ),
    ("--head", "cut the output instead: ... | head -n LINES"),
    (
        "--pod-running-timeout",
        "with --follow pods are waited for as long as it takes",
    ),
    (
        "--insecure-skip-tls-verify-backend",
        "the API server always checks the kubelet here",
    ),
    ("--template", FORMAT),
    ("--template-file", FORMAT),
    ("-T", FORMAT),
    ("--columns", FORMAT),
    ("--raw", "write -o raw"),
    ("--json", "write -o json"),
    (
        "--stdin",
        "--from FOLDER shows again what --save FOLDER has saved",
    ),
    ("--grep", "write --include REGEX"),
    ("-g", "write --include REGEX"),
    ("--until", UNTIL),
    ("--before", UNTIL),
    ("--after", "write --since-time TIME, or --since DURATION"),
    ("--timezone", "moments are in UTC, as kubectl shows them"),
    ("--diff-container", "every step has its colour"),
    ("-d", "every step has its colour"),
    ("--qps", NO_LIMIT),
    ("--burst", NO_LIMIT),
    ("--prompt", "without a job's name, the names are shown"),
    ("--config", "there is no configuration file"),
    ("--no-prefix", "write -o raw"),
];

/// Why a flag that others know is not taken here.
pub fn refusal(flag: &str, words: &[OsString]) -> Option<String> {
    let name = flag.split('=').next().unwrap_or(flag);
    let named = |(refused, _): &&(&str, &str)| *refused == name;
    if let Some((_, reason)) = REFUSED.iter().find(named) {
        return Some(format!(
            "kubectl has this flag, but here it is refused: {reason}"
        ));
    }
    let is_logs = words.iter().any(|word| word == "logs" || word == "tail");
    let tip = LOGS.iter().find(named).filter(|_| is_logs)?;
    Some(tip.1.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// What is taken is not refused: else the tip would never be seen, and would be wrong.
    #[test]
    fn no_flag_is_both_taken_and_refused() {
        let mut command = Cli::command();
        command.build();
        let logs = command.find_subcommand("logs").unwrap();
        for (flag, _) in LOGS.iter().chain(&REFUSED) {
            let is_taken = logs.get_arguments().any(|argument| {
                let long = argument.get_long().map(|long| format!("--{long}"));
                let short = argument.get_short().map(|short| format!("-{short}"));
                long.as_deref() == Some(*flag) || short.as_deref() == Some(*flag)
            });
            assert!(!is_taken, "{flag}");
        }
    }

    #[test]
    fn tips_for_logs_are_for_logs_only() {
        let words = |command: &str| vec![OsString::from("k"), command.into()];
        assert!(refusal("--template", &words("logs")).is_some());
        assert!(refusal("--template=x", &words("tail")).is_some());
        assert!(refusal("--template", &words("verify")).is_none());
        assert!(refusal("--kuberc", &words("verify")).is_some());
    }
}
