//! `logs` on a real terminal, under a real shell: what a person sees and presses.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use testbed::{Namespace, Testbed, User};

use crate::{
    reading::run_job,
    support::{binary, wait_until},
};

/// How long anything that is waited for may take.
const LIMIT: Duration = Duration::from_mins(2);
/// What a shell on the terminal says when it is ready.
pub(crate) const PROMPT: &str = "ready> ";

/// A terminal with a shell on it, on which somebody types.
pub(crate) struct Terminal {
    ours: File,
    seen: Seen,
    child: Child,
}

/// Everything that was sent to the terminal so far.
type Seen = Arc<(Mutex<Vec<u8>>, Condvar)>;

impl Terminal {
    /// 80 columns wide. The shell knows the plugin as `logs`, in this namespace.
    pub(crate) fn new(bed: &Testbed, namespace: &Namespace, environment: &[(&str, &str)]) -> Self {
        let (ours, theirs) = pair();
        let stream = || Stdio::from(OwnedFd::from(theirs.try_clone().unwrap()));
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait", "sh", "-i"])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("TERM", "xterm")
            .env("PS1", PROMPT)
            .env("KUBECONFIG", bed.kubeconfig(&User::Admin).unwrap())
            .envs(environment.iter().copied())
            .stdin(stream())
            .stdout(stream())
            .stderr(stream());
        let child = command.spawn().unwrap();
        drop((command, theirs));
        let seen = Seen::default();
        read_into(ours.try_clone().unwrap(), Arc::clone(&seen));
        let mut terminal = Self { ours, seen, child };
        terminal.wait_for("a prompt", |text| text.contains(PROMPT));
        let program = env!("CARGO_BIN_EXE_kubectl-trainer");
        let name = namespace.name();
        terminal.press(&format!("logs() {{ {program} logs -n {name} \"$@\"; }}\n"));
        terminal.wait_for("a second prompt", |text| text.matches(PROMPT).count() >= 2);
        terminal
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until all that was shown so far is so; gives it.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let (seen, changed) = &*self.seen;
        let mut guard = seen.lock().unwrap();
        loop {
            let text = String::from_utf8_lossy(&guard).into_owned();
            if is_so(&text) {
                return text;
            }
            let left = LIMIT.saturating_sub(start.elapsed());
            assert!(!left.is_zero(), "no {what} in {text:?}");
            guard = changed.wait_timeout(guard, left).unwrap().0;
        }
    }

    #[track_caller]
    pub(crate) fn wait_for_text(&self, expected: &str) -> String {
        self.wait_for(expected, |text| text.contains(expected))
    }

    /// The exit code of what the shell ran last.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> String {
        self.press("echo code=$?=\n");
        let is_there = |text: &str| code_in(text).is_some();
        code_in(&self.wait_for("exit code", is_there)).unwrap()
    }

    fn resize(&self, columns: u16) {
        tcsetwinsize(&self.ours, size(columns)).unwrap();
    }

    /// Everything that was sent to the terminal, when the shell has ended.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.press("exit\n");
        self.child.wait().unwrap();
        std::mem::take(&mut *self.seen.0.lock().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A terminal: our side of it, and that of a program.
pub(crate) fn pair() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    tcsetwinsize(&ours, size(80)).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (File::from(ours), theirs)
}

const fn size(columns: u16) -> Winsize {
    Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn read_into(mut ours: File, seen: Seen) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        // A terminal whose other side is gone ends with an error.
        while let Ok(read @ 1..) = ours.read(&mut bytes) {
            seen.0.lock().unwrap().extend_from_slice(&bytes[..read]);
            seen.1.notify_all();
        }
    });
}

/// What stands after `code=`, where it is a number: what was typed has `$?` there.
fn code_in(text: &str) -> Option<String> {
    let mut codes = text.split("code=").skip(1);
    let code = codes.find_map(|rest| rest.split('=').next()?.parse::<u8>().ok());
    code.map(|code| code.to_string())
}

/// A job that counts, ten lines a second, until it is told to stop.
pub(crate) fn counting(bed: &Testbed, namespace: &Namespace) {
    let script =
        "trap exit TERM; n=0; while :; do n=$((n+1)); echo line $n.; sleep 0.1 & wait; done";
    run_job(bed, namespace, "count", 1, script);
}

/// The numbers of the lines, as they were shown.
pub(crate) fn numbers(text: &str) -> Vec<u32> {
    let shown = text.split("line ").skip(1);
    shown
        .filter_map(|rest| rest.split_once('.')?.0.parse().ok())
        .collect()
}

