//! All objects of one kind that belong to a job, and what becomes of them: by a watch, which is taken up again after any
//! fault, or by looking every few seconds where the caller may not watch.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use kube::{
    Api,
    core::{NamespaceResourceScope, Resource, Status},
    runtime::{
        WatchStreamExt,
        utils::Backoff,
        watcher::{self, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind},
    job_records::Record,
    requests::Scope,
    status::judge_object,
    way::Way,
};

/// The server ends a watch after so many seconds; a connection that says nothing for 5 s longer is dead.
const WATCH_SECONDS: u32 = 45;
/// Objects a page: a page of pods is some 700 KB.
const PAGE: u32 = 100;
/// Between two looks where watching is not allowed; as much again for each so many objects.
const POLL: Duration = Duration::from_secs(3);
const POLLED: usize = 250;
/// Looks until watching is tried again: a server that has just started refuses what it allows a moment later.
const POLLS: u32 = 10;
/// Between a fault and the next try, in milliseconds.
const RESTS: [u64; 6] = [100, 250, 500, 1000, 2000, 5000];
const GONE: u16 = 410;

/// Which objects of the kind.
#[derive(Clone, Debug)]
pub(super) enum Choice {
    /// A label selector.
    Labels(String),
    /// The one of this name.
    Name(String),
}

pub(super) enum FeedEvent<T> {
    /// These and no others.
    All(Vec<T>),
    /// New or changed.
    Seen(T),
    Gone(T),
    /// The kind cannot be looked at. After [`FailureKind::Forbidden`] the feed ends if nothing was ever seen; else it
    /// tries again and again.
    Failed(Failure),
}

/// The objects, from now on.
pub(super) fn feed<K>(
    cluster: &Cluster,
    namespace: &str,
    choice: Choice,
) -> BoxStream<'static, FeedEvent<K::Kept>>
where
    K: Watched,
{
    let feed = Feed::<K> {
        cluster: cluster.clone(),
        namespace: namespace.to_owned(),
        choice,
        listed: Vec::new(),
        has_seen: false,
        forgotten: Rests::default(),
        source: Source::Unopened,
    };
    stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((event, feed))
    })
    .boxed()
}

/// What can be watched.
pub(super) trait Watched:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Record<Kept: Send>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Record<Kept: Send>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static
{
}

struct Feed<K: Watched> {
    cluster: Cluster,
    namespace: String,
    choice: Choice,
    /// What a list has brought so far.
    listed: Vec<K::Kept>,
    /// Whether a list ever came.
    has_seen: bool,
    /// The rests before a list anew, as long as every watch begins with an expired place.
    forgotten: Rests,
    source: Source<K>,
}

enum Source<K> {
    Unopened,
    /// Opened anew at this moment.
    Resting {
        until: Instant,
    },
    Watch {
        way: Arc<Way>,
        events: BoxStream<'static, watcher::Result<watcher::Event<K>>>,
    },
    Poll {
        next: Instant,
        /// So many looks follow.
        left: u32,
    },
    Over,
}

impl<K: Watched> Feed<K> {
    async fn next(&mut self) -> Option<FeedEvent<K::Kept>> {
        loop {
            match &mut self.source {
                Source::Over => return None,
                Source::Unopened | Source::Poll { left: 0, .. } => self.open(self.cluster.way()),
                Source::Resting { until } => {
                    sleep_until(*until).await;
                    self.source = Source::Unopened;
                }
                Source::Poll { next, left } => {
                    let left = *left - 1;
                    sleep_until(*next).await;
                    return Some(self.poll(left).await);
                }
                Source::Watch { way, events } => {
                    let event = events.next().await;
                    // `Init` comes before anything was asked.
                    if event.as_ref().is_some_and(|event| {
                        event
                            .as_ref()
                            .is_ok_and(|event| !matches!(event, watcher::Event::Init))
                    }) {
                        way.accept();
                    }
                    let way = Arc::clone(way);
                    if let Some(event) = self.take(event, &way).await {
                        return Some(event);
                    }
                }
            }
        }
    }

    fn open(&mut self, way: Arc<Way>) {
        let config = watcher::Config::default()
            .timeout(WATCH_SECONDS)
            .page_size(PAGE);
        let config = match &self.choice {
            Choice::Labels(labels) => config.labels(labels),
            Choice::Name(name) => config.fields(&format!("metadata.name={name}")),
        };
        let api = Api::<K>::namespaced(way.client.clone(), &self.namespace);
        let events = watcher(api, config).backoff(Rests::default()).boxed();
        self.source = Source::Watch { way, events };
    }

