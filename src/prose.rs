//! Text in lines: how wide it is, where it may be broken, and what of foreign text may be seen as it is.

use unicode_width::UnicodeWidthStr;

/// A line narrower than this beside its margin would break every word.
const NARROWEST: usize = 20;
/// Ends all colours.
const COLOURS_END: &str = "\u{1b}[0m";

/// Lines of at most `limit` columns, each after `indent` blanks and with a line feed; one line without a limit.
/// Commands stay whole: they are made to be pasted.
pub fn wrap(text: &str, indent: usize, limit: Option<usize>) -> String {
    let limit = limit.unwrap_or(usize::MAX).max(indent + NARROWEST);
    let mut lines = vec![String::new()];
    let mut column = indent;
    for unit in units(text) {
        let length = width(unit);
        if column > indent && column + 1 + length > limit {
            lines.push(String::new());
            column = indent;
        }
        if let Some(line) = lines.last_mut() {
            if column > indent {
                line.push(' ');
                column += 1;
            }
            line.push_str(unit);
            column += length;
        }
    }
    let margin = " ".repeat(indent);
    lines
        .into_iter()
        .flat_map(|line| [margin.clone(), line, "\n".to_owned()])
        .collect()
}

/// The same without the margin and line feed around it: a text that follows a label of `indent` columns.
pub fn hang(text: &str, indent: usize, limit: Option<usize>) -> String {
    wrap(text, indent, limit).trim().to_owned()
}

/// What a line break may stand between: words, and whole commands.
fn units(text: &str) -> Vec<&str> {
    let mut units = Vec::new();
    let mut rest = text;
    let mut introduced = true;
    loop {
        let length = if introduced && rest.starts_with("kubectl ") {
            command_length(rest)
        } else {
            rest.find(' ').unwrap_or(rest.len())
        };
        let unit = &rest[..length];
        units.push(unit);
        introduced = unit.ends_with([':', '?']);
        match rest[length..].strip_prefix(' ') {
            Some(next) => rest = next,
            None => return units,
        }
    }
}

/// A command ends where its sentence goes on.
fn command_length(text: &str) -> usize {
    text.find("; ").map_or(text.len(), |end| end + 1)
}

/// Columns that a text takes, without the control sequences of colours.
pub fn width(text: &str) -> usize {
    let mut pieces = text.split('\u{1b}');
    let before = pieces.next().unwrap_or_default().width();
    let after = |piece: &str| piece.split_once('m').map_or(0, |(_, rest)| rest.width());
    before + pieces.map(after).sum::<usize>()
}

/// At most so many columns of one line, without blanks at its end. Colours pass and end with it; control characters are
/// shown.
pub fn cut(line: &str, columns: usize) -> String {
    let mut shown = String::with_capacity(line.len());
    let (mut left, mut end) = (columns, 0);
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        if let Some(length) = colour_sequence(rest) {
            shown.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let before = shown.len();
        push_visible(character, &mut shown);
        let taken = shown[before..].width();
        if taken > left {
            break;
        }
        left -= taken;
        if !character.is_whitespace() {
            end = shown.len();
        }
        rest = &rest[character.len_utf8()..];
    }
    shown.truncate(end);
    if shown.contains('\u{1b}') {
        shown.push_str(COLOURS_END);
    }
    shown
}

/// One line: control characters of the cluster's text, and those that turn the reading direction, are shown, not obeyed.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars()
        .for_each(|character| push_visible(character, &mut shown));
    shown
}

/// Whether a character does something to a terminal rather than stand on it.
pub fn must_be_shown(character: char) -> bool {
    character.is_control() || turns_direction(character)
}

/// Appends the character, by a name where it has to be shown: `\n`, `^G`, `\u{9b}`.
pub fn push_visible(character: char, shown: &mut String) {
    match character {
        '\n' => shown.push_str("\\n"),
        '\t' => shown.push_str("\\t"),
        '\u{7f}' => shown.push_str("^?"),
        '\0'..='\u{1f}' => {
            shown.push('^');
            shown.push(char::from(character as u8 + b'@'));
        }
        _ if must_be_shown(character) => shown.extend(character.escape_unicode()),
        _ => shown.push(character),
    }
}

