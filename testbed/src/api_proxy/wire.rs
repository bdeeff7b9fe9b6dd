//! The client's connection: how it is ended by a fault, at once or when everything that passed has been sent.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How a client's connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    /// Client or server ended it.
    Natural,
    /// A fault ended it, after what was sent.
    Ended,
    /// A fault broke it.
    Reset,
}

/// What requests of a connection ask of the loop that drives it.
///
/// A turn is one poll of the connection. A turn that begins after a body handed over its last bytes has taken them
/// into the stream; when the stream is flushed at its end, they have been sent.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    state: Mutex<PulseState>,
}

#[derive(Debug, Default)]
struct PulseState {
    turn: u64,
    end_after: Option<u64>,
    is_reset: bool,
    has_unsent_bytes: bool,
    driver: Option<Waker>,
}

impl Pulse {
    /// Ends the connection when everything that was handed over until now has been sent.
    pub(super) fn end_when_sent(&self) {
        let mut state = self.state();
        let next = state.turn + 1;
        state.end_after.get_or_insert(next);
        Self::wake(state);
    }

    /// Breaks the connection.
    pub(super) fn reset(&self) {
        let mut state = self.state();
        state.is_reset = true;
        Self::wake(state);
    }

    fn begin_turn(&self, driver: &Waker) {
        let mut state = self.state();
        state.turn += 1;
        state.driver = Some(driver.clone());
    }

    fn finish_turn(&self) -> Option<ConnectionEnd> {
        let state = self.state();
        if state.is_reset {
            return Some(ConnectionEnd::Reset);
        }
        let is_due = state.end_after.is_some_and(|turn| turn <= state.turn);
        (is_due && !state.has_unsent_bytes).then_some(ConnectionEnd::Ended)
    }

    fn wake(mut state: MutexGuard<'_, PulseState>) {
        let driver = state.driver.take();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    fn note_unsent(&self, has_unsent_bytes: bool) {
        self.state().has_unsent_bytes = has_unsent_bytes;
    }

    fn state(&self) -> MutexGuard<'_, PulseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drives a connection to its end, natural or not; a connection that a fault ended is dropped as it is.
pub(super) async fn drive<C: Future>(connection: C, pulse: &Pulse) -> ConnectionEnd {
    let mut connection = pin!(connection);
    std::future::poll_fn(|context| {
        pulse.begin_turn(context.waker());
        let polled = connection.as_mut().poll(context);
        match pulse.finish_turn() {
            Some(end) => Poll::Ready(end),
            None => polled.map(|_| ConnectionEnd::Natural),
        }
    })
    .await
}

/// The stream below HTTP; knows whether bytes are left that were written but not flushed.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Wire<S> {
        Wire { stream, pulse }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pulse.note_unsent(true);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.pulse.note_unsent(false);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A second handle on a client's socket, for the moment after HTTP and TLS have let go of theirs.
#[derive(Debug)]
pub(super) struct Twin(std::net::TcpStream);

impl Twin {
    pub(super) fn of(stream: TcpStream) -> io::Result<(TcpStream, Twin)> {
        let stream = stream.into_std()?;
        let twin = Twin(stream.try_clone()?);
        Ok((TcpStream::from_std(stream)?, twin))
    }

    /// Lets the close be a reset.
    pub(super) fn reset_when_closed(&self) {
        // On a socket that is broken already there is nothing to reset.
        let _ = set_socket_linger(&self.0, Some(std::time::Duration::ZERO));
    }
}
