//! Do the Deployments of Trainer and JobSet run? What is wrong with a pod is judged in `pods.rs`.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};

use crate::{
    check::{Category, Check, Finding, Level, Outcome, Reason, Retry, Severity},
    cluster::{Failure, LogTail},
};

use super::{
    DEPLOYMENTS as DEPLOYMENTS_ID, NAMESPACE, TrainerContext,
    installation::{Part, Place, belongs_to, image_tag, images, pods_of},
    merge,
    pods::{self, Crash, LastWords},
};

pub(crate) const DEPLOYMENTS: Check<TrainerContext> = Check {
    id: DEPLOYMENTS_ID,
    category: Category::Controllers,
    title: "The controllers of Trainer and JobSet run",
    hint: "look at the controllers' Deployments, pods and events",
    page: "Looks at the Deployments of both controllers, found by image and labels because charts rename them, and, where one is not available as asked, at its pods: image, scheduling, start, exit and last words.\n\n\
           Without Trainer's controller no TrainJob is taken up; without JobSet's, none gets pods.\n\n\
           A finding is a warning while an older pod still serves.",
    reasons: &[
        &DEPLOYMENT_MISSING,
        &SCALED_TO_ZERO,
        &PODS_NOT_CREATED,
        &NOT_AVAILABLE,
        &pods::IMAGE_NOT_PULLED,
        &pods::UNSCHEDULABLE,
        &pods::CRASH_LOOP,
        &pods::OUT_OF_MEMORY,
        &pods::CONTAINER_NOT_CREATED,
        &pods::NOT_READY,
    ],
    severity: Severity::Error,
    requires: &[NAMESPACE],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_deployments(context)),
};

const DEPLOYMENT_MISSING: Reason = Reason {
    code: "DeploymentMissing",
    meaning: "The namespace holds no Deployment of this controller.",
    mend: "Apply the manager overlay of the Trainer release again.",
};
const SCALED_TO_ZERO: Reason = Reason {
    code: "ScaledToZero",
    meaning: "The Deployment asks for no replicas, so nobody works and no webhook answers.",
    mend: "Scale it up with kubectl scale.",
};
const PODS_NOT_CREATED: Reason = Reason {
    code: "PodsNotCreated",
    meaning: "The ReplicaSet may not create pods: a quota, a Pod Security level, or an admission webhook stands in the way.",
    mend: "The message names what refused. Raise the quota, label the namespace for the level that the controller needs, or mend the webhook.",
};
const NOT_AVAILABLE: Reason = Reason {
    code: "NotAvailable",
    meaning: "Fewer replicas than asked for are available, and the pods do not say why (yet).",
    mend: "Wait with --wait, or look at the Deployment's and its pods' events with kubectl describe.",
};

async fn check_deployments(context: &TrainerContext) -> Outcome {
    let (trainer, jobset) = tokio::join!(
        check_part(context, Part::Trainer),
        check_part(context, Part::JobSet)
    );
    let summary = match (trainer.facts.first(), jobset.facts.first()) {
        (Some(trainer), Some(jobset)) => Some(format!("{trainer}, JobSet {jobset}")),
        _ => None,
    };
    merge(summary, [trainer, jobset])
}

async fn check_part(context: &TrainerContext, part: Part) -> Outcome {
    match look_at_part(context, part).await {
        Ok(outcome) => outcome,
        Err(failure) => Outcome::of(Finding::of_failure(&failure)),
    }
}

async fn look_at_part(context: &TrainerContext, part: Part) -> Result<Outcome, Rc<Failure>> {
    let place = context.fetch_place(part).await?;
    // That it was not found at all is the finding of the check before.
    let Some(Place { namespace, .. }) = place.as_ref() else {
        return Ok(Outcome::default());
    };
    let (deployments, pods) = tokio::join!(
        context.fetch_deployments(namespace),
        context.fetch_pods(namespace)
    );
    let (deployments, pods) = (deployments?, pods?);
    let own: Vec<_> = deployments
        .iter()
        .filter(|deployment| belongs_to(deployment, part))
        .collect();
    if own.is_empty() {
        let detail = format!(
            "there is no Deployment of {} in namespace {namespace}",
            part.name()
        );
        return Ok(Outcome::of(
            Finding::failed(&DEPLOYMENT_MISSING, detail)
                .mended_by(format!("kubectl -n {namespace} get deployments")),
        ));
    }
    let mut outcomes = Vec::new();
    for deployment in own {
        let pods = pods_of(deployment, &pods);
        let last_words = match judge_replicas(deployment) {
            Replicas::AsAsked | Replicas::Zero => LastWords::default(),
            Replicas::Fewer(_) => fetch_last_words(context, namespace, &pods).await,
        };
        outcomes.push(judge_deployment(deployment, &pods, &last_words));
    }
    Ok(merge(None, outcomes))
}

/// What each crashed container wrote last, where the caller may read logs.
async fn fetch_last_words(context: &TrainerContext, namespace: &str, pods: &[&Pod]) -> LastWords {
    let mut last_words = BTreeMap::new();
    for Crash {
        pod,
        container,
        attempt,
    } in pods::crashes(pods)
    {
        let tail = LogTail {
            namespace,
            pod: &pod,
            container: &container,
            attempt,
            lines: pods::TAIL_LINES,
        };
        let Ok(cluster) = context.cluster() else {
            break;
        };
        if let Ok(text) = cluster.fetch_log_tail(tail).await {
            last_words.insert((pod, container), text);
        }
    }
    last_words
}

/// How what a Deployment has compares with what it asks for.
enum Replicas {
    AsAsked,
    Zero,
    /// With the weight of it: an older pod may still serve.
    Fewer(Level),
}

