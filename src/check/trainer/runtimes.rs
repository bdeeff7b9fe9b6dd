//! The category Runtimes: is there something to train with, and is it what the release ships?

use std::rc::Rc;

use kube::core::DynamicObject;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::Failure,
    releases::{self, RELEASES, Release, RuntimeFacts, Support, minor_version},
    runtimes::Runtime,
};

use super::{
    CRDS, RUNTIMES as RUNTIMES_ID, TrainerContext, conclude,
    installation::{image_name, image_tag},
    merge,
    schema::fetch_versions,
};

const FRAMEWORK_LABEL: &str = "trainer.kubeflow.org/framework";
const SUPPORT_LABEL: &str = "trainer.kubeflow.org/support";

pub(crate) const RUNTIMES: Check<TrainerContext> = Check {
    id: RUNTIMES_ID,
    category: Category::Runtimes,
    title: "The release's training runtimes are there",
    hint: "apply the runtimes overlay of the Trainer release",
    page: "Compares the ClusterTrainingRuntimes with those that the installed release ships. To have none is a failure: nobody can train. Where namespaces have TrainingRuntimes of their own, it is a warning. A part of them may be missing on purpose, so that is a warning. A runtime that was left behind by an upgrade is known by its images: they are those of another release.\n\n\
           It also looks for runtimes without the label trainer.kubeflow.org/framework, which Kubeflow's Python SDK does not list, for deprecated ones, and for ones whose deletion is stuck.",
    reasons: &[
        &NO_RUNTIMES,
        &NO_CLUSTER_RUNTIMES,
        &RUNTIMES_MISSING,
        &OTHER_RELEASE,
        &NO_FRAMEWORK,
        &DEPRECATED,
        &DELETION_STUCK,
    ],
    severity: Severity::Error,
    requires: &[CRDS],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_runtimes(context).await) }),
};

const NO_RUNTIMES: Reason = Reason {
    code: "NoRuntimes",
    meaning: "There is no ClusterTrainingRuntime at all, and no namespace that you may look into has a TrainingRuntime. Every TrainJob names one of them.",
    mend: "Apply the runtimes overlay of the installed release. It can only be applied once Trainer's webhooks answer.",
};
const NO_CLUSTER_RUNTIMES: Reason = Reason {
    code: "NoClusterRuntimes",
    meaning: "There is no ClusterTrainingRuntime, but there are TrainingRuntimes, which serve only the TrainJobs of their own namespaces. In every other namespace nobody can train.",
    mend: "Apply the runtimes overlay of the installed release, unless every namespace is meant to have its own runtimes.",
};
const RUNTIMES_MISSING: Reason = Reason {
    code: "RuntimesMissing",
    meaning: "Some of the runtimes that the installed release ships are not there. TrainJobs and examples that name them are refused.",
    mend: "Apply the runtimes overlay of the installed release, unless they were left out on purpose.",
};
const OTHER_RELEASE: Reason = Reason {
    code: "OtherRelease",
    meaning: "A runtime that the installed release ships has an image of another release: the runtimes were not applied with the last upgrade, or by hand from elsewhere. Images and controller may not understand each other.",
    mend: "Apply the runtimes overlay of the installed release.",
};
const NO_FRAMEWORK: Reason = Reason {
    code: "NoFramework",
    meaning: "A runtime lacks the label trainer.kubeflow.org/framework, so Kubeflow's Python SDK does not list it and refuses to use it.",
    mend: "Label it with its framework: torch, deepspeed, mlx, jax, xgboost or torchtune.",
};
const DEPRECATED: Reason = Reason {
    code: "Deprecated",
    meaning: "A runtime is marked as deprecated: a coming release drops it.",
    mend: "Move TrainJobs that name it to another runtime.",
};
const DELETION_STUCK: Reason = Reason {
    code: "DeletionStuck",
    meaning: "A runtime is being deleted but a finalizer holds it: jobs still use it, or the controller that would remove the finalizer is gone. It cannot be applied anew until then.",
    mend: "Delete the TrainJobs that use it; if there are none, remove the finalizer with kubectl patch.",
};

async fn check_runtimes(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let (runtimes, versions) = tokio::join!(context.fetch_runtimes(), fetch_versions(context));
    let (runtimes, release) = (runtimes?, versions.trainer().and_then(releases::find));
    if !runtimes.is_empty() {
        return Ok(judge_runtimes(&runtimes, release));
    }
    // Who may not list them learns of none: then the runtimes of the cluster are all that counts.
    let namespaced = context.fetch_training_runtimes().await;
    let namespaced = namespaced.map_or(0, |namespaced| namespaced.objects.len());
    Ok(Outcome::of(judge_absence(namespaced, release)))
}

