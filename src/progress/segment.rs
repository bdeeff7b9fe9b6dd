//! What of a piece of a log would still be seen on a terminal: the last of its `\r` updates, without control sequences.

use std::borrow::Cow;

use memchr::{memchr, memrchr2};

/// A line is looked at in so many of its last updates; the ones before were overwritten long ago.
const MOST_UPDATES: usize = 4;

/// No line of progress is longer: a bar on a wide terminal with many metrics has some 2 KiB.
const LONGEST: usize = 4096;

/// Whether the line goes on behind the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceEnd {
    /// The line ends here.
    Line,
    /// The piece was cut anywhere, also within a number or a character.
    Cut,
}

/// One update of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    pub text: Cow<'a, str>,
    /// The cursor goes up behind it: the bar stands below another one.
    pub is_nested: bool,
}

/// The updates of a piece, last first. The one that a cut may have shortened is left out: half a number is a lie.
pub fn segments(piece: &[u8], end: PieceEnd) -> impl Iterator<Item = Segment<'_>> {
    let cut = usize::from(end == PieceEnd::Cut);
    Updates { rest: Some(piece) }
        .skip(cut)
        .filter(|update| !update.iter().all(u8::is_ascii_whitespace))
        .take(MOST_UPDATES)
        .map(segment)
}

struct Updates<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Updates<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        // Keras goes back with backspaces.
        match memrchr2(b'\r', 8, rest) {
            Some(at) => {
                self.rest = rest.get(..at);
                rest.get(at + 1..)
            }
            None => self.rest.take(),
        }
    }
}

fn segment(update: &[u8]) -> Segment<'_> {
    let update = update.get(..LONGEST).unwrap_or(update);
    if memchr(0x1b, update).is_none() {
        let is_nested = update.ends_with(b"#033[A");
        return Segment {
            text: decoded(update),
            is_nested,
        };
    }
    let (bytes, is_nested) = without_sequences(update);
    Segment {
        text: Cow::Owned(decoded(&bytes).into_owned()),
        is_nested,
    }
}

/// As text; a character that the cut halved at either end is gone, not replaced.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let is_rest = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    let halved = bytes
        .iter()
        .take(3)
        .take_while(|byte| is_rest(byte))
        .count();
    let bytes = bytes.get(halved..).unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) if error.error_len().is_none() => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            String::from_utf8_lossy(valid)
        }
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// The bytes without escape sequences, and whether one of them moved the cursor up behind the text.
fn without_sequences(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut text = Vec::with_capacity(bytes.len());
    let mut nested = false;
    let mut rest = bytes;
    while let Some(at) = memchr(0x1b, rest) {
        let (before, sequence) = rest.split_at(at);
        text.extend_from_slice(before);
        let length = sequence_length(sequence);
        let up = sequence
            .get(..length)
            .is_some_and(|sequence| sequence.ends_with(b"A"));
        nested |= up && !text.iter().all(u8::is_ascii_whitespace);
        rest = sequence.get(length..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    (text, nested)
}

/// `ESC [ … letter`, `ESC ] … BEL`, or two bytes.
fn sequence_length(sequence: &[u8]) -> usize {
    let end_of = |is_end: fn(&u8) -> bool| {
        let parameters = sequence.iter().skip(2).position(is_end);
        parameters.map_or(sequence.len(), |length| length + 3)
    };
    match sequence.get(1) {
        Some(b'[') => end_of(|byte| (0x40..=0x7e).contains(byte)),
        Some(b']') => end_of(|byte| matches!(byte, 7 | 0x5c)),
        Some(_) => 2,
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(piece: &[u8], end: PieceEnd) -> Vec<String> {
        let segments = segments(piece, end);
        segments.map(|segment| segment.text.into_owned()).collect()
    }

    #[test]
    fn the_last_update_comes_first_and_blank_ones_not_at_all() {
        assert_eq!(
            texts(b"\r 10%\r 20%\r      \r", PieceEnd::Line),
            [" 20%", " 10%"]
        );
        assert_eq!(texts(b"plain", PieceEnd::Line), ["plain"]);
        assert!(texts(b"", PieceEnd::Line).is_empty());
    }

    #[test]
    fn what_a_cut_may_have_shortened_is_left_out() {
        assert_eq!(
            texts(b"\r 10%, loss=0.12\r 20%, loss=0.1", PieceEnd::Cut),
            [" 10%, loss=0.12"]
        );
        assert!(texts(b"loss: 0.1", PieceEnd::Cut).is_empty());
    }

    #[test]
    fn a_halved_character_at_either_end_is_dropped() {
        let bar = "██".as_bytes();
        assert_eq!(texts(&bar[1..5], PieceEnd::Line), [""]);
        assert_eq!(
            texts(&[&bar[2..], b" 2/4"].concat(), PieceEnd::Line),
            ["█ 2/4"]
        );
    }

    #[test]
    fn colours_go_and_a_cursor_that_goes_up_is_remembered() {
        let piece = b"\x1b[36mstep: 5  \x1b[32mloss\x1b[39m";
        assert_eq!(texts(piece, PieceEnd::Line), ["step: 5  loss"]);
        let nested = segments(b" 20%|##| 2/10\x1b[A", PieceEnd::Line).next();
        assert!(nested.is_some_and(|segment| segment.is_nested));
        let above = segments(b"\x1b[A 20%|##| 2/10", PieceEnd::Line).next();
        assert!(above.is_some_and(|segment| !segment.is_nested));
        assert_eq!(texts(b"a\x1b[", PieceEnd::Line), ["a"]);
    }
}
