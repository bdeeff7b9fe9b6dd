//! The way to the server as one caller: what each request carries, and what opens connections for it. It is made anew
//! when the server no longer accepts a credential that it had accepted: token files change, and plugins give new tokens.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kube::{Client, Config};
use tokio::{sync::Mutex, time::Instant};
use tower::BoxError;

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
    pub(super) preparation: Preparation,
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
            connector,
            accepted: AtomicBool::new(false),
        })
    }

    /// Remembers that the server knows the caller.
    pub(super) fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    fn was_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }
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
