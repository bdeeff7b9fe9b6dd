//! Keeps control sequences of foreign text away from a terminal. Colours pass; everything else is made visible.

use std::borrow::Cow;

use crate::prose::{colour_sequence, must_be_shown, push_visible};

/// The text with every control character shown as `^X`, except line ends, tabs and colour sequences.
pub(super) fn for_terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_foreign) && !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = if let Some(length) = colour_sequence(rest) {
            clean.push_str(&rest[..length]);
            length
        } else if is_foreign(character) {
            push_visible(character, &mut clean);
            character.len_utf8()
        } else {
            clean.push(character);
            character.len_utf8()
        };
        rest = &rest[length..];
    }
    Cow::Owned(clean)
}

/// Line ends and tabs are our own.
fn is_foreign(character: char) -> bool {
    must_be_shown(character) && !matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_and_colours_pass_unchanged() {
        for text in ["one\ttwo\n", "\u{1b}[1;32mok\u{1b}[0m", "größe 你好"] {
            assert_eq!(for_terminal(text), text);
        }
    }

    #[test]
    fn cursor_movement_titles_and_bells_become_visible() {
        assert_eq!(for_terminal("\u{1b}[2Jgone"), "^[[2Jgone");
        assert_eq!(for_terminal("\u{1b}]0;title\u{7}"), "^[]0;title^G");
        assert_eq!(for_terminal("50%\r100%"), "50%^M100%");
        assert_eq!(for_terminal("\u{9b}2J"), "\\u{9b}2J");
    }

    #[test]
    fn what_hides_a_text_or_turns_it_round_becomes_visible() {
        assert_eq!(for_terminal("\u{1b}[8mhidden"), "^[[8mhidden");
        assert_eq!(for_terminal("\u{1b}[1;8mhidden"), "^[[1;8mhidden");
        assert_eq!(for_terminal("a\u{202e}b\u{2066}"), "a\\u{202e}b\\u{2066}");
    }

    #[test]
    fn an_unfinished_colour_sequence_is_not_a_colour() {
        assert_eq!(for_terminal("\u{1b}[31"), "^[[31");
    }
}
