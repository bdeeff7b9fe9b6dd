//! TAB: from the words of an unfinished command line to what may stand for the last of them. What can only be known by
//! asking, such as the names of TrainJobs, comes from an [`Offer`] that the caller brings.

use std::{
    ffi::{OsStr, OsString},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use clap::{
    Arg, ArgMatches, Command, FromArgMatches as _,
    error::{ContextKind, ContextValue, ErrorKind},
};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use super::{
    ConnectionArgs, command,
    values::{ValueKind, value_kind},
};
use crate::{
    cluster::ConnectionOptions,
    plugin::{Candidate, Completion},
};

/// What was typed before the word that is being completed, as far as it makes sense.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub connection: ConnectionOptions,
    /// The TrainJob that is named.
    pub job: Option<String>,
}

/// What the word that is being completed stands for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub kind: ValueKind,
    /// What of it is typed.
    pub prefix: &'a str,
    pub typed: &'a Typed,
}

/// Knows the values of a kind. Those that do not begin as the word does are left out afterwards.
pub type Offer = Arc<dyn Fn(Question<'_>) -> Vec<Candidate> + Send + Sync>;

/// Who completes names of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FilesBy {
    /// The shell, once it is told so.
    Shell,
    Engine,
}

const NOT_FILES: u8 = 0;
const FILES: u8 = 1;
const FOLDERS: u8 = 2;

/// Completes the last of these words, which stand after the program's name, as kubectl wants it done.
pub fn complete_last(words: &[OsString], offer: &Offer) -> Completion {
    let files = Arc::new(AtomicU8::new(NOT_FILES));
    let mut argv: Vec<OsString> = vec!["kubectl".into()];
    argv.extend(words.iter().cloned());
    if words.is_empty() {
        argv.push(OsString::new());
    }
    let last = argv.len() - 1;
    let typed = Arc::new(parse_typed(&argv[..last]));
    let argv = without_values(&argv);
    let source = Source {
        offer: Arc::clone(offer),
        typed,
        files_by: FilesBy::Shell,
        files: Arc::clone(&files),
    };
    let word = argv[last].to_string_lossy().into_owned();
    let found = complete(&mut grammar("kubectl", &source), argv, last, None).unwrap_or_default();
    match files.load(Ordering::Relaxed) {
        FILES => Completion::Files,
        FOLDERS => Completion::Folders,
        _ => Completion::Words(candidates(&found, &word)),
    }
}

/// For scripts that complete without kubectl: the grammar with values, and the line as the engine takes it. `words` is
/// the whole line as far as it is typed.
pub fn completing_command(
    name: &str,
    words: &[OsString],
    offer: &Offer,
) -> (Command, Vec<OsString>) {
    let source = Source {
        offer: Arc::clone(offer),
        typed: Arc::new(parse_typed(words)),
        files_by: FilesBy::Engine,
        files: Arc::default(),
    };
    (grammar(name, &source), without_values(words))
}

/// Where the values of arguments come from.
#[derive(Clone)]
struct Source {
    offer: Offer,
    typed: Arc<Typed>,
    files_by: FilesBy,
    files: Arc<AtomicU8>,
}

fn grammar(name: &str, source: &Source) -> Command {
    let mut grammar = command(name);
    // Flags for all commands have to be among theirs before each gets its values.
    grammar.build();
    with_values(grammar, source)
}

fn with_values(command: Command, source: &Source) -> Command {
    let name = command.get_name().to_owned();
    // The grammar takes names that live as long as the program, which ends with its answer.
    let lasting = |name: &str| -> &'static str { Box::leak(name.to_owned().into_boxed_str()) };
    let others: Vec<_> = command.get_visible_aliases().map(lasting).collect();
    // A command is offered under its first name, and under others only where that one does not fit.
    let command = command.visible_alias(None).aliases(others);
    command
        .mut_args(|argument| with_value(&name, argument, source))
        .mut_subcommands(|inner| with_values(inner, source))
}

