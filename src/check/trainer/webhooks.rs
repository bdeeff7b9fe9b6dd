//! The category Webhooks, second half: are the webhooks really called, and do they answer?
//! The API server is asked to create objects without storing them (dry run), which runs every webhook for real.

use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, FailureKind, WebhookFault, WebhookOutcome},
};

use super::{
    CA_BUNDLES, CERTIFICATES, CRDS, ENDPOINTS, NS_EXISTS, TrainerContext, WEBHOOKS as WEBHOOKS_ID,
    merge,
};

pub(crate) const WEBHOOKS: Check<TrainerContext> = Check {
    id: WEBHOOKS_ID,
    category: Category::Webhooks,
    title: "The webhooks answer when they are called",
    hint: "read the log of the API server and of the controller whose webhook it is",
    page: "Asks the API server to create three objects without storing them (server-side dry run), in the namespace of -n or the context: a TrainJob whose runtime does not exist, which Trainer's validator has to refuse; a JobSet, and a pod with JobSet's label, which JobSet's webhooks have to let pass.\n\n\
           Nothing else proves that certificates, Services, network policies and firewalls work together. The call goes from the API server to the pod's port 9443, which private clusters often block.",
    reasons: &[
        &NOT_CALLED,
        &CALL_REFUSED,
        &CALL_NOT_TRUSTED,
        &CALL_TIMED_OUT,
        &CALL_CUT,
        &CALL_WITHOUT_ENDPOINTS,
        &CALL_WITHOUT_SERVICE,
        &CALL_FAILED,
        &PROBE_DENIED,
        &PROBE_NAMESPACE_MISSING,
        &OTHER_POLICY,
    ],
    severity: Severity::Error,
    requires: &[NS_EXISTS, CRDS, ENDPOINTS, CERTIFICATES, CA_BUNDLES],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_webhooks(context)),
};

const NOT_CALLED: Reason = Reason {
    code: "NotCalled",
    meaning: "The API server accepted a TrainJob whose runtime does not exist: the validator was not called, or may be passed over when it fails.",
    mend: "See whether validator.trainer.kubeflow.org exists, matches trainjobs, and has failurePolicy Fail; apply the manager overlay again.",
};
const CALL_REFUSED: Reason = Reason {
    code: "CallRefused",
    meaning: "The API server reached the pod's address, but nothing listens on the webhook's port: the controller is still starting, or serves another port.",
    mend: "Wait with --wait; if it stays, read the controller's log and compare the Service's target port.",
};
const CALL_NOT_TRUSTED: Reason = Reason {
    code: "CallNotTrusted",
    meaning: "The API server does not trust the certificate that the webhook shows, although Secret and caBundle agree: the pod still serves an older one.",
    mend: "Restart the controller with kubectl rollout restart.",
};
const CALL_TIMED_OUT: Reason = Reason {
    code: "CallTimedOut",
    meaning: "The API server got no answer in time: a firewall or NetworkPolicy drops its packets, or the pod hangs.",
    mend: "Allow the API server to reach port 9443 of the pods: a firewall rule on private clusters, a NetworkPolicy in the namespace.",
};
const CALL_CUT: Reason = Reason {
    code: "CallCut",
    meaning: "The connection broke before an answer: typically a service mesh's sidecar that intercepts the webhook's port.",
    mend: "Exclude port 9443 from the mesh (Istio: the annotation traffic.sidecar.istio.io/excludeInboundPorts on the pods).",
};
const CALL_WITHOUT_ENDPOINTS: Reason = Reason {
    code: "CallWithoutEndpoints",
    meaning: "The API server finds no ready pod behind the webhook's Service.",
    mend: "Wait with --wait; if it stays, look at the controller's pods.",
};
const CALL_WITHOUT_SERVICE: Reason = Reason {
    code: "CallWithoutService",
    meaning: "The Service that the webhook configuration names does not exist.",
    mend: "Apply the manager overlay of the Trainer release again.",
};
const CALL_FAILED: Reason = Reason {
    code: "CallFailed",
    meaning: "The API server could not call the webhook, for the reason that is quoted.",
    mend: "Follow the quoted reason; it is the API server's own.",
};
const PROBE_DENIED: Reason = Reason {
    code: "ProbeDenied",
    meaning: "JobSet's webhook answered, but refused an object that it should let pass.",
    mend: "Read the quoted message; compare the JobSet controller with the release that Trainer ships.",
};
const PROBE_NAMESPACE_MISSING: Reason = Reason {
    code: "ProbeNamespaceMissing",
    meaning: "The namespace in which the dry runs are made does not exist, so no webhook could be called.",
    mend: "Name an existing namespace with -n.",
};
const OTHER_POLICY: Reason = Reason {
    code: "OtherPolicy",
    meaning: "Something else than Trainer and JobSet refused the dry run: a quota, a Pod Security level, or a policy engine. Whether the webhooks answer could only be seen in part.",
    mend: "Name a namespace with -n in which you may train.",
};

