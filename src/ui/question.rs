//! A question to the person at the terminal, answered with yes or no.

use std::io::{self, Write as _};

use super::Ui;

/// What was answered; anything but a yes is a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
}

impl Ui {
    /// Asks on standard error and waits for a line. The wait ends with the command when a signal comes.
    pub async fn ask(&mut self, question: &str) -> Answer {
        self.clear_transient();
        let _ = self.status.write(&format!("{question} [y/N] "));
        // Signals are heard by the thread that must not wait here.
        let line = tokio::task::spawn_blocking(read_line).await;
        match line.as_ref().map(|line| line.trim()) {
            Ok("y" | "Y" | "yes" | "Yes" | "YES") => Answer::Yes,
            _ => Answer::No,
        }
    }
}

fn read_line() -> String {
    let _ = io::stderr().flush();
    let mut line = String::new();
    // What cannot be read is no yes.
    let _ = io::stdin().read_line(&mut line);
    line
}
