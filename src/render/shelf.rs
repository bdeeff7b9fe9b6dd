//! The runtimes of several contexts in one answer: a table with a column for the context, or one document with an item
//! a context, described by `docs/schemas/runtimes-list.schema.json`.

use serde::Serialize;
use serde_json::Value;

use super::{
    Look, OutputFormat, Tabular,
    document::{render_json, render_yaml, shown_object},
    table::{CellText, Column, Give, render_table},
};
use crate::{runtimes::Runtime, style::Role};

const SCHEMA_VERSION: u32 = 1;

/// What one context offers.
pub struct Shelf {
    pub context: String,
    /// URL of the API server; empty when the kubeconfig does not tell.
    pub server: String,
    pub runtimes: Vec<Runtime>,
    /// How the program would end with this context alone.
    pub exit_code: u8,
    /// Why these are not all.
    pub error: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    kind: &'static str,
    schema_version: u32,
    exit_code: u8,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    context: &'a str,
    server: &'a str,
    exit_code: u8,
    error: Option<&'a str>,
    runtimes: Vec<Value>,
}

/// All shelves; names alone are for one cluster and give a table, too.
pub fn render_shelves(format: OutputFormat, shelves: &[&Shelf], look: &Look) -> String {
    match format {
        OutputFormat::Json => render_json(&document(shelves)),
        OutputFormat::Yaml => render_yaml(&document(shelves)),
        OutputFormat::Table | OutputFormat::Wide | OutputFormat::Name => {
            render_rows(format, shelves, look)
        }
    }
}

fn document<'a>(shelves: &[&'a Shelf]) -> Document<'a> {
    let codes = shelves.iter().map(|shelf| shelf.exit_code);
    let item = |shelf: &&'a Shelf| Item {
        context: &shelf.context,
        server: &shelf.server,
        exit_code: shelf.exit_code,
        error: shelf.error.as_deref(),
        runtimes: shelf
            .runtimes
            .iter()
            .map(|runtime| shown_object(runtime.object()))
            .collect(),
    };
    Document {
        kind: "RuntimesByContext",
        schema_version: SCHEMA_VERSION,
        exit_code: codes.filter(|code| *code != 0).min().unwrap_or_default(),
        items: shelves.iter().map(item).collect(),
    }
}

/// The table of one cluster's runtimes, with the context in front.
fn render_rows(format: OutputFormat, shelves: &[&Shelf], look: &Look) -> String {
    let columns = shelves
        .iter()
        .map(|shelf| Runtime::columns(&shelf.runtimes, format));
    // They differ in what one of the shelves has no use for.
    let columns = columns.max_by_key(Vec::len).unwrap_or_default();
    let context = Column {
        heading: "CONTEXT",
        give: Give::Never,
    };
    let others = columns
        .iter()
        .map(|column| Runtime::layout(*column, format));
    let layout: Vec<_> = [context].into_iter().chain(others).collect();
    let row = |shelf: &Shelf, runtime: &Runtime| {
        let context = CellText {
            text: shelf.context.clone(),
            role: Some(Role::Muted),
        };
        let others = columns.iter().map(|column| runtime.cell(*column, look));
        [context].into_iter().chain(others).collect::<Vec<_>>()
    };
    let rows = shelves.iter().flat_map(|shelf| {
        let runtimes = shelf.runtimes.iter();
        runtimes.map(|runtime| row(shelf, runtime))
    });
    render_table(&layout, rows.collect(), look)
}
