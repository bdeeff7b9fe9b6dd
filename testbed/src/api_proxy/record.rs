//! Keeps what the proxy handed to clients: one file an answer, with the request in its first line and the bytes of the
//! body behind it, and an empty one beside it where the server ended the answer. So a bench knows what each client was
//! served, and not only what it made of it. A thread writes, so that no client waits for the disk.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use hyper::Request;
use hyper::body::Bytes;
use hyper::header::USER_AGENT;
use tokio::sync::oneshot;

use crate::faults::COMPLETE;

/// To the thread that writes, once there is one.
static WRITER: OnceLock<Sender<Order>> = OnceLock::new();

/// What the thread is to do, in this order. Records have numbers.
enum Order {
    Begin {
        record: u64,
        path: PathBuf,
        head: String,
    },
    Keep {
        record: u64,
        bytes: Bytes,
    },
    /// The server said that this was all.
    Complete {
        path: PathBuf,
    },
    End {
        record: u64,
    },
    /// Answer when all that came before is written.
    Tell(oneshot::Sender<()>),
}

/// The record of one answer, written as its body passes. One that cannot be written is left out or ends early: who
/// reads the folder finds less than the client got.
pub(super) struct Recorder {
    record: u64,
    path: PathBuf,
    writer: &'static Sender<Order>,
}

impl Recorder {
    /// Begins a record in this folder.
    pub(super) fn begin<B>(folder: &Path, request: &Request<B>) -> Recorder {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let record = COUNT.fetch_add(1, Ordering::Relaxed);
        let agent = request.headers().get(USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        let path = folder.join(format!("{record:08}"));
        let recorder = Recorder {
            record,
            path: path.clone(),
            writer: WRITER.get_or_init(start_writer),
        };
        recorder.order(Order::Begin {
            record,
            path,
            head: format!(
                "{} {} {}\n",
                request.method(),
                request.uri(),
                agent.unwrap_or_default()
            ),
        });
        recorder
    }

    /// Keeps bytes that pass now.
    pub(super) fn keep(&self, bytes: &Bytes) {
        self.order(Order::Keep {
            record: self.record,
            bytes: bytes.clone(),
        });
    }

    /// The server has ended the answer, and the client was told so.
    pub(super) fn complete(&self) {
        self.order(Order::Complete {
            path: self.path.with_extension(COMPLETE),
        });
    }

    fn order(&self, order: Order) {
        // The thread ends with the process only.
        drop(self.writer.send(order));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let record = self.record;
        self.order(Order::End { record });
    }
}

/// Returns when everything that was kept so far is in its file.
pub(crate) async fn wait_until_written() {
    let Some(writer) = WRITER.get() else { return };
    let (sender, written) = oneshot::channel();
    if writer.send(Order::Tell(sender)).is_ok() {
        drop(written.await);
    }
}

fn start_writer() -> Sender<Order> {
    let (sender, orders) = mpsc::channel();
    thread::spawn(move || write(&orders));
    sender
}

fn write(orders: &Receiver<Order>) {
    let mut files = HashMap::new();
    for order in orders {
        match order {
            Order::Begin { record, path, head } => {
                if let Ok(file) = create(&path, &head) {
                    files.insert(record, file);
                }
            }
            Order::Keep { record, bytes } => {
                let file = files.get_mut(&record);
                if file.is_some_and(|file| file.write_all(&bytes).is_err()) {
                    files.remove(&record);
                }
            }
            // As with a record: one that cannot be written is left out.
            Order::Complete { path } => drop(File::create(path)),
            Order::End { record } => {
                files.remove(&record);
            }
            Order::Tell(asker) => drop(asker.send(())),
        }
    }
}

fn create(path: &Path, head: &str) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    file.write_all(head.as_bytes())?;
    Ok(file)
}
