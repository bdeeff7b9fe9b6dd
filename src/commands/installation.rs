//! What is said when a cluster has no Kubeflow Trainer: one place, so that every command says the same.

use crate::{
    check::trainer::LEGACY_KINDS,
    cluster::{Cluster, Failure, FailureKind, Target},
    error::{CommandError, ErrorKind},
};

/// The first overlay holds the controllers, the second the runtimes. Published by the project for its release 2.3.0.
const OVERLAYS: [&str; 2] = ["manager", "runtimes"];
const RELEASE: &str = "v2.3.0";

/// The error for a failed request: of a resource of Trainer that is not served, it says what is not installed.
pub(super) async fn fetch_explanation(cluster: &Cluster, failure: Failure) -> CommandError {
    if !matches!(failure.kind, FailureKind::NotFound { object: None, .. }) {
        return failure.into();
    }
    fetch_absence(cluster).await
}

/// The error for a cluster that is known to have no Trainer.
pub(super) async fn fetch_absence(cluster: &Cluster) -> CommandError {
    // Only a better sentence depends on this answer, so its failure does not matter.
    let served = cluster
        .fetch_api_resources("kubeflow.org/v1")
        .await
        .ok()
        .flatten()
        .unwrap_or_default();
    let old: Vec<_> = LEGACY_KINDS
        .into_iter()
        .filter(|job| served.iter().any(|name| name == job))
        .collect();
    not_installed(cluster.target(), &old)
}

fn not_installed(target: &Target, old_jobs: &[&str]) -> CommandError {
    let place = match target.context.as_str() {
        "" => format!("the cluster at {}", target.server),
        context => format!("the cluster of context \"{context}\""),
    };
    let old = match old_jobs {
        [] => String::new(),
        jobs => format!(
            "; it has Training Operator v1 only ({}), whose jobs Trainer v2 does not run",
            jobs.join(", ")
        ),
    };
    let apply = |overlay: &str| {
        format!(
            "{} apply --server-side -k \"https://github.com/kubeflow/trainer.git/manifests/overlays/{overlay}?ref={RELEASE}\"",
            target.kubectl()
        )
    };
    let [manager, runtimes] = OVERLAYS.map(apply);
    CommandError::new(
        ErrorKind::NotFound,
        format!("Kubeflow Trainer v2 is not installed in {place}{old}"),
    )
    .with_hint(format!("install it: {manager}"))
    .with_hint(format!("then its runtimes: {runtimes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(context: &str) -> Target {
        Target {
            context: context.to_owned(),
            server: "https://api:6443".to_owned(),
            ..Target::default()
        }
    }

    #[test]
    fn the_context_is_named_and_the_commands_use_it() {
        let error = not_installed(&target("my cluster"), &[]);
        assert_eq!(
            error.chain(),
            ["Kubeflow Trainer v2 is not installed in the cluster of context \"my cluster\""]
        );
        assert!(
            error
                .hints()
                .iter()
                .all(|hint| hint.contains("kubectl --context 'my cluster' apply"))
        );
    }

    #[test]
    fn an_old_operator_is_named() {
        let error = not_installed(&target(""), &["pytorchjobs"]);
        assert_eq!(
            error.chain(),
            [
                "Kubeflow Trainer v2 is not installed in the cluster at https://api:6443; it has Training Operator v1 only \
              (pytorchjobs), whose jobs Trainer v2 does not run"
            ]
        );
    }
}
