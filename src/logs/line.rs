//! Cuts the bytes of a log that was asked for with time stamps into pieces: a line, or for a very long line the chunks
//! of it. The same bytes give the same pieces however the network cut them. What has no end yet is held back. Pure.

use memchr::memchr;

use super::stamp::{Stamp, StampReader};

/// Longer lines come in chunks of this size. Larger than any line that is meant to be read, small enough for a
/// thousand streams.
pub const LONGEST_PIECE: usize = 256 << 10;

/// Which part of its line a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    Whole,
    First,
    Middle,
    Last,
}

impl Part {
    /// Whether the line ends with this piece.
    pub fn ends_line(self) -> bool {
        matches!(self, Self::Whole | Self::Last)
    }

    /// Whether the line begins with this piece, so that its bytes begin with the stamp.
    pub fn begins_line(self) -> bool {
        matches!(self, Self::Whole | Self::First)
    }
}

/// A piece of a log, without the line's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Of the line that the piece is of; none where a line begins without one. Such text is a server's, or the rest of
    /// a record whose beginning was not served.
    pub stamp: Option<Stamp>,
    /// As it came, with the stamp.
    pub raw: &'a [u8],
    stamp_length: usize,
    pub part: Part,
}

impl<'a> Piece<'a> {
    /// Without the stamp and the blank after it.
    #[inline]
    pub fn text(&self) -> &'a [u8] {
        &self.raw[self.stamp_length..]
    }

    #[inline]
    fn begin(raw: &'a [u8], part: Part, stamps: &mut StampReader) -> Self {
        let (stamp, stamp_length) = match stamps.at_start(raw) {
            Some((stamp, length)) => (Some(stamp), length + 1),
            None => (None, 0),
        };
        Self {
            stamp,
            raw,
            stamp_length,
            part,
        }
    }
}

/// A piece that is kept for longer than the bytes it came with.
#[derive(Clone, Debug)]
pub(crate) struct KeptPiece {
    stamp: Option<Stamp>,
    raw: Vec<u8>,
    stamp_length: usize,
    part: Part,
}

impl KeptPiece {
    pub(crate) fn of(piece: &Piece<'_>) -> Self {
        let raw = piece.raw.to_vec();
        let Piece {
            stamp,
            stamp_length,
            part,
            ..
        } = *piece;
        Self {
            stamp,
            raw,
            stamp_length,
            part,
        }
    }

    pub(crate) fn as_piece(&self) -> Piece<'_> {
        let Self {
            stamp,
            raw,
            stamp_length,
            part,
        } = self;
        Piece {
            stamp: *stamp,
            raw,
            stamp_length: *stamp_length,
            part: *part,
        }
    }
}

/// The state between two reads of one stream.
#[derive(Debug)]
pub struct LineSplitter {
    longest: usize,
    /// What has come of the current piece, when it did not come at once.
    rest: Vec<u8>,
    place: Place,
    stamps: StampReader,
}

/// Where in its line a piece begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    /// The line has had chunks already, and this was its stamp.
    Within(Option<Stamp>),
}

impl Default for LineSplitter {
    fn default() -> Self {
        Self::new(LONGEST_PIECE)
    }
}

impl LineSplitter {
    /// `longest` counts the bytes of a piece with its stamp.
    pub fn new(longest: usize) -> Self {
        Self {
            longest: longest.max(1),
            rest: Vec::new(),
            place: Place::Start,
            stamps: StampReader::default(),
        }
    }

