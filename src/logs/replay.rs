//! Recognises in a stream that was opened again where the new begins. The server repeats the end of what it served
//! before; the longest end of what was delivered that the stream repeats in a row decides. Lines of equal text and
//! stamp thus keep their number. Pure.

use super::line::{KeptPiece, Piece};

/// More beginnings at once than twice this are lines that repeat within a nanosecond; the first and the last are tried,
/// and the next other line finds the place.
const MOST_OPEN: usize = 2048;

/// What a piece of a replay is.
#[derive(Debug)]
pub(crate) enum Step {
    /// Delivered before, or kept until it is known.
    Taken,
    /// Delivered before, and the last of what was: everything after it is new.
    Last,
    /// The new began with these, and goes on with this piece.
    New(Vec<KeptPiece>),
    /// None of what is remembered.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Replay {
    /// What was delivered and should be repeated, in order.
    expected: Vec<u64>,
    /// The same with their places, sorted.
    places: Vec<(u64, usize)>,
    /// For every beginning that the stream confirmed so far, the place that must come next; the longest first.
    open: Vec<usize>,
    /// After the end of a shorter confirmed run, while a longer one is still open: new if the longer one fails.
    held: Option<Vec<KeptPiece>>,
}

impl Replay {
    pub(crate) fn new(expected: Vec<u64>) -> Self {
        let mut places: Vec<_> = expected.iter().copied().zip(0..).collect();
        places.sort_unstable();
        Self {
            expected,
            places,
            open: Vec::new(),
            held: None,
        }
    }

    pub(crate) fn step(&mut self, print: u64, piece: &Piece<'_>) -> Step {
        self.open.retain_mut(|next| {
            let confirmed = self.expected.get(*next) == Some(&print);
            *next += 1;
            confirmed
        });
        if self.open.is_empty() {
            if let Some(held) = self.held.take() {
                return Step::New(held);
            }
            self.open = self.places_after(print);
            if self.open.is_empty() {
                return Step::Unknown;
            }
        }
        self.close_completed(piece)
    }

    /// Whether the piece was delivered before, wherever it stood.
    pub(crate) fn knows(&self, print: u64) -> bool {
        self.places
            .get(self.place_of(print))
            .is_some_and(|(one, _)| *one == print)
    }

    /// No more will come, so no longer run can be confirmed: what was held back is new, if any run was confirmed.
    pub(crate) fn settle(&mut self) -> Option<Vec<KeptPiece>> {
        self.open.clear();
        self.held.take()
    }

    fn close_completed(&mut self, piece: &Piece<'_>) -> Step {
        if self.open.last() == Some(&self.expected.len()) {
            self.open.pop();
            // What was held for a shorter run has turned out to be old.
            self.held = Some(Vec::new());
            if self.open.is_empty() {
                return Step::Last;
            }
        } else if let Some(held) = &mut self.held {
            held.push(KeptPiece::of(piece));
        }
        Step::Taken
    }

    fn places_after(&self, print: u64) -> Vec<usize> {
        let places = &self.places[self.place_of(print)..];
        let count = places.partition_point(|(one, _)| *one == print);
        let is_tried = |rank: &usize| *rank < MOST_OPEN || *rank + MOST_OPEN >= count;
        (0..count)
            .filter(is_tried)
            .map(|rank| places[rank].1 + 1)
            .collect()
    }

    /// Of the first entry with this fingerprint, if there is one.
    fn place_of(&self, print: u64) -> usize {
        self.places.partition_point(|(one, _)| *one < print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::line::LineSplitter;

    /// What of the replay is new, when these had been delivered; letters are lines. `None`: the place was not found.
    fn new_of(delivered: &str, replayed: &str) -> Option<String> {
        let mut replay = Replay::new(delivered.bytes().map(u64::from).collect());
        let mut new = String::new();
        let mut aligned = false;
        for letter in replayed.chars() {
            if aligned {
                new.push(letter);
                continue;
            }
            match step(&mut replay, letter) {
                Step::Taken | Step::Unknown => {}
                Step::Last => aligned = true,
                Step::New(held) => {
                    aligned = true;
                    new.extend(held.iter().map(|piece| char::from(piece.as_piece().raw[0])));
                    new.push(letter);
                }
            }
        }
        if !aligned {
            let held = replay.settle()?;
            new.extend(held.iter().map(|piece| char::from(piece.as_piece().raw[0])));
        }
        Some(new)
    }

    fn step(replay: &mut Replay, letter: char) -> Step {
        let mut splitter = LineSplitter::default();
        let mut step = None;
        let _: Result<(), ()> = splitter.push(format!("{letter}\n").as_bytes(), |piece| {
            step = Some(replay.step(u64::from(letter), &piece));
            Ok(())
        });
        step.unwrap()
    }

    #[test]
    fn the_new_begins_after_the_longest_repeated_end() {
        for (delivered, replayed, new) in [
            ("abc", "abc", Some("")),
            ("abc", "abcde", Some("de")),
            ("abc", "bcde", Some("de")),
            ("abc", "cde", Some("de")),
            ("abc", "xyzabcde", Some("de")),
            ("abc", "xbcde", Some("de")),
            ("abc", "", None),
            ("abc", "xyz", None),
            ("abc", "ab", None),
        ] {
            assert_eq!(
                new_of(delivered, replayed).as_deref(),
                new,
                "{delivered} {replayed}"
            );
        }
    }

    #[test]
    fn equal_lines_keep_their_number() {
        for (delivered, replayed, new) in [
            ("aaa", "aaa", ""),
            ("aaa", "aaaa", "a"),
            ("aaa", "aaab", "b"),
            ("aaa", "aab", "b"),
            ("baa", "baaaac", "aac"),
            ("baa", "aac", "c"),
            ("aba", "abab", "b"),
            ("abab", "abababab", "abab"),
            ("abab", "abab", ""),
            ("aab", "aaab", ""),
            ("aaaab", "aabc", "c"),
            ("aaaa", "aac", "c"),
        ] {
            assert_eq!(
                new_of(delivered, replayed).as_deref(),
                Some(new),
                "{delivered} {replayed}"
            );
        }
    }

    #[test]
    fn what_could_be_old_is_held_back_and_new_once_it_cannot() {
        let mut replay = Replay::new("abab".bytes().map(u64::from).collect());
        assert!(matches!(step(&mut replay, 'a'), Step::Taken));
        assert!(
            matches!(step(&mut replay, 'b'), Step::Taken),
            "ab is an end, abab may follow"
        );
        assert!(matches!(step(&mut replay, 'a'), Step::Taken), "held back");
        let Step::New(held) = step(&mut replay, 'c') else {
            panic!("not aligned")
        };
        assert_eq!(held.len(), 1);
    }

    #[test]
    fn thousands_of_equal_lines_are_recognised_quickly() {
        let delivered = format!("{}b", "a".repeat(30_000));
        assert_eq!(
            new_of(&delivered, &format!("{delivered}c")).as_deref(),
            Some("c")
        );
        assert_eq!(
            new_of(&delivered, &format!("{}c", &delivered[20_000..])).as_deref(),
            Some("c")
        );
    }
}
