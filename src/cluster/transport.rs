//! The wire: how a connection is made, with TLS by ring and through the chosen proxy, and the client for short requests:
//! one HTTP/2 connection (HTTP/1.1 where the server has no other), gzip, a short retry for busy servers.

use std::{convert::Infallible, future::ready, io, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::rt::{Read, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self,
        connect::{
            Connected, Connection, HttpConnector,
            dns::{GaiResolver, Name},
            proxy::{SocksV5, Tunnel},
        },
    },
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt},
};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};
use secrecy::ExposeSecret;
use tower::{
    BoxError, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, util::BoxCloneSyncService,
};
use tower_http::decompression::DecompressionLayer;

use super::{
    patience::Patience,
    proxy::Proxy,
    unreachable::{LookupError, ProxyLegError},
};

/// How long a TCP connection may take; also the documented default of the command line.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long a whole answer may take when `--request-timeout` does not say otherwise. Retries count.
pub(super) const DEFAULT_RESPONSE_LIMIT: Duration = Duration::from_secs(30);

/// A stream's window: a whole list page of CRDs fits without waiting for the client's acknowledgement.
const STREAM_WINDOW: u32 = 4 << 20;
/// The largest that HTTP/2 allows: h2 counts small frames against it (h2 issue 939).
pub(super) const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// After this time without a word, the system looks whether the other side is still there, and how often and how
/// many times: a connection that a firewall forgot is noticed within half a minute.
const TCP_QUIET: Duration = Duration::from_secs(15);
const TCP_PROBE: Duration = Duration::from_secs(5);
const TCP_PROBES: u32 = 3;

type HttpService =
    BoxCloneSyncService<Request<Body>, Response<hyper::body::Incoming>, legacy::Error>;

/// A connection to the server, whatever proxy and TLS lie below.
pub(super) trait Wire: Read + Write + Connection + Unpin + Send {}

impl<T: Read + Write + Connection + Unpin + Send> Wire for T {}

pub(super) type BoxedWire = Box<dyn Wire>;

impl Connection for BoxedWire {
    fn connected(&self) -> Connected {
        (**self).connected()
    }
}

/// Opens connections to the server of a URL.
pub(super) type Connector = BoxCloneSyncService<Uri, BoxedWire, BoxError>;

/// Gives a request what every request of this caller carries: the whole URL, the credential, whom to act as.
/// Sends nothing: its answer is the request.
pub(super) type Preparation = BoxCloneSyncService<Request<Body>, Response<Request<Body>>, BoxError>;

/// Builds the client for short requests. Nothing is sent yet.
pub(super) fn client(config: &Config, connector: &Connector) -> Result<Client, BoxError> {
    let wire = pooled(connector.clone());
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(Patience::new()?))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .layer(DecompressionLayer::new().gzip(!config.disable_compression))
        .map_err(BoxError::from)
        .service(wire);
    Ok(Client::new(service, config.default_namespace.clone()))
}

/// What [`client`] does to a request before it sends it.
pub(super) fn preparation(config: &Config) -> Result<Preparation, BoxError> {
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service_fn(|request: Request<Body>| ready(Ok::<_, Infallible>(Response::new(request))));
    Ok(BoxCloneSyncService::new(service.map_err(BoxError::from)))
}

/// The `User-Agent` of every request.
pub(super) fn user_agent() -> (header::HeaderName, HeaderValue) {
    (
        header::USER_AGENT,
        HeaderValue::from_static(concat!("kubectl-trainer/", env!("CARGO_PKG_VERSION"))),
    )
}

/// How connections to the configured server are made. Opens none.
pub(super) fn connector(config: &Config, proxy: Option<&Proxy>) -> Result<Connector, BoxError> {
    let tcp = tcp_connector();
    let Some(proxy) = proxy else {
        return Ok(boxed(https(config, tcp)?));
    };
    let through = proxy.uri.clone();
    match proxy.uri.scheme_str() {
        Some("socks5" | "socks5h") => {
            let mut socks = SocksV5::new(through, tcp);
            if let Some((user, password)) = &proxy.raw_auth {
                socks = socks.with_auth(user.clone(), password.clone());
            }
            Ok(boxed(https(config, socks)?))
        }
        Some("https") => {
            let to_proxy = HttpsConnectorBuilder::new()
                .with_tls_config(tls_without_identity()?)
                .https_only()
                .enable_http1()
                .wrap_connector(tcp);
            let to_proxy = ServiceExt::<http::Uri>::map_err(
                to_proxy,
                ProxyLegError::new as fn(BoxError) -> ProxyLegError,
            );
            Ok(boxed(https(config, tunnel(proxy, to_proxy))?))
        }
        _ => Ok(boxed(https(config, tunnel(proxy, tcp))?)),
    }
}

