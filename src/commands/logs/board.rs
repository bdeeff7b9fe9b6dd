//! How far the job is, as the thread that shows knows it: what was read, and the newest look at the job's objects.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    cluster::JobObservation,
    logs::record::{Entry, LogSource, SourceId},
    progress::{
        board::{Board, Standings},
        excerpt::Excerpt,
    },
    render::progress_rows::JobProgress,
    train_job::{Phase, phases},
};

/// Where the newest look at the job comes from.
pub(super) type Sightings = watch::Receiver<Option<Arc<JobObservation>>>;

pub(super) struct JobBoard {
    board: Board,
    sightings: Sightings,
    /// What a log said before the lines that are read, until it is opened.
    said_first: Option<Excerpt>,
    phases: Vec<Phase>,
    standings: Standings,
    /// When the clock was looked at last.
    now: Timestamp,
}

impl JobBoard {
    pub(super) fn new(sightings: Sightings, said_first: Option<Excerpt>) -> Self {
        Self {
            board: Board::new(),
            sightings,
            said_first,
            phases: Vec::new(),
            standings: Standings::default(),
            now: Timestamp::now(),
        }
    }

    /// Takes what was read. The clock is left alone: this is done for every line.
    pub(super) fn heed(&mut self, entry: &Entry<'_>) {
        if let Entry::Opened { .. } = entry {
            self.look();
        }
        self.board.heed(entry, self.now.into());
        if let Entry::Opened { source, described } = entry {
            self.hear_first(*source, described);
        }
    }

    /// To be called whenever time has passed.
    pub(super) fn pass_time(&mut self) {
        self.now = Timestamp::now();
        self.look();
        self.standings = self.board.standings(self.now.into());
    }

    /// How far the job was then.
    pub(super) fn progress(&self) -> JobProgress<'_> {
        JobProgress {
            phases: &self.phases,
            standings: &self.standings,
        }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// What is read of a source goes on where this ends: a total that is said once counts for all that follows.
    fn hear_first(&mut self, source: SourceId, described: &LogSource) {
        let is_its = |first: &mut Excerpt| {
            let own = &first.described;
            own.pod_uid == described.pod_uid
                && own.container == described.container
                && own.attempt == described.attempt
        };
        if let Some(first) = self.said_first.take_if(is_its) {
            self.board.hear_text(&first, source, self.now.into());
        }
    }

    fn look(&mut self) {
        // Whoever reads may have ended before; what it saw last is still there.
        if !self.sightings.has_changed().unwrap_or(true) {
            return;
        }
        let seen = self.sightings.borrow_and_update().clone();
        if let Some(observation) = seen {
            self.board.observe(&observation);
            self.phases = phases(&observation);
        }
    }
}
