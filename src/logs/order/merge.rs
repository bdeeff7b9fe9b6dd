//! Entries of many sources by time: of what the sources have next, the earliest is shown first. While following, an
//! entry waits until every other source has said something later, but no longer than the window. Without following
//! everything is sorted exactly, through an unlinked temporary file where it does not fit in memory.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    time::Duration,
};

use super::{first_of, keep, source_of};
use crate::logs::{record::Entry, spool::SpoolError, stamp::Stamp};

/// What all queues together keep in memory, in bytes. Beyond it a window ends early, and a whole goes to the file.
const MEMORY_LIMIT: usize = 16 << 20;
/// Arrivals closer together than this are one.
const ARRIVAL_STEP: Duration = Duration::from_millis(10);
/// Before all others.
const EARLIEST: Stamp = Stamp {
    seconds: i64::MIN,
    nanoseconds: 0,
};

/// How long an entry may wait for an earlier one of another source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Until all is there: the order is exact.
    Everything,
    For(Duration),
}

#[derive(Debug)]
pub struct Merge {
    window: Window,
    memory_limit: usize,
    /// By the number of the source.
    queues: Vec<Queue>,
    /// What each queue has first, while following.
    heads: BinaryHeap<Reverse<(Stamp, usize)>>,
    /// Sources that may still say something, and have nothing in their queue.
    silent: usize,
    /// When the first entry came. Until a window later, sources may be there that nobody has heard of yet.
    begun: Option<Duration>,
    /// When entries came, and the latest time among them; oldest first.
    arrivals: VecDeque<(Duration, Stamp)>,
    /// All up to here have waited for long enough.
    due: Stamp,
    in_memory: usize,
    file: Option<BlockFile>,
}

/// What one source has said and has not been shown.
#[derive(Debug)]
struct Queue {
    /// Records, the shown ones up to `taken`.
    row: Vec<u8>,
    taken: usize,
    /// What comes before `row`, in the file: place and length.
    blocks: VecDeque<(u64, usize)>,
    /// The latest time that was pushed, and that was shown: what has no time, or an earlier one, takes this.
    pushed: Stamp,
    shown: Stamp,
    ended: Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl Merge {
    pub fn new(window: Window) -> Self {
        Self::with_memory(window, MEMORY_LIMIT)
    }

    fn with_memory(window: Window, memory_limit: usize) -> Self {
        Self {
            window,
            memory_limit,
            queues: Vec::new(),
            heads: BinaryHeap::new(),
            silent: 0,
            begun: None,
            arrivals: VecDeque::new(),
            due: EARLIEST,
            in_memory: 0,
            file: None,
        }
    }

    /// `now` is any clock that never goes back. What belongs to no source, and how one begins, is shown at once.
    pub fn push(
        &mut self,
        now: Duration,
        entry: &Entry<'_>,
        show: &mut impl FnMut(&Entry<'_>) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        let Some(source) = source_of(entry) else {
            return show(entry);
        };
        self.begun.get_or_insert(now);
        let place = usize::try_from(source.0).map_err(|_| SpoolError::Changed)?;
        while self.queues.len() <= place {
            self.queues.push(Queue::new());
            self.silent += 1;
        }
        if let Entry::Opened { .. } | Entry::Readable { .. } = entry {
            return show(entry);
        }
        self.queue_up(now, place, entry)?;
        match self.window {
            Window::Everything if self.in_memory >= self.memory_limit => self.spill(),
            Window::Everything => Ok(()),
            Window::For(_) => self.pass_time(now, show),
        }
    }

    /// Shows what has waited for long enough.
    pub fn pass_time(
        &mut self,
        now: Duration,
        show: &mut impl FnMut(&Entry<'_>) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        let Window::For(window) = self.window else {
            return Ok(());
        };
        while let Some((arrived, latest)) = self.arrivals.front().copied()
            && arrived + window <= now
        {
            self.due = self.due.max(latest);
            self.arrivals.pop_front();
        }
        let all_are_known = self.begun.is_some_and(|begun| begun + window <= now);
        while let Some(Reverse((time, _))) = self.heads.peek()
            && ((self.silent == 0 && all_are_known)
                || *time <= self.due
                || self.in_memory >= self.memory_limit)
        {
            self.show_earliest(show)?;
        }
        Ok(())
    }

    /// Shows all the rest: nothing more will come.
    pub fn finish(
        &mut self,
        show: &mut impl FnMut(&Entry<'_>) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        if self.window == Window::Everything {
            // What is in memory is later than what is in the file, and a queue reads from one of them.
            if self.file.is_some() {
                self.spill()?;
            }
            for place in 0..self.queues.len() {
                self.offer(place)?;
            }
        }
        while !self.heads.is_empty() {
            self.show_earliest(show)?;
        }
        Ok(())
    }

    fn queue_up(
        &mut self,
        now: Duration,
        place: usize,
        entry: &Entry<'_>,
    ) -> Result<(), SpoolError> {
        let queue = &mut self.queues[place];
        let (was_empty, was_open) = (queue.is_empty(), queue.ended == Ended::No);
        let before = queue.row.len();
        keep(&mut queue.row, entry);
        queue.pushed = time_of(entry, queue.pushed);
        if matches!(entry, Entry::Ended { .. }) {
            queue.ended = Ended::Yes;
        }
        self.in_memory += queue.row.len() - before;
        let pushed = queue.pushed;
        if was_empty && was_open {
            self.silent -= 1;
        }
        if let Window::For(_) = self.window {
            if was_empty {
                self.offer(place)?;
            }
            self.note_arrival(now, pushed);
        }
        Ok(())
    }

    fn note_arrival(&mut self, now: Duration, time: Stamp) {
        match self.arrivals.back_mut() {
            Some((arrived, latest)) if *arrived + ARRIVAL_STEP > now => *latest = time.max(*latest),
            _ => self.arrivals.push_back((now, time)),
        }
    }

    /// Names what a queue has first.
    fn offer(&mut self, place: usize) -> Result<(), SpoolError> {
        let queue = &mut self.queues[place];
        let freed = queue.tidy();
        self.in_memory -= freed;
        if queue.taken == queue.row.len()
            && let Some((start, length)) = queue.blocks.pop_front()
            && let Some(file) = &mut self.file
        {
            queue.taken = 0;
            file.read(start, length, &mut queue.row)?;
            self.in_memory += length;
        }
        if queue.taken < queue.row.len() {
            let (entry, _) = first_of(&queue.row[queue.taken..])?;
            self.heads
                .push(Reverse((time_of(&entry, queue.shown), place)));
        }
        Ok(())
    }

    fn show_earliest(
        &mut self,
        show: &mut impl FnMut(&Entry<'_>) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        let Some(Reverse((time, place))) = self.heads.pop() else {
            return Ok(());
        };
        let queue = &mut self.queues[place];
        let (entry, length) = first_of(&queue.row[queue.taken..])?;
        show(&entry)?;
        queue.taken += length;
        queue.shown = time;
        self.offer(place)?;
        let queue = &self.queues[place];
        if queue.is_empty() && queue.ended == Ended::No {
            self.silent += 1;
        }
        Ok(())
    }

    /// Moves all that is in memory to the file.
    fn spill(&mut self) -> Result<(), SpoolError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BlockFile::new()?),
        };
        for queue in self.queues.iter_mut().filter(|queue| !queue.row.is_empty()) {
            let start = file.append(&queue.row)?;
            queue.blocks.push_back((start, queue.row.len()));
            queue.row.clear();
        }
        self.in_memory = 0;
        Ok(())
    }
}

