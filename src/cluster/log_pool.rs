//! Streams of logs: many over few connections, opened a few at a time. What refuses a stream is told apart by what to do
//! about it: ask the pod's status, come back later, give up.

mod carrier;
mod connection;
mod crowd;
mod places;
mod refusal;
mod seats;
mod signs_of_life;
mod stream;
mod window;
mod wire;

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, header::ACCEPT_ENCODING, response::Parts};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tower::{BoxError, ServiceExt as _};

use self::{
    carrier::{Carrier, Remedy, speaks_http2},
    connection::Connection,
    places::{NoPlace, Place, Places},
    refusal::{Failed, Refused},
    seats::{Found, Protocol, Seats},
};
pub use self::{
    crowd::gathering,
    refusal::LogRefusal,
    stream::{LogStream, StreamBroken},
};
use super::{
    connect::Cluster,
    failure::FailureKind,
    log_request::LogStreamRequest,
    patience::wanted_wait,
    status::judge_status,
    transport::BoxedWire,
    way::{RENEWAL_REST, Way},
};

/// How long a connection, or the head of an answer, may take: the head comes at once, also where no line is there yet.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// The cheap request with which a connection begins. Everybody may make it.
const WARM_UP: &str = "/version";
/// How long a last line may take.
const LINE_LIMIT: Duration = Duration::from_secs(15);
/// More of a refusal is not read.
const LONGEST_REFUSAL: usize = 64 << 10;
/// Streams that are being opened at a time: each makes the API server dial a kubelet.
const OPENING: usize = 64;
/// How often a stream that was refused because its connection is closing is tried on another.
const TRIES: u32 = 3;

/// Opens streams of logs.
pub struct LogPool {
    cluster: Cluster,
    seats: Seats,
    /// For connections of one stream each.
    places: Places,
    opening: Semaphore,
    has_served: AtomicBool,
}

/// An answer: a stream, or the words of a refusal.
struct Opened {
    head: Parts,
    stream: LogStream,
    words: String,
}

/// What a stream is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Log,
    /// It is over within seconds.
    LastLine,
}

/// The right to ask for a last line now, given back when dropped.
pub struct LastLineTurn(#[expect(dead_code, reason = "held")] Option<Place>);

/// The right to open a stream now, given back when dropped.
struct Turn<'a>(#[expect(dead_code, reason = "held")] Option<SemaphorePermit<'a>>);

/// A new connection.
enum Dialed {
    Http2(Connection),
    /// For one stream.
    Http1(BoxedWire),
}