/// There is no runtime of the cluster, and so many are in namespaces.
fn judge_absence(namespaced: usize, release: Option<&Release>) -> Finding {
    let nothing = "there is no ClusterTrainingRuntime";
    let finding = match namespaced {
        0 => Finding::failed(&NO_RUNTIMES, nothing),
        1 => {
            let detail = format!("{nothing}, only 1 TrainingRuntime in its namespace");
            Finding::warning(&NO_CLUSTER_RUNTIMES, detail)
        }
        count => {
            let detail = format!("{nothing}, only {count} TrainingRuntimes in their namespaces");
            Finding::warning(&NO_CLUSTER_RUNTIMES, detail)
        }
    };
    finding.mended_by(apply_command(release))
}

/// Of at least one runtime.
fn judge_runtimes(runtimes: &[DynamicObject], release: Option<&Release>) -> Outcome {
    let complete = judge_completeness(runtimes, release);
    let summary = match release {
        Some(release) if complete.findings.is_empty() => format!(
            "all {} of release {}",
            release.runtimes.len(),
            release.version
        ),
        _ if runtimes.len() == 1 => "1 runtime".to_owned(),
        _ => format!("{} runtimes", runtimes.len()),
    };
    let each = runtimes
        .iter()
        .map(|runtime| judge_runtime(runtime, release));
    let images = release.map(|release| judge_images(runtimes, release));
    merge(Some(summary), each.chain([complete]).chain(images))
}

/// All runtimes of another release together: one upgrade that stopped half-way is one cause.
fn judge_images(runtimes: &[DynamicObject], release: &Release) -> Outcome {
    let strangers: Vec<_> = runtimes
        .iter()
        .filter_map(|runtime| {
            let shipped = shipped(name(runtime), release)?;
            let runtime = Runtime::parse(runtime.clone());
            let image = images(&runtime).find(|image| is_of_another_release(image, shipped))?;
            Some(format!("{} ({image})", runtime.name))
        })
        .collect();
    if strangers.is_empty() {
        return Outcome::default();
    }
    let detail = format!(
        "release {} is installed, but these runtimes have an image of another release: {}",
        release.version,
        strangers.join(", ")
    );
    Outcome::of(Finding::warning(&OTHER_RELEASE, detail).mended_by(apply_command(Some(release))))
}

/// Every image of a runtime's pods.
pub(super) fn images(runtime: &Runtime) -> impl Iterator<Item = &str> {
    let pods = runtime.jobs.iter().filter_map(|job| job.pod());
    let containers =
        pods.flat_map(|pod| pod.init_containers.iter().flatten().chain(&pod.containers));
    containers.filter_map(|container| container.image.as_deref())
}

/// What the release says of its runtime of this name.
fn shipped(name: &str, release: &Release) -> Option<&'static RuntimeFacts> {
    release.runtimes.iter().find(|facts| facts.name == name)
}

/// Whether it is one of the images that another release ships for this runtime, or one of Trainer's own images, whose
/// tag is the release, with another tag. Mirrors change the registry and users the image: neither counts.
fn is_of_another_release(image: &str, shipped: &RuntimeFacts) -> bool {
    let (name, tag) = (image_name(image), image_tag(image));
    let same_image = |other: &&&'static str| image_name(other) == name;
    let Some(own) = shipped.images.iter().find(same_image) else {
        return false;
    };
    if tag.is_none() || image_tag(own) == tag {
        return false;
    }
    let others = RELEASES.iter().flat_map(|release| release.runtimes);
    let mut others = others.filter(|facts| facts.name == shipped.name);
    let is_known = others.any(|facts| {
        let mut same = facts.images.iter().filter(same_image);
        same.any(|other| image_tag(other) == tag)
    });
    let minor = |image: &str| image_tag(image).and_then(minor_version);
    is_known || is_tagged_with_release(own) && minor(image).is_some_and(|it| Some(it) != minor(own))
}

fn is_tagged_with_release(image: &str) -> bool {
    let version = image_tag(image).and_then(|tag| tag.strip_prefix('v'));
    RELEASES
        .iter()
        .any(|release| version == Some(release.version))
}

fn judge_completeness(runtimes: &[DynamicObject], release: Option<&Release>) -> Outcome {
    let Some(release) = release else {
        return Outcome::default();
    };
    let there = |wanted: &str| runtimes.iter().any(|runtime| name(runtime) == wanted);
    let missing: Vec<_> = release
        .runtimes
        .iter()
        .map(|facts| facts.name)
        .filter(|wanted| !there(wanted))
        .collect();
    if missing.is_empty() {
        return Outcome::default();
    }
    let detail = format!(
        "release {} ships {} runtimes, of which are missing: {}",
        release.version,
        release.runtimes.len(),
        missing.join(", ")
    );
    Outcome::of(Finding::warning(&RUNTIMES_MISSING, detail).mended_by(apply_command(Some(release))))
}

