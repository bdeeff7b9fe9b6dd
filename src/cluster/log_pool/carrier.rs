//! What carries one request and its stream: a seat on a connection that others share, or over HTTP/1.1 a connection.

use bytes::Bytes;
use http::{Request, header, response::Parts};
use http_body_util::Empty;
use hyper_util::client::legacy::connect::Connection as _;
use tower::BoxError;

use super::{connection::Seat, places::Place, stream::LogStream};
use crate::cluster::transport::BoxedWire;

/// What a connection over HTTP/1.1 reads at once: a thousand of them must fit into memory.
const HTTP1_BUFFER: usize = 16 << 10;

pub(super) enum Carrier {
    Seat(Seat),
    Wire(BoxedWire, Place),
}

/// Why no answer came.
pub(super) struct Unanswered {
    pub(super) error: BoxError,
    pub(super) remedy: Remedy,
}

/// Whether the same request may fare better at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Its connection takes no more requests.
    AnotherConnection,
    None,
}

impl Carrier {
    /// Sends a request without a body; gives the answer's head and its stream.
    pub(super) async fn send(self, request: Request<()>) -> Result<(Parts, LogStream), Unanswered> {
        match self {
            Self::Seat(seat) => match seat.send(request).await {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    Ok((head, LogStream::over_http2(body, seat)))
                }
                Err(error) => Err(Unanswered {
                    remedy: remedy(&error, &seat),
                    error: error.into(),
                }),
            },
            Self::Wire(wire, place) => {
                let sent = send_http1(wire, place, request).await;
                sent.map_err(|error| Unanswered {
                    error,
                    remedy: Remedy::None,
                })
            }
        }
    }
}

fn remedy(error: &h2::Error, seat: &Seat) -> Remedy {
    if seat.is_closing() || error.reason() == Some(h2::Reason::REFUSED_STREAM) {
        Remedy::AnotherConnection
    } else {
        Remedy::None
    }
}

/// Whether the server has chosen HTTP/2.
pub(super) fn speaks_http2(wire: &BoxedWire) -> bool {
    wire.connected().is_negotiated_h2()
}

async fn send_http1(
    wire: BoxedWire,
    place: Place,
    mut request: Request<()>,
) -> Result<(Parts, LogStream), BoxError> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HTTP1_BUFFER)
        .handshake(wire)
        .await?;
    // Ends with the stream; what broke is told where the stream is read.
    tokio::spawn(connection);
    let (host, path) = (request.uri().authority(), request.uri().path_and_query());
    if let (Some(host), Some(path)) = (host.cloned(), path.cloned()) {
        let host = host.as_str().parse()?;
        request.headers_mut().insert(header::HOST, host);
        *request.uri_mut() = path.into();
    }
    let request = request.map(|()| Empty::<Bytes>::new());
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok((head, LogStream::over_http1(body, sender, place)))
}
