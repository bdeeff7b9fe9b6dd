//! What keeps a namespace that is being deleted: a finalizer of its own, or what is in it. Pure.

use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};
use serde_json::json;

use crate::cluster::shell_word;

/// Every namespace has it; it goes when the namespace is empty.
const USUAL_FINALIZER: &str = "kubernetes";

/// Why a namespace that is being deleted is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Finalizers of the namespace itself, with the command that removes them.
    Finalizers { names: String, removal: String },
    /// What is in it, in the words of the namespace controller, with the command that lists it.
    Content { words: String, list: Option<String> },
    /// Nothing that can be seen: the deletion has only just begun.
    Nothing,
}

/// The namespace controller waits for foreign finalizers of `spec` first, then for what is in the namespace. Those of
/// `metadata`, which Rancher sets, hold even an empty one.
pub(super) fn judge_hold(namespace: &Namespace) -> Hold {
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    let spec = namespace.spec.as_ref();
    let of_spec = spec.and_then(|spec| spec.finalizers.as_deref());
    let foreign = of_spec.into_iter().flatten();
    let foreign: Vec<_> = foreign
        .filter(|finalizer| *finalizer != USUAL_FINALIZER)
        .map(String::as_str)
        .collect();
    if !foreign.is_empty() {
        return Hold::Finalizers {
            names: foreign.join(", "),
            removal: finalize(name),
        };
    }
    let messages = messages(namespace);
    if !messages.is_empty() {
        return Hold::Content {
            words: messages.join("; "),
            list: remaining(&messages).map(|resources| list(name, &resources)),
        };
    }
    match namespace.metadata.finalizers.as_deref() {
        None | Some([]) => Hold::Nothing,
        Some(finalizers) => Hold::Finalizers {
            names: finalizers.join(", "),
            removal: format!(
                "kubectl patch namespace {name} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'"
            ),
        },
    }
}

/// What the namespace controller says still stands in the way.
fn messages(namespace: &Namespace) -> Vec<&str> {
    let status = namespace.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let holds = |condition: &&NamespaceCondition| condition.status == "True";
    let holding = conditions.into_iter().flatten().filter(holds);
    holding
        .filter_map(|condition| condition.message.as_deref())
        .map(|message| message.trim_end_matches([',', ' ']))
        .collect()
}

/// From `Some resources are remaining: configmaps. has 1 resource instances, pods. has 2 …`: `configmaps,pods`.
fn remaining(messages: &[&str]) -> Option<String> {
    let list = messages
        .iter()
        .find_map(|message| message.strip_prefix("Some resources are remaining: "))?;
    let resources = list
        .split(", ")
        .filter_map(|entry| entry.split_once(" has "));
    let resources: Vec<_> = resources
        .map(|(resource, _)| resource.trim_end_matches('.'))
        .collect();
    (!resources.is_empty()).then(|| resources.join(","))
}

fn list(name: &str, resources: &str) -> String {
    let columns = "KIND:.kind,NAME:.metadata.name,FINALIZERS:.metadata.finalizers";
    format!("kubectl -n {name} get {resources} -o custom-columns={columns}")
}

/// Leaves only the finalizer that every namespace has.
fn finalize(name: &str) -> String {
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name},
        "spec": {"finalizers": [USUAL_FINALIZER]},
    });
    let object = shell_word(&object.to_string());
    format!("echo {object} | kubectl replace --raw /api/v1/namespaces/{name}/finalize -f -")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn hold(metadata: &Value, spec: &Value, status: &Value) -> Hold {
        let mut object = json!({"metadata": metadata, "spec": spec, "status": status});
        object["metadata"]["name"] = json!("ml");
        judge_hold(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_finalizer_is_removed_where_it_stands() {
        let Hold::Finalizers { names, removal } = hold(
            &json!({"finalizers": ["controller.cattle.io/namespace-auth"]}),
            &json!({"finalizers": ["kubernetes", "example.com/keep"]}),
            &json!({}),
        ) else {
            panic!("nothing holds it")
        };
        assert_eq!(names, "example.com/keep");
        assert!(removal.ends_with("replace --raw /api/v1/namespaces/ml/finalize -f -"));
        let of_metadata = hold(
            &json!({"finalizers": ["controller.cattle.io/namespace-auth"]}),
            &json!({}),
            &json!({}),
        );
        assert_eq!(
            of_metadata,
            Hold::Finalizers {
                names: "controller.cattle.io/namespace-auth".to_owned(),
                removal: "kubectl patch namespace ml --type=merge -p '{\"metadata\":{\"finalizers\":null}}'".to_owned(),
            }
        );
    }

    #[test]
    fn what_is_in_it_is_quoted_and_listed() {
        let condition = |kind: &str, status: &str, message: &str| json!({"type": kind, "status": status, "message": message});
        let conditions = [
            condition(
                "NamespaceDeletionDiscoveryFailure",
                "False",
                "All resources successfully discovered",
            ),
            condition(
                "NamespaceContentRemaining",
                "True",
                "Some resources are remaining: configmaps. has 1 resource instances, jobsets.jobset.x-k8s.io has 2 resource instances",
            ),
            condition(
                "NamespaceFinalizersRemaining",
                "True",
                "Some content in the namespace has finalizers remaining: example.com/hold in 3 resource instances",
            ),
        ];
        let Hold::Content { words, list } = hold(
            &json!({"finalizers": ["controller.cattle.io/namespace-auth"]}),
            &json!({"finalizers": ["kubernetes"]}),
            &json!({"conditions": conditions}),
        ) else {
            panic!("nothing holds it")
        };
        assert!(words.contains("example.com/hold in 3 resource instances"));
        assert!(!words.contains("successfully"), "{words}");
        let expected = "kubectl -n ml get configmaps,jobsets.jobset.x-k8s.io -o \
                        custom-columns=KIND:.kind,NAME:.metadata.name,FINALIZERS:.metadata.finalizers";
        assert_eq!(list.as_deref(), Some(expected));
    }

    #[test]
    fn a_deletion_that_has_only_begun_is_held_by_nothing() {
        let spec = json!({"finalizers": ["kubernetes"]});
        assert_eq!(hold(&json!({}), &spec, &json!({})), Hold::Nothing);
    }
}
