//! The moment that a kubelet puts before a line: fixed-width RFC 3339 with nine digits of fraction, in UTC or with the
//! node's own offset. Known by its shape and turned into an instant without a calendar library. Pure.

use std::fmt;

use jiff::Timestamp;

/// `2026-11-21T11:55:00.123456789` without its zone.
const MOMENT_LENGTH: usize = 29;
/// `2026-11-21T11:55:00.`
const SECOND_LENGTH: usize = 20;
const SECONDS_A_DAY: i64 = 86_400;

/// An instant. Instants of one container mostly rise, but stdout, stderr and clock steps make exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Since 1970.
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Stamp {
    /// The stamp that a line begins with, and its length without the blank that follows. Anything that a kubelet would
    /// not write is no stamp: a looser rule would take a container's own time stamps for the kubelet's.
    pub fn at_start(line: &[u8]) -> Option<(Self, usize)> {
        StampReader::default().at_start(line)
    }

    /// Negative where the other is earlier.
    pub fn nanoseconds_until(self, later: Self) -> i128 {
        let nanoseconds =
            |stamp: Self| i128::from(stamp.seconds) * 1_000_000_000 + i128::from(stamp.nanoseconds);
        nanoseconds(later) - nanoseconds(self)
    }
}

/// A moment of a test: so many seconds after the beginning of 1970.
#[cfg(test)]
pub const fn at(seconds: i64) -> Stamp {
    Stamp {
        seconds,
        nanoseconds: 0,
    }
}

/// Reads the stamps of many lines. Those in a row are mostly of the same second, which is then not worked out again.
#[derive(Clone, Debug, Default)]
pub struct StampReader {
    /// The text of the last second, and the second, without regard to a zone.
    last: Option<([u8; SECOND_LENGTH], i64)>,
}

impl StampReader {
    /// As [`Stamp::at_start`].
    #[inline]
    pub fn at_start(&mut self, line: &[u8]) -> Option<(Stamp, usize)> {
        let (moment, zone) = line.split_first_chunk::<MOMENT_LENGTH>()?;
        let (second, fraction) = moment.split_first_chunk::<SECOND_LENGTH>()?;
        let (offset, zone_length) = zone_offset(zone)?;
        if zone.get(zone_length) != Some(&b' ') {
            return None;
        }
        let stamp = Stamp {
            seconds: self.seconds_of(second)? - offset,
            nanoseconds: nanoseconds_of(fraction)?,
        };
        Some((stamp, MOMENT_LENGTH + zone_length))
    }

    #[inline]
    fn seconds_of(&mut self, text: &[u8; SECOND_LENGTH]) -> Option<i64> {
        match self.last {
            Some((known, seconds)) if known == *text => Some(seconds),
            _ => {
                let seconds = seconds_of(text)?;
                self.last = Some((*text, seconds));
                Some(seconds)
            }
        }
    }
}

/// The moments of objects, beside those of lines.
impl From<Timestamp> for Stamp {
    fn from(moment: Timestamp) -> Self {
        let (seconds, nanoseconds) = (moment.as_second(), moment.subsec_nanosecond());
        // Before 1970 the fraction counts backwards.
        match u32::try_from(nanoseconds) {
            Ok(nanoseconds) => Self {
                seconds,
                nanoseconds,
            },
            Err(_) => Self {
                seconds: seconds - 1,
                nanoseconds: (nanoseconds + 1_000_000_000).unsigned_abs(),
            },
        }
    }
}

/// In UTC, as a kubelet on a node in UTC writes it.
impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.seconds.div_euclid(SECONDS_A_DAY));
        let second = self.seconds.rem_euclid(SECONDS_A_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let fraction = self.nanoseconds;
        write!(
            formatter,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z"
        )
    }
}

fn seconds_of(moment: &[u8; SECOND_LENGTH]) -> Option<i64> {
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
    ];
    if marks.iter().any(|(place, mark)| moment[*place] != *mark) {
        return None;
    }
    let year = number(&moment[..4])?;
    let month = within(number(&moment[5..7])?, 1, 12)?;
    let day = within(number(&moment[8..10])?, 1, 31)?;
    let hour = within(number(&moment[11..13])?, 0, 23)?;
    let minute = within(number(&moment[14..16])?, 0, 59)?;
    let second = within(number(&moment[17..19])?, 0, 59)?;
    Some(days_of(year, month, day) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second)
}

