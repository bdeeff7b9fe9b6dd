//! The room between reading and printing. Reading never waits for a slow terminal: what does not fit in memory goes to
//! an unlinked temporary file, used as a ring. Only when that is full do streams wait. One side appends records, the
//! other takes them a block at a time, in order.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    iter, mem,
};

use thiserror::Error;

use super::stamp::Stamp;

/// How much is on disk at most, when the user does not say otherwise.
pub const DEFAULT_LIMIT: u64 = 256 << 20;
/// What is written and read at once.
const BLOCK: usize = 256 << 10;
/// What waits in memory before the file is used, in bytes, so that a short pause of whoever shows costs no disk: a
/// sixteenth of what may be on disk, for who allows little there has little memory, too.
const SHARE_IN_MEMORY: u64 = 16;
/// Never less than two blocks.
const LEAST_IN_MEMORY: usize = 2 * BLOCK;
/// Nor more: two threads on busy processors are hardly further apart than that.
const MOST_IN_MEMORY: usize = 12 << 20;
/// Source, seconds, nanoseconds, tag, length.
const HEADER: usize = 4 + 8 + 4 + 1 + 4;

#[derive(Debug, Error)]
pub enum SpoolError {
    #[error("cannot keep log lines in a temporary file; is there room in $TMPDIR, or in /tmp?")]
    File(#[from] io::Error),
    #[error("the temporary file of log lines was changed")]
    Changed,
}

/// One piece of a log, or a mark between pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub source: u32,
    pub stamp: Option<Stamp>,
    /// What kind of record it is. The spool does not care.
    pub tag: u8,
    pub text: &'a [u8],
}

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Free,
    /// What comes is taken, but those who read have to wait until there is room.
    Full,
}

#[derive(Debug)]
pub struct Spool {
    ring: FileRing,
    /// Older than everything in the file.
    waiting: VecDeque<Vec<u8>>,
    /// With so many bytes no more of them wait there.
    in_memory: usize,
    /// Where records are appended.
    tail: Vec<u8>,
    /// Memory of blocks that were taken, for others to come until the end: no more than may wait.
    spare: Vec<Vec<u8>>,
    room: Room,
}

/// Records on their way out, oldest first.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    taken: usize,
}

impl Block {
    #[inline]
    pub fn is_used_up(&self) -> bool {
        self.taken == self.bytes.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }

    /// The records that are left, which stay.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'_>, SpoolError>> {
        let mut rest = &self.bytes[self.taken..];
        iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let Some((record, length)) = record_at(rest) else {
                rest = &[];
                return Some(Err(SpoolError::Changed));
            };
            rest = &rest[length..];
            Some(Ok(record))
        })
    }

    /// The oldest record, which lives until the next call.
    #[inline]
    pub fn pop(&mut self) -> Result<Option<Record<'_>>, SpoolError> {
        if self.is_used_up() {
            return Ok(None);
        }
        let (record, length) = record_at(&self.bytes[self.taken..]).ok_or(SpoolError::Changed)?;
        self.taken += length;
        Ok(Some(record))
    }
}

impl Spool {
    /// `limit` bounds the file, in bytes.
    pub fn new(limit: u64) -> Self {
        let block = u64::try_from(BLOCK).unwrap_or(u64::MAX);
        let share = usize::try_from(limit / SHARE_IN_MEMORY).unwrap_or(usize::MAX);
        Self {
            ring: FileRing::new(limit.max(block)),
            waiting: VecDeque::new(),
            in_memory: share.clamp(LEAST_IN_MEMORY, MOST_IN_MEMORY),
            tail: Vec::new(),
            spare: Vec::new(),
            room: Room::Free,
        }
    }

    #[inline]
    pub fn push(&mut self, record: Record<'_>) {
        append(&mut self.tail, record);
        if self.tail.len() >= BLOCK {
            self.move_tail();
        }
        if self.tail.len() >= BLOCK {
            self.room = Room::Full;
        }
    }

    /// To be asked before another chunk of a stream is read. What was full is free again only when all in memory and a quarter of the file is:
    /// else a crowd of streams would be closed and opened again for each block that is shown.
    pub fn room(&self) -> Room {
        self.room
    }

    /// How many bytes the next [`Spool::refill`] brings at least.
    pub fn ready(&self) -> usize {
        let waiting = self.waiting.front().map(Vec::len);
        let on_disk = || self.ring.lengths.front().copied();
        waiting.or_else(on_disk).unwrap_or(self.tail.len())
    }

    /// Puts the oldest records into a block in place of what is in it, and takes its memory for others.
    pub fn refill(&mut self, block: &mut Block) -> Result<(), SpoolError> {
        block.clear();
        if let Some(waiting) = self.waiting.pop_front() {
            self.keep(mem::replace(&mut block.bytes, waiting));
        } else if !self.ring.read(&mut block.bytes)? {
            mem::swap(&mut block.bytes, &mut self.tail);
        }
        if self.tail.len() >= BLOCK {
            // There is room again for what waited.
            self.move_tail();
        }
        if self.tail.len() < BLOCK && self.ring.used <= self.ring.limit / 4 * 3 {
            self.room = Room::Free;
        }
        Ok(())
    }

    /// Bytes on disk now.
    pub fn spilled(&self) -> u64 {
        self.ring.used
    }

