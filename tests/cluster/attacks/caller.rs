//! A caller of the API server with nothing between a request and the wire: the administrator, or whoever has a token.

use std::sync::Arc;

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::Value;
use testbed::Testbed;

/// One request, as it goes over the wire.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// What the API server said to it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

pub(super) struct Caller {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    server: String,
    token: Option<String>,
}

impl Caller {
    /// Whoever has the bed's certificate of its administrator.
    pub(super) fn administrator(bed: &Testbed) -> Self {
        let files = bed.admin_files();
        let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap();
        let chain = chain.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let tls = trusting(bed).with_client_auth_cert(chain, key).unwrap();
        Self::new(bed, tls, None)
    }

    /// Whoever this token belongs to, and nobody else: no certificate is at hand that would win over it.
    pub(super) fn with_token(bed: &Testbed, token: String) -> Self {
        Self::new(bed, trusting(bed).with_no_client_auth(), Some(token))
    }

    fn new(bed: &Testbed, tls: ClientConfig, token: Option<String>) -> Self {
        // A request that changes the protocol, as exec does, takes HTTP/1.1.
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .build();
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            server: bed.url().to_owned(),
            token,
        }
    }

    pub(super) async fn send(&self, call: &Call) -> Answer {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.server, call.path));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let body = call.body.as_ref().map_or_else(Bytes::new, body_bytes);
        let request = request.body(Full::new(body)).unwrap();
        let answer = self.client.request(request).await.unwrap();
        let status = answer.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Answer {
                status,
                text: String::new(),
            };
        }
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            text: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

fn body_bytes(body: &Value) -> Bytes {
    Bytes::from(body.to_string())
}

fn trusting(bed: &Testbed) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(bed.admin_files().authority).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
}