/// Name of every object that a dry run pretends to create.
const PROBE: &str = "kubectl-trainer-verify";
const TRAIN_JOB_VALIDATOR: &str = "validator.trainjob.trainer.kubeflow.org";
const JOBSET_WEBHOOKS: [&str; 4] = ["mjobset.kb.io", "vjobset.kb.io", "mpod.kb.io", "vpod.kb.io"];

/// How refusals by a quota begin.
const QUOTA_SIGNS: [&str; 2] = ["exceeded quota: ", "failed quota: "];

/// What a dry run should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Denied,
    Accepted,
}

async fn check_webhooks(context: &TrainerContext) -> Outcome {
    let namespace = &context.namespace;
    let (train_job, job_set, pod) = tokio::join!(
        probe(context, train_job_probe(namespace), Expected::Denied),
        probe(context, job_set_probe(namespace), Expected::Accepted),
        probe(context, pod_probe(namespace), Expected::Accepted),
    );
    let outcome = merge(None, [train_job, job_set, pod]);
    let summary = outcome
        .findings
        .is_empty()
        .then(|| format!("{} dry runs in {namespace}", outcome.facts.len()));
    merge(summary, [outcome])
}

async fn probe(context: &TrainerContext, object: Value, expected: Expected) -> Outcome {
    let kind = object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let answer = match (
        context.cluster(),
        serde_json::from_value::<DynamicObject>(object),
    ) {
        (Ok(cluster), Ok(object)) => cluster.create_dry_run(&object).await.map(drop),
        (Err(failure), _) => return Outcome::of(Finding::of_failure(&failure)),
        // The probes are constant apart from the namespace, and the tests decode them.
        (_, Err(error)) => return Outcome::of(Finding::failed(&CALL_FAILED, error.to_string())),
    };
    judge_answer(&kind, expected, answer.as_ref().copied())
}

fn judge_answer(kind: &str, expected: Expected, answer: Result<(), &Failure>) -> Outcome {
    let failure = match (answer, expected) {
        (Ok(()), Expected::Accepted) => return Outcome::passed(format!("{kind}: accepted")),
        (Ok(()), Expected::Denied) => {
            let detail = format!(
                "a {kind} whose runtime does not exist was accepted: {TRAIN_JOB_VALIDATOR} was not called"
            );
            let mend =
                "kubectl get validatingwebhookconfiguration validator.trainer.kubeflow.org -o yaml";
            return Outcome::of(Finding::failed(&NOT_CALLED, detail).mended_by(mend));
        }
        (Err(failure), _) => failure,
    };
    match &failure.kind {
        FailureKind::Rejected {
            webhook: Some(fault),
            ..
        } => judge_fault(kind, expected, fault),
        // Quotas are asked last, after every webhook; the namespace's own checks tell that one is used up.
        FailureKind::Rejected {
            webhook: None,
            message,
        } if expected == Expected::Accepted
            && QUOTA_SIGNS.iter().any(|sign| message.contains(sign)) =>
        {
            Outcome::passed(format!(
                "{kind}: accepted by the webhooks, refused by a quota"
            ))
        }
        FailureKind::Rejected {
            webhook: None,
            message,
        } => Outcome::of(Finding::warning(
            &OTHER_POLICY,
            format!("the dry run of a {kind} was refused: {message}"),
        )),
        FailureKind::NotFound {
            object: Some(missing),
            ..
        } if missing.resource == "namespaces" => {
            let detail = format!(
                "namespace {} does not exist, so no dry run could be made in it",
                missing.name
            );
            Outcome::of(
                Finding::failed(&PROBE_NAMESPACE_MISSING, detail)
                    .mended_by("kubectl get namespaces"),
            )
        }
        _ => Outcome::of(Finding::of_failure(failure)),
    }
}

