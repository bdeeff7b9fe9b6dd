//! The terminal as rows under lines need it: whether there is one, how large it is, and whether it is ours at the moment.

use std::env;

use super::{
    bars::{Narrowing, Size},
    colour,
};
use crate::style::Glyphs;

/// A terminal under whose lines rows may stand.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) narrowing: Narrowing,
    pub(super) glyphs: Glyphs,
    /// A width that a user has set.
    columns_wish: Option<usize>,
}

impl Screen {
    /// None unless both streams go to one terminal, and one that can move its cursor.
    pub(super) fn find() -> Option<Self> {
        let is_dumb = read("TERM").is_some_and(|terminal| terminal == "dumb");
        (system::is_one_terminal() && !is_dumb).then(|| Self {
            narrowing: narrowing(read),
            glyphs: glyphs(read),
            columns_wish: colour::columns_wish(),
        })
    }

    /// None where it is not known, and as long as somebody else is in the foreground.
    pub(super) fn size(&self) -> Option<Size> {
        let size = system::size()?;
        let wish = self.columns_wish.unwrap_or(size.columns);
        Some(Size {
            columns: size.columns.min(wish),
            ..size
        })
    }
}

/// The characters that this terminal shows as they are meant.
pub(super) fn own_glyphs() -> Glyphs {
    glyphs(read)
}

fn read(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Most terminals wrap a line again that has become too long. These do not: xterm, rxvt, st, the Linux console and GNU
/// screen.
fn narrowing(read: impl Fn(&str) -> Option<String>) -> Narrowing {
    let terminal = read("TERM").unwrap_or_default();
    let families = ["rxvt", "st-", "linux"];
    let is_known = terminal == "st" || families.iter().any(|family| terminal.starts_with(family));
    let is_named = read("XTERM_VERSION").is_some() || read("STY").is_some();
    match (read("TMUX"), is_known || is_named) {
        (None, true) => Narrowing::Cuts,
        _ => Narrowing::Wraps,
    }
}

/// The first of these that is set says how characters are encoded.
fn glyphs(read: impl Fn(&str) -> Option<String>) -> Glyphs {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(read);
    let locale = locale.unwrap_or_default().to_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") {
        Glyphs::Unicode
    } else {
        Glyphs::Ascii
    }
}

#[cfg(unix)]
mod system {
    use std::io::{self, IsTerminal};

    use rustix::{
        fs::fstat,
        process::getpgrp,
        termios::{tcgetpgrp, tcgetwinsize},
    };

    use crate::ui::bars::Size;

    pub(super) fn is_one_terminal() -> bool {
        let (answer, status) = (io::stdout(), io::stderr());
        let device = |stream: Result<rustix::fs::Stat, _>| stream.map(|stat| stat.st_rdev).ok();
        answer.is_terminal()
            && status.is_terminal()
            && device(fstat(&answer)) == device(fstat(&status))
    }

    pub(super) fn size() -> Option<Size> {
        let stream = io::stdout();
        // Of a terminal that is not the session's own, no shell takes the foreground away.
        let is_ours = tcgetpgrp(&stream).map_or(true, |group| group == getpgrp());
        let size = tcgetwinsize(&stream).ok().filter(|_| is_ours)?;
        let is_known = size.ws_col > 0 && size.ws_row > 0;
        is_known.then(|| Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        })
    }
}

#[cfg(not(unix))]
mod system {
    use crate::ui::bars::Size;

    pub(super) const fn is_one_terminal() -> bool {
        false
    }

    pub(super) const fn size() -> Option<Size> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading<'a>(set: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn the_locale_says_which_characters_are_shown() {
        for (set, expected) in [
            (&[("LANG", "de_DE.UTF-8")][..], Glyphs::Unicode),
            (&[("LC_CTYPE", "C.utf8")], Glyphs::Unicode),
            (&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")], Glyphs::Ascii),
            (&[], Glyphs::Ascii),
        ] {
            assert_eq!(glyphs(reading(set)), expected, "{set:?}");
        }
    }

    #[test]
    fn terminals_that_do_not_wrap_again_are_known() {
        for (set, expected) in [
            (&[("TERM", "xterm-256color")][..], Narrowing::Wraps),
            (
                &[("TERM", "xterm"), ("XTERM_VERSION", "XTerm(390)")],
                Narrowing::Cuts,
            ),
            (&[("TERM", "linux")], Narrowing::Cuts),
            (&[("TERM", "vte-256color")], Narrowing::Wraps),
            (&[("TERM", "st-256color")], Narrowing::Cuts),
            (&[("TERM", "screen"), ("STY", "1.pts")], Narrowing::Cuts),
            (
                &[("TERM", "tmux"), ("TMUX", "x"), ("XTERM_VERSION", "x")],
                Narrowing::Wraps,
            ),
        ] {
            assert_eq!(narrowing(reading(set)), expected, "{set:?}");
        }
    }
}
