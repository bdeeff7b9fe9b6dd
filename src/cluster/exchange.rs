//! One request and its answer: sent within a limit, logged, judged. Every request of the program passes here.

use std::{
    error::Error,
    fmt::Display,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::{HeaderMap, Method, Request, header::WARNING};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use super::{
    binary::parse_status,
    connect::Cluster,
    failure::{Failure, FailureKind},
    patience::{Deadline, wanted_wait},
    redact::redact,
    request_log::{RequestDetail, RequestRecord},
    status::{judge_object, judge_status, judge_unreadable},
    transport,
    unreachable::judge_connection,
    way::Way,
};

/// Lets one request open the connection. Those that come meanwhile wait, then share the connection, or the reason why
/// there is none; without this, each would make a connection (or wait for its limit) of its own.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    /// Attempts to open that have ended.
    attempts: AtomicU64,
}

#[derive(Default)]
enum GateState {
    #[default]
    Untried,
    Open,
    Failed(FailureKind),
}

/// The one request that is opening the connection. Dropped, it leaves the gate to the next.
struct Opening<'a> {
    state: MutexGuard<'a, GateState>,
    attempts: &'a AtomicU64,
}

impl Opening<'_> {
    fn end(mut self, state: GateState) {
        *self.state = state;
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }
}

/// The beginning of a request.
pub(super) struct Asked {
    started: Instant,
    /// For its record, where somebody wants one.
    words: Option<AskedWords>,
}

struct AskedWords {
    method: String,
    path: String,
    sent: Option<String>,
}

/// An answer of any HTTP status.
struct Answer {
    code: u16,
    protocol: String,
    /// When the server wants to be asked again.
    wait: Option<Duration>,
    /// What the server says beside it, such as that a request will not be taken for ever.
    warnings: Vec<String>,
    body: Vec<u8>,
}

impl Answer {
    /// What an answer that is no success means.
    fn judge(&self) -> FailureKind {
        let kind = match parse_status(&self.body) {
            Some(status) => judge_object(self.code, status),
            None => judge_status(self.code, &String::from_utf8_lossy(&self.body)),
        };
        match (kind, self.wait) {
            (FailureKind::Unexpected { code, message }, Some(wait)) => {
                let message = format!(
                    "{message} (it asks to come back after {} s)",
                    wait.as_secs()
                );
                FailureKind::Unexpected { code, message }
            }
            (kind, _) => kind,
        }
    }
}

impl Cluster {
    pub(super) async fn fetch_json<T: DeserializeOwned>(
        &self,
        words: &str,
        request: Result<Request<Vec<u8>>, impl Error>,
    ) -> Result<T, Failure> {
        let body = self.fetch_body(words, request).await?;
        parse_json(&body).map_err(|kind| self.failure(words, kind))
    }

    /// Like [`Self::fetch_body`]; what is not UTF-8 is replaced.
    pub(super) async fn fetch_text(
        &self,
        words: &str,
        request: Result<Request<Vec<u8>>, impl Error>,
    ) -> Result<String, Failure> {
        Ok(text_of(self.fetch_body(words, request).await?))
    }

    /// Sends a request and gives the body of a successful answer. `words` complete "cannot ...".
    pub(super) async fn fetch_body(
        &self,
        words: &str,
        request: Result<Request<Vec<u8>>, impl Error>,
    ) -> Result<Vec<u8>, Failure> {
        Ok(self.fetch_answer(words, request).await?.body)
    }

    /// Like [`Self::fetch_json`], with the warnings that came beside the answer.
    pub(super) async fn fetch_with_warnings(
        &self,
        words: &str,
        request: Result<Request<Vec<u8>>, impl Error>,
    ) -> Result<(serde_json::Value, Vec<String>), Failure> {
        let answer = self.fetch_answer(words, request).await?;
        let value = parse_json(&answer.body).map_err(|kind| self.failure(words, kind))?;
        Ok((value, answer.warnings))
    }

    async fn fetch_answer(
        &self,
        words: &str,
        request: Result<Request<Vec<u8>>, impl Error>,
    ) -> Result<Answer, Failure> {
        let request = request.map_err(|error| self.unexpected(words, &error))?;
        let way = self.way();
        let mut judged = self.ask(&way, request.clone()).await;
        if matches!(judged, Err(FailureKind::Unauthorized { .. }))
            && let Ok(Some(renewed)) = self.renew(&way).await
        {
            judged = self.ask(&renewed, request).await;
        }
        judged.map_err(|kind| self.failure(words, kind))
    }

    async fn ask(&self, way: &Way, request: Request<Vec<u8>>) -> Result<Answer, FailureKind> {
        let answer = self.pass_gate(way, request).await?;
        let judged = match answer.code {
            200..300 => Ok(answer),
            _ => Err(answer.judge()),
        };
        if !matches!(judged, Err(FailureKind::Unauthorized { .. })) {
            way.accept();
        }
        judged
    }

