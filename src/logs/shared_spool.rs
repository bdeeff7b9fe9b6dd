//! The spool between the thread that reads and the one that shows. Whoever reads locks it once for all that came with one
//! chunk; whoever shows takes a block out, and no lock is held while it writes. Wake-ups are gathered, so that a thousand
//! quiet sources do not cost a thousand times what one costs.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    record::Entry,
    spool::{Block, Room, Spool, SpoolError},
};

/// After the first entry, so long more are waited for, so that they are shown at once.
const GATHERING: Duration = Duration::from_millis(10);
/// With this much, in bytes, nobody waits for more.
const GATHERED: usize = 256 << 10;
/// Of those who wait for room, so many are let in for each block that was taken: a crowd would fill it all at once. Where
/// nothing is left to take, all are: those who were let in before may have had nothing.
const LET_IN: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    Maybe,
    /// It was closed, and nothing is left.
    Over,
}

#[derive(Debug)]
pub struct SharedSpool {
    filling: Mutex<Filling>,
    /// For the thread that takes: what it waits for has come.
    came: Condvar,
    /// For the tasks that read: there is room again.
    emptied: Notify,
    /// How many tasks wait for room.
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Filling {
    spool: Spool,
    is_closed: bool,
    /// For how many bytes the taking thread waits; none if it does not.
    wanted: Option<usize>,
    /// Where an entry that is no piece becomes text.
    text: Vec<u8>,
}

impl SharedSpool {
    /// `limit` bounds the temporary file, in bytes.
    pub fn new(limit: u64) -> Self {
        Self {
            filling: Mutex::new(Filling {
                spool: Spool::new(limit),
                is_closed: false,
                wanted: None,
                text: Vec::new(),
            }),
            came: Condvar::new(),
            emptied: Notify::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits while it is full.
    pub async fn append(&self, entry: &Entry<'_>) {
        self.wait_for_room().await;
        self.write().push(entry);
    }

    /// For several entries in a row, without a wait. Nobody else reads or shows meanwhile.
    pub(super) fn write(&self) -> Writer<'_> {
        Writer {
            filling: lock(&self.filling),
            came: &self.came,
        }
    }

    pub(super) fn room(&self) -> Room {
        lock(&self.filling).spool.room()
    }

    pub(super) async fn wait_for_room(&self) {
        while self.room() == Room::Full {
            let _waiting = Waiting::among(&self.waiting);
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.room() == Room::Full {
                emptied.await;
            }
        }
    }

    /// Hands each entry of the oldest block to `take`; waits up to `wait` for one.
    pub fn take(
        &self,
        wait: Duration,
        mut take: impl FnMut(Entry<'_>),
    ) -> Result<More, SpoolError> {
        let mut block = Block::default();
        let more = self.fetch(wait, &mut block)?;
        while let Some(record) = block.pop()? {
            take(Entry::of_record(&record).map_err(|_| SpoolError::Changed)?);
        }
        Ok(more)
    }

    /// Nothing more is taken in. What is there can still be taken out.
    pub fn close(&self) {
        lock(&self.filling).is_closed = true;
        self.came.notify_all();
    }

    pub fn is_open(&self) -> bool {
        !lock(&self.filling).is_closed
    }

    /// Why the temporary file cannot be written any more; told once.
    pub(super) fn trouble(&self) -> Option<std::io::Error> {
        lock(&self.filling).spool.trouble()
    }

    /// Puts the oldest entries into a block in place of what is in it; waits up to `wait` for one.
    pub fn fetch(&self, wait: Duration, block: &mut Block) -> Result<More, SpoolError> {
        block.clear();
        let filling = self.wait_for(1, wait, lock(&self.filling));
        let mut filling = match filling.spool.ready() {
            0 => filling,
            _ => self.wait_for(GATHERED, GATHERING, filling),
        };
        let is_empty = filling.spool.ready() == 0;
        let is_over = is_empty && filling.is_closed;
        if !is_empty {
            filling.spool.refill(block)?;
        }
        drop(filling);
        self.let_in(if is_empty { usize::MAX } else { LET_IN });
        Ok(if is_over { More::Over } else { More::Maybe })
    }

    /// Wakes up to so many of those who wait for room, if there is some.
    fn let_in(&self, most: usize) {
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting > 0 && self.room() == Room::Free {
            for _ in 0..waiting.min(most) {
                self.emptied.notify_one();
            }
        }
    }

    /// Until there are so many bytes, or it is closed, or the time is over.
    fn wait_for<'a>(
        &self,
        bytes: usize,
        wait: Duration,
        mut filling: MutexGuard<'a, Filling>,
    ) -> MutexGuard<'a, Filling> {
        let limit = Instant::now() + wait;
        while filling.spool.ready() < bytes && !filling.is_closed {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            filling.wanted = Some(bytes);
            let waited = self.came.wait_timeout(filling, left);
            filling = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        filling.wanted = None;
        filling
    }
}

/// Appends in a row; the other side is told once, at the end.
pub(super) struct Writer<'a> {
    filling: MutexGuard<'a, Filling>,
    came: &'a Condvar,
}

impl Writer<'_> {
    /// Whoever reads on although nobody takes any more fills nothing.
    #[inline]
    pub(super) fn push(&mut self, entry: &Entry<'_>) {
        if !self.filling.is_closed {
            let Filling { spool, text, .. } = &mut *self.filling;
            spool.push(entry.to_record(text));
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let ready = self.filling.spool.ready();
        if self.filling.wanted.is_some_and(|wanted| ready >= wanted) {
            self.filling.wanted = None;
            self.came.notify_one();
        }
    }
}

/// One of those who wait, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A thread that ended while it held the lock leaves whole records behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    const SOON: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_mins(1);

