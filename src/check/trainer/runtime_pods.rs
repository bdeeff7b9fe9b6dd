//! Have the runtimes' pods the shape that Trainer fills in? Those of the cluster and those of namespaces.

use std::rc::Rc;

use k8s_openapi::api::core::v1::Container;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
    runtimes::{ReplicatedJob, Runtime, RuntimeScope},
};

use super::{
    RUNTIME_PODS as RUNTIME_PODS_ID, RUNTIMES, TrainerContext, conclude, installation::image_tag,
    merge, runtimes::images,
};

pub(crate) const RUNTIME_PODS: Check<TrainerContext> = Check {
    id: RUNTIME_PODS_ID,
    category: Category::Runtimes,
    title: "The runtimes' pods are as Trainer expects",
    hint: "compare the runtime with one that the release ships",
    page: "Looks into every ClusterTrainingRuntime, and into the TrainingRuntimes of all namespaces or, where those may not be listed, of the one that is looked at.\n\n\
           Trainer finds the part of a runtime that it has to fill in by a label on the job template (trainer.kubeflow.org/trainjob-ancestor-step) and by the container's name: node for training, dataset-initializer and model-initializer before it. Where they are missing, a TrainJob's image, command and resources are silently not used. \
           Trainer's webhook refuses most of this when a runtime is created, but not in every release, not for runtimes that opt out of it, and not when a TrainingRuntime is changed.\n\n\
           Images without a fixed tag are named because two nodes of one training may then run different builds.",
    reasons: &[
        &NO_TRAINER_STEP,
        &CONTAINER_MISSING,
        &REPLICAS_NOT_ONE,
        &FLOATING_IMAGE,
    ],
    severity: Severity::Warning,
    requires: &[RUNTIMES],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_pods(context).await) }),
};

const NO_TRAINER_STEP: Reason = Reason {
    code: "NoTrainerStep",
    meaning: "No job of the runtime carries the label trainer.kubeflow.org/trainjob-ancestor-step=trainer on its template, so Trainer does not know which pods train: image, command and number of nodes of a TrainJob are not used.",
    mend: "Set the label on the template of the job that trains, as the shipped runtimes do.",
};
const CONTAINER_MISSING: Reason = Reason {
    code: "ContainerMissing",
    meaning: "A job of the runtime lacks the container that Trainer fills in for its step, so that what a TrainJob says about it is not used.",
    mend: "Give the container the expected name: node in the job that trains, otherwise that of the step.",
};
const REPLICAS_NOT_ONE: Reason = Reason {
    code: "ReplicasNotOne",
    meaning: "A job of the runtime has more or fewer than one replica. Trainer scales a job by its pods, never by its replicas: every node would be there several times, or not at all.",
    mend: "Set replicas to 1, and the number of nodes in mlPolicy.numNodes.",
};
const FLOATING_IMAGE: Reason = Reason {
    code: "FloatingImage",
    meaning: "A runtime's image has no tag, or the tag latest. What it means can change between two trainings, and between two nodes of one.",
    mend: "Name a release's tag, or a digest.",
};

/// The containers that Trainer fills in, by step.
const CONTAINERS: [(&str, &str); 3] = [
    (TRAINER, "node"),
    ("dataset-initializer", "dataset-initializer"),
    ("model-initializer", "model-initializer"),
];
const TRAINER: &str = "trainer";

/// Every runtime that the caller may list, those of the cluster first.
pub(super) async fn fetch_all_runtimes(
    context: &TrainerContext,
) -> Result<(Vec<Runtime>, Scope), Rc<Failure>> {
    let (everywhere, namespaced) =
        tokio::join!(context.fetch_runtimes(), context.fetch_training_runtimes());
    let (everywhere, namespaced) = (everywhere?, namespaced?);
    let objects = everywhere.iter().chain(&namespaced.objects).cloned();
    Ok((
        objects.map(Runtime::parse).collect(),
        namespaced.reach.clone(),
    ))
}

/// `runtime torch-distributed`, or `TrainingRuntime team-a/own`.
pub(super) fn spoken(runtime: &Runtime) -> String {
    match &runtime.scope {
        RuntimeScope::Cluster => format!("runtime {}", runtime.name),
        RuntimeScope::Namespace(namespace) => {
            format!("TrainingRuntime {namespace}/{}", runtime.name)
        }
    }
}

