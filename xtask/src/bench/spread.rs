//! What a row says of many values: the median, the smallest, the largest; and whether a limit was kept.

/// The three figures of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
}

impl Spread {
    /// Of no values at all, everything is "not a number".
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        Spread {
            median: at(sorted.len() / 2),
            minimum: at(0),
            maximum: at(sorted.len().saturating_sub(1)),
        }
    }
}

/// Whether a limit was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Yes,
    No,
}

impl Kept {
    /// A value that is not a number keeps no limit.
    pub(super) fn judge(value: f64, limit: f64) -> Kept {
        if value <= limit { Kept::Yes } else { Kept::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_eleven_is_the_sixth() {
        let spread = Spread::of((1..=11).rev().map(f64::from));
        let expected = Spread {
            median: 6.0,
            minimum: 1.0,
            maximum: 11.0,
        };
        assert_eq!(spread, expected);
    }

    #[test]
    fn what_was_never_measured_keeps_no_limit() {
        let nothing = Spread::of(std::iter::empty());
        assert_eq!(Kept::judge(nothing.median, 1.0), Kept::No);
    }
}
