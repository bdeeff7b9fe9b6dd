//! Decides whether a stream gets colours: the flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then whether it is a terminal.

use std::env;

use crate::style::Style;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// What the environment says about colours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    forbidden: Option<()>,
    forced: Option<()>,
    dumb: Option<()>,
}

impl Wishes {
    pub(super) fn read() -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            forbidden: set("NO_COLOR").map(drop),
            forced: set("CLICOLOR_FORCE").filter(|value| value != "0").map(drop),
            dumb: set("TERM").filter(|value| value == "dumb").map(drop),
        }
    }

    pub(super) fn style(self, choice: ColourChoice, is_terminal: bool) -> Style {
        let coloured = match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if self.forbidden.is_some() => false,
            ColourChoice::Auto => self.forced.is_some() || (is_terminal && self.dumb.is_none()),
        };
        if coloured {
            Style::Coloured
        } else {
            Style::Plain
        }
    }
}

/// `COLUMNS`, which a user (or a test) may set to a narrower width.
pub(super) fn columns_wish() -> Option<usize> {
    env::var("COLUMNS")
        .ok()?
        .parse()
        .ok()
        .filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Option<()> = Some(());

    #[test]
    fn a_terminal_gets_colours_unless_it_is_dumb() {
        let dumb = Wishes {
            dumb: YES,
            ..Wishes::default()
        };
        assert_eq!(
            Wishes::default().style(ColourChoice::Auto, true),
            Style::Coloured
        );
        assert_eq!(
            Wishes::default().style(ColourChoice::Auto, false),
            Style::Plain
        );
        assert_eq!(dumb.style(ColourChoice::Auto, true), Style::Plain);
    }

    #[test]
    fn the_flag_beats_the_environment_and_no_color_beats_force() {
        let both = Wishes {
            forbidden: YES,
            forced: YES,
            dumb: None,
        };
        assert_eq!(both.style(ColourChoice::Auto, true), Style::Plain);
        assert_eq!(both.style(ColourChoice::Always, false), Style::Coloured);
        let forced = Wishes {
            forced: YES,
            ..Wishes::default()
        };
        assert_eq!(forced.style(ColourChoice::Auto, false), Style::Coloured);
        assert_eq!(forced.style(ColourChoice::Never, true), Style::Plain);
    }
}