async fn check_pods(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let (runtimes, reach) = fetch_all_runtimes(context).await?;
    Ok(judge_pods(&runtimes, &reach))
}

fn judge_pods(runtimes: &[Runtime], reach: &Scope) -> Outcome {
    let own = |runtime: &&Runtime| runtime.scope != RuntimeScope::Cluster;
    let (all, namespaced) = (runtimes.len(), runtimes.iter().filter(own).count());
    let summary = match (namespaced, reach) {
        (0, _) => format!("{all} runtimes"),
        (_, Scope::Namespace(name)) => format!("{all} runtimes, {namespaced} of them in {name}"),
        _ => format!("{all} runtimes, {namespaced} of them in namespaces"),
    };
    let mut outcome = merge(Some(summary), runtimes.iter().map(judge_runtime));
    if let Scope::Namespace(name) = reach {
        let fact = format!("TrainingRuntimes of other namespaces than {name} may not be listed");
        outcome.facts.push(fact);
    }
    outcome
}

fn judge_runtime(runtime: &Runtime) -> Outcome {
    let mut findings = Vec::new();
    let mut steps = runtime.jobs.iter().map(ReplicatedJob::step);
    if !steps.any(|step| step == Some(TRAINER)) {
        let detail = format!("{} has no job of the step trainer", spoken(runtime));
        findings.push(Finding {
            advice: Some(NO_TRAINER_STEP.mend.to_owned()),
            ..Finding::warning(&NO_TRAINER_STEP, detail)
        });
    }
    for (index, job) in runtime.jobs.iter().enumerate() {
        findings.extend(judge_containers(runtime, index, job));
        findings.extend(judge_replicas(runtime, index, job));
    }
    let mut floating: Vec<_> = images(runtime).filter(|image| floats(image)).collect();
    floating.dedup();
    if !floating.is_empty() {
        let detail = format!("{} has {}", spoken(runtime), floating.join(", "));
        findings.push(Finding {
            advice: Some(FLOATING_IMAGE.mend.to_owned()),
            ..Finding::warning(&FLOATING_IMAGE, detail)
        });
    }
    Outcome::new(findings, Vec::new())
}

fn judge_containers(runtime: &Runtime, index: usize, job: &ReplicatedJob) -> Option<Finding> {
    let step = job.step()?;
    let (_, wanted) = CONTAINERS.iter().find(|(known, _)| *known == step)?;
    let containers: &[Container] = job.pod().map_or(&[], |pod| &pod.containers);
    if containers.iter().any(|container| container.name == *wanted) {
        return None;
    }
    let names: Vec<_> = containers.iter().map(|it| it.name.as_str()).collect();
    let detail = format!(
        "{}: the job {} of the step {step} has no container {wanted}, only {}",
        spoken(runtime),
        job.name,
        names.join(", ")
    );
    let finding = Finding::warning(&CONTAINER_MISSING, detail);
    // Which of several is meant, only its author knows.
    Some(match containers.len() {
        1 => {
            let path = format!("{index}/template/spec/template/spec/containers/0/name");
            finding.mended_by(patch(runtime, &path, &format!("{wanted:?}")))
        }
        _ => Finding {
            advice: Some(CONTAINER_MISSING.mend.to_owned()),
            ..finding
        },
    })
}

fn judge_replicas(runtime: &Runtime, index: usize, job: &ReplicatedJob) -> Option<Finding> {
    let replicas = job.replicas.filter(|replicas| *replicas != 1)?;
    // Trainer takes jobs without a step as they are.
    job.step()?;
    let detail = format!(
        "{}: the job {} has {replicas} replicas instead of 1",
        spoken(runtime),
        job.name
    );
    let mend = patch(runtime, &format!("{index}/replicas"), "1");
    Some(Finding::warning(&REPLICAS_NOT_ONE, detail).mended_by(mend))
}

/// A JSON patch of one value below the runtime's jobs.
fn patch(runtime: &Runtime, path: &str, value: &str) -> String {
    let object = match &runtime.scope {
        RuntimeScope::Cluster => format!("patch clustertrainingruntime {}", runtime.name),
        RuntimeScope::Namespace(namespace) => {
            format!("-n {namespace} patch trainingruntime {}", runtime.name)
        }
    };
    format!(
        "kubectl {object} --type=json -p '[{{\"op\":\"replace\",\"path\":\"/spec/template/spec/replicatedJobs/{path}\",\"value\":{value}}}]'"
    )
}

