//! A source that has to wait because nobody takes what was read: its stream is closed, and opened again when there is room.

use tokio::time::{sleep, timeout};

use super::{
    Shared, SourceReader,
    trouble::{Cause, Trouble, UNTOLD},
};
use crate::logs::instance::Event;

/// After a pause the streams of all sources are opened again over so long.
const SPREAD_AFTER_PAUSE: u32 = 4;
const FULL: &str = "the buffer is full: reading waits until more of it has been shown";

impl SourceReader {
    /// The spool is full, and stays so. What the kubelet would send meanwhile it may leave out without a word; what it
    /// serves afterwards is aligned, and what it has not any more is marked.
    pub(super) async fn pause(&mut self) {
        self.close();
        self.log.note_held_up();
        self.before = None;
        self.wait_for_room().await;
        sleep(self.address.jitter() / SPREAD_AFTER_PAUSE).await;
        self.patience.renew(self.now());
        self.obey();
        self.handle(Event::Reopen);
    }

    async fn wait_for_room(&mut self) {
        let Shared { spool, told, .. } = &*self.shared;
        // Beside what the log may suffer from itself, of which a full buffer says nothing.
        let mut full = Trouble::default();
        full.suffer(self.now(), Cause::Full, FULL.to_owned());
        if timeout(UNTOLD, spool.wait_for_room()).await.is_err() {
            if let Some(words) = full.tell(told) {
                self.log.tell(&words, spool);
            }
            spool.wait_for_room().await;
        }
        if let Some(words) = full.end(told) {
            self.log.tell(words, spool);
        }
    }
}