fn with_value(command: &str, argument: Arg, source: &Source) -> Arg {
    let takes_values = argument
        .get_num_args()
        .is_some_and(|count| count.takes_values());
    if !takes_values || !argument.get_possible_values().is_empty() {
        return argument;
    }
    match (value_kind(command, &argument), source.files_by) {
        (None | Some(ValueKind::Free), _)
        | (Some(ValueKind::File | ValueKind::Folder), FilesBy::Engine) => argument,
        (Some(kind), _) => {
            let source = source.clone();
            argument.add(ArgValueCompleter::new(move |word: &OsStr| {
                source.values(kind, word)
            }))
        }
    }
}

impl Source {
    fn values(&self, kind: ValueKind, word: &OsStr) -> Vec<CompletionCandidate> {
        match kind {
            ValueKind::File => self.files.store(FILES, Ordering::Relaxed),
            ValueKind::Folder => self.files.store(FOLDERS, Ordering::Relaxed),
            _ => {
                let prefix = word.to_string_lossy();
                return self.asked(kind, &prefix);
            }
        }
        Vec::new()
    }

    fn asked(&self, kind: ValueKind, prefix: &str) -> Vec<CompletionCandidate> {
        let typed = self.typed.as_ref();
        let question = Question {
            kind,
            prefix,
            typed,
        };
        let offered = (self.offer)(question).into_iter();
        // No shell can put control characters on its line.
        let is_word = |value: &str| !value.is_empty() && !value.contains(char::is_control);
        let fitting = offered
            .filter(|candidate| candidate.value.starts_with(prefix) && is_word(&candidate.value));
        fitting.map(engine_candidate).collect()
    }
}

fn engine_candidate(candidate: Candidate) -> CompletionCandidate {
    let help = Some(candidate.description).filter(|text| !text.is_empty());
    CompletionCandidate::new(candidate.value).help(help.map(Into::into))
}

/// What kubectl's scripts expect: flags only behind a dash, and of `--flag=value` the value alone.
fn candidates(found: &[CompletionCandidate], word: &str) -> Vec<Candidate> {
    let flag = match word.find('=') {
        Some(end) if word.starts_with('-') => &word[..=end],
        _ => "",
    };
    let is_wanted = |candidate: &&CompletionCandidate| {
        word.starts_with('-') || !candidate.get_value().to_string_lossy().starts_with('-')
    };
    let found = found.iter().filter(is_wanted).map(|candidate| {
        let value = candidate.get_value().to_string_lossy();
        let help = candidate.get_help().map(ToString::to_string);
        let line = help.as_deref().and_then(|text| text.lines().next());
        Candidate::new(
            value.strip_prefix(flag).unwrap_or(&value),
            line.unwrap_or_default(),
        )
    });
    found.collect()
}

/// Reads what is typed, whether or not it is a whole command line.
fn parse_typed(words: &[OsString]) -> Typed {
    let Some(matches) = parse_leniently(words) else {
        return Typed::default();
    };
    let connection = ConnectionArgs::from_arg_matches(&matches).map(|mut connection| {
        connection.hear_every_context(words);
        connection.options()
    });
    let mut connection = connection.unwrap_or_default();
    // The namespace that a command is about comes before the context's.
    if connection.namespace.is_none() {
        connection.namespace = named(&matches, "named");
    }
    Typed {
        connection,
        job: named(&matches, "job"),
    }
}

/// The parser reads nothing behind what it does not take, so that this is left out, word by word.
fn parse_leniently(words: &[OsString]) -> Option<ArgMatches> {
    let mut words = words.to_vec();
    loop {
        let problem = match command("kubectl").try_get_matches_from(&words) {
            Ok(matches) => return Some(matches),
            Err(problem) => problem,
        };
        let Some(refused) = refused_word(&problem, &words) else {
            let mut lenient = command("kubectl").ignore_errors(true);
            return lenient.try_get_matches_from_mut(words).ok();
        };
        words.remove(refused);
    }
}