fn floats(image: &str) -> bool {
    !image.contains('@') && matches!(image_tag(image), None | Some("latest"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::Level;

    /// A runtime as the releases ship it, changed.
    fn runtime(change: impl FnOnce(&mut Value)) -> Runtime {
        let job = |name: &str, step: &str, container: &str| {
            json!({"name": name, "replicas": 1, "template": {
                "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": step}},
                "spec": {"template": {"spec": {"containers": [{"name": container, "image": "example.com/image:v1"}]}}},
            }})
        };
        let mut jobs = json!([
            job(
                "dataset-initializer",
                "dataset-initializer",
                "dataset-initializer"
            ),
            job("node", "trainer", "node"),
        ]);
        change(&mut jobs);
        let object = json!({
            "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainingRuntime",
            "metadata": {"name": "own", "namespace": "team-a"},
            "spec": {"template": {"spec": {"replicatedJobs": jobs}}},
        });
        Runtime::parse(serde_json::from_value(object).unwrap())
    }

    fn reasons(change: impl FnOnce(&mut Value)) -> Vec<&'static str> {
        let findings = judge_runtime(&runtime(change)).findings;
        assert!(
            findings
                .iter()
                .all(|finding| finding.level == Level::Warning)
        );
        findings.iter().map(|finding| finding.reason.code).collect()
    }

    #[test]
    fn the_shape_of_a_runtime_is_judged_by_steps_containers_replicas_and_images() {
        let pod = |jobs: &mut Value, job: usize| {
            jobs[job]["template"]["spec"]["template"]["spec"]["containers"][0].take()
        };
        assert_eq!(reasons(|_| {}), [""; 0]);
        assert_eq!(
            reasons(|jobs| jobs[1]["template"]["metadata"] = json!({})),
            ["NoTrainerStep"]
        );
        assert_eq!(reasons(|jobs| *jobs = json!([])), ["NoTrainerStep"]);
        for job in [0, 1] {
            assert_eq!(
                reasons(|jobs| {
                    let mut container = pod(jobs, job);
                    container["name"] = json!("main");
                    jobs[job]["template"]["spec"]["template"]["spec"]["containers"][0] = container;
                }),
                ["ContainerMissing"]
            );
        }
        assert_eq!(
            reasons(|jobs| jobs[1]["replicas"] = json!(2)),
            ["ReplicasNotOne"]
        );
        assert_eq!(
            reasons(
                |jobs| jobs[1]["template"]["spec"]["template"]["spec"]["initContainers"] =
                    json!([{"name": "a", "image": "example.com/image"}])
            ),
            ["FloatingImage"]
        );
    }

    #[test]
    fn an_image_floats_without_a_fixed_tag_or_digest() {
        for (image, expected) in [
            ("example.com:5000/image", true),
            ("image:latest", true),
            ("image:v1", false),
            ("image@sha256:0123", false),
            ("image:latest@sha256:0123", false),
        ] {
            assert_eq!(floats(image), expected, "{image}");
        }
    }

    #[test]
    fn one_container_is_renamed_by_the_mend_and_of_several_none() {
        let renamed = |names: &[&str]| {
            let containers: Vec<_> = names
                .iter()
                .map(|name| json!({"name": name, "image": "image:v1"}))
                .collect();
            let runtime = runtime(|jobs| {
                jobs[1]["template"]["spec"]["template"]["spec"]["containers"] = json!(containers);
            });
            judge_runtime(&runtime).findings.swap_remove(0)
        };
        let one = renamed(&["main"]);
        assert_eq!(
            one.mend.as_deref(),
            Some(
                "kubectl -n team-a patch trainingruntime own --type=json -p '[{\"op\":\"replace\",\"path\":\"/spec/template/spec/replicatedJobs/1/template/spec/template/spec/containers/0/name\",\"value\":\"node\"}]'"
            )
        );
        let several = renamed(&["main", "sidecar"]);
        assert!(several.mend.is_none() && several.advice.is_some());
        assert!(
            several.detail.ends_with("only main, sidecar"),
            "{}",
            several.detail
        );
    }

    #[test]
    fn what_could_not_be_listed_is_said() {
        let outcome = judge_pods(&[], &Scope::Namespace("team-a".to_owned()));
        assert_eq!(
            outcome.facts,
            [
                "0 runtimes",
                "TrainingRuntimes of other namespaces than team-a may not be listed"
            ]
        );
    }
}
