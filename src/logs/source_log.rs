//! What the bytes of one source's streams become: cut into lines, aligned, written to the spool as entries. No bytes are
//! kept but those of an unfinished line, and no network is known.

use std::time::Duration;

use memchr::{memchr, memrchr};

use super::{
    alignment::{Aligner, Delivery, End, Flow, ResumePoint, Settled, Start},
    instance::{Event, Outcome, Reason},
    line::{LineSplitter, Piece},
    record::{Entry, GapReason, LineEnd, SourceEnd, SourceId},
    shared_spool::{SharedSpool, Writer},
    source_reader::Beginning,
    stamp::Stamp,
};

/// Text of a server that stands alone at the end of a stream is no longer than this.
const LONGEST_MESSAGE: usize = 1024;
/// How a kubelet says that a container, or its file, is gone. Its other words end streams of containers that write on.
const WORDS_OF_GONE: [&str; 4] = [
    "unable to retrieve container logs",
    "no such file",
    "not found",
    "NotFound",
];

/// Of a line without an end, so much of its newest is told, and so often.
const LONGEST_TOLD: usize = 4096;
const TELLING: Duration = Duration::from_secs(1);

/// How a stream's last bytes are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastBytes {
    /// The stream was to bring all that there will ever be, and ended of itself: a container's last words.
    AreLines,
    /// They may be half a line, which comes again, or a server's words.
    MayBeHalf,
}

/// Whether reading had to wait since something new was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Free,
    HeldUp,
}

/// Whether it was told that the source may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Untold,
    Told,
}

#[derive(Debug)]
pub(super) struct SourceLog {
    source: SourceId,
    aligner: Aligner,
    splitter: LineSplitter,
    /// Lines stamped in seconds before this are not wanted.
    since: Option<i64>,
    pace: Pace,
    access: Access,
    /// What a server said last: each of its tries says it again.
    last_message: Vec<u8>,
    /// What a server said in place of the log, held back: it matters only where the log is not read to its end.
    held_back: Vec<u8>,
    /// When a line without an end was told last.
    told_unfinished: Option<Duration>,
    /// When it is told next, where it has grown since.
    tells_at: Option<Duration>,
}

/// Whose a stream's last bytes were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Container,
    Server,
}

impl SourceLog {
    pub(super) fn new(source: SourceId, start: Start, since: Option<i64>) -> Self {
        Self {
            since,
            source,
            aligner: Aligner::new(start),
            splitter: LineSplitter::default(),
            pace: Pace::Free,
            access: Access::Untold,
            last_message: Vec::new(),
            held_back: Vec::new(),
            told_unfinished: None,
            tells_at: None,
        }
    }

    pub(super) fn begin_stream(&mut self) -> ResumePoint {
        self.splitter.reset();
        self.aligner.resume()
    }

    /// Whether anything of the source is known, so that a stream can go on behind it.
    pub(super) fn is_begun(&self) -> bool {
        self.aligner.last().is_some()
    }

    /// What came of a stream that brought no whole line.
    pub(super) fn beginning(&self) -> Beginning {
        match self.splitter.unfinished() {
            [] => Beginning::Nothing,
            half if Stamp::at_start(half).is_some() => Beginning::Half(half.len()),
            _ => Beginning::Words,
        }
    }

    /// The spool was full for so long that the stream was closed.
    pub(super) fn note_held_up(&mut self) {
        self.pace = Pace::HeldUp;
    }

    pub(super) fn give_up_place(&mut self) {
        self.aligner.give_up_place();
    }

