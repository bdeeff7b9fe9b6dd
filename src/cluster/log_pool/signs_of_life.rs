//! Whether the other side of a connection is still there: what came lately, and else the answer to a ping.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{sleep, timeout},
};

/// A connection over which nothing came for so long is asked for a sign of life,
const QUIET: Duration = Duration::from_secs(10);
/// and given up after so long without one.
const PONG_LIMIT: Duration = Duration::from_secs(10);

/// Returns when the other side gave no sign of life for too long. Whatever comes is one: behind much data on a slow way,
/// the answer to a ping can take its time.
pub(super) async fn wait_for_death(pings: Option<h2::PingPong>, bytes: &AtomicU64) {
    let Some(mut pings) = pings else {
        return std::future::pending().await;
    };
    loop {
        let before = bytes.load(Ordering::Relaxed);
        sleep(QUIET).await;
        if bytes.load(Ordering::Relaxed) == before && !is_alive(&mut pings, bytes).await {
            return;
        }
    }
}

async fn is_alive(pings: &mut h2::PingPong, bytes: &AtomicU64) -> bool {
    let mut pong = pin!(pings.ping(h2::Ping::opaque()));
    loop {
        let before = bytes.load(Ordering::Relaxed);
        match timeout(PONG_LIMIT, &mut pong).await {
            Ok(answer) => return answer.is_ok(),
            Err(_) if bytes.load(Ordering::Relaxed) == before => return false,
            Err(_) => {}
        }
    }
}

/// A wire that counts what it reads, as a sign of life.
pub(super) struct Heard<T> {
    wire: T,
    bytes: Arc<AtomicU64>,
}

impl<T> Heard<T> {
    pub(super) fn new(wire: T) -> Self {
        Self {
            wire,
            bytes: Arc::default(),
        }
    }

    /// The bytes that were read so far.
    pub(super) fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.wire).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{DuplexStream, duplex},
        sync::oneshot,
        time::Instant,
    };

    use super::*;

    /// A connection of HTTP/2: a future that ends when this side finds the other one dead, and what silences that one.
    async fn connected() -> (impl Future<Output = ()>, oneshot::Sender<()>) {
        let (near, far) = duplex(1 << 16);
        let (silence, silenced) = oneshot::channel();
        tokio::spawn(serve(far, silenced));
        let wire = Heard::new(near);
        let bytes = wire.count();
        let (sender, mut connection) = h2::client::handshake(wire).await.unwrap();
        let pings = connection.ping_pong();
        let death = async move {
            let _open = sender;
            tokio::select! {
                end = connection => panic!("closed, and not found dead: {end:?}"),
                () = wait_for_death(pings, &bytes) => {}
            }
        };
        (death, silence)
    }

    /// Answers pings until it is silenced; then it holds the connection and says nothing, as a firewall does that has
    /// forgotten it.
    async fn serve(wire: DuplexStream, silenced: oneshot::Receiver<()>) {
        let mut connection = h2::server::handshake(wire).await.unwrap();
        tokio::select! {
            request = connection.accept() => panic!("a request: {request:?}"),
            _ = silenced => std::future::pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_that_answers_pings_is_alive() {
        let (death, _silence) = connected().await;
        assert!(timeout(Duration::from_hours(1), death).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_nothing_is_dead_within_half_a_minute() {
        let (death, silence) = connected().await;
        let mut death = pin!(death);
        let alive = timeout(Duration::from_mins(1), &mut death).await;
        assert!(alive.is_err());
        silence.send(()).unwrap();
        let start = Instant::now();
        death.await;
        assert!(start.elapsed() <= QUIET + QUIET + PONG_LIMIT);
    }
}
