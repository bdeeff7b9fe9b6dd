//! How often a busy server is asked again, and when not: a server that wants to be left alone for longer than the
//! request may take is not waited for, so that its own words are shown and not a time-out.

use std::time::Duration;

use http::{HeaderMap, Request, Response, header};
use kube::client::{Body, retry::RetryPolicy};
use tokio::time::{Instant, Sleep};
use tower::{
    BoxError,
    retry::{Policy, backoff::InvalidBackoff},
};

/// Repetitions after the first try.
const TIMES: u32 = 4;
const SHORTEST_REST: Duration = Duration::from_millis(200);
const LONGEST_REST: Duration = Duration::from_secs(5);

/// When a request has to be answered; it travels with the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub(super) Instant);

/// Asks again as kube does, within the request's [`Deadline`].
#[derive(Clone)]
pub(super) struct Patience(RetryPolicy);

impl Patience {
    pub(super) fn new() -> Result<Self, InvalidBackoff> {
        RetryPolicy::new(SHORTEST_REST, LONGEST_REST, TIMES, true).map(Self)
    }
}

impl<Res> Policy<Request<Body>, Response<Res>, BoxError> for Patience {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<Res>, BoxError>,
    ) -> Option<Sleep> {
        let wait = result
            .as_ref()
            .ok()
            .and_then(|response| wanted_wait(response.headers()));
        let deadline = request.extensions().get::<Deadline>();
        match (wait, deadline) {
            (Some(wait), Some(Deadline(end))) if is_past(wait, *end) => None,
            _ => self.0.retry(request, result),
        }
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Policy::<_, Response<Res>, _>::clone_request(&mut self.0, request)
    }
}

fn is_past(wait: Duration, end: Instant) -> bool {
    Instant::now()
        .checked_add(wait)
        .is_none_or(|next| next >= end)
}

/// `Retry-After` in seconds. A date, which HTTP allows and API servers do not send, is not understood.
pub(super) fn wanted_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a server that wants this wait is asked again by a request that may take ten seconds. Needs a runtime.
    fn asks_again(wait: &str) -> bool {
        let mut request = Request::new(Body::empty());
        let end = Instant::now() + Duration::from_secs(10);
        request.extensions_mut().insert(Deadline(end));
        let busy = Response::builder().status(429);
        let busy = busy.header(header::RETRY_AFTER, wait).body(()).unwrap();
        let mut patience = Patience::new().unwrap();
        patience.retry(&mut request, &mut Ok(busy)).is_some()
    }

    #[tokio::test]
    async fn a_wait_past_the_end_of_the_request_is_not_begun() {
        for (wait, expected) in [
            ("1", true),
            ("9", true),
            ("10", false),
            ("3600", false),
            ("18446744073709551615", false),
            ("soon", true),
        ] {
            assert_eq!(asks_again(wait), expected, "{wait}");
        }
    }
}