/// Characters that show a text in another order than it has: U+202A to U+202E and U+2066 to U+2069.
pub const fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The length of `ESC [ digits m` at the start of the text, if it changes nothing but colours and weight.
pub fn colour_sequence(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\u{1b}[")?;
    let end = body.find(|character: char| !matches!(character, '0'..='9' | ';' | ':'))?;
    (body[end..].starts_with('m') && are_harmless(&body[..end])).then_some(2 + end + 1)
}

/// Colours, weight and underlines, and their ends; not what hides a text (8), nor other fonts and frames. Behind 38, 48
/// and 58 stands a colour: `5;NUMBER` or `2;RED;GREEN;BLUE`.
fn are_harmless(parameters: &str) -> bool {
    let mut parameters = parameters.split([';', ':']);
    while let Some(parameter) = parameters.next() {
        match parameter.parse::<u8>() {
            Ok(38 | 48 | 58) => {
                let values = match parameters.next() {
                    Some("5") => 1,
                    Some("2") => 3,
                    _ => return false,
                };
                if parameters.by_ref().take(values).count() < values {
                    return false;
                }
            }
            Ok(0..=7 | 9 | 21..=27 | 29..=37 | 39..=47 | 49 | 59 | 90..=107) => {}
            Err(_) if parameter.is_empty() => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_keep_their_margin() {
        let text = "one two three four five six seven eight";
        assert_eq!(
            wrap(text, 2, Some(22)),
            "  one two three four\n  five six seven eight\n"
        );
        assert_eq!(wrap(text, 0, None), format!("{text}\n"));
    }

    #[test]
    fn commands_stay_whole_and_end_where_the_sentence_goes_on() {
        assert_eq!(
            units("is it slow? kubectl get --raw /readyz; a longer wait"),
            [
                "is",
                "it",
                "slow?",
                "kubectl get --raw /readyz;",
                "a",
                "longer",
                "wait"
            ]
        );
        assert_eq!(units("ask kubectl why"), ["ask", "kubectl", "why"]);
    }

    #[test]
    fn widths_are_columns_and_not_bytes_or_colours() {
        assert_eq!(width("größe"), 5);
        assert_eq!(width("你好"), 4);
        assert_eq!(width("a\u{1b}[1;32mok\u{1b}[0mb"), 4);
    }

    #[test]
    fn a_line_is_cut_between_characters_and_keeps_no_colour_open() {
        assert_eq!(cut("training", 8), "training");
        assert_eq!(cut("training", 5), "train");
        assert_eq!(cut("a你好", 4), "a你");
        assert_eq!(cut("a\u{1b}[31mbc\u{1b}[0m", 2), "a\u{1b}[31mb\u{1b}[0m");
        assert_eq!(cut("\u{1b}[31mab", 9), "\u{1b}[31mab\u{1b}[0m");
        assert_eq!(cut("a\nb\u{1b}[2J\tc", 99), "a\\nb^[[2J\\tc");
        assert_eq!(cut("a\u{7}", 2), "a");
        assert_eq!(cut("a", 0), "");
        assert_eq!(cut("a \u{1b}[31m  \u{1b}[0m", 9), "a");
        assert_eq!(cut("\u{1b}[31ma  b\u{1b}[0m", 3), "\u{1b}[31ma\u{1b}[0m");
    }

    #[test]
    fn colours_of_every_depth_are_known_and_nothing_else() {
        for colours in [
            "31",
            "",
            "1;4",
            "38;5;196",
            "48;2;1;8;255;1",
            "38:5:8",
            "58;5;9;59",
        ] {
            let text = format!("\u{1b}[{colours}mx");
            assert_eq!(colour_sequence(&text), Some(colours.len() + 3), "{colours}");
        }
        for other in ["8", "1;8", "38", "38;5", "38;8;1", "10", "38;2;1;2", "999"] {
            let text = format!("\u{1b}[{other}mx");
            assert_eq!(colour_sequence(&text), None, "{other}");
        }
        assert_eq!(colour_sequence("\u{1b}[31"), None);
        assert_eq!(colour_sequence("\u{1b}[31K"), None);
    }

    #[test]
    fn foreign_text_is_one_line_in_its_own_order() {
        assert_eq!(visible("a\nb\u{202e}c"), "a\\nb\\u{202e}c");
        assert_eq!(visible("\u{1b}[2J\r\t\u{9b}"), "^[[2J^M\\t\\u{9b}");
    }
}
