//! `--save DIR`: for each step the bytes that its containers wrote, in `STEP.log`, and beside it in `STEP.index` what
//! each byte is (`save_index.rs`); `index.json` says which run it was. A folder holds one run.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    instance::Outcome,
    record::{Entry, LogSource},
    save_index::{Close, IndexWriter},
    tally::Tally,
};

/// How much is kept in memory until it is written.
const BUFFERED: usize = 1 << 20;
/// Where there are many files, for each of them: what is written at once should be worth opening a file.
const BUFFERED_A_FILE: usize = 8 << 10;
/// The file that describes a run.
pub(super) const RUN_FILE: &str = "index.json";
/// The version of all three files.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Error)]
pub enum SaveError {
    #[error("{} holds the logs of another run", .folder.display())]
    Taken { folder: PathBuf },
    #[error("{} is not empty", .folder.display())]
    NotEmpty { folder: PathBuf },
    #[error("cannot write {}: {cause}", .path.display())]
    File { path: PathBuf, cause: io::Error },
}

/// Which job was read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNames {
    pub job: String,
    pub namespace: String,
    /// The kubeconfig's context; empty without one.
    pub context: String,
    /// URL of the API server.
    pub server: String,
}

/// What `index.json` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunFile {
    pub(super) kind: String,
    pub(super) version: u32,
    /// Of this program.
    program_version: String,
    #[serde(flatten)]
    pub(super) names: RunNames,
    started: String,
    pub(super) updated: String,
    /// How the run ended; none while it goes on, or when it was killed.
    pub(super) outcome: Option<String>,
    pub(super) files: Vec<FileEntry>,
    pub(super) sources: Vec<SourceEntry>,
}

/// `NAME.log` and `NAME.index`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FileEntry {
    pub(super) name: String,
    pub(super) step: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceEntry {
    file: String,
    step: String,
    pub(super) pod: String,
    pod_uid: String,
    pub(super) container: String,
    node: Option<String>,
    attempt: u32,
    round: u32,
    lines: u64,
    bytes: u64,
    gaps: u64,
    reconnects: u32,
    outcome: Option<Outcome>,
}

/// Writes the files of one run.
#[derive(Debug)]
pub struct Saver {
    folder: PathBuf,
    names: RunNames,
    started: String,
    files: Vec<StepFile>,
    /// The file of each source.
    sources: Vec<usize>,
    tally: Tally,
    buffered: usize,
    /// How many of the sources `index.json` knows.
    described: usize,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage<'a> {
    /// What came is written; that it goes on is written only where there are new sources.
    More,
    /// What came is written, and that it goes on.
    GoesOn,
    /// It ended so.
    Over(&'a str),
}

#[derive(Debug)]
struct StepFile {
    entry: FileEntry,
    log: Vec<u8>,
    index: IndexWriter,
    state: FileState,
}

/// Also a step that has said nothing has its two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileState {
    ToBeMade,
    Made,
}

impl Saver {
    /// Makes the folder where it is not there, and takes it. `now` as RFC 3339.
    pub fn create(folder: &Path, names: RunNames, now: &str) -> Result<Self, SaveError> {
        let file = |cause| SaveError::File {
            path: folder.to_owned(),
            cause,
        };
        fs::create_dir_all(folder).map_err(file)?;
        if folder.join(RUN_FILE).exists() {
            return Err(SaveError::Taken {
                folder: folder.to_owned(),
            });
        }
        if fs::read_dir(folder).map_err(file)?.next().is_some() {
            return Err(SaveError::NotEmpty {
                folder: folder.to_owned(),
            });
        }
        let mut saver = Self {
            folder: folder.to_owned(),
            names,
            started: now.to_owned(),
            files: Vec::new(),
            sources: Vec::new(),
            tally: Tally::default(),
            buffered: 0,
            described: 0,
        };
        saver.take_folder()?;
        saver.describe(None, now)?;
        Ok(saver)
    }

    pub fn push(&mut self, entry: &Entry<'_>) -> Result<(), SaveError> {
        self.tally.count(entry);
        match entry {
            Entry::Opened { source, described } => {
                let place = self.file_of(described);
                self.sources.push(place);
                self.files[place].index.open(source.0, described);
            }
            Entry::Piece {
                source,
                stamp,
                part,
                end,
                text,
            } => {
                let close = Close::of(*part, *end);
                if let Some(file) = self.file_mut(source.0) {
                    let before = file.log.len();
                    file.log.extend_from_slice(text);
                    if close == Close::LineEnd {
                        file.log.push(b'\n');
                    }
                    let length = file.log.len() - before;
                    file.index.piece(source.0, *stamp, length, close);
                    self.buffered += length;
                }
            }
            Entry::Gap { source, .. }
            | Entry::Message { source, .. }
            | Entry::Skipped { source, .. }
            | Entry::Ended { source, .. } => {
                if let Some(file) = self.file_mut(source.0) {
                    file.index.mark(source.0, entry);
                }
            }
            // The end of the source has their number.
            Entry::Unfinished { .. }
            | Entry::Readable { .. }
            | Entry::Reopened { .. }
            | Entry::Notice { .. }
            | Entry::Wait { .. } => {}
        }
        if self.buffered >= BUFFERED.max(self.files.len() * BUFFERED_A_FILE) {
            self.write()?;
        }
        Ok(())
    }

