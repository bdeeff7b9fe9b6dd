//! `--from DIR`: reads what `--save DIR` wrote, as the entries that were saved, one source after the other.

mod choice;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use thiserror::Error;

use self::choice::{has_sound_names, is_wanted};
use super::{
    line::{LONGEST_PIECE, Part},
    record::{Entry, LineEnd, LogSource, SourceId},
    save::{RUN_FILE, RunFile, RunNames, VERSION},
    save_index::{Close, GapMark, HEADER, Mark, Pieces, parse_mark},
    stamp::Stamp,
};
use crate::train_job::Selection;

#[derive(Debug, Error)]
pub enum SavedError {
    #[error("{} holds no saved logs: there is no {RUN_FILE} in it", .folder.display())]
    NothingSaved { folder: PathBuf },
    #[error("cannot read {}: {cause}", .path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("{} was not written by --save, or was changed since: {what}", .path.display())]
    Changed { path: PathBuf, what: String },
    #[error("{} was written by a newer version of this program (format {version})", .path.display())]
    Newer { path: PathBuf, version: u32 },
}

/// What of a saved run is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Of what was saved; whether it was a helper does not count any more.
    pub selection: Selection,
    pub start: SavedStart,
}

/// Where each source begins.
#[derive(Clone, Copy, Debug)]
pub enum SavedStart {
    All,
    /// Its last lines.
    Tail(u64),
    Since(Stamp),
    /// What of its last lines was written at that moment or later.
    TailSince(u64, Stamp),
}

/// Whether the reader wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appetite {
    More,
    Enough,
}

/// A folder of saved logs.
#[derive(Debug)]
pub struct Saved {
    folder: PathBuf,
    run: RunFile,
}

impl Saved {
    pub fn open(folder: &Path) -> Result<Self, SavedError> {
        let path = folder.join(RUN_FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let folder = folder.to_owned();
                return Err(SavedError::NothingSaved { folder });
            }
            Err(cause) => return Err(SavedError::File { path, cause }),
        };
        let run: RunFile = match serde_json::from_slice(&text) {
            Ok(run) => run,
            Err(error) => {
                let what = error.to_string();
                return Err(SavedError::Changed { path, what });
            }
        };
        let version = run.version;
        if version > VERSION {
            return Err(SavedError::Newer { path, version });
        }
        // Names of files, never ways out of the folder.
        if let Some(file) = run
            .files
            .iter()
            .find(|file| file.name.contains(['/', '\\']))
        {
            let what = format!("{} is no name of a file", file.name);
            return Err(SavedError::Changed { path, what });
        }
        Ok(Self {
            folder: folder.to_owned(),
            run,
        })
    }

    pub const fn names(&self) -> &RunNames {
        &self.run.names
    }

    /// How the run ended; none when it was killed.
    pub fn outcome(&self) -> Option<&str> {
        self.run.outcome.as_deref()
    }

    /// When the run last wrote down how far it was.
    pub fn updated(&self) -> &str {
        &self.run.updated
    }

    /// Hands over each entry that is wanted, until no more is.
    pub fn read(
        &self,
        wanted: &Wanted,
        show: &mut dyn FnMut(&Entry<'_>) -> Appetite,
    ) -> Result<(), SavedError> {
        let mut opened = 0;
        for file in &self.run.files {
            let path = |ending: &str| self.folder.join(format!("{}.{ending}", file.name));
            let mut reader = FileReader {
                log_path: path("log"),
                index_path: path("index"),
                wanted,
                sources: BTreeMap::new(),
                opened,
            };
            if reader.read(show)? == Appetite::Enough {
                return Ok(());
            }
            opened = reader.opened;
        }
        Ok(())
    }
}

/// Reads one log along its index.
struct FileReader<'a> {
    log_path: PathBuf,
    index_path: PathBuf,
    wanted: &'a Wanted,
    /// By the number in the file.
    sources: BTreeMap<u32, Reading>,
    /// Sources that were handed over, in all files.
    opened: u32,
}

/// How far a source is read.
#[derive(Debug)]
struct Reading {
    /// None for a source that is not wanted.
    id: Option<SourceId>,
    stamp: Stamp,
    within_line: bool,
    /// Lines that are still to be left out because of a tail.
    left_out: u64,
}

