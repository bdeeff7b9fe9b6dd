//! The names of all TrainJobs of a namespace, for somebody who types one: each with as much of its state as can be had
//! at once. Up to a page of jobs come whole. Of more, the server is asked for its own table, which is a twentieth of
//! the objects' size: 10,000 jobs in 0.14 s, in place of 1.3 s whole and 7 s in pages.

use std::{borrow::Cow, collections::BTreeMap};

use http::{Request, header::ACCEPT};
use kube::core::Resource as _;
use serde::{Deserialize, de::IgnoredAny};

use super::{
    connect::Cluster,
    failure::Failure,
    job_objects::TrainJob,
    job_records::{Record as _, TrainJobRecord},
    paging::{PAGE, Page},
    status::judge_unreadable,
};

const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
const WORDS: &str = "list trainjobs.trainer.kubeflow.org";

/// A TrainJob among many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedJob {
    pub name: String,
    pub state: NamedState,
}

/// What is known of its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedState {
    /// The job itself was seen.
    Seen(Box<TrainJob>),
    /// The server's table says so: the type of the last condition, whether or not that is true; empty without any.
    Told(String),
}

/// Borrows from the answer's text: of 10,000 rows few are kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table<'a> {
    #[serde(borrow)]
    column_definitions: Vec<ColumnDefinition<'a>>,
    #[serde(borrow, default)]
    rows: Vec<Row<'a>>,
}

#[derive(Deserialize)]
struct ColumnDefinition<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    cells: Vec<Cell<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Cell<'a> {
    Text(&'a str),
    Other(IgnoredAny),
}

impl<'a> Cell<'a> {
    const fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(_) => None,
        }
    }
}

/// The TrainJobs of the namespace whose names begin so, by name.
pub async fn fetch_job_names(
    cluster: &Cluster,
    namespace: &str,
    begun: &str,
) -> Result<Vec<NamedJob>, Failure> {
    let path = TrainJobRecord::url_path(&(), Some(namespace));
    let first = Request::get(format!("{path}?limit={PAGE}"));
    let page: Page<TrainJobRecord> = cluster.fetch_json(WORDS, first.body(Vec::new())).await?;
    let jobs = page.items.into_iter().map(TrainJobRecord::into_kept);
    let fitting = jobs.filter(|job| job.name.starts_with(begun));
    let seen = fitting.map(|job| NamedJob {
        name: job.name.clone(),
        state: NamedState::Seen(Box::new(job)),
    });
    let seen: Vec<_> = seen.collect();
    if page.metadata.next.is_none_or(|next| next.is_empty()) {
        return Ok(seen);
    }
    let all = Request::get(format!("{path}?resourceVersion=0&includeObject=None"));
    let all = all.header(ACCEPT, TABLE).body(Vec::new());
    let text = cluster.fetch_text(WORDS, all).await?;
    let table = serde_json::from_str(&text)
        .map_err(|problem| cluster.failure(WORDS, judge_unreadable(&text, &problem)))?;
    Ok(join(seen, &table, begun))
}

/// The table's jobs, with those in the place of their rows that were seen.
fn join(seen: Vec<NamedJob>, table: &Table<'_>, begun: &str) -> Vec<NamedJob> {
    let seen = seen.into_iter().map(|job| (job.name.clone(), job));
    let mut seen: BTreeMap<_, _> = seen.collect();
    let column = |wanted: &str| {
        let mut columns = table.column_definitions.iter();
        columns.position(|column| column.name == wanted)
    };
    let (name, state) = (column("Name").unwrap_or(0), column("State"));
    let rows = table.rows.iter().filter_map(|row| {
        let cell = |at: usize| row.cells.get(at).and_then(Cell::text);
        let name = cell(name).filter(|name| name.starts_with(begun))?;
        let told = state.and_then(cell).unwrap_or_default();
        Some(seen.remove(name).unwrap_or_else(|| NamedJob {
            name: name.to_owned(),
            state: NamedState::Told(told.to_owned()),
        }))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_without_an_object_have_what_the_server_tells() {
        let table = json!({
            "columnDefinitions": [{"name": "Name"}, {"name": "State"}, {"name": "Age"}],
            "rows": [{"cells": ["a", "Complete", "5m"]}, {"cells": ["b", null, "5m"]}, {"cells": ["c", "Failed", "1d"]}],
        });
        let seen = vec![NamedJob {
            name: "c".to_owned(),
            state: NamedState::Seen(Box::default()),
        }];
        let text = table.to_string();
        let table = serde_json::from_str(&text).unwrap();
        let names = |begun: &str| join(Vec::new(), &table, begun).len();
        assert_eq!((names(""), names("b"), names("x")), (3, 1, 0));
        let jobs = join(seen, &table, "");
        let told = |name: &str, state: &str| NamedJob {
            name: name.to_owned(),
            state: NamedState::Told(state.to_owned()),
        };
        assert_eq!(jobs[..2], [told("a", "Complete"), told("b", "")]);
        assert!(matches!(jobs[2].state, NamedState::Seen(_)));
    }
}