    async fn take(
        &mut self,
        event: Option<watcher::Result<watcher::Event<K>>>,
        way: &Arc<Way>,
    ) -> Option<FeedEvent<K::Kept>> {
        match event? {
            Ok(watcher::Event::Init) => self.listed.clear(),
            Ok(watcher::Event::InitApply(object)) => self.listed.push(object.into_kept()),
            Ok(watcher::Event::InitDone) => {
                self.has_seen = true;
                return Some(FeedEvent::All(std::mem::take(&mut self.listed)));
            }
            Ok(watcher::Event::Apply(object)) => {
                self.forgotten.reset();
                return Some(FeedEvent::Seen(object.into_kept()));
            }
            Ok(watcher::Event::Delete(object)) => {
                self.forgotten.reset();
                return Some(FeedEvent::Gone(object.into_kept()));
            }
            Err(error) => return self.after(&error, way).await,
        }
        None
    }

    /// What an error means, and what is done next. The watch itself tries again unless it is replaced here.
    async fn after(
        &mut self,
        error: &watcher::Error,
        way: &Arc<Way>,
    ) -> Option<FeedEvent<K::Kept>> {
        let failure = self.failure(error);
        let is_list = matches!(error, watcher::Error::InitialListFailed(_));
        match (&failure.kind, &self.choice) {
            // A list of many that may not be had is the end; a single object may be readable all the same.
            (FailureKind::Forbidden(_), Choice::Labels(_)) if is_list && !self.has_seen => {
                self.source = Source::Over;
            }
            (FailureKind::Forbidden(_), _) => {
                let (next, left) = (Instant::now(), POLLS);
                self.source = Source::Poll { next, left };
                return None;
            }
            (FailureKind::Unauthorized { .. }, _) => {
                if let Ok(Some(way)) = self.cluster.renew(way).await {
                    self.open(way);
                    return None;
                }
            }
            // The watch asks for the same expired version again and again.
            (
                FailureKind::Unexpected {
                    code: Some(GONE), ..
                },
                _,
            ) if !is_list => {
                let until = Instant::now() + self.forgotten.next().unwrap_or(POLL);
                self.source = Source::Resting { until };
                return None;
            }
            _ => {}
        }
        Some(FeedEvent::Failed(failure))
    }

    async fn poll(&mut self, left: u32) -> FeedEvent<K::Kept> {
        let scope = Scope::Namespace(self.namespace.clone());
        let found = match &self.choice {
            Choice::Labels(labels) => self.cluster.fetch_list::<K>(&scope, Some(labels)).await,
            Choice::Name(name) => {
                let object = self.cluster.fetch::<K>(&scope, name).await;
                object.map(|object| object.into_iter().collect())
            }
        };
        let count = found.as_ref().map_or(0, Vec::len);
        let next = Instant::now() + poll_pause(count);
        self.source = Source::Poll { next, left };
        match found {
            Ok(objects) => {
                self.has_seen = true;
                FeedEvent::All(objects.into_iter().map(K::into_kept).collect())
            }
            Err(failure) => {
                if matches!(failure.kind, FailureKind::Forbidden(_)) && !self.has_seen {
                    self.source = Source::Over;
                }
                FeedEvent::Failed(failure)
            }
        }
    }

    fn failure(&self, error: &watcher::Error) -> Failure {
        let judge = |status: &Status| judge_object(status.code, status.clone());
        let kind = match error {
            watcher::Error::WatchError(status) => judge(status),
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => match error {
                kube::Error::Api(status) => judge(status),
                error => self.cluster.judge(error),
            },
            watcher::Error::NoResourceVersion => FailureKind::Unexpected {
                code: None,
                message: error.to_string(),
            },
        };
        let words = format!("watch {} in namespace {}", K::plural(&()), self.namespace);
        self.cluster.failure(&words, kind)
    }
}

/// The pause after a look that found so many objects.
fn poll_pause(count: usize) -> Duration {
    let parts = u32::try_from(count / POLLED).unwrap_or(u32::MAX);
    POLL.saturating_mul(parts.saturating_add(1))
}

/// The rests between faults that follow each other.
#[derive(Default)]
struct Rests(usize);

impl Iterator for Rests {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let rest = RESTS[self.0.min(RESTS.len() - 1)];
        self.0 += 1;
        Some(Duration::from_millis(rest))
    }
}

impl Backoff for Rests {
    fn reset(&mut self) {
        self.0 = 0;
    }
}
