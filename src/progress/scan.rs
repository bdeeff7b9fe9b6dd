//! Reads a line from left to right: literals, numbers, clocks. Every step gives what it read or leaves the place alone,
//! so nothing that a program may print can make it panic.

use std::time::Duration;

/// Longer spans are no estimate, and would overflow.
const LONGEST_SECONDS: f64 = 3.2e9;

/// A place in a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What follows the first occurrence of `text`.
    pub(crate) fn after(line: &'a str, text: &str) -> Option<Self> {
        let at = memchr::memmem::find(line.as_bytes(), text.as_bytes())?;
        line.get(at + text.len()..).map(Self::new)
    }

    pub(crate) const fn rest(self) -> &'a str {
        self.rest
    }

    pub(crate) fn blanks(&mut self) -> &mut Self {
        self.rest = self.rest.trim_start();
        self
    }

    pub(crate) fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Takes whole digits, with `,` between thousands where a digit follows.
    pub(crate) fn count(&mut self) -> Option<u64> {
        let length = self
            .rest
            .bytes()
            .zip(self.rest.bytes().skip(1).chain([b' ']))
            .take_while(|(byte, next)| {
                byte.is_ascii_digit() || (*byte == b',' && next.is_ascii_digit())
            })
            .count();
        let digits = self.rest.get(..length)?;
        let number = digits.replace(',', "").parse().ok()?;
        self.rest = self.rest.get(length..)?;
        Some(number)
    }

    /// `-1.5e-3`, `nan`, `inf`, `12`.
    pub(crate) fn number(&mut self) -> Option<f64> {
        let length = number_length(self.rest)?;
        let number = self.rest.get(..length)?.parse().ok()?;
        self.rest = self.rest.get(length..)?;
        Some(number)
    }

    /// `05:10`, `1:02:03`, `1 day, 16:44:26`.
    pub(crate) fn clock(&mut self) -> Option<Duration> {
        let mut scan = *self;
        let days = scan.days().unwrap_or(0);
        let mut parts = vec![scan.count()?];
        while parts.len() < 4 && scan.literal(":").is_some() {
            parts.push(scan.count()?);
        }
        if parts.len() < 2 {
            return None;
        }
        let start = if parts.len() == 3 {
            days.checked_mul(24)?
        } else {
            0
        };
        // The first part of three is hours, so that days go in front of it.
        let seconds = parts
            .iter()
            .enumerate()
            .try_fold(0_u64, |sum, (place, part)| {
                let part = if place == 0 {
                    part.checked_add(start)?
                } else {
                    *part
                };
                sum.checked_mul(60)?.checked_add(part)
            })?;
        *self = scan;
        span(seconds_of(seconds))
    }

    fn days(&mut self) -> Option<u64> {
        let mut scan = *self;
        let days = scan.count()?;
        if days > 36_500 {
            return None;
        }
        scan.literal(" day")?;
        let _ = scan.literal("s");
        scan.literal(", ")?;
        *self = scan;
        Some(days)
    }

    /// `4h 16m 28s`.
    pub(crate) fn spoken_clock(&mut self) -> Option<Duration> {
        let mut scan = *self;
        let mut seconds = 0.0;
        let mut last = None;
        while let Some(number) = scan.blanks().count() {
            let unit = [("d", 86_400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0)]
                .into_iter()
                .find(|(letter, _)| scan.literal(letter).is_some())?;
            seconds += seconds_of(number) * unit.1;
            last = Some(unit.0);
        }
        last?;
        *self = scan;
        span(seconds)
    }

    /// `12`, `26.4M`, `2e+3`: a count that may be shortened.
    pub(crate) fn scaled_count(&mut self) -> Option<u64> {
        let number = self.number()?;
        let scale = [("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)]
            .into_iter()
            .find(|(letter, _)| self.literal(letter).is_some())
            .map_or(1.0, |(_, scale)| scale);
        whole(number * scale)
    }
}

/// How long the number is that a text begins with.
fn number_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let word = bytes.get(sign..sign + 3).map(<[u8]>::to_ascii_lowercase);
    if matches!(word.as_deref(), Some(b"nan" | b"inf")) {
        return Some(sign + 3);
    }
    let digits = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let whole = digits(sign);
    let mut length = sign + whole;
    if bytes.get(length) == Some(&b'.') {
        let decimals = digits(length + 1);
        length += if whole + decimals > 0 {
            1 + decimals
        } else {
            0
        };
    }
    if length == sign {
        return None;
    }
    if let Some(b'e' | b'E') = bytes.get(length) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'-' | b'+')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    Some(length)
}

/// None for what is no count.
pub(crate) fn whole(number: f64) -> Option<u64> {
    const LARGEST: f64 = 1e18;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was just looked at"
    )]
    let whole = number as u64;
    (0.0..=LARGEST).contains(&number).then_some(whole)
}

/// None for what is no span of time.
pub(crate) fn span(seconds: f64) -> Option<Duration> {
    (0.0..=LONGEST_SECONDS)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

/// The same of whole seconds.
pub(crate) fn span_of(seconds: u64) -> Option<Duration> {
    span(seconds_of(seconds))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "above 2^53 seconds nothing is an estimate"
)]
fn seconds_of(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_they_end() {
        for (text, length) in [
            ("1.5e-3,", 6),
            ("12ms", 2),
            ("-1.0000 ", 7),
            ("nan}", 3),
            ("3.", 2),
            ("1e", 1),
            ("0.5.1", 3),
        ] {
            assert_eq!(number_length(text), Some(length), "{text}");
        }
        for text in ["", "-", ".", "e5", "x1", "é12"] {
            assert_eq!(number_length(text), None, "{text}");
        }
    }

    #[test]
    fn clocks_of_all_kinds_are_seconds() {
        for (text, seconds) in [
            ("00:09", 9),
            ("1:03:17<", 3797),
            ("317:00:58,", 1_141_258),
            ("1 day, 16:44:26", 146_666),
        ] {
            let clock = Scan::new(text).clock();
            assert_eq!(clock, Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(Scan::new("12").clock(), None);
        let spoken = Scan::new("10h 42m 29s").spoken_clock();
        assert_eq!(spoken, Some(Duration::from_secs(38_549)));
    }

    #[test]
    fn shortened_counts_are_whole() {
        assert_eq!(Scan::new("26.4M/").scaled_count(), Some(26_400_000));
        assert_eq!(Scan::new("287,113").count(), Some(287_113));
        assert_eq!(Scan::new("-3").scaled_count(), None);
    }
}
