//! The CONNECT proxy between the API server and everything that it dials in the cluster: kubelets and webhooks.
//!
//! It runs in the control plane's network namespace, where it dials the addresses of nodes and pods.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;

use crate::faults::Fault;
use crate::faults::carry::{FaultWatch, OwnedPassing, carry};
use crate::faults::control::{bind_fresh, rest_after_failed_accept, serve_control};
use crate::faults::flow::Flow;
use crate::faults::table::{Due, FaultTable, Stage};
use crate::open_files;

/// As long as the API server itself would try to reach an address.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves dials at the socket `listen`, and faults at the socket `control`; returns only when it cannot start.
pub async fn serve_connect(listen: &Path, control: &Path) -> io::Result<()> {
    open_files::raise_limit();
    let table = Arc::new(FaultTable::new());
    let control = bind_fresh(control)?;
    let listener = bind_fresh(listen)?;
    tokio::select! {
        never = serve_control(control, Arc::clone(&table)) => match never {},
        never = serve_dials(listener, &table) => match never {},
    }
}

async fn serve_dials(listener: UnixListener, table: &Arc<FaultTable>) -> Infallible {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            rest_after_failed_accept().await;
            continue;
        };
        table.count_connection();
        let table = Arc::clone(table);
        // A dial that breaks is its caller's to notice.
        tokio::spawn(async move { drop(serve_dial(stream, &table).await) });
    }
}

async fn serve_dial(stream: UnixStream, table: &Arc<FaultTable>) -> hyper::Result<()> {
    let service = service_fn(|request| answer(request, Arc::clone(table)));
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await
}

/// A fault closes the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed by a fault")]
struct ClosedByFault;

type Answer = Response<Empty<Bytes>>;

async fn answer(
    request: Request<Incoming>,
    table: Arc<FaultTable>,
) -> Result<Answer, ClosedByFault> {
    let Some(authority) = request
        .uri()
        .authority()
        .filter(|_| request.method() == Method::CONNECT)
    else {
        return Ok(plain(StatusCode::METHOD_NOT_ALLOWED));
    };
    let target = authority.to_string();
    let passing = OwnedPassing::Target(target.clone());
    let watch = FaultWatch::new(&table, passing);
    table.count_request(watch.passing.borrowed());
    let due = table.take(watch.passing.borrowed(), Stage::Start);
    if let Some(answer) = meet_at_start(due, &target, &table).await? {
        return Ok(answer);
    }
    let dialled = timeout(DIAL_TIMEOUT, TcpStream::connect(&target)).await;
    let server = match dialled.map_err(io::Error::from).flatten() {
        Ok(server) => server,
        Err(error) => return Ok(unreachable(&target, &error)),
    };
    tokio::spawn(async move {
        if let Ok(client) = hyper::upgrade::on(request).await {
            // Who was cut off notices by itself.
            let _ = carry(TokioIo::new(client), server, Flow::new(due), watch).await;
        }
    });
    Ok(plain(StatusCode::OK))
}

/// What a fault does before the dial: answer in its place, close, or wait.
async fn meet_at_start(
    due: Option<Due>,
    target: &str,
    table: &FaultTable,
) -> Result<Option<Answer>, ClosedByFault> {
    let Some(Due { rule, fault }) = due else {
        return Ok(None);
    };
    match fault {
        Fault::Cut => return Err(ClosedByFault),
        Fault::Refuse => {
            let refused =
                io::Error::from_raw_os_error(rustix::io::Errno::CONNREFUSED.raw_os_error());
            return Ok(Some(unreachable(target, &refused)));
        }
        Fault::Answer(status) => {
            return Ok(Some(plain(
                StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
            )));
        }
        Fault::Delay(delay) => tokio::time::sleep(delay).await,
        Fault::Stall => table.cleared(rule).await,
        Fault::CutAfter(_) | Fault::BreakMidLine(_) | Fault::StallAfter(_) => {}
    }
    Ok(None)
}

fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Empty::new());
    *answer.status_mut() = status;
    answer
}

/// Says in the status line what a dial without a proxy would say, because that line ends up in the API server's error.
fn unreachable(target: &str, error: &io::Error) -> Answer {
    let mut answer = plain(StatusCode::BAD_GATEWAY);
    let cause = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::TimedOut => "i/o timeout".to_owned(),
        _ => error.to_string(),
    };
    if let Ok(reason) = ReasonPhrase::try_from(format!("dial tcp {target}: {cause}")) {
        answer.extensions_mut().insert(reason);
    }
    answer
}
