//! What `-v` shows: one record a request, handed to an observer. This room writes nothing itself.

use std::{fmt, sync::Arc, time::Duration};

/// One attempt of one request, after its answer (or its failure) came.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// HTTP status and version, or why there was no answer.
    pub outcome: Result<(u16, String), String>,
    pub elapsed: Duration,
    /// Request and response body with secrets removed; `None` below `-vv`.
    pub bodies: Option<(String, String)>,
}

/// Whether bodies are collected for the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum RequestDetail {
    #[default]
    Line,
    Bodies,
}

pub trait RequestObserver: Send + Sync {
    fn on_request(&self, record: &RequestRecord);
}

/// Where records go; nowhere by default.
#[derive(Clone, Default)]
pub struct RequestLog {
    pub(super) observer: Option<Arc<dyn RequestObserver>>,
    pub(super) detail: RequestDetail,
}

impl RequestLog {
    pub fn lines(observer: Arc<dyn RequestObserver>) -> Self {
        Self {
            observer: Some(observer),
            detail: RequestDetail::Line,
        }
    }

    pub fn bodies(observer: Arc<dyn RequestObserver>) -> Self {
        Self {
            observer: Some(observer),
            detail: RequestDetail::Bodies,
        }
    }
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "RequestLog({:?}, on: {})",
            self.detail,
            self.observer.is_some()
        )
    }
}
