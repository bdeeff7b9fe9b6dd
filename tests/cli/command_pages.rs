//! `docs/commands`: a page for each command, made of the grammar.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::{Arg, Command};
use kubectl_trainer::cli;
use snapbox::{Data, assert_data_eq};

/// The index of the pages, which also has the flags that every command takes.
const INDEX: &str = "README.md";

/// What else there is to read about a command and those below it.
const GUIDES: [(&str, &[&str]); 9] = [
    (
        "verify",
        &["../deep.md", "../checks.md", "../schemas/README.md"],
    ),
    ("logs", &["../logs.md", "../schemas/README.md"]),
    ("tail", &["../logs.md"]),
    ("progress", &["../logs.md", "../schemas/README.md"]),
    ("runtimes", &["../compatibility.md", "../schemas/README.md"]),
    ("bootstrap", &["../bootstrap.md", "../deep.md"]),
    (
        "access",
        &["../access.md", "../threats.md", "../schemas/README.md"],
    ),
    ("completion", &["../tab.md", "../troubleshooting.md"]),
    ("explain", &["../checks.md"]),
];

const INTRODUCTION: &str = "# Commands\n\n\
    Made from the program's own grammar: `--help` after a command says the same, and so do \
    the manual pages of an archive. A cluster is asked only where a \
    command says so, and is found as kubectl finds it ([connecting.md](../connecting.md)).\n\n";

const FOOTER: &str = "Flags that every command takes: [README.md](README.md#flags-of-every-command). \
    Exit codes: [exit-codes.md](../exit-codes.md).";

/// Written anew, as any snapshot, with `SNAPSHOTS=overwrite cargo test -p kubectl-trainer --test cli`.
#[test]
fn every_command_has_a_page_that_says_what_its_help_says() {
    for (name, text) in pages() {
        let page = Data::read_from(&folder().join(name), None);
        assert_data_eq!(text, page.raw());
    }
}

#[test]
fn no_page_is_left_of_a_command_that_is_gone() {
    let files = fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    let expected: Vec<_> = pages().into_keys().collect();
    assert_eq!(names, expected);
}

#[test]
fn every_guide_of_a_page_is_of_a_command_and_exists() {
    let grammar = grammar();
    for (command, guides) in GUIDES {
        assert!(grammar.find_subcommand(command).is_some(), "{command}");
        for guide in guides {
            assert!(folder().join(guide).is_file(), "{guide}");
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/commands")
}

fn grammar() -> Command {
    let mut grammar = cli::command("kubectl trainer");
    grammar.build();
    grammar
}

/// Every page by its file's name.
fn pages() -> BTreeMap<String, String> {
    let grammar = grammar();
    let mut pages = BTreeMap::new();
    pages.insert(INDEX.to_owned(), render_index(&grammar));
    for command in shown_commands(&grammar) {
        add_pages(&mut pages, &[command.get_name()], command);
    }
    pages
}

fn add_pages(pages: &mut BTreeMap<String, String>, words: &[&str], command: &Command) {
    if has_page(words, command) {
        pages.insert(file_name(words), render_page(words, command));
    }
    for below in shown_commands(command) {
        add_pages(pages, &[words, &[below.get_name()]].concat(), below);
    }
}

/// A command below another needs none where its line in the table says it all, as `completion bash`.
fn has_page(words: &[&str], command: &Command) -> bool {
    let mut own = command.get_arguments().filter(|one| !one.is_global_set());
    let has_own = own.any(|one| one.get_id() != "help" && !one.is_hide_set());
    words.len() == 1 || has_own || command.has_subcommands() || command.get_long_about().is_some()
}

fn file_name(words: &[&str]) -> String {
    format!("{}.md", words.join("-"))
}

fn shown_commands(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|one| !one.is_hide_set() && one.get_name() != "help")
}

fn render_index(grammar: &Command) -> String {
    let mut text = format!("{INTRODUCTION}| command | what it does |\n|---|---|\n");
    for command in shown_commands(grammar) {
        text += &command_rows(&[command.get_name()], command);
    }
    text += "\n## Flags of every command\n\nThey stand after `trainer`: kubectl passes nothing on that stands before \
        it.\n";
    text + &render_flags(grammar, Arg::is_global_set)
}

fn command_rows(words: &[&str], command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    let about = escape(&about.unwrap_or_default());
    let name = words.join(" ");
    let name = if has_page(words, command) {
        format!("[`{name}`]({})", file_name(words))
    } else {
        format!("`{name}`")
    };
    let mut rows = format!("| {name} | {about} |\n");
    for below in shown_commands(command) {
        rows += &command_rows(&[words, &[below.get_name()]].concat(), below);
    }
    rows
}

fn render_page(words: &[&str], command: &Command) -> String {
    let name = format!("kubectl trainer {}", words.join(" "));
    let about = command.get_long_about().or(command.get_about());
    let about = escape(&about.map(ToString::to_string).unwrap_or_default());
    let (first, rest) = about.split_once("\n\n").unwrap_or((&about, ""));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let mut text = format!("# {name}\n\n{first}.\n\n```\n{usage}\n```\n");
    if !rest.is_empty() {
        text += &format!("\n{rest}\n");
    }
    text += &render_aliases(words, command);
    text += &render_commands_below(words, command);
    text += &render_arguments(command);
    text += &render_flags(command, |flag| !flag.is_global_set());
    text + &format!("\n{FOOTER}{}\n", render_guides(words))
}

fn render_aliases(words: &[&str], command: &Command) -> String {
    let above = &words[..words.len() - 1];
    let names = command.get_visible_aliases();
    let names =
        names.map(|alias| format!("`kubectl trainer {}`", [above, &[alias]].concat().join(" ")));
    match names.collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        names => format!("\nThe same: {}.\n", names.join(", ")),
    }
}

