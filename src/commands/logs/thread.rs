//! The thread that shows. A terminal that takes nothing stops this thread and no other; so the command can end, and
//! reading go on, whatever a write waits for.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, task::spawn_blocking, time::sleep};

use super::{
    ending::{End, Rules, word_of_signal},
    saving::Rescue,
    showing::{Showing, State, Trouble},
};
use crate::{
    commands::signals::wait_for_signal,
    error::{CommandError, ErrorKind},
    logs::{
        record::Entry,
        saved::{Appetite, Saved, Wanted},
    },
};

/// After a signal, a line may be finished and the summary said.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// After what is left was saved, the same, once more: that may be what the thread had waited for.
const LAST_WORDS_AFTER_SAVING: Duration = Duration::from_millis(200);

/// What becomes of what was read and is not shown yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    Drain,
    Discard,
}

/// What the thread shows.
pub(super) trait Feed: Send + 'static {
    /// Hands over all there is, until it is over or nothing more can be shown.
    fn run(&self, showing: &mut Showing) -> Result<(), Trouble>;
    /// Nothing more is wanted.
    fn stop(&self, closing: Closing);
}

/// The thread, as the command sees it.
pub(super) struct ShowingThread<F> {
    feed: Arc<F>,
    end: mpsc::Sender<End>,
    done: oneshot::Receiver<Result<(), CommandError>>,
    rescue: Option<Rescue>,
}

impl<F: Feed + Sync> ShowingThread<F> {
    pub(super) fn start(feed: F, mut showing: Showing, rules: Rules) -> io::Result<Self> {
        let feed = Arc::new(feed);
        let (end, ends) = mpsc::channel();
        let (sender, done) = oneshot::channel();
        let own_feed = Arc::clone(&feed);
        let body = move || {
            let shown = own_feed.run(&mut showing);
            let result = showing.finish(shown, &ends, &rules);
            // Nobody listens any more when the command has ended without waiting.
            let _ = sender.send(result);
        };
        thread::Builder::new()
            .name("showing".to_owned())
            .spawn(body)?;
        Ok(Self {
            feed,
            end,
            done,
            rescue: None,
        })
    }

    /// What is read is saved to the end, also where the thread is stuck.
    pub(super) fn saved_by(self, rescue: Option<Rescue>) -> Self {
        Self { rescue, ..self }
    }

    /// Waits until the thread ends of itself: its reader has gone, or nothing more can be written.
    pub(super) async fn wait(&mut self) -> Result<(), CommandError> {
        match (&mut self.done).await {
            Ok(result) => result,
            // It has ended without a word only if it panicked, which it has told.
            Err(_) => Err(CommandError::silent(ErrorKind::Failed)),
        }
    }

    /// Nothing more will be read. Shows what is there; after a signal only what was begun.
    pub(super) async fn finish(mut self, end: End) -> Result<(), CommandError> {
        if let End::Stopped(kind) = end {
            return self.stop(kind).await;
        }
        self.put(end);
        self.feed.stop(Closing::Drain);
        tokio::select! {
            result = self.wait() => result,
            kind = wait_for_signal() => self.stop(kind).await,
        }
    }

    async fn stop(&mut self, kind: ErrorKind) -> Result<(), CommandError> {
        self.put(End::Stopped(kind));
        self.feed.stop(Closing::Discard);
        let rescue = self.rescue.take();
        tokio::select! {
            result = self.wait() => match kind {
                // A terminal that was closed takes no last words, which is no failure of its own.
                ErrorKind::HungUp => Err(CommandError::silent(kind)),
                _ => result,
            },
            _ = wait_for_signal() => Err(CommandError::silent(kind)),
            () = wait_for_last_words(rescue, kind) => Err(CommandError::silent(kind)),
        }
    }

    fn put(&self, end: End) {
        // A thread that has ended already needs none.
        let _ = self.end.send(end);
    }
}

/// A thread that is stuck says nothing; what it was to save is saved in its place.
async fn wait_for_last_words(rescue: Option<Rescue>, kind: ErrorKind) {
    sleep(LAST_WORDS).await;
    let Some(rescue) = rescue else { return };
    // Should it fail, there is nobody who could be told: the terminal takes nothing.
    drop(spawn_blocking(move || rescue.save_rest(word_of_signal(kind))).await);
    sleep(LAST_WORDS_AFTER_SAVING).await;
}

/// What was saved.
pub(super) struct ReadBack {
    saved: Saved,
    wanted: Wanted,
    is_stopped: AtomicBool,
}

impl ReadBack {
    pub(super) const fn new(saved: Saved, wanted: Wanted) -> Self {
        Self {
            saved,
            wanted,
            is_stopped: AtomicBool::new(false),
        }
    }
}

impl Feed for ReadBack {
    fn run(&self, showing: &mut Showing) -> Result<(), Trouble> {
        let mut show = |entry: &Entry<'_>| {
            let is_stopped = self.is_stopped.load(Ordering::Relaxed);
            match showing.push(entry) {
                State::GoesOn if !is_stopped => Appetite::More,
                _ => Appetite::Enough,
            }
        };
        Ok(self.saved.read(&self.wanted, &mut show)?)
    }

    fn stop(&self, closing: Closing) {
        if closing == Closing::Discard {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
    }
}
