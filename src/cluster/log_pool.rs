//! Streams of logs: opened over few connections, told apart from what refuses them, read as they come.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::BodyExt;
use kube::client::Body;

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind},
    log_request::LogStreamRequest,
    patience::wanted_wait,
    status::judge_status,
};

/// How long the server may take until it begins to answer; it sends the headers at once, also where no line is there.
const HEADER_LIMIT: Duration = Duration::from_secs(15);

/// Opens streams of logs. Opens no connection before the first of them.
pub struct LogPool {
    cluster: Cluster,
}

/// The bytes of one log as they come.
pub struct LogStream {
    body: Body,
}

/// Why a stream was not opened.
#[derive(Clone, Debug)]
pub enum LogRefusal {
    /// 400 or 404: the container has not begun, or there is no such attempt or pod. The server's own words.
    NotThere { message: String },
    /// 429, 5xx, no connection, no answer in time: asking later helps; `wait` is what the server wants.
    Busy {
        wait: Option<Duration>,
        message: String,
    },
    /// 403, or 401 with a credential that was just read again: asking again does not help.
    Forbidden(Box<Failure>),
}

/// A stream that ended otherwise than by its server's word; says how.
#[derive(Clone, Debug)]
pub struct StreamBroken {
    pub message: String,
}

impl fmt::Display for StreamBroken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for StreamBroken {}

impl LogPool {
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
        }
    }

    /// Waits until a connection has room and the server has begun to answer.
    pub async fn open(&self, request: &LogStreamRequest) -> Result<LogStream, LogRefusal> {
        let asked = Request::get(request.path())
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Body::empty())
            .map_err(|error| busy(error.to_string()))?;
        let answer = tokio::time::timeout(HEADER_LIMIT, self.cluster.client.send(asked)).await;
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(busy(error.to_string())),
            Err(_) => return Err(busy("no answer".to_owned())),
        };
        let (head, body) = response.into_parts();
        if head.status.is_success() {
            return Ok(LogStream { body });
        }
        let wait = wanted_wait(&head.headers);
        let text = body
            .collect()
            .await
            .map_err(|error| busy(error.to_string()))?;
        let text = String::from_utf8_lossy(&text.to_bytes()).into_owned();
        Err(self.refusal(request, judge_status(head.status.as_u16(), &text), wait))
    }

    /// The last line of the log, as it is served. `None`: the file is empty.
    pub async fn fetch_last_line(
        &self,
        request: &LogStreamRequest,
    ) -> Result<Option<Bytes>, LogRefusal> {
        let mut stream = self.open(&request.of_last_line()).await?;
        let mut line = Vec::new();
        loop {
            match stream.chunk().await {
                Ok(Some(chunk)) => line.extend_from_slice(&chunk),
                Ok(None) => return Ok((!line.is_empty()).then(|| line.into())),
                Err(broken) => return Err(busy(broken.message)),
            }
        }
    }

    fn refusal(
        &self,
        request: &LogStreamRequest,
        kind: FailureKind,
        wait: Option<Duration>,
    ) -> LogRefusal {
        match kind {
            FailureKind::NotFound { message, .. } | FailureKind::Rejected { message, .. } => {
                LogRefusal::NotThere { message }
            }
            FailureKind::Forbidden(_) | FailureKind::Unauthorized { .. } => {
                LogRefusal::Forbidden(Box::new(self.cluster.failure(&request.words(), kind)))
            }
            kind => LogRefusal::Busy {
                wait,
                message: kind.words(Some(self.cluster.target())),
            },
        }
    }
}

fn busy(message: String) -> LogRefusal {
    LogRefusal::Busy {
        wait: None,
        message,
    }
}

impl LogStream {
    /// The next bytes, as large as they came. `None`: the server ended the stream.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, StreamBroken> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    return Err(StreamBroken {
                        message: error.to_string(),
                    });
                }
            }
        }
    }
}
