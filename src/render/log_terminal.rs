//! A line of a log as a terminal may see it. Colours pass, where colours are wanted; every other control sequence is
//! left out, and what remains of control characters is shown as `^X`. Of what overwrites itself with carriage returns,
//! such as a progress bar, the last state stands.

use std::borrow::Cow;

use crate::{
    prose::{colour_sequence, must_be_shown, push_visible},
    style::Style,
};

/// Whether a text has changed the terminal's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    Untouched,
    Changed,
}

/// What stands in the line in the end: behind the last carriage return that something follows.
pub(super) fn last_state(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [before @ .., b'\r'] = rest {
        rest = before;
    }
    let start = memchr::memrchr(b'\r', rest).map_or(0, |place| place + 1);
    &rest[start..]
}

/// Appends the text. What is no UTF-8 is shown as U+FFFD.
pub(super) fn push(text: &[u8], style: Style, out: &mut Vec<u8>) -> Colours {
    if text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        out.extend_from_slice(text);
        return Colours::Untouched;
    }
    let text: Cow<'_, str> = String::from_utf8_lossy(text);
    let mut colours = Colours::Untouched;
    let mut strings = Strings::MayEnd;
    let mut shown = String::new();
    let mut rest = text.as_ref();
    while let Some(place) = rest.find(is_special) {
        out.extend_from_slice(&rest.as_bytes()[..place]);
        rest = &rest[place..];
        if let Some(length) = colour_sequence(rest) {
            if style == Style::Coloured {
                out.extend_from_slice(&rest.as_bytes()[..length]);
                colours = Colours::Changed;
            }
            rest = &rest[length..];
        } else if let Some(length) = foreign_sequence(rest, &mut strings) {
            rest = &rest[length..];
        } else {
            let mut characters = rest.chars();
            shown.clear();
            characters
                .by_ref()
                .take(1)
                .for_each(|character| push_visible(character, &mut shown));
            out.extend_from_slice(shown.as_bytes());
            rest = characters.as_str();
        }
    }
    out.extend_from_slice(rest.as_bytes());
    colours
}

/// Whether a control string can still end in what is left of the text. Without this a line of nothing but their
/// beginnings would be searched to its end for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strings {
    MayEnd,
    NeverEnd,
}

fn is_special(character: char) -> bool {
    character != '\t' && must_be_shown(character)
}

/// The length of the whole control sequence that the text begins with (ECMA-48, 5.3 to 5.6).
fn foreign_sequence(text: &str, strings: &mut Strings) -> Option<usize> {
    let mut characters = text.chars();
    let introducer = match characters.next()? {
        '\u{1b}' => characters.next()?,
        // The 8-bit form of the same: U+0080 for `ESC @`, and so on.
        wide @ '\u{80}'..='\u{9f}' => char::from(u8::try_from(u32::from(wide)).ok()? - 0x40),
        _ => return None,
    };
    let body = characters.as_str();
    let length = match introducer {
        '[' => control_sequence(body)?,
        ']' | 'P' | 'X' | '^' | '_' => control_string(body, strings)?,
        ' '..='/' => {
            let end = body.find(|character| !matches!(character, ' '..='/'))?;
            matches!(body.as_bytes()[end], b'0'..=b'~').then_some(end + 1)?
        }
        '0'..='~' => 0,
        _ => return None,
    };
    Some(text.len() - body.len() + length)
}

/// Parameters, intermediates, and one final character.
fn control_sequence(body: &str) -> Option<usize> {
    let parameters = body.find(|character| !matches!(character, '0'..='?'))?;
    let intermediates = body[parameters..].find(|character| !matches!(character, ' '..='/'))?;
    let end = parameters + intermediates;
    matches!(body.as_bytes()[end], b'@'..=b'~').then_some(end + 1)
}

