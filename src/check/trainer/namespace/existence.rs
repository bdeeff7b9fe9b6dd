//! Does the namespace exist, and does it still take objects? Told from whatever the caller is allowed to see.

use std::rc::Rc;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::DynamicObject;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{AccessAnswer, Failure, FailureKind},
};

use super::{
    super::{
        IDENTITY, NS_EXISTS, TrainerContext,
        termination::{Hold, judge_hold},
        webhooks::train_job_probe,
    },
    facts::Answers,
};

pub(crate) const EXISTS: Check<TrainerContext> = Check {
    id: NS_EXISTS,
    category: Category::Namespace,
    title: "The namespace exists and takes new objects",
    hint: "see the namespaces that you may use: kubectl get namespaces",
    page: "Reads the namespace of -n or the context. Who may not read namespaces still learns whether it exists: from a RoleBinding in it that gives a right to the caller, or from the dry run of a TrainJob in it.\n\n\
           A namespace that is being deleted takes no new objects; what keeps it from going is named.",
    reasons: &[&MISSING, &TERMINATING, &HELD_BY_FINALIZER],
    severity: Severity::Error,
    requires: &[IDENTITY],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_existence(context)),
};

const MISSING: Reason = Reason {
    code: "Missing",
    meaning: "There is no namespace of this name, so nothing can be created in it.",
    mend: "Name another with -n, set it in the context with kubectl config set-context, or create it.",
};
pub(in super::super) const TERMINATING: Reason = Reason {
    code: "Terminating",
    meaning: "The namespace is being deleted: nothing new can be created in it, and what is in it goes away.",
    mend: "Name another namespace with -n. To have this one back, let the deletion end, with the finalizers of what remains removed where they hold it, and create it again.",
};
pub(in super::super) const HELD_BY_FINALIZER: Reason = Reason {
    code: "HeldByFinalizer",
    meaning: "The namespace is being deleted, but a finalizer of its own holds it, whose controller is gone or not done.",
    mend: "Start the controller that the finalizer belongs to, or remove the finalizer; then the deletion ends and the namespace can be created again.",
};

async fn check_existence(context: &TrainerContext) -> Outcome {
    let name = &context.namespace;
    match context.fetch_namespace(name).await {
        Ok(namespace) => judge_namespace(name, namespace.as_ref().as_ref()),
        Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => {
            check_blindly(context, &failure).await
        }
        Err(failure) => Outcome::of(Finding::of_failure(&failure)),
    }
}

/// For callers who may not read the namespace itself.
async fn check_blindly(context: &TrainerContext, failure: &Failure) -> Outcome {
    let answers = context.fetch_answers().await;
    if let Some(outcome) = answers
        .ok()
        .and_then(|answers| judge_bindings(&context.namespace, &answers))
    {
        return outcome;
    }
    let probe = serde_json::from_value::<DynamicObject>(train_job_probe(&context.namespace));
    let (Ok(cluster), Ok(probe)) = (context.cluster(), probe) else {
        return Outcome::of(Finding::of_failure(failure));
    };
    let answer = cluster
        .create_dry_run(&probe)
        .await
        .map(drop)
        .map_err(Rc::new);
    judge_dry_run(
        &context.namespace,
        answer.as_ref().copied().map_err(Rc::as_ref),
    )
    .unwrap_or_else(|| Outcome::of(Finding::of_failure(failure)))
}

/// A `RoleBinding` is an object of its namespace, so a right that comes from one proves the namespace.
fn judge_bindings(name: &str, answers: &Answers) -> Option<Outcome> {
    let place = format!("/{name}\"");
    let proves = |answer: &&AccessAnswer| {
        matches!(answer, AccessAnswer::Allowed(reason)
            if reason.split_once("RoleBinding \"").is_some_and(|(before, binding)|
                !before.ends_with("Cluster") && binding.split(' ').next().is_some_and(|first| first.ends_with(&place))))
    };
    answers.iter().flatten().find(proves)?;
    Some(Outcome::passed(format!(
        "{name}, seen by a RoleBinding in it"
    )))
}

/// What the dry run of a TrainJob says about its namespace; nothing when it was not allowed or got no answer.
fn judge_dry_run(name: &str, answer: Result<(), &Failure>) -> Option<Outcome> {
    let exists = Outcome::passed(format!("{name}, seen by a dry run in it"));
    let Err(failure) = answer else {
        return Some(exists);
    };
    match &failure.kind {
        FailureKind::NotFound {
            object: Some(missing),
            ..
        } if missing.resource == "namespaces" => Some(judge_namespace(name, None)),
        FailureKind::Rejected { message, .. } if message.contains("it is being terminated") => {
            let detail = format!("namespace {name} is being deleted");
            Some(Outcome::of(Finding::failed(&TERMINATING, detail)))
        }
        FailureKind::Rejected { .. } => Some(exists),
        _ => None,
    }
}

