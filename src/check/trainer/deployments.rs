//! Do the Deployments of Trainer and JobSet run? What is wrong with a pod is judged in `pods.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Node, Pod},
};

use crate::{
    check::{Category, Check, Finding, Level, Outcome, Reason, Retry, Severity},
    cluster::{Failure, LogTail, Scope},
};

use super::{
    DEPLOYMENTS as DEPLOYMENTS_ID, NAMESPACE, TrainerContext,
    installation::{Part, Place, belongs_to, image_tag, images, pods_of},
    merge,
    pods::{self, Crash, Evidence, LastWords},
    refusals,
};

pub(crate) const DEPLOYMENTS: Check<TrainerContext> = Check {
    id: DEPLOYMENTS_ID,
    category: Category::Controllers,
    title: "The controllers of Trainer and JobSet run",
    hint: "look at the controllers' Deployments, pods and events",
    page: "Looks at the Deployments of both controllers, found by image and labels because charts rename them, and, where one is not available as asked, at its pods: node, image, scheduling, start, exit and last words, and at what keeps them from being created.\n\n\
           Without Trainer's controller no TrainJob is taken up; without JobSet's, none gets pods.\n\n\
           A finding is a warning while an older pod still serves, and so is a controller that runs but restarts again and again.",
    reasons: &[
        &DEPLOYMENT_MISSING,
        &SCALED_TO_ZERO,
        &refusals::QUOTA_FORBIDS,
        &refusals::POD_SECURITY_FORBIDS,
        &refusals::POLICY_FORBIDS,
        &refusals::POD_ACCOUNT_MISSING,
        &refusals::PODS_NOT_CREATED,
        &pods::NODE_LOST,
        &pods::IMAGE_NOT_PULLED,
        &pods::UNSCHEDULABLE,
        &pods::CRASH_LOOP,
        &pods::OUT_OF_MEMORY,
        &pods::WRONG_ARCHITECTURE,
        &pods::CONTAINER_NOT_CREATED,
        &pods::NOT_READY,
        &pods::RESTARTS_OFTEN,
        &ROLLOUT_PAUSED,
        &ROLLOUT_STUCK,
        &NOT_OBSERVED,
        &NOT_AVAILABLE,
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
const NOT_AVAILABLE: Reason = Reason {
    code: "NotAvailable",
    meaning: "Fewer replicas than asked for are available, and the pods do not say why (yet).",
    mend: "Wait with --wait, or look at the Deployment's and its pods' events with kubectl describe.",
};

const NOT_OBSERVED: Reason = Reason {
    code: "NotObserved",
    meaning: "The Deployment was changed, and the cluster has taken no notice: kube-controller-manager does not work, or is very slow.",
    mend: "Look at the cluster's control plane: kube-controller-manager has to run and to have a leader.",
};
const ROLLOUT_PAUSED: Reason = Reason {
    code: "RolloutPaused",
    meaning: "The Deployment was changed while its rollout is paused, so the change does not reach the pods.",
    mend: "Resume it with kubectl rollout resume.",
};
const ROLLOUT_STUCK: Reason = Reason {
    code: "RolloutStuck",
    meaning: "The rollout has made no progress for longer than its deadline, and the pods do not say why.",
    mend: "Look at the events of the Deployment, its ReplicaSets and pods; go back with kubectl rollout undo.",
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
        let evidence = match judge_replicas(deployment) {
            Replicas::AsAsked | Replicas::Zero => Evidence::default(),
            Replicas::Fewer(_) => Evidence {
                last_words: fetch_last_words(context, namespace, &pods).await,
                lost_nodes: fetch_lost_nodes(context, &pods).await,
            },
        };
        outcomes.push(judge_deployment(deployment, &pods, &evidence, context.now));
    }
    Ok(merge(None, outcomes))
}

/// The nodes of pods that are not ready, where they are not ready themselves and the caller may read nodes.
async fn fetch_lost_nodes(context: &TrainerContext, pods: &[&Pod]) -> BTreeMap<String, String> {
    let mut lost = BTreeMap::new();
    for name in pods::nodes_in_doubt(pods) {
        let Ok(cluster) = context.cluster() else {
            break;
        };
        if let Ok(Some(node)) = cluster.fetch::<Node>(&Scope::Cluster, name).await
            && let Some(message) = lost_message(&node)
        {
            lost.insert(name.to_owned(), message);
        }
    }
    lost
}

/// What the condition of a node says that is not ready; `None` for one that is.
fn lost_message(node: &Node) -> Option<String> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|it| it.type_ == "Ready")?;
    (ready.status != "True").then(|| ready.message.clone().unwrap_or_default())
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
fn judge_deployment(
    deployment: &Deployment,
    pods: &[&Pod],
    evidence: &Evidence,
    now: Timestamp,
) -> Outcome {
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
        Replicas::AsAsked => {
            let restarts = pods::judge_restarts(&object, pods, now);
            let warning = restarts.map(|finding| Finding {
                level: Level::Warning,
                ..finding
            });
            Outcome::new(
                warning.into_iter().collect(),
                healthy_facts(deployment, pods),
            )
        }
        Replicas::Fewer(level) => {
            let finding = pods::judge(&object, pods, evidence)
                .or_else(|| refusals::judge(deployment, &object))
                .or_else(|| judge_rollout(deployment, &object))
                .unwrap_or_else(|| not_available(deployment, &object));
            let finding = undone(deployment, pods, finding);
            Outcome::of(Finding { level, ..finding })
        }
    }
}

