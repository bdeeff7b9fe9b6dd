//! The plugin on a terminal of its own.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// Runs the plugin on a terminal of its own, 80 columns wide, and gives everything that the terminal was sent.
pub(crate) fn on_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-trainer"));
    command.args(arguments).env_clear();
    command.envs(environment.iter().copied());
    sent_to_terminal(command, |_| {})
}

/// Runs a program on a terminal of its own, 80 columns wide, to its end, and gives everything that the terminal was sent.
/// Before and after it, `look` has a look at the terminal.
pub(crate) fn sent_to_terminal(command: Command, look: impl FnMut(&File)) -> String {
    typed_on_terminal(command, "", look)
}

/// The same while somebody types this; what is typed waits until the program reads it.
pub(crate) fn typed_on_terminal(
    mut command: Command,
    typed: &str,
    mut look: impl FnMut(&File),
) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&ours, size).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let stream = || Stdio::from(OwnedFd::from(theirs.try_clone().unwrap()));
    look(&theirs);
    command.env("HOME", "/nonexistent");
    if command.get_envs().all(|(name, _)| name != "TERM") {
        command.env("TERM", "xterm");
    }
    command.stdin(stream()).stdout(stream()).stderr(stream());
    let mut child = command.spawn().unwrap();
    // Only the child keeps its side, so that reading ends when it does.
    drop((command, theirs));
    let mut sent = Vec::new();
    let mut ours = File::from(ours);
    ours.write_all(typed.as_bytes()).unwrap();
    // A terminal whose other side is gone ends with an error.
    let _ = ours.read_to_end(&mut sent);
    child.wait().unwrap();
    look(&ours);
    String::from_utf8(sent).unwrap()
}
