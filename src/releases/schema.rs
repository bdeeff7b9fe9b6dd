//! The fingerprint of a custom resource definition's schema: which fields there are, and of which type.
//!
//! Only names and types count. Descriptions, defaults, limits and rules do not, so that what an API server
//! adds to a stored definition, and what an operator shortens in it, leave the fingerprint as it was.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Bytes of the digest that a fingerprint keeps: plenty to tell a handful of releases apart.
const FINGERPRINT_BYTES: usize = 8;

/// A short name for the shape of an `openAPIV3Schema`: 16 hexadecimal digits over [`schema_paths`].
pub fn fingerprint(schema: &Value) -> String {
    let mut hasher = Sha256::new();
    for line in schema_paths(schema) {
        hasher.update(line.as_bytes());
        hasher.update(b"\n");
    }
    let digest = hasher.finalize();
    digest
        .iter()
        .take(FINGERPRINT_BYTES)
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Every field of an `openAPIV3Schema` as `path:type`, sorted: `.spec.trainer.env[].name:string`.
///
/// `[]` stands for the items of a list and `{}` for the values of a map. The type of a field that takes
/// numbers and text is `int-or-string`; a field without any type is `any`.
pub fn schema_paths(schema: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect_paths(schema, "", &mut paths);
    paths
}

fn collect_paths(schema: &Value, path: &str, paths: &mut BTreeSet<String>) {
    paths.insert(format!("{path}:{}", type_of(schema)));
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            collect_paths(property, &format!("{path}.{name}"), paths);
        }
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(key).filter(|inner| inner.is_object()) {
            collect_paths(inner, &format!("{path}{mark}"), paths);
        }
    }
}

fn type_of(schema: &Value) -> &str {
    if schema
        .get("x-kubernetes-int-or-string")
        .and_then(Value::as_bool)
        == Some(true)
    {
        return "int-or-string";
    }
    schema.get("type").and_then(Value::as_str).unwrap_or("any")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{fingerprint, schema_paths};

    #[test]
    fn paths_name_lists_maps_and_mixed_types() {
        let schema = json!({"type": "object", "properties": {
            "ports": {"type": "array", "items": {"x-kubernetes-int-or-string": true}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "raw": {"x-kubernetes-preserve-unknown-fields": true},
        }});
        let paths: Vec<String> = schema_paths(&schema).into_iter().collect();
        let expected = [
            ".labels:object",
            ".labels{}:string",
            ".ports:array",
            ".ports[]:int-or-string",
            ".raw:any",
            ":object",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn the_fingerprint_ignores_what_an_api_server_changes() {
        let released = json!({"type": "object", "properties": {"name": {"type": "string"}}});
        let stored = json!({"description": "cut", "properties": {
            "name": {"maxLength": 63, "default": "x", "type": "string"}}, "type": "object"});
        assert_eq!(fingerprint(&released), fingerprint(&stored));
    }

    #[test]
    fn the_fingerprint_tells_a_renamed_field_and_a_changed_type_apart() {
        let field =
            |name: &str, kind: &str| fingerprint(&json!({"properties": {name: {"type": kind}}}));
        assert_ne!(
            field("podSpecOverrides", "array"),
            field("runtimePatches", "array")
        );
        assert_ne!(field("numNodes", "integer"), field("numNodes", "string"));
    }
}