/// Where the word stands that the parser refuses; none where something is missing, or does not go together.
fn refused_word(problem: &clap::Error, words: &[OsString]) -> Option<usize> {
    let flag = match problem.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let asks = ["--help", "-h", "--version", "-V"];
            return words
                .iter()
                .position(|word| asks.iter().any(|ask| word == ask));
        }
        ErrorKind::UnknownArgument | ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            problem.get(ContextKind::InvalidArg)?
        }
        _ => return None,
    };
    let ContextValue::String(flag) = flag else {
        return None;
    };
    let flag = flag.split([' ', '=']).next()?;
    let is_it = |word: &OsString| word.to_string_lossy().split('=').next() == Some(flag);
    words.iter().skip(1).position(is_it).map(|place| place + 1)
}

/// What a command is told to be about.
fn named(matches: &ArgMatches, argument: &str) -> Option<String> {
    let (_, inner) = matches.subcommand()?;
    let mut named = inner.try_get_raw(argument).ok()??;
    named
        .next()
        .map(|value| value.to_string_lossy().into_owned())
}

/// Puts something that is no command in the place of values: the engine takes every word that is called as a command
/// for the command, also behind a flag. The number of words stays.
fn without_values(words: &[OsString]) -> Vec<OsString> {
    const VALUE: &str = "value";
    let Some((last, before)) = words.split_last() else {
        return Vec::new();
    };
    let mut grammar = command("kubectl");
    grammar.build();
    let mut current = &grammar;
    let mut is_value = false;
    let mut replaced: Vec<OsString> = Vec::new();
    for (place, word) in before.iter().enumerate() {
        if is_value {
            is_value = false;
            replaced.push(VALUE.into());
            continue;
        }
        if place > 0 {
            is_value = waits_for_value(current, &word.to_string_lossy());
            current = current.find_subcommand(word).unwrap_or(current);
        }
        replaced.push(word.clone());
    }
    replaced.push(last.clone());
    replaced
}

