//! Watches what arrives of many followed logs: which lines, of how many pods, and when the last pod's first came.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::ChildStdout;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::printed::Printed;

/// How exactly an arrival in a file is seen.
const PERIOD: Duration = Duration::from_millis(5);

/// Reads the lines that a program prints, each with its pod before it.
pub(super) struct Observer {
    seen: Arc<Mutex<Seen>>,
    thread: JoinHandle<()>,
}

/// What has arrived so far.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) printed: Printed,
    /// When the newest pod's first line came.
    pub(super) newest: Instant,
}

impl Seen {
    pub(super) fn pods(&self) -> usize {
        self.printed.pods()
    }
}

impl Observer {
    /// Begins to read.
    pub(super) fn new(stdout: ChildStdout) -> Observer {
        let seen = Arc::new(Mutex::new(Seen {
            printed: Printed::default(),
            newest: Instant::now(),
        }));
        let shared = Arc::clone(&seen);
        let thread = thread::spawn(move || read(stdout, &shared));
        Observer { seen, thread }
    }

    /// Waits until `enough`, or until the limit, and returns what has come by then.
    pub(super) fn wait(&self, limit: Duration, enough: impl Fn(&Seen) -> bool) -> Seen {
        let start = Instant::now();
        loop {
            {
                let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                if enough(&seen) || start.elapsed() > limit {
                    return seen.clone();
                }
            }
            thread::sleep(PERIOD);
        }
    }

    /// All that was printed, once the program has ended.
    pub(super) fn finish(self) -> Printed {
        // A reader that broke down has seen too little, which the caller notices.
        let _ = self.thread.join();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.printed.clone()
    }
}

fn read(stdout: ChildStdout, seen: &Mutex<Seen>) {
    let mut reader = BufReader::with_capacity(256 * 1024, stdout);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line) {
        let now = Instant::now();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.pods();
        seen.printed.add(line.strip_suffix(b"\n").unwrap_or(&line));
        if seen.pods() > before {
            seen.newest = now;
        }
        drop(seen);
        line.clear();
    }
}

/// Waits until all files have something in them, or until the limit; returns how many have.
pub(super) fn wait_for_files(files: &[PathBuf], limit: Duration) -> usize {
    let start = Instant::now();
    let mut empty: Vec<&PathBuf> = files.iter().collect();
    loop {
        empty.retain(|file| file.metadata().map_or(true, |status| status.len() == 0));
        if empty.is_empty() || start.elapsed() > limit {
            return files.len() - empty.len();
        }
        thread::sleep(PERIOD);
    }
}
