//! The terminal's own indicator of progress, in its tab or in the taskbar: OSC 9;4, which began with `ConEmu`.
//! Elsewhere OSC 9 pops up a notification; so it is sent only where it is known to be understood.

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
};

/// What the terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gauge {
    #[default]
    Nothing,
    /// Something goes on, and how much there is of it is not known.
    Busy,
    /// Of a hundred.
    Percent(u8),
    Failed,
}

impl Gauge {
    fn sequence(self) -> String {
        let state = match self {
            Self::Nothing => "0".to_owned(),
            Self::Busy => "3".to_owned(),
            Self::Percent(percent) => format!("1;{}", percent.min(100)),
            Self::Failed => "2".to_owned(),
        };
        format!("\u{1b}]9;4;{state}\u{7}")
    }
}

/// Whether the terminal shows something that has to be taken back, for whoever has no [`TerminalGauge`] at hand.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// What takes back whatever is shown, if anything is.
pub(super) fn withdrawal() -> String {
    if IS_SHOWN.swap(false, Ordering::Relaxed) {
        Gauge::Nothing.sequence()
    } else {
        String::new()
    }
}

/// What is wanted of the terminal, and what it was told.
#[derive(Debug)]
pub(super) struct TerminalGauge {
    support: Support,
    wanted: Gauge,
    told: Gauge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Support {
    Known,
    Unknown,
}

impl TerminalGauge {
    pub(super) fn find() -> Self {
        Self::new(support(|name| {
            env::var(name).ok().filter(|value| !value.is_empty())
        }))
    }

    const fn new(support: Support) -> Self {
        Self {
            support,
            wanted: Gauge::Nothing,
            told: Gauge::Nothing,
        }
    }

    pub(super) const fn set(&mut self, gauge: Gauge) {
        self.wanted = gauge;
    }

    /// Whether something has changed that the terminal understands.
    pub(super) fn is_due(&self) -> bool {
        self.support == Support::Known && self.wanted != self.told
    }

    /// Tells what has changed.
    pub(super) fn tell(&mut self, out: &mut Vec<u8>) {
        if self.is_due() {
            out.extend_from_slice(self.wanted.sequence().as_bytes());
            self.told = self.wanted;
            IS_SHOWN.store(self.told != Gauge::Nothing, Ordering::Relaxed);
        }
    }

