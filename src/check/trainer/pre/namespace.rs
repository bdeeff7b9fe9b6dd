//! Does the namespace of the installation take the controllers' pods: is it going away, does admission refuse them?

use std::rc::Rc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, FailureKind},
    releases::PodFacts,
};

use super::{
    super::{
        IDENTITY, TrainerContext, conclude, merge,
        namespace::{HELD_BY_FINALIZER, TERMINATING, judge_namespace},
    },
    PRE_NAMESPACE, find_namespace, target,
};

pub(super) const NAMESPACE: Check<TrainerContext> = Check {
    id: PRE_NAMESPACE,
    category: Category::Installation,
    title: "The namespace takes the controllers",
    hint: "make room in the namespace for the controllers' pods, or let its deletion end",
    page: "Looks at the namespace of the installation: where Trainer already lives, else kubeflow-system. When it does not exist, the release makes it.\n\n\
           When it does, the pods of both controllers are created in it by dry run, with the images, resources and security contexts of the newest release: quotas, limit ranges, Pod Security and foreign webhooks say then what they would say to the real ones. Nothing is stored.",
    reasons: &[
        &TERMINATING,
        &HELD_BY_FINALIZER,
        &POD_SECURITY,
        &QUOTA,
        &REFUSED,
    ],
    severity: Severity::Error,
    requires: &[IDENTITY],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_namespace(context).await) }),
};

const POD_SECURITY: Reason = Reason {
    code: "PodSecurity",
    meaning: "The namespace enforces a Pod Security level that the controllers' pods do not meet, so that their Deployments would get none.",
    mend: "Label the namespace for the level that the message asks for, or use a release whose controllers meet it: 2.3 meets restricted.",
};
const QUOTA: Reason = Reason {
    code: "Quota",
    meaning: "A ResourceQuota of the namespace has no room for a controller's pod, or wants it to say more than it does.",
    mend: "Raise the quota, or give the namespace a LimitRange with defaults.",
};
const REFUSED: Reason = Reason {
    code: "Refused",
    meaning: "An admission policy or webhook of the cluster refuses a controller's pod in this namespace.",
    mend: "The message names who refused. Exempt the namespace there.",
};

/// Name of the pods that are never stored.
const PROBE: &str = "kubectl-trainer-verify";

async fn check_namespace(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let name = find_namespace(context).await?;
    let namespace = context.fetch_namespace(&name).await?;
    let Some(namespace) = namespace.as_ref() else {
        return Ok(Outcome::passed(format!(
            "{name} does not exist; the release makes it"
        )));
    };
    if is_leaving(namespace) {
        return Ok(judge_namespace(&name, Some(namespace)));
    }
    let pods = target().map_or(&[][..], |release| release.pods);
    let tries = pods.iter().map(|pod| try_pod(context, &name, pod));
    let outcomes = join_all(tries).await;
    Ok(keep_first_of_each_reason(merge(
        Some(name.clone()),
        outcomes,
    )))
}

fn is_leaving(namespace: &Namespace) -> bool {
    namespace.metadata.deletion_timestamp.is_some()
}

async fn try_pod(context: &TrainerContext, namespace: &str, pod: &PodFacts) -> Outcome {
    let object = serde_json::from_value::<DynamicObject>(probe(namespace, pod));
    match (context.cluster(), object) {
        (Ok(cluster), Ok(object)) => {
            let answer = cluster.create_dry_run(&object).await.map(drop);
            judge_pod(namespace, pod.deployment, answer.as_ref().copied())
        }
        (Err(failure), _) => Outcome::of(Finding::of_failure(&failure)),
        // The facts are constant, and a test decodes them.
        (_, Err(error)) => Outcome::of(Finding::failed(&REFUSED, error.to_string())),
    }
}

fn probe(namespace: &str, pod: &PodFacts) -> Value {
    let spec: Value = serde_json::from_str(pod.spec).unwrap_or_default();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": PROBE, "namespace": namespace},
        "spec": spec,
    })
}

fn judge_pod(namespace: &str, deployment: &str, answer: Result<(), &Failure>) -> Outcome {
    let failure = match answer {
        Ok(()) => return Outcome::passed(format!("a pod of {deployment} is accepted")),
        Err(failure) => failure,
    };
    let FailureKind::Rejected { message, .. } = &failure.kind else {
        return Outcome::of(Finding::of_failure(failure));
    };
    let detail = format!("namespace {namespace} would refuse a pod of {deployment}: {message}");
    Outcome::of(if message.contains("violates PodSecurity") {
        let mend = format!(
            "kubectl label namespace {namespace} pod-security.kubernetes.io/enforce=baseline --overwrite"
        );
        Finding::failed(&POD_SECURITY, detail).mended_by(mend)
    } else if message.contains("exceeded quota") || message.contains("failed quota") {
        let mend = format!("kubectl -n {namespace} describe resourcequotas");
        Finding::failed(&QUOTA, detail).mended_by(mend)
    } else {
        Finding::failed(&REFUSED, detail)
    })
}

/// One quota that refuses both controllers is one cause.
fn keep_first_of_each_reason(outcome: Outcome) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for finding in outcome.findings {
        if findings.iter().all(|known| known.reason != finding.reason) {
            findings.push(finding);
        }
    }
    Outcome::new(findings, outcome.facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::releases::RELEASES;

    fn refused(message: &str) -> Failure {
        Failure {
            request: "create (dry run) Pod a/kubectl-trainer-verify".to_owned(),
            kind: FailureKind::Rejected {
                message: message.to_owned(),
                webhook: None,
            },
            target: None,
        }
    }

    /// The sentences are those of real API servers.
    #[test]
    fn each_way_to_refuse_a_pod_has_its_own_reason() {
        for (message, expected) in [
            (
                "pods \"kubectl-trainer-verify\" is forbidden: violates PodSecurity \"restricted:latest\": seccompProfile",
                "PodSecurity",
            ),
            (
                "pods \"kubectl-trainer-verify\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0",
                "Quota",
            ),
            (
                "pods \"kubectl-trainer-verify\" is forbidden: failed quota: small: must specify limits.cpu for: manager",
                "Quota",
            ),
            ("admission webhook \"policy\" denied the request", "Refused"),
        ] {
            let outcome = judge_pod("a", "trainer", Err(&refused(message)));
            assert_eq!(outcome.findings[0].reason.code, expected, "{message}");
        }
        assert_eq!(judge_pod("a", "trainer", Ok(())).findings, []);
    }

    #[test]
    fn a_quota_that_refuses_both_controllers_is_one_finding() {
        let quota = refused("exceeded quota: small");
        let both = ["trainer", "jobset"].map(|name| judge_pod("a", name, Err(&quota)));
        assert_eq!(
            keep_first_of_each_reason(merge(None, both)).findings.len(),
            1
        );
    }

    #[test]
    fn the_controllers_of_every_release_make_a_pod() {
        for pod in RELEASES.iter().flat_map(|release| release.pods) {
            let object: DynamicObject = serde_json::from_value(probe("a", pod)).unwrap();
            assert_eq!(object.types.unwrap().kind, "Pod");
            let image = object.data.pointer("/spec/containers/0/image");
            assert!(image.is_some_and(Value::is_string), "{}", pod.spec);
        }
    }
}
