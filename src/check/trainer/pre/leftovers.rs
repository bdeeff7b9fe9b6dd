//! Does something of an earlier installation stand in the way: webhook configurations, CRDs, finalizers?

use std::rc::Rc;

use futures::future::join_all;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};

use crate::{
    check::{Category, Check, Finding, Level, Outcome, Reason, Retry, Severity},
    cluster::{Failure, FailureKind, Scope},
};

use super::{
    super::{
        IDENTITY, Part, TrainerContext, conclude,
        definition::Definition,
        definitions::{NEEDED, Needed},
        installation::{Configuration, ServiceAddress, belongs_to, services},
        merge,
    },
    PRE_LEFTOVERS,
};

pub(super) const LEFTOVERS: Check<TrainerContext> = Check {
    id: PRE_LEFTOVERS,
    category: Category::Installation,
    title: "Nothing is left over that stands in the way",
    hint: "remove what is left of the earlier installation",
    page: "Looks for what an installation leaves behind that was removed in part: webhook configurations that call a Service which does not exist, CRDs whose deletion is held, and runtimes with finalizers that nobody removes any more.\n\n\
           A webhook configuration without its Service refuses every TrainJob, and every object of its kind, so that finalizers cannot be removed either: delete it first.",
    reasons: &[&SERVICE_GONE, &CRD_HELD, &RUNTIME_HELD],
    severity: Severity::Error,
    requires: &[IDENTITY],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_leftovers(context)),
};

const SERVICE_GONE: Reason = Reason {
    code: "ServiceGone",
    meaning: "Webhook configurations of Trainer or JobSet call a Service that does not exist: the namespace was deleted, but they belong to no namespace and stayed. Until they are gone, the API server refuses what they look at: TrainJobs, runtimes, JobSets and the pods of JobSets.",
    mend: "Delete the named webhook configurations. Applying a release makes them anew.",
};
const CRD_HELD: Reason = Reason {
    code: "CrdHeld",
    meaning: "A CRD is being deleted and waits for objects that have a finalizer, whose controller is gone or not done. Until then it cannot be applied again.",
    mend: "Remove the finalizers from the named objects with the printed command; then the deletion ends.",
};
const RUNTIME_HELD: Reason = Reason {
    code: "RuntimeHeld",
    meaning: "A runtime has a finalizer, and the controller that would remove it is gone. Releases before 2.3 put one on every runtime that a TrainJob uses; 2.3 removes none.",
    mend: "Remove the finalizers from the named runtimes with the printed command.",
};

/// Objects that one finding names and mends; the others are counted, and named in the next run.
const NAMED: usize = 20;

async fn check_leftovers(context: &TrainerContext) -> Outcome {
    let (webhooks, definitions, runtimes) = tokio::join!(
        check_webhooks(context),
        check_definitions(context),
        check_runtimes(context)
    );
    let outcomes = [webhooks, definitions, runtimes].map(conclude);
    let summary = outcomes.iter().all(|outcome| outcome.findings.is_empty());
    merge(summary.then(|| "none found".to_owned()), outcomes)
}

async fn check_webhooks(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let mut configurations = Vec::new();
    for part in Part::BOTH {
        configurations.extend(context.fetch_configurations(part).await?.iter().cloned());
    }
    let called = services(&configurations);
    let found = called
        .iter()
        .map(|service| context.fetch_service(&service.namespace, &service.name));
    let mut gone = Vec::new();
    for (service, found) in called.iter().zip(join_all(found).await) {
        if found?.is_none() {
            gone.push(service.clone());
        }
    }
    Ok(judge_webhooks(&configurations, &gone))
}

fn judge_webhooks(configurations: &[Configuration], gone: &[ServiceAddress]) -> Outcome {
    let calls_one = |configuration: &&Configuration| {
        let mut services = configuration
            .webhooks
            .iter()
            .flat_map(|entry| &entry.service);
        services.any(|service| gone.contains(service))
    };
    let orphans: Vec<_> = configurations.iter().filter(calls_one).collect();
    if orphans.is_empty() {
        return Outcome::default();
    }
    let names: Vec<_> = orphans
        .iter()
        .map(|orphan| format!("{}/{}", orphan.kind.resource(), orphan.name))
        .collect();
    let services: Vec<_> = gone
        .iter()
        .map(|service| format!("{}/{}", service.namespace, service.name))
        .collect();
    let detail = format!(
        "no Service {} exists, but these configurations call it: {}",
        services.join(" and "),
        names.join(", ")
    );
    let mend = format!("kubectl delete {}", names.join(" "));
    Outcome::of(Finding::failed(&SERVICE_GONE, detail).mended_by(mend))
}