/// Whether this word is a flag whose value is the next word.
fn waits_for_value(command: &Command, word: &str) -> bool {
    let needs_one = |argument: &Arg| {
        let count = argument.get_num_args();
        argument.get_action().takes_values() && count.is_some_and(|count| count.min_values() > 0)
    };
    let mut arguments = command.get_arguments();
    if let Some(long) = word.strip_prefix("--") {
        let flag = arguments.find(|argument| argument.get_long() == Some(long));
        return flag.is_some_and(needs_one);
    }
    let mut letters = word.strip_prefix('-').unwrap_or_default().chars();
    // The first that takes a value has all that follows for it.
    let takes_one = letters.find(|letter| {
        let mut arguments = command.get_arguments();
        let flag = arguments.find(|argument| argument.get_short() == Some(*letter));
        flag.is_some_and(needs_one)
    });
    takes_one.is_some() && letters.next().is_none()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What is offered for each kind, and which questions were asked.
    fn offer(asked: &Arc<Mutex<Vec<String>>>) -> Offer {
        let asked = Arc::clone(asked);
        Arc::new(move |question: Question<'_>| {
            let connection = &question.typed.connection;
            let text = format!(
                "{:?} {:?} -n {} --context {} job {}",
                question.kind,
                question.prefix,
                connection.namespace.as_deref().unwrap_or("-"),
                connection.context.as_deref().unwrap_or("-"),
                question.typed.job.as_deref().unwrap_or("-"),
            );
            asked.lock().unwrap().push(text);
            vec![
                Candidate::new("one", "the first"),
                Candidate::new("other", ""),
            ]
        })
    }

    /// What a line completes to, and what was asked for that.
    fn completed(line: &str) -> (Completion, Vec<String>) {
        let asked = Arc::default();
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        let found = complete_last(&words, &offer(&asked));
        let asked = asked.lock().unwrap().clone();
        (found, asked)
    }

    fn words(line: &str) -> Vec<String> {
        match completed(line).0 {
            Completion::Words(found) => found.into_iter().map(|found| found.value).collect(),
            files => vec![format!("{files:?}")],
        }
    }

    #[test]
    fn commands_come_without_flags_until_a_dash_is_typed() {
        let all = words("");
        assert!(all.contains(&"logs".to_owned()), "{all:?}");
        assert!(all.iter().all(|word| !word.starts_with('-')), "{all:?}");
        assert_eq!(words("ver"), ["verify", "version"]);
        assert_eq!(
            words("version --cl"),
            [
                "--client",
                "--cluster",
                "--client-certificate",
                "--client-key"
            ]
        );
    }

    #[test]
    fn a_commands_other_name_is_offered_where_the_first_does_not_fit() {
        assert_eq!(words("che"), ["check"]);
        assert_eq!(words("runtimes l"), ["list"]);
        assert_eq!(words("runtimes ls -"), words("runtimes list -"));
    }

    #[test]
    fn few_values_need_no_question() {
        assert_eq!(completed("verify -o j").1, Vec::<String>::new());
        assert_eq!(words("verify -o j"), ["json", "junit"]);
        assert_eq!(words("verify --output=j"), ["json", "junit"]);
        assert_eq!(words("verify -oj"), ["-ojson", "-ojunit"]);
    }

    #[test]
    fn what_was_typed_before_goes_with_the_question() {
        let (found, asked) = completed("logs -n team-a --context=far o");
        assert_eq!(asked, ["TrainJob \"o\" -n team-a --context far job -"]);
        let expected = vec![
            Candidate::new("one", "the first"),
            Candidate::new("other", ""),
        ];
        assert_eq!(found, Completion::Words(expected));
        let (_, asked) = completed("-n team-a tail job-1 --step ");
        assert_eq!(asked, ["Step \"\" -n team-a --context - job job-1"]);
    }

    #[test]
    fn a_line_that_makes_no_sense_yet_is_read_as_far_as_it_does() {
        for line in [
            "logs -n team-a --nonsense --tail many o",
            "logs --nonsense --tail many -n team-a o",
            "logs --nonsense=1 --help -n team-a o",
            "logs --tail=many --request-timeout soon -n team-a o",
        ] {
            let (_, asked) = completed(line);
            let is_asked_there = asked[0].starts_with("TrainJob \"o\" -n team-a ");
            assert!(is_asked_there, "{line}: {asked:?}");
        }
    }

    #[test]
    fn a_value_that_is_called_as_a_command_is_a_value() {
        let (_, asked) = completed("-n logs progress o");
        assert_eq!(asked, ["TrainJob \"o\" -n logs --context - job -"]);
        for namespace in [
            "-n logs", "-nlogs", "-nteam-s", "-n=pods", "-qnlogs", "-qn logs",
        ] {
            let line = format!("{namespace} verify -o j");
            assert_eq!(words(&line), ["json", "junit"], "{line}");
        }
        assert_eq!(words("--context status verify -o j"), ["json", "junit"]);
    }

    #[test]
    fn values_with_their_flag_and_in_lists_are_completed_behind_it() {
        assert_eq!(words("logs --namespace=o"), ["one", "other"]);
        assert_eq!(words("verify --only one,o"), ["one,one", "one,other"]);
        assert_eq!(words("logs x"), Vec::<String>::new());
    }

    #[test]
    fn files_are_left_to_the_shell() {
        assert_eq!(completed("--kubeconfig ").0, Completion::Files);
        assert_eq!(completed("logs --save=").0, Completion::Folders);
        assert_eq!(completed("access rotate -f x").0, Completion::Files);
    }

    #[test]
    fn a_command_about_a_namespace_asks_there() {
        let (_, asked) = completed("bootstrap team-a --service-account o");
        assert_eq!(asked, ["ServiceAccount \"o\" -n team-a --context - job -"]);
    }

    #[test]
    fn what_no_line_can_hold_is_not_offered() {
        let offer: Offer = Arc::new(|_| vec![Candidate::new("a\tb", ""), Candidate::new("ab", "")]);
        let found = complete_last(&["--context".into(), "a".into()], &offer);
        assert_eq!(found, Completion::Words(vec![Candidate::new("ab", "")]));
    }

    #[test]
    fn no_word_at_all_is_as_an_empty_one() {
        let asked = Arc::default();
        let none = complete_last(&[], &offer(&asked));
        assert_eq!(none, completed("").0);
    }
}
