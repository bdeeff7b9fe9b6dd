//! The category Controllers, first half: where Trainer and JobSet live.

use std::rc::Rc;

use k8s_openapi::api::core::v1::Namespace;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, FailureKind},
};

use super::{
    IDENTITY, NAMESPACE as NAMESPACE_ID, TrainerContext,
    installation::{Configuration, FoundBy, Part, Place, services},
    merge,
    termination::{Hold, judge_hold},
};

pub(crate) const NAMESPACE: Check<TrainerContext> = Check {
    id: NAMESPACE_ID,
    category: Category::Controllers,
    title: "Trainer and JobSet are installed",
    hint: "apply the manager overlay of a Trainer release",
    page: "Finds the namespaces of Trainer and JobSet. The webhook configurations of both have fixed names and say which Service the API server calls, so they name the namespace whatever it is: kubeflow-system, kubeflow, or one of your own.\n\n\
           Without webhook configurations, the Deployments of all namespaces are searched for the controllers' labels and images.",
    reasons: &[
        &NOT_FOUND,
        &FOUND_WITHOUT_WEBHOOKS,
        &SEVERAL_NAMESPACES,
        &NAMESPACE_MISSING,
        &NAMESPACE_TERMINATING,
    ],
    severity: Severity::Error,
    requires: &[IDENTITY],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_namespaces(context)),
};

const NOT_FOUND: Reason = Reason {
    code: "NotFound",
    meaning: "Neither a webhook configuration nor a Deployment of this controller exists: it is not installed, or was removed.",
    mend: "Apply the manager overlay of the Trainer release; it holds JobSet, too.",
};
const FOUND_WITHOUT_WEBHOOKS: Reason = Reason {
    code: "FoundWithoutWebhooks",
    meaning: "The controller's webhook configurations are missing; it was only found by its Deployment.",
    mend: "Apply the manager overlay of the Trainer release again; it holds the webhook configurations.",
};
const SEVERAL_NAMESPACES: Reason = Reason {
    code: "SeveralNamespaces",
    meaning: "The webhook configurations lead to more than one namespace: two installations fight over them.",
    mend: "Decide for one installation and remove the other; then apply the manifests of the one that stays again.",
};
const NAMESPACE_MISSING: Reason = Reason {
    code: "NamespaceMissing",
    meaning: "The webhook configurations lead to a namespace that does not exist: the installation was removed in part. Until they are gone, nobody can create TrainJobs, and JobSet's block pods.",
    mend: "Install Trainer again, or delete the webhook configurations that were left over.",
};
const NAMESPACE_TERMINATING: Reason = Reason {
    code: "NamespaceTerminating",
    meaning: "The namespace of the controllers is being deleted, and something in it, or a finalizer of its own, holds it. Nothing can be created in it until it is gone.",
    mend: "Remove what holds it: the command beside the finding removes the namespace's own finalizer, or lists what is left in it with its finalizers. Then install Trainer again.",
};

async fn check_namespaces(context: &TrainerContext) -> Outcome {
    let (trainer, jobset) = tokio::join!(
        check_part(context, Part::Trainer),
        check_part(context, Part::JobSet)
    );
    let places = [trainer.0, jobset.0];
    let mut namespaces: Vec<_> = places.into_iter().flatten().collect();
    namespaces.dedup();
    let summary = (!namespaces.is_empty()).then(|| format!("in {}", namespaces.join(" and ")));
    merge(summary, [trainer.1, jobset.1])
}

/// The namespace, if one was found, and what is to be said of it.
async fn check_part(context: &TrainerContext, part: Part) -> (Option<String>, Outcome) {
    let (configurations, place) = tokio::join!(
        context.fetch_configurations(part),
        context.fetch_place(part)
    );
    let place = match place {
        Ok(place) => place,
        Err(failure) => return (None, Outcome::of(Finding::of_failure(&failure))),
    };
    let Some(place) = place.as_ref() else {
        let name = part.name();
        let detail = format!(
            "{name} is not installed: no webhook configuration and no Deployment of it exists"
        );
        return (None, Outcome::of(Finding::failed(&NOT_FOUND, detail)));
    };
    let namespace = context.fetch_namespace(&place.namespace).await;
    let configured = configurations.as_deref().map(Vec::as_slice);
    let found = judge_place(part, place, configured.map_err(Rc::as_ref));
    let alive = judge_namespace(&place.namespace, namespace.as_deref().map_err(Rc::as_ref));
    (Some(place.namespace.clone()), merge(None, [found, alive]))
}

fn judge_place(
    part: Part,
    place: &Place,
    configurations: Result<&[Configuration], &Failure>,
) -> Outcome {
    let (name, namespace) = (part.name(), &place.namespace);
    match (place.found_by, configurations) {
        (FoundBy::WebhookConfigurations, Ok(configurations)) => {
            let mut namespaces: Vec<_> = services(configurations)
                .into_iter()
                .map(|service| service.namespace)
                .collect();
            namespaces.dedup();
            if namespaces.len() > 1 {
                let detail = format!(
                    "the webhooks of {name} lead to the namespaces {}",
                    namespaces.join(" and ")
                );
                return Outcome::of(
                    Finding::failed(&SEVERAL_NAMESPACES, detail).mended_by(list_command(part)),
                );
            }
            Outcome::new(
                Vec::new(),
                vec![format!(
                    "{name} is in {namespace}, by its webhook configurations"
                )],
            )
        }
        (FoundBy::PublicConfigMap, Err(failure)) => Outcome::new(
            vec![Finding::of_failure(failure)],
            vec![format!(
                "{name} is taken to be in {namespace}, by Trainer's public ConfigMap"
            )],
        ),
        _ => {
            let detail = format!(
                "{name} has no webhook configurations; its Deployment was found in {namespace}"
            );
            Outcome::of(
                Finding::warning(&FOUND_WITHOUT_WEBHOOKS, detail).mended_by(list_command(part)),
            )
        }
    }
}

