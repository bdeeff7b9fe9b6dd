//! The wire below a connection of logs: counts what is read from it, for whoever looks for signs of life, and lets those
//! whose lines came have them while they are still in the processor's cache.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// After so many bytes in a row, other tasks have their turn. tokio alone would allow up to two megabytes, as much as a
/// processor's own cache holds.
const AT_ONCE: usize = 128 << 10;

/// Counts what it reads, and rests after much of it.
pub(super) struct CountedWire<T> {
    wire: T,
    bytes: Arc<AtomicU64>,
    /// Bytes since nothing was there to be read, or others had their turn.
    in_a_row: usize,
}

impl<T> CountedWire<T> {
    pub(super) fn new(wire: T) -> Self {
        Self {
            wire,
            bytes: Arc::default(),
            in_a_row: 0,
        }
    }

    /// The bytes that were read so far.
    pub(super) fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for CountedWire<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.in_a_row >= AT_ONCE {
            self.in_a_row = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.wire).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        self.in_a_row = if read.is_pending() {
            0
        } else {
            self.in_a_row + count
        };
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for CountedWire<T> {
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
    use std::{pin::pin, task::Waker, time::Duration};

    use tokio::{io::AsyncReadExt as _, time::timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_has_let_others_have_a_turn_is_woken() {
        let there = vec![b'a'; 3 * AT_ONCE];
        let mut wire = CountedWire::new(there.as_slice());
        let mut read = Vec::new();
        let whole = timeout(Duration::from_secs(1), wire.read_to_end(&mut read)).await;
        assert_eq!(whole.unwrap().unwrap(), there.len());
    }

    #[test]
    fn whoever_reads_much_lets_others_have_a_turn_and_goes_on() {
        let there = vec![b'a'; 3 * AT_ONCE];
        let mut wire = pin!(CountedWire::new(there.as_slice()));
        let bytes = wire.count();
        let mut context = Context::from_waker(Waker::noop());
        let mut part = vec![0; AT_ONCE / 4];
        let mut read = || {
            let mut buffer = ReadBuf::new(&mut part);
            let read = wire.as_mut().poll_read(&mut context, &mut buffer);
            read.map(|end| end.map(|()| buffer.filled().len()).unwrap())
        };
        for turn in 0..3 {
            assert!((0..4).all(|_| read() == Poll::Ready(AT_ONCE / 4)), "{turn}");
            assert_eq!(read(), Poll::Pending, "{turn}");
        }
        assert_eq!(read(), Poll::Ready(0));
        assert_eq!(bytes.load(Ordering::Relaxed), there.len() as u64);
    }
}