    /// Writes all that came so far, and how far the run is. `now` as RFC 3339.
    pub fn settle(&mut self, stage: Stage<'_>, now: &str) -> Result<(), SaveError> {
        for file in &mut self.files {
            file.index.settle();
        }
        self.write()?;
        match stage {
            Stage::More if self.described == self.sources.len() => Ok(()),
            Stage::More | Stage::GoesOn => self.describe(None, now),
            Stage::Over(outcome) => self.describe(Some(outcome), now),
        }
    }

    /// The accounts of all that came.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many sources have begun of which `index.json` does not know.
    pub const fn undescribed(&self) -> usize {
        self.sources.len() - self.described
    }

    /// The log before its index: what the index names is always there.
    fn write(&mut self) -> Result<(), SaveError> {
        for file in &mut self.files {
            let name = &file.entry.name;
            let path = |ending: &str| self.folder.join(format!("{name}.{ending}"));
            append(&path("log"), &mut file.log, file.state)?;
            append(&path("index"), file.index.text_mut(), file.state)?;
            file.state = FileState::Made;
        }
        self.buffered = 0;
        Ok(())
    }

    /// Only one of two runs that begin at once gets the folder.
    fn take_folder(&self) -> Result<(), SaveError> {
        let path = self.folder.join(RUN_FILE);
        match File::create_new(&path) {
            Ok(_) => Ok(()),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(SaveError::Taken {
                folder: self.folder.clone(),
            }),
            Err(cause) => Err(SaveError::File { path, cause }),
        }
    }

    /// Replaces `index.json` as a whole.
    fn describe(&mut self, outcome: Option<&str>, now: &str) -> Result<(), SaveError> {
        let run = RunFile {
            kind: "SavedLogs".to_owned(),
            version: VERSION,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            names: self.names.clone(),
            started: self.started.clone(),
            updated: now.to_owned(),
            outcome: outcome.map(str::to_owned),
            files: self.files.iter().map(|file| file.entry.clone()).collect(),
            sources: self.source_entries(),
        };
        let path = self.folder.join(RUN_FILE);
        let draft = self.folder.join(format!(".{RUN_FILE}"));
        // These types are always JSON.
        let mut text = serde_json::to_vec_pretty(&run).unwrap_or_default();
        text.push(b'\n');
        let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path));
        self.described = self.sources.len();
        written.map_err(|cause| SaveError::File { path, cause })
    }

    fn source_entries(&self) -> Vec<SourceEntry> {
        let sources = self.tally.sources().iter().zip(&self.sources);
        sources
            .map(|(source, place)| SourceEntry {
                file: self.files[*place].entry.name.clone(),
                step: source.described.step.clone(),
                pod: source.described.pod.clone(),
                pod_uid: source.described.pod_uid.clone(),
                container: source.described.container.clone(),
                node: source.described.node.clone(),
                attempt: source.described.attempt,
                round: source.described.round,
                lines: source.lines,
                bytes: source.bytes,
                gaps: source.gaps,
                reconnects: source.reconnects,
                outcome: source.outcome,
            })
            .collect()
    }

    fn file_mut(&mut self, source: u32) -> Option<&mut StepFile> {
        let place = *self.sources.get(usize::try_from(source).ok()?)?;
        self.files.get_mut(place)
    }

    fn file_of(&mut self, source: &LogSource) -> usize {
        let step = &source.step;
        let known = self.files.iter().position(|file| file.entry.step == *step);
        known.unwrap_or_else(|| {
            let entry = FileEntry {
                name: step.replace('/', "."),
                step: step.clone(),
            };
            self.files.push(StepFile {
                entry,
                log: Vec::new(),
                index: IndexWriter::new(),
                state: FileState::ToBeMade,
            });
            self.files.len() - 1
        })
    }
}

/// Opened for each time: a thousand nodes have more files than a process may have open.
fn append(path: &Path, bytes: &mut Vec<u8>, state: FileState) -> Result<(), SaveError> {
    if bytes.is_empty() && state == FileState::Made {
        return Ok(());
    }
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(bytes));
    bytes.clear();
    written.map_err(|cause| SaveError::File {
        path: path.to_owned(),
        cause,
    })
}
