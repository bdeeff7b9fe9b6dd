//! Numbers that follow from a seed, the same on every machine.

use std::ops::Range;

/// The generator `SplitMix64`: small, and good enough to choose parameters.
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn of(seed: u64) -> Random {
        Random { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range, which must not be empty.
    pub(super) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// One of the choices, of which there must be one.
    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = choices.len() - 1;
        let index = usize::try_from(self.within(0..choices.len() as u64)).unwrap_or(last);
        choices[index.min(last)]
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_gives_the_same_numbers_every_time_and_another_seed_others() {
        let draw = |seed| {
            let mut random = Random::of(seed);
            (0..8)
                .map(|_| random.within(10..1_000_000))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(
            draw(7)
                .iter()
                .all(|number| (10..1_000_000).contains(number))
        );
    }
}