    /// Takes a chunk of the stream, and says what it brought.
    pub(super) fn take(&mut self, chunk: &[u8], spool: &SharedSpool) -> Event {
        let (mut out, aligner, splitter) = self.parts(spool);
        let answer = splitter.push(chunk, |piece| {
            match aligner.accept(&piece, &mut |one| out.write(one, LineEnd::Newline)) {
                Flow::Continue => Ok(()),
                unwanted => Err(unwanted),
            }
        });
        let pieces = out.pieces;
        drop(out);
        if pieces > 0 {
            self.pace = Pace::Free;
            self.held_back.clear();
        }
        match answer {
            Err(Flow::Reopen) => Event::Reopen,
            Err(Flow::Lost) => Event::Lost,
            _ if pieces > 0 => Event::Delivered,
            _ => Event::Repeated,
        }
    }

    /// Tells the newest of a line that draws over itself, such as a bar, while it has no end. A container's bar may have
    /// none for hours. `now` is any clock that never goes back. What comes too soon after the last telling is told at
    /// [`Self::tells_at`]: it may be the end of a burst, and nothing may follow it for long.
    pub(super) fn tell_unfinished(&mut self, now: Duration, spool: &SharedSpool) {
        let next = self.told_unfinished.map(|told| told + TELLING);
        self.tells_at = next.filter(|next| now < *next);
        if self.tells_at.is_some() {
            return;
        }
        let Some(piece) = self.splitter.unfinished_piece() else {
            return;
        };
        if let (Some(stamp), Some(text)) = (piece.stamp, newest_updates(&piece)) {
            spool.write().push(&Entry::Unfinished {
                source: self.source,
                stamp,
                text,
            });
            self.told_unfinished = Some(now);
        }
    }

    /// When the newest of a line without an end is to be told, though no more of it comes.
    pub(super) const fn tells_at(&self) -> Option<Duration> {
        self.tells_at
    }

    /// Takes the lines of a stream for known without writing them: new is what comes behind them.
    pub(super) fn prime(&mut self, chunk: &[u8]) -> Event {
        let aligner = &mut self.aligner;
        let mut event = Event::Repeated;
        let Ok(()) = self.splitter.push(chunk, |piece| {
            if piece.stamp.is_some() {
                event = Event::Delivered;
            }
            aligner.prime(&piece);
            Ok::<_, std::convert::Infallible>(())
        });
        event
    }

    /// The stream has ended, or only pauses (`None`): nothing old comes of it any more. With what a server said in its
    /// place, which is held back.
    pub(super) fn settle(
        &mut self,
        end: Option<LastBytes>,
        spool: &SharedSpool,
    ) -> (Settled, Option<String>) {
        let mut last_words = Vec::new();
        let speaker = match end {
            Some(LastBytes::AreLines) => self.take_last_words(&mut last_words, spool),
            Some(LastBytes::MayBeHalf) => self.drop_half_line(),
            None => Speaker::Container,
        };
        let (mut out, aligner, _) = self.parts(spool);
        let settled = aligner.settle(&mut |one| out.write(one, end_of(&one, &last_words)));
        let is_begun = aligner.last().is_some();
        drop(out);
        if speaker == Speaker::Container {
            return (settled, None);
        }
        if is_begun && is_of_gone(&self.held_back) {
            return (settled, self.held_back());
        }
        // Nobody knows whether there is a log at all, or how it goes on.
        (Settled::Undecided, self.held_back())
    }

    /// What a server said last in place of the log, as long as it is not told.
    fn held_back(&self) -> Option<String> {
        let is_held = !self.held_back.is_empty() && self.held_back != self.last_message;
        is_held.then(|| String::from_utf8_lossy(&self.held_back).into_owned())
    }

    /// A hole behind which nothing comes.
    pub(super) fn mark_end(&mut self, reason: Reason, spool: &SharedSpool) {
        let (mut out, aligner, _) = self.parts(spool);
        out.reason = match (reason, out.reason) {
            // The node is lost whether or not anybody waited.
            (Reason::NodeLost, _) => GapReason::NodeLost,
            (_, GapReason::BufferFull) => GapReason::BufferFull,
            (reason, _) => reason.into(),
        };
        if aligner.last().is_none() {
            return out.write_hole();
        }
        aligner.mark_end(&mut |one| out.write(one, LineEnd::Newline));
    }