#[track_caller]
fn assert_counts_from_one(text: &str) {
    let numbers = numbers(text);
    let expected: Vec<_> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn ctrl_c_ends_with_a_summary_and_a_usable_prompt() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("terminal-interrupt").unwrap();
    counting(&bed, &namespace);
    let mut terminal = Terminal::new(&bed, &namespace, &[("NO_COLOR", "1")]);
    terminal.press("logs -f count\n");
    terminal.wait_for_text("line 5.");
    terminal.press("\u{3}");
    let text = terminal.wait_for_text("· interrupted");
    // What the terminal makes of the key is covered.
    let summary = text.trim_end().rsplit(['\r', '\n']).next().unwrap();
    assert!(summary.starts_with("1 node · "), "{text:?}");
    assert_eq!(terminal.exit_code(), "130");
    // What is typed is still shown, and a command still runs.
    terminal.press("echo still $((40 + 2))\n");
    terminal.wait_for_text("still 42");
}

#[test]
fn a_run_that_was_suspended_goes_on_where_it_was_and_a_terminal_may_change_its_size() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("terminal-suspend").unwrap();
    counting(&bed, &namespace);
    let mut terminal = Terminal::new(&bed, &namespace, &[("NO_COLOR", "1")]);
    terminal.press("logs -f count\n");
    terminal.wait_for_text("line 5.");
    terminal.resize(40);
    terminal.wait_for_text("line 15.");
    terminal.press("\u{1a}");
    terminal.wait_for("the shell's word", |text| text.contains("Stopped"));
    let stopped = numbers(&terminal.wait_for_text(PROMPT)).len();
    terminal.resize(120);
    // The job has gone on meanwhile.
    wait_for_lines(&bed, &namespace, stopped + 30);
    terminal.press("fg\n");
    let awaited = format!("line {}.", stopped + 60);
    terminal.wait_for_text(&awaited);
    terminal.press("\u{3}");
    let text = terminal.wait_for_text("· interrupted");
    assert_counts_from_one(&text);
    assert!(text.contains("· no gaps ·"), "{text}");
    assert_eq!(terminal.exit_code(), "130");
}

/// Waits until the job has written so many lines.
#[track_caller]
fn wait_for_lines(bed: &Testbed, namespace: &Namespace, lines: usize) {
    let last = format!("line {lines}.");
    let selector = "jobset.sigs.k8s.io/jobset-name=count";
    let arguments = ["logs", "-n", namespace.name(), "-l", selector, "--tail=-1"];
    // As long as the container is not there, kubectl fails.
    wait_until(&last, || {
        let output = bed.kubectl(&arguments).unwrap();
        String::from_utf8_lossy(&output.stdout).contains(&last)
    });
}

/// A job that says much at once, and then nothing.
fn much_then_silence(bed: &Testbed, namespace: &Namespace) {
    let words = "much ".repeat(40);
    let script = format!(
        "trap exit TERM; n=0; while [ $n -lt {MUCH} ]; do n=$((n+1)); echo line $n. {words}; done; sleep 600 & wait"
    );
    run_job(bed, namespace, "count", 1, &script);
    wait_for_lines(bed, namespace, MUCH);
}

/// Together more than what terminal, blocks and buffers hold in memory.
const MUCH: usize = 10_000;

/// The plugin, following on a terminal from which nothing is taken, once it keeps on disk what it reads.
fn following_unseen(bed: &Testbed, namespace: &Namespace) -> (Child, File) {
    let (ours, theirs) = pair();
    let mut command = follower(bed, namespace);
    command.stdout(OwnedFd::from(theirs)).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    drop(command);
    wait_until("a buffer on disk", || has_unlinked_file(&child));
    (child, ours)
}

fn follower(bed: &Testbed, namespace: &Namespace) -> Command {
    let mut command = binary();
    command
        .args([
            "logs",
            "-f",
            "count",
            "--color=never",
            // Half a megabyte waits in memory, the rest in a file.
            "--buffer=8MiB",
            "-n",
            namespace.name(),
        ])
        .arg("--kubeconfig")
        .arg(bed.kubeconfig(&User::Admin).unwrap())
        .stdin(Stdio::null());
    command
}

