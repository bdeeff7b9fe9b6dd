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
    let commit = client
        .commit
        .map_or(String::new(), |commit| format!(" (commit {commit})"));
    let mut lines = vec![("Plugin", format!("{}{commit}", client.version))];
    lines.push(("Knows Trainer", client.known_releases.join(", ")));
    if !client.bundled_releases.is_empty() {
        lines.push((
            "Carries",
            format!("the manifests of {}", client.bundled_releases.join(", ")),
        ));
    }
    if let Some(cluster) = &report.cluster {
        let place = [cluster.context.as_str(), cluster.server.as_str()];
        let place: Vec<_> = place.into_iter().filter(|part| !part.is_empty()).collect();
        let context = if place.is_empty() {
            "no cluster".to_owned()
        } else {
            place.join(", ")
        };
        let kubernetes = cluster
            .kubernetes
            .as_ref()
            .map_or("unknown", |version| &version.git_version);
        lines.push(("Kubernetes", format!("{kubernetes} ({context})")));
        let trainer = cluster.trainer.as_ref();
        let trainer =
            trainer.map(|trainer| format!("{} (namespace {})", trainer.version, trainer.namespace));
        lines.push(("Trainer", trainer.unwrap_or_else(|| "unknown".to_owned())));
    }
    let width = lines
        .iter()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or(0)
        + 1;
    let line = |(label, text): (&str, String)| {
        format!(
            "{} {text}\n",
            look.style
                .paint(Role::Muted, &format!("{:width$}", format!("{label}:")))
        )
    };
    lines.into_iter().map(line).collect()
}
