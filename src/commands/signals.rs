//! Ctrl-C and SIGTERM: what they ask for, and which end of a command that is.

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
    }
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
