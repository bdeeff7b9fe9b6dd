//! What is said between a bed's keeper, the process that launched it, and the handles of tests: JSON lines.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::folder::{BedFolder, write_whole};
use crate::options::Options;

/// On the keeper's stdin: the bed shall outlive the process that launched it.
pub(crate) const DETACH: &str = "detach";

/// From the keeper to the process that launched it, on stdout.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    Step(String),
    Ready,
    Failed(String),
}

/// From a handle to the keeper, on the control socket; each gets one answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Down,
    RestartApiServer,
    /// The text is the node's name.
    Node(NodeAction, String),
}

impl Request {
    /// How long the answer may take: `Down` is answered before it is carried out, the others afterwards.
    fn limit(&self) -> Duration {
        match self {
            Self::Down => Duration::from_secs(20),
            Self::RestartApiServer | Self::Node(..) => Duration::from_mins(5),
        }
    }
}

/// What can be done to a node.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum NodeAction {
    StopKubelet,
    StartKubelet,
    Kill,
    Start,
}

/// The answer to a request: nothing, or an error's text.
pub(crate) type Answer = Result<(), String>;

/// What the folder of a running bed says about it, in `bed.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) options: Options,
    /// Of the door: `https://127.0.0.1:PORT`.
    pub(crate) url: String,
    pub(crate) kubectl: PathBuf,
    pub(crate) keeper: u32,
    /// The first process of the control plane's namespaces.
    pub(crate) control_plane: u32,
}

impl Record {
    pub(crate) fn write(&self, folder: &BedFolder) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self).map_err(Error::command("writing bed.json"))?;
        write_whole(&folder.join("bed.json"), &text)
    }

    /// The record of a bed that is up, or `NotUp`.
    pub(crate) fn read(folder: &BedFolder) -> Result<Self, Error> {
        let not_up = || Error::NotUp(folder.name().to_owned());
        if !folder.is_kept() {
            return Err(not_up());
        }
        let text = fs::read(folder.join("bed.json")).map_err(|_| not_up())?;
        serde_json::from_slice(&text).map_err(|_| not_up())
    }
}

/// Sends a request to a bed's keeper and waits for the answer.
pub(crate) fn ask(folder: &BedFolder, request: &Request) -> Result<(), Error> {
    let socket = folder.control_socket();
    let mut stream =
        UnixStream::connect(&socket).map_err(|_| Error::NotUp(folder.name().to_owned()))?;
    let (limit, start) = (request.limit(), Instant::now());
    stream
        .set_read_timeout(Some(limit))
        .map_err(Error::file("read", &socket))?;
    send(&mut stream, request).map_err(Error::file("write", &socket))?;
    match receive::<Answer>(&stream) {
        Some(Ok(())) => Ok(()),
        Some(Err(text)) => Err(Error::Keeper(text)),
        None if start.elapsed() >= limit => Err(Error::TimedOut {
            what: format!("the answer of the test bed {}", folder.name()),
            seconds: limit.as_secs(),
            log: String::new(),
        }),
        None => Err(Error::NotUp(folder.name().to_owned())),
    }
}

/// Writes a value as one line.
pub(crate) fn send(out: &mut dyn Write, value: &impl Serialize) -> std::io::Result<()> {
    let line = serde_json::to_string(value)?;
    writeln!(out, "{line}")?;
    out.flush()
}

/// Reads one line's value; none at the end, or when the line is not understood.
pub(crate) fn receive<T: for<'a> Deserialize<'a>>(stream: &UnixStream) -> Option<T> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}
