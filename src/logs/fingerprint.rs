//! A 64-bit fingerprint of a piece of a log. Two pieces of one container with the same fingerprint are taken for equal;
//! the stamp is part of what is hashed, so this must hold only among pieces of the same nanosecond, and of chance. Pure.

use super::line::{Part, Piece};

/// Odd constants with about as many ones as zeros, from the digits of pi and e.
const FIRST: u64 = 0x243f_6a88_85a3_08d3;
const SECOND: u64 = 0xb7e1_5162_8aed_2a6b;
const THIRD: u64 = 0xc0ac_29b7_c97c_50dd;
const FOURTH: u64 = 0x7b54_a41d_c25a_59b5;
/// What is hashed at once of a longer piece.
const BLOCK: usize = 32;

#[inline]
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

/// Multiplies wide and folds. Short lines take a few nanoseconds.
#[inline]
fn hash(bytes: &[u8], seed: u64) -> u64 {
    let state = fold(seed ^ FIRST, bytes.len() as u64 ^ SECOND);
    match bytes.last_chunk::<BLOCK>() {
        Some(last) => hash_blocks(bytes, last, state),
        None => hash_words(bytes, state),
    }
}

/// In two rows that do not wait for each other. What is left after the last whole block is taken together with what
/// stands before it; the length, which is in the state, tells how much that is.
#[inline]
fn hash_blocks(bytes: &[u8], last: &[u8; BLOCK], state: u64) -> u64 {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let (mut one, mut other) = (state, state ^ THIRD);
    for block in blocks.iter().chain([last]) {
        let (words, _) = block.as_chunks::<8>();
        if let [first, second, third, fourth] = words {
            one = fold(one ^ word(*first), word(*second) ^ THIRD);
            other = fold(other ^ word(*third), word(*fourth) ^ FOURTH);
        }
    }
    fold(one ^ FIRST, other.rotate_left(32) ^ SECOND)
}

fn hash_words(bytes: &[u8], mut state: u64) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for one in words {
        state = fold(state ^ word(*one), SECOND);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(state ^ word(last), FIRST)
}

#[inline]
const fn word(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes)
}

#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let [low, high] = halves(u128::from(one) * u128::from(other));
    low ^ high
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves are what is wanted"
)]
#[inline]
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

    #[test]
    fn each_bit_of_a_text_and_the_place_of_each_word_count() {
        let text: Vec<u8> = (0..150).collect();
        let mut seen = HashSet::from([hash(&text, 0)]);
        for bit in 0..text.len() * 8 {
            let mut other = text.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(hash(&other, 0)), "bit {bit}");
        }
        for (one, two) in (0..18).flat_map(|one| (one + 1..18).map(move |two| (one, two))) {
            let mut other = text.clone();
            (0..8).for_each(|byte| other.swap(one * 8 + byte, two * 8 + byte));
            assert!(seen.insert(hash(&other, 0)), "words {one} and {two}");
        }
    }
}
