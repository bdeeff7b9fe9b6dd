//! Keeps what the proxy handed to clients: one file an answer, with the request in its first line and the bytes of the
//! body behind it. So a bench knows what each client was served, and not only what it made of it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::Request;
use hyper::body::Bytes;
use hyper::header::USER_AGENT;

/// The record of one answer, written as its body passes.
pub(super) struct Recorder {
    file: File,
}

impl Recorder {
    /// Begins a record in this folder. One that cannot be written is left out; who reads the folder misses it.
    pub(super) fn begin<B>(folder: &Path, request: &Request<B>) -> Option<Recorder> {
        Recorder::create(folder, request).ok()
    }

    fn create<B>(folder: &Path, request: &Request<B>) -> io::Result<Recorder> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(folder)?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut file = File::create(folder.join(format!("{count:08}")))?;
        let agent = request.headers().get(USER_AGENT);
        let agent = agent
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default();
        writeln!(file, "{} {} {agent}", request.method(), request.uri())?;
        Ok(Recorder { file })
    }

    /// Keeps bytes that pass now.
    pub(super) fn keep(&mut self, bytes: &Bytes) {
        // A full disk shows in the records, which then hold less than the client got.
        let _ = self.file.write_all(bytes);
    }
}