    /// Compares with the file's last line, as it was served alone.
    pub(super) fn check_end(&mut self, line: &[u8]) -> End {
        let (aligner, since) = (&mut self.aligner, self.since);
        let mut check = |piece: &Piece<'_>| match piece.stamp {
            None => End::Spoken,
            // All that there is was written before what is wanted.
            Some(stamp)
                if aligner.last().is_none() && since.is_some_and(|since| stamp.seconds < since) =>
            {
                End::Reached
            }
            Some(_) => aligner.check_end(piece),
        };
        let mut splitter = LineSplitter::default();
        let mut end = End::Spoken;
        // One line is all that was asked for.
        let first = splitter.push(line, |piece| {
            end = check(&piece);
            Err(())
        });
        if first.is_ok() {
            splitter.finish(|rest| end = rest.as_ref().map_or(End::Spoken, check));
        }
        end
    }

    /// Words of a server about this source.
    pub(super) fn tell(&mut self, message: &str, spool: &SharedSpool) {
        let (mut out, _, _) = self.parts(spool);
        out.write(Delivery::Message(message.as_bytes()), LineEnd::Newline);
    }

    /// Once.
    pub(super) fn tell_readable(&mut self, spool: &SharedSpool) {
        if self.access == Access::Untold {
            self.access = Access::Told;
            let source = self.source;
            spool.write().push(&Entry::Readable { source });
        }
    }

    pub(super) fn tell_reopened(&self, spool: &SharedSpool) {
        let source = self.source;
        spool.write().push(&Entry::Reopened { source });
    }

    /// Words that were held back are told where the log was not read to its end.
    pub(super) fn end(&mut self, outcome: Outcome, reconnects: u32, spool: &SharedSpool) {
        if outcome != Outcome::Complete
            && let Some(words) = self.held_back()
        {
            self.tell(&words, spool);
        }
        let end = SourceEnd {
            outcome,
            reconnects,
        };
        let source = self.source;
        spool.write().push(&Entry::Ended { source, end });
    }

    /// A container's last words may have no newline.
    fn take_last_words(&mut self, last_words: &mut Vec<u8>, spool: &SharedSpool) -> Speaker {
        let mut held_back = None;
        let (mut out, aligner, splitter) = self.parts(spool);
        splitter.finish(|rest| match rest {
            Some(rest) if is_message(&rest) => held_back = Some(rest.raw.to_vec()),
            Some(rest) => {
                last_words.extend_from_slice(rest.raw);
                aligner.accept_rest(&rest, &mut |one| out.write(one, end_of(&one, rest.raw)));
            }
            None => {}
        });
        drop(out);
        self.hold_back(held_back)
    }

    fn drop_half_line(&mut self) -> Speaker {
        let mut held_back = None;
        self.splitter.finish(|rest| {
            held_back = rest.filter(is_message).map(|rest| rest.raw.to_vec());
        });
        self.hold_back(held_back)
    }

    fn hold_back(&mut self, words: Option<Vec<u8>>) -> Speaker {
        match words {
            Some(words) => {
                self.held_back = words;
                Speaker::Server
            }
            None => Speaker::Container,
        }
    }

    fn parts<'a>(
        &'a mut self,
        spool: &'a SharedSpool,
    ) -> (Out<'a>, &'a mut Aligner, &'a mut LineSplitter) {
        let reason = match self.pace {
            Pace::Free => GapReason::Rotated,
            Pace::HeldUp => GapReason::BufferFull,
        };
        let out = Out {
            writer: spool.write(),
            source: self.source,
            reason,
            pieces: 0,
            last_message: &mut self.last_message,
        };
        (out, &mut self.aligner, &mut self.splitter)
    }
}