impl LogPool {
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            seats: Seats::new(),
            places: Places::default(),
            opening: Semaphore::new(OPENING),
            has_served: AtomicBool::new(false),
        }
    }

    /// The same, with its first connection on the way, while the caller looks for what to read. Where each log takes a
    /// connection of its own, it only finds that out.
    pub fn opening(cluster: &Cluster) -> Arc<Self> {
        let pool = Arc::new(Self::new(cluster));
        let opened = Arc::clone(&pool);
        tokio::spawn(async move {
            // Why there is none is told to the first who wants a stream.
            let _ = opened
                .find_carrier(&opened.cluster.way(), Purpose::Log)
                .await;
        });
        pool
    }

    /// Whether any stream was ever opened: the caller had the right to read logs, and may have it again.
    pub fn has_served(&self) -> bool {
        self.has_served.load(Ordering::Relaxed)
    }

    /// Waits until a connection has room and the server has begun to answer. A credential that the server no longer
    /// accepts is read again, once for all streams.
    pub async fn open(&self, request: &LogStreamRequest) -> Result<LogStream, LogRefusal> {
        self.open_for(Purpose::Log, request).await
    }

    async fn open_for(
        &self,
        purpose: Purpose,
        request: &LogStreamRequest,
    ) -> Result<LogStream, LogRefusal> {
        let way = self.cluster.way();
        let refused = match self.open_on(&way, purpose, request).await {
            Ok(stream) => return Ok(stream),
            Err(refused) => refused,
        };
        if !refused.is_unauthorized() {
            return Err(self.judge_refused(request, refused));
        }
        match self.cluster.renew(&way).await {
            Ok(Some(renewed)) => {
                let again = self.open_on(&renewed, purpose, request).await;
                again.map_err(|refused| self.judge_refused(request, refused))
            }
            Ok(None) => Err(self.judge_refused(request, refused)),
            Err(failure) => Err(LogRefusal::Busy {
                wait: Some(RENEWAL_REST),
                message: failure.to_string(),
            }),
        }
    }

    /// Waits until a last line may be asked for: where each takes a connection, few are at a time. Held until it is there.
    pub async fn wait_for_last_line(&self) -> LastLineTurn {
        LastLineTurn(match self.seats.protocol() {
            Protocol::Http1 => Some(self.places.wait_for_last_line().await),
            Protocol::Http2 => None,
        })
    }

    /// The last line of the log, as it is served. `None`: the file is empty.
    pub async fn fetch_last_line(
        &self,
        _turn: &LastLineTurn,
        request: &LogStreamRequest,
    ) -> Result<Option<Bytes>, LogRefusal> {
        let request = request.of_last_line();
        let mut stream = self.open_for(Purpose::LastLine, &request).await?;
        let mut line = Vec::new();
        let whole = async {
            while let Some(chunk) = stream.chunk().await? {
                line.extend_from_slice(&chunk);
            }
            Ok::<_, StreamBroken>(())
        };
        let message = match timeout(LINE_LIMIT, whole).await {
            Ok(Ok(())) => return Ok((!line.is_empty()).then(|| line.into())),
            Ok(Err(broken)) => broken.to_string(),
            Err(_) => {
                FailureKind::TimedOut { limit: LINE_LIMIT }.words(Some(self.cluster.target()))
            }
        };
        Err(LogRefusal::Busy {
            wait: None,
            message,
        })
    }

    fn judge_refused(&self, request: &LogStreamRequest, refused: Refused) -> LogRefusal {
        let (kind, wait) = match refused {
            Refused::Failed { kind, wait } => (kind, wait),
            Refused::NoPlace(NoPlace { message }) => return LogRefusal::NoPlace { message },
        };
        match kind {
            FailureKind::NotFound { message, .. } | FailureKind::Rejected { message, .. } => {
                LogRefusal::NotThere { message }
            }
            kind @ (FailureKind::Forbidden(_) | FailureKind::Unauthorized { .. }) => {
                LogRefusal::Forbidden(Box::new(self.cluster.failure(&request.words(), kind)))
            }
            kind => LogRefusal::Busy {
                wait,
                message: kind.words(Some(self.cluster.target())),
            },
        }
    }

    /// Opens a stream with the credential of one way.
    async fn open_on(
        &self,
        way: &Arc<Way>,
        purpose: Purpose,
        request: &LogStreamRequest,
    ) -> Result<LogStream, Refused> {
        let path = request.path();
        let opened = self.exchange_patiently(way, purpose, &path).await?;
        if opened.head.status.is_success() {
            way.accept();
            self.has_served.store(true, Ordering::Relaxed);
            return Ok(opened.stream);
        }
        let kind = judge_status(opened.head.status.as_u16(), &opened.words);
        if !matches!(kind, FailureKind::Unauthorized { .. }) {
            way.accept();
        }
        let wait = wanted_wait(&opened.head.headers);
        Err(Refused::Failed { kind, wait })
    }

    /// A connection that closes takes no more streams, which says nothing about the next.
    async fn exchange_patiently(
        &self,
        way: &Arc<Way>,
        purpose: Purpose,
        path: &str,
    ) -> Result<Opened, Refused> {
        let mut tries = 1;
        loop {
            let (carrier, _turn) = self.find_carrier(way, purpose).await?;
            match self.exchange(way, carrier, path).await {
                Ok(opened) => return Ok(opened),
                Err(failed) if failed.remedy == Remedy::None || tries == TRIES => {
                    return Err(failed.kind.into());
                }
                Err(_) => tries += 1,
            }
        }
    }

    /// A seat on a connection that is open or that is opened here; over HTTP/1.1 a connection of one's own. With it, the
    /// turn to open a stream.
    async fn find_carrier(
        &self,
        way: &Arc<Way>,
        purpose: Purpose,
    ) -> Result<(Carrier, Turn<'_>), Refused> {
        let dialing = match self.seats.find(way).await? {
            Found::Seat(seat) => return Ok((Carrier::Seat(seat), self.turn().await)),
            Found::Dialing(dialing) => dialing,
        };
        // Where each stream makes a connection, there may be few of these at a time, and not too many together.
        let (place, turn) = match self.seats.protocol() {
            Protocol::Http1 => (Some(self.place(purpose)?), Some(self.turn().await)),
            Protocol::Http2 => (None, None),
        };
        let limit = ANSWER_LIMIT;
        let dialed = timeout(limit, self.dial(way)).await;
        let carrier = match dialed.unwrap_or(Err(FailureKind::TimedOut { limit })) {
            Ok(Dialed::Http2(connection)) => Carrier::Seat(dialing.share(way, connection)),
            Ok(Dialed::Http1(wire)) => {
                dialing.find_http1();
                let place = match place {
                    Some(place) => place,
                    None => self.place(purpose)?,
                };
                Carrier::Wire(wire, place)
            }
            Err(kind) => {
                dialing.fail(&kind);
                return Err(kind.into());
            }
        };
        let turn = match turn {
            Some(turn) => turn,
            None => self.turn().await,
        };
        Ok((carrier, turn))
    }

    fn place(&self, purpose: Purpose) -> Result<Place, NoPlace> {
        match purpose {
            Purpose::Log => self.places.take(),
            // Whoever asks for it has waited for its turn.
            Purpose::LastLine => Ok(Place::beside()),
        }
    }

    async fn turn(&self) -> Turn<'_> {
        // Nobody closes the semaphore.
        Turn(self.opening.acquire().await.ok())
    }

    /// Opens a connection. Over HTTP/2 it is used when it has answered a cheap request: then it is known how many streams
    /// the server allows.
    async fn dial(&self, way: &Way) -> Result<Dialed, FailureKind> {
        let judge = |error: BoxError| self.cluster.judge(error.as_ref());
        let anything = way.prepare("/").await;
        let anything = anything.map_err(|error| unexpected(error.as_ref()))?;
        let wire = way.connector.clone().oneshot(anything.uri().clone()).await;
        let wire = wire.map_err(judge)?;
        if !speaks_http2(&wire) {
            return Ok(Dialed::Http1(wire));
        }
        let connection = Connection::open(wire, self.seats.windows()).await;
        let connection = connection.map_err(judge)?;
        let carrier = Carrier::Seat(connection.sit(&Arc::default()));
        match self.exchange(way, carrier, WARM_UP).await {
            Ok(mut opened) => {
                read_words(&mut opened.stream).await;
                Ok(Dialed::Http2(connection))
            }
            Err(failed) => Err(failed.kind),
        }
    }

    /// One logged request, up to the head of its answer; a refusal is read to its end.
    async fn exchange(&self, way: &Way, carrier: Carrier, path: &str) -> Result<Opened, Failed> {
        let asked = self.cluster.asked(&Method::GET, path, b"");
        let limit = ANSWER_LIMIT;
        let answer = timeout(limit, self.send(way, carrier, path)).await;
        let answer = answer.unwrap_or(Err(FailureKind::TimedOut { limit }.into()));
        match &answer {
            Ok(Opened { head, words, .. }) => {
                let outcome = Ok((head.status.as_u16(), format!("{:?}", head.version)));
                self.cluster.report(asked, outcome, words.as_bytes());
            }
            Err(failed) => {
                let words = failed.kind.words(Some(self.cluster.target()));
                self.cluster.report(asked, Err(words), b"");
            }
        }
        answer
    }

    async fn send(&self, way: &Way, carrier: Carrier, path: &str) -> Result<Opened, Failed> {
        let request = way.prepare(path).await;
        let mut request = request.map_err(|error| unexpected(error.as_ref()))?;
        let identity = HeaderValue::from_static("identity");
        request.headers_mut().insert(ACCEPT_ENCODING, identity);
        let (head, mut stream) = carrier.send(request).await.map_err(|unanswered| Failed {
            kind: self.cluster.judge(unanswered.error.as_ref()),
            remedy: unanswered.remedy,
        })?;
        let words = if head.status.is_success() {
            String::new()
        } else {
            read_words(&mut stream).await
        };
        Ok(Opened {
            head,
            stream,
            words,
        })
    }
}

fn unexpected(error: &dyn Error) -> FailureKind {
    FailureKind::Unexpected {
        code: None,
        message: error.to_string(),
    }
}

/// The words of an answer that is no log.
async fn read_words(stream: &mut LogStream) -> String {
    let mut words = Vec::new();
    while words.len() < LONGEST_REFUSAL
        && let Ok(Some(chunk)) = stream.chunk().await
    {
        words.extend_from_slice(&chunk);
    }
    String::from_utf8_lossy(&words).into_owned()
}
