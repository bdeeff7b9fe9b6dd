//! The body of an answer on its way to the client, with the faults that are set before or while it flows.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use super::record::Recorder;
use super::wire::Pulse;
use crate::faults::carry::FaultWatch;
use crate::faults::flow::{Ending, Flow};
use crate::faults::table::FaultTable;

type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Passes the server's frames on, one by one, until a fault says otherwise.
pub(super) struct FaultyBody {
    inner: Incoming,
    /// Bytes that came and may not pass yet.
    held: Option<Bytes>,
    flow: Flow,
    table: Arc<FaultTable>,
    /// Waits for a change of the faults, and hands the watch back.
    change: Waiting<FaultWatch>,
    /// Waits for the end of a stall.
    cleared: Option<Waiting<()>>,
    pulse: Arc<Pulse>,
    recorder: Option<Recorder>,
}

impl FaultyBody {
    pub(super) fn new(
        inner: Incoming,
        flow: Flow,
        watch: FaultWatch,
        pulse: Arc<Pulse>,
        recorder: Option<Recorder>,
    ) -> FaultyBody {
        let table = Arc::clone(&watch.table);
        FaultyBody {
            inner,
            held: None,
            flow,
            table,
            change: next_change(watch),
            cleared: None,
            pulse,
            recorder,
        }
    }

    /// Meets the fault that is due: ends the connection, or waits.
    fn poll_ending(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.flow.ending() {
            None => Poll::Ready(()),
            Some(Ending::Reset) => {
                self.pulse.reset();
                Poll::Pending
            }
            Some(Ending::End) => {
                self.pulse.end_when_sent();
                Poll::Pending
            }
            Some(Ending::Stall(rule)) => {
                let table = Arc::clone(&self.table);
                let waiting = self
                    .cleared
                    .get_or_insert_with(|| Box::pin(async move { table.cleared(rule).await }));
                ready!(waiting.as_mut().poll(context));
                self.cleared = None;
                self.flow.resume();
                Poll::Ready(())
            }
        }
    }

    /// Puts faults that were set meanwhile on the flow, as long as none is on it.
    fn poll_changes(&mut self, context: &mut Context<'_>) {
        while self.flow.is_free() {
            let Poll::Ready(watch) = self.change.as_mut().poll(context) else {
                return;
            };
            watch.look(&mut self.flow);
            self.change = next_change(watch);
        }
    }

    /// The server has said that this was all.
    fn complete(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            recorder.complete();
        }
    }

    fn pass(&mut self, mut bytes: Bytes) -> Bytes {
        let passing = bytes.split_to(self.flow.admit(&bytes));
        self.held = Some(bytes).filter(|rest| !rest.is_empty());
        if let Some(recorder) = &self.recorder {
            recorder.keep(&passing);
        }
        passing
    }
}

impl Drop for FaultyBody {
    fn drop(&mut self) {
        // Where the last frame says that it is the last, nobody asks for another.
        if self.is_end_stream() {
            self.complete();
        }
    }
}

fn next_change(mut watch: FaultWatch) -> Waiting<FaultWatch> {
    Box::pin(async move {
        watch.changed().await;
        watch
    })
}

impl Body for FaultyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        loop {
            self.poll_changes(context);
            ready!(self.poll_ending(context));
            let bytes = match self.held.take() {
                Some(held) => held,
                None => match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(bytes) => bytes,
                        Err(trailers) => {
                            self.complete();
                            return Poll::Ready(Some(Ok(trailers)));
                        }
                    },
                    None => {
                        self.complete();
                        return Poll::Ready(None);
                    }
                    broken => return Poll::Ready(broken),
                },
            };
            let passing = self.pass(bytes);
            if !passing.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(passing))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Exact for the whole body only, which is when it is asked for.
        self.inner.size_hint()
    }
}