fn judge_runtime(runtime: &DynamicObject, release: Option<&Release>) -> Outcome {
    let name = name(runtime);
    let label = |key: &str| {
        runtime
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(key))
            .map(String::as_str)
    };
    let mut findings = Vec::new();
    if let (Some(_), Some([finalizer, ..])) = (
        &runtime.metadata.deletion_timestamp,
        runtime.metadata.finalizers.as_deref(),
    ) {
        let detail = format!("runtime {name} is being deleted, but {finalizer} holds it");
        let mend = format!(
            "kubectl patch clustertrainingruntime {name} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'"
        );
        findings.push(Finding::warning(&DELETION_STUCK, detail).mended_by(mend));
    }
    let shipped = release.and_then(|release| shipped(name, release));
    if label(FRAMEWORK_LABEL).is_none() && shipped.is_none_or(|facts| facts.framework.is_some()) {
        findings.push(judge_missing_framework(
            name,
            shipped.and_then(|facts| facts.framework),
        ));
    }
    // What a release itself ships as deprecated is there on purpose.
    let by_release = shipped.is_some_and(|facts| facts.support == Support::Deprecated);
    if label(SUPPORT_LABEL) == Some("deprecated") && !by_release {
        findings.push(Finding::warning(
            &DEPRECATED,
            format!("runtime {name} is deprecated"),
        ));
    }
    let fact = format!(
        "{name} ({})",
        label(FRAMEWORK_LABEL).unwrap_or("no framework")
    );
    Outcome::new(findings, vec![fact])
}

fn judge_missing_framework(name: &str, shipped: Option<&str>) -> Finding {
    let framework = shipped.unwrap_or("torch");
    Finding::warning(
        &NO_FRAMEWORK,
        format!(
            "runtime {name} has no label {FRAMEWORK_LABEL}, so the Python SDK does not list it"
        ),
    )
    .mended_by(format!(
        "kubectl label clustertrainingruntime {name} {FRAMEWORK_LABEL}={framework}"
    ))
}

fn apply_command(release: Option<&Release>) -> String {
    let version = release.map_or("RELEASE".to_owned(), |release| {
        format!("v{}", release.version)
    });
    format!(
        "kubectl apply --server-side -k 'https://github.com/kubeflow/trainer.git/manifests/overlays/runtimes?ref={version}'"
    )
}