/// The last updates of a line that draws over itself, from the beginning of one; none where none is whole.
fn newest_updates<'a>(piece: &Piece<'a>) -> Option<&'a [u8]> {
    let text = piece.text();
    let from = text.len().saturating_sub(LONGEST_TOLD);
    let tail = &text[from..];
    let begin = match from {
        0 if piece.part.begins_line() => 0,
        _ => memchr(b'\r', tail)?,
    };
    let updates = &tail[begin..];
    // What stands behind the last return may be half an update.
    memrchr(b'\r', updates)
        .filter(|end| *end > 0)
        .map(|_| updates)
}

/// Whether a stream's last bytes are a server's. A kubelet that cannot read a file says so without a line's end.
fn is_message(rest: &Piece<'_>) -> bool {
    rest.stamp.is_none()
        && rest.raw.len() <= LONGEST_MESSAGE
        && std::str::from_utf8(rest.raw).is_ok()
}

fn is_of_gone(words: &[u8]) -> bool {
    let words = String::from_utf8_lossy(words);
    WORDS_OF_GONE.iter().any(|known| words.contains(known))
}

/// Whether a line's end stood behind a piece: behind all but the log's last words, if those had none.
fn end_of(delivery: &Delivery<'_>, last_words: &[u8]) -> LineEnd {
    match delivery {
        Delivery::Piece(piece) if !last_words.is_empty() && piece.raw == last_words => {
            LineEnd::Missing
        }
        _ => LineEnd::Newline,
    }
}

/// Where what is delivered is written, with the spool locked.
struct Out<'a> {
    writer: Writer<'a>,
    source: SourceId,
    /// Why lines are missing, if they are.
    reason: GapReason,
    pieces: usize,
    last_message: &'a mut Vec<u8>,
}

