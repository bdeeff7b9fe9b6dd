//! Everything that a user may type, and nothing that happens then. Doc comments here are the help.

pub mod completion;
mod connection;
mod refused;
mod values;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum, builder::Styles};
use jiff::SignedDuration;

pub use connection::ConnectionArgs;
pub use refused::refusal;
pub use values::ValueKind;

use crate::{
    commands::{
        access::AccessArgs, bootstrap::BootstrapArgs, completion::CompletionArgs,
        explain::ExplainArgs, logs::LogsArgs, progress::ProgressArgs, runtimes::RuntimesArgs,
        verify::VerifyArgs, version::VersionArgs,
    },
    ui::{ColourChoice, Loudness},
};

/// Check a Kubeflow Trainer v2 installation, see what it offers, and read what its jobs say
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-trainer",
    version,
    styles = STYLES,
    disable_help_subcommand = true,
    subcommand_required = true,
    after_help = CONNECTION_NOTE_SHORT,
    after_long_help = CONNECTION_NOTE,
    next_line_help = false,
    max_term_width = 120
)]
pub struct Cli {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(subcommand)]
    pub command: Command,
}

const CONNECTION_NOTE: &str = "All connection flags of kubectl work here too, after the word `trainer`: \
    kubectl passes nothing on that stands before it.";
const CONNECTION_NOTE_SHORT: &str = "All connection flags of kubectl work here too, after the word `trainer`: \
    kubectl passes nothing on that stands before it. `--help` shows them all.";

const STYLES: Styles = Styles::styled()
    .header(anstyle::Style::new().bold())
    .usage(anstyle::Style::new().bold())
    .literal(anstyle::AnsiColor::Cyan.on_default())
    .placeholder(anstyle::Style::new());

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(visible_aliases = ["check", "status"])]
    Verify(VerifyArgs),
    Logs(LogsArgs),
    /// Follow the log lines of every node: the same as logs --follow
    #[command(long_about = "Follow the log lines of every node: the same as logs --follow")]
    Tail(LogsArgs),
    Progress(ProgressArgs),
    Runtimes(RuntimesArgs),
    Bootstrap(Box<BootstrapArgs>),
    Access(AccessArgs),
    Explain(ExplainArgs),
    Completion(CompletionArgs),
    Version(VersionArgs),
}

/// How much is shown, and in which colours.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    color: When,
    /// Only answers and errors
    #[arg(short, long, global = true, conflicts_with = "verbosity")]
    quiet: bool,
    /// Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    #[arg(
        short = 'v',
        long = "v",
        global = true,
        value_name = "LEVEL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = parse_level,
        action = ArgAction::Append
    )]
    verbosity: Vec<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

/// What `-v` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestsShown {
    None,
    Lines,
    Bodies,
}

impl OutputArgs {
    pub fn colour(&self) -> ColourChoice {
        match self.color {
            When::Auto => ColourChoice::Auto,
            When::Always => ColourChoice::Always,
            When::Never => ColourChoice::Never,
        }
    }

    pub fn loudness(&self) -> Loudness {
        match (self.quiet, self.requests()) {
            (true, _) => Loudness::Quiet,
            (false, RequestsShown::None) => Loudness::Normal,
            (false, _) => Loudness::Verbose,
        }
    }

    /// `-v` and `-vv` count; kubectl's levels from 6 show requests, from 8 bodies, and those below nothing.
    pub fn requests(&self) -> RequestsShown {
        let counted = |level: &&u32| **level <= 2;
        let count: u32 = self.verbosity.iter().filter(counted).sum();
        let level = self.verbosity.iter().max().copied().unwrap_or_default();
        match (level, count) {
            (8.., _) | (0..=2, 2..) => RequestsShown::Bodies,
            (0 | 3..=5, _) => RequestsShown::None,
            _ => RequestsShown::Lines,
        }
    }
}

/// A duration such as `90s`, `5m` or `1h30m`; a bare number means seconds, as in kubectl.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let duration = text
        .parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "expected a duration such as 30s, 5m or 1h30m".to_owned())
}

