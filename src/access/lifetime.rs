//! How long a token shall live, and how long it was granted for: asked and granted differ on many clusters.

use std::time::Duration;

/// The API server grants nothing shorter.
pub const SHORTEST: Duration = Duration::from_mins(10);
/// Longer ones have to be asked for twice.
pub const LONG: Duration = Duration::from_hours(24);
/// The API server reads no larger number of seconds.
const LONGEST: Duration = Duration::from_secs(1 << 32);

const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;
const MINUTE: u64 = 60;

/// What a person may ask for.
pub fn check_asked(asked: Duration) -> Result<Duration, String> {
    if asked < SHORTEST {
        return Err("the API server grants no token for less than 10 minutes".to_owned());
    }
    if asked > LONGEST {
        return Err("the API server grants no token for more than 2^32 seconds".to_owned());
    }
    Ok(asked)
}

/// What to say where less was granted than asked. A second goes by while the token is made.
pub fn shortfall(asked: Duration, granted: i64) -> Option<String> {
    let granted = u64::try_from(granted).unwrap_or_default();
    (granted + 1 < asked.as_secs()).then(|| {
        format!(
            "the server granted {} ({granted} s), not the {} asked for: it limits the lifetime of tokens",
            lifetime_words(granted),
            lifetime_words(asked.as_secs())
        )
    })
}

/// `8h`, `1h30m`, `2d`: whole units only, and at most two of them.
pub fn lifetime_words(seconds: u64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (1, "s")];
    let mut rest = seconds;
    let parts = units.map(|(size, unit)| {
        let count = rest / size;
        rest %= size;
        (count, unit)
    });
    let parts = parts.into_iter().skip_while(|(count, _)| *count == 0);
    let told = parts.take(2).filter(|(count, _)| *count > 0);
    let words: Vec<_> = told.map(|(count, unit)| format!("{count}{unit}")).collect();
    if words.is_empty() {
        "0s".to_owned()
    } else {
        words.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_ten_minutes_is_refused_and_says_so() {
        let refusal = check_asked(Duration::from_mins(5)).unwrap_err();
        assert!(refusal.contains("10 minutes"), "{refusal}");
        assert_eq!(check_asked(SHORTEST), Ok(SHORTEST));
        assert!(check_asked(LONGEST + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn a_shorter_grant_is_told_with_both_figures() {
        let asked = Duration::from_hours(8760);
        assert_eq!(
            shortfall(asked, 3600).as_deref(),
            Some(
                "the server granted 1h (3600 s), not the 365d asked for: it limits the lifetime of tokens"
            )
        );
        assert_eq!(shortfall(asked, 8760 * 3600), None);
        assert_eq!(shortfall(asked, 8760 * 3600 - 1), None);
    }

    #[test]
    fn lifetimes_are_told_in_at_most_two_units() {
        for (seconds, words) in [
            (0, "0s"),
            (59, "59s"),
            (600, "10m"),
            (5400, "1h30m"),
            (28_800, "8h"),
            (90_061, "1d1h"),
            (86_460, "1d"),
        ] {
            assert_eq!(lifetime_words(seconds), words);
        }
    }
}