const EPOCH: Stamp = Stamp {
    seconds: 0,
    nanoseconds: 0,
};

impl FileReader<'_> {
    fn read(
        &mut self,
        show: &mut dyn FnMut(&Entry<'_>) -> Appetite,
    ) -> Result<Appetite, SavedError> {
        let left_out = self.left_out()?;
        let mut log = open(&self.log_path)?;
        let mut text = Vec::new();
        let mut current = None;
        for mark in self.marks()? {
            let mark = mark?;
            if let Mark::Source { number, described } = mark {
                current = Some(number);
                let Some(described) = described else {
                    continue;
                };
                if !has_sound_names(&described) {
                    return Err(self.changed("a source has a name that no container has"));
                }
                if self.start_source(number, described, &left_out, show) == Appetite::Enough {
                    return Ok(Appetite::Enough);
                }
                continue;
            }
            let Some(source) = current.and_then(|number| self.sources.get_mut(&number)) else {
                return Err(self.changed("a line belongs to no source"));
            };
            let appetite = match mark {
                Mark::Pieces(pieces) => {
                    let read = read_pieces(&mut log, pieces, &mut text, |text| {
                        source.piece(pieces, text, self.wanted.start, show)
                    });
                    read.map_err(|cause| SavedError::File {
                        path: self.log_path.clone(),
                        cause,
                    })?
                }
                Mark::At(stamp) => {
                    source.stamp = stamp;
                    Appetite::More
                }
                other => source.mark(&other, show),
            };
            if appetite == Appetite::Enough {
                return Ok(Appetite::Enough);
            }
        }
        Ok(Appetite::More)
    }

    fn start_source(
        &mut self,
        number: u32,
        described: LogSource,
        left_out: &BTreeMap<u32, u64>,
        show: &mut dyn FnMut(&Entry<'_>) -> Appetite,
    ) -> Appetite {
        let is_wanted = is_wanted(&self.wanted.selection, &described);
        let id = is_wanted.then_some(SourceId(self.opened));
        let reading = Reading {
            id,
            stamp: EPOCH,
            within_line: false,
            left_out: left_out.get(&number).copied().unwrap_or_default(),
        };
        self.sources.insert(number, reading);
        let Some(source) = id else {
            return Appetite::More;
        };
        self.opened += 1;
        show(&Entry::Opened { source, described })
    }

    /// How many lines of each source come before its last ones.
    fn left_out(&self) -> Result<BTreeMap<u32, u64>, SavedError> {
        let mut lines: BTreeMap<u32, u64> = BTreeMap::new();
        let (SavedStart::Tail(tail) | SavedStart::TailSince(tail, _)) = self.wanted.start else {
            return Ok(lines);
        };
        let mut current = 0;
        for mark in self.marks()? {
            match mark? {
                Mark::Source { number, .. } => current = number,
                Mark::Pieces(pieces) if pieces.close != Close::Open => {
                    *lines.entry(current).or_default() += u64::from(pieces.count);
                }
                _ => {}
            }
        }
        for lines in lines.values_mut() {
            *lines = lines.saturating_sub(tail);
        }
        Ok(lines)
    }

    /// The lines of the index; one that was cut short by the end of the program is left out.
    fn marks(&self) -> Result<impl Iterator<Item = Result<Mark, SavedError>> + use<>, SavedError> {
        let mut index = open(&self.index_path)?;
        let path = self.index_path.clone();
        let changed = move |what: String| SavedError::Changed {
            path: path.clone(),
            what,
        };
        let mut header = String::new();
        let read = index.read_line(&mut header);
        if read.is_err() || header != HEADER {
            return Err(changed("it does not begin as an index does".to_owned()));
        }
        let mut line = String::new();
        Ok(std::iter::from_fn(move || {
            line.clear();
            if let Err(error) = index.read_line(&mut line) {
                return Some(Err(changed(error.to_string())));
            }
            let line = line.strip_suffix('\n')?;
            let mark = parse_mark(line);
            Some(mark.ok_or_else(|| changed(format!("\"{line}\" says nothing"))))
        }))
    }

    fn changed(&self, what: &str) -> SavedError {
        SavedError::Changed {
            path: self.index_path.clone(),
            what: what.to_owned(),
        }
    }
}

fn open(path: &Path) -> Result<BufReader<File>, SavedError> {
    let file = File::open(path).map_err(|cause| SavedError::File {
        path: path.to_owned(),
        cause,
    })?;
    Ok(BufReader::with_capacity(LONGEST_PIECE, file))
}

fn read_pieces(
    log: &mut impl Read,
    pieces: Pieces,
    text: &mut Vec<u8>,
    mut take: impl FnMut(&[u8]) -> Appetite,
) -> io::Result<Appetite> {
    if pieces.length > LONGEST_PIECE + 1 {
        return Err(io::Error::other("the index names a piece that is too long"));
    }
    text.resize(pieces.length, 0);
    for _ in 0..pieces.count {
        log.read_exact(text)?;
        let text = match pieces.close {
            Close::LineEnd => text.strip_suffix(b"\n"),
            Close::Bare | Close::Open => Some(text.as_slice()),
        };
        let text =
            text.ok_or_else(|| io::Error::other("a line does not end where the index says"))?;
        if take(text) == Appetite::Enough {
            return Ok(Appetite::Enough);
        }
    }
    Ok(Appetite::More)
}

impl Reading {
    fn piece(
        &mut self,
        pieces: Pieces,
        text: &[u8],
        start: SavedStart,
        show: &mut dyn FnMut(&Entry<'_>) -> Appetite,
    ) -> Appetite {
        self.stamp = later(self.stamp, pieces.later);
        let (part, end) = self.part_of(pieces.close);
        self.within_line = !part.ends_line();
        let too_early = match start {
            SavedStart::Since(since) | SavedStart::TailSince(_, since) => self.stamp < since,
            SavedStart::All | SavedStart::Tail(_) => false,
        };
        if self.left_out > 0 {
            self.left_out -= u64::from(part.ends_line());
            return Appetite::More;
        }
        match self.id {
            Some(source) if !too_early => show(&Entry::Piece {
                source,
                stamp: self.stamp,
                part,
                end,
                text,
            }),
            _ => Appetite::More,
        }
    }

    const fn part_of(&self, close: Close) -> (Part, LineEnd) {
        let end = match close {
            Close::LineEnd | Close::Open => LineEnd::Newline,
            Close::Bare => LineEnd::Missing,
        };
        let part = match (self.within_line, close) {
            (false, Close::Open) => Part::First,
            (true, Close::Open) => Part::Middle,
            (false, _) => Part::Whole,
            (true, _) => Part::Last,
        };
        (part, end)
    }

    fn mark(&self, mark: &Mark, show: &mut dyn FnMut(&Entry<'_>) -> Appetite) -> Appetite {
        let Some(source) = self.id else {
            return Appetite::More;
        };
        let stamp = |(seconds, nanoseconds)| Stamp {
            seconds,
            nanoseconds,
        };
        match mark {
            Mark::Gap(GapMark {
                after,
                before,
                reason,
            }) => show(&Entry::Gap {
                source,
                after: after.map(stamp),
                before: before.map(stamp),
                reason: *reason,
            }),
            Mark::Skipped(attempts) => show(&Entry::Skipped {
                source,
                attempts: *attempts,
            }),
            Mark::Message(text) => show(&Entry::Message {
                source,
                text: text.as_bytes(),
            }),
            Mark::Ended(end) => show(&Entry::Ended { source, end: *end }),
            Mark::Source { .. } | Mark::At(_) | Mark::Pieces(_) => Appetite::More,
        }
    }
}

fn later(stamp: Stamp, nanoseconds: i64) -> Stamp {
    let sum = i64::from(stamp.nanoseconds) + nanoseconds % 1_000_000_000;
    let passed = nanoseconds / 1_000_000_000 + sum.div_euclid(1_000_000_000);
    let seconds = stamp.seconds.saturating_add(passed);
    Stamp {
        seconds,
        nanoseconds: u32::try_from(sum.rem_euclid(1_000_000_000)).unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;
