//! What is different between an object as it is and as it would be, field by field. Pure.

use serde_json::{Map, Value};

/// What the server writes by itself, and what no manifest wants.
const OF_THE_SERVER: [&str; 5] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
];

/// One field that would change; a side without the field has `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// As the server writes paths: `.rules[0].verbs`.
    pub path: String,
    pub from: Option<Value>,
    pub to: Option<Value>,
}

/// The fields in which two states of an object differ, in the object's order.
pub(super) fn compare(live: &Value, wanted: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let (live, wanted) = (without_servers_own(live), without_servers_own(wanted));
    walk("", Some(&live), Some(&wanted), &mut changes);
    changes
}

/// Whether every field of a manifest already stands in the live object with its value. The live object may have more.
pub(super) fn covers(live: &Value, manifest: &Value) -> bool {
    match (live, manifest) {
        (Value::Object(live), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| live.get(key).is_some_and(|live| covers(live, value))),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && live
                    .iter()
                    .zip(wanted)
                    .all(|(live, wanted)| covers(live, wanted))
        }
        _ => live == manifest,
    }
}

fn without_servers_own(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !OF_THE_SERVER.contains(&key.as_str()));
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    object
}

fn walk(path: &str, from: Option<&Value>, to: Option<&Value>, changes: &mut Vec<FieldChange>) {
    match (from, to) {
        _ if from == to => {}
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            for key in keys(from, to) {
                let path = format!("{path}.{}", quoted(key));
                walk(&path, from.get(key), to.get(key), changes);
            }
        }
        (Some(Value::Array(from)), Some(Value::Array(to)))
            if from.len() == to.len() && from.iter().all(Value::is_object) =>
        {
            for (index, (from, to)) in from.iter().zip(to).enumerate() {
                walk(&format!("{path}[{index}]"), Some(from), Some(to), changes);
            }
        }
        _ => changes.push(FieldChange {
            path: path.to_owned(),
            from: from.cloned(),
            to: to.cloned(),
        }),
    }
}

/// The keys of both, those of the first before those that only the second has.
fn keys<'a>(from: &'a Map<String, Value>, to: &'a Map<String, Value>) -> Vec<&'a str> {
    let added = to.keys().filter(|key| !from.contains_key(*key));
    from.keys().chain(added).map(String::as_str).collect()
}

/// A key with dots in it stands in brackets' quotes, so that the path can be read.
fn quoted(key: &str) -> String {
    if key.contains('.') {
        format!("\"{key}\"")
    } else {
        key.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_writes_itself_is_no_change() {
        let live = json!({ "metadata": { "name": "a", "uid": "1", "resourceVersion": "5",
            "managedFields": [1] }, "status": { "phase": "Active" } });
        let wanted = json!({ "metadata": { "name": "a", "uid": "2", "generation": 3 } });
        assert_eq!(compare(&live, &wanted), []);
    }

    #[test]
    fn a_changed_list_is_told_with_its_path() {
        let live = json!({ "rules": [{ "resources": ["pods"], "verbs": ["get"] }] });
        let wanted = json!({ "rules": [{ "resources": ["pods"], "verbs": ["get", "list"] }] });
        assert_eq!(
            compare(&live, &wanted),
            [FieldChange {
                path: ".rules[0].verbs".to_owned(),
                from: Some(json!(["get"])),
                to: Some(json!(["get", "list"])),
            }]
        );
    }

    #[test]
    fn keys_that_come_and_go_are_told_and_those_with_dots_are_quoted() {
        let live = json!({ "metadata": { "labels": { "old": "x" } } });
        let wanted = json!({ "metadata": { "labels": { "a.dev/new": "y" } } });
        let changes = compare(&live, &wanted);
        let paths: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(
            paths,
            [".metadata.labels.old", ".metadata.labels.\"a.dev/new\""]
        );
        assert_eq!((&changes[0].to, &changes[1].from), (&None, &None));
    }

    #[test]
    fn a_live_object_covers_a_manifest_only_with_lists_that_are_the_same() {
        let manifest =
            json!({ "metadata": { "labels": { "a": "b" } }, "rules": [{ "verbs": ["get"] }] });
        let mut live = json!({ "metadata": { "labels": { "a": "b", "c": "d" }, "uid": "1" },
            "rules": [{ "verbs": ["get"], "more": 1 }] });
        assert!(covers(&live, &manifest));
        live["rules"] = json!([{ "verbs": ["get"] }, { "verbs": ["*"] }]);
        assert!(!covers(&live, &manifest));
    }
}
