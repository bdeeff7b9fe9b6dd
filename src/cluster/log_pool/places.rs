//! How many logs can be read at a time where each takes a connection: a process may have only so many files open.

use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::crowd::OneOfMany;

/// Left for all else: what is written, the buffer, the connection of all other requests, a plugin that gives credentials,
/// last lines.
const RESERVED: u64 = 64;
/// Of these, for last lines: whoever has a place for his log must not wait for that of another to see its end.
const LAST_LINES: usize = 16;

/// Places for connections of one stream each. Nothing is asked of the system before the first is wanted.
#[derive(Debug, Default)]
pub(super) struct Places(OnceLock<Count>);

#[derive(Debug)]
struct Count {
    free: Arc<Semaphore>,
    last_lines: Arc<Semaphore>,
    all: usize,
    /// How many files the process may have open; none where there is no limit.
    files: Option<u64>,
}

/// The right to have one more connection, given back when dropped.
pub(super) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    _one: OneOfMany,
}

/// As many logs are read as there may be; in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoPlace {
    pub(super) message: String,
}

impl Place {
    /// For what is counted elsewhere.
    pub(super) fn beside() -> Self {
        Self::with(None)
    }

    fn with(permit: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            _permit: permit,
            _one: OneOfMany::new(),
        }
    }
}

impl Places {
    /// A place for a log, or why there is none.
    pub(super) fn take(&self) -> Result<Place, NoPlace> {
        let count = self.count();
        let place = Arc::clone(&count.free).try_acquire_owned();
        place
            .map(|place| Place::with(Some(place)))
            .map_err(|_| NoPlace {
                message: count.words(),
            })
    }

    /// A place for one line, which is soon given back.
    pub(super) async fn wait_for_last_line(&self) -> Place {
        // Nobody closes the semaphore.
        let permit = Arc::clone(&self.count().last_lines).acquire_owned().await;
        Place::with(permit.ok())
    }

    fn count(&self) -> &Count {
        self.0.get_or_init(|| Count::of(allow_most_files()))
    }
}

impl Count {
    fn of(files: Option<u64>) -> Self {
        let all = files.map_or(u64::MAX, |files| files.saturating_sub(RESERVED).max(1));
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        let all = all.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            last_lines: Arc::new(Semaphore::new(LAST_LINES)),
            all,
            files,
        }
    }

    fn words(&self) -> String {
        let files = self.files.unwrap_or(u64::MAX);
        format!(
            "no more than {} at a time, because each takes a connection where the server has no HTTP/2, and this process may have {files} files open; choose fewer, or have the hard limit raised (ulimit -Hn)",
            match self.all {
                1 => "1 log can be read".to_owned(),
                all => format!("{all} logs can be read"),
            }
        )
    }
}

/// Raises the soft limit of open files to the hard one, as far as the system lets it. The limit that holds then.
#[cfg(unix)]
fn allow_most_files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// Where a system names no hard limit and keeps one all the same, as macOS does.
    const UNNAMED_LIMIT: u64 = 10_240;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let soft = current?;
    for wanted in [maximum, Some(UNNAMED_LIMIT)] {
        let is_more = wanted.is_none_or(|wanted| wanted > soft);
        let limits = Rlimit {
            current: wanted,
            maximum,
        };
        if is_more && setrlimit(Resource::Nofile, limits).is_ok() {
            return wanted;
        }
    }
    Some(soft)
}

#[cfg(not(unix))]
fn allow_most_files() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(files: Option<u64>) -> Places {
        Places(Count::of(files).into())
    }

    #[test]
    fn a_place_that_is_given_back_can_be_taken_again() {
        let places = places(Some(RESERVED + 2));
        let (first, second) = (places.take(), places.take());
        assert!(first.is_ok() && second.is_ok());
        let refused = places.take().err().map(|refused| refused.message);
        snapbox::assert_data_eq!(
            refused.unwrap_or_default(),
            snapbox::str![
                "no more than 2 logs can be read at a time, because each takes a connection where the server has no HTTP/2, and this process may have 66 files open; choose fewer, or have the hard limit raised (ulimit -Hn)"
            ]
        );
        drop(first);
        assert!(places.take().is_ok());
    }

    #[tokio::test]
    async fn a_last_line_needs_no_place_among_the_logs_and_waits_only_for_other_last_lines() {
        let places = places(Some(RESERVED + 1));
        let log = places.take();
        assert!(log.is_ok() && places.take().is_err());
        let mut lines = Vec::new();
        for _ in 0..LAST_LINES {
            lines.push(places.wait_for_last_line().await);
        }
        let mut next = std::pin::pin!(places.wait_for_last_line());
        assert!(futures::poll!(next.as_mut()).is_pending());
        drop(lines.pop());
        assert!(futures::poll!(next.as_mut()).is_ready());
    }

    #[test]
    fn even_a_low_limit_leaves_one_and_none_leaves_all() {
        let one = places(Some(3));
        let first = one.take();
        assert!(first.is_ok() && one.take().is_err());
        let all = places(None);
        let taken: Vec<_> = (0..5000).map(|_| all.take()).collect();
        assert!(taken.iter().all(Result::is_ok));
    }

    #[cfg(unix)]
    #[test]
    fn the_hard_limit_is_what_holds() {
        use rustix::process::{Resource, getrlimit};
        let allowed = allow_most_files();
        let limits = getrlimit(Resource::Nofile);
        assert_eq!(limits.current, allowed);
        assert!(limits.maximum.is_none() || limits.current == limits.maximum);
    }
}
