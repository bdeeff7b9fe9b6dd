//! What changes the cluster: server-side apply under one field manager and never by force, and deletion. Objects are
//! plain values here, because typed ones would say nothing more and weigh a lot.

use http::{Request, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind},
};

/// Under this name the API server knows who set a field.
pub const FIELD_MANAGER: &str = "kubectl-trainer";
/// The label that says which program made an object; with [`FIELD_MANAGER`] it is on every object of this one.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The kinds of objects that this program writes, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    Namespace,
    ResourceQuota,
    LimitRange,
    ServiceAccount,
    AdmissionPolicy,
    AdmissionPolicyBinding,
    ClusterRole,
    Role,
    RoleBinding,
    ClusterRoleBinding,
    Secret,
}

/// Group, version, kind and plural of a kind of object.
struct KindNames(&'static str, &'static str, &'static str, &'static str);

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

impl ObjectKind {
    const fn names(self) -> KindNames {
        match self {
            Self::Namespace => KindNames("", "v1", "Namespace", "namespaces"),
            Self::ResourceQuota => KindNames("", "v1", "ResourceQuota", "resourcequotas"),
            Self::LimitRange => KindNames("", "v1", "LimitRange", "limitranges"),
            Self::ServiceAccount => KindNames("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::ClusterRole => KindNames(RBAC, "v1", "ClusterRole", "clusterroles"),
            Self::Role => KindNames(RBAC, "v1", "Role", "roles"),
            Self::RoleBinding => KindNames(RBAC, "v1", "RoleBinding", "rolebindings"),
            Self::ClusterRoleBinding => {
                KindNames(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings")
            }
            Self::AdmissionPolicy => KindNames(
                ADMISSION,
                "v1",
                "ValidatingAdmissionPolicy",
                "validatingadmissionpolicies",
            ),
            Self::AdmissionPolicyBinding => KindNames(
                ADMISSION,
                "v1",
                "ValidatingAdmissionPolicyBinding",
                "validatingadmissionpolicybindings",
            ),
            Self::Secret => KindNames("", "v1", "Secret", "secrets"),
        }
    }

    pub fn api_version(self) -> String {
        let KindNames(group, version, ..) = self.names();
        match group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }

    /// Where the objects of a namespace, or of the whole cluster, are listed.
    pub(super) fn collection_path(self, namespace: Option<&str>) -> String {
        let KindNames(group, version, _, plural) = self.names();
        let root = match group {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        match namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        }
    }

    /// As objects name it: `RoleBinding`.
    pub const fn name(self) -> &'static str {
        self.names().2
    }

    /// As kubectl takes it: `rolebindings.rbac.authorization.k8s.io`.
    pub fn resource(self) -> String {
        match self.names() {
            KindNames("", _, _, plural) => plural.to_owned(),
            KindNames(group, _, _, plural) => format!("{plural}.{group}"),
        }
    }
}

/// Where an object is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectPlace {
    pub kind: ObjectKind,
    /// `None` for what belongs to the whole cluster.
    pub namespace: Option<String>,
    pub name: String,
}

impl ObjectPlace {
    pub fn of_cluster(kind: ObjectKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            namespace: None,
            name: name.into(),
        }
    }

    pub fn in_namespace(
        kind: ObjectKind,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            namespace: Some(namespace.into()),
            name: name.into(),
        }
    }

    /// As kubectl names an object: `rolebinding.rbac.authorization.k8s.io/NAME`.
    pub fn reference(&self) -> String {
        let kind = self.kind.name().to_ascii_lowercase();
        match self.kind.names().0 {
            "" => format!("{kind}/{}", self.name),
            group => format!("{kind}.{group}/{}", self.name),
        }
    }

    /// For sentences: `RoleBinding team-a/NAME`.
    pub fn words(&self) -> String {
        let kind = self.kind.name();
        match &self.namespace {
            Some(namespace) => format!("{kind} {namespace}/{}", self.name),
            None => format!("{kind} {}", self.name),
        }
    }

    fn path(&self) -> String {
        let collection = self.kind.collection_path(self.namespace.as_deref());
        format!("{collection}/{}", self.name)
    }
}

/// An object as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub place: ObjectPlace,
    /// The whole object, with `apiVersion`, `kind` and `metadata`.
    pub body: Value,
    /// What has to be there first, where the body does not tell it.
    pub needs: Option<ObjectPlace>,
}

