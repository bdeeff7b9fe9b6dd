//! Tables in kubectl's manner: capital headings, three blanks between columns, no lines.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use super::Look;
use crate::{
    prose::{visible, width},
    style::{Role, Style},
};

/// A column's heading, and whether it gives way on a narrow terminal.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub heading: &'static str,
    pub give: Give,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Give {
    Never,
    /// Loses its beginning first (the end of an image's name tells more), then goes altogether.
    Beginning,
}

/// One cell: its text, and its role if it has one.
#[derive(Clone, Debug)]
pub struct CellText {
    pub text: String,
    pub role: Option<Role>,
}

impl From<String> for CellText {
    fn from(text: String) -> Self {
        Self { text, role: None }
    }
}

impl From<&str> for CellText {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A cell that cannot get narrower than this is not worth cutting.
const NARROWEST: usize = 12;
const GAP: usize = 3;

/// Renders rows under their headings; every line ends with a line feed.
pub fn render_table(columns: &[Column], rows: Vec<Vec<CellText>>, look: &Look) -> String {
    let (mut columns, mut rows) = (columns.to_vec(), rows);
    let cells = rows.iter_mut().flatten();
    cells.for_each(|cell| cell.text = visible(&cell.text));
    fit(&mut columns, &mut rows, look.width);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    match look.style {
        Style::Plain => table.force_no_tty(),
        Style::Coloured => table.enforce_styling(),
    };
    table.set_header(
        columns
            .iter()
            .map(|column| styled(column.heading, Some(Role::Muted))),
    );
    for row in rows {
        table.add_row(row.into_iter().map(|cell| styled(&cell.text, cell.role)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, u16::try_from(GAP).unwrap_or(3)));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A cell in its role's look; the same as [`Style::paint`] gives, in the library's terms.
fn styled(text: &str, role: Option<Role>) -> Cell {
    let cell = Cell::new(text);
    match role {
        None => cell,
        Some(Role::Strong) => cell.add_attribute(Attribute::Bold),
        Some(Role::Muted) => cell.add_attribute(Attribute::Dim),
        Some(Role::Good) => cell.fg(Color::DarkGreen),
        Some(Role::Warning) => cell.fg(Color::DarkYellow),
        Some(Role::Bad) => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
        Some(Role::Command) => cell.fg(Color::DarkCyan),
    }
}

/// Shortens the cells of the column that gives way until the table fits, or leaves that column out.
fn fit(columns: &mut Vec<Column>, rows: &mut [Vec<CellText>], limit: Option<usize>) {
    let giving = columns
        .iter()
        .position(|column| column.give == Give::Beginning);
    let (Some(limit), Some(giving)) = (limit, giving) else {
        return;
    };
    let widest = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        let longest = cells.map(|cell| width(&cell.text)).max();
        longest.unwrap_or(0).max(columns[index].heading.len())
    };
    let others = (0..columns.len()).filter(|index| *index != giving);
    let room = limit.saturating_sub(others.map(|index| widest(index) + GAP).sum());
    if room < NARROWEST.min(widest(giving)) {
        columns.remove(giving);
        for row in rows {
            row.remove(giving);
        }
        return;
    }
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(giving)) {
        if width(&cell.text) > room {
            cell.text = format!("…{}", end_of(&cell.text, room.saturating_sub(1)));
        }
    }
}

/// The end of a text, in at most so many columns.
fn end_of(text: &str, room: usize) -> &str {
    let mut starts = text.char_indices().map(|(start, _)| &text[start..]);
    starts.find(|end| width(end) <= room).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use snapbox::{IntoData as _, assert_data_eq, str};

    use super::*;

    const COLUMNS: [Column; 3] = [
        Column {
            heading: "NAME",
            give: Give::Never,
        },
        Column {
            heading: "IMAGE",
            give: Give::Beginning,
        },
        Column {
            heading: "AGE",
            give: Give::Never,
        },
    ];

    fn rows() -> Vec<Vec<CellText>> {
        vec![
            vec![
                "torch".into(),
                "registry.example/team/pytorch:2.13.0-cuda13.0".into(),
                "5d".into(),
            ],
            vec!["two\nlines".into(), "a".into(), "1s".into()],
        ]
    }

    #[test]
    fn columns_stand_in_line_and_no_line_ends_in_blanks() {
        let table = render_table(&COLUMNS, rows(), &Look::plain(Timestamp::UNIX_EPOCH));
        assert_data_eq!(
            table,
            str![[r#"
NAME         IMAGE                                           AGE
torch        registry.example/team/pytorch:2.13.0-cuda13.0   5d
two\nlines   a                                               1s

"#]]
            .raw()
        );
    }

    #[test]
    fn on_a_narrow_terminal_only_the_giving_column_is_cut() {
        let look = Look {
            width: Some(40),
            ..Look::plain(Timestamp::UNIX_EPOCH)
        };
        assert_data_eq!(
            render_table(&COLUMNS, rows(), &look),
            str![[r#"
NAME         IMAGE                   AGE
torch        …orch:2.13.0-cuda13.0   5d
two\nlines   a                       1s

"#]]
            .raw()
        );
    }

    #[test]
    fn what_would_be_cut_beyond_use_is_left_out() {
        let look = Look {
            width: Some(20),
            ..Look::plain(Timestamp::UNIX_EPOCH)
        };
        assert_data_eq!(
            render_table(&COLUMNS, rows(), &look),
            str![[r#"
NAME         AGE
torch        5d
two\nlines   1s

"#]]
            .raw()
        );
    }

    #[test]
    fn colours_do_not_move_columns() {
        let look = Look {
            style: Style::Coloured,
            ..Look::plain(Timestamp::UNIX_EPOCH)
        };
        let mut rows = rows();
        rows[0][0].role = Some(Role::Good);
        let coloured = render_table(&COLUMNS, rows, &look);
        let bare = without_colours(&coloured);
        assert!(bare.lines().nth(2).unwrap().starts_with("two"), "{bare}");
        assert_eq!(
            bare.lines().nth(1).unwrap().find("registry"),
            bare.lines().next().unwrap().find("IMAGE")
        );
    }

    /// The text without colour sequences.
    fn without_colours(text: &str) -> String {
        let mut bare = String::new();
        for piece in text.split('\u{1b}') {
            bare.push_str(
                piece
                    .strip_prefix('[')
                    .and_then(|rest| rest.split_once('m'))
                    .map_or(piece, |(_, rest)| rest),
            );
        }
        bare
    }
}