/// Up to BEL or the string terminator, whichever comes first.
fn control_string(body: &str, strings: &mut Strings) -> Option<usize> {
    if *strings == Strings::NeverEnd {
        return None;
    }
    let mut searched = 0;
    while let Some(place) = body[searched..].find(['\u{7}', '\u{1b}', '\u{9c}']) {
        let found = &body[searched + place..];
        let length = ["\u{7}", "\u{1b}\\", "\u{9c}"]
            .iter()
            .find_map(|end| found.starts_with(end).then_some(end.len()));
        if let Some(length) = length {
            return Some(searched + place + length);
        }
        searched += place + 1;
    }
    *strings = Strings::NeverEnd;
    None
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn shown(text: &[u8], style: Style) -> String {
        let mut out = Vec::new();
        push(text, style, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_tabs_and_colours_pass() {
        for text in ["one\ttwo", "größe 你好", "\u{1b}[1;32mok\u{1b}[0m"] {
            assert_eq!(shown(text.as_bytes(), Style::Coloured), text);
        }
    }

    #[test]
    fn without_colours_those_of_the_line_are_left_out_too() {
        assert_eq!(
            shown(b"\x1b[1;32mok\x1b[0m \x1b[38;5;200mno\x1b[m", Style::Plain),
            "ok no"
        );
    }

    #[test]
    fn whole_control_sequences_are_left_out() {
        for (name, sequence) in [
            ("clipboard", "\u{1b}]52;c;ZWNobyBoaQ==\u{7}"),
            ("title", "\u{1b}]0;owned\u{1b}\\"),
            ("link", "\u{1b}]8;;https://example.com\u{9c}"),
            ("clear", "\u{1b}[2J"),
            ("cursor", "\u{1b}[10;20H"),
            ("alternate screen", "\u{1b}[?1049h"),
            ("hidden text", "\u{1b}[8m"),
            ("device", "\u{1b}P1$r0m\u{1b}\\"),
            ("reset", "\u{1b}c"),
            ("character set", "\u{1b}(0"),
            ("8-bit clear", "\u{9b}2J"),
            ("8-bit title", "\u{9d}0;owned\u{9c}"),
        ] {
            let text = format!("a{sequence}b");
            assert_eq!(shown(text.as_bytes(), Style::Coloured), "ab", "{name}");
        }
    }

    #[test]
    fn what_is_no_whole_sequence_is_shown() {
        assert_eq!(shown(b"a\x07b\x08c\x7f\0", Style::Coloured), "a^Gb^Hc^?^@");
        assert_eq!(shown(b"\x1b]0;no end", Style::Coloured), "^[]0;no end");
        assert_eq!(shown(b"\x1b[31", Style::Coloured), "^[[31");
        assert_eq!(shown("\u{202e}x".as_bytes(), Style::Coloured), "\\u{202e}x");
        assert_eq!(shown("\u{9b}".as_bytes(), Style::Coloured), "\\u{9b}");
    }

    #[test]
    fn bytes_that_are_no_text_never_reach_a_terminal() {
        assert_eq!(
            shown(b"a\x9b2J\xff\xc3(", Style::Coloured),
            "a\u{fffd}2J\u{fffd}\u{fffd}("
        );
    }

    #[test]
    fn of_a_progress_bar_the_last_state_stands() {
        assert_eq!(last_state(b"10%\r50%\r100%"), b"100%");
        assert_eq!(last_state(b"10%\r100%\r"), b"100%");
        assert_eq!(last_state(b"a line of DOS\r"), b"a line of DOS");
        assert_eq!(last_state(b"\r\r"), b"");
    }

    #[test]
    fn the_first_end_of_a_control_string_counts() {
        let text = "a\u{1b}]0;x\u{1b}[1m\u{7}b\u{9c}c";
        assert_eq!(shown(text.as_bytes(), Style::Plain), "abc");
    }

    #[test]
    fn hostile_lines_take_no_longer_than_others() {
        let length = 256 << 10;
        for (sequence, expected) in [
            ("\u{1b}]", "^[]"),
            ("\u{1b}P\u{1b}[0", "^[P^[[0"),
            ("\u{1b}]\u{7}", ""),
            ("\u{9d}", "\\u{9d}"),
        ] {
            let times = length / sequence.len();
            let start = Instant::now();
            let shown = shown(sequence.repeat(times).as_bytes(), Style::Coloured);
            assert_eq!(shown, expected.repeat(times), "{sequence:?}");
            // A search to the end of the line for each of them takes minutes.
            assert!(start.elapsed() < Duration::from_secs(10), "{sequence:?}");
        }
    }
}
