//! What is asked about one source beside its stream, and the stream itself: one question at a time, each with its answer.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::time::sleep;

use super::{
    attempts::Standing,
    instance::Served,
    roster::{InstanceId, standing},
    source_reader::Shared,
};
use crate::cluster::{
    Attempt, FailureKind, Follow, LogRange, LogRefusal, LogStream, LogStreamRequest, SlimPod,
    fetch_pod,
};

/// Between two questions for a status that nobody answered; doubled up to the longest.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(16);
/// Over so many seconds the looks at silent streams are spread.
const SPREAD: u64 = 10;

/// Where a source is found.
#[derive(Clone, Debug)]
pub(super) struct SourceAddress {
    pub(super) namespace: Arc<str>,
    pub(super) pod: Arc<str>,
    pub(super) node: Option<String>,
    pub(super) id: InstanceId,
}

/// Which lines a stream brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) begins: LogRange,
    pub(super) follows: Follow,
}

impl Range {
    pub(super) fn last_line() -> Self {
        Self {
            begins: LogRange::Tail(1),
            follows: Follow::No,
        }
    }
}

impl SourceAddress {
    pub(super) fn request(&self, range: Range, served: Served) -> LogStreamRequest {
        LogStreamRequest {
            namespace: Arc::clone(&self.namespace),
            pod: Arc::clone(&self.pod),
            container: Arc::clone(&self.id.container),
            range: range.begins,
            follow: range.follows,
            attempt: match served {
                Served::Current => Attempt::Current,
                Served::Previous => Attempt::Previous,
            },
        }
    }

    /// The same for one source each time, and different among many.
    pub(super) fn jitter(&self) -> Duration {
        let sum = |sum: u64, byte: u8| sum.wrapping_mul(31).wrapping_add(u64::from(byte));
        let mixed = self
            .id
            .pod_uid
            .bytes()
            .chain(self.id.container_id.bytes())
            .fold(0, sum);
        Duration::from_millis(mixed % (SPREAD * 1000))
    }
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Stream,
    LastLine,
    Status,
}

pub(super) enum Answer {
    Stream(Result<LogStream, LogRefusal>),
    LastLine(Result<Option<Bytes>, LogRefusal>),
    /// `None`: the caller may not ask.
    Status(Option<StatusSeen>),
}

/// What the pod says of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusSeen {
    pub(super) standing: Standing,
    pub(super) stay: Stay,
}

/// Whether the pod is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Staying,
    Leaving,
}

/// A question under way. Dropped, it is withdrawn.
pub(super) struct Asked {
    pub(super) subject: Subject,
    pub(super) answer: BoxFuture<'static, Answer>,
    turn: Turn,
}

/// Set when a question has had its turn among those of all sources.
type Turn = Arc<OnceLock<()>>;

impl Asked {
    /// Whether it waits for others to be answered.
    pub(super) fn is_queued(&self) -> bool {
        self.turn.get().is_none()
    }

    pub(super) fn stream(shared: Arc<Shared>, request: LogStreamRequest) -> Self {
        let turn = Turn::default();
        let begun = Arc::clone(&turn);
        let answer = async move {
            // Nobody closes the semaphore.
            let _turn = shared.opening.acquire().await;
            begun.get_or_init(|| ());
            Answer::Stream(shared.pool.open(&request).await)
        };
        Self {
            subject: Subject::Stream,
            answer: Box::pin(answer),
            turn,
        }
    }

    pub(super) fn last_line(shared: Arc<Shared>, request: LogStreamRequest) -> Self {
        let turn = Turn::default();
        let begun = Arc::clone(&turn);
        let answer = async move {
            let place = shared.pool.wait_for_last_line().await;
            let _turn = shared.opening.acquire().await;
            begun.get_or_init(|| ());
            Answer::LastLine(shared.pool.fetch_last_line(&place, &request).await)
        };
        Self {
            subject: Subject::LastLine,
            answer: Box::pin(answer),
            turn,
        }
    }

    pub(super) fn status(shared: Arc<Shared>, address: SourceAddress) -> Self {
        let turn = Turn::default();
        let begun = Arc::clone(&turn);
        let answer = async move { Answer::Status(fetch_status(&shared, &address, &begun).await) };
        Self {
            subject: Subject::Status,
            answer: Box::pin(answer),
            turn,
        }
    }
}

/// Asks until somebody answers.
async fn fetch_status(
    shared: &Shared,
    address: &SourceAddress,
    begun: &OnceLock<()>,
) -> Option<StatusSeen> {
    let mut rest = FIRST_REST;
    loop {
        let turn = shared.asking.acquire().await;
        begun.get_or_init(|| ());
        let answer = fetch_pod(&shared.cluster, &address.namespace, &address.pod).await;
        drop(turn);
        match answer {
            Ok(pod) => {
                let is_deleted =
                    |pod: &SlimPod| *pod.uid == *address.id.pod_uid && pod.deleted.is_some();
                return Some(StatusSeen {
                    standing: standing(pod.as_ref(), &address.id),
                    stay: if pod.as_ref().is_some_and(is_deleted) {
                        Stay::Leaving
                    } else {
                        Stay::Staying
                    },
                });
            }
            Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => return None,
            Err(_) => sleep(rest).await,
        }
        rest = (rest * 2).min(LONGEST_REST);
    }
}
