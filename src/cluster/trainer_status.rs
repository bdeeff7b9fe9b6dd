//! `status.trainerStatus` of a TrainJob: what the training itself told the cluster. Trainer has it since 2.2, behind the
//! feature gate `TrainJobStatus`. Read leniently: it is written by programs of users, and no odd value may hide a job.

use jiff::Timestamp;
use serde_json::Value;

/// What a training reported last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrainerStatus {
    /// From 0 to 100.
    pub percentage: Option<u8>,
    pub remaining_seconds: Option<u64>,
    pub metrics: Vec<ReportedMetric>,
    pub updated: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportedMetric {
    pub name: String,
    /// As the training wrote it; mostly a number.
    pub value: String,
}

impl TrainerStatus {
    /// None where nothing was reported.
    pub(super) fn of(status: &Value) -> Option<Self> {
        let status = status.as_object()?;
        let field = |name: &str| status.get(name);
        let percentage = field("progressPercentage").and_then(whole);
        let metrics = field("metrics")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        Some(Self {
            percentage: percentage.and_then(|percentage| u8::try_from(percentage.min(100)).ok()),
            remaining_seconds: field("estimatedRemainingSeconds").and_then(whole),
            metrics: metrics.iter().filter_map(metric).collect(),
            updated: field("lastUpdatedTime")
                .and_then(Value::as_str)
                .and_then(|time| time.parse().ok()),
        })
    }
}

/// A number, or a text that is one.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn metric(metric: &Value) -> Option<ReportedMetric> {
    let value = metric.get("value")?;
    let value = match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.as_number()?.to_string(),
    };
    Some(ReportedMetric {
        name: metric.get("name")?.as_str()?.to_owned(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_read_as_the_api_writes_it() {
        let status = TrainerStatus::of(&json!({
            "progressPercentage": 45, "estimatedRemainingSeconds": 795_649,
            "metrics": [{"name": "loss", "value": "0.2347"}, {"name": "eval_accuracy", "value": "0.9876"}],
            "lastUpdatedTime": "2025-01-23T10:30:45Z"
        }));
        let metric = |name: &str, value: &str| ReportedMetric {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let expected = TrainerStatus {
            percentage: Some(45),
            remaining_seconds: Some(795_649),
            metrics: vec![metric("loss", "0.2347"), metric("eval_accuracy", "0.9876")],
            updated: "2025-01-23T10:30:45Z".parse().ok(),
        };
        assert_eq!(status, Some(expected));
    }

    #[test]
    fn odd_values_hide_nothing_else() {
        let status = TrainerStatus::of(&json!({
            "progressPercentage": "12", "estimatedRemainingSeconds": -3, "lastUpdatedTime": "soon",
            "metrics": [{"name": "loss", "value": 0.5}, {"name": "notes", "value": {}}, 7]
        }));
        let loss = ReportedMetric {
            name: "loss".to_owned(),
            value: "0.5".to_owned(),
        };
        let expected = TrainerStatus {
            percentage: Some(12),
            metrics: vec![loss],
            ..TrainerStatus::default()
        };
        assert_eq!(status, Some(expected));
        assert_eq!(TrainerStatus::of(&json!(null)), None);
        assert_eq!(TrainerStatus::of(&json!("done")), None);
    }
}