impl Queue {
    const fn new() -> Self {
        Self {
            row: Vec::new(),
            taken: 0,
            blocks: VecDeque::new(),
            pushed: EARLIEST,
            shown: EARLIEST,
            ended: Ended::No,
        }
    }

    fn is_empty(&self) -> bool {
        self.taken == self.row.len() && self.blocks.is_empty()
    }

    /// Forgets what was shown, once that is the larger half; how many bytes that gave back.
    fn tidy(&mut self) -> usize {
        if self.taken * 2 < self.row.len() || self.taken == 0 {
            return 0;
        }
        self.row.drain(..self.taken);
        std::mem::take(&mut self.taken)
    }
}

/// When an entry has its turn, after one of its source at `before`.
fn time_of(entry: &Entry<'_>, before: Stamp) -> Stamp {
    match entry {
        Entry::Piece { stamp, .. } => before.max(*stamp),
        _ => before,
    }
}

/// Bytes that are appended once and read once; nobody else ever sees the file.
#[derive(Debug)]
struct BlockFile {
    file: File,
    length: u64,
}

impl BlockFile {
    fn new() -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            length: 0,
        })
    }

    /// Where the bytes begin.
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let start = self.length;
        self.file.seek(SeekFrom::Start(start))?;
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(start)
    }

    fn read(&mut self, start: u64, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        into.resize(length, 0);
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(into)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::logs::{
        instance::Outcome,
        line::Part,
        record::{LineEnd, SourceEnd, SourceId},
    };

    const WINDOW: Duration = Duration::from_secs(2);

    fn line(source: u32, seconds: i64, text: &str) -> Entry<'_> {
        Entry::Piece {
            source: SourceId(source),
            stamp: Stamp {
                seconds,
                nanoseconds: 0,
            },
            part: Part::Whole,
            end: LineEnd::Newline,
            text: text.as_bytes(),
        }
    }

    const fn ended(source: u32) -> Entry<'static> {
        Entry::Ended {
            source: SourceId(source),
            end: SourceEnd {
                outcome: Outcome::Complete,
                reconnects: 0,
            },
        }
    }

    fn text_of(entry: &Entry<'_>) -> String {
        match entry {
            Entry::Piece { text, .. } => String::from_utf8_lossy(text).into_owned(),
            Entry::Ended { source, .. } => format!("end of {}", source.0),
            other => format!("{other:?}"),
        }
    }

    struct Shown {
        merge: Merge,
        seen: Vec<String>,
    }

    impl Shown {
        fn new(merge: Merge) -> Self {
            Self {
                merge,
                seen: Vec::new(),
            }
        }

        fn push(&mut self, milliseconds: u64, entry: &Entry<'_>) {
            let Self { merge, seen } = self;
            let now = Duration::from_millis(milliseconds);
            let mut show = |entry: &Entry<'_>| {
                seen.push(text_of(entry));
                Ok(())
            };
            merge.push(now, entry, &mut show).unwrap();
        }

        fn pass_time(&mut self, milliseconds: u64) -> &[String] {
            let Self { merge, seen } = self;
            let mut show = |entry: &Entry<'_>| {
                seen.push(text_of(entry));
                Ok(())
            };
            let now = Duration::from_millis(milliseconds);
            merge.pass_time(now, &mut show).unwrap();
            &self.seen
        }

        fn finish(mut self) -> Vec<String> {
            let Self { merge, seen } = &mut self;
            let mut show = |entry: &Entry<'_>| {
                seen.push(text_of(entry));
                Ok(())
            };
            merge.finish(&mut show).unwrap();
            self.seen
        }
    }

    #[test]
    fn what_all_others_have_passed_is_shown_at_once() {
        let mut shown = Shown::new(Merge::new(Window::For(WINDOW)));
        shown.push(0, &line(0, 1, "a1"));
        shown.push(0, &line(1, 2, "b2"));
        assert_eq!(shown.pass_time(2000), ["a1", "b2"]);
        shown.push(3000, &line(0, 10, "a10"));
        shown.push(3000, &line(1, 5, "b5"));
        shown.push(3000, &line(1, 20, "b20"));
        assert_eq!(shown.seen, ["a1", "b2", "b5", "a10"]);
    }

    #[test]
    fn at_the_beginning_sources_that_come_a_little_later_have_their_turn() {
        let mut shown = Shown::new(Merge::new(Window::For(WINDOW)));
        shown.push(0, &line(0, 10, "a10"));
        shown.push(1999, &line(1, 5, "b5"));
        assert_eq!(shown.pass_time(2000), ["b5", "a10"]);
    }

    #[test]
    fn a_silent_source_holds_the_others_for_the_window_only() {
        let mut shown = Shown::new(Merge::new(Window::For(WINDOW)));
        shown.push(0, &line(0, 10, "a10"));
        shown.push(0, &line(1, 11, "b11"));
        shown.push(2000, &line(0, 12, "a12"));
        assert_eq!(shown.seen, ["a10", "b11"]);
        assert_eq!(shown.pass_time(3999).len(), 2);
        assert_eq!(shown.pass_time(4000), ["a10", "b11", "a12"]);
    }

    #[test]
    fn a_source_that_has_ended_holds_nobody() {
        let mut shown = Shown::new(Merge::new(Window::For(WINDOW)));
        shown.push(0, &line(0, 10, "a10"));
        shown.push(0, &ended(0));
        shown.push(0, &line(1, 11, "b11"));
        shown.push(3000, &line(1, 12, "b12"));
        assert_eq!(shown.seen, ["a10", "end of 0", "b11", "b12"]);
    }

    #[test]
    fn a_source_whose_clock_steps_back_keeps_its_order() {
        let mut shown = Shown::new(Merge::new(Window::Everything));
        for entry in [
            line(0, 10, "a10"),
            line(0, 3, "a3"),
            line(1, 4, "b4"),
            line(1, 11, "b11"),
        ] {
            shown.push(0, &entry);
        }
        assert_eq!(shown.finish(), ["b4", "a10", "a3", "b11"]);
    }

    #[test]
    fn memory_has_a_limit_while_following() {
        let mut shown = Shown::new(Merge::with_memory(Window::For(WINDOW), 1000));
        shown.push(0, &line(1, 0, "b"));
        let text = "x".repeat(100);
        for second in 1..100 {
            shown.push(0, &line(0, second, &text));
        }
        assert!(shown.merge.in_memory < 1200, "{}", shown.merge.in_memory);
        assert!(shown.seen.len() > 90);
    }

    proptest! {
        #[test]
        fn every_entry_is_shown_once_in_its_sources_order_and_by_time(
            lines in prop::collection::vec((0u32..4, 0i64..6), 0..200), memory in 60usize..2000,
        ) {
            let mut clocks = [0; 4];
            let mut shown = Shown::new(Merge::with_memory(Window::Everything, memory));
            let mut expected = Vec::new();
            for (number, (source, step)) in lines.iter().enumerate() {
                let clock = &mut clocks[*source as usize];
                *clock += step;
                expected.push((*clock, *source, number));
                shown.push(0, &line(*source, *clock, &number.to_string()));
            }
            expected.sort_unstable();
            let expected: Vec<_> = expected.iter().map(|(_, _, number)| number.to_string()).collect();
            prop_assert_eq!(shown.finish(), expected);
        }
    }
}