    /// Takes what was read and hands over each piece that is complete now, until one is not wanted any more; the bytes
    /// after that piece are forgotten, because the stream will be.
    #[inline]
    pub fn push<Break>(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(Piece<'_>) -> Result<(), Break>,
    ) -> Result<(), Break> {
        while !bytes.is_empty() {
            let room = self.longest - self.rest.len();
            // One byte more than fits: a line that ends exactly there is no chunk.
            let window = &bytes[..bytes.len().min(room + 1)];
            bytes = match memchr(b'\n', window) {
                Some(end) => {
                    self.hand_over(&bytes[..end], LineEnd::Reached, &mut take)?;
                    &bytes[end + 1..]
                }
                None if window.len() > room => {
                    self.hand_over(&bytes[..room], LineEnd::Ahead, &mut take)?;
                    &bytes[room..]
                }
                None => {
                    self.rest.extend_from_slice(bytes);
                    &[]
                }
            };
        }
        Ok(())
    }

    /// The text after the last line's end, and a splitter as new. A container that ends without a line's end leaves
    /// such text, a broken connection too, and a kubelet that has something to say. Bytes of a line that had chunks
    /// already are its last.
    pub fn finish<Answer>(&mut self, take: impl FnOnce(Option<Piece<'_>>) -> Answer) -> Answer {
        let rest = std::mem::take(&mut self.rest);
        let place = std::mem::replace(&mut self.place, Place::Start);
        if rest.is_empty() && place == Place::Start {
            return take(None);
        }
        let stamps = &mut self.stamps;
        take(Some(piece_of(&rest, place, LineEnd::Reached, stamps)))
    }

    /// The text after the last line's end, so far.
    pub fn unfinished(&self) -> &[u8] {
        &self.rest
    }

    /// The same as a piece, which it is not yet: its line goes on. None where there is no text.
    pub fn unfinished_piece(&self) -> Option<Piece<'_>> {
        let mut stamps = self.stamps.clone();
        (!self.rest.is_empty())
            .then(|| piece_of(&self.rest, self.place, LineEnd::Ahead, &mut stamps))
    }

    /// Forgets the unfinished: the next bytes are those of another stream.
    pub fn reset(&mut self) {
        self.rest.clear();
        self.place = Place::Start;
    }

    #[inline]
    fn hand_over<Break>(
        &mut self,
        bytes: &[u8],
        end: LineEnd,
        take: &mut impl FnMut(Piece<'_>) -> Result<(), Break>,
    ) -> Result<(), Break> {
        let raw = if self.rest.is_empty() {
            bytes
        } else {
            self.rest.extend_from_slice(bytes);
            &self.rest
        };
        let piece = piece_of(raw, self.place, end, &mut self.stamps);
        self.place = match end {
            LineEnd::Reached => Place::Start,
            LineEnd::Ahead => Place::Within(piece.stamp),
        };
        let answer = take(piece);
        self.rest.clear();
        answer
    }
}

#[derive(Clone, Copy)]
enum LineEnd {
    Reached,
    Ahead,
}

#[inline]
fn piece_of<'a>(raw: &'a [u8], place: Place, end: LineEnd, stamps: &mut StampReader) -> Piece<'a> {
    match (place, end) {
        (Place::Start, LineEnd::Reached) => Piece::begin(raw, Part::Whole, stamps),
        (Place::Start, LineEnd::Ahead) => Piece::begin(raw, Part::First, stamps),
        (Place::Within(stamp), LineEnd::Ahead) => Piece {
            stamp,
            raw,
            stamp_length: 0,
            part: Part::Middle,
        },
        (Place::Within(stamp), LineEnd::Reached) => Piece {
            stamp,
            raw,
            stamp_length: 0,
            part: Part::Last,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const STAMP: &str = "2026-11-21T11:55:00.123456789Z";

    type Owned = (Vec<u8>, Part, bool);

    fn owned(piece: Piece<'_>) -> Owned {
        (piece.text().to_vec(), piece.part, piece.stamp.is_some())
    }

    fn split(chunks: &[&[u8]], longest: usize) -> (Vec<Owned>, Option<Owned>) {
        let mut splitter = LineSplitter::new(longest);
        let mut pieces = Vec::new();
        for chunk in chunks {
            let taken: Result<(), Infallible> = splitter.push(chunk, |piece| {
                pieces.push(owned(piece));
                Ok(())
            });
            taken.unwrap();
        }
        let rest = splitter.finish(|piece| piece.map(owned));
        (pieces, rest)
    }

    fn whole(text: &[u8], stamped: bool) -> Owned {
        (text.to_vec(), Part::Whole, stamped)
    }

    #[test]
    fn lines_lose_their_stamp_and_end_and_nothing_else() {
        let log =
            format!("{STAMP} one\n{STAMP} \n{STAMP} \ta\rb\0\u{fc}\r\nno stamp\n\n{STAMP} ra");
        let (pieces, rest) = split(&[log.as_bytes()], 1000);
        let expected = [
            whole(b"one", true),
            whole(b"", true),
            whole("\ta\rb\0\u{fc}\r".as_bytes(), true),
            whole(b"no stamp", false),
            whole(b"", false),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(rest, Some(whole(b"ra", true)));
    }

    #[test]
    fn bytes_that_are_no_text_pass_unchanged() {
        let log = [STAMP.as_bytes(), b" \xff\xfe\x80\x00\xc3\n"].concat();
        assert_eq!(
            split(&[&log], 1000).0,
            [whole(b"\xff\xfe\x80\x00\xc3", true)]
        );
    }

    #[test]
    fn partial_records_that_a_kubelet_joined_are_one_line() {
        let text = "x".repeat(5 * 16_384 + 7);
        let log = format!("{STAMP} {text}\n");
        assert_eq!(
            split(&[log.as_bytes()], LONGEST_PIECE).0,
            [whole(text.as_bytes(), true)]
        );
    }

    #[test]
    fn a_line_of_the_longest_length_is_whole_and_one_byte_more_makes_chunks() {
        let (pieces, rest) = split(&[b"12345678\n123456789\n"], 8);
        let last = (b"9".to_vec(), Part::Last, false);
        let first = (b"12345678".to_vec(), Part::First, false);
        assert_eq!(pieces, [whole(b"12345678", false), first, last]);
        assert_eq!(rest, None);
    }

    #[test]
    fn chunks_keep_the_stamp_of_their_line_even_where_a_later_chunk_looks_stamped() {
        let line = format!("{STAMP} abcd{STAMP} efgh\n");
        let (pieces, _) = split(&[line.as_bytes()], 35);
        let last = (format!("{STAMP} efgh").into_bytes(), Part::Last, true);
        assert_eq!(pieces, [(b"abcd".to_vec(), Part::First, true), last]);
    }

    #[test]
    fn what_has_no_end_yet_can_be_looked_at_with_its_stamp() {
        let mut splitter = LineSplitter::new(39);
        let mut push = |bytes: &[u8]| {
            let taken: Result<(), Infallible> = splitter.push(bytes, |_| Ok(()));
            taken.unwrap();
            splitter.unfinished_piece().map(owned)
        };
        assert_eq!(push(b"a\n"), None);
        let begun = (b"\r 1%".to_vec(), Part::First, true);
        assert_eq!(push(format!("{STAMP} \r 1%").as_bytes()), Some(begun));
        let chunk = (b"\r 3%".to_vec(), Part::Middle, true);
        assert_eq!(push(b"\r 2%\r 3%"), Some(chunk));
        assert_eq!(push(b"\n"), None);
    }

    #[test]
    fn after_an_unwanted_piece_nothing_is_handed_over() {
        let mut splitter = LineSplitter::default();
        let mut seen = 0;
        let answer = splitter.push(b"a\nb\nc\n", |_| {
            seen += 1;
            if seen == 2 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((answer, seen), (Err("enough"), 2));
        assert!(splitter.finish(|rest| rest.is_none()));
    }

    fn log_bytes() -> impl Strategy<Value = Vec<u8>> {
        let text = prop_oneof![
            3 => prop::collection::vec(any::<u8>(), 0..40),
            1 => prop::collection::vec(prop::sample::select(&b"\r\n\0 "[..]), 0..8),
        ];
        let stamped = (any::<bool>(), text, any::<bool>()).prop_map(|(stamped, text, ended)| {
            let mut line = if stamped {
                format!("{STAMP} ").into_bytes()
            } else {
                Vec::new()
            };
            line.extend(text);
            line.extend(ended.then_some(b'\n'));
            line
        });
        prop::collection::vec(stamped, 0..20).prop_map(|lines| lines.concat())
    }

    fn cut(mut bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        for size in sizes.iter().cycle() {
            if bytes.is_empty() {
                break;
            }
            let (chunk, rest) = bytes.split_at((*size).min(bytes.len()));
            chunks.push(chunk.to_vec());
            bytes = rest;
        }
        chunks
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn the_same_bytes_give_the_same_pieces_however_they_were_cut(
            bytes in log_bytes(), sizes in prop::collection::vec(1usize..60, 1..8), longest in 1usize..80,
        ) {
            let chunks = cut(&bytes, &sizes);
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(split(&chunks, longest), split(&[&bytes], longest));
        }

        #[test]
        fn pieces_joined_again_are_the_bytes(bytes in log_bytes(), longest in 1usize..80) {
            let mut splitter = LineSplitter::new(longest);
            let mut joined = Vec::new();
            let mut take = |piece: Piece<'_>| {
                joined.extend_from_slice(piece.raw);
                joined.extend(piece.part.ends_line().then_some(b'\n'));
                Ok::<_, Infallible>(())
            };
            splitter.push(&bytes, &mut take).unwrap();
            splitter.finish(|rest| joined.extend_from_slice(rest.map_or(&[], |rest| rest.raw)));
            prop_assert_eq!(joined, bytes);
        }
    }
}