impl Out<'_> {
    #[inline]
    fn write(&mut self, delivery: Delivery<'_>, end: LineEnd) {
        let source = self.source;
        match delivery {
            Delivery::Piece(piece) => self.write_piece(&piece, end),
            Delivery::Gap(gap) => self.writer.push(&Entry::Gap {
                source,
                after: Some(gap.after),
                before: gap.before,
                reason: self.reason,
            }),
            Delivery::Message(text) if text == self.last_message.as_slice() => {}
            Delivery::Message(text) => {
                self.last_message.clear();
                self.last_message.extend_from_slice(text);
                self.writer.push(&Entry::Message { source, text });
            }
        }
    }

    /// Nothing was ever read, so that no line stands before the hole.
    fn write_hole(&mut self) {
        self.writer.push(&Entry::Gap {
            source: self.source,
            after: None,
            before: None,
            reason: self.reason,
        });
    }

    #[inline]
    fn write_piece(&mut self, piece: &Piece<'_>, end: LineEnd) {
        // The aligner delivers none without.
        let Some(stamp) = piece.stamp else { return };
        self.pieces += 1;
        self.writer.push(&Entry::Piece {
            source: self.source,
            stamp,
            part: piece.part,
            end,
            text: piece.text(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: &str = "unable to retrieve container logs for containerd://ab";
    const LINE: &[u8] = b"2026-11-21T11:55:00.100000000Z last\n";

    fn log(since: Option<i64>) -> SourceLog {
        SourceLog::new(SourceId(0), Start::Whole, since)
    }

    fn entries(spool: &SharedSpool) -> Vec<String> {
        let mut seen = Vec::new();
        let taken = spool.take(std::time::Duration::ZERO, |entry| {
            seen.push(format!("{entry:?}"));
        });
        assert!(taken.is_ok());
        seen
    }

    fn drain(log: &mut SourceLog, bytes: &[u8], spool: &SharedSpool) -> (Settled, Option<String>) {
        log.begin_stream();
        log.take(bytes, spool);
        log.settle(Some(LastBytes::AreLines), spool)
    }

    #[test]
    fn the_words_of_a_kubelet_that_cannot_read_the_file_are_told_once_where_not_all_was_read() {
        let (mut log, spool) = (log(None), SharedSpool::new(0));
        for _ in 0..2 {
            let (_, words) = drain(&mut log, GONE.as_bytes(), &spool);
            assert_eq!(words.as_deref(), Some(GONE));
        }
        assert_eq!(entries(&spool), Vec::<String>::new(), "held back");
        assert_eq!(log.check_end(GONE.as_bytes()), End::Spoken);
        log.end(Outcome::Incomplete, 0, &spool);
        let seen = entries(&spool);
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[0].starts_with("Message") && seen[1].starts_with("Ended"));
    }

    #[test]
    fn the_words_of_a_kubelet_are_not_told_where_all_was_read() {
        let (mut log, spool) = (log(None), SharedSpool::new(0));
        drain(&mut log, LINE, &spool);
        assert_eq!(drain(&mut log, GONE.as_bytes(), &spool).0, Settled::Empty);
        log.end(Outcome::Complete, 0, &spool);
        let seen = entries(&spool);
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[0].starts_with("Piece") && seen[1].starts_with("Ended"));
    }

    #[test]
    fn a_stream_that_ends_with_a_servers_trouble_is_no_end_of_the_log() {
        let spool = SharedSpool::new(0);
        let settled = |words: &[u8]| {
            let mut log = log(None);
            log.begin_stream();
            log.take(&[LINE, words].concat(), &spool);
            log.settle(Some(LastBytes::MayBeHalf), &spool).0
        };
        let trouble = b"failed to create fsnotify watcher: too many open files";
        assert_eq!(settled(trouble), Settled::Undecided);
        let gone = b"rpc error: code = NotFound desc = an error occurred";
        assert_eq!(settled(gone), Settled::Aligned);
        assert_eq!(settled(b""), Settled::Aligned);
    }

    #[test]
    fn words_that_were_told_while_they_lasted_are_not_told_again_at_the_end() {
        let (mut log, spool) = (log(None), SharedSpool::new(0));
        drain(&mut log, GONE.as_bytes(), &spool);
        log.tell(GONE, &spool);
        log.end(Outcome::Incomplete, 0, &spool);
        let seen = entries(&spool);
        let told = seen.iter().filter(|entry| entry.starts_with("Message"));
        assert_eq!(told.count(), 1, "{seen:?}");
    }

    #[test]
    fn a_log_of_which_nothing_was_ever_read_has_no_end_and_is_marked() {
        for last in [LastBytes::AreLines, LastBytes::MayBeHalf] {
            let (mut log, spool) = (log(None), SharedSpool::new(0));
            log.begin_stream();
            log.take(GONE.as_bytes(), &spool);
            assert_eq!(log.settle(Some(last), &spool).0, Settled::Undecided);
            log.mark_end(Reason::NoAnswer, &spool);
            let seen = entries(&spool);
            assert_eq!(seen.len(), 1, "{seen:?}");
            assert!(seen[0].starts_with("Gap") && seen[0].contains("after: None"));
        }
    }

    #[test]
    fn only_a_line_of_the_container_says_where_the_new_begins() {
        let mut log = log(None);
        log.begin_stream();
        assert_eq!(log.prime(format!("{GONE}\n").as_bytes()), Event::Repeated);
        assert_eq!(log.prime(LINE), Event::Delivered);
    }

    #[test]
    fn a_bar_without_an_end_is_told_once_a_second_from_the_beginning_of_an_update() {
        let (mut log, spool) = (log(None), SharedSpool::new(0));
        let mut told = |now: u64, chunk: &str| {
            let event = log.take(chunk.as_bytes(), &spool);
            assert_eq!(event, Event::Repeated, "{chunk}");
            log.tell_unfinished(Duration::from_millis(now), &spool);
            let mut seen = Vec::new();
            let taken = spool.take(Duration::ZERO, |entry| {
                let Entry::Unfinished { text, .. } = entry else {
                    panic!("{entry:?}")
                };
                seen.push(String::from_utf8_lossy(text).into_owned());
            });
            assert!(taken.is_ok());
            seen.pop()
        };
        assert_eq!(told(0, "2026-11-21T11:55:00.100000000Z a line"), None);
        assert_eq!(told(10, " and \r"), Some("a line and \r".to_owned()));
        assert_eq!(told(1000, " 10%\r 20"), None);
        let all = "a line and \r 10%\r 20%".to_owned();
        assert_eq!(told(1010, "%"), Some(all));
        let many = "\r 30%".repeat(1000);
        let newest = told(2010, &many).unwrap();
        assert!(newest.starts_with("\r 30%") && newest.len() <= LONGEST_TOLD);
        assert!(newest.len() > LONGEST_TOLD - 6, "{}", newest.len());
    }

    #[test]
    fn the_last_of_a_burst_is_told_when_the_second_is_over() {
        let (mut log, spool) = (log(None), SharedSpool::new(0));
        let millis = Duration::from_millis;
        log.take(b"2026-11-21T11:55:00.100000000Z \r 5%\r 6", &spool);
        log.tell_unfinished(millis(100), &spool);
        assert_eq!(log.tells_at(), None, "nothing is held back");
        log.take(b"%\r 60%\r 61", &spool);
        log.tell_unfinished(millis(110), &spool);
        assert_eq!(log.tells_at(), Some(millis(1100)));
        log.tell_unfinished(millis(1100), &spool);
        assert_eq!(log.tells_at(), None);
        let seen = entries(&spool);
        let newest: Vec<_> = [&b"\r 5%\r 6"[..], b"\r 5%\r 6%\r 60%\r 61"]
            .iter()
            .map(|text| format!("text: {text:?}"))
            .collect();
        assert_eq!(seen.len(), 2, "{seen:?}");
        for (entry, text) in seen.iter().zip(&newest) {
            assert!(entry.starts_with("Unfinished") && entry.contains(text));
        }
    }

    #[test]
    fn what_was_held_back_is_not_told_where_its_line_has_ended() {
        let (mut log, spool) = (log(None), SharedSpool::new(0));
        log.take(b"2026-11-21T11:55:00.100000000Z \r 5%\r 6", &spool);
        log.tell_unfinished(Duration::ZERO, &spool);
        log.tell_unfinished(Duration::from_millis(10), &spool);
        log.take(b"%\n", &spool);
        log.tell_unfinished(TELLING, &spool);
        let seen = entries(&spool);
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[1].starts_with("Piece"), "{seen:?}");
    }

    #[test]
    fn a_line_that_does_not_draw_over_itself_is_not_told_before_its_end() {
        let (mut log, spool) = (log(None), SharedSpool::new(0));
        let line = format!("2026-11-21T11:55:00.100000000Z {}", "x".repeat(10_000));
        log.take(line.as_bytes(), &spool);
        log.tell_unfinished(Duration::ZERO, &spool);
        assert!(entries(&spool).is_empty());
    }

    #[test]
    fn last_words_without_a_newline_are_the_containers() {
        let (mut log, spool) = (log(None), SharedSpool::new(0));
        log.begin_stream();
        log.take(b"2026-11-21T11:55:00.100000000Z bye", &spool);
        log.settle(Some(LastBytes::AreLines), &spool);
        let seen = entries(&spool);
        assert!(seen.len() == 1 && seen[0].starts_with("Piece"), "{seen:?}");
    }

    #[test]
    fn where_all_lines_are_older_than_what_is_wanted_nothing_is_ahead() {
        let last = b"2026-11-21T11:55:00.100000000Z bye\n";
        let second = 1_795_262_100;
        assert_eq!(log(Some(second + 1)).check_end(last), End::Reached);
        assert_eq!(log(Some(second)).check_end(last), End::Ahead);
        assert_eq!(log(None).check_end(last), End::Ahead);
    }
}
