//! Carries bytes between two open connections, with the faults that are set meanwhile.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, split};
use tokio::sync::watch;

use super::flow::{Ending, Flow};
use super::table::{FaultTable, Passing, Stage};

const CHUNK_BYTES: usize = 64 * 1024;

/// Follows the faults that are set for one thing while it is open.
pub(crate) struct FaultWatch {
    pub(crate) table: Arc<FaultTable>,
    pub(crate) changes: watch::Receiver<u64>,
    pub(crate) passing: OwnedPassing,
}

/// [`Passing`] for as long as something is open.
#[derive(Clone, Debug)]
pub(crate) enum OwnedPassing {
    Target(String),
    Request { method: String, path: String },
}

impl OwnedPassing {
    pub(crate) fn borrowed(&self) -> Passing<'_> {
        match self {
            OwnedPassing::Target(target) => Passing::Target(target),
            OwnedPassing::Request { method, path } => Passing::Request { method, path },
        }
    }
}

impl FaultWatch {
    /// Begins to follow; what is set from now on will be seen.
    pub(crate) fn new(table: &Arc<FaultTable>, passing: OwnedPassing) -> FaultWatch {
        FaultWatch {
            table: Arc::clone(table),
            changes: table.changes(),
            passing,
        }
    }

    /// Waits until something was set or cleared.
    pub(crate) async fn changed(&mut self) {
        // The sender lives in the table, which is held here.
        let _ = self.changes.changed().await;
    }

    /// Puts a newly set fault on `flow`. A dial that the next one would not pass ends, so that the next one is made.
    pub(crate) fn look(&self, flow: &mut Flow) -> Option<Ending> {
        if let Some(due) = self.table.take(self.passing.borrowed(), Stage::Open) {
            flow.meet(due);
        }
        let is_dial = matches!(self.passing, OwnedPassing::Target(_));
        (is_dial && self.table.meets_at_start(self.passing.borrowed())).then_some(Ending::Reset)
    }
}

/// Copies both ways until one side ends or a fault does; the fault counts what flows from `server` to `client`.
pub(crate) async fn carry<C, S>(
    client: C,
    server: S,
    flow: Flow,
    watch: FaultWatch,
) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let (mut from_client, to_client) = split(client);
    let (from_server, mut to_server) = split(server);
    let forth = async {
        copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let back = carry_back(from_server, to_client, flow, watch);
    tokio::pin!(forth, back);
    tokio::select! {
        // The client has said everything; the answer may go on.
        result = &mut forth => { result?; back.await }
        result = &mut back => result,
    }
}

async fn carry_back<R, W>(
    mut from: R,
    mut to: W,
    mut flow: Flow,
    mut watch: FaultWatch,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer), if flow.ending().is_none() => read?,
            () = watch.changed(), if flow.is_free() => match watch.look(&mut flow) {
                Some(_) => return Ok(()),
                None => continue,
            },
            () = std::future::ready(()), if flow.ending().is_some() => {
                if let Some(Ended) = pass_ending(&mut flow, &watch, &mut to).await? {
                    return Ok(());
                }
                continue;
            }
        };
        if read == 0 {
            return to.shutdown().await;
        }
        if let Some(Ended) = deliver(&buffer[..read], &mut flow, &watch, &mut to).await? {
            return Ok(());
        }
    }
}

/// The fault has ended the connection.
struct Ended;

async fn deliver<W: AsyncWrite + Unpin>(
    mut chunk: &[u8],
    flow: &mut Flow,
    watch: &FaultWatch,
    to: &mut W,
) -> io::Result<Option<Ended>> {
    while !chunk.is_empty() {
        let (passing, rest) = chunk.split_at(flow.admit(chunk));
        to.write_all(passing).await?;
        to.flush().await?;
        chunk = rest;
        if !rest.is_empty()
            && let Some(ended) = pass_ending(flow, watch, to).await?
        {
            return Ok(Some(ended));
        }
    }
    Ok(None)
}

async fn pass_ending<W: AsyncWrite + Unpin>(
    flow: &mut Flow,
    watch: &FaultWatch,
    to: &mut W,
) -> io::Result<Option<Ended>> {
    match flow.ending() {
        None => Ok(None),
        Some(Ending::Stall(rule)) => {
            watch.table.cleared(rule).await;
            flow.resume();
            Ok(None)
        }
        Some(Ending::End) => {
            to.flush().await?;
            Ok(Some(Ended))
        }
        Some(Ending::Reset) => Ok(Some(Ended)),
    }
}
