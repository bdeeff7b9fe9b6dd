//! A custom resource definition, reduced to what the checks read. The schema stays plain JSON: the typed one of
//! `k8s-openapi` takes several times as long to decode, and Trainer's are more than a megabyte each.

use std::borrow::Cow;

use k8s_openapi::{ClusterResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::Deserialize;
use serde_json::Value;

/// `CustomResourceDefinition` of `apiextensions.k8s.io/v1`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Definition {
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: DefinitionSpec,
    #[serde(default)]
    pub(crate) status: DefinitionStatus,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DefinitionSpec {
    pub(crate) versions: Vec<ServedVersion>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ServedVersion {
    pub(crate) name: String,
    pub(crate) served: bool,
    #[serde(default)]
    pub(crate) schema: VersionSchema,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct VersionSchema {
    #[serde(default, rename = "openAPIV3Schema")]
    pub(crate) openapi: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct DefinitionStatus {
    #[serde(default)]
    pub(crate) conditions: Vec<DefinitionCondition>,
    /// Versions in which objects may be stored.
    #[serde(default, rename = "storedVersions")]
    pub(crate) stored_versions: Vec<String>,
}

/// Unlike the standard condition, everything but type and status may be missing.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DefinitionCondition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) message: String,
}

impl Resource for Definition {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "CustomResourceDefinition".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "apiextensions.k8s.io".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "customresourcedefinitions".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
