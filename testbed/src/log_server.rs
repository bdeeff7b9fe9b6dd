//! The log server of fast fake nodes: serves `/containerLogs/…` as a kubelet does, from memory, to any number of
//! followers.
//!
//! kwok's own server reads the file anew for each request and needs an inotify instance for each follower, so that it,
//! and not the client, would be what a measurement shows. Nothing of a stream passes by the API server here either.

mod log;
mod request;
mod segment;

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::api_proxy::{ApiProxyError, KeyPair, tls};
use crate::faults::control::rest_after_failed_accept;
use crate::open_files;
use log::{Log, Written};
use request::{Follow, LogRequest, Refusal};
use segment::Wanted;

/// Bytes go out in pieces of this size, so that none of a thousand streams keeps the others waiting.
const PIECE_BYTES: usize = 256 * 1024;

/// How to run the log server.
pub(crate) struct LogServerOptions {
    pub(crate) address: SocketAddr,
    /// What the server shows to the API server.
    pub(crate) serving: KeyPair,
    /// What every fake container has written.
    pub(crate) log: PathBuf,
}

/// Serves logs for ever; returns only when it cannot start.
pub(crate) async fn serve(options: LogServerOptions) -> Result<Infallible, ApiProxyError> {
    open_files::raise_limit();
    let acceptor = TlsAcceptor::from(tls::open_server_config(&options.serving)?);
    let listener = TcpListener::bind(options.address).await?;
    let log = Arc::new(Log::new(options.log));
    let polled = Arc::clone(&log);
    tokio::spawn(async move { polled.poll().await });
    loop {
        let Ok((client, _)) = listener.accept().await else {
            rest_after_failed_accept().await;
            continue;
        };
        let (acceptor, log) = (acceptor.clone(), Arc::clone(&log));
        // A reader that goes away is nobody's error.
        tokio::spawn(async move { drop(serve_client(client, &acceptor, &log).await) });
    }
}

async fn serve_client(client: TcpStream, acceptor: &TlsAcceptor, log: &Arc<Log>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let stream = acceptor.accept(client).await?;
    let service = service_fn(|request| ready(Ok::<_, Infallible>(answer(&request, log))));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    connection.await.map_err(io::Error::other)
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn answer(request: &Request<Incoming>, log: &Log) -> Response<Body> {
    let asked = match LogRequest::parse(request.uri()) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&refusal),
    };
    // The head of the answer goes out at once, also where no line is there yet: so does a kubelet's.
    let reading = Reading::begin(asked, log);
    let pieces = stream::unfold(reading, |mut reading| async {
        reading.next().await.map(|piece| (piece, reading))
    });
    let frames = pieces.map(|piece| Ok(Frame::data(piece)));
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    let mut answer = Response::new(Full::from(refusal.to_string()).boxed_unsync());
    *answer.status_mut() = match refusal {
        Refusal::NoSuchPage => StatusCode::NOT_FOUND,
        Refusal::NoPrevious { .. } | Refusal::Unreadable { .. } => StatusCode::BAD_REQUEST,
    };
    answer
}

impl LogRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            since: self.since.as_deref(),
            form: self.form,
        }
    }
}

/// One answer on its way: how far the log has been handed out, and what of it still has to be.
struct Reading {
    asked: LogRequest,
    generation: u64,
    /// The next segment to be handed out.
    segment: usize,
    /// Pieces that are due, the next one last.
    due: Vec<Bytes>,
    /// Where news come from, when they are wanted.
    news: Option<watch::Receiver<Written>>,
}

impl Reading {
    fn begin(asked: LogRequest, log: &Log) -> Reading {
        let (news, written) = match asked.follow {
            Follow::No => (None, log.look()),
            Follow::Yes => {
                let mut news = log.follow();
                log.read_on();
                let written = news.borrow_and_update().clone();
                (Some(news), written)
            }
        };
        let mut reading = Reading {
            asked,
            generation: written.generation,
            segment: 0,
            due: Vec::new(),
            news,
        };
        reading.take_first(&written);
        reading
    }

    /// From the beginning, or from the last lines that were asked for.
    fn take_first(&mut self, written: &Written) {
        let count: usize = written.segments.iter().map(|segment| segment.len()).sum();
        let tail = self.asked.tail_lines.unwrap_or(count);
        let mut skipped = count.saturating_sub(tail);
        let mut is_first = true;
        for segment in written.segments.iter() {
            let first = skipped.min(segment.len());
            skipped -= first;
            if is_first && first < segment.len() {
                is_first = false;
                self.due.extend(segment.opening(first, self.asked.wanted()));
            }
            self.due.extend(segment.pieces(first, self.asked.wanted()));
        }
        self.segment = written.segments.len();
        self.due.reverse();
    }

    fn take_news(&mut self, written: &Written) {
        if written.generation != self.generation {
            (self.generation, self.segment) = (written.generation, 0);
        }
        let segments = written.segments.iter().skip(self.segment);
        let pieces = segments.flat_map(|segment| segment.pieces(0, self.asked.wanted()));
        self.due = pieces.collect();
        self.due.reverse();
        self.segment = written.segments.len();
    }

    /// The next bytes; waits for them where the log is followed.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(mut piece) = self.due.pop() {
                let rest = piece.split_off(piece.len().min(PIECE_BYTES));
                if !rest.is_empty() {
                    self.due.push(rest);
                }
                return Some(piece);
            }
            let news = self.news.as_mut()?;
            news.changed().await.ok()?;
            let written = news.borrow_and_update().clone();
            self.take_news(&written);
        }
    }
}
