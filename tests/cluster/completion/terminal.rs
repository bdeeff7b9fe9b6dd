//! A real shell in a terminal of tmux: somebody types and presses TAB, and looks at what stands on the screen.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{
    ground::Ground,
    shells::{Clearing, Shell},
};
use crate::support::{Running, wait_until};

/// How long the screen may take to show what is expected, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(40);
/// Between two looks at the screen.
const PAUSE: Duration = Duration::from_millis(20);
/// What every shell here says when it waits for a line.
pub(crate) const PROMPT: &str = ">";
/// Relative to the folder of the ground: an address of a socket must be short.
const SOCKET: &str = "terminal";

/// A terminal with a shell; both end with it.
pub(crate) struct Terminal {
    folder: PathBuf,
    _server: Running,
}

impl Terminal {
    /// The shell of a person who has set up completion as its manual says.
    pub(super) fn open(shell: &Shell, ground: &Ground) -> Self {
        ground.write_start_file(shell);
        Self::start(&ground.folder, &ground.command_line(shell))
    }

    /// A shell by its command line, in a terminal that keeps what it needs in `folder`.
    pub(crate) fn start(folder: &Path, command_line: &[String]) -> Self {
        let mut server = tmux(folder);
        let terminal = Self {
            _server: Running::start(server.args(["-f", "/dev/null", "-D"])),
            folder: folder.to_owned(),
        };
        let socket = terminal.folder.join(SOCKET);
        wait_until("the terminal", || socket.exists());
        let mut open = tmux(folder);
        open.args(["new-session", "-d", "-x", "160", "-y", "50", "--"])
            .args(command_line);
        let opened = open.output().unwrap();
        assert!(opened.status.success(), "{opened:?}");
        terminal.wait_for("a prompt", |screen| screen == [PROMPT]);
        terminal
    }

    /// Types text as it is.
    pub(crate) fn type_text(&self, text: &str) {
        self.run(&["send-keys", "-l", "--", text]);
    }

    /// Presses keys, by tmux's names for them.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// The lines on the screen that have text, each run of blanks as one.
    pub(crate) fn screen(&self) -> Vec<String> {
        let text = self.run(&["capture-pane", "-p"]);
        let lines = text.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.join(" ")
        });
        lines.filter(|line| !line.is_empty()).collect()
    }

    /// Waits until the screen shows what is expected; gives it.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            let text = screen.join("\n");
            assert!(start.elapsed() < LIMIT, "no {what} on the screen:\n{text}");
            thread::sleep(PAUSE);
        }
    }

    /// Removes what is typed, and what stands below it.
    #[track_caller]
    pub(super) fn clear(&self, clearing: Clearing) {
        match clearing {
            Clearing::Redraw => self.press(&["C-u", "C-l"]),
            Clearing::CloseList => {
                // Escape and what follows at once would be one key.
                if self.screen().len() > 1 {
                    self.press(&["Escape"]);
                    self.wait_for("end of the list", |screen| screen.len() == 1);
                }
                self.press(&["C-u"]);
            }
            Clearing::GiveUp => {
                self.press(&["C-c"]);
                self.press(&["C-l"]);
            }
        }
        self.wait_for("empty line", |screen| screen == [PROMPT]);
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let output = tmux(&self.folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn tmux(folder: &Path) -> Command {
    let mut command = Command::new("tmux");
    command
        .args(["-u", "-S", SOCKET])
        .current_dir(folder)
        .env_remove("TMUX");
    command
}