fn boxed<C>(connector: C) -> Connector
where
    C: Service<Uri, Error = BoxError> + Clone + Send + Sync + 'static,
    C::Response: Wire + 'static,
    C::Future: Send + 'static,
{
    BoxCloneSyncService::new(connector.map_response(|wire| Box::new(wire) as BoxedWire))
}

fn tunnel<C>(proxy: &Proxy, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.uri.clone(), connector);
    match &proxy.basic_auth {
        Some(auth) => tunnel.with_auth(auth.clone()),
        None => tunnel,
    }
}

/// Resolves names on the blocking pool, and marks its errors as look-up errors.
type Resolver = tower::util::MapErr<GaiResolver, fn(io::Error) -> LookupError>;

fn tcp_connector() -> HttpConnector<Resolver> {
    let resolver = ServiceExt::<Name>::map_err(
        GaiResolver::new(),
        LookupError::new as fn(io::Error) -> LookupError,
    );
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(TCP_QUIET));
    connector.set_keepalive_interval(Some(TCP_PROBE));
    connector.set_keepalive_retries(Some(TCP_PROBES));
    connector.set_connect_timeout(Some(CONNECT_LIMIT));
    connector
}

fn https<C>(config: &Config, connector: C) -> Result<HttpsConnector<C>, BoxError> {
    let mut builder = HttpsConnectorBuilder::new()
        .with_tls_config(tls(config)?)
        .https_or_http();
    if let Some(name) = config
        .tls_server_name
        .clone()
        .filter(|name| !name.is_empty())
    {
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name.try_into()?));
    }
    Ok(builder.enable_all_versions().wrap_connector(connector))
}

fn pooled(connector: Connector) -> HttpService {
    let client = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_while_idle(true)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build::<_, Body>(connector);
    BoxCloneSyncService::new(client)
}

/// TLS as the kubeconfig wants it. rustls refuses X.509 v1 client certificates, which microk8s hands out and Go
/// accepts; they are presented without being parsed.
fn tls(config: &Config) -> Result<ClientConfig, BoxError> {
    match config.rustls_client_config() {
        Err(kube::Error::RustlsTls(problem))
            if problem.to_string().contains("UnsupportedCertVersion") =>
        {
            tls_with_unparsed_identity(config)
        }
        other => Ok(other?),
    }
}

fn tls_with_unparsed_identity(config: &Config) -> Result<ClientConfig, BoxError> {
    let user = &config.auth_info;
    let certificate = pem(
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )?;
    let key_data = user
        .client_key_data
        .as_ref()
        .map(ExposeSecret::expose_secret);
    let key = pem(key_data, user.client_key.as_deref())?;
    let chain = CertificateDer::pem_slice_iter(&certificate).collect::<Result<Vec<_>, _>>()?;
    let mut tls = without_identity(config).rustls_client_config()?;
    let key = tls
        .crypto_provider()
        .key_provider
        .load_private_key(PrivateKeyDer::from_pem_slice(&key)?)?;
    tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)));
    Ok(tls)
}

/// TLS to a proxy: the system's authorities, and no word about who the caller is.
fn tls_without_identity() -> Result<ClientConfig, BoxError> {
    Ok(Config::new(http::Uri::default()).rustls_client_config()?)
}

fn without_identity(config: &Config) -> Config {
    let mut anonymous = config.clone();
    let user = &mut anonymous.auth_info;
    (user.client_certificate, user.client_certificate_data) = (None, None);
    (user.client_key, user.client_key_data) = (None, None);
    anonymous
}

/// Base64 data wins over a file, as in client-go.
fn pem(data: Option<&str>, file: Option<&str>) -> Result<Vec<u8>, BoxError> {
    match (data, file) {
        (Some(data), _) => Ok(STANDARD.decode(data)?),
        (None, Some(file)) => Ok(std::fs::read(file)?),
        (None, None) => Err("no client certificate or key".into()),
    }
}
