//! Waiting: requests and timers run on the thread that asks for them.

use std::{io, thread};

use crate::cluster::gathering;

/// Runs work that waits to its end. Fails where the system has no more of what that takes.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(gather)
        .build()?;
    let result = runtime.block_on(work);
    // A name look-up may still block a thread of the pool; nobody waits for it.
    runtime.shutdown_background();
    Ok(result)
}

/// Called where nothing is left to do until something comes.
fn gather() {
    if let Some(pause) = gathering() {
        thread::sleep(pause);
    }
}