fn judge_fault(kind: &str, expected: Expected, fault: &WebhookFault) -> Outcome {
    let name = &fault.name;
    let ours = name.ends_with(".trainer.kubeflow.org") || JOBSET_WEBHOOKS.contains(&name.as_str());
    match (&fault.outcome, expected) {
        (WebhookOutcome::Denied(_), Expected::Denied) if name == TRAIN_JOB_VALIDATOR => {
            Outcome::passed(format!("{kind}: refused by {name}, as it should be"))
        }
        (WebhookOutcome::Denied(reason), _) if ours => Outcome::of(Finding::failed(
            &PROBE_DENIED,
            format!("{name} refused a {kind} that is in order: {reason}"),
        )),
        (WebhookOutcome::Unreachable(cause), _) if ours => judge_call(name, cause),
        (WebhookOutcome::Denied(reason) | WebhookOutcome::Unreachable(reason), _) => {
            Outcome::of(Finding::warning(
                &OTHER_POLICY,
                format!("the dry run of a {kind} was stopped by webhook {name}: {reason}"),
            ))
        }
    }
}

/// The cause is the Go client's sentence, with the URL in front: `Post "https://…": dial tcp …: connect: connection refused`.
fn judge_call(webhook: &str, cause: &str) -> Outcome {
    const SIGNS: [(&str, &Reason); 12] = [
        ("no endpoints available", &CALL_WITHOUT_ENDPOINTS),
        ("x509:", &CALL_NOT_TRUSTED),
        ("tls:", &CALL_NOT_TRUSTED),
        ("connection refused", &CALL_REFUSED),
        ("context deadline exceeded", &CALL_TIMED_OUT),
        ("i/o timeout", &CALL_TIMED_OUT),
        ("Client.Timeout", &CALL_TIMED_OUT),
        ("no route to host", &CALL_TIMED_OUT),
        ("EOF", &CALL_CUT),
        ("connection reset", &CALL_CUT),
        ("broken pipe", &CALL_CUT),
        ("service \"", &CALL_WITHOUT_SERVICE),
    ];
    let reason = SIGNS
        .iter()
        .find(|(sign, _)| cause.contains(sign))
        .map_or(&CALL_FAILED, |(_, reason)| *reason);
    let detail = format!("the API server cannot call {webhook}: {cause}");
    Outcome::of(Finding {
        mend: mend_call(cause),
        ..Finding::failed(reason, detail)
    })
}

/// The Service's endpoints, by the host name in the URL: `https://SERVICE.NAMESPACE.svc:443/…`.
fn mend_call(cause: &str) -> Option<String> {
    let (host, _) = cause.split_once("https://")?.1.split_once(".svc")?;
    let (service, namespace) = host.split_once('.')?;
    Some(format!(
        "kubectl -n {namespace} get endpointslices -l kubernetes.io/service-name={service} -o wide"
    ))
}

pub(super) fn train_job_probe(namespace: &str) -> Value {
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": PROBE, "namespace": namespace},
        "spec": {"runtimeRef": {
            "apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": "kubectl-trainer-no-such-runtime",
        }},
    })
}

fn job_set_probe(namespace: &str) -> Value {
    json!({
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": PROBE, "namespace": namespace},
        "spec": {"replicatedJobs": [{
            "name": "node",
            "template": {"spec": {"template": {"spec": pod_spec()}}},
        }]},
    })
}

/// JobSet's pod webhooks look at every pod with this label.
fn pod_probe(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": PROBE, "namespace": namespace, "labels": {"jobset.sigs.k8s.io/jobset-name": PROBE}},
        "spec": pod_spec(),
    })
}

