//! `version`: which plugin, Kubernetes and Trainer meet here.

use std::time::Duration;

use clap::ValueEnum;
use k8s_openapi::api::{
    admissionregistration::v1::ValidatingWebhookConfiguration, apps::v1::Deployment,
    core::v1::ConfigMap,
};

use crate::{
    cluster::{Cluster, ConnectionOptions, Failure, Scope, resources},
    commands::{CommandContext, installation},
    error::CommandError,
    releases,
    render::{
        document::{render_json, render_yaml},
        version::{ClientVersion, ClusterVersions, TrainerVersion, VersionReport, render_version},
    },
    ui::Ui,
};

/// Show the versions of the plugin, of Kubernetes and of Kubeflow Trainer
///
/// The cluster is asked too, for at most five seconds; when it cannot be reached, the plugin's own version is shown and
/// a warning says why.
#[derive(clap::Args, Debug)]
pub struct VersionArgs {
    /// Only the plugin's own version; no cluster is asked
    #[arg(long)]
    client: bool,
    /// Another format
    #[arg(short, long, value_name = "json|yaml", hide_possible_values = true)]
    output: Option<VersionFormat>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum VersionFormat {
    Json,
    Yaml,
}

/// Nobody waits long for a version.
const LIMIT: Duration = Duration::from_secs(5);

pub(crate) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &VersionArgs,
) -> Result<(), CommandError> {
    let cluster = if args.client {
        None
    } else {
        Some(fetch_cluster(context).await)
    };
    for problem in cluster.iter().flat_map(|cluster| &cluster.problems) {
        ui.warning(problem);
    }
    let report = VersionReport {
        client: client(),
        cluster,
    };
    let text = match args.output {
        None => render_version(&report, &context.look(ui)),
        Some(VersionFormat::Json) => render_json(&report),
        Some(VersionFormat::Yaml) => render_yaml(&report),
    };
    Ok(ui.answer(&text)?)
}

fn client() -> ClientVersion {
    ClientVersion {
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("KUBECTL_TRAINER_COMMIT"),
        known_releases: releases::RELEASES
            .iter()
            .map(|release| release.version)
            .collect(),
        bundled_releases: bundled_releases(),
    }
}

/// A damaged bundle counts as none: a test of the bundle itself says more.
fn bundled_releases() -> Vec<String> {
    let releases = releases::bundle::releases().unwrap_or_default();
    releases
        .into_iter()
        .map(|release| release.version)
        .collect()
}

async fn fetch_cluster(context: &CommandContext) -> ClusterVersions {
    let given = context.options();
    let options = ConnectionOptions {
        request_timeout: given.request_timeout.or(Some(LIMIT)),
        ..given.clone()
    };
    let cluster = match Cluster::connect(&options).await {
        Ok(cluster) => cluster,
        Err(failure) => {
            return ClusterVersions {
                problems: vec![failure.to_string()],
                ..ClusterVersions::default()
            };
        }
    };
    let (kubernetes, trainer) = futures::join!(cluster.fetch_version(), fetch_trainer(&cluster));
    let mut versions = ClusterVersions {
        context: cluster.context_name().to_owned(),
        server: cluster.server().to_owned(),
        ..ClusterVersions::default()
    };
    match kubernetes {
        Ok(kubernetes) => versions.kubernetes = Some(kubernetes),
        // Without the server there is nothing to say about Trainer.
        Err(failure) => {
            versions.problems.push(failure.to_string());
            return versions;
        }
    }
    match trainer {
        Ok(trainer) => versions.trainer = Some(trainer),
        Err(problem) => versions.problems.push(problem),
    }
    versions
}

/// Where the overlays and the chart install by default; asked when the caller may not read webhook configurations.
const USUAL_NAMESPACES: [&str; 2] = ["kubeflow-system", "kubeflow"];

/// Finds the installation through its webhook, and its version in the public `ConfigMap` (since 2.2; everybody may
/// read it) or in the controller's image. The error is a sentence for the user.
async fn fetch_trainer(cluster: &Cluster) -> Result<TrainerVersion, String> {
    let namespaces = match fetch_webhook_namespace(cluster).await {
        Ok(Some(namespace)) => vec![namespace],
        Ok(None) | Err(_) => USUAL_NAMESPACES.map(str::to_owned).to_vec(),
    };
    let mut refusal = None;
    for namespace in namespaces {
        match fetch_trainer_of(cluster, &namespace).await {
            Ok(Some(version)) => return Ok(TrainerVersion { version, namespace }),
            Ok(None) => {}
            Err(failure) => refusal = refusal.or(Some(failure)),
        }
    }
    match (cluster.fetch_api_groups().await, refusal) {
        (Ok(groups), _) if !groups.iter().any(|group| group == resources::TRAINER_GROUP) => {
            Err(installation::fetch_absence(cluster)
                .await
                .chain()
                .join("; "))
        }
        (_, Some(failure)) => Err(format!("the version of Trainer cannot be read: {failure}")),
        (_, None) => Err("Trainer's API is served, but its controller was not found".to_owned()),
    }
}

async fn fetch_webhook_namespace(cluster: &Cluster) -> Result<Option<String>, Failure> {
    let found = cluster
        .fetch::<ValidatingWebhookConfiguration>(&Scope::Cluster, "validator.trainer.kubeflow.org")
        .await?;
    let webhook = found.and_then(|found| found.webhooks.into_iter().flatten().next());
    Ok(webhook
        .and_then(|webhook| webhook.client_config.service)
        .map(|service| service.namespace))
}

async fn fetch_trainer_of(cluster: &Cluster, namespace: &str) -> Result<Option<String>, Failure> {
    let scope = Scope::Namespace(namespace.to_owned());
    let public = cluster
        .fetch::<ConfigMap>(&scope, "kubeflow-trainer-public")
        .await;
    let stated = public
        .ok()
        .flatten()
        .and_then(|map| map.data?.remove("kubeflow_trainer_version"));
    if let Some(version) = stated {
        return Ok(Some(version.trim_start_matches('v').to_owned()));
    }
    let controller = cluster
        .fetch::<Deployment>(&scope, "kubeflow-trainer-controller-manager")
        .await?;
    Ok(controller.as_ref().and_then(parse_image_version))
}

/// The tag of the controller's image, such as `2.0.1` of `...:v2.0.1`.
fn parse_image_version(deployment: &Deployment) -> Option<String> {
    let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
    let (_, tag) = pod.containers.first()?.image.as_ref()?.rsplit_once(':')?;
    Some(tag.trim_start_matches('v').to_owned())
}