    async fn pass_gate(&self, way: &Way, request: Request<Vec<u8>>) -> Result<Answer, FailureKind> {
        let before = self.gate.attempts.load(Ordering::Relaxed);
        let state = self.gate.state.lock().await;
        match &*state {
            GateState::Open => {
                drop(state);
                return self.exchange(way, request, &mut None).await;
            }
            GateState::Failed(kind) if self.gate.attempts.load(Ordering::Relaxed) > before => {
                return Err(kind.clone());
            }
            GateState::Untried | GateState::Failed(_) => {}
        }
        let mut opening = Some(Opening {
            state,
            attempts: &self.gate.attempts,
        });
        let answer = self.exchange(way, request, &mut opening).await;
        if let (Some(opening), Err(kind)) = (opening, &answer) {
            opening.end(GateState::Failed(kind.clone()));
        }
        answer
    }

    /// One logged exchange within the limit.
    async fn exchange(
        &self,
        way: &Way,
        mut request: Request<Vec<u8>>,
        opening: &mut Option<Opening<'_>>,
    ) -> Result<Answer, FailureKind> {
        let asked = self.asked(request.method(), request.uri(), request.body());
        let started = asked.started;
        let end = started.checked_add(self.limit);
        if let Some(end) = end {
            request.extensions_mut().insert(Deadline(end));
        }
        let answer = tokio::time::timeout(self.limit, self.send(way, request, opening))
            .await
            .unwrap_or(Err(FailureKind::TimedOut { limit: self.limit }));
        match &answer {
            Ok(answer) => {
                let outcome = Ok((answer.code, answer.protocol.clone()));
                self.report(asked, outcome, &answer.body);
            }
            Err(kind) => self.report(asked, Err(kind.words(Some(&self.target))), b""),
        }
        answer
    }

    /// What the record of a request will say of its beginning, which is now.
    pub(super) fn asked(&self, method: &Method, path: impl Display, body: &[u8]) -> Asked {
        let words = || AskedWords {
            method: method.to_string(),
            path: self.shown_path(&path.to_string()),
            sent: (self.log.detail == RequestDetail::Bodies).then(|| redact(body)),
        };
        Asked {
            started: Instant::now(),
            words: self.log.observer.is_some().then(words),
        }
    }

    /// Tells the observer of requests, if there is one.
    pub(super) fn report(
        &self,
        asked: Asked,
        outcome: Result<(u16, String), String>,
        received: &[u8],
    ) {
        if let (Some(observer), Some(words)) = (&self.log.observer, asked.words) {
            observer.on_request(&RequestRecord {
                method: words.method,
                path: words.path,
                outcome,
                elapsed: asked.started.elapsed(),
                bodies: words.sent.map(|sent| (sent, redact(received))),
            });
        }
    }

    /// The path as the server sees it: below the base path of its URL, and without the empty parameter that kube writes.
    fn shown_path(&self, path: &str) -> String {
        let server = self.target.server.parse::<http::Uri>().unwrap_or_default();
        let path = path.replacen("?&", "?", 1);
        format!("{}{path}", server.path().trim_end_matches('/'))
    }

    async fn send(
        &self,
        way: &Way,
        request: Request<Vec<u8>>,
        opening: &mut Option<Opening<'_>>,
    ) -> Result<Answer, FailureKind> {
        let sent = way.client.send(request.map(Body::from)).await;
        let response = sent.map_err(|error| self.judge(&error))?;
        // The connection stands; the others need not wait for the whole answer.
        if let Some(opening) = opening.take() {
            opening.end(GateState::Open);
        }
        let code = response.status().as_u16();
        let protocol = format!("{:?}", response.version());
        let wait = wanted_wait(response.headers());
        let warnings = warnings(response.headers());
        let body = read_whole(response.into_body()).await;
        Ok(Answer {
            code,
            protocol,
            wait,
            warnings,
            body: body.map_err(|error| self.judge(&error))?,
        })
    }

    pub(super) fn judge(&self, error: &(dyn Error + 'static)) -> FailureKind {
        let cause = judge_connection(error, self.proxy.as_ref(), transport::CONNECT_LIMIT);
        FailureKind::Unreachable(cause)
    }

    pub(super) fn failure(&self, words: &str, kind: FailureKind) -> Failure {
        let target = Some(std::sync::Arc::clone(&self.target));
        Failure {
            request: words.to_owned(),
            kind,
            target,
        }
    }

    pub(super) fn unexpected(&self, words: &str, error: &dyn Error) -> Failure {
        let message = error.to_string();
        self.failure(
            words,
            FailureKind::Unexpected {
                code: None,
                message,
            },
        )
    }
}

/// Reads a JSON answer, or says what came in its place. As text, because all else is read from text: each type that is
/// also read from bytes is in the program twice (400 KB).
pub(super) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, FailureKind> {
    let text = String::from_utf8_lossy(body);
    serde_json::from_str(&text).map_err(|problem| judge_unreadable(&text, &problem))
}

/// The texts of `Warning: 299 - "TEXT"`, in which a quotation mark has a backslash before it.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(WARNING).iter();
    let texts = values.filter_map(|value| {
        let (_, text) = value.to_str().ok()?.split_once('"')?;
        let (text, _) = text.rsplit_once('"')?;
        Some(text.replace("\\\"", "\""))
    });
    texts.collect()
}

/// A page of pods is some megabytes: each part is given back as soon as it is copied, else all of them are held twice.
async fn read_whole(mut body: Body) -> Result<Vec<u8>, kube::Error> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(part) = frame?.into_data() {
            whole.extend_from_slice(&part);
        }
    }
    Ok(whole)
}

/// Answers are UTF-8 but for those of a stranger.
fn text_of(body: Vec<u8>) -> String {
    String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
