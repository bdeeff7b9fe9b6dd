//! The one line of a log's end that says why a program ended. Pure.

/// The last line of a log's end that speaks of an error, else its last line; shortened, without control characters.
/// Indented lines are left aside: they are the flags of a usage text, or the frames of a stack.
pub(super) fn telling_line(text: &str) -> Option<String> {
    const SIGNS: [&str; 5] = ["error", "fatal", "panic", "not defined", "failed"];
    const LONGEST: usize = 240;
    let flush = |line: &&str| !line.trim().is_empty() && !line.starts_with([' ', '\t', '-']);
    let mut lines = text.lines().filter(flush);
    let speaks = |line: &&str| SIGNS.iter().any(|sign| line.to_lowercase().contains(sign));
    let line = lines.clone().rfind(speaks).or_else(|| lines.next_back())?;
    let shown = line
        .trim()
        .chars()
        .filter(|character| !character.is_control());
    Some(shown.take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::telling_line;

    #[test]
    fn last_words_are_one_line_without_control_characters() {
        assert_eq!(
            telling_line("one\n\u{1b}[31merror: two\u{7}\nthree\n").as_deref(),
            Some("[31merror: two")
        );
        assert_eq!(telling_line("one\ntwo\n\n").as_deref(), Some("two"));
        assert_eq!(telling_line(" \n"), None);
        assert_eq!(
            telling_line(&"x".repeat(1000)).map(|line| line.len()),
            Some(240)
        );
    }
}