fn name(runtime: &DynamicObject) -> &str {
    runtime.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::Level;

    fn runtime(name: &str, metadata: &Value) -> DynamicObject {
        let mut object = json!({"metadata": {"name": name, "labels": {FRAMEWORK_LABEL: "torch"}}});
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .extend(metadata.as_object().unwrap().clone());
        serde_json::from_value(object).unwrap()
    }

    /// Every runtime of a release, as it ships them.
    fn shipped(version: &str) -> Vec<DynamicObject> {
        let facts = releases::find(version).unwrap().runtimes.iter();
        let labels = |framework: Option<&str>| {
            framework.map_or(json!({}), |framework| json!({FRAMEWORK_LABEL: framework}))
        };
        facts
            .map(|facts| runtime(facts.name, &json!({"labels": labels(facts.framework)})))
            .collect()
    }

    fn reasons(outcome: &Outcome) -> Vec<&'static str> {
        outcome
            .findings
            .iter()
            .map(|finding| finding.reason.code)
            .collect()
    }

    #[test]
    fn what_a_release_ships_is_complete() {
        for release in releases::RELEASES {
            let outcome = judge_runtimes(&shipped(release.version), Some(release));
            assert_eq!(reasons(&outcome), [""; 0], "{}", release.version);
        }
    }

    /// A runtime that trains in this image.
    fn runtime_with_image(name: &str, image: &str) -> DynamicObject {
        let pod = json!({"spec": {"containers": [{"name": "node", "image": image}]}});
        let job = json!({"name": "node", "template": {"spec": {"template": pod}}});
        let mut runtime = runtime(name, &json!({}));
        runtime.data = json!({"spec": {"template": {"spec": {"replicatedJobs": [job]}}}});
        runtime
    }

    #[test]
    fn an_image_of_another_release_is_told_from_a_mirror_a_patch_and_a_users_own() {
        let release = releases::find("2.3.0").unwrap();
        for (name, image, expected) in [
            (
                "xgboost-distributed",
                "ghcr.io/kubeflow/trainer/xgboost-runtime:v2.3.0",
                false,
            ),
            (
                "xgboost-distributed",
                "mirror:5000/xgboost-runtime:v2.3.4",
                false,
            ),
            (
                "xgboost-distributed",
                "example.com/own-xgboost:v1.0.0",
                false,
            ),
            (
                "xgboost-distributed",
                "mirror:5000/xgboost-runtime:v2.2.1",
                true,
            ),
            (
                "xgboost-distributed",
                "ghcr.io/kubeflow/trainer/xgboost-runtime:v2.4.0",
                true,
            ),
            (
                "torch-distributed",
                "pytorch/pytorch:2.10.0-cuda12.8-cudnn9-runtime",
                true,
            ),
            ("torch-distributed", "pytorch/pytorch:2.14.0-own", false),
            (
                "own",
                "ghcr.io/kubeflow/trainer/xgboost-runtime:v2.2.1",
                false,
            ),
        ] {
            let outcome = judge_images(&[runtime_with_image(name, image)], release);
            assert_eq!(reasons(&outcome) == ["OtherRelease"], expected, "{image}");
        }
    }

    #[test]
    fn runtimes_that_an_upgrade_left_behind_are_one_finding() {
        let release = releases::find("2.3.0").unwrap();
        let old = [
            runtime_with_image("xgboost-distributed", "xgboost-runtime:v2.2.1"),
            runtime_with_image("mlx-distributed", "mlx-runtime:v2.2.1"),
        ];
        let outcome = judge_images(&old, release);
        assert_eq!(reasons(&outcome), ["OtherRelease"]);
        assert!(outcome.findings[0].detail.ends_with(
            "xgboost-distributed (xgboost-runtime:v2.2.1), mlx-distributed (mlx-runtime:v2.2.1)"
        ));
    }

    #[test]
    fn a_missing_runtime_is_named_with_the_command_of_its_release() {
        let mut runtimes = shipped("2.3.0");
        runtimes.retain(|runtime| name(runtime) != "jax-distributed");
        let outcome = judge_runtimes(&runtimes, releases::find("2.3.0"));
        assert_eq!(reasons(&outcome), ["RuntimesMissing"]);
        assert!(
            outcome.findings[0]
                .mend
                .as_deref()
                .unwrap()
                .ends_with("overlays/runtimes?ref=v2.3.0'")
        );
        assert_eq!(reasons(&judge_runtimes(&runtimes, None)), [""; 0]);
    }

    #[test]
    fn no_runtime_at_all_fails_and_runtimes_of_namespaces_only_are_a_warning() {
        let absence = |namespaced| {
            let finding = judge_absence(namespaced, releases::find("2.3.0"));
            (finding.reason.code, finding.level, finding.detail)
        };
        let nothing = "there is no ClusterTrainingRuntime";
        assert_eq!(
            absence(0),
            ("NoRuntimes", Level::Failed, nothing.to_owned())
        );
        let detail = format!("{nothing}, only 1 TrainingRuntime in its namespace");
        assert_eq!(absence(1), ("NoClusterRuntimes", Level::Warning, detail));
        let detail = format!("{nothing}, only 2 TrainingRuntimes in their namespaces");
        assert_eq!(absence(2), ("NoClusterRuntimes", Level::Warning, detail));
    }

    #[test]
    fn one_runtime_is_counted_as_one() {
        let outcome = judge_runtimes(&[runtime("own", &json!({}))], None);
        assert_eq!(outcome.facts[0], "1 runtime");
    }

    #[test]
    fn labels_and_deletion_of_each_runtime_are_looked_at() {
        let stuck = json!({"deletionTimestamp": "2026-11-21T08:00:00Z", "finalizers": ["example.com/keeps-it"]});
        let deprecated = json!({"labels": {FRAMEWORK_LABEL: "torch", SUPPORT_LABEL: "deprecated"}});
        for (metadata, expected) in [
            (json!({}), None),
            (json!({"labels": {}}), Some("NoFramework")),
            (deprecated, Some("Deprecated")),
            (stuck, Some("DeletionStuck")),
        ] {
            let outcome = judge_runtimes(&[runtime("own", &metadata)], None);
            assert_eq!(reasons(&outcome).first().copied(), expected);
        }
    }

    #[test]
    fn the_framework_of_a_shipped_runtime_is_known() {
        let runtimes = [runtime("xgboost-distributed", &json!({"labels": {}}))];
        let outcome = judge_runtimes(&runtimes, releases::find("2.3.0"));
        let mend = outcome.findings[0].mend.as_deref().unwrap();
        assert_eq!(
            mend,
            "kubectl label clustertrainingruntime xgboost-distributed trainer.kubeflow.org/framework=xgboost"
        );
    }
}
