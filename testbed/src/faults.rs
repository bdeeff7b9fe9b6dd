//! Faults on the two proxies of a bed: what may go wrong, for what, how often, and the client that sets them.
//!
//! A proxy listens on a unix socket for one JSON text a line, so any test process can set and clear faults of a bed
//! that another process keeps.

pub(crate) mod carry;
pub(crate) mod control;
pub(crate) mod flow;
pub(crate) mod table;

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The extension of the file that lies beside the record of an answer which the server itself ended.
pub const COMPLETE: &str = "complete";
/// A proxy that does not answer within this time is taken for dead.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What goes wrong.
///
/// `Cut`, `CutAfter`, `BreakMidLine`, `Stall` and `StallAfter` also meet what is open already; their bytes then count
/// from now on. The bytes are those that flow back: bodies of answers, or everything from a kubelet or webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The connection is reset.
    Cut,
    /// The connection ends after this many bytes.
    CutAfter(u64),
    /// The connection ends in the middle of the first line that begins after this many bytes.
    BreakMidLine(u64),
    /// It begins later, and is well then.
    Delay(Duration),
    /// Nobody listens. The proxy before the API server refuses every new connection, whatever the matcher says.
    Refuse,
    /// Nothing moves until the fault is cleared.
    Stall,
    /// Nothing moves after this many bytes, until the fault is cleared.
    StallAfter(u64),
    /// The proxy answers in place of the server, with this HTTP status.
    Answer(u16),
}

/// What a fault is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matcher {
    Any,
    /// `host:port` that the API server dials; `:port` stands for every host.
    Target(String),
    /// A request to the API server; the path may end with a part of the query.
    Request {
        method: Option<String>,
        path_prefix: String,
    },
}

/// How often a fault happens before it clears itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    Always,
    Next(u64),
}

/// A fault as a proxy knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRule {
    pub id: u64,
    pub matcher: Matcher,
    pub fault: Fault,
    pub times: Times,
    /// How often it has happened.
    pub hits: u64,
}

/// What went through a proxy since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    pub connections: u64,
    /// Requests or dials on which a fault happened.
    pub faulted: u64,
    /// How often each was asked for: `GET /api/v1/nodes` (without query), or `10.244.1.2:9443`.
    pub requests: BTreeMap<String, u64>,
}

/// One line to a proxy.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Command {
    Set {
        matcher: Matcher,
        fault: Fault,
        times: Times,
    },
    /// Keeps the answers to requests whose path begins so, one file each; ends with `Clear`.
    Record {
        path_prefix: String,
        folder: PathBuf,
    },
    Clear {
        id: u64,
    },
    ClearAll,
    List,
    Counters,
}

/// The line back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    Set { id: u64 },
    Cleared,
    Rules(Vec<ActiveRule>),
    Counters(Counters),
    Refused(String),
}

/// Why a proxy could not be told.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("the proxy at {socket} does not answer; see `cargo xtask cluster status`")]
    Unreachable { socket: PathBuf, source: io::Error },
    #[error("the proxy at {socket} answered something else than expected: {answer}")]
    Unexpected { socket: PathBuf, answer: String },
}

/// Sets and clears the faults of one proxy.
#[derive(Clone, Debug)]
pub struct ProxyControl {
    socket: PathBuf,
}

impl ProxyControl {
    /// Of the proxy that listens for faults at this unix socket; nothing is asked yet.
    pub fn new(socket: impl Into<PathBuf>) -> ProxyControl {
        ProxyControl {
            socket: socket.into(),
        }
    }

    /// Sets a fault, which lasts until the returned value is dropped. Of several that match, the oldest happens.
    pub fn set(
        &self,
        matcher: Matcher,
        fault: Fault,
        times: Times,
    ) -> Result<ActiveFault, ControlError> {
        match self.ask(&Command::Set {
            matcher,
            fault,
            times,
        })? {
            Reply::Set { id } => Ok(ActiveFault {
                control: self.clone(),
                id,
            }),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Keeps what is answered to requests whose path begins so, until the returned value is dropped; for the proxy
    /// before the API server. Each answer is a file in `folder`, which is made: the request (method, path, user agent)
    /// in its first line, then the bytes of the body that were handed to the client. An empty file of the same name with the
    /// extension [`COMPLETE`] lies beside one that the server itself ended.
    pub fn record(
        &self,
        path_prefix: impl Into<String>,
        folder: impl Into<PathBuf>,
    ) -> Result<ActiveFault, ControlError> {
        let (path_prefix, folder) = (path_prefix.into(), folder.into());
        match self.ask(&Command::Record {
            path_prefix,
            folder,
        })? {
            Reply::Set { id } => Ok(ActiveFault {
                control: self.clone(),
                id,
            }),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Clears every fault and recording, also those of others.
    pub fn clear_all(&self) -> Result<(), ControlError> {
        self.expect_cleared(&Command::ClearAll)
    }

    /// The faults that are set, whoever set them, oldest first.
    pub fn list(&self) -> Result<Vec<ActiveRule>, ControlError> {
        match self.ask(&Command::List)? {
            Reply::Rules(rules) => Ok(rules),
            other => Err(self.unexpected(&other)),
        }
    }

    /// What went through the proxy so far.
    pub fn counters(&self) -> Result<Counters, ControlError> {
        match self.ask(&Command::Counters)? {
            Reply::Counters(counters) => Ok(counters),
            other => Err(self.unexpected(&other)),
        }
    }

    fn expect_cleared(&self, command: &Command) -> Result<(), ControlError> {
        match self.ask(command)? {
            Reply::Cleared => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    fn ask(&self, command: &Command) -> Result<Reply, ControlError> {
        exchange(&self.socket, command).map_err(|source| ControlError::Unreachable {
            socket: self.socket.clone(),
            source,
        })
    }

    fn unexpected(&self, reply: &Reply) -> ControlError {
        ControlError::Unexpected {
            socket: self.socket.clone(),
            answer: format!("{reply:?}"),
        }
    }
}

fn exchange(socket: &Path, command: &Command) -> io::Result<Reply> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let mut line = serde_json::to_string(command)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    line.clear();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// A fault or a recording that is set; dropping this clears it.
#[derive(Debug)]
#[must_use = "the fault is cleared when this value is dropped"]
pub struct ActiveFault {
    control: ProxyControl,
    id: u64,
}

impl ActiveFault {
    /// How often it has happened; `None` when it is used up.
    pub fn hits(&self) -> Result<Option<u64>, ControlError> {
        let rules = self.control.list()?;
        Ok(rules
            .into_iter()
            .find(|rule| rule.id == self.id)
            .map(|rule| rule.hits))
    }
}

impl Drop for ActiveFault {
    fn drop(&mut self) {
        // A proxy that is gone has no faults left.
        let _ = self.control.expect_cleared(&Command::Clear { id: self.id });
    }
}