fn has_unlinked_file(child: &Child) -> bool {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{}/fd", child.id())) else {
        return false;
    };
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let mut links = links.map(|link| link.to_string_lossy().into_owned());
    links.any(|link| link.ends_with("(deleted)"))
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn a_terminal_that_takes_nothing_stops_neither_reading_nor_leaving() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("terminal-stopped").unwrap();
    much_then_silence(&bed, &namespace);
    let (mut child, ours) = following_unseen(&bed, &namespace);
    interrupt(&child);
    let start = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(10));
    drop(ours);

    let (mut child, ours) = following_unseen(&bed, &namespace);
    let mut text = String::new();
    let mut lines = BufReader::new(ours);
    let mut begin = 0;
    while !text[begin..].contains(&format!("line {MUCH}.")) {
        begin = text.len();
        lines.read_line(&mut text).unwrap();
    }
    assert_counts_from_one(&text);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_reader_that_has_had_enough_ends_it_also_while_nothing_is_said() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("terminal-head").unwrap();
    let script = "trap exit TERM; echo line 1.; sleep 600 & wait";
    run_job(&bed, &namespace, "count", 1, script);
    let mut command = follower(&bed, &namespace);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut first).unwrap();
    assert_eq!(first, "node-0 | line 1.\n");
    drop(lines);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("error"), "{said}");
}

#[test]
fn a_shell_gets_the_first_line_of_many_and_no_error() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("terminal-pipe").unwrap();
    counting(&bed, &namespace);
    let mut terminal = Terminal::new(&bed, &namespace, &[]);
    terminal.press("logs -qf count | head -n 1\n");
    terminal.wait_for_text("node-0 | line 1.");
    let code = terminal.exit_code();
    let text = String::from_utf8_lossy(&terminal.finish()).into_owned();
    assert_eq!((code.as_str(), numbers(&text).as_slice()), ("0", &[1][..]));
    assert!(!text.contains("error"), "{text}");
}

/// What would write to the clipboard, set the title, move, clear, switch screens, hide, reset; in 7 and in 8 bits; what
/// is no text; a progress bar. Each line ends with a word that has to be seen.
const HOSTILE: &str = r"
printf '\033]52;c;ZWNobyBvd25lZA==\007clipboard.\n'
printf '\033]0;owned\033\\title.\n'
printf '\033[2J\033[10;20Hcursor.\n'
printf '\033[?1049hscreen.\n'
printf '\033[8mhidden.\n'
printf '\033c\033(0reset.\n'
printf '\302\2332J\302\2350;owned\302\234wide.\n'
printf '\2332J\377bytes.\n'
printf 'bell\007back\010nul\000.\n'
printf '\033]0;without end.\n'
printf '\033[31mred.\n'
printf 'plain.\n'
printf '10%%\r50%%\r100%% bar.\n'
sleep 2
";

fn hostile_bytes(environment: &[(&str, &str)], name: &str) -> Option<Vec<u8>> {
    let bed = Testbed::shared()?;
    let namespace = bed.namespace(name).unwrap();
    run_job(&bed, &namespace, "hostile", 1, HOSTILE);
    let mut terminal = Terminal::new(&bed, &namespace, environment);
    // Rows under the lines move the cursor; here nothing may.
    terminal.press("logs -qf hostile\n");
    terminal.wait_for_text("bar.");
    assert_eq!(terminal.exit_code(), "0");
    Some(terminal.finish())
}

/// The text without colours; anything else that could move a cursor is a failure.
#[track_caller]
fn without_colours(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        let body = after.strip_prefix('[').unwrap();
        let end = body.find(|letter: char| !letter.is_ascii_digit() && letter != ';');
        let end = end.unwrap();
        assert_eq!(&body[end..=end], "m", "{text:?}");
        assert!(!body[..end].split(';').any(|one| one == "8"), "{text:?}");
        rest = &body[end + 1..];
    }
    plain.push_str(rest);
    let foreign = |letter: char| letter.is_control() && !matches!(letter, '\r' | '\n' | '\t');
    assert!(!plain.contains(foreign), "{plain:?}");
    plain
}

#[test]
fn control_sequences_of_lines_never_reach_the_terminal() {
    let Some(bytes) = hostile_bytes(&[], "terminal-hostile") else {
        return;
    };
    let text = without_colours(&bytes);
    let lines: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("node-0 | "))
        .collect();
    assert_eq!(
        lines,
        [
            "clipboard.",
            "title.",
            "cursor.",
            "screen.",
            "hidden.",
            "reset.",
            "wide.",
            "\u{fffd}2J\u{fffd}bytes.",
            "bell^Gback^Hnul^@.",
            "^[]0;without end.",
            "red.",
            "plain.",
            "100% bar.",
        ]
    );
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("\u{1b}[31mred.\u{1b}[0m\r\n"), "{text:?}");
}

#[test]
fn without_colours_a_terminal_gets_no_escape_at_all() {
    let Some(bytes) = hostile_bytes(&[("NO_COLOR", "1")], "terminal-no-colour") else {
        return;
    };
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains("node-0 | red.\r\n"), "{text:?}");
}
