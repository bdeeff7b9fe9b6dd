//! Removes secrets from bodies before `-vv` shows them. When in doubt, it removes.

use serde_json::Value;

const REMOVED: &str = "[removed]";

/// Keys whose values are credentials wherever they stand.
const SECRET_KEYS: [&str; 9] = [
    "token",
    "password",
    "accessToken",
    "refreshToken",
    "id-token",
    "client-key-data",
    "clientKeyData",
    "authorization",
    "tls.key",
];

/// Parts of names of environment variables that hold credentials.
const SECRET_NAMES: [&str; 4] = ["TOKEN", "SECRET", "PASSWORD", "KEY"];

/// The body with every secret replaced. What is not JSON comes back as it is (logs and plain errors), unless it is the
/// beginning of JSON, in which secrets cannot be found.
pub(super) fn redact(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            redact_value(&mut value);
            value.to_string()
        }
        Err(_)
            if body.trim_ascii_start().starts_with(b"{")
                || body.trim_ascii_start().starts_with(b"[") =>
        {
            format!("[not shown: {} bytes that are not JSON]", body.len())
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

fn redact_value(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if is_secret(fields) {
                for key in ["data", "stringData"] {
                    if let Some(Value::Object(entries)) = fields.get_mut(key) {
                        entries
                            .values_mut()
                            .for_each(|entry| *entry = REMOVED.into());
                    }
                }
                fields.remove("metadata").and_then(|mut metadata| {
                    // `kubectl apply` keeps a copy of the data here.
                    metadata.as_object_mut()?.remove("annotations");
                    fields.insert("metadata".to_owned(), metadata)
                });
            }
            if is_secret_variable(fields) {
                fields.insert("value".to_owned(), REMOVED.into());
            }
            for (key, entry) in fields.iter_mut() {
                if SECRET_KEYS.contains(&key.as_str()) && entry.is_string() {
                    *entry = REMOVED.into();
                } else {
                    redact_value(entry);
                }
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(redact_value),
        _ => {}
    }
}

/// An entry of a container's `env`.
fn is_secret_variable(fields: &serde_json::Map<String, Value>) -> bool {
    let name = fields
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let name = name.to_uppercase();
    fields.get("value").is_some_and(Value::is_string)
        && SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// A Secret, also inside a list, whose items have no kind but a Secret's `type` and `data`.
fn is_secret(fields: &serde_json::Map<String, Value>) -> bool {
    let kind = fields.get("kind").and_then(Value::as_str);
    kind == Some("Secret")
        || (kind.is_none() && fields.contains_key("data") && fields.contains_key("type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_secrets_is_removed_also_in_lists() {
        let body = br#"{"kind":"SecretList","items":[{"metadata":{"name":"a","annotations":{"last":"c2VjcmV0"}},"data":{"k":"c2VjcmV0"},"type":"Opaque"}]}"#;
        let shown = redact(body);
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
        assert!(shown.contains(r#""name":"a""#));
    }

    #[test]
    fn tokens_are_removed_wherever_they_stand() {
        let shown = redact(
            br#"{"kind":"TokenRequest","status":{"token":"eyJ","expirationTimestamp":"x"}}"#,
        );
        assert_eq!(
            shown,
            r#"{"kind":"TokenRequest","status":{"token":"[removed]","expirationTimestamp":"x"}}"#
        );
    }

    #[test]
    fn json_that_was_cut_off_is_not_shown() {
        assert_eq!(
            redact(br#" {"data":{"k":"c2VjcmV0"#),
            "[not shown: 23 bytes that are not JSON]"
        );
    }

    #[test]
    fn variables_that_hold_credentials_are_removed() {
        assert_eq!(
            redact(br#"{"env":[{"name":"HF_TOKEN","value":"hf"},{"name":"HOME","value":"/"}]}"#),
            r#"{"env":[{"name":"HF_TOKEN","value":"[removed]"},{"name":"HOME","value":"/"}]}"#
        );
    }

    #[test]
    fn what_is_not_json_stays() {
        assert_eq!(redact(b"line one\n"), "line one\n");
    }
}
