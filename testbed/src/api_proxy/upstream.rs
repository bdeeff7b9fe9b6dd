//! Connections to the API server: made when the first request needs one, with the HTTP version that the client speaks.

use std::io;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::identity::IdentityKind;
use super::tls::{HTTP1, HTTP2, client_config};
use super::{ApiProxyError, ApiProxyOptions, Upstream};

/// Small, because what lies in the proxy is neither with the server nor with the client.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// For all streams of a connection, so that those nobody reads never stop the others.
const CONNECTION_WINDOW_BYTES: u32 = super::STREAMS_PER_CONNECTION * STREAM_WINDOW_BYTES;

/// Why the API server gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    #[error(transparent)]
    Dial(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Opens connections to the API server.
pub(super) struct Dialer {
    upstream: Upstream,
    server_name: ServerName<'static>,
    vouched: ClientConfig,
    bare: ClientConfig,
}

impl Dialer {
    pub(super) fn new(options: &ApiProxyOptions) -> Result<Dialer, ApiProxyError> {
        let name = options.server_name.clone();
        Ok(Dialer {
            upstream: options.upstream.clone(),
            server_name: name
                .clone()
                .try_into()
                .map_err(|_| ApiProxyError::ServerName(name))?,
            vouched: client_config(&options.ca_certificate, Some(&options.front_proxy))?,
            bare: client_config(&options.ca_certificate, None)?,
        })
    }

    async fn dial(
        &self,
        kind: IdentityKind,
        protocol: &[u8],
    ) -> io::Result<TlsStream<Box<dyn Duplex>>> {
        let stream: Box<dyn Duplex> = match &self.upstream {
            Upstream::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Upstream::Unix(path) => Box::new(UnixStream::connect(path).await?),
        };
        let mut config = match kind {
            IdentityKind::Vouched => self.vouched.clone(),
            IdentityKind::Bare => self.bare.clone(),
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsConnector::from(Arc::new(config))
            .connect(self.server_name.clone(), stream)
            .await
    }
}

/// The connections that belong to one client connection.
pub(super) struct ServerConnections {
    dialer: Arc<Dialer>,
    kind: IdentityKind,
    http1: Mutex<Option<http1::SendRequest<Incoming>>>,
    http2: Mutex<Option<http2::SendRequest<Incoming>>>,
}

impl ServerConnections {
    pub(super) fn new(dialer: Arc<Dialer>, kind: IdentityKind) -> ServerConnections {
        ServerConnections {
            dialer,
            kind,
            http1: Mutex::default(),
            http2: Mutex::default(),
        }
    }

    /// Sends a request with the HTTP version in which it came.
    pub(super) async fn send(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        if request.version() == Version::HTTP_2 {
            self.send_http2(request).await
        } else {
            self.send_http1(request).await
        }
    }

    async fn send_http1(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let path: Option<Uri> = path.parse().ok();
        *request.uri_mut() = path.unwrap_or_default();
        let mut kept = self.http1.lock().await;
        let mut sender = match ready(kept.take()).await {
            Some(sender) => sender,
            None => self.open_http1().await?,
        };
        let answer = sender.send_request(request).await?;
        *kept = Some(sender);
        Ok(answer)
    }

    async fn open_http1(&self) -> Result<http1::SendRequest<Incoming>, UpstreamError> {
        let stream = self.dialer.dial(self.kind, HTTP1).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its end shows in the requests that it carries.
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Ok(sender)
    }

    async fn send_http2(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let mut sender = self.http2_sender().await?;
        Ok(sender.send_request(request).await?)
    }

    async fn http2_sender(&self) -> Result<http2::SendRequest<Incoming>, UpstreamError> {
        let mut kept = self.http2.lock().await;
        if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = self.dialer.dial(self.kind, HTTP2).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(async move { drop(connection.await) });
        *kept = Some(sender.clone());
        Ok(sender)
    }
}

/// The kept connection, once the answer before has been read to its end; nothing when it is closed.
async fn ready(kept: Option<http1::SendRequest<Incoming>>) -> Option<http1::SendRequest<Incoming>> {
    let mut sender = kept?;
    sender.ready().await.ok().map(|()| sender)
}
