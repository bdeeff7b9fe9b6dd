//! What stands on a terminal when it has obeyed all that it was sent.

use avt::Terminal;

pub(crate) struct Screen {
    /// Every line, also those that have scrolled away.
    pub(crate) lines: Vec<String>,
    /// The cursor's column; none while it is hidden.
    pub(crate) cursor: Option<usize>,
}

impl Screen {
    /// 80 columns and 24 rows.
    pub(crate) fn after(sent: &str) -> Self {
        let mut terminal = Terminal::with_scrollback(80, 24, None).unwrap();
        terminal.feed(sent);
        let mut lines = terminal.screen().text();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let cursor = terminal.cursor();
        Self {
            lines,
            cursor: cursor.visible.then_some(cursor.col),
        }
    }
}
