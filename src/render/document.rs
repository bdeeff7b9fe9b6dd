//! The one place where an output format is chosen: tables for people; JSON, YAML and names for programs,
//! as kubectl prints them.

use serde::Serialize;
use serde_json::{Value, json, ser::PrettyFormatter};

use super::{
    Look,
    table::{CellText, Column, render_table},
};

/// `-o`, for commands whose answer is objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    #[default]
    Table,
    Wide,
    Json,
    Yaml,
    Name,
}

/// Something that a table can show one a line, and that stands for an object of the API.
pub trait Tabular {
    /// What one cell of a line may tell.
    type Column: Copy;

    /// The columns, given all items: a column that would be empty may be left out.
    fn columns(items: &[Self], format: OutputFormat) -> Vec<Self::Column>
    where
        Self: Sized;
    /// A column's heading, and whether it gives way on a narrow terminal.
    fn layout(column: Self::Column, format: OutputFormat) -> Column;
    fn cell(&self, column: Self::Column, look: &Look) -> CellText;
    /// `resource.group/name`.
    fn reference(&self) -> String;
    /// The object itself, as the server gave it.
    fn object(&self) -> Value;
}

/// How many objects were asked for: a list prints as a List, a single one as itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    One,
    Many,
}

/// Renders the items in the chosen format.
pub fn render_objects<T: Tabular>(
    format: OutputFormat,
    asked: Asked,
    items: &[T],
    look: &Look,
) -> String {
    match format {
        OutputFormat::Table | OutputFormat::Wide => {
            let columns = T::columns(items, format);
            let row = |item: &T| {
                columns
                    .iter()
                    .map(|column| item.cell(*column, look))
                    .collect()
            };
            let layout: Vec<_> = columns
                .iter()
                .map(|column| T::layout(*column, format))
                .collect();
            render_table(&layout, items.iter().map(row).collect(), look)
        }
        OutputFormat::Json => render_json(&document(asked, items)),
        OutputFormat::Yaml => render_yaml(&document(asked, items)),
        OutputFormat::Name => items
            .iter()
            .flat_map(|item| [item.reference(), "\n".to_owned()])
            .collect(),
    }
}

fn document<T: Tabular>(asked: Asked, items: &[T]) -> Value {
    let mut objects: Vec<_> = items
        .iter()
        .map(|item| shown_object(item.object()))
        .collect();
    match (asked, objects.pop()) {
        (Asked::One, Some(object)) => object,
        (_, last) => {
            objects.extend(last);
            json!({ "apiVersion": "v1", "items": objects, "kind": "List", "metadata": { "resourceVersion": "" } })
        }
    }
}

/// An object as kubectl prints it.
pub(super) fn shown_object(object: Value) -> Value {
    sorted(&without_managed_fields(object))
}

/// kubectl leaves them out, too: they are long and for machines.
fn without_managed_fields(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

/// kubectl prints keys in alphabetical order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut entries: Vec<_> = fields.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            entries
                .into_iter()
                .map(|(key, entry)| (key.clone(), sorted(entry)))
                .collect()
        }
        Value::Array(entries) => entries.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// JSON with kubectl's four blanks, ending with a line feed.
pub fn render_json(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    // Writing plain values into memory does not fail.
    let _ = value.serialize(&mut serializer);
    bytes.push(b'\n');
    String::from_utf8_lossy(&bytes).into_owned()
}

/// YAML that a YAML 1.1 reader such as Go's reads back as the same values.
pub fn render_yaml(value: &impl Serialize) -> String {
    let mut text = serde_saphyr::to_string(value).unwrap_or_default();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// The same with every text on one line, however long: tokens and certificates are looked for and copied.
pub fn render_unfolded_yaml(value: &Value) -> String {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(value, options).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, str};

    use super::*;

    #[test]
    fn json_has_sorted_keys_and_four_blanks() {
        assert_data_eq!(
            render_json(&sorted(&json!({ "b": [1], "a": { "d": null, "c": "x" } }))),
            str![[r#"
{
    "a": {
        "c": "x",
        "d": null
    },
    "b": [
        1
    ]
}

"#]]
        );
    }

    #[test]
    fn yaml_quotes_what_an_older_reader_would_misread() {
        assert_data_eq!(
            render_yaml(&json!({ "a": "yes", "b": "1_000", "c": "0644", "d": ["x"] })),
            str![[r#"
a: "yes"
b: "1_000"
c: "0644"
d:
- x

"#]]
        );
    }
}
