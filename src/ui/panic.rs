//! What a user sees when the program itself is wrong: one sentence and what to report, and a terminal as it was.

use std::{
    io::{self, IsTerminal, Write},
    panic,
};

use super::gauge;

/// Says nothing when the program itself is wrong: it was started by a shell in the middle of a line.
pub fn silence_panics() {
    panic::set_hook(Box::new(|_| ()));
}

/// Replaces Rust's panic message. Release builds abort afterwards, so this is the last thing that runs.
pub fn install_panic_hook() {
    panic::set_hook(Box::new(|info| {
        let mut stream = io::stderr().lock();
        if stream.is_terminal() {
            // End a half-written status line and all colours, and show the cursor. It stands below any rows.
            let _ = stream.write_all(b"\r\x1b[K\x1b[0m\x1b[?25h");
            let _ = stream.write_all(gauge::withdrawal().as_bytes());
        }
        let place = info.location().map_or(String::new(), |place| {
            format!(" at {}:{}", place.file(), place.line())
        });
        let what = info.payload_as_str().unwrap_or("no message");
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(
            stream,
            "error: kubectl-trainer {version} is broken{place}: {what}"
        );
        let _ = writeln!(
            stream,
            "hint: please report this line and the command that you typed"
        );
    }));
}
