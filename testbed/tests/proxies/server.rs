//! A small HTTPS server behind the proxy, with paths that answer in the ways that matter, and the proxy itself.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use testbed::api_proxy::{ApiProxyOptions, KeyPair, Upstream, bind_free_port, serve_api};
use testbed::faults::ProxyControl;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::authority::Authority;

/// A line of the server's long answers, with its end.
pub(crate) const LINE: &str = "0123456789abcde\n";
/// How many lines `/lines` has.
pub(crate) const LINES: usize = 4000;

/// Authority, server and proxy, which live until the test process ends.
pub(crate) struct Site {
    pub(crate) authority: Authority,
    pub(crate) address: SocketAddr,
    pub(crate) control: ProxyControl,
}

impl Site {
    pub(crate) fn start() -> Site {
        let authority = Authority::new();
        let serving = authority.issue("server", &[]);
        let upstream = listen();
        let upstream_address = upstream.local_addr().unwrap();
        let config = server_config(&authority, &serving);
        in_background(serve(upstream, config));

        let listener = bind_free_port().unwrap();
        let address = listener.local_addr().unwrap();
        let control = authority.folder.path().join("control.sock");
        let options = ApiProxyOptions {
            listener,
            control: control.clone(),
            upstream: Upstream::Tcp(upstream_address),
            server_name: "localhost".to_owned(),
            ca_certificate: authority.folder.path().join("ca.crt"),
            serving,
            front_proxy: authority.issue("front-proxy-client", &[]),
        };
        in_background(async { serve_api(options).await.unwrap() });
        let control = ProxyControl::new(control);
        until(|| control.list().is_ok());
        Site {
            authority,
            address,
            control,
        }
    }
}

/// Tries again until it is so, for at most half a minute.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never was so");
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

pub(crate) fn in_background<F: Future<Output = ()> + Send + 'static>(work: F) {
    thread::spawn(|| runtime().block_on(work));
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn server_config(authority: &Authority, serving: &KeyPair) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority.folder.path().join("ca.crt")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&serving.certificate).unwrap()],
            PrivateKeyDer::from_pem_file(&serving.key).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

async fn serve(listener: TcpListener, config: Arc<ServerConfig>) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let acceptor = TlsAcceptor::from(config);
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let certificate = stream
                .get_ref()
                .1
                .peer_certificates()
                .map(|chain| chain[0].clone());
            let service = service_fn(move |request| answer(request, certificate.clone()));
            let builder = auto::Builder::new(TokioExecutor::new());
            // A cut client is what the tests are about.
            drop(
                builder
                    .serve_connection_with_upgrades(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

async fn answer(
    mut request: Request<Incoming>,
    certificate: Option<CertificateDer<'static>>,
) -> Result<Answer, Infallible> {
    Ok(match request.uri().path() {
        "/who" => full(who(&request, certificate.as_ref())),
        "/lines" => full(LINE.repeat(LINES)),
        "/endless" => Response::new(endless()),
        "/echo" if request.headers().contains_key("upgrade") => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let stream = TokioIo::new(upgrade.await.unwrap());
                let (mut reader, mut writer) = tokio::io::split(stream);
                drop(tokio::io::copy(&mut reader, &mut writer).await);
            });
            let mut answer = Response::new(Empty::new().boxed());
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            answer
                .headers_mut()
                .insert("connection", "Upgrade".parse().unwrap());
            answer
                .headers_mut()
                .insert("upgrade", "echo".parse().unwrap());
            answer
        }
        _ => full(request.into_body().collect().await.unwrap().to_bytes()),
    })
}

fn full(body: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(body.into()).boxed())
}

/// Two lines at once, then two more every few milliseconds.
fn endless() -> BoxBody<Bytes, Infallible> {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_millis(5));
        while sender.send_data(Bytes::from(LINE.repeat(2))).await.is_ok() {
            interval.tick().await;
        }
    });
    body.boxed()
}

/// Who the API server would see: the headers that name a user, and the certificate of the connection.
fn who(request: &Request<Incoming>, certificate: Option<&CertificateDer<'_>>) -> String {
    let header = |name: &str| -> Vec<&str> {
        request
            .headers()
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    };
    let shown = certificate.map(|certificate| {
        let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
        certificate
            .subject()
            .iter_common_name()
            .next()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    });
    json!({
        "user": header("x-remote-user"),
        "groups": header("x-remote-group"),
        "token": header("authorization"),
        "certificate": shown,
        "version": format!("{:?}", request.version()),
    })
    .to_string()
}
