//! The proxy between clients and the API server, at a port of 127.0.0.1, where HTTP faults are made.
//!
//! It ends the client's TLS and opens its own, so a client's certificate cannot pass. Whoever has one that the bed's
//! authority signed is named to the API server by the headers of an authenticating proxy; tokens pass as they are;
//! who shows neither stays anonymous. Every client connection has server connections of its own.

mod body;
mod forward;
mod identity;
mod port;
pub(crate) mod record;
pub(crate) mod tls;
mod upstream;
mod wire;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::faults::control::{bind_fresh, rest_after_failed_accept, serve_control};
use crate::faults::table::FaultTable;
use crate::open_files;
use forward::Exchange;
use identity::ClientIdentity;
use port::Port;
pub use port::bind_free_port;
use tls::ClientCertificates;
use upstream::{Dialer, ServerConnections};
use wire::{ConnectionEnd, Pulse, Twin, Wire, drive};

/// What the API server itself allows on one connection.
const STREAMS_PER_CONNECTION: u32 = 100;

/// How to run the proxy; the files are PEM.
#[derive(Debug)]
pub struct ApiProxyOptions {
    /// Where clients connect; see [`bind_free_port`].
    pub listener: TcpListener,
    /// The unix socket for faults.
    pub control: PathBuf,
    pub upstream: Upstream,
    /// A DNS name in the API server's certificate.
    pub server_name: String,
    /// The bed's authority, which signed the API server's certificate and the clients'.
    pub ca_certificate: PathBuf,
    /// What the proxy shows to clients.
    pub serving: KeyPair,
    /// What the proxy shows to the API server when it names a client.
    pub front_proxy: KeyPair,
}

/// Where the API server is reached.
#[derive(Clone, Debug)]
pub enum Upstream {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A certificate and its private key.
#[derive(Clone, Debug)]
pub struct KeyPair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why the proxy could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ApiProxyError {
    #[error("{path} holds no usable PEM: {reason}")]
    Pem { path: PathBuf, reason: String },
    #[error("the proxy's certificates do not fit together")]
    Tls(#[from] rustls::Error),
    #[error("{0} is no DNS name")]
    ServerName(String),
    #[error("the proxy cannot listen")]
    Listen(#[from] io::Error),
}

/// What all client connections share.
struct Shared {
    table: Arc<FaultTable>,
    acceptor: TlsAcceptor,
    certificates: Arc<ClientCertificates>,
    dialer: Arc<Dialer>,
}

/// Serves clients and the control socket; returns only when it fails.
pub async fn serve_api(options: ApiProxyOptions) -> Result<(), ApiProxyError> {
    open_files::raise_limit();
    let certificates = tls::client_certificates(&options.ca_certificate)?;
    let shared = Arc::new(Shared {
        table: Arc::new(FaultTable::new()),
        acceptor: TlsAcceptor::from(tls::server_config(&options.serving, &certificates)?),
        certificates,
        dialer: Arc::new(Dialer::new(&options)?),
    });
    let control = bind_fresh(&options.control)?;
    tokio::select! {
        never = serve_control(control, Arc::clone(&shared.table)) => match never {},
        result = serve_clients(options.listener, &shared) => Ok(result?),
    }
}

async fn serve_clients(listener: TcpListener, shared: &Arc<Shared>) -> io::Result<()> {
    let mut changes = shared.table.changes();
    let mut port = Port::open(listener)?;
    loop {
        if shared.table.refuses() {
            port.close()?;
        } else {
            port.reopen()?;
        }
        tokio::select! {
            accepted = port.accept() => {
                let Ok(client) = accepted else {
                    rest_after_failed_accept().await;
                    continue;
                };
                let shared = Arc::clone(shared);
                // A client that breaks off is nobody's error.
                tokio::spawn(async move { drop(serve_client(client, &shared).await) });
            }
            // The table lives as long as this loop.
            _ = changes.changed() => {}
        }
    }
}

async fn serve_client(client: TcpStream, shared: &Shared) -> io::Result<()> {
    shared.table.count_connection();
    client.set_nodelay(true)?;
    let (client, twin) = Twin::of(client)?;
    let stream = shared.acceptor.accept(client).await?;
    let identity = ClientIdentity::of(stream.get_ref().1.peer_certificates(), &shared.certificates);
    let pulse = Arc::new(Pulse::default());
    let exchange = Arc::new(Exchange {
        table: Arc::clone(&shared.table),
        pulse: Arc::clone(&pulse),
        server: ServerConnections::new(Arc::clone(&shared.dialer), identity.kind()),
        identity,
    });
    let service = service_fn(|request| Arc::clone(&exchange).answer(request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().auto_date_header(false);
    builder
        .http2()
        .auto_date_header(false)
        .max_concurrent_streams(STREAMS_PER_CONNECTION);
    let wire = TokioIo::new(Wire::new(stream, Arc::clone(&pulse)));
    let connection = builder.serve_connection_with_upgrades(wire, service);
    if drive(connection, &pulse).await == ConnectionEnd::Reset {
        twin.reset_when_closed();
    }
    Ok(())
}
