//! Runs the built plugin with nothing of this machine's environment: no kubeconfig, no colours, 100 columns.

use std::path::Path;

use snapbox::cmd::Command;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_kubectl-trainer");

/// The plugin, to be given arguments.
pub(crate) fn plugin() -> Command {
    plugin_at(Path::new(BINARY))
}

/// The plugin under another name.
pub(crate) fn plugin_at(path: &Path) -> Command {
    Command::new(path)
        .env_clear()
        .env("COLUMNS", "100")
        .env("HOME", "/nonexistent")
}