/// While pods of the last revision still serve, going back to it mends what the new one brought.
fn undone(deployment: &Deployment, pods: &[&Pod], finding: Finding) -> Finding {
    let brought = [
        &pods::IMAGE_NOT_PULLED,
        &pods::UNSCHEDULABLE,
        &pods::CRASH_LOOP,
        &pods::WRONG_ARCHITECTURE,
        &pods::CONTAINER_NOT_CREATED,
    ];
    let owners = pods
        .iter()
        .flat_map(|pod| pod.metadata.owner_references.iter().flatten());
    let revisions: BTreeSet<_> = owners.map(|owner| owner.name.as_str()).collect();
    if !brought.contains(&finding.reason) || revisions.len() < 2 {
        return finding;
    }
    let mut undone = finding;
    let mend = rollout(deployment, "undo");
    let look = undone.mend.replace(mend);
    undone.advice = look.map(|look| format!("to see more first: {look}"));
    undone
}

/// What the Deployment itself says of a change that does not reach its pods.
fn judge_rollout(deployment: &Deployment, object: &str) -> Option<Finding> {
    let status = deployment.status.as_ref();
    if status.and_then(|it| it.observed_generation) < deployment.metadata.generation {
        let detail = format!("{object} was changed, but its status is of before the change");
        let mend = "kubectl -n kube-system get leases kube-controller-manager -o yaml";
        return Some(Finding::failed(&NOT_OBSERVED, detail).mended_by(mend));
    }
    if deployment.spec.as_ref()?.paused == Some(true) {
        let detail = format!("{object} was changed while its rollout is paused");
        let mend = rollout(deployment, "resume");
        return Some(Finding::failed(&ROLLOUT_PAUSED, detail).mended_by(mend));
    }
    let conditions = status?.conditions.as_ref()?;
    let stuck = conditions
        .iter()
        .find(|it| it.reason.as_deref() == Some("ProgressDeadlineExceeded"))?;
    let message = stuck.message.as_deref().unwrap_or("no message");
    let detail = format!("{object} makes no progress: {message}");
    Some(Finding::failed(&ROLLOUT_STUCK, detail).mended_by(describe(deployment)))
}

