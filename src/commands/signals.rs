//! Ctrl-C, SIGTERM and SIGHUP: what they ask for, and which end of a command that is. And Ctrl-Z, which ends nothing.

use std::{pin::pin, sync::Arc, task::Poll};

use futures::poll;

use crate::{
    error::{CommandError, ErrorKind},
    ui::Pause,
};

/// A terminal that takes nothing for so long keeps what stands on it when the process stops.
#[cfg(unix)]
const PAUSE_LIMIT: std::time::Duration = std::time::Duration::from_millis(500);

/// Runs the command, or a part of it, to its end or to a signal; then its requests are dropped where they stand. A part
/// hears of the signal before the whole, and may have a last word.
pub(crate) async fn until_signal<T>(
    command: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let mut signal = pin!(wait_for_signal());
    // Signals are listened to from here on; else one that comes while the command begins would kill it where it stands.
    if let Poll::Ready(kind) = poll!(signal.as_mut()) {
        return Err(CommandError::silent(kind));
    }
    tokio::select! {
        biased;
        result = command => result,
        kind = signal => Err(CommandError::silent(kind)),
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

#[cfg(unix)]
fn is_hang_up_ignored() -> bool {
    is_ignored(rustix::process::Signal::HUP)
}

/// Where the system does not tell, it is taken to be so: the signal keeps its own effect.
#[cfg(unix)]
fn is_ignored(signal: rustix::process::Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

/// At Ctrl-Z the terminal is tidied up before the process stops; when it goes on, all is drawn anew.
#[cfg(unix)]
pub(crate) async fn heed_suspension(pause: Arc<Pause>) {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};

    let heed = |wanted: Signal| signal(SignalKind::from_raw(wanted.as_raw()));
    let Ok(mut goes_on) = heed(Signal::CONT) else {
        return;
    };
    let stop = is_job_of_a_shell().then(|| heed(Signal::TSTP));
    let Some(Ok(mut stop)) = stop else {
        while goes_on.recv().await.is_some() {
            pause.end();
        }
        return;
    };
    loop {
        tokio::select! {
            _ = stop.recv() => {
                // Nothing else has to be done meanwhile: in a moment all of the process stops.
                pause.begin(PAUSE_LIMIT);
                if stop_process() {
                    goes_on.recv().await;
                }
            }
            _ = goes_on.recv() => {}
        }
        pause.end();
    }
}

/// A handler has taken the signal's own effect away, and only SIGSTOP does the same. It stops also where nobody can
/// bring the process back: so there must be a shell that put it into a process group of its own.
#[cfg(unix)]
fn is_job_of_a_shell() -> bool {
    use rustix::process::{Signal, getpgid, getpgrp, getppid, getsid};

    let Some(parent) = getppid() else {
        return false;
    };
    let (session, group) = (getsid(Some(parent)), getpgid(Some(parent)));
    session.is_ok()
        && session == getsid(None)
        && group != Ok(getpgrp())
        && !is_ignored(Signal::TSTP)
}

/// Returns when the process goes on, or where it cannot be stopped.
#[cfg(unix)]
fn stop_process() -> bool {
    use rustix::process::{Signal, getpid, kill_process};

    kill_process(getpid(), Signal::STOP).is_ok()
}

#[cfg(not(unix))]
pub(crate) async fn heed_suspension(_: Arc<Pause>) {}

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
