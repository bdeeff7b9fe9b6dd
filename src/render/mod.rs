//! From values to text. Everything here is pure: time, width and colours are parameters ([`Look`]).

pub mod access_list;
pub mod access_why;
pub mod bar;
pub mod check;
mod check_json;
mod check_junit;
mod check_matrix;
mod check_table;
pub mod completion;
pub mod document;
pub mod explain;
pub mod log_json;
pub mod log_line;
pub mod log_note;
mod log_terminal;
pub mod plan;
pub mod plan_document;
pub mod progress_document;
pub mod progress_json;
pub mod progress_line;
pub mod progress_look;
pub mod progress_rows;
pub mod progress_table;
pub mod progress_words;
pub mod request;
pub mod runtime;
pub mod runtime_page;
pub mod shelf;
pub mod table;
pub mod version;

use jiff::Timestamp;

use crate::style::Style;

pub use document::{OutputFormat, Tabular, render_objects};

/// How an answer may look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub style: Style,
    /// Columns to fit into; `None` when nothing need be cut.
    pub width: Option<usize>,
    /// The time that ages are counted from.
    pub now: Timestamp,
}

impl Look {
    /// For tests and files: no colours, no cutting.
    pub const fn plain(now: Timestamp) -> Self {
        Self {
            style: Style::Plain,
            width: None,
            now,
        }
    }
}

/// An age as kubectl writes it: the two largest units while they matter, such as `5d3h`, `47h`, `90s`.
pub fn render_age(since: Option<Timestamp>, now: Timestamp) -> String {
    let Some(since) = since else {
        return "<unknown>".to_owned();
    };
    let seconds = now.duration_since(since).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    // The steps of k8s.io/apimachinery/pkg/util/duration.HumanDuration.
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit}{small}{small_unit}"),
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 192 => two(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () if days < 2920 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_written_as_kubectl_writes_them() {
        let age = |seconds: i64| {
            render_age(
                Some(Timestamp::UNIX_EPOCH),
                Timestamp::from_second(seconds).unwrap(),
            )
        };
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (200, "3m20s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (14_700, "4h5m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (183_600, "2d3h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (252_288_000, "8y"),
        ] {
            assert_eq!(age(seconds), text, "{seconds} s");
        }
        assert_eq!(render_age(None, Timestamp::UNIX_EPOCH), "<unknown>");
    }
}
