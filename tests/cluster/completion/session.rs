//! Somebody at a shell: types a line, presses TAB, and holds what is shown against what is expected.

use std::time::{Duration, Instant};

use super::{
    ground::Ground,
    shells::Shell,
    terminal::{PROMPT, Terminal},
};

/// Until when a shell must be back where a cluster does not answer.
const BACK_LIMIT: Duration = Duration::from_millis(2500);
/// Other programs may keep the machine from it: one try of these must keep the limit.
const TRIES: usize = 8;

/// What a line becomes, and what is listed below it.
pub(super) enum Found<'a> {
    /// The whole line, with the blank behind what was completed.
    Line(&'a str),
    /// Words with what they are, which may be left out.
    Listed(&'a [(&'a str, &'a str)]),
}

/// A shell at work on the ground of one test.
pub(super) struct Session<'a> {
    shell: &'a Shell,
    terminal: Terminal,
}

impl<'a> Session<'a> {
    pub(super) fn open(shell: &'a Shell, ground: &Ground) -> Self {
        let terminal = Terminal::open(shell, ground);
        Self { shell, terminal }
    }

    /// Types a line, presses TAB, and holds what is shown against what is expected.
    #[track_caller]
    pub(super) fn expect(&self, line: &str, found: &Found<'_>) {
        self.type_line(line);
        match found {
            Found::Line(expected) => {
                self.terminal.press(&["Tab"]);
                self.terminal.type_text(self.shell.mark);
                self.wait_for_line(expected);
            }
            Found::Listed(words) => self.wait_for_list(words),
        }
        self.terminal.clear(self.shell.clearing);
    }

    /// The same with the cursor before `rest`, which has to stay as it is.
    #[track_caller]
    pub(super) fn expect_before(&self, rest: &str, line: &str, completed: &str) {
        self.type_line(&format!("{line}{rest}"));
        self.terminal.press(&vec!["Left"; rest.len()]);
        self.terminal.press(&["Tab", "C-e"]);
        self.terminal.type_text(self.shell.mark);
        self.wait_for_line(&format!("{completed}{rest}"));
        self.terminal.clear(self.shell.clearing);
    }

    #[track_caller]
    fn type_line(&self, line: &str) {
        self.terminal.type_text(line);
        let shown = format!("{PROMPT} {}", line.trim_end());
        self.terminal
            .wait_for(&shown, |screen| screen == [shown.as_str()]);
    }

    #[track_caller]
    fn wait_for_line(&self, expected: &str) {
        let shown = self.with_mark(expected);
        let is_shown = |screen: &[String]| screen.first().is_some_and(|line| *line == shown);
        self.terminal.wait_for(&shown, is_shown);
    }

    #[track_caller]
    fn wait_for_list(&self, words: &[(&str, &str)]) {
        let tabs = vec!["Tab"; self.shell.presses_to_list];
        self.terminal.press(&tabs);
        for (word, description) in words {
            let described = match *description {
                "" => (*word).to_owned(),
                text => format!("{word} {}{text}", self.shell.description_mark),
            };
            self.terminal.wait_for(&described, |screen| {
                screen.iter().skip(1).any(|line| line.contains(&described))
            });
        }
        self.terminal.type_text(self.shell.mark);
        let is_done = |line: &String| line.ends_with(self.shell.mark);
        self.terminal
            .wait_for("end of TAB", |screen| screen.iter().any(is_done));
    }

    /// A line as it stands on the screen when something was typed behind it.
    fn with_mark(&self, line: &str) -> String {
        let text = format!("{PROMPT} {line}{}", self.shell.mark);
        text.trim_end().to_owned()
    }

    /// How long TAB takes to change nothing.
    #[track_caller]
    fn time_nothing(&self, line: &str) -> Duration {
        self.type_line(line);
        let start = Instant::now();
        self.terminal.press(&["Tab"]);
        self.terminal.type_text(self.shell.mark);
        self.wait_for_line(line);
        let taken = start.elapsed();
        assert_eq!(self.terminal.screen(), [self.with_mark(line)]);
        self.terminal.clear(self.shell.clearing);
        taken
    }

    #[track_caller]
    pub(super) fn expect_nothing_in_time(&self, line: &str) {
        let taken: Vec<_> = (0..TRIES)
            .map(|_| self.time_nothing(line))
            .take_while(|taken| *taken > BACK_LIMIT)
            .collect();
        assert!(taken.len() < TRIES, "{line}: {taken:?}");
    }
}
