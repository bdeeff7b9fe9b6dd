//! The control socket of a proxy: reads commands, one JSON text a line, and answers each with one.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::table::FaultTable;
use super::{Command, Reply};
use crate::api_proxy::record;

/// Listens at `path`, where an earlier proxy may have left its socket.
pub(crate) fn bind_fresh(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

/// The pause after an accept that failed, for example because too many files are open: it may work again soon, and
/// one such failure must not end a whole proxy.
pub(crate) async fn rest_after_failed_accept() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Answers everyone who connects, for ever.
pub(crate) async fn serve_control(listener: UnixListener, table: Arc<FaultTable>) -> Infallible {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            rest_after_failed_accept().await;
            continue;
        };
        let table = Arc::clone(&table);
        // Somebody who goes away without reading the answer is nobody's error.
        tokio::spawn(async move { drop(answer_lines(stream, &table).await) });
    }
}

async fn answer_lines(stream: UnixStream, table: &FaultTable) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        let reply = match serde_json::from_str(&line) {
            Ok(command) => {
                let reply = obey(table, command);
                // Who ends a recording goes on to read it.
                record::wait_until_written().await;
                reply
            }
            Err(error) => Reply::Refused(error.to_string()),
        };
        let mut text = serde_json::to_string(&reply)?;
        text.push('\n');
        writer.write_all(text.as_bytes()).await?;
    }
    Ok(())
}

fn obey(table: &FaultTable, command: Command) -> Reply {
    match command {
        Command::Set {
            matcher,
            fault,
            times,
        } => Reply::Set {
            id: table.set(matcher, fault, times),
        },
        Command::Record {
            path_prefix,
            folder,
        } => Reply::Set {
            id: table.record(path_prefix, folder),
        },
        Command::Clear { id } => {
            table.clear(id);
            Reply::Cleared
        }
        Command::ClearAll => {
            table.clear_all();
            Reply::Cleared
        }
        Command::List => Reply::Rules(table.list()),
        Command::Counters => Reply::Counters(table.counters()),
    }
}
