//! The way to the server as one caller: what each request carries, and what opens connections for it. It is made anew
//! when the server no longer accepts a credential that it had accepted: token files change, and plugins give new tokens.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Uri, uri::PathAndQuery};
use kube::{Client, Config, client::Body};
use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};
use tower::{BoxError, ServiceExt as _};

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind},
    options::ConnectionOptions,
    proxy::Proxy,
    transport::{self, Connector, Preparation},
};

/// After a credential was read again in vain, it is not read again for so long.
pub(super) const RENEWAL_REST: Duration = Duration::from_secs(30);

/// One credential, and the connections that show it.
pub(super) struct Way {
    pub(super) client: Client,
    pub(super) connector: Connector,
    preparation: Preparation,
    /// A request for no path, with all that this caller's requests carry; none where that changes: tokens in files do.
    carried: Option<OnceCell<Request<()>>>,
    /// Whether the server has ever taken the credential.
    accepted: AtomicBool,
}

impl Way {
    /// Parses certificates and keys. Nothing is sent.
    pub(super) fn new(config: &Config, proxy: Option<&Proxy>) -> Result<Self, BoxError> {
        let connector = transport::connector(config, proxy)?;
        Ok(Self {
            client: transport::client(config, &connector)?,
            preparation: transport::preparation(config)?,
            carried: is_fixed(config).then(OnceCell::new),
            connector,
            accepted: AtomicBool::new(false),
        })
    }

    /// A request for a path and its query, with all that this caller's requests carry. Where that stays, it is found once:
    /// of a thousand logs, each asks for one.
    pub(super) async fn prepare(&self, path: &str) -> Result<Request<()>, BoxError> {
        let mut request = match &self.carried {
            Some(carried) => carried
                .get_or_try_init(|| self.prepare_once())
                .await?
                .clone(),
            None => self.prepare_once().await?,
        };
        let mut uri = request.uri().clone().into_parts();
        let base = request.uri().path().trim_end_matches('/');
        let path = Bytes::from([base, path].concat());
        uri.path_and_query = Some(PathAndQuery::from_maybe_shared(path)?);
        *request.uri_mut() = Uri::from_parts(uri)?;
        Ok(request)
    }

    async fn prepare_once(&self) -> Result<Request<()>, BoxError> {
        let anything = Request::new(Body::empty());
        let prepared = self.preparation.clone().oneshot(anything).await?;
        Ok(prepared.into_body().map(drop))
    }

    /// Remembers that the server knows the caller.
    pub(super) fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    fn was_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// Whether each request carries the same. What a plugin gave is a token by now.
fn is_fixed(config: &Config) -> bool {
    config.auth_info.token_file.is_none() && config.auth_info.auth_provider.is_none()
}

/// The way that is used now, and how to find a new one.
pub(super) struct Ways {
    current: RwLock<Arc<Way>>,
    options: ConnectionOptions,
    /// Held while a credential is read again; says how that went last.
    renewal: Mutex<Option<Renewal>>,
}

/// A credential was read again.
struct Renewal {
    at: Instant,
    failure: Option<Failure>,
}

impl Renewal {
    fn of(result: &Result<Arc<Way>, Failure>) -> Self {
        Self {
            at: Instant::now(),
            failure: result.as_ref().err().cloned(),
        }
    }
}

impl Ways {
    pub(super) fn new(way: Way, options: ConnectionOptions) -> Self {
        Self {
            current: RwLock::new(Arc::new(way)),
            options,
            renewal: Mutex::default(),
        }
    }
}

impl Cluster {
    pub(super) fn way(&self) -> Arc<Way> {
        let current = self.ways.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Another way than the one whose credential was refused: the credential is read again, once for all who ask.
    /// `None` where that would not help: the server never accepted any, or this one was read just now.
    pub(super) async fn renew(&self, refused: &Arc<Way>) -> Result<Option<Arc<Way>>, Failure> {
        let mut last = self.ways.renewal.lock().await;
        let current = self.way();
        if !Arc::ptr_eq(&current, refused) {
            return Ok(Some(current));
        }
        match &*last {
            None if !refused.was_accepted() => return Ok(None),
            Some(Renewal { at, failure }) if at.elapsed() < RENEWAL_REST => match failure {
                Some(failure) => return Err(failure.clone()),
                None if !refused.was_accepted() => return Ok(None),
                None => {}
            },
            _ => {}
        }
        let found = self.find_way_again().await;
        *last = Some(Renewal::of(&found));
        let way = found?;
        let current = self.ways.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = Arc::clone(&way);
        Ok(Some(way))
    }

    /// Reads the kubeconfig again, at the context of this connection, also where another has become the current one.
    async fn find_way_again(&self) -> Result<Arc<Way>, Failure> {
        let mut options = self.ways.options.clone();
        if !self.target.context.is_empty() {
            options.context = Some(self.target.context.clone());
        }
        let again = Box::pin(Self::connect(&options)).await?;
        if again.target.server != self.target.server {
            let message = format!(
                "the credential of {} expired, and the kubeconfig now leads to {}",
                self.target.server, again.target.server
            );
            let kind = FailureKind::Unexpected {
                code: None,
                message,
            };
            return Err(self.failure("read the credential again", kind));
        }
        Ok(again.way())
    }
}

#[cfg(test)]
mod tests {
    use http::header::USER_AGENT;

    use super::*;

    fn way(change: impl FnOnce(&mut Config)) -> Way {
        let mut config = Config::new("https://server:6443/clusters/a/".parse().unwrap());
        config.headers.push(transport::user_agent());
        change(&mut config);
        Way::new(&config, None).unwrap()
    }

    #[tokio::test]
    async fn requests_are_prepared_below_the_path_of_the_server_with_what_all_carry() {
        let way = way(|_| {});
        for path in ["/api/v1/pods?limit=5", "/version"] {
            let request = way.prepare(path).await.unwrap();
            let whole = format!("https://server:6443/clusters/a{path}");
            assert_eq!(request.uri().to_string(), whole);
            assert!(request.headers().contains_key(USER_AGENT));
        }
    }

    #[tokio::test]
    async fn only_what_cannot_change_is_prepared_once() {
        assert!(way(|_| {}).carried.is_some());
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "token").unwrap();
        let path = token.path().display().to_string();
        let of_a_file = way(|config| config.auth_info.token_file = Some(path));
        assert!(of_a_file.carried.is_none());
    }
}
