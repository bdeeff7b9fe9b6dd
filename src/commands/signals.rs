//! Ctrl-C, SIGTERM and SIGHUP: what they ask for, and which end of a command that is.

use crate::error::{CommandError, ErrorKind};

/// Runs the command to its end, or to a signal; then its requests are dropped where they stand.
pub(crate) async fn until_signal(
    command: impl Future<Output = Result<(), CommandError>>,
) -> Result<(), CommandError> {
    tokio::select! {
        result = command => result,
        kind = wait_for_signal() => Err(CommandError::silent(kind)),
    }
}

#[cfg(unix)]
pub(crate) async fn wait_for_signal() -> ErrorKind {
    use tokio::signal::unix::{SignalKind, signal};

    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return wait_for_interrupt().await;
    };
    tokio::select! {
        kind = wait_for_interrupt() => kind,
        _ = terminate.recv() => ErrorKind::Terminated,
        () = wait_for_hang_up() => ErrorKind::HungUp,
    }
}

/// Whoever starts a command with `nohup` wants it to outlive its terminal. Where the system does not tell, the signal
/// keeps its own effect.
#[cfg(unix)]
async fn wait_for_hang_up() {
    use tokio::signal::unix::{SignalKind, signal};

    if !is_hang_up_ignored()
        && let Ok(mut hang_up) = signal(SignalKind::hangup())
    {
        hang_up.recv().await;
    } else {
        std::future::pending::<()>().await;
    }
}

/// SIGHUP is the lowest bit of the mask.
#[cfg(unix)]
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
pub(crate) async fn wait_for_signal() -> ErrorKind {
    wait_for_interrupt().await
}

async fn wait_for_interrupt() -> ErrorKind {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    ErrorKind::Interrupted
}
