//! The lines that writers write. Who knows a line's number knows all of its text, so a torn or mixed one is found.

/// Repeated for padding; its period is a prime, so that a piece that is missing in the middle shows.
const PATTERN: &str = "0123456789abcdefghijklmnopqrstu";
/// Spreads the lengths over the numbers.
const STRIDE: u64 = 7_919;
/// The width of a number.
const DIGITS: usize = 8;

/// How long the padding of lines is: `base` and up to `spread` more, and `long` in every `long_every`th line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) base: u64,
    /// At least 1.
    pub(super) spread: u64,
    /// 0 for never.
    pub(super) long_every: u64,
    pub(super) long: u64,
}

impl Shape {
    fn padding(&self, number: u64) -> u64 {
        if self.long_every > 0 && number.is_multiple_of(self.long_every) {
            self.long
        } else {
            self.base + number * STRIDE % self.spread
        }
    }

    /// The text of a line: the writer's tag, the number, padding, and a full stop by which its end is known.
    pub(super) fn text(&self, tag: &str, number: u64) -> String {
        let padding: String = PATTERN
            .chars()
            .cycle()
            .take(usize::try_from(self.padding(number)).unwrap_or(0))
            .collect();
        format!("{tag} {number:0DIGITS$} {padding}.")
    }

    /// Whether a text is the line of this number whole, without making the line anew.
    pub(super) fn is_whole(&self, tag: &str, number: u64, text: &str) -> bool {
        let Some(padding) = text
            .strip_prefix(tag)
            .and_then(|rest| rest.get(DIGITS + 2..))
            .and_then(|rest| rest.strip_suffix('.'))
        else {
            return false;
        };
        padding.len() as u64 == self.padding(number)
            && padding
                .as_bytes()
                .chunks(PATTERN.len())
                .all(|chunk| PATTERN.as_bytes().starts_with(chunk))
    }

    /// The number of the line whose text stands whole at the end of a longer text.
    pub(super) fn glued(&self, tag: &str, text: &str) -> Option<u64> {
        let start = text.rfind(&format!("{tag} ")).filter(|start| *start > 0)?;
        let end = &text[start..];
        let (_, number) = tag_and_number(end)?;
        self.is_whole(tag, number, end).then_some(number)
    }

    /// An awk program that prints the lines `from` to `to` of the writer `t`, all of them variables.
    pub(super) fn awk(&self) -> String {
        let Shape {
            base,
            spread,
            long_every,
            long,
        } = self;
        let longest = base + spread.max(long);
        let condition = if *long_every > 0 {
            format!("i % {long_every} == 0")
        } else {
            "0".to_owned()
        };
        format!(
            "BEGIN {{ p = \"{PATTERN}\"; while (length(p) < {longest}) p = p p; \
             for (i = from; i <= to; i++) {{ n = {base} + (i * {STRIDE}) % {spread}; if ({condition}) n = {long}; \
             printf \"%s %0{DIGITS}d %s.\\n\", t, i, substr(p, 1, n) }} }}"
        )
    }

    /// The bytes of a line in a stream with stamps, where all lines have the same length.
    pub(super) fn streamed_bytes(&self) -> u64 {
        const STAMP: u64 = 31;
        const TAG: u64 = 8;
        STAMP + TAG + 1 + DIGITS as u64 + 1 + self.base + 2
    }
}

/// Tag and number of a line that begins as writers' lines do.
pub(super) fn tag_and_number(text: &str) -> Option<(&str, u64)> {
    let mut words = text.splitn(3, ' ');
    let (tag, number) = (words.next()?, words.next()?);
    let digits = number.len() == DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
    let tagged = tag.len() == 8 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (digits && tagged).then(|| Some((tag, number.parse().ok()?)))?
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Shape, tag_and_number};

    const SHAPE: Shape = Shape {
        base: 3,
        spread: 60,
        long_every: 5,
        long: 400,
    };

    #[test]
    fn a_line_is_known_by_its_number_and_anything_else_is_not_whole() {
        let text = SHAPE.text("abcd1234", 7);
        assert_eq!(tag_and_number(&text), Some(("abcd1234", 7)));
        let mixed = format!("{}{text}", &SHAPE.text("abcd1234", 5)[..40]);
        assert_eq!(SHAPE.glued("abcd1234", &mixed), Some(7));
        assert_eq!(SHAPE.glued("abcd1234", &mixed[..mixed.len() - 1]), None);
        assert_eq!(SHAPE.glued("abcd1234", &text), None);
        assert!(SHAPE.is_whole("abcd1234", 7, &text));
        assert!(SHAPE.is_whole("abcd1234", 5, &SHAPE.text("abcd1234", 5)));
        assert!(!SHAPE.is_whole("abcd1234", 8, &text));
        assert!(!SHAPE.is_whole("abcd1234", 7, &text[..text.len() - 1]));
        assert!(!SHAPE.is_whole("abcd1234", 7, &format!("{text}{text}")));
        let mut mixed = SHAPE.text("abcd1234", 5);
        mixed.replace_range(40..43, "xyz");
        assert!(!SHAPE.is_whole("abcd1234", 5, &mixed));
    }

    #[test]
    fn words_of_others_are_no_lines() {
        for text in [
            "",
            "failed to watch file",
            "abcd1234 12 x.",
            "abcd123 00000001 .",
        ] {
            assert_eq!(tag_and_number(text), None, "{text}");
        }
    }

    #[test]
    fn the_pods_program_writes_the_same_lines() {
        let output = Command::new("awk")
            .args([
                "-v",
                "t=abcd1234",
                "-v",
                "from=3",
                "-v",
                "to=12",
                &SHAPE.awk(),
            ])
            .output()
            .unwrap();
        let expected: String = (3..=12)
            .map(|number| SHAPE.text("abcd1234", number) + "\n")
            .collect();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}
