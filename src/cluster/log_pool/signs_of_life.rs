//! Whether the other side of a connection is still there: what came lately, and else the answer to a ping.

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::{sleep, timeout};

/// A connection over which nothing came for so long is asked for a sign of life,
const QUIET: Duration = Duration::from_secs(10);
/// and given up after so long without one.
const PONG_LIMIT: Duration = Duration::from_secs(10);

/// Returns when the other side gave no sign of life for too long. Whatever comes is one: behind much data on a slow way,
/// the answer to a ping can take its time.
pub(super) async fn wait_for_death(pings: Option<h2::PingPong>, bytes: &AtomicU64) {
    let Some(mut pings) = pings else {
        return std::future::pending().await;
    };
    loop {
        let before = bytes.load(Ordering::Relaxed);
        sleep(QUIET).await;
        if bytes.load(Ordering::Relaxed) == before && !is_alive(&mut pings, bytes).await {
            return;
        }
    }
}

async fn is_alive(pings: &mut h2::PingPong, bytes: &AtomicU64) -> bool {
    let mut pong = pin!(pings.ping(h2::Ping::opaque()));
    loop {
        let before = bytes.load(Ordering::Relaxed);
        match timeout(PONG_LIMIT, &mut pong).await {
            Ok(answer) => return answer.is_ok(),
            Err(_) if bytes.load(Ordering::Relaxed) == before => return false,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{DuplexStream, duplex},
        sync::oneshot,
        time::Instant,
    };

    use super::{super::wire::CountedWire, *};

    /// A connection of HTTP/2: a future that ends when this side finds the other one dead, and what silences that one.
    async fn connected() -> (impl Future<Output = ()>, oneshot::Sender<()>) {
        let (near, far) = duplex(1 << 16);
        let (silence, silenced) = oneshot::channel();
        tokio::spawn(serve(far, silenced));
        let wire = CountedWire::new(near);
        let bytes = wire.count();
        let (sender, mut connection) = h2::client::handshake(wire).await.unwrap();
        let pings = connection.ping_pong();
        let death = async move {
            let _open = sender;
            tokio::select! {
                end = connection => panic!("closed, and not found dead: {end:?}"),
                () = wait_for_death(pings, &bytes) => {}
            }
        };
        (death, silence)
    }

    /// Answers pings until it is silenced; then it holds the connection and says nothing, as a firewall does that has
    /// forgotten it.
    async fn serve(wire: DuplexStream, silenced: oneshot::Receiver<()>) {
        let mut connection = h2::server::handshake(wire).await.unwrap();
        tokio::select! {
            request = connection.accept() => panic!("a request: {request:?}"),
            _ = silenced => std::future::pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_that_answers_pings_is_alive() {
        let (death, _silence) = connected().await;
        assert!(timeout(Duration::from_hours(1), death).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_nothing_is_dead_within_half_a_minute() {
        let (death, silence) = connected().await;
        let mut death = pin!(death);
        let alive = timeout(Duration::from_mins(1), &mut death).await;
        assert!(alive.is_err());
        silence.send(()).unwrap();
        let start = Instant::now();
        death.await;
        assert!(start.elapsed() <= QUIET + QUIET + PONG_LIMIT);
    }
}
