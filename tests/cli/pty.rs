//! The plugin on a terminal of its own.

use std::{
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// Runs the plugin on a terminal of its own, 80 columns wide, and gives everything that the terminal was sent.
pub(crate) fn on_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-trainer"));
    command
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("TERM", "xterm");
    command
        .envs(environment.iter().copied())
        .args(arguments)
        .stdin(stream());
    let mut child = command.stdout(stream()).stderr(stream()).spawn().unwrap();
    // Only the child keeps its side, so that reading ends when it does.
    drop((command, theirs));
    let mut sent = Vec::new();
    // A terminal whose other side is gone ends with an error.
    let _ = File::from(ours).read_to_end(&mut sent);
    child.wait().unwrap();
    String::from_utf8(sent).unwrap()
}