    /// Shows nothing, until it is told again.
    pub(super) fn withdraw(&mut self, out: &mut Vec<u8>) {
        if self.told != Gauge::Nothing {
            self.told = Gauge::Nothing;
            out.extend_from_slice(withdrawal().as_bytes());
        }
    }
}

/// When `WezTerm` began to take it for progress; before, it was a notification (wezterm#6581).
const WEZTERM_SINCE: &str = "20250210";
/// The first Ptyxis that shows it (ptyxis#305).
const PTYXIS_SINCE: u32 = 48;

/// Windows Terminal, `ConEmu` and Ghostty (ghostty#3124) know it; iTerm2 names it among its features, as `P`.
/// Multiplexers pass it to nobody, or to the wrong one.
fn support(read: impl Fn(&str) -> Option<String>) -> Support {
    let is = |name: &str, expected: &str| read(name).is_some_and(|value| value == expected);
    match read("KUBECTL_TRAINER_TERMINAL_PROGRESS").as_deref() {
        Some("always") => return Support::Known,
        Some("never") => return Support::Unknown,
        _ => {}
    }
    let terminal = read("TERM").unwrap_or_default();
    let is_within = ["tmux", "screen"]
        .iter()
        .any(|name| terminal.starts_with(name));
    if is_within || read("TMUX").is_some() || read("STY").is_some() {
        return Support::Unknown;
    }
    let is_known = read("WT_SESSION").is_some()
        || is("ConEmuANSI", "ON")
        || match read("TERM_PROGRAM").unwrap_or_default().as_str() {
            "ghostty" => true,
            "WezTerm" => read("TERM_PROGRAM_VERSION").is_some_and(|since| &*since >= WEZTERM_SINCE),
            "iTerm.app" => read("TERM_FEATURES").is_some_and(|names| has_feature(&names, "P")),
            _ => false,
        }
        || read("PTYXIS_VERSION").is_some_and(|version| major(&version) >= PTYXIS_SINCE);
    if is_known {
        Support::Known
    } else {
        Support::Unknown
    }
}

/// Names of features follow each other without blanks; each begins with a capital letter.
fn has_feature(names: &str, wanted: &str) -> bool {
    names.match_indices(wanted).any(|(place, _)| {
        let next = names[place + wanted.len()..].chars().next();
        next.is_none_or(|next| !next.is_ascii_lowercase() && !next.is_ascii_digit())
    })
}

fn major(version: &str) -> u32 {
    let first = version.split('.').next().unwrap_or_default();
    first.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_support(set: &[(&str, &str)], expected: Support) {
        let read = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(support(read), expected, "{set:?}");
    }

    #[test]
    fn terminals_that_understand_it_are_known() {
        for set in [
            &[("WT_SESSION", "guid")][..],
            &[("ConEmuANSI", "ON")],
            &[("TERM_PROGRAM", "ghostty")],
            &[
                ("TERM_PROGRAM", "WezTerm"),
                ("TERM_PROGRAM_VERSION", "20250301-090000-abc"),
            ],
            &[
                ("TERM_PROGRAM", "iTerm.app"),
                ("TERM_FEATURES", "T3CwLrMSc7UUw9Ts3BFGsSyHNoSxFP"),
            ],
            &[("PTYXIS_VERSION", "48.1")],
        ] {
            assert_support(set, Support::Known);
        }
    }

    #[test]
    fn all_others_would_pop_up_a_notification_or_are_not_alone() {
        for set in [
            &[][..],
            &[("TERM", "xterm-256color")],
            &[("ConEmuANSI", "OFF")],
            &[("TERM_PROGRAM", "WezTerm")],
            &[
                ("TERM_PROGRAM", "WezTerm"),
                ("TERM_PROGRAM_VERSION", "20240203-110809-5046fc22"),
            ],
            &[("TERM_PROGRAM", "iTerm.app"), ("TERM_FEATURES", "T3Pa")],
            &[("PTYXIS_VERSION", "47.9")],
            &[("WT_SESSION", "guid"), ("TMUX", "/tmp/x")],
            &[("TERM_PROGRAM", "ghostty"), ("TERM", "screen-256color")],
        ] {
            assert_support(set, Support::Unknown);
        }
    }

    #[test]
    fn a_user_knows_better() {
        let wish = "KUBECTL_TRAINER_TERMINAL_PROGRESS";
        assert_support(&[(wish, "always"), ("TMUX", "x")], Support::Known);
        assert_support(&[(wish, "never"), ("WT_SESSION", "x")], Support::Unknown);
        assert_support(&[(wish, "perhaps")], Support::Unknown);
    }

    #[test]
    fn only_what_changes_is_told() {
        let mut gauge = TerminalGauge::new(Support::Known);
        let mut told = |wanted| {
            let mut out = Vec::new();
            gauge.set(wanted);
            gauge.tell(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(Gauge::Nothing), "");
        assert_eq!(told(Gauge::Busy), "\u{1b}]9;4;3\u{7}");
        assert_eq!(told(Gauge::Percent(42)), "\u{1b}]9;4;1;42\u{7}");
        assert_eq!(told(Gauge::Percent(42)), "");
        assert_eq!(told(Gauge::Failed), "\u{1b}]9;4;2\u{7}");
        assert_eq!(told(Gauge::Nothing), "\u{1b}]9;4;0\u{7}");
        let mut unknown = TerminalGauge::new(Support::Unknown);
        let mut out = Vec::new();
        unknown.set(Gauge::Busy);
        unknown.tell(&mut out);
        unknown.withdraw(&mut out);
        assert!(out.is_empty());
    }
}
