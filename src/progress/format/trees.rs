//! Gradient boosting: XGBoost's `[10]\ttrain-rmse:0.5\teval-rmse:0.6`, LightGBM's `[50]    valid_0's auc: 0.84` and
//! `Iteration:37, training auc : 0.66`. How many rounds there will be is not said.

use super::{Format, ProgressFormat};
use crate::progress::{
    pairs,
    reading::{Metric, Progress},
    scan::Scan,
};

pub(super) const FORMAT: Format = Format {
    name: "trees",
    anchors: &["]\t", "]  ", "]: ", "] d", "Iteration:"],
    begin: || Box::new(Trees),
};

struct Trees;

impl ProgressFormat for Trees {
    fn read(&mut self, line: &str) -> Option<Progress> {
        round(line).or_else(|| command_line(line))
    }
}

/// `[10]\ttrain-rmse:0.5`, `[5]:    train's l2:0.09    valid's l2:0.10`.
fn round(line: &str) -> Option<Progress> {
    let start = line.strip_prefix('[').or_else(|| {
        // Spark's logger stands before it.
        let (_, rest) = line.split_once("INFO [")?;
        Some(rest)
    })?;
    let mut scan = Scan::new(start);
    let number = scan.count()?;
    scan.literal("]")?;
    let _ = scan.literal(":");
    let metrics = of_data_sets(scan.rest());
    // XGBoost counts from 0: its round 0 is the first that is over.
    let is_xgboost = metrics.first()?.name.contains('-');
    let done = if is_xgboost {
        number.saturating_add(1)
    } else {
        number
    };
    Some(
        Progress::training()
            .with_step(done, None)
            .with_metrics(metrics),
    )
}

/// `train-rmse:22.05 eval-rmse:…`, `valid_0's auc: 0.84 valid_1's auc: 0.83`: each name has the data set in it.
fn of_data_sets(text: &str) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut name = String::new();
    for word in text.split_whitespace() {
        let (before, after) = word.rsplit_once(':').unwrap_or(("", word));
        let value = pairs::leading_number(after);
        if !before.is_empty() || value.is_none() {
            name.push_str(if name.is_empty() { "" } else { " " });
            name.push_str(if before.is_empty() { word } else { before });
        }
        if let Some(value) = value {
            let of_data_set = name.contains('-') || name.contains("'s ");
            metrics.extend(pairs::named(name.trim_end_matches(':'), value).filter(|_| of_data_set));
            name.clear();
        }
    }
    metrics
}

/// LightGBM's program: `Iteration:37, training auc : 0.662362`.
fn command_line(line: &str) -> Option<Progress> {
    let mut scan = Scan::new(line.strip_prefix("Iteration:")?);
    let step = scan.count()?;
    scan.literal(", ")?;
    let metrics = pairs::metrics(scan.rest(), ", ");
    (!metrics.is_empty()).then(|| {
        Progress::training()
            .with_step(step, None)
            .with_metrics(metrics)
    })
}