fn list_command(part: Part) -> String {
    let (validating, mutating) = part.configurations();
    format!(
        "kubectl get validatingwebhookconfiguration/{validating} mutatingwebhookconfiguration/{mutating}"
    )
}

fn judge_namespace(name: &str, namespace: Result<&Option<Namespace>, &Failure>) -> Outcome {
    match namespace {
        Ok(None) => {
            let detail =
                format!("namespace {name} does not exist, but webhook configurations lead to it");
            Outcome::of(
                Finding::failed(&NAMESPACE_MISSING, detail)
                    .mended_by(format!("kubectl get namespace {name}")),
            )
        }
        Ok(Some(namespace)) if namespace.metadata.deletion_timestamp.is_some() => {
            Outcome::of(terminating(name, namespace))
        }
        // What is in it will be asked anyway; that it may not be read itself is no finding.
        Ok(Some(_))
        | Err(Failure {
            kind: FailureKind::Forbidden(_),
            ..
        }) => Outcome::default(),
        Err(failure) => Outcome::of(Finding::of_failure(failure)),
    }
}

/// With what holds it.
fn terminating(name: &str, namespace: &Namespace) -> Finding {
    let look = || format!("kubectl get namespace {name} -o yaml");
    let (held, mend) = match judge_hold(namespace) {
        Hold::Finalizers { names, removal } => (format!(", and held by {names}"), removal),
        Hold::Content { words, list } => {
            (format!(", and held: {words}"), list.unwrap_or_else(look))
        }
        Hold::Nothing => (String::new(), look()),
    };
    let detail = format!("namespace {name} is being deleted{held}");
    Finding::failed(&NAMESPACE_TERMINATING, detail).mended_by(mend)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::trainer::installation::{ConfigurationKind, ServiceAddress, Webhook};

    fn configuration(namespaces: &[&str]) -> Configuration {
        let webhook = |namespace: &&str| Webhook {
            name: "any".to_owned(),
            service: Some(ServiceAddress {
                namespace: (*namespace).to_owned(),
                name: "webhook".to_owned(),
                port: 443,
            }),
            ca_bundle: Vec::new(),
        };
        Configuration {
            kind: ConfigurationKind::Validating,
            name: "any".to_owned(),
            webhooks: namespaces.iter().map(webhook).collect(),
        }
    }

    fn judged(found_by: FoundBy, configurations: &[Configuration]) -> Option<&'static str> {
        let place = Place {
            namespace: "ml".to_owned(),
            found_by,
        };
        let outcome = judge_place(Part::Trainer, &place, Ok(configurations));
        outcome.findings.first().map(|finding| finding.reason.code)
    }

    #[test]
    fn any_one_namespace_will_do() {
        assert_eq!(
            judged(
                FoundBy::WebhookConfigurations,
                &[configuration(&["ml", "ml"])]
            ),
            None
        );
        assert_eq!(
            judged(
                FoundBy::WebhookConfigurations,
                &[configuration(&["ml"]), configuration(&["kubeflow"])]
            ),
            Some("SeveralNamespaces")
        );
        assert_eq!(
            judged(FoundBy::Deployment, &[]),
            Some("FoundWithoutWebhooks")
        );
    }

    #[test]
    fn a_namespace_that_is_gone_or_going_is_told() {
        let reason = |namespace: Option<Namespace>| {
            judge_namespace("ml", Ok(&namespace))
                .findings
                .first()
                .map(|finding| finding.reason.code)
        };
        let going = serde_json::from_value(
            json!({"metadata": {"name": "ml", "deletionTimestamp": "2026-11-21T08:00:00Z"}}),
        );
        assert_eq!(reason(None), Some("NamespaceMissing"));
        assert_eq!(reason(Some(Namespace::default())), None);
        assert_eq!(reason(Some(going.unwrap())), Some("NamespaceTerminating"));
    }

    #[test]
    fn what_holds_a_namespace_is_told_with_its_removal() {
        let going = json!({"metadata": {
            "name": "ml", "deletionTimestamp": "2026-11-21T08:00:00Z",
            "finalizers": ["controller.cattle.io/namespace-auth"],
        }});
        let going = Some(serde_json::from_value(going).unwrap());
        let outcome = judge_namespace("ml", Ok(&going));
        let finding = &outcome.findings[0];
        assert_eq!(
            finding.detail,
            "namespace ml is being deleted, and held by controller.cattle.io/namespace-auth"
        );
        let mend = finding.mend.as_deref().unwrap();
        assert!(mend.starts_with("kubectl patch namespace ml "), "{mend}");
    }
}
