//! Stamps of lines as text that sorts as time does: UTC, nine digits of a second, no zone.

/// `2026-01-31T12:00:00.000000000`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(String);

impl Stamp {
    /// Of an RFC 3339 time in UTC, with any number of digits behind the second; none for anything else.
    pub(super) fn parse(text: &str) -> Option<Stamp> {
        let text = text.strip_suffix('Z').or(text.strip_suffix("+00:00"))?;
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let shaped = seconds.len() == 19 && seconds.as_bytes()[10] == b'T' && fraction.len() <= 9;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (shaped && digits(&seconds[..4]) && digits(fraction))
            .then(|| Stamp(format!("{seconds}.{fraction:0<9}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn stamps_of_any_precision_sort_as_time_does() {
        let stamp = |text| Stamp::parse(text).unwrap();
        let rising = [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.000000001Z",
            "2026-01-31T12:00:00.1+00:00",
            "2026-01-31T12:00:01.05Z",
        ];
        assert!(
            rising
                .windows(2)
                .all(|pair| stamp(pair[0]) < stamp(pair[1]))
        );
        assert_eq!(
            stamp("2026-01-31T12:00:00.1Z"),
            stamp("2026-01-31T12:00:00.100000000Z")
        );
    }

    #[test]
    fn what_is_no_stamp_is_none() {
        for text in [
            "",
            "line 1",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "error:-31T12:00:00Z",
        ] {
            assert!(Stamp::parse(text).is_none(), "{text}");
        }
    }
}
