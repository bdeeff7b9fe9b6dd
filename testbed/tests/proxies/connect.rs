//! The CONNECT proxy between the API server and what it dials.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testbed::connect_proxy::serve_connect;
use testbed::faults::{ActiveFault, Fault, Matcher, ProxyControl, Times};

use crate::server::{in_background, listen, until};

/// The proxy, and a server behind it that sends back what it hears, one byte at a time as it comes.
struct Site {
    folder: TempDir,
    target: SocketAddr,
    control: ProxyControl,
}

impl Site {
    fn start() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let (socket, control) = (
            folder.path().join("connect.sock"),
            folder.path().join("control.sock"),
        );
        let server = listen();
        let target = server.local_addr().unwrap();
        thread::spawn(move || echo(&server));
        let proxy_control = control.clone();
        in_background(async move { serve_connect(&socket, &proxy_control).await.unwrap() });
        let control = ProxyControl::new(control);
        until(|| control.list().is_ok());
        Site {
            folder,
            target,
            control,
        }
    }

    fn set(&self, fault: Fault) -> ActiveFault {
        self.control
            .set(
                Matcher::Target(self.target.to_string()),
                fault,
                Times::Always,
            )
            .unwrap()
    }

    /// Dials `target` and gives the connection with the status line.
    fn dial(&self, target: &str) -> (UnixStream, String) {
        let mut stream = UnixStream::connect(self.folder.path().join("connect.sock")).unwrap();
        write!(
            stream,
            "CONNECT {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
            head.push(byte[0]);
        }
        let status = String::from_utf8(head)
            .unwrap()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        (stream, status)
    }

    fn dial_server(&self) -> (UnixStream, String) {
        self.dial(&self.target.to_string())
    }
}

fn echo(server: &TcpListener) {
    for stream in server.incoming() {
        let mut stream: TcpStream = stream.unwrap();
        thread::spawn(move || {
            let mut heard = [0; 1024];
            while let Ok(length @ 1..) = stream.read(&mut heard) {
                if stream.write_all(&heard[..length]).is_err() {
                    break;
                }
            }
        });
    }
}

/// Says something and reads the echo as far as it comes.
fn talk(mut stream: &UnixStream, words: &str) -> String {
    stream.write_all(words.as_bytes()).unwrap();
    let mut heard = vec![0; words.len()];
    let mut length = 0;
    while length < heard.len() {
        match stream.read(&mut heard[length..]) {
            Ok(0) | Err(_) => break,
            Ok(read) => length += read,
        }
    }
    String::from_utf8_lossy(&heard[..length]).into_owned()
}

#[test]
fn a_dial_is_carried_and_counted() {
    let site = Site::start();
    let (stream, status) = site.dial_server();
    assert_eq!(
        (status.as_str(), talk(&stream, "hello").as_str()),
        ("HTTP/1.1 200 OK", "hello")
    );
    assert_eq!(
        site.control.counters().unwrap().requests[&site.target.to_string()],
        1
    );
}

#[test]
fn a_target_without_a_listener_is_named_with_its_cause() {
    let site = Site::start();
    let closed = listen().local_addr().unwrap().to_string();
    let (_, status) = site.dial(&closed);
    assert_eq!(
        status,
        format!("HTTP/1.1 502 dial tcp {closed}: connect: connection refused")
    );
}

#[test]
fn a_refusal_looks_like_a_target_without_a_listener() {
    let site = Site::start();
    let fault = site.set(Fault::Refuse);
    let expected = format!(
        "HTTP/1.1 502 dial tcp {}: connect: connection refused",
        site.target
    );
    assert_eq!(site.dial_server().1, expected);
    drop(fault);
    assert_eq!(site.dial_server().1, "HTTP/1.1 200 OK");
}

#[test]
fn a_cut_closes_without_an_answer_and_an_answer_is_the_one_that_was_set() {
    let site = Site::start();
    let fault = site.set(Fault::Cut);
    assert_eq!(site.dial_server().1, "");
    drop(fault);
    let _fault = site.set(Fault::Answer(503));
    assert_eq!(site.dial_server().1, "HTTP/1.1 503 Service Unavailable");
}

#[test]
fn a_cut_after_n_bytes_delivers_exactly_these() {
    let site = Site::start();
    let _fault = site.set(Fault::CutAfter(3));
    assert_eq!(talk(&site.dial_server().0, "hello"), "hel");
}

#[test]
fn a_delay_comes_before_the_dial() {
    let site = Site::start();
    let _fault = site.set(Fault::Delay(Duration::from_millis(120)));
    let start = Instant::now();
    assert_eq!(site.dial_server().1, "HTTP/1.1 200 OK");
    assert!(start.elapsed() >= Duration::from_millis(120));
}

#[test]
fn an_open_connection_is_cut_and_stalled_by_a_fault_set_later() {
    let site = Site::start();
    let (stream, _) = site.dial_server();
    assert_eq!(talk(&stream, "hello"), "hello");
    let stall = site.set(Fault::Stall);
    until(|| stall.hits().unwrap() == Some(1));
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    assert_eq!(talk(&stream, "again"), "");
    stream.set_read_timeout(None).unwrap();
    drop(stall);
    let mut late = [0; 5];
    (&stream).read_exact(&mut late).unwrap();
    assert_eq!(&late, b"again");

    let _cut = site.set(Fault::Cut);
    assert_eq!((&stream).read(&mut late).unwrap(), 0);
}

#[test]
fn an_open_connection_ends_when_the_next_dial_is_to_be_refused() {
    let site = Site::start();
    let (mut stream, _) = site.dial_server();
    let _fault = site.set(Fault::Refuse);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}
