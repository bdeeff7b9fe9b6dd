//! Training runtimes as table rows.

use serde_json::Value;

use super::{
    Look, OutputFormat, Tabular, render_age,
    table::{CellText, Column, Give},
};
use crate::{
    runtimes::{Runtime, RuntimeScope, Support},
    style::Role,
};

/// What a row may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeColumn {
    Name,
    Scope,
    Framework,
    Nodes,
    Devices,
    Policy,
    Jobs,
    Gang,
    Image,
    Age,
    Note,
}

impl RuntimeColumn {
    const fn heading(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Scope => "SCOPE",
            Self::Framework => "FRAMEWORK",
            Self::Nodes => "NODES",
            Self::Devices => "DEVICES",
            Self::Policy => "POLICY",
            Self::Jobs => "JOBS",
            Self::Gang => "GANG",
            Self::Image => "IMAGE",
            Self::Age => "AGE",
            Self::Note => "NOTE",
        }
    }
}

impl Tabular for Runtime {
    type Column = RuntimeColumn;

    fn columns(items: &[Self], format: OutputFormat) -> Vec<RuntimeColumn> {
        use RuntimeColumn::{
            Age, Devices, Framework, Gang, Image, Jobs, Name, Nodes, Note, Policy, Scope,
        };

        let mut columns = vec![Name, Scope, Framework, Nodes, Devices];
        if format == OutputFormat::Wide {
            columns.extend([Policy, Jobs, Gang]);
        }
        columns.extend([Image, Age]);
        if items.iter().any(|item| !item.notes().is_empty()) {
            columns.push(Note);
        }
        columns
    }

    fn layout(column: RuntimeColumn, format: OutputFormat) -> Column {
        let give = match (column, format) {
            (RuntimeColumn::Image, OutputFormat::Table) => Give::Beginning,
            _ => Give::Never,
        };
        Column {
            heading: column.heading(),
            give,
        }
    }

    fn cell(&self, column: RuntimeColumn, look: &Look) -> CellText {
        let painted = |text: String, role| CellText {
            text,
            role: Some(role),
        };
        match column {
            RuntimeColumn::Name => painted(self.name.clone(), Role::Strong),
            RuntimeColumn::Scope => self.scope.to_string().into(),
            RuntimeColumn::Framework => self.framework.as_deref().unwrap_or("-").into(),
            RuntimeColumn::Nodes => self.node_words().into(),
            RuntimeColumn::Devices => self.device_words().unwrap_or_else(|| "-".to_owned()).into(),
            RuntimeColumn::Policy => self.policy.as_ref().map_or("-", |(name, _)| name).into(),
            RuntimeColumn::Jobs => self.job_names().join(",").into(),
            RuntimeColumn::Gang => self.gang.as_ref().map_or("-", |(name, _)| name).into(),
            RuntimeColumn::Image => self.image().unwrap_or("-").into(),
            RuntimeColumn::Age => render_age(self.created, look.now).into(),
            RuntimeColumn::Note => painted(self.notes().join(", "), Role::Warning),
        }
    }

    fn reference(&self) -> String {
        let resource = match self.scope {
            RuntimeScope::Cluster => "clustertrainingruntime",
            RuntimeScope::Namespace(_) => "trainingruntime",
        };
        format!("{resource}.trainer.kubeflow.org/{}", self.name)
    }

    fn object(&self) -> Value {
        serde_json::to_value(&self.object).unwrap_or_default()
    }
}

impl std::fmt::Display for RuntimeScope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cluster => formatter.write_str("cluster"),
            Self::Namespace(namespace) => write!(formatter, "namespace/{namespace}"),
        }
    }
}

impl Runtime {
    /// What a reader must know beside the columns.
    pub(super) fn notes(&self) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if self.support == Support::Deprecated {
            notes.push("deprecated");
        }
        if self.framework.is_none() {
            notes.push("no framework label: the SDK does not see it");
        }
        if self.deleted.is_some() {
            notes.push("being deleted");
        }
        notes
    }

    fn job_names(&self) -> Vec<&str> {
        self.jobs.iter().map(|job| job.name.as_str()).collect()
    }

    /// `4`, or `?` where the number cannot be read.
    pub(super) fn node_words(&self) -> String {
        self.nodes
            .map_or_else(|| "?".to_owned(), |nodes| nodes.to_string())
    }

    /// `2 nvidia.com/gpu`; `None` without devices.
    pub(super) fn device_words(&self) -> Option<String> {
        let devices: Vec<_> = self
            .devices()
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        (!devices.is_empty()).then(|| devices.join(", "))
    }
}