async fn check_definitions(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let mut outcomes = Vec::new();
    for needed in &NEEDED {
        let name = needed.name();
        let definition = context.fetch_definition(&name).await?;
        let leaving = definition
            .as_ref()
            .as_ref()
            .is_some_and(|definition| definition.metadata.deletion_timestamp.is_some());
        if leaving {
            let objects = fetch_objects(context, needed).await?;
            outcomes.push(judge_definition(&name, &objects));
        }
    }
    Ok(merge(None, outcomes))
}

/// All objects of a kind; none when it is not served.
async fn fetch_objects(
    context: &TrainerContext,
    needed: &Needed,
) -> Result<Vec<DynamicObject>, Rc<Failure>> {
    // A list is asked for by the plural alone.
    let kind = GroupVersionKind::gvk(needed.group, needed.version, needed.plural);
    let resource = ApiResource::from_gvk_with_plural(&kind, needed.plural);
    let scope = Scope::AllNamespaces;
    match context
        .cluster()?
        .fetch_objects(&resource, &scope, None)
        .await
    {
        Err(failure) if is_not_served(&failure) => Ok(Vec::new()),
        listed => Ok(listed?),
    }
}

fn is_not_served(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::NotFound { object: None, .. })
}

fn judge_definition(name: &str, objects: &[DynamicObject]) -> Outcome {
    let held = held(objects);
    let detail = format!(
        "CRD {name} is being deleted and waits for {} with finalizers: {}",
        objects_word(held.len()),
        names(&held)
    );
    let finding = Finding::failed(&CRD_HELD, detail);
    Outcome::of(match removal(name, &held) {
        Some(command) => finding.mended_by(command),
        // It has only just begun, or the caller cannot see what holds it.
        None => Finding::failed(&CRD_HELD, format!("CRD {name} is being deleted"))
            .mended_by(format!("kubectl get crd {name} -o yaml")),
    })
}

async fn check_runtimes(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    if has_controller(context).await? {
        return Ok(Outcome::default());
    }
    let kinds = NEEDED
        .iter()
        .filter(|needed| needed.plural.ends_with("runtimes"));
    let mut outcomes = Vec::new();
    for needed in kinds {
        let name = needed.name();
        let definition = context.fetch_definition(&name).await?;
        // Of a CRD that is being deleted, the objects are named with it.
        let stays = |definition: &Definition| definition.metadata.deletion_timestamp.is_none();
        if definition.as_ref().as_ref().is_some_and(stays) {
            let objects = fetch_objects(context, needed).await?;
            outcomes.push(judge_runtimes(&name, &objects));
        }
    }
    Ok(merge(None, outcomes))
}

async fn has_controller(context: &TrainerContext) -> Result<bool, Rc<Failure>> {
    let place = context.fetch_place(Part::Trainer).await?;
    let Some(place) = place.as_ref() else {
        return Ok(false);
    };
    let deployments = context.fetch_deployments(&place.namespace).await?;
    Ok(deployments
        .iter()
        .any(|deployment| belongs_to(deployment, Part::Trainer)))
}

/// A runtime that stays can be used; one that is being deleted never goes.
fn judge_runtimes(crd: &str, objects: &[DynamicObject]) -> Outcome {
    let held = held(objects);
    let Some(mend) = removal(crd, &held) else {
        return Outcome::default();
    };
    let leaving = held
        .iter()
        .any(|object| object.metadata.deletion_timestamp.is_some());
    let level = if leaving {
        Level::Failed
    } else {
        Level::Warning
    };
    let detail = format!(
        "no controller of Trainer is there to remove the finalizers of {}: {}",
        crd,
        names(&held)
    );
    Outcome::of(Finding {
        level,
        ..Finding::failed(&RUNTIME_HELD, detail).mended_by(mend)
    })
}

/// Those with a finalizer.
fn held(objects: &[DynamicObject]) -> Vec<&DynamicObject> {
    let has_finalizer = |object: &&DynamicObject| {
        let finalizers = object.metadata.finalizers.as_deref();
        finalizers.is_some_and(|finalizers| !finalizers.is_empty())
    };
    objects.iter().filter(has_finalizer).collect()
}

fn objects_word(count: usize) -> String {
    match count {
        1 => "an object".to_owned(),
        count => format!("{count} objects"),
    }
}