    fn notice(number: u32) -> String {
        format!("{number} {}", "x".repeat(1000))
    }

    fn number_of(entry: &Entry<'_>) -> u32 {
        let Entry::Notice { text } = entry else {
            panic!("{entry:?}")
        };
        text.split(' ').next().unwrap().parse().unwrap()
    }

    #[test]
    fn an_empty_spool_has_nothing_until_it_is_closed() {
        let spool = SharedSpool::new(0);
        let none = |_: Entry<'_>| panic!("nothing was appended");
        assert_eq!(spool.take(SOON, none).unwrap(), More::Maybe);
        spool.close();
        assert_eq!(spool.take(LONG, none).unwrap(), More::Over);
    }

    #[test]
    fn what_comes_after_it_was_closed_is_not_taken_in() {
        let spool = SharedSpool::new(1 << 20);
        spool.write().push(&Entry::Notice { text: "before" });
        assert!(spool.is_open());
        spool.close();
        spool.write().push(&Entry::Notice { text: "after" });
        assert!(!spool.is_open());
        let mut seen = Vec::new();
        while spool
            .take(SOON, |entry| seen.push(format!("{entry:?}")))
            .unwrap()
            == More::Maybe
        {}
        assert_eq!(seen.len(), 1);
        assert!(seen[0].contains("before"), "{seen:?}");
    }

    /// A spool without room, and so many tasks that wait for some.
    async fn crowd(size: usize) -> (Arc<SharedSpool>, Arc<AtomicUsize>) {
        let spool = Arc::new(SharedSpool::new(1 << 20));
        while spool.room() == Room::Free {
            spool.write().push(&Entry::Notice { text: &notice(0) });
        }
        let let_in = Arc::new(AtomicUsize::new(0));
        for _ in 0..size {
            let (spool, let_in) = (Arc::clone(&spool), Arc::clone(&let_in));
            tokio::spawn(async move {
                spool.wait_for_room().await;
                let_in.fetch_add(1, Ordering::Relaxed);
            });
        }
        while spool.waiting.load(Ordering::Relaxed) < size {
            tokio::task::yield_now().await;
        }
        (spool, let_in)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_crowd_that_waits_for_room_is_let_in_a_few_at_a_time_and_nobody_is_forgotten() {
        let (spool, let_in) = crowd(20).await;
        let mut seen = Vec::new();
        while let_in.load(Ordering::Relaxed) < 20 {
            spool.take(SOON, |_| {}).unwrap();
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            seen.push(let_in.load(Ordering::Relaxed));
        }
        seen.retain(|count| *count > 0);
        assert_eq!(seen, [8, 16, 20]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn once_nothing_is_buffered_all_who_wait_for_room_are_let_in() {
        let (spool, let_in) = crowd(100).await;
        let mut before = 0;
        let mut last = 0;
        while last < 100 {
            before = last;
            let mut is_empty = true;
            spool.take(SOON, |_| is_empty = false).unwrap();
            for _ in 0..150 {
                tokio::task::yield_now().await;
            }
            last = let_in.load(Ordering::Relaxed);
            assert!(!is_empty || last == 100, "{last} of 100 are let in");
        }
        assert!(before < 100 - LET_IN, "{before} were let in with the last");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_reader_waits_for_a_slow_terminal_only_when_all_is_full_and_nothing_is_lost() {
        let spool = Arc::new(SharedSpool::new(1 << 20));
        let showing = Arc::clone(&spool);
        let (begin, may_begin) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            may_begin.recv().unwrap();
            let mut next = 0;
            while showing
                .take(LONG, |entry| {
                    assert_eq!(number_of(&entry), next);
                    next += 1;
                })
                .unwrap()
                == More::Maybe
            {}
            next
        });
        let mut before = 0;
        while spool.room() == Room::Free {
            spool
                .append(&Entry::Notice {
                    text: &notice(before),
                })
                .await;
            before += 1;
        }
        assert!(before > 1500, "{before}");
        let text = notice(before);
        let waiting = Entry::Notice { text: &text };
        let waits = tokio::time::timeout(SOON, spool.append(&waiting));
        assert!(waits.await.is_err());
        begin.send(()).unwrap();
        for number in before..before + 5000 {
            let text = notice(number);
            spool.append(&Entry::Notice { text: &text }).await;
        }
        spool.close();
        assert_eq!(thread.join().unwrap(), before + 5000);
    }
}
