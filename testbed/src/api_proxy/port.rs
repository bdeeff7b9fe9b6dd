//! The port for clients, which can be closed and opened again without giving it up.
//!
//! The socket stays the same all the time, so it also stays in the network in which it was made.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use rustix::net::Shutdown;
use tokio::net::TcpStream;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How often another free port is tried.
const BIND_TRIES: u8 = 10;

/// Binds a free port of 127.0.0.1 for [`super::ApiProxyOptions::listener`].
///
/// It is bound by its number, because only such a socket keeps its port while it does not listen.
pub fn bind_free_port() -> io::Result<TcpListener> {
    let mut tries = 0;
    loop {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        match TcpListener::bind(free) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < BIND_TRIES => {
                tries += 1;
            }
            bound => return bound,
        }
    }
}

pub(super) struct Port {
    socket: TcpListener,
    /// Nothing while the port is closed: an event loop never forgets that a socket was shut down.
    listening: Option<tokio::net::TcpListener>,
}

impl Port {
    /// Takes over a socket that listens.
    pub(super) fn open(socket: TcpListener) -> io::Result<Port> {
        socket.set_nonblocking(true)?;
        let listening = Some(registered(&socket)?);
        Ok(Port { socket, listening })
    }

    /// From now on connections are refused, also those that wait.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if self.listening.take().is_some() {
            rustix::net::shutdown(&self.socket, Shutdown::Read)?;
        }
        Ok(())
    }

    /// Listens again, if it does not.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if self.listening.is_none() {
            rustix::net::listen(&self.socket, BACKLOG)?;
            self.listening = Some(registered(&self.socket)?);
        }
        Ok(())
    }

    /// The next client; waits for ever while the port is closed.
    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        match &self.listening {
            Some(listening) => Ok(listening.accept().await?.0),
            None => pending().await,
        }
    }
}

fn registered(socket: &TcpListener) -> io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(socket.try_clone()?)
}
