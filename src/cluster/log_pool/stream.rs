//! A stream of a log that is open: its bytes as they come, and whether its end was the server's word.

use std::{error::Error, fmt};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, client::conn::http1::SendRequest};

use super::{connection::Seat, places::Place};

/// The bytes of one log as they come. Dropped, it tells the server that no more is wanted.
pub struct LogStream {
    body: Body,
}

enum Body {
    Http2 {
        body: h2::RecvStream,
        /// Given back with the stream.
        _seat: Seat,
    },
    Http1 {
        body: Incoming,
        /// The connection ends with it.
        _sender: SendRequest<Empty<Bytes>>,
        /// Given back with the connection.
        _place: Place,
    },
}

/// A stream that ended otherwise than by its server's word; says how.
#[derive(Clone, Debug)]
pub struct StreamBroken {
    pub message: String,
}

impl StreamBroken {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self {
            message: innermost.to_string(),
        }
    }
}

impl fmt::Display for StreamBroken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the stream broke: {}", self.message)
    }
}

impl Error for StreamBroken {}

impl LogStream {
    pub(super) fn over_http2(body: h2::RecvStream, seat: Seat) -> Self {
        Self {
            body: Body::Http2 { body, _seat: seat },
        }
    }

    pub(super) fn over_http1(
        body: Incoming,
        sender: SendRequest<Empty<Bytes>>,
        place: Place,
    ) -> Self {
        Self {
            body: Body::Http1 {
                body,
                _sender: sender,
                _place: place,
            },
        }
    }

    /// The next bytes, as large as they came. `None`: the server ended the stream. Dropping the future loses nothing.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, StreamBroken> {
        loop {
            let next = match &mut self.body {
                Body::Http2 { body, .. } => next_frame(body).await,
                Body::Http1 { body, .. } => next_part(body).await,
            };
            match next {
                None => return Ok(None),
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => return Ok(Some(bytes)),
                Some(Err(broken)) => return Err(broken),
            }
        }
    }
}

async fn next_frame(body: &mut h2::RecvStream) -> Option<Result<Bytes, StreamBroken>> {
    let bytes = match body.data().await? {
        Ok(bytes) => bytes,
        Err(error) => return Some(Err(StreamBroken::of(&error))),
    };
    // The server may send as much again. It fails only for a stream that is over, and that is told next.
    drop(body.flow_control().release_capacity(bytes.len()));
    Some(Ok(bytes))
}

async fn next_part(body: &mut Incoming) -> Option<Result<Bytes, StreamBroken>> {
    match body.frame().await? {
        Ok(frame) => Some(Ok(frame.into_data().unwrap_or_default())),
        Err(error) => Some(Err(StreamBroken::of(&error))),
    }
}
