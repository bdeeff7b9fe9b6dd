//! Reads facts out of the objects of a release, purely.

use std::collections::BTreeSet;

use serde_json::Value;

use super::schema::schema_paths;

/// One served version of one custom resource definition.
pub(super) struct Schema<'a> {
    pub(super) crd: &'a str,
    pub(super) version: &'a str,
    pub(super) tree: &'a Value,
}

pub(super) fn name(object: &Value) -> &str {
    text_at(object, "/metadata/name")
}

pub(super) fn kind(object: &Value) -> &str {
    text_at(object, "/kind")
}

fn text_at<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list_at<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The texts of a JSON list.
pub(super) fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn of_kind<'a>(objects: &'a [Value], wanted: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| kind(object) == wanted)
}

pub(super) fn names<'a>(objects: &'a [Value], wanted: &'a str) -> Vec<&'a str> {
    of_kind(objects, wanted).map(name).collect()
}

/// The image of the container `manager` of a Deployment; empty when there is none.
pub(super) fn manager_image<'a>(objects: &'a [Value], deployment: &str) -> &'a str {
    of_kind(objects, "Deployment")
        .filter(|object| name(object) == deployment)
        .flat_map(|object| list_at(object, "/spec/template/spec/containers"))
        .find(|container| text_at(container, "/name") == "manager")
        .map_or("", |container| text_at(container, "/image"))
}

/// The schema of every served version of every definition.
pub(super) fn schemas(objects: &[Value]) -> Vec<Schema<'_>> {
    let served = |version: &&Value| version.get("served").and_then(Value::as_bool) == Some(true);
    of_kind(objects, "CustomResourceDefinition")
        .flat_map(|crd| {
            list_at(crd, "/spec/versions")
                .filter(served)
                .map(move |version| (crd, version))
        })
        .filter_map(|(crd, version)| {
            let schema = version.pointer("/schema/openAPIV3Schema")?;
            Some(Schema {
                crd: name(crd),
                version: text_at(version, "/name"),
                tree: schema,
            })
        })
        .collect()
}

/// Definition and path of every field that `previous` has and `current` has not, without the children of such a field.
pub(super) fn dropped_fields(previous: &[Value], current: &[Value]) -> Vec<(String, String)> {
    let current = schemas(current);
    let mut dropped = Vec::new();
    for old in schemas(previous) {
        let same = |new: &&Schema<'_>| (new.crd, new.version) == (old.crd, old.version);
        let kept = current
            .iter()
            .find(same)
            .map(|new| field_paths(new.tree))
            .unwrap_or_default();
        let gone: BTreeSet<String> = field_paths(old.tree).difference(&kept).cloned().collect();
        let topmost = gone
            .iter()
            .filter(|path| !gone.iter().any(|other| is_inside(path, other)));
        dropped.extend(topmost.map(|path| (old.crd.to_owned(), path.clone())));
    }
    dropped
}

fn field_paths(schema: &Value) -> BTreeSet<String> {
    let without_type = |line: String| line.rsplit_once(':').map(|(path, _)| path.to_owned());
    schema_paths(schema)
        .into_iter()
        .filter_map(without_type)
        .collect()
}

fn is_inside(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with(['.', '[', '{']))
}

/// Every image of the pods of a runtime, sorted and without repetition.
pub(super) fn images(runtime: &Value) -> Vec<&str> {
    let images: BTreeSet<&str> = list_at(runtime, "/spec/template/spec/replicatedJobs")
        .filter_map(|job| job.pointer("/template/spec/template/spec"))
        .flat_map(|pod| list_at(pod, "/initContainers").chain(list_at(pod, "/containers")))
        .map(|container| text_at(container, "/image"))
        .filter(|image| !image.is_empty())
        .collect();
    images.into_iter().collect()
}

/// The webhook configurations of both kinds.
pub(super) fn webhook_configurations(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects
        .iter()
        .filter(|object| kind(object).ends_with("WebhookConfiguration"))
}

