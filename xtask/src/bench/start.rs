//! How long a person waits for help: `kubectl-trainer --help` beside `kubectl --help`.

use std::path::Path;
use std::process::Command;

use super::comparison::{Comparison, pairs};
use crate::process::StepError;

/// At most a twentieth of kubectl's time.
const LIMIT: f64 = 1.0 / 20.0;

pub(super) fn compare(plugin: &Path) -> Result<Comparison, StepError> {
    let kubectl = testbed::programs::kubectl(&mut std::io::stderr())?;
    let help = |program: &Path| {
        let mut command = Command::new(program);
        command.arg("--help");
        vec![command]
    };
    Ok(Comparison {
        what: "`--help`",
        rival: "`kubectl --help`",
        limit: LIMIT,
        pairs: pairs(help(plugin), help(&kubectl))?,
    })
}
