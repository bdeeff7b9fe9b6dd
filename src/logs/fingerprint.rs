//! A 64-bit fingerprint of a piece of a log. Two pieces of one container with the same fingerprint are taken for equal;
//! the stamp is part of what is hashed, so this must hold only among pieces of the same nanosecond, and of chance. Pure.

use super::line::{Part, Piece};

/// Odd constants with as many ones as zeros, from the digits of pi and e.
const FIRST: u64 = 0x243f_6a88_85a3_08d3;
const SECOND: u64 = 0xb7e1_5162_8aed_2a6b;

pub(crate) fn fingerprint(piece: &Piece<'_>) -> u64 {
    let part = match piece.part {
        Part::Whole => 0,
        Part::First => 1,
        Part::Middle => 2,
        Part::Last => 3,
    };
    // A chunk's bytes do not tell of which line it is.
    let moment = piece
        .stamp
        .filter(|_| !piece.part.begins_line())
        .map_or(0, |stamp| {
            stamp.seconds.cast_unsigned().rotate_left(32) ^ u64::from(stamp.nanoseconds) << 2
        });
    hash(piece.raw, moment ^ part)
}

/// Multiplies wide and folds, eight bytes at a time: short lines in a few nanoseconds.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut state = fold(seed ^ FIRST, bytes.len() as u64 ^ SECOND);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), SECOND);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(state ^ u64::from_le_bytes(last), FIRST)
}

fn fold(one: u64, other: u64) -> u64 {
    let [low, high] = halves(u128::from(one) * u128::from(other));
    low ^ high
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves are what is wanted"
)]
fn halves(wide: u128) -> [u64; 2] {
    [wide as u64, (wide >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::logs::line::LineSplitter;

    #[test]
    fn chunks_of_equal_text_are_told_apart_by_their_lines() {
        let mut prints = HashSet::new();
        for second in 10..20 {
            let line = format!("2026-11-21T11:55:{second}.000000000Z {}\n", "x".repeat(300));
            let mut splitter = LineSplitter::new(100);
            let _: Result<(), ()> = splitter.push(line.as_bytes(), |piece| {
                prints.insert(fingerprint(&piece));
                Ok(())
            });
        }
        // Of each line: the first chunk, the two that are equal, and the last.
        assert_eq!(prints.len(), 30);
    }

    #[test]
    fn texts_that_differ_a_little_have_different_fingerprints() {
        let mut seen = HashSet::new();
        for number in 0..200_000u32 {
            assert!(seen.insert(hash(format!("line {number} of the log").as_bytes(), 0)));
        }
        for length in 0..600 {
            assert!(seen.insert(hash(&vec![0; length], 0)), "{length}");
            assert!(seen.insert(hash(&vec![0; length], 1)), "{length}");
        }
    }
}
