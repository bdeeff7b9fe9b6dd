//! One HTTP/2 connection for many streams: its windows, the count of its streams, and its end.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use http::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tower::BoxError;

use super::{crowd::OneOfMany, signs_of_life::wait_for_death, wire::CountedWire};
use crate::cluster::transport::{BoxedWire, CONNECTION_WINDOW};

/// Of the hundred streams that an API server allows on a connection, some are left for what it does not count as we do.
pub(super) const STREAMS: usize = 90;
/// Until the server has confirmed one change of its streams' windows, there can be no other.
const WINDOW_REST: Duration = Duration::from_millis(200);
/// As large as one record of TLS: larger frames only wait for each other.
const FRAME: u32 = 16 << 10;

/// A connection that carries several streams.
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    vitals: Arc<Vitals>,
}

/// What is known of a connection by all who use it.
#[derive(Default)]
struct Vitals {
    /// Streams that it carries or has promised to carry.
    streams: AtomicUsize,
    /// It takes no more streams; those that it has may go on.
    closing: AtomicBool,
}

/// The right to one stream of a connection, given back when dropped.
pub(super) struct Seat {
    sender: SendRequest<Bytes>,
    vitals: Arc<Vitals>,
    /// Told when the seat is free again.
    left: Arc<Notify>,
    _one: OneOfMany,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.vitals.streams.fetch_sub(1, Ordering::Relaxed);
        self.left.notify_one();
    }
}

impl Connection {
    /// Greets the server. What keeps the connection going runs by itself, until it is closed.
    pub(super) async fn open(
        wire: BoxedWire,
        mut windows: watch::Receiver<u32>,
    ) -> Result<Self, BoxError> {
        let wire = CountedWire::new(TokioIo::new(wire));
        let bytes = wire.count();
        let window = *windows.borrow_and_update();
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .initial_connection_window_size(CONNECTION_WINDOW)
            // Lines that are followed are small frames; h2 would take many that wait to be read for an attack.
            .data_frame_budget(usize::MAX)
            .max_frame_size(FRAME)
            .enable_push(false)
            .handshake(wire)
            .await?;
        let vitals = Arc::new(Vitals::default());
        tokio::spawn(drive(connection, Arc::clone(&vitals), bytes, windows));
        Ok(Self { sender, vitals })
    }

    /// How many more streams it can take.
    pub(super) fn free(&self) -> usize {
        if self.vitals.closing.load(Ordering::Relaxed) {
            return 0;
        }
        // Known since the first answer; a server that allows less than others is not asked for more.
        let most = STREAMS.min(self.sender.current_max_send_streams());
        most.saturating_sub(self.streams())
    }

    pub(super) fn streams(&self) -> usize {
        self.vitals.streams.load(Ordering::Relaxed)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.vitals.closing.load(Ordering::Relaxed)
    }

    /// Takes a seat; the caller has looked whether one is free.
    pub(super) fn sit(&self, left: &Arc<Notify>) -> Seat {
        self.vitals.streams.fetch_add(1, Ordering::Relaxed);
        Seat {
            sender: self.sender.clone(),
            vitals: Arc::clone(&self.vitals),
            left: Arc::clone(left),
            _one: OneOfMany::new(),
        }
    }
}

impl Seat {
    /// Sends a request without a body, and waits for the answer's head. After an error that concerns the whole
    /// connection, nobody else is seated on it.
    pub(super) async fn send(
        &self,
        mut request: Request<()>,
    ) -> Result<Response<RecvStream>, h2::Error> {
        *request.version_mut() = Version::HTTP_2;
        let answer = self.exchange(request).await;
        if let Err(error) = &answer
            && (error.is_go_away() || error.is_io() || error.is_library())
        {
            self.vitals.closing.store(true, Ordering::Relaxed);
        }
        answer
    }

    async fn exchange(&self, request: Request<()>) -> Result<Response<RecvStream>, h2::Error> {
        let mut sender = self.sender.clone().ready().await?;
        let (answer, _) = sender.send_request(request, true)?;
        answer.await
    }

    /// Whether another connection may take what this one did not.
    pub(super) fn is_closing(&self) -> bool {
        self.vitals.closing.load(Ordering::Relaxed)
    }
}

type ServerConnection = h2::client::Connection<CountedWire<TokioIo<BoxedWire>>, Bytes>;

/// Keeps a connection going until it is closed or found dead. Dropping it tells all of its streams.
async fn drive(
    mut connection: ServerConnection,
    vitals: Arc<Vitals>,
    bytes: Arc<AtomicU64>,
    mut windows: watch::Receiver<u32>,
) {
    let pings = connection.ping_pong();
    let mut death = pin!(wait_for_death(pings, &bytes));
    let mut is_due = false;
    loop {
        tokio::select! {
            _ = &mut connection => break,
            () = &mut death => break,
            Ok(()) = windows.changed() => is_due = true,
            () = sleep(WINDOW_REST), if is_due => {}
        }
        if is_due {
            is_due = connection
                .set_initial_window_size(*windows.borrow())
                .is_err();
        }
    }
    vitals.closing.store(true, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Serves one stream that has said a word, asks the client to go elsewhere, and says another word.
    async fn serve_and_say_goodbye(listener: TcpListener) {
        let (wire, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(wire).await.unwrap();
        let (_, mut answer) = connection.accept().await.unwrap().unwrap();
        let mut body = answer.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from("before"), false).unwrap();
        connection.graceful_shutdown();
        body.send_data(Bytes::from("after"), true).unwrap();
        while let Some(request) = connection.accept().await {
            drop(request);
        }
    }

    const LARGE_ENOUGH: u32 = 1 << 16;

    async fn connected() -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_and_say_goodbye(listener));
        let wire: BoxedWire = Box::new(TokioIo::new(TcpStream::connect(address).await.unwrap()));
        let (_, windows) = watch::channel(LARGE_ENOUGH);
        Connection::open(wire, windows).await.unwrap()
    }

    fn request() -> Request<()> {
        Request::get("http://server/log").body(()).unwrap()
    }

    #[tokio::test]
    async fn a_connection_that_is_to_go_ends_its_streams_well_and_takes_no_more() {
        let connection = connected().await;
        let seat = connection.sit(&Arc::default());
        assert_eq!((connection.streams(), connection.free()), (1, STREAMS - 1));
        let mut body = seat.send(request()).await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "before");
        assert_eq!(body.data().await.unwrap().unwrap(), "after");
        assert!(body.data().await.is_none());
        let late = connection.sit(&Arc::default());
        let refused = late.send(request()).await.unwrap_err();
        assert!(refused.is_go_away() || refused.is_io(), "{refused}");
        assert!(late.is_closing());
        assert_eq!(connection.free(), 0);
    }

    #[tokio::test]
    async fn a_seat_that_is_left_is_free_and_told() {
        let connection = connected().await;
        let left = Arc::new(Notify::new());
        let seats: Vec<_> = (0..STREAMS).map(|_| connection.sit(&left)).collect();
        assert_eq!(connection.free(), 0);
        drop(seats);
        left.notified().await;
        assert_eq!(connection.free(), STREAMS);
    }
}
