//! Completions as kubectl reads them, and whether TAB works, as a person reads it.

use crate::{
    plugin::{Candidate, Completion},
    style::{Role, Style},
};

/// Whether each word comes with what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptions {
    Shown,
    Hidden,
}

/// Bits of the last line, as Cobra's shell scripts understand them.
const NO_SPACE: u8 = 2;
const NO_FILES: u8 = 4;
const ONLY_FOLDERS: u8 = 16;
const FILES: u8 = 0;

/// What ends so is not the whole word yet.
const GOES_ON: [char; 4] = ['/', '=', ':', ','];

/// A line a word, with its description behind a tab, and the last line `:BITS`.
pub fn render_completion(completion: &Completion, descriptions: Descriptions) -> String {
    let (lines, bits) = match completion {
        Completion::Files => (String::new(), FILES),
        Completion::Folders => (String::new(), ONLY_FOLDERS),
        Completion::Words(words) => {
            let lines = words.iter().map(|word| line(word, descriptions)).collect();
            (lines, NO_FILES | no_space(words))
        }
    };
    format!("{lines}:{bits}\n")
}

fn line(word: &Candidate, descriptions: Descriptions) -> String {
    let value = one_line(&word.value);
    match (word.description.as_str(), descriptions) {
        ("", _) | (_, Descriptions::Hidden) => format!("{value}\n"),
        (description, Descriptions::Shown) => format!("{value}\t{}\n", one_line(description)),
    }
}

/// Names come from files and clusters; what would break a line, or move the cursor, is left out.
fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

fn no_space(words: &[Candidate]) -> u8 {
    match words {
        [only] if only.value.ends_with(GOES_ON) => NO_SPACE,
        _ => 0,
    }
}

/// One thing that TAB rests on, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusLine {
    what: &'static str,
    place: String,
}

impl StatusLine {
    pub const fn new(what: &'static str, place: String) -> Self {
        Self { what, place }
    }
}

/// What came of asking kubectl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Works,
    DoesNot,
}

/// Whether TAB works behind what is `typed`, and below it what that rests on.
pub fn render_status(typed: &str, verdict: Verdict, lines: &[StatusLine], style: Style) -> String {
    let (role, sentence) = match verdict {
        Verdict::Works => (Role::Good, format!("TAB works behind `{typed}`.")),
        Verdict::DoesNot => (Role::Bad, format!("TAB does not work behind `{typed}`.")),
    };
    let width = lines
        .iter()
        .map(|line| line.what.len())
        .max()
        .unwrap_or_default();
    let below = lines.iter().fold(String::new(), |mut below, line| {
        below.push_str(&format!("  {:width$}  {}\n", line.what, line.place));
        below
    });
    format!("{}\n{below}", style.paint(role, &sentence))
}