/// A level of `-v`; every number is one.
fn parse_level(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.chars().all(|character| character.is_ascii_digit());
    match text.parse() {
        Ok(level) => Ok(level),
        Err(_) if digits => Ok(u32::MAX),
        Err(_) => Err("expected a number, such as 6 for requests or 8 for bodies".to_owned()),
    }
}

/// `NAME` or `KIND/NAME`. The name becomes a part of a request's path, so nothing else may pass.
pub fn parse_reference(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        None => parse_object_name(text)?,
        Some((kind, name)) => {
            // A kind with its group has the letters of a name.
            parse_object_name(&kind.to_ascii_lowercase())?;
            parse_object_name(name)?;
        }
    }
    Ok(text.to_owned())
}

/// A service account as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountReference {
    pub namespace: Option<String>,
    pub name: String,
}

/// `[NAMESPACE/]NAME` of a service account.
pub fn parse_account(text: &str) -> Result<AccountReference, String> {
    let (namespace, name) = match text.split_once('/') {
        None => (None, text),
        Some((namespace, name)) => (Some(namespace), name),
    };
    namespace.map_or(Ok(()), parse_object_name)?;
    parse_object_name(name)?;
    Ok(AccountReference {
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    })
}

/// A name as Kubernetes takes it.
pub fn parse_name(text: &str) -> Result<String, String> {
    parse_object_name(text).map(|()| text.to_owned())
}

/// The rule of Kubernetes for names: those that can be part of a DNS name.
fn parse_object_name(text: &str) -> Result<(), String> {
    let known = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '-' | '.');
    let edge = |character: char| matches!(character, 'a'..='z' | '0'..='9');
    let sound = (1..=253).contains(&text.len())
        && text.chars().all(known)
        && text.starts_with(edge)
        && text.ends_with(edge);
    if sound {
        return Ok(());
    }
    Err(
        "a name has 1 to 253 of a-z, 0-9, '-' and '.', and begins and ends with a letter or digit"
            .to_owned(),
    )
}

/// `help COMMAND` as `COMMAND --help`.
pub fn help_as_flag(words: &[OsString]) -> Vec<OsString> {
    let mut words = words.to_vec();
    let position = words.iter().skip(1).take(2).position(|word| word == "help");
    // A second word may also be the value of a flag or an argument; only groups of commands take it for the flag.
    let asked = match position {
        Some(0) => Some(1),
        Some(_)
            if words.get(1).is_some_and(|word| {
                word == "runtimes" || word == "access" || word == "completion"
            }) =>
        {
            Some(2)
        }
        _ => None,
    };
    if let Some(position) = asked {
        words.remove(position);
        words.push("--help".into());
    }
    words
}

/// `--color` in words that may not make a command line: help and usage errors heed it too.
pub fn colour_wish(words: &[OsString]) -> ColourChoice {
    let texts: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let joined = texts.iter().find_map(|text| text.strip_prefix("--color="));
    let following = texts
        .windows(2)
        .find_map(|pair| (pair[0] == "--color").then(|| pair[1].as_ref()));
    match joined.or(following) {
        Some("always") => ColourChoice::Always,
        Some("never") => ColourChoice::Never,
        _ => ColourChoice::Auto,
    }
}

/// The command line's grammar, under the name that the user types.
pub fn command(display_name: &str) -> clap::Command {
    Cli::command().bin_name(display_name)
}

