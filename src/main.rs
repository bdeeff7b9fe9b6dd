//! Turns arguments into an exit code, and does nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    kubectl_trainer::run(&words)
}