fn render_commands_below(words: &[&str], command: &Command) -> String {
    let rows = shown_commands(command);
    let rows = rows.map(|below| command_rows(&[words, &[below.get_name()]].concat(), below));
    let rows: String = rows.collect();
    if rows.is_empty() {
        return rows;
    }
    format!("\n| command | what it does |\n|---|---|\n{rows}")
}

fn render_arguments(command: &Command) -> String {
    let arguments = command.get_positionals().filter(|one| !one.is_hide_set());
    let lines: String = arguments.map(render_argument).collect();
    if lines.is_empty() {
        return lines;
    }
    format!("\n## Arguments\n\n{lines}")
}

/// The heading of flags that have none of their own.
const FLAGS: &str = "Flags";

/// The flags under their headings, in the order of the help.
fn render_flags(command: &Command, wanted: impl Fn(&Arg) -> bool) -> String {
    let flags = command
        .get_arguments()
        .filter(|flag| !flag.is_positional() && wanted(flag) && !flag.is_hide_set());
    let flags = flags.filter(|flag| !["help", "version"].contains(&flag.get_id().as_str()));
    let mut headings: Vec<(&str, String)> = Vec::new();
    for flag in flags {
        let heading = flag.get_help_heading().unwrap_or(FLAGS);
        let known = headings.iter().position(|(name, _)| *name == heading);
        let place = known.unwrap_or_else(|| {
            headings.push((heading, String::new()));
            headings.len() - 1
        });
        headings[place].1 += &render_argument(flag);
    }
    let sections = headings.iter().map(|(heading, lines)| {
        let depth = if *heading == FLAGS { "##" } else { "###" };
        format!("\n{depth} {heading}\n\n{lines}")
    });
    sections.collect()
}

fn render_argument(argument: &Arg) -> String {
    let short = argument.get_short().map(|letter| format!("`-{letter}`, "));
    let help = argument.get_long_help().or(argument.get_help());
    let help = escape(&help.map(ToString::to_string).unwrap_or_default());
    format!(
        "- {}`{argument}`: {help}{}\n",
        short.unwrap_or_default(),
        render_values(argument)
    )
}

/// What may be given, and what is taken where nothing is.
fn render_values(argument: &Arg) -> String {
    let mut text = String::new();
    let values = argument.get_possible_values();
    let values: Vec<_> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() && !argument.is_hide_possible_values_set() {
        text += &format!("; one of {}", values.join(", "));
    }
    let defaults = argument.get_default_values().iter();
    let defaults: Vec<_> = defaults
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    if !defaults.is_empty() && argument.get_action().takes_values() {
        text += &format!("; without it {}", defaults.join(", "));
    }
    text
}

fn render_guides(words: &[&str]) -> String {
    let of_this = GUIDES.iter().find(|(command, _)| *command == words[0]);
    let Some((_, guides)) = of_this else {
        return String::new();
    };
    let links: Vec<_> = guides
        .iter()
        .map(|guide| format!("[{}]({guide})", guide.trim_start_matches("../")))
        .collect();
    format!(" More: {}.", links.join(", "))
}

/// Plain text that Markdown shows as it is.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "\\<")
        .replace('*', "\\*")
}