fn judge_replicas(deployment: &Deployment) -> Replicas {
    let asked = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let [available, updated, all] = [
        status.available_replicas,
        status.updated_replicas,
        status.replicas,
    ]
    .map(Option::unwrap_or_default);
    let observed = status.observed_generation >= deployment.metadata.generation;
    if asked == 0 {
        Replicas::Zero
    } else if observed && available >= asked && updated >= asked && all <= asked {
        Replicas::AsAsked
    } else if available > 0 {
        Replicas::Fewer(Level::Warning)
    } else {
        Replicas::Fewer(Level::Failed)
    }
}

/// The first fact is the tag of the image.
fn judge_deployment(deployment: &Deployment, pods: &[&Pod], last_words: &LastWords) -> Outcome {
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    let object = format!("Deployment {namespace}/{name}");
    match judge_replicas(deployment) {
        Replicas::Zero => {
            let mend = format!("kubectl -n {namespace} scale deployment/{name} --replicas=1");
            Outcome::of(
                Finding::failed(&SCALED_TO_ZERO, format!("{object} asks for 0 replicas"))
                    .mended_by(mend),
            )
        }
        Replicas::AsAsked => Outcome::new(Vec::new(), healthy_facts(deployment, pods)),
        Replicas::Fewer(level) => {
            let finding = pods::judge(&object, pods, last_words)
                .or_else(|| judge_creation(deployment, &object))
                .unwrap_or_else(|| not_available(deployment, &object));
            Outcome::of(Finding { level, ..finding })
        }
    }
}

fn healthy_facts(deployment: &Deployment, pods: &[&Pod]) -> Vec<String> {
    let image = images(deployment).next().unwrap_or_default();
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let ready = deployment
        .status
        .as_ref()
        .and_then(|status| status.ready_replicas)
        .unwrap_or_default();
    let statuses = pods
        .iter()
        .filter_map(|pod| pod.status.as_ref()?.container_statuses.as_ref())
        .flatten();
    let restarts: i32 = statuses.map(|status| status.restart_count).sum();
    vec![
        image_tag(image).unwrap_or("untagged").to_owned(),
        format!("{name}: {ready} ready, {restarts} restarts, image {image}"),
    ]
}

fn judge_creation(deployment: &Deployment, object: &str) -> Option<Finding> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let refused = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    let message = refused.message.as_deref().unwrap_or("no message");
    let detail = format!("{object} cannot create its pods: {message}");
    Some(Finding::failed(&PODS_NOT_CREATED, detail).mended_by(describe(deployment)))
}

fn not_available(deployment: &Deployment, object: &str) -> Finding {
    let asked = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let available = deployment
        .status
        .as_ref()
        .and_then(|status| status.available_replicas)
        .unwrap_or_default();
    Finding::failed(
        &NOT_AVAILABLE,
        format!("{object} has {available} of {asked} replicas available"),
    )
    .mended_by(describe(deployment))
}

fn describe(deployment: &Deployment) -> String {
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    format!("kubectl -n {namespace} describe deployment/{name}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deployment(spec: &Value, status: &Value) -> Deployment {
        let mut object = json!({
            "metadata": {"name": "kubeflow-trainer-controller-manager", "namespace": "kubeflow-system", "generation": 2},
            "spec": {
                "selector": {},
                "template": {"spec": {"containers": [{"name": "manager", "image": "ghcr.io/kubeflow/trainer/trainer-controller-manager:v2.3.0"}]}},
            },
            "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1},
        });
        object["spec"]
            .as_object_mut()
            .unwrap()
            .extend(spec.as_object().unwrap().clone());
        object["status"]
            .as_object_mut()
            .unwrap()
            .extend(status.as_object().unwrap().clone());
        serde_json::from_value(object).unwrap()
    }

    fn judged(spec: &Value, status: &Value) -> Option<(Level, &'static str)> {
        let outcome = judge_deployment(&deployment(spec, status), &[], &LastWords::default());
        outcome
            .findings
            .first()
            .map(|finding| (finding.level, finding.reason.code))
    }

    #[test]
    fn a_deployment_is_judged_by_what_it_asks_for_and_has() {
        let nothing = json!({});
        assert_eq!(judged(&nothing, &nothing), None);
        assert_eq!(
            judged(&json!({"replicas": 0}), &nothing),
            Some((Level::Failed, "ScaledToZero"))
        );
        assert_eq!(
            judged(&nothing, &json!({"availableReplicas": 0})),
            Some((Level::Failed, "NotAvailable"))
        );
        assert_eq!(
            judged(&json!({"replicas": 2}), &nothing),
            Some((Level::Warning, "NotAvailable"))
        );
        assert_eq!(
            judged(&nothing, &json!({"replicas": 2})),
            Some((Level::Warning, "NotAvailable"))
        );
        assert_eq!(
            judged(&nothing, &json!({"observedGeneration": 1})),
            Some((Level::Warning, "NotAvailable"))
        );
    }

    #[test]
    fn what_keeps_pods_from_being_created_is_told() {
        let message = "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"";
        let refused = json!({"availableReplicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "message": message}]});
        let outcome = judge_deployment(
            &deployment(&json!({}), &refused),
            &[],
            &LastWords::default(),
        );
        assert_eq!(outcome.findings[0].reason.code, "PodsNotCreated");
        assert!(outcome.findings[0].detail.ends_with(message));
    }

    #[test]
    fn a_healthy_controller_is_summed_up_by_its_tag() {
        let outcome = judge_deployment(
            &deployment(&json!({}), &json!({})),
            &[],
            &LastWords::default(),
        );
        assert_eq!(outcome.facts[0], "v2.3.0");
    }
}
