//! A client of the API proxy: one connection a request, HTTP/1.1 or HTTP/2, with or without a certificate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use testbed::api_proxy::KeyPair;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::Authority;
use crate::server::{Site, runtime};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// What a client got of an answer.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether the body came to its proper end.
    pub(crate) is_whole: bool,
}

pub(crate) struct Client {
    address: SocketAddr,
    config: ClientConfig,
}

impl Client {
    /// Trusts the site's authority, and shows a certificate when there is one.
    pub(crate) fn new(site: &Site, shown: Option<&KeyPair>) -> Client {
        Client {
            address: site.address,
            config: config(&site.authority, shown),
        }
    }

    /// Asks and reads the answer as far as it comes; the error is a connection that broke before any answer.
    pub(crate) fn get(
        &self,
        protocol: Protocol,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Got> {
        runtime().block_on(async {
            let answer = self.ask(protocol, path, headers).await?;
            let (parts, mut body) = answer.into_parts();
            let mut bytes = Vec::new();
            let is_whole = read_on(&mut body, &mut bytes, usize::MAX).await;
            let body = String::from_utf8(bytes).unwrap();
            Ok(Got {
                status: parts.status,
                headers: parts.headers,
                body,
                is_whole,
            })
        })
    }

    /// Asks, reads at least `least` bytes of the answer, does something, and reads on as far as it comes.
    pub(crate) fn get_meanwhile(
        &self,
        protocol: Protocol,
        path: &str,
        least: usize,
        meanwhile: impl FnOnce(),
    ) -> io::Result<(Vec<u8>, bool)> {
        runtime().block_on(async {
            let mut body = self.ask(protocol, path, &[]).await?.into_body();
            let mut bytes = Vec::new();
            read_on(&mut body, &mut bytes, least).await;
            meanwhile();
            let is_whole = read_on(&mut body, &mut bytes, usize::MAX).await;
            Ok((bytes, is_whole))
        })
    }

    /// Whether nothing comes back within a short time.
    pub(crate) fn hangs(&self, protocol: Protocol, path: &str) -> bool {
        runtime().block_on(async {
            let asked =
                tokio::time::timeout(Duration::from_millis(200), self.ask(protocol, path, &[]));
            asked.await.is_err()
        })
    }

    pub(crate) async fn ask(
        &self,
        protocol: Protocol,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Response<Incoming>> {
        let stream = TokioIo::new(self.connect(protocol).await?);
        let mut request = Request::get(format!("https://localhost{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Empty::<Bytes>::new()).unwrap();
        let sent = match protocol {
            Protocol::Http1 => {
                *request.uri_mut() = path.parse().unwrap();
                let (mut sender, connection) =
                    hyper::client::conn::http1::handshake(stream).await.unwrap();
                tokio::spawn(connection.with_upgrades());
                sender.send_request(request).await
            }
            Protocol::Http2 => {
                let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
                let (mut sender, connection) = handshake.await.map_err(io::Error::other)?;
                tokio::spawn(connection);
                sender.send_request(request).await
            }
        };
        sent.map_err(io::Error::other)
    }

    /// Asks for `path` many times on one HTTP/2 connection that also carries `unread`, and reads only the many.
    pub(crate) async fn ask_many(&self, path: &str, times: usize, unread: &str) -> Vec<String> {
        let stream = TokioIo::new(self.connect(Protocol::Http2).await.unwrap());
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (mut sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let request = |path: &str| {
            Request::get(format!("https://localhost{path}")).body(Empty::<Bytes>::new())
        };
        let _unread = sender.send_request(request(unread).unwrap()).await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..times {
            answers.push(sender.send_request(request(path).unwrap()).await.unwrap());
        }
        let mut bodies = Vec::new();
        for answer in answers {
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            bodies.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        bodies
    }

    async fn connect(&self, protocol: Protocol) -> io::Result<TlsStream<TcpStream>> {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![match protocol {
            Protocol::Http1 => b"http/1.1".to_vec(),
            Protocol::Http2 => b"h2".to_vec(),
        }];
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config))
            .connect("localhost".try_into().unwrap(), stream)
            .await
    }
}

/// Reads until `least` bytes are there or nothing more comes; says whether the body ended well.
async fn read_on(body: &mut Incoming, bytes: &mut Vec<u8>, least: usize) -> bool {
    while bytes.len() < least {
        match body.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => bytes.extend(frame.into_data().unwrap_or_default()),
        }
    }
    false
}

fn config(authority: &Authority, shown: Option<&KeyPair>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority.folder.path().join("ca.crt")).unwrap())
        .unwrap();
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
    match shown {
        None => builder.with_no_client_auth(),
        Some(shown) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(&shown.certificate).unwrap()],
                PrivateKeyDer::from_pem_file(&shown.key).unwrap(),
            )
            .unwrap(),
    }
}