/// Seconds east of UTC, and how many bytes say so.
#[inline]
fn zone_offset(zone: &[u8]) -> Option<(i64, usize)> {
    let sign = match zone.first()? {
        b'Z' => return Some((0, 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone.get(1..6).filter(|digits| digits[2] == b':')?;
    let hours = within(number(&digits[..2])?, 0, 23)?;
    let minutes = within(number(&digits[3..])?, 0, 59)?;
    Some((sign * (hours * 3600 + minutes * 60), 6))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        let value = digit.wrapping_sub(b'0');
        (value < 10).then(|| sum * 10 + i64::from(value))
    })
}

/// Of nine digits.
#[inline]
fn nanoseconds_of(fraction: &[u8]) -> Option<u32> {
    let (first, last) = fraction.split_first_chunk::<8>()?;
    let last = u32::try_from(number(last)?).ok()?;
    Some(eight_digits(*first)? * 10 + last)
}

/// All eight at once, as the bytes of one word: neighbours are joined, and then the pairs, and then the fours.
#[inline]
fn eight_digits(text: [u8; 8]) -> Option<u32> {
    /// In each byte.
    const ZERO: u64 = 0x3030_3030_3030_3030;
    /// What a byte after `9` needs to reach its highest bit.
    const ABOVE_NINE: u64 = 0x4646_4646_4646_4646;
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(text);
    let values = word.wrapping_sub(ZERO);
    if (word.wrapping_add(ABOVE_NINE) | values) & HIGHEST != 0 {
        return None;
    }
    // The first digit is the lowest byte, and counts most.
    let pairs = (values * 10 + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let eight = (fours & 0xffff_ffff) * 10_000 + (fours >> 32);
    u32::try_from(eight).ok()
}

/// The nine digits of a fraction, as text.
#[inline]
pub(crate) fn fraction_of(nanoseconds: u32) -> [u8; 9] {
    let (eight, last) = (nanoseconds / 10, nanoseconds % 10);
    let mut text = [b'0'; 9];
    text[..8].copy_from_slice(&text_of_eight(eight));
    text[8] += last.to_le_bytes()[0];
    text
}

/// The inverse of [`eight_digits`].
#[inline]
fn text_of_eight(number: u32) -> [u8; 8] {
    let number = u64::from(number);
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    // What is multiplied and shifted is divided: by a hundred, and by ten.
    let hundreds = ((fours * 5243) >> 19) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | ((pairs - tens * 10) << 8);
    (digits | u64::from_le_bytes([b'0'; 8])).to_le_bytes()
}

fn within(value: i64, least: i64, most: i64) -> Option<i64> {
    (least..=most).contains(&value).then_some(value)
}

/// Days since 1970 in the Gregorian calendar. Years begin in March here, so that the leap day is the last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + day_of_year - 719_468
}

/// The inverse of [`days_of`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    (year, (month + 2) % 12 + 1, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<(Stamp, usize)> {
        Stamp::at_start(text.as_bytes())
    }

    #[test]
    fn a_kubelets_stamp_is_known_with_its_length() {
        let stamp = Stamp {
            seconds: 1_795_262_100,
            nanoseconds: 123_456_789,
        };
        assert_eq!(
            parse("2026-11-21T11:55:00.123456789Z text"),
            Some((stamp, 30))
        );
        assert_eq!(
            parse("2026-11-21T13:55:00.123456789+02:00 text"),
            Some((stamp, 35))
        );
        assert_eq!(
            parse("2026-11-21T02:25:00.123456789-09:30 "),
            Some((stamp, 35))
        );
    }

    #[test]
    fn what_a_kubelet_would_not_write_is_no_stamp() {
        for text in [
            "",
            "failed to try resolving symlinks in path",
            "2026-11-21T11:55:00.123456789Z",
            "2026-11-21T11:55:00.12345678Z text",
            "2026-11-21T11:55:00Z text",
            "2026-11-21 11:55:00.123456789Z text",
            "2026-13-21T11:55:00.123456789Z text",
            "2026-11-21T24:55:00.123456789Z text",
            "2026-11-21T11:55:00.123456789+0200 text",
            "2026-11-21T11:55:00.123456789Ztext",
            "2026-11-21T11:55:00.12345678xZ text",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        for (date, days) in [
            ((1970, 1, 1), 0),
            ((1969, 12, 31), -1),
            ((2000, 2, 29), 11_016),
            ((2000, 3, 1), 11_017),
            ((2026, 11, 21), 20_778),
            ((2100, 3, 1), 47_541),
        ] {
            assert_eq!(days_of(date.0, date.1, date.2), days, "{date:?}");
            assert_eq!(date_of(days), date, "{days}");
        }
    }

    #[test]
    fn moments_of_objects_are_stamps_too() {
        for moment in [
            "2026-11-21T11:55:00.123456789Z",
            "1969-12-31T23:59:58.750000000Z",
        ] {
            let stamp = Stamp::from(moment.parse::<Timestamp>().unwrap());
            assert_eq!(stamp.to_string(), moment);
        }
    }

    proptest! {
        #[test]
        fn a_shown_stamp_reads_back_and_order_of_texts_is_order_of_time(
            first in 0i64..253_402_300_799, second in 0i64..253_402_300_799, nanoseconds in 0u32..1_000_000_000,
        ) {
            let one = Stamp { seconds: first, nanoseconds };
            let two = Stamp { seconds: second, nanoseconds };
            prop_assert_eq!(parse(&format!("{one} x")), Some((one, 30)));
            prop_assert_eq!(one.cmp(&two), one.to_string().cmp(&two.to_string()));
        }

        #[test]
        fn eight_digits_at_once_are_those_one_by_one(
            bytes in prop_oneof![any::<[u8; 8]>(), prop::array::uniform8(b'/'..=b':')], number in 0u32..100_000_000,
        ) {
            prop_assert_eq!(eight_digits(bytes).map(i64::from), super::number(&bytes));
            let text = format!("{number:08}");
            prop_assert_eq!(eight_digits(text.as_bytes().try_into().unwrap()), Some(number));
        }

        #[test]
        fn a_fraction_has_nine_digits(nanoseconds in 0u32..1_000_000_000) {
            prop_assert_eq!(fraction_of(nanoseconds).to_vec(), format!("{nanoseconds:09}").into_bytes());
        }

        #[test]
        fn a_reader_reads_each_stamp_as_if_it_were_the_first(
            lines in prop::collection::vec((1_795_262_099i64..1_795_262_102, 0u32..1_000_000_000, 0usize..4), 0..20),
        ) {
            let mut reader = StampReader::default();
            for (seconds, nanoseconds, form) in lines {
                let text = Stamp { seconds, nanoseconds }.to_string();
                let text = match form {
                    0 => text + " x",
                    1 => text.replace('Z', "+02:00 x"),
                    2 => text.replace(':', ";") + " x",
                    _ => text,
                };
                prop_assert_eq!(reader.at_start(text.as_bytes()), parse(&text));
            }
        }

        #[test]
        fn any_bytes_are_taken_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..48)) {
            let _ = Stamp::at_start(&bytes);
        }
    }
}
