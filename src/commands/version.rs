//! `version`: which plugin, Kubernetes and Trainer meet here.

use std::time::Duration;

use clap::ValueEnum;
use k8s_openapi::api::{
    admissionregistration::v1::ValidatingWebhookConfiguration, apps::v1::Deployment,
    core::v1::ConfigMap,
};
use tokio::time::timeout;

use crate::{
    check::trainer::{
        PUBLIC_CONFIG_MAP, PUBLIC_VERSION_KEY, Part, USUAL_NAMESPACES, image_version,
    },
    cluster::{
        Cluster, ConnectionOptions, Failure, FailureKind, Scope, ServerVersion, Target, resources,
    },
    commands::{CommandContext, installation},
    error::{CommandError, ErrorKind, kind_of},
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
    let (cluster, problems) = match cluster {
        Some((cluster, problems)) => (Some(cluster), problems),
        None => (None, Vec::new()),
    };
    for problem in &problems {
        ui.warning(&sentence(problem));
        problem.hints().iter().for_each(|hint| ui.hint(hint));
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

/// What the cluster says of itself, and what could not be found out.
async fn fetch_cluster(context: &CommandContext) -> (ClusterVersions, Vec<CommandError>) {
    let given = context.options();
    let limit = given.request_timeout.unwrap_or(LIMIT);
    let options = ConnectionOptions {
        request_timeout: Some(limit),
        ..given.clone()
    };
    let cluster = match Cluster::connect(&options).await {
        Ok(cluster) => cluster,
        Err(failure) => {
            let target = failure.target.as_deref().cloned().unwrap_or_default();
            return judge_versions(&target, Err(failure), None);
        }
    };
    let late = |request: &str| Failure {
        request: request.to_owned(),
        kind: FailureKind::TimedOut { limit },
        target: Some(cluster.target().clone().into()),
    };
    // Both at once, so that a silent server costs the limit only once.
    let (kubernetes, trainer) = futures::join!(
        cluster.fetch_version(),
        timeout(limit, fetch_trainer(&cluster))
    );
    let trainer = trainer.unwrap_or_else(|_| Err(unreadable(&late("look for Trainer"))));
    judge_versions(cluster.target(), kubernetes, Some(trainer))
}

fn judge_versions(
    target: &Target,
    kubernetes: Result<ServerVersion, Failure>,
    trainer: Option<Result<TrainerVersion, CommandError>>,
) -> (ClusterVersions, Vec<CommandError>) {
    let mut problems = Vec::new();
    let kubernetes = kubernetes.map_err(|failure| problems.push(failure.into()));
    // Without the server there is nothing to say about Trainer.
    let trainer = trainer.filter(|_| kubernetes.is_ok());
    let trainer = trainer.and_then(|trainer| trainer.map_err(|error| problems.push(error)).ok());
    let versions = ClusterVersions {
        context: target.context.clone(),
        server: target.server.clone(),
        kubernetes: kubernetes.ok(),
        trainer,
        problems: problems.iter().map(sentence).collect(),
    };
    (versions, problems)
}

/// An error as one line.
fn sentence(error: &CommandError) -> String {
    error.chain().join("; ")
}

/// Finds the installation through its webhook, and its version in the public `ConfigMap` or in the controller's image.
async fn fetch_trainer(cluster: &Cluster) -> Result<TrainerVersion, CommandError> {
    let namespaces = match fetch_webhook_namespace(cluster).await {
        Ok(Some(namespace)) => vec![namespace],
        // Whoever may not read webhook configurations may still read the usual places.
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
            Err(installation::fetch_absence(cluster).await)
        }
        (_, Some(failure)) | (Err(failure), None) => Err(unreadable(&failure)),
        (Ok(_), None) => Err(controller_missing(cluster.target())),
    }
}

fn unreadable(failure: &Failure) -> CommandError {
    let hint = failure.hint();
    let error = CommandError::new(
        kind_of(failure),
        format!("the version of Trainer cannot be read: {failure}"),
    );
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn controller_missing(target: &Target) -> CommandError {
    CommandError::new(
        ErrorKind::NotFound,
        "Trainer's API is served, but its controller was not found",
    )
    .with_hint(format!(
        "look for it: {} get deployments --all-namespaces",
        target.kubectl()
    ))
}

async fn fetch_webhook_namespace(cluster: &Cluster) -> Result<Option<String>, Failure> {
    let (validating, _) = Part::Trainer.configurations();
    let found = cluster
        .fetch::<ValidatingWebhookConfiguration>(&Scope::Cluster, validating)
        .await?;
    let webhook = found.and_then(|found| found.webhooks.into_iter().flatten().next());
    Ok(webhook
        .and_then(|webhook| webhook.client_config.service)
        .map(|service| service.namespace))
}

async fn fetch_trainer_of(cluster: &Cluster, namespace: &str) -> Result<Option<String>, Failure> {
    let scope = Scope::Namespace(namespace.to_owned());
    let public = cluster.fetch::<ConfigMap>(&scope, PUBLIC_CONFIG_MAP).await;
    let stated = public
        .ok()
        .flatten()
        .and_then(|map| map.data?.remove(PUBLIC_VERSION_KEY));
    if let Some(version) = stated {
        return Ok(Some(version.trim_start_matches('v').to_owned()));
    }
    let controller = cluster
        .fetch::<Deployment>(&scope, "kubeflow-trainer-controller-manager")
        .await?;
    Ok(controller.map(|controller| {
        let version = image_version(&controller, Part::Trainer);
        version.unwrap_or("untagged").to_owned()
    }))
}