fn names(objects: &[&DynamicObject]) -> String {
    let name = |object: &&DynamicObject| {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        match &object.metadata.namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        }
    };
    let mut names: Vec<_> = objects.iter().take(NAMED).map(name).collect();
    if objects.len() > NAMED {
        names.push(format!("and {} more", objects.len() - NAMED));
    }
    names.join(", ")
}

/// One command for the objects of one namespace, or of none; those of other namespaces are found in the next run.
fn removal(crd: &str, held: &[&DynamicObject]) -> Option<String> {
    let namespace = &held.first()?.metadata.namespace;
    let together = held
        .iter()
        .take(NAMED)
        .filter(|object| object.metadata.namespace == *namespace);
    let names: Vec<_> = together
        .filter_map(|object| object.metadata.name.as_deref())
        .collect();
    let place = namespace
        .as_ref()
        .map_or(String::new(), |namespace| format!("-n {namespace} "));
    Some(format!(
        "kubectl {place}patch {crd} {} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'",
        names.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::trainer::installation::{ConfigurationKind, Webhook};

    fn address(namespace: &str, name: &str) -> ServiceAddress {
        ServiceAddress {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            port: 443,
        }
    }

    fn configuration(
        kind: ConfigurationKind,
        name: &str,
        service: ServiceAddress,
    ) -> Configuration {
        Configuration {
            kind,
            name: name.to_owned(),
            webhooks: vec![Webhook {
                name: "any".to_owned(),
                service: Some(service),
                ca_bundle: Vec::new(),
            }],
        }
    }

    fn object(name: &str, finalizers: &[&str], deleted: Option<&str>) -> DynamicObject {
        let metadata =
            json!({"name": name, "finalizers": finalizers, "deletionTimestamp": deleted});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn configurations_without_their_service_are_deleted_and_no_others() {
        use ConfigurationKind::{Mutating, Validating};
        let (gone, there) = (address("a", "gone"), address("a", "there"));
        let configurations = [
            configuration(Validating, "one", gone.clone()),
            configuration(Mutating, "two", there),
            configuration(Mutating, "three", gone.clone()),
        ];
        assert_eq!(judge_webhooks(&configurations, &[]).findings, []);
        let outcome = judge_webhooks(&configurations, &[gone]);
        assert_eq!(
            outcome.findings[0].detail,
            "no Service a/gone exists, but these configurations call it: validatingwebhookconfiguration/one, mutatingwebhookconfiguration/three"
        );
        assert_eq!(
            outcome.findings[0].mend.as_deref(),
            Some(
                "kubectl delete validatingwebhookconfiguration/one mutatingwebhookconfiguration/three"
            )
        );
    }

    #[test]
    fn a_crd_that_waits_names_the_objects_and_removes_their_finalizers() {
        let objects = [
            object("free", &[], None),
            object("b", &["example.com/hold"], None),
        ];
        let outcome = judge_definition("things.example.com", &objects);
        let finding = &outcome.findings[0];
        assert_eq!(finding.reason.code, "CrdHeld");
        assert!(
            finding
                .detail
                .ends_with("waits for an object with finalizers: b")
        );
        assert_eq!(
            finding.mend.as_deref(),
            Some(
                "kubectl patch things.example.com b --type=merge -p '{\"metadata\":{\"finalizers\":null}}'"
            )
        );
    }

    #[test]
    fn all_that_is_held_is_counted_and_some_are_named() {
        let objects: Vec<_> = (0..25)
            .map(|number| object(&format!("o{number}"), &["example.com/hold"], None))
            .collect();
        let outcome = judge_definition("things.example.com", &objects);
        let finding = &outcome.findings[0];
        assert!(finding.detail.contains("waits for 25 objects with"));
        assert!(finding.detail.ends_with(", o19, and 5 more"), "{finding:?}");
        let mend = finding.mend.as_deref().unwrap();
        assert!(mend.contains(" o19 --type") && !mend.contains("o20"));
    }

    #[test]
    fn a_held_runtime_fails_only_while_it_is_being_deleted() {
        let level = |deleted| {
            let objects = [object(
                "torch",
                &["trainer.kubeflow.org/resource-in-use"],
                deleted,
            )];
            judge_runtimes("clustertrainingruntimes.trainer.kubeflow.org", &objects).findings[0]
                .level
        };
        assert_eq!(level(None), Level::Warning);
        assert_eq!(level(Some("2026-11-21T08:00:00Z")), Level::Failed);
    }
}