fn rollout(deployment: &Deployment, verb: &str) -> String {
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    format!("kubectl -n {namespace} rollout {verb} deployment/{name}")
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
    let restarts = pods::restarts(statuses.map(|status| status.restart_count).sum());
    vec![
        image_tag(image).unwrap_or("untagged").to_owned(),
        format!("{name}: {ready} ready, {restarts}, image {image}"),
    ]
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

    fn judge(deployment: &Deployment) -> Outcome {
        judge_deployment(deployment, &[], &Evidence::default(), now())
    }

    fn now() -> Timestamp {
        "2026-11-21T08:00:00Z".parse().unwrap()
    }

    fn judged(spec: &Value, status: &Value) -> Option<(Level, &'static str)> {
        let outcome = judge(&deployment(spec, status));
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
            Some((Level::Warning, "NotObserved"))
        );
    }

    #[test]
    fn what_keeps_pods_from_being_created_is_told() {
        let message = "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"";
        let refused = json!({"availableReplicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "message": message}]});
        let outcome = judge(&deployment(&json!({}), &refused));
        assert_eq!(outcome.findings[0].reason.code, "PodSecurityForbids");
        assert!(outcome.findings[0].detail.ends_with(message));
    }

    #[test]
    fn a_healthy_controller_is_summed_up_by_its_tag() {
        let outcome = judge(&deployment(&json!({}), &json!({})));
        assert_eq!(outcome.facts[0], "v2.3.0");
    }

    #[test]
    fn a_rollout_that_is_paused_or_stuck_is_told() {
        let behind = json!({"updatedReplicas": 0});
        assert_eq!(
            judged(&json!({"paused": true}), &behind),
            Some((Level::Warning, "RolloutPaused"))
        );
        assert_eq!(judged(&json!({"paused": true}), &json!({})), None);
        let gave_up = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"x\" has timed out progressing."});
        let status = json!({"availableReplicas": 0, "conditions": [gave_up]});
        assert_eq!(
            judged(&json!({}), &status),
            Some((Level::Failed, "RolloutStuck"))
        );
    }

    fn pod(owner: &str, status: &Value) -> Pod {
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": "1"});
        let object = json!({
            "metadata": {"name": "a", "namespace": "kubeflow-system", "ownerReferences": [owner]},
            "spec": {"nodeName": "n1", "containers": []}, "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn what_a_new_revision_brought_is_undone_while_the_last_one_serves() {
        let waiting = json!({"waiting": {"reason": "ErrImagePull"}});
        let container = json!({"name": "manager", "ready": false, "restartCount": 0, "image": "a", "imageID": "", "state": waiting});
        let new = pod("c-2", &json!({"containerStatuses": [container]}));
        let old = pod(
            "c-1",
            &json!({"conditions": [{"type": "Ready", "status": "True"}]}),
        );
        let rolling = deployment(&json!({}), &json!({"replicas": 2}));
        let judged = |pods: &[&Pod]| {
            let outcome = judge_deployment(&rolling, pods, &Evidence::default(), now());
            outcome.findings[0].mend.clone().unwrap()
        };
        assert_eq!(
            judged(&[&new, &old]),
            "kubectl -n kubeflow-system rollout undo deployment/kubeflow-trainer-controller-manager"
        );
        assert_eq!(judged(&[&new]), "kubectl -n kubeflow-system describe pod a");
    }

    #[test]
    fn a_lost_node_is_told_before_what_it_last_said_of_its_pods() {
        let crashed = json!({"terminated": {"exitCode": 1}});
        let container = json!({"name": "manager", "ready": false, "restartCount": 0, "image": "a", "imageID": "", "state": crashed});
        let pod = pod("c-1", &json!({"containerStatuses": [container]}));
        let condition = json!({"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."});
        let node: Node =
            serde_json::from_value(json!({"status": {"conditions": [condition]}})).unwrap();
        let evidence = Evidence {
            lost_nodes: BTreeMap::from([("n1".to_owned(), lost_message(&node).unwrap())]),
            ..Evidence::default()
        };
        let unavailable = deployment(&json!({}), &json!({"availableReplicas": 0}));
        let outcome = judge_deployment(&unavailable, &[&pod], &evidence, now());
        let finding = &outcome.findings[0];
        assert_eq!(finding.reason.code, "NodeLost");
        assert!(
            finding
                .detail
                .ends_with("is lost: Kubelet stopped posting node status.")
        );
    }

    #[test]
    fn a_controller_that_keeps_restarting_is_a_warning_for_ten_minutes() {
        let ended = |reason: &str, at: &str| {
            let last = json!({"terminated": {"exitCode": 137, "reason": reason, "finishedAt": at}});
            let container = json!({"name": "manager", "ready": true, "restartCount": 3, "image": "a", "imageID": "", "lastState": last});
            let pod = pod("c-1", &json!({"containerStatuses": [container]}));
            let well = deployment(&json!({}), &json!({}));
            let outcome = judge_deployment(&well, &[&pod], &Evidence::default(), now());
            let finding = outcome.findings.first();
            finding.map(|finding| (finding.level, finding.reason.code))
        };
        let lately = "2026-11-21T07:55:00Z";
        assert_eq!(
            ended("Error", lately),
            Some((Level::Warning, "RestartsOften"))
        );
        assert_eq!(
            ended("OOMKilled", lately),
            Some((Level::Warning, "OutOfMemory"))
        );
        assert_eq!(ended("Error", "2026-11-21T07:45:00Z"), None);
    }
}