/// Small and harmless enough for quotas and the Pod Security level "restricted".
fn pod_spec() -> Value {
    json!({
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "node",
            "image": "registry.k8s.io/pause:3.10",
            "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1m", "memory": "1Mi"}},
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure {
            request: "create (dry run) TrainJob default/kubectl-trainer-verify".to_owned(),
            kind,
            target: None,
        }
    }

    fn refused(name: &str, outcome: WebhookOutcome) -> Failure {
        let webhook = Some(WebhookFault {
            name: name.to_owned(),
            outcome,
        });
        failure(FailureKind::Rejected {
            message: "refused".to_owned(),
            webhook,
        })
    }

    fn reason(expected: Expected, answer: Result<(), &Failure>) -> Option<&'static str> {
        judge_answer("TrainJob", expected, answer)
            .findings
            .first()
            .map(|finding| finding.reason.code)
    }

    #[test]
    fn the_probes_are_objects_of_the_namespace() {
        for (probe, kind) in [
            (train_job_probe("team-a"), "TrainJob"),
            (job_set_probe("team-a"), "JobSet"),
            (pod_probe("team-a"), "Pod"),
        ] {
            let object: DynamicObject = serde_json::from_value(probe).unwrap();
            assert_eq!(object.types.unwrap().kind, kind);
            assert_eq!(object.metadata.namespace.as_deref(), Some("team-a"));
        }
    }

    #[test]
    fn the_validator_has_to_refuse_and_the_others_to_accept() {
        let denied =
            |name: &str| refused(name, WebhookOutcome::Denied("no such runtime".to_owned()));
        assert_eq!(
            reason(Expected::Denied, Err(&denied(TRAIN_JOB_VALIDATOR))),
            None
        );
        assert_eq!(reason(Expected::Denied, Ok(())), Some("NotCalled"));
        assert_eq!(reason(Expected::Accepted, Ok(())), None);
        assert_eq!(
            reason(Expected::Accepted, Err(&denied("vjobset.kb.io"))),
            Some("ProbeDenied")
        );
        assert_eq!(
            reason(
                Expected::Accepted,
                Err(&denied("validate.kyverno.svc-fail"))
            ),
            Some("OtherPolicy")
        );
    }

    /// The sentences are those of real API servers.
    #[test]
    fn each_way_in_which_a_call_fails_has_its_own_reason() {
        let url = "Post \"https://jobset-webhook-service.kubeflow-system.svc:443/mutate--v1-pod?timeout=10s\"";
        for (cause, expected) in [
            (
                "no endpoints available for service \"jobset-webhook-service\"",
                "CallWithoutEndpoints",
            ),
            (
                "service \"jobset-webhook-service\" not found",
                "CallWithoutService",
            ),
            (
                "dial tcp 10.244.1.3:9443: connect: connection refused",
                "CallRefused",
            ),
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                "CallNotTrusted",
            ),
            (
                "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
                "CallNotTrusted",
            ),
            ("context deadline exceeded", "CallTimedOut"),
            ("dial tcp 10.244.1.3:9443: i/o timeout", "CallTimedOut"),
            (
                "net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
                "CallTimedOut",
            ),
            ("EOF", "CallCut"),
            (
                "read tcp 10.10.0.1:4711->10.244.1.3:9443: read: connection reset by peer",
                "CallCut",
            ),
            (
                "the server could not find the requested resource",
                "CallFailed",
            ),
        ] {
            let answer = refused(
                "mpod.kb.io",
                WebhookOutcome::Unreachable(format!("{url}: {cause}")),
            );
            assert_eq!(
                reason(Expected::Accepted, Err(&answer)),
                Some(expected),
                "{cause}"
            );
        }
    }

    #[test]
    fn a_failed_call_leads_to_the_endpoints_of_its_service() {
        let cause = "Post \"https://jobset-webhook-service.kubeflow-system.svc:443/mutate--v1-pod?timeout=10s\": EOF";
        let expected = "kubectl -n kubeflow-system get endpointslices -l kubernetes.io/service-name=jobset-webhook-service -o wide";
        assert_eq!(mend_call(cause).as_deref(), Some(expected));
        assert_eq!(mend_call("EOF"), None);
    }

    #[test]
    fn what_others_refuse_is_not_held_against_trainer() {
        let refused = |message: &str| {
            let refusal = failure(FailureKind::Rejected {
                message: message.to_owned(),
                webhook: None,
            });
            let outcome = judge_answer("Pod", Expected::Accepted, Err(&refusal));
            outcome
                .findings
                .first()
                .map(|finding| (finding.level, finding.reason.code))
        };
        assert_eq!(
            refused("violates PodSecurity \"restricted:latest\""),
            Some((crate::check::Level::Warning, "OtherPolicy"))
        );
        assert_eq!(refused("exceeded quota: small, requested: pods=1"), None);
    }
}
