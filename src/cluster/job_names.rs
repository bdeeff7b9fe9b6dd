//! The names of all TrainJobs of a namespace, for somebody who types one: each with as much of its state as can be had
//! at once. Up to a page of jobs come whole. Of more, the server is asked for its own table, which is a twentieth of
//! the objects' size: 10,000 jobs in 0.14 s, in place of 1.3 s whole and 7 s in pages.

use http::{Request, header::ACCEPT};
use serde::Deserialize;
use serde_json::Value;

use super::{
    connect::Cluster,
    failure::Failure,
    job_objects::TrainJob,
    job_records::{Record as _, TrainJobRecord},
};

/// Jobs that come whole; kubectl's own chunk size.
const PAGE: usize = 500;
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

#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    items: Vec<TrainJobRecord>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    column_definitions: Vec<ColumnDefinition>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct ColumnDefinition {
    name: String,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<Value>,
}

/// All TrainJobs of the namespace, by name.
pub async fn fetch_job_names(cluster: &Cluster, namespace: &str) -> Result<Vec<NamedJob>, Failure> {
    let path = format!("/apis/trainer.kubeflow.org/v1alpha1/namespaces/{namespace}/trainjobs");
    let first = Request::get(format!("{path}?limit={PAGE}"));
    let page: Page = cluster.fetch_json(WORDS, first.body(Vec::new())).await?;
    let seen = page.items.into_iter().map(|record| {
        let job = record.into_kept();
        NamedJob {
            name: job.name.clone(),
            state: NamedState::Seen(Box::new(job)),
        }
    });
    let mut jobs: Vec<_> = seen.collect();
    if !page.metadata.next.is_empty() {
        let all = Request::get(format!("{path}?resourceVersion=0&includeObject=None"));
        let all = all.header(ACCEPT, TABLE).body(Vec::new());
        let table: Table = cluster.fetch_json(WORDS, all).await?;
        jobs = join(jobs, table);
    }
    Ok(jobs)
}

/// The table's jobs, with those in the place of their rows that were seen.
fn join(seen: Vec<NamedJob>, table: Table) -> Vec<NamedJob> {
    let mut seen: std::collections::BTreeMap<_, _> = seen
        .into_iter()
        .map(|job| (job.name.clone(), job))
        .collect();
    let column = |wanted: &str| {
        let mut columns = table.column_definitions.iter();
        columns.position(|column| column.name == wanted)
    };
    let (name, state) = (column("Name").unwrap_or(0), column("State"));
    let rows = table.rows.iter().filter_map(|row| {
        let cell = |at: usize| row.cells.get(at).and_then(Value::as_str);
        let name = cell(name)?.to_owned();
        let told = state.and_then(cell).unwrap_or_default().to_owned();
        Some(seen.remove(&name).unwrap_or(NamedJob {
            name,
            state: NamedState::Told(told),
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
        let jobs = join(seen, serde_json::from_value(table).unwrap());
        let told = |name: &str, state: &str| NamedJob {
            name: name.to_owned(),
            state: NamedState::Told(state.to_owned()),
        };
        assert_eq!(jobs[..2], [told("a", "Complete"), told("b", "")]);
        assert!(matches!(jobs[2].state, NamedState::Seen(_)));
    }
}