/// Of a namespace that exists or does not; the fact is its name.
pub(in super::super) fn judge_namespace(name: &str, namespace: Option<&Namespace>) -> Outcome {
    let Some(namespace) = namespace else {
        let finding = Finding::failed(&MISSING, format!("namespace {name} does not exist"));
        return Outcome::of(finding.mended_by(format!("kubectl create namespace {name}")));
    };
    if namespace.metadata.deletion_timestamp.is_none() {
        return Outcome::passed(name);
    }
    let going = format!("namespace {name} is being deleted");
    Outcome::of(match judge_hold(namespace) {
        Hold::Finalizers { names, removal } => {
            let detail = format!("{going}, but {names} holds it");
            Finding::failed(&HELD_BY_FINALIZER, detail).mended_by(removal)
        }
        Hold::Content { words, list } => Finding {
            mend: list,
            ..Finding::failed(&TERMINATING, format!("{going}: {words}"))
        },
        Hold::Nothing => Finding::failed(&TERMINATING, going),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure {
            request: "create (dry run) TrainJob team-a/kubectl-trainer-verify".to_owned(),
            kind,
            target: None,
        }
    }

    fn judged(namespace: &Value) -> Outcome {
        judge_namespace(
            "team-a",
            Some(&serde_json::from_value(namespace.clone()).unwrap()),
        )
    }

    fn reason(outcome: &Outcome) -> Option<&'static str> {
        outcome.findings.first().map(|finding| finding.reason.code)
    }

    #[test]
    fn a_namespace_in_deletion_names_what_holds_it() {
        let deleted =
            json!({"metadata": {"name": "team-a", "deletionTimestamp": "2026-11-21T08:00:00Z"}});
        let held = json!({"metadata": deleted["metadata"], "spec": {"finalizers": ["kubernetes", "example.com/keep"]}});
        let full = json!({"metadata": deleted["metadata"], "spec": {"finalizers": ["kubernetes"]}, "status": {"conditions": [
            {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content successfully deleted"},
            {"type": "NamespaceContentRemaining", "status": "True",
             "message": "Some resources are remaining: configmaps. has 1 resource instances, jobs.batch has 2 resource instances"},
        ]}});
        assert_eq!(
            reason(&judged(&json!({"metadata": {"name": "team-a"}}))),
            None
        );
        assert_eq!(reason(&judged(&deleted)), Some("Terminating"));
        assert_eq!(reason(&judged(&held)), Some("HeldByFinalizer"));
        let outcome = judged(&full);
        assert_eq!(reason(&outcome), Some("Terminating"));
        let mend = outcome.findings[0].mend.as_deref().unwrap();
        assert!(
            mend.starts_with("kubectl -n team-a get configmaps,jobs.batch "),
            "{mend}"
        );
    }

    #[test]
    fn only_a_binding_in_the_namespace_proves_it() {
        let proved = |reason: &str| {
            judge_bindings(
                "team-a",
                &vec![Ok(AccessAnswer::Allowed(reason.to_owned()))],
            )
            .is_some()
        };
        assert!(proved(
            "RBAC: allowed by RoleBinding \"viewer/team-a\" of Role \"viewer\" to User \"jane\""
        ));
        for reason in [
            "",
            "RBAC: allowed by RoleBinding \"viewer/team-b\" of Role \"x/team-a\" to User \"jane\"",
            "RBAC: allowed by ClusterRoleBinding \"x/team-a\" of ClusterRole \"viewer\" to User \"jane\"",
        ] {
            assert!(!proved(reason), "{reason}");
        }
    }

    #[test]
    fn a_dry_run_proves_what_the_server_says_about_the_namespace() {
        let rejected = |message: &str| {
            failure(FailureKind::Rejected {
                message: message.to_owned(),
                webhook: None,
            })
        };
        let missing = failure(FailureKind::NotFound {
            object: Some(crate::cluster::MissingObject {
                resource: "namespaces".to_owned(),
                name: "team-a".to_owned(),
            }),
            message: String::new(),
        });
        let forbidden = failure(FailureKind::Forbidden(Box::default()));
        let judged = |answer: Result<(), &Failure>| {
            judge_dry_run("team-a", answer).map(|outcome| reason(&outcome))
        };
        assert_eq!(judged(Ok(())), Some(None));
        assert_eq!(judged(Err(&rejected("no such runtime"))), Some(None));
        let terminating =
            "unable to create new content in namespace team-a because it is being terminated";
        assert_eq!(
            judged(Err(&rejected(terminating))),
            Some(Some("Terminating"))
        );
        assert_eq!(judged(Err(&missing)), Some(Some("Missing")));
        assert_eq!(judged(Err(&forbidden)), None);
    }
}
