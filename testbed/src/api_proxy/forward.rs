//! One request: which fault meets it, who is named to the API server, and how the answer goes back.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONNECTION, RETRY_AFTER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;

use super::body::FaultyBody;
use super::identity::ClientIdentity;
use super::record::Recorder;
use super::upstream::ServerConnections;
use super::wire::Pulse;
use crate::faults::Fault;
use crate::faults::carry::{FaultWatch, OwnedPassing, carry};
use crate::faults::flow::Flow;
use crate::faults::table::{Due, FaultTable, Stage};

pub(super) type AnswerBody = UnsyncBoxBody<Bytes, hyper::Error>;
type Answer = Response<AnswerBody>;

/// Seconds after which a client that was told to slow down may come again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// What an answer meets on its way to the client.
struct Way {
    flow: Flow,
    watch: FaultWatch,
    recorder: Option<Recorder>,
}

/// One client connection and what its requests need.
pub(super) struct Exchange {
    pub(super) table: Arc<FaultTable>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) identity: ClientIdentity,
    pub(super) server: ServerConnections,
}

impl Exchange {
    /// Answers one request; never fails, because a fault or a lost server ends the connection instead.
    pub(super) async fn answer(
        self: Arc<Self>,
        mut request: Request<Incoming>,
    ) -> Result<Answer, Infallible> {
        let watch = FaultWatch::new(&self.table, passing(&request));
        self.table.count_request(watch.passing.borrowed());
        let due = self.table.take(watch.passing.borrowed(), Stage::Start);
        if let Some(answer) = self.meet_at_start(due).await {
            return Ok(answer);
        }
        if self.identity == ClientIdentity::Untrusted
            && !request.headers().contains_key(AUTHORIZATION)
        {
            return Ok(status_answer(StatusCode::UNAUTHORIZED));
        }
        let recorder = self
            .table
            .recording(watch.passing.borrowed())
            .map(|folder| Recorder::begin(&folder, &request));
        self.identity.write_headers(request.headers_mut());
        let wants_upgrade = request.headers().contains_key(UPGRADE);
        if !wants_upgrade {
            remove_hop_headers(request.headers_mut());
        }
        let client = wants_upgrade.then(|| hyper::upgrade::on(&mut request));
        let Ok(answer) = self.server.send(request).await else {
            // As when the API server itself went away.
            self.pulse.reset();
            return pending().await;
        };
        let way = Way {
            flow: Flow::new(due),
            watch,
            recorder,
        };
        Ok(self.pass_back(answer, client, way))
    }

    /// What a fault does before the request goes on: answer in the server's place, break off, or wait.
    async fn meet_at_start(&self, due: Option<Due>) -> Option<Answer> {
        let Due { rule, fault } = due?;
        match fault {
            Fault::Cut | Fault::Refuse => {
                self.pulse.reset();
                pending::<()>().await;
            }
            Fault::Answer(code) => {
                return Some(status_answer(
                    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                ));
            }
            Fault::Delay(delay) => tokio::time::sleep(delay).await,
            Fault::Stall => self.table.cleared(rule).await,
            Fault::CutAfter(_) | Fault::BreakMidLine(_) | Fault::StallAfter(_) => {}
        }
        None
    }

    fn pass_back(
        &self,
        mut answer: Response<Incoming>,
        client: Option<OnUpgrade>,
        way: Way,
    ) -> Answer {
        let Way {
            flow,
            watch,
            recorder,
        } = way;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(client) = client
        {
            let server = hyper::upgrade::on(&mut answer);
            tokio::spawn(async move {
                if let (Ok(client), Ok(server)) = (client.await, server.await) {
                    // Who was cut off notices by itself.
                    let _ = carry(TokioIo::new(client), TokioIo::new(server), flow, watch).await;
                }
            });
            return answer.map(|_| Empty::new().map_err(|never| match never {}).boxed_unsync());
        }
        remove_hop_headers(answer.headers_mut());
        let pulse = Arc::clone(&self.pulse);
        answer.map(|body| FaultyBody::new(body, flow, watch, pulse, recorder).boxed_unsync())
    }
}

fn passing(request: &Request<Incoming>) -> OwnedPassing {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    OwnedPassing::Request {
        method: request.method().to_string(),
        path: path.to_owned(),
    }
}

/// These speak of one connection only; each side has its own.
fn remove_hop_headers(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

/// Reason and message of an error, as the API server words them.
fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::UNAUTHORIZED => ("Unauthorized", "Unauthorized"),
        StatusCode::GONE => (
            "Expired",
            "The provided continue parameter is too old to display a consistent list result.",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        StatusCode::INTERNAL_SERVER_ERROR => (
            "InternalError",
            "an error on the server has prevented the request from succeeding",
        ),
        _ => ("", "the server rejected our request for an unknown reason"),
    }
}

/// An error in the API server's form.
fn status_answer(status: StatusCode) -> Answer {
    let (reason, message) = words(status);
    let mut object = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": status.as_u16(),
    });
    let slow_down = status == StatusCode::TOO_MANY_REQUESTS;
    if slow_down {
        object["details"] = json!({"retryAfterSeconds": RETRY_AFTER_SECONDS});
    }
    let body = Full::new(Bytes::from(object.to_string())).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if slow_down {
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    answer
}
