//! Which connection carries a stream. As many connections are opened as the waiting streams need, all at the same time;
//! those that wait share the connection that one of them opens, or the reason why there is none.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, watch};

use super::{
    connection::{Connection, STREAMS, Seat},
    window,
};
use crate::cluster::{failure::FailureKind, way::Way};

/// The connections of a pool, and who waits for one.
pub(super) struct Seats {
    table: Mutex<Table>,
    waiting: AtomicUsize,
    changed: Arc<Notify>,
    windows: watch::Sender<u32>,
}

#[derive(Default)]
struct Table {
    open: Vec<(Arc<Way>, Connection)>,
    /// Connections that are being opened.
    dialing: usize,
    /// Connections that could not be opened so far, and why the last could not.
    failures: u64,
    last_failure: Option<FailureKind>,
    protocol: Protocol,
}

/// What is known of the server.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/2, as far as anybody knows.
    #[default]
    Http2,
    /// One stream a connection.
    Http1,
}

/// What somebody who wants a stream gets.
pub(super) enum Found<'a> {
    Seat(Seat),
    /// The task to open a connection.
    Dialing(Dialing<'a>),
}

enum Plan<'a> {
    Take(Found<'a>),
    Fail(FailureKind),
    Wait,
}

/// Somebody who waits; leaves when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that is being opened. Dropped before its end, it leaves the task to those who wait.
pub(super) struct Dialing<'a> {
    seats: &'a Seats,
}

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        self.seats.table().dialing -= 1;
        self.seats.changed.notify_waiters();
    }
}

impl Dialing<'_> {
    /// Lets others onto the connection; the first seat is the caller's.
    pub(super) fn share(self, way: &Arc<Way>, connection: Connection) -> Seat {
        let seat = connection.sit(&self.seats.changed);
        let mut table = self.seats.table();
        table.open.push((Arc::clone(way), connection));
        self.seats.fit_windows(&table);
        seat
    }

    /// There is no HTTP/2 here: everybody opens a connection of their own.
    pub(super) fn find_http1(self) {
        self.seats.table().protocol = Protocol::Http1;
    }

    pub(super) fn fail(self, kind: &FailureKind) {
        let mut table = self.seats.table();
        table.failures += 1;
        table.last_failure = Some(kind.clone());
    }
}

impl Seats {
    pub(super) fn new() -> Self {
        Self {
            table: Mutex::default(),
            waiting: AtomicUsize::new(0),
            changed: Arc::default(),
            windows: watch::Sender::new(window::of_each(0)),
        }
    }

    /// The size of each stream's window, now and later.
    pub(super) fn windows(&self) -> watch::Receiver<u32> {
        self.windows.subscribe()
    }

    /// Waits for a seat, for the task to open a connection, or for the failure of who had that task.
    pub(super) async fn find(&self, way: &Arc<Way>) -> Result<Found<'_>, FailureKind> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let failures = self.table().failures;
        loop {
            let changed = self.changed.notified();
            match self.plan(way, failures) {
                Plan::Take(found) => return Ok(found),
                Plan::Fail(kind) => return Err(kind),
                Plan::Wait => changed.await,
            }
        }
    }

    fn plan(&self, way: &Arc<Way>, failures: u64) -> Plan<'_> {
        let mut table = self.table();
        let is_own = |owner: &Arc<Way>| Arc::ptr_eq(owner, way);
        table.open.retain(|(owner, connection)| {
            !connection.is_closing() && (is_own(owner) || connection.streams() > 0)
        });
        let mut open = table.open.iter();
        if let Some((_, connection)) =
            open.find(|(owner, connection)| is_own(owner) && connection.free() > 0)
        {
            let seat = connection.sit(&self.changed);
            self.fit_windows(&table);
            return Plan::Take(Found::Seat(seat));
        }
        if table.failures > failures
            && let Some(kind) = &table.last_failure
        {
            return Plan::Fail(kind.clone());
        }
        let waiting = self.waiting.load(Ordering::Relaxed);
        if table.protocol == Protocol::Http1 || table.dialing * STREAMS < waiting {
            table.dialing += 1;
            return Plan::Take(Found::Dialing(Dialing { seats: self }));
        }
        Plan::Wait
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.table().protocol
    }

    fn fit_windows(&self, table: &Table) {
        let streams = table
            .open
            .iter()
            .map(|(_, connection)| connection.streams())
            .sum();
        let wanted = window::of_each(streams);
        self.windows.send_if_modified(|window| {
            let is_new = *window != wanted;
            *window = wanted;
            is_new
        });
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
