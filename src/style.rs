//! The few styles of the program, named by meaning. Colour never carries a meaning alone: a word stands beside it.

use anstyle::{AnsiColor, Style as Ansi};

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As it should be.
    Good,
    /// Deserves a look.
    Warning,
    /// Not as it should be.
    Bad,
    /// Less important than what stands around it.
    Muted,
    /// More important than what stands around it.
    Strong,
    /// Something to type.
    Command,
}

/// Which characters a terminal shows as they are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    #[default]
    Ascii,
    Unicode,
}

/// Whether a stream takes colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    #[default]
    Plain,
    Coloured,
}

impl Style {
    /// The text in the role's colours, or as it is.
    pub fn paint(self, role: Role, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => {
                let ansi = role.ansi();
                format!("{ansi}{text}{ansi:#}")
            }
        }
    }
}

/// Colours that tell neighbours apart; none of them means anything. Red and yellow are left to [`Role`].
const HUES: [AnsiColor; 8] = [
    AnsiColor::Cyan,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];

impl Style {
    /// The text in a colour that the next numbers do not have, or as it is.
    pub fn paint_hue(self, number: usize, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => {
                let ansi = HUES[number % HUES.len()].on_default();
                format!("{ansi}{text}{ansi:#}")
            }
        }
    }
}

impl Role {
    const fn ansi(self) -> Ansi {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Muted => Ansi::new().dimmed(),
            Self::Strong => Ansi::new().bold(),
            Self::Command => AnsiColor::Cyan.on_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_style_changes_nothing() {
        assert_eq!(Style::Plain.paint(Role::Bad, "failed"), "failed");
    }

    #[test]
    fn neighbours_have_colours_of_their_own() {
        let paint = |number| Style::Coloured.paint_hue(number, "node");
        assert_ne!(paint(0), paint(1));
        assert_eq!(paint(0), paint(HUES.len()));
        assert_eq!(Style::Plain.paint_hue(0, "node"), "node");
    }

    #[test]
    fn a_coloured_style_ends_what_it_begins() {
        assert_eq!(
            Style::Coloured.paint(Role::Good, "ok"),
            "\u{1b}[32mok\u{1b}[0m"
        );
    }
}