/// A role with rules on resources that a controller of the release is given.
pub(super) struct GivenRole<'a> {
    pub(super) role: &'a Value,
    /// The binding's name.
    pub(super) binding: &'a str,
    /// The service account's name.
    pub(super) account: &'a str,
}

/// The roles that are bound to the service account of a Deployment: those of the cluster, then the namespace's own.
pub(super) fn controller_roles(objects: &[Value]) -> Vec<GivenRole<'_>> {
    ["ClusterRole", "Role"]
        .into_iter()
        .flat_map(|wanted| of_kind(objects, wanted))
        .filter(|role| list_at(role, "/rules").all(|rule| rule.get("resources").is_some()))
        .filter_map(|role| given_role(objects, role))
        .collect()
}

fn given_role<'a>(objects: &'a [Value], role: &'a Value) -> Option<GivenRole<'a>> {
    let accounts: BTreeSet<&str> = of_kind(objects, "Deployment")
        .map(|object| text_at(object, "/spec/template/spec/serviceAccountName"))
        .collect();
    let refers = |binding: &&Value| {
        text_at(binding, "/roleRef/kind") == kind(role)
            && text_at(binding, "/roleRef/name") == name(role)
    };
    let bindings = objects
        .iter()
        .filter(|object| kind(object).ends_with("Binding"));
    bindings.filter(refers).find_map(|binding| {
        let account = list_at(binding, "/subjects")
            .filter(|subject| text_at(subject, "/kind") == "ServiceAccount")
            .map(|subject| text_at(subject, "/name"))
            .find(|account| accounts.contains(account))?;
        Some(GivenRole {
            role,
            binding: name(binding),
            account,
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{controller_roles, dropped_fields, images, kind, name};

    fn definition(properties: &Value) -> Vec<Value> {
        vec![
            json!({"kind": "CustomResourceDefinition", "metadata": {"name": "jobs.example.org"}, "spec": {"versions": [
                {"name": "v1", "served": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}}},
            ]}}),
        ]
    }

    #[test]
    fn a_dropped_field_is_named_without_its_children() {
        let old = definition(
            &json!({"a": {"properties": {"b": {"type": "string"}}}, "ab": {"type": "string"}}),
        );
        let new = definition(&json!({"ab": {"type": "string"}}));
        assert_eq!(
            dropped_fields(&old, &new),
            [("jobs.example.org".to_owned(), ".a".to_owned())]
        );
        assert!(dropped_fields(&new, &old).is_empty());
    }

    #[test]
    fn images_come_from_every_container_once() {
        let runtime = json!({"spec": {"template": {"spec": {"replicatedJobs": [{"template": {"spec": {"template": {
            "spec": {"initContainers": [{"image": "b"}], "containers": [{"image": "a"}, {"image": "b"}, {}]}}}}}]}}}});
        assert_eq!(images(&runtime), ["a", "b"]);
    }

    #[test]
    fn only_roles_that_are_bound_to_a_controller_count() {
        let role = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name}, "rules": [{"resources": []}]});
        let binding = |name: &str, role: &str, account: &str| {
            json!({
                "kind": "RoleBinding", "metadata": {"name": name}, "roleRef": {"kind": "Role", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": account}],
            })
        };
        let objects = [
            json!({"kind": "Deployment", "spec": {"template": {"spec": {"serviceAccountName": "controller"}}}}),
            role("Role", "bound"),
            role("ClusterRole", "bound"),
            role("Role", "unbound"),
            role("Role", "of-others"),
            binding("one", "bound", "controller"),
            binding("other", "of-others", "somebody"),
        ];
        let found = controller_roles(&objects);
        let found: Vec<_> = found
            .iter()
            .map(|given| (kind(given.role), name(given.role), given.binding))
            .collect();
        assert_eq!(found, [("Role", "bound", "one")]);
    }
}
