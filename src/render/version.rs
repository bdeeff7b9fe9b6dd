//! The answer of `version`: which plugin, Kubernetes and Trainer meet.

use serde::Serialize;

use super::Look;
use crate::{cluster::ServerVersion, style::Role};

/// The document of `-o json|yaml`, and the source of the text.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionReport {
    pub client: ClientVersion,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterVersions>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientVersion {
    pub version: &'static str,
    /// The commit that it was built from, if the build knew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<&'static str>,
    /// Releases of Kubeflow Trainer that this program knows.
    pub known_releases: Vec<&'static str>,
    /// Those whose manifests are inside this program.
    pub bundled_releases: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterVersions {
    /// Empty without a kubeconfig context.
    pub context: String,
    pub server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<ServerVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trainer: Option<TrainerVersion>,
    /// Why something above is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// Which Trainer is installed, and where that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrainerVersion {
    pub version: String,
    pub namespace: String,
}

/// One line for each version; `None` fields are left out.
pub fn render_version(report: &VersionReport, look: &Look) -> String {
    let client = &report.client;
    let commit = client.commit.map_or(String::new(), |commit| format!(" (commit {commit})"));
    let mut lines = vec![("Plugin", format!("{}{commit}", client.version))];
    let inside = match client.bundled_releases.as_slice() {
        [] => "no manifests inside this build".to_owned(),
        releases => format!("manifests inside: {}", releases.join(", ")),
    };
    lines.push(("Knows Trainer", format!("{} ({inside})", client.known_releases.join(", "))));
    if let Some(cluster) = &report.cluster {
        let context = match cluster.context.as_str() {
            "" => cluster.server.clone(),
            context => format!("context {context}, {}", cluster.server),
        };
        if let Some(version) = &cluster.kubernetes {
            lines.push(("Kubernetes", format!("{} ({context})", version.git_version)));
        }
        if let Some(trainer) = &cluster.trainer {
            lines.push(("Trainer", format!("{} (namespace {})", trainer.version, trainer.namespace)));
        }
    }
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or(0) + 1;
    let line = |(label, text): (&str, String)| {
        format!("{} {text}\n", look.style.paint(Role::Muted, &format!("{:width$}", format!("{label}:"))))
    };
    lines.into_iter().map(line).collect()
}