    /// Why nothing is written to the file any more; told once. What is in it can still be taken.
    pub fn trouble(&mut self) -> Option<io::Error> {
        self.ring.trouble.take()
    }

    /// Memory of this size is given back to the system and fetched again else, block by block.
    fn keep(&mut self, memory: Vec<u8>) {
        let has_room = self.spare.len() < self.in_memory / BLOCK;
        if has_room && (BLOCK..=2 * BLOCK).contains(&memory.capacity()) {
            self.spare.push(memory);
        }
    }

    fn may_wait(&self) -> bool {
        self.waiting.iter().map(Vec::len).sum::<usize>() < self.in_memory
    }

    fn move_tail(&mut self) {
        if self.ring.is_empty() && self.may_wait() {
            let next = self.spare.pop();
            let next = next.unwrap_or_else(|| Vec::with_capacity(BLOCK + BLOCK / 8));
            self.waiting.push_back(mem::replace(&mut self.tail, next));
        } else if self.ring.write(&self.tail) {
            self.tail.clear();
            // A crowd of streams that waited may have left more behind than is wanted again.
            self.tail.shrink_to(2 * BLOCK);
        }
    }
}

#[inline]
pub(super) fn append(block: &mut Vec<u8>, record: Record<'_>) {
    // No moment has this many nanoseconds.
    let stamp = record.stamp.unwrap_or(Stamp {
        seconds: 0,
        nanoseconds: u32::MAX,
    });
    // A piece of a log is a thousand times shorter than what four bytes can count.
    let length = u32::try_from(record.text.len()).unwrap_or(u32::MAX);
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&record.source.to_le_bytes());
    header[4..12].copy_from_slice(&stamp.seconds.to_le_bytes());
    header[12..16].copy_from_slice(&stamp.nanoseconds.to_le_bytes());
    header[16] = record.tag;
    header[17..].copy_from_slice(&length.to_le_bytes());
    block.extend_from_slice(&header);
    block.extend_from_slice(record.text);
}

/// The record that a block begins with, and how many bytes it takes.
#[inline]
pub(super) fn record_at(block: &[u8]) -> Option<(Record<'_>, usize)> {
    let (source, rest) = block.split_first_chunk::<4>()?;
    let (seconds, rest) = rest.split_first_chunk::<8>()?;
    let (nanoseconds, rest) = rest.split_first_chunk::<4>()?;
    let (tag, rest) = rest.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let text = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let stamp = Stamp {
        seconds: i64::from_le_bytes(*seconds),
        nanoseconds: u32::from_le_bytes(*nanoseconds),
    };
    let record = Record {
        source: u32::from_le_bytes(*source),
        stamp: (stamp.nanoseconds != u32::MAX).then_some(stamp),
        tag: *tag,
        text,
    };
    Some((record, HEADER + text.len()))
}

/// Blocks in a file, first in, first out. The file is made when the first block comes, and given back when the last is
/// gone; nobody else ever sees it.
#[derive(Debug)]
struct FileRing {
    file: Option<File>,
    limit: u64,
    /// Where the oldest block begins.
    start: u64,
    used: u64,
    lengths: VecDeque<usize>,
    use_of: Use,
    trouble: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    WriteAndRead,
    /// Writing has failed once: the disk is full, or there is none.
    ReadOnly,
}

impl FileRing {
    fn new(limit: u64) -> Self {
        Self {
            file: None,
            limit,
            start: 0,
            used: 0,
            lengths: VecDeque::new(),
            use_of: Use::WriteAndRead,
            trouble: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Whether there was room. A disk that takes no more is like a file that is full.
    fn write(&mut self, block: &[u8]) -> bool {
        let length = block.len() as u64;
        if self.use_of == Use::ReadOnly || self.used + length > self.limit {
            return false;
        }
        if let Err(trouble) = self.write_at((self.start + self.used) % self.limit, block) {
            self.use_of = Use::ReadOnly;
            self.trouble = Some(trouble);
            return false;
        }
        self.used += length;
        self.lengths.push_back(block.len());
        true
    }

    fn write_at(&mut self, place: u64, block: &[u8]) -> io::Result<()> {
        let (first, second) = block.split_at(self.until_end(place, block.len()));
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(place))?;
        file.write_all(first)?;
        if !second.is_empty() {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(second)?;
        }
        Ok(())
    }

    /// Whether there was a block.
    fn read(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        let (Some(length), Some(file)) = (self.lengths.pop_front(), &mut self.file) else {
            return Ok(false);
        };
        block.resize(length, 0);
        let until_end = usize::try_from(self.limit - self.start).unwrap_or(usize::MAX);
        let (first, second) = block.split_at_mut(length.min(until_end));
        file.seek(SeekFrom::Start(self.start))?;
        file.read_exact(first)?;
        if !second.is_empty() {
            file.seek(SeekFrom::Start(0))?;
            file.read_exact(second)?;
        }
        self.start = (self.start + length as u64) % self.limit;
        self.used -= length as u64;
        if self.lengths.is_empty() {
            self.give_back();
        }
        Ok(true)
    }

    fn until_end(&self, place: u64, length: usize) -> usize {
        usize::try_from(self.limit - place).map_or(length, |room| room.min(length))
    }

    /// Unlinked, so closing it frees the disk.
    fn give_back(&mut self) {
        self.file = None;
        self.start = 0;
    }
}

#[cfg(test)]
mod tests;