impl Manifest {
    /// `fields` is an object with all that stands beside `apiVersion`, `kind`, `metadata.name` and
    /// `metadata.namespace`; its `metadata` may hold labels and annotations.
    pub fn new(place: ObjectPlace, fields: Value) -> Self {
        let mut metadata = json!({ "name": place.name });
        if let Some(namespace) = &place.namespace {
            metadata["namespace"] = json!(namespace);
        }
        let mut body = json!({
            "apiVersion": place.kind.api_version(),
            "kind": place.kind.name(),
            "metadata": metadata,
        });
        if let Value::Object(fields) = fields {
            for (name, value) in fields {
                match value {
                    Value::Object(entries) if name == "metadata" => {
                        entries.into_iter().for_each(|(key, entry)| {
                            body["metadata"][key] = entry;
                        });
                    }
                    value => body[name] = value,
                }
            }
        }
        Self {
            place,
            body,
            needs: None,
        }
    }
}

/// Whether the server stores what it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It says what it would store, after defaults, validation and admission.
    Server,
    Off,
}

impl Cluster {
    /// One object, whole. `None` when there is no object of that name.
    pub async fn fetch_place(&self, place: &ObjectPlace) -> Result<Option<Value>, Failure> {
        let words = format!("get {}", place.words());
        let request = Request::get(place.path()).body(Vec::new());
        absent_is_none(place, self.fetch_json(&words, request).await)
    }

    /// Server-side apply, never by force; returns the object as the server has (or, by dry run, would have) it.
    pub async fn apply(&self, manifest: &Manifest, dry_run: DryRun) -> Result<Value, Failure> {
        let place = &manifest.place;
        let words = match dry_run {
            DryRun::Server => format!("apply (dry run) {}", place.words()),
            DryRun::Off => format!("apply {}", place.words()),
        };
        let trial = match dry_run {
            DryRun::Server => "dryRun=All&",
            DryRun::Off => "",
        };
        let path = format!("{}?{trial}fieldManager={FIELD_MANAGER}", place.path());
        // JSON is YAML, and older servers know only this name of it.
        let request = Request::patch(path)
            .header(CONTENT_TYPE, "application/apply-patch+yaml")
            .body(manifest.body.to_string().into_bytes());
        self.fetch_json(&words, request).await
    }

    /// Deletes the object that has this uid, if it is still there; another of the same name, made since, is left alone.
    pub async fn delete(&self, place: &ObjectPlace, uid: &str) -> Result<(), Failure> {
        let words = format!("delete {}", place.words());
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": { "uid": uid },
        });
        let request = Request::delete(place.path())
            .header(CONTENT_TYPE, "application/json")
            .body(options.to_string().into_bytes());
        absent_is_none(place, self.fetch_json(&words, request).await).map(drop)
    }
}

/// A 404 that speaks of this very object is an answer.
fn absent_is_none(
    place: &ObjectPlace,
    answer: Result<Value, Failure>,
) -> Result<Option<Value>, Failure> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Failure {
            kind:
                FailureKind::NotFound {
                    object: Some(object),
                    ..
                },
            ..
        }) if object.name == place.name && object.resource == place.kind.resource() => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> ObjectPlace {
        ObjectPlace::in_namespace(ObjectKind::RoleBinding, "team-a", "b")
    }

    #[test]
    fn a_place_is_written_as_paths_kubectl_and_sentences_need_it() {
        let place = binding();
        assert_eq!(
            place.path(),
            "/apis/rbac.authorization.k8s.io/v1/namespaces/team-a/rolebindings/b"
        );
        assert_eq!(place.reference(), "rolebinding.rbac.authorization.k8s.io/b");
        assert_eq!(place.words(), "RoleBinding team-a/b");
        let namespace = ObjectPlace::of_cluster(ObjectKind::Namespace, "team-a");
        assert_eq!(namespace.path(), "/api/v1/namespaces/team-a");
        assert_eq!(namespace.reference(), "namespace/team-a");
    }

    #[test]
    fn a_manifest_has_its_place_in_it_and_keeps_labels() {
        let fields = json!({ "metadata": { "labels": { "a": "b" } }, "rules": [] });
        let place = ObjectPlace::in_namespace(ObjectKind::Role, "team-a", "r");
        assert_eq!(
            Manifest::new(place, fields).body,
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": { "name": "r", "namespace": "team-a", "labels": { "a": "b" } },
                "rules": [],
            })
        );
    }

    #[test]
    fn what_else_is_missing_is_not_taken_for_the_object() {
        let missing = |resource: &str, name: &str| Failure {
            request: String::new(),
            kind: FailureKind::NotFound {
                object: Some(super::super::MissingObject {
                    resource: resource.to_owned(),
                    name: name.to_owned(),
                }),
                message: String::new(),
            },
            target: None,
        };
        let own = missing("rolebindings.rbac.authorization.k8s.io", "b");
        assert!(matches!(absent_is_none(&binding(), Err(own)), Ok(None)));
        let namespace = missing("namespaces", "b");
        assert!(absent_is_none(&binding(), Err(namespace)).is_err());
    }
}