/// What the user typed to get here: kubectl runs `kubectl-foo-bar_baz` for `kubectl foo bar-baz`.
pub fn display_name(program: Option<&OsStr>) -> String {
    let file = program
        .map(PathBuf::from)
        .and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    let name = file.unwrap_or_else(|| "kubectl-trainer".to_owned());
    match name.strip_prefix("kubectl-") {
        Some(words) => format!("kubectl {}", words.replace('-', " ").replace('_', "-")),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::{connection::parse_namespace, *};

    #[test]
    fn the_grammar_is_sound() {
        command("kubectl trainer").debug_assert();
    }

    #[test]
    fn the_name_is_what_the_user_typed_before_kubectl_found_the_file() {
        let name = |path: &str| display_name(Some(OsStr::new(path)));
        assert_eq!(name("/usr/local/bin/kubectl-trainer"), "kubectl trainer");
        assert_eq!(name("kubectl-trainer.exe"), "kubectl trainer");
        assert_eq!(name("kubectl-ml-train_job"), "kubectl ml train-job");
        assert_eq!(name("./ktr"), "ktr");
        assert_eq!(display_name(None), "kubectl trainer");
    }

    #[test]
    fn durations_are_read_as_kubectl_reads_them() {
        for (text, seconds) in [
            ("0", 0),
            ("30", 30),
            ("90s", 90),
            ("5m", 300),
            ("1h30m", 5400),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in ["", "soon", "-5s", "5 parsecs"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn verbosity_counts_and_knows_the_levels_of_kubectl() {
        let shown = |flags: &[&str]| {
            let words = ["kubectl-trainer", "version"].iter().chain(flags);
            Cli::try_parse_from(words)
                .map(|cli| cli.output.requests())
                .ok()
        };
        assert_eq!(shown(&[]), Some(RequestsShown::None));
        assert_eq!(shown(&["-v"]), Some(RequestsShown::Lines));
        assert_eq!(shown(&["-vv"]), Some(RequestsShown::Bodies));
        assert_eq!(shown(&["-v", "-v"]), Some(RequestsShown::Bodies));
        assert_eq!(shown(&["-v=6"]), Some(RequestsShown::Lines));
        assert_eq!(shown(&["--v=8"]), Some(RequestsShown::Bodies));
        assert_eq!(shown(&["-v=0"]), Some(RequestsShown::None));
        assert_eq!(shown(&["-v=3"]), Some(RequestsShown::None));
        assert_eq!(shown(&["-v=5"]), Some(RequestsShown::None));
        assert_eq!(shown(&["-vvv"]), Some(RequestsShown::Bodies));
        assert_eq!(shown(&["-v=300"]), Some(RequestsShown::Bodies));
        assert_eq!(shown(&["-v=much"]), None);
    }

    #[test]
    fn contexts_are_heard_on_both_sides_of_the_command_and_once_each() {
        let words = "k --context a verify --context=b --context a --context=";
        let words: Vec<_> = words.split(' ').map(OsString::from).collect();
        let mut cli = Cli::try_parse_from(&words).unwrap();
        cli.connection.hear_every_context(&words);
        assert_eq!(cli.connection.contexts(), ["a", "b"]);
        assert_eq!(cli.connection.options().context.as_deref(), Some("a"));
    }

    #[test]
    fn a_name_that_no_object_has_is_refused() {
        for name in ["torch-distributed", "a.b-1", "clustertrainingruntime/torch"] {
            assert_eq!(parse_reference(name).as_deref(), Ok(name));
        }
        for name in [
            "",
            "a b",
            "x?pretty=true",
            "../../x",
            "A",
            "kind/",
            "a/b/c",
            "-a",
        ] {
            assert!(parse_reference(name).is_err(), "{name}");
        }
        assert_eq!(parse_namespace("").as_deref(), Ok(""));
        assert!(parse_namespace("../x").is_err());
        assert!(parse_namespace(&"a".repeat(254)).is_err());
    }

    #[test]
    fn the_word_help_is_the_flag() {
        let help = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            let words = help_as_flag(&words);
            words
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(help(&["k", "help"]), ["k", "--help"]);
        assert_eq!(
            help(&["k", "help", "runtimes", "list"]),
            ["k", "runtimes", "list", "--help"]
        );
        assert_eq!(
            help(&["k", "runtimes", "help"]),
            ["k", "runtimes", "--help"]
        );
        assert_eq!(help(&["k", "version"]), ["k", "version"]);
    }

    #[test]
    fn the_wish_for_colours_is_heard_before_the_words_are_parsed() {
        let wish = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            colour_wish(&words)
        };
        assert_eq!(
            wish(&["k", "--color=always", "--help"]),
            ColourChoice::Always
        );
        assert_eq!(
            wish(&["k", "--help", "--color", "never"]),
            ColourChoice::Never
        );
        assert_eq!(wish(&["k", "--help"]), ColourChoice::Auto);
    }
}
