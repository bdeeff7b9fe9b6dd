//! The category of custom resource definitions: are the four there and served, and is an older Kubeflow still around?

use std::rc::Rc;

use k8s_openapi::api::apps::v1::Deployment;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
    releases::RELEASES,
};

use super::{
    CRDS as CRDS_ID, IDENTITY, LEGACY_V1, TrainerContext, conclude,
    context::Fact,
    definition::Definition,
    installation::{image_name, image_tag, images},
    merge,
};

/// A custom resource definition that training needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Needed {
    pub(crate) plural: &'static str,
    pub(crate) group: &'static str,
    /// The version that the controllers and this program speak.
    pub(crate) version: &'static str,
}

impl Needed {
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    fn group_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }
}

pub(crate) const NEEDED: [Needed; 4] = [
    Needed {
        plural: "trainjobs",
        group: "trainer.kubeflow.org",
        version: "v1alpha1",
    },
    Needed {
        plural: "trainingruntimes",
        group: "trainer.kubeflow.org",
        version: "v1alpha1",
    },
    Needed {
        plural: "clustertrainingruntimes",
        group: "trainer.kubeflow.org",
        version: "v1alpha1",
    },
    Needed {
        plural: "jobsets",
        group: "jobset.x-k8s.io",
        version: "v1alpha2",
    },
];

/// What Training Operator v1 serves under `kubeflow.org/v1`; other parts of Kubeflow share the group.
pub(crate) const LEGACY_KINDS: [&str; 6] = [
    "pytorchjobs",
    "tfjobs",
    "mpijobs",
    "xgboostjobs",
    "paddlejobs",
    "jaxjobs",
];
const LEGACY_GROUP: &str = "kubeflow.org";
const KFDEF_GROUP: &str = "kfdef.apps.kubeflow.org";
/// Images of the operators that act on ``KfDefs``: Kubeflow's own, and Open Data Hub's before its release 2.
const KUBEFLOW_OPERATOR: &str = "kubeflow-operator";
const OPEN_DATA_HUB_OPERATOR: &str = "opendatahub-operator";

pub(crate) const LEGACY: Check<TrainerContext> = Check {
    id: LEGACY_V1,
    category: Category::Definitions,
    title: "No older Kubeflow training API is left over",
    hint: "remove the old operator once nobody uses it",
    page: "Looks for the job kinds of Training Operator v1 (PyTorchJob and its like, kubeflow.org/v1) and for the KfDef API of early Kubeflow releases, with the operator that acts on it.\n\n\
           They do not disturb Trainer v2, but users who find two ways to train pick the wrong one, and nobody mends the old one any more.",
    reasons: &[&TRAINING_OPERATOR_V1, &KFDEF, &KFDEF_OPERATOR],
    severity: Severity::Warning,
    requires: &[IDENTITY],
    retry: Retry::Never,
    run: |context| Box::pin(async { conclude(check_legacy(context).await) }),
};

const TRAINING_OPERATOR_V1: Reason = Reason {
    code: "TrainingOperatorV1",
    meaning: "The cluster still serves job kinds of Training Operator v1.",
    mend: "List what is left with kubectl get, move it to TrainJobs, then remove the operator and its CRDs.",
};
const KFDEF: Reason = Reason {
    code: "KfDef",
    meaning: "The cluster still serves the KfDef API, with which Kubeflow releases before 1.3 were installed. Nothing acts on it any more unless its operator runs.",
    mend: "List what is left with kubectl get, then remove the CRD.",
};
const KFDEF_OPERATOR: Reason = Reason {
    code: "KfDefOperator",
    meaning: "The operator of the KfDef API still runs. It keeps what its KfDefs describe as they describe it, so it may undo what is changed in Kubeflow's namespaces, Trainer included.",
    mend: "Scale its Deployment to zero, see that nothing is missed, then remove the operator and its CRD.",
};

async fn check_legacy(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let groups = context.fetch_api_groups().await?;
    let served = if groups.iter().any(|group| group == LEGACY_GROUP) {
        context
            .fetch_api_resources("kubeflow.org/v1")
            .await?
            .as_ref()
            .clone()
            .unwrap_or_default()
    } else {
        Vec::new()
    };
    let mut findings = Vec::new();
    if groups.iter().any(|group| group == KFDEF_GROUP) {
        findings.extend(look_for_kfdef_operator(context).await?);
    }
    let outcome = judge_legacy(&groups, &served);
    findings.extend(outcome.findings);
    Ok(Outcome::new(findings, outcome.facts))
}

/// Not to be allowed to look for it is a finding beside the others.
async fn look_for_kfdef_operator(context: &TrainerContext) -> Result<Option<Finding>, Rc<Failure>> {
    let cluster = context.cluster()?;
    let deployments = cluster.fetch_list(&Scope::AllNamespaces, None).await;
    Ok(match deployments {
        Ok(deployments) => judge_kfdef_operator(&deployments),
        Err(failure) => Some(Finding::of_failure(&failure)),
    })
}

fn judge_kfdef_operator(deployments: &[Deployment]) -> Option<Finding> {
    let operator = deployments
        .iter()
        .find(|deployment| images(deployment).any(acts_on_kfdefs))?;
    let asked = operator.spec.as_ref().and_then(|spec| spec.replicas);
    let name = operator.metadata.name.as_deref().unwrap_or_default();
    let namespace = operator.metadata.namespace.as_deref().unwrap_or_default();
    let detail = format!("the operator of {KFDEF_GROUP} runs as Deployment {namespace}/{name}");
    let mend = format!("kubectl -n {namespace} scale deployment/{name} --replicas=0");
    (asked != Some(0)).then(|| Finding::warning(&KFDEF_OPERATOR, detail).mended_by(mend))
}

/// Open Data Hub kept the image's name for an operator that knows no ``KfDefs``, and leaves their CRD behind: only the tag
/// tells the two, and an image without one is not accused.
fn acts_on_kfdefs(image: &str) -> bool {
    match image_name(image) {
        KUBEFLOW_OPERATOR => true,
        OPEN_DATA_HUB_OPERATOR => {
            let version = image_tag(image).map(|tag| tag.trim_start_matches('v'));
            version.is_some_and(|version| version.starts_with("0.") || version.starts_with("1."))
        }
        _ => false,
    }
}

fn judge_legacy(groups: &[String], served: &[String]) -> Outcome {
    let mut findings = Vec::new();
    let found: Vec<_> = LEGACY_KINDS
        .into_iter()
        .filter(|kind| served.iter().any(|resource| resource == kind))
        .collect();
    if !found.is_empty() {
        let names: Vec<_> = found
            .iter()
            .map(|kind| format!("{kind}.{LEGACY_GROUP}"))
            .collect();
        findings.push(
            Finding::warning(
                &TRAINING_OPERATOR_V1,
                format!("Training Operator v1 is still served: {}", found.join(", ")),
            )
            .mended_by(format!("kubectl get {} --all-namespaces", names.join(","))),
        );
    }
    if groups.iter().any(|group| group == KFDEF_GROUP) {
        findings.push(
            Finding::warning(
                &KFDEF,
                format!("the API group {KFDEF_GROUP} is still served"),
            )
            .mended_by(format!("kubectl get kfdefs.{KFDEF_GROUP} --all-namespaces")),
        );
    }
    Outcome::new(findings, vec!["none found".to_owned()])
}

pub(crate) const CRDS: Check<TrainerContext> = Check {
    id: CRDS_ID,
    category: Category::Definitions,
    title: "Trainer's and JobSet's CRDs are served",
    hint: "apply the manifests of the Trainer release again; its manager overlay holds all four CRDs",
    page: "Looks at the four custom resource definitions that training needs: trainjobs, trainingruntimes and clustertrainingruntimes of trainer.kubeflow.org, and jobsets of jobset.x-k8s.io. \
           Each has to exist, be established, and serve the version that the controllers speak; nothing may still be stored in another one.\n\n\
           Who may not read CRDs still gets an answer, from the server's list of APIs.",
    reasons: &[
        &NOT_INSTALLED,
        &MISSING,
        &NOT_ESTABLISHED,
        &VERSION_NOT_SERVED,
        &OTHER_VERSION_STORED,
        &TERMINATING,
    ],
    severity: Severity::Error,
    requires: &[IDENTITY],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_definitions(context)),
};

pub(crate) const NOT_INSTALLED: Reason = Reason {
    code: "NotInstalled",
    meaning: "None of Trainer's CRDs is there: Kubeflow Trainer v2 is not installed on this cluster.",
    mend: "Install a release, for example with kubectl apply --server-side -k and the manager overlay of kubeflow/trainer.",
};
const MISSING: Reason = Reason {
    code: "Missing",
    meaning: "A CRD does not exist. Without Trainer's there are no TrainJobs; without JobSet's no TrainJob gets pods, and the controller restarts again and again.",
    mend: "Apply the CRDs of the installed release again. Objects of a deleted CRD are gone and have to be created anew.",
};
const NOT_ESTABLISHED: Reason = Reason {
    code: "NotEstablished",
    meaning: "The CRD exists, but the API server does not serve it: its names collide with another CRD, or it is only just being taken in.",
    mend: "Wait a moment; if it stays, look at the CRD's conditions and remove the one that holds the name.",
};
const VERSION_NOT_SERVED: Reason = Reason {
    code: "VersionNotServed",
    meaning: "The CRD does not serve the API version that Trainer's controllers speak.",
    mend: "Apply the CRDs of the same release as the controllers.",
};
const OTHER_VERSION_STORED: Reason = Reason {
    code: "OtherVersionStored",
    meaning: "Objects of the CRD may be stored in an API version that is not the one that the controllers speak. Nothing is wrong yet, but a release that drops that version cannot be applied.",
    mend: "Write every object anew, such as with kubectl get and kubectl replace, then take the version out of status.storedVersions.",
};
const TERMINATING: Reason = Reason {
    code: "Terminating",
    meaning: "The CRD is being deleted and waits for finalizers on its objects.",
    mend: "Let its controller finish, or remove the finalizers from the objects that are left; then apply the CRD again.",
};

async fn check_definitions(context: &TrainerContext) -> Outcome {
    let looks = NEEDED.iter().map(|needed| async move {
        match context.fetch_definition(&needed.name()).await {
            Ok(definition) => judge_definition(needed, definition.as_ref().as_ref()),
            // Everybody may ask what is served, so a missing right on CRDs is no reason not to know.
            Err(_) => conclude_from_served(
                needed,
                &context.fetch_api_resources(&needed.group_version()).await,
            ),
        }
    });
    let outcomes = futures::future::join_all(looks).await;
    judge_together(outcomes)
}

fn conclude_from_served(needed: &Needed, served: &Fact<Option<Vec<String>>>) -> Outcome {
    match served {
        Ok(served)
            if served
                .iter()
                .flatten()
                .any(|resource| resource == needed.plural) =>
        {
            Outcome::passed(format!("{} is served as {}", needed.name(), needed.version))
        }
        Ok(_) => Outcome::of(missing(needed)),
        Err(failure) => Outcome::of(Finding::of_failure(failure)),
    }
}

fn judge_definition(needed: &Needed, definition: Option<&Definition>) -> Outcome {
    let name = needed.name();
    let Some(definition) = definition else {
        return Outcome::of(missing(needed));
    };
    if definition.metadata.deletion_timestamp.is_some() {
        return Outcome::of(terminating(&name, definition));
    }
    let show = || format!("kubectl get crd {name} -o yaml");
    let finding = judge_conditions(&name, definition)
        .map(|finding| finding.mended_by(show()))
        .or_else(|| judge_versions(needed, definition))
        .or_else(|| judge_stored(needed, definition).map(|finding| finding.mended_by(show())));
    match finding {
        Some(finding) => Outcome::of(finding),
        None => Outcome::passed(format!(
            "{name} is established and serves {}",
            needed.version
        )),
    }
}

fn terminating(name: &str, definition: &Definition) -> Finding {
    let finalizers = definition.metadata.finalizers.iter().flatten();
    let finalizers: Vec<_> = finalizers.map(String::as_str).collect();
    let held = match finalizers.as_slice() {
        [] => "and no finalizer holds it any more".to_owned(),
        [one] => format!("but {one} holds it"),
        several => format!("but {} hold it", several.join(", ")),
    };
    let mut conditions = definition.status.conditions.iter();
    let message = conditions
        .find(|condition| condition.kind == "Terminating")
        .map_or("nothing is said about why", |condition| &condition.message);
    let detail = format!("CRD {name} is being deleted, {held}: {message}");
    Finding::failed(&TERMINATING, detail).mended_by(format!("kubectl get {name} --all-namespaces"))
}

fn judge_conditions(name: &str, definition: &Definition) -> Option<Finding> {
    ["NamesAccepted", "Established"]
        .into_iter()
        .find_map(|kind| {
            let mut conditions = definition.status.conditions.iter();
            let condition = conditions.find(|condition| condition.kind == kind);
            if condition.is_some_and(|condition| condition.status == "True") {
                return None;
            }
            let message = condition.map_or("no such condition yet", |condition| &condition.message);
            Some(Finding::failed(
                &NOT_ESTABLISHED,
                format!("CRD {name} is not {kind}: {message}"),
            ))
        })
}

fn judge_versions(needed: &Needed, definition: &Definition) -> Option<Finding> {
    let versions = &definition.spec.versions;
    let served = versions.iter().filter(|version| version.served);
    let served: Vec<_> = served.map(|version| version.name.as_str()).collect();
    if served.contains(&needed.version) {
        return None;
    }
    let name = needed.name();
    let found = match served.as_slice() {
        [] => "nothing".to_owned(),
        served => served.join(", "),
    };
    let detail = format!("CRD {name} serves {found} instead of {}", needed.version);
    let there = versions
        .iter()
        .position(|version| version.name == needed.version);
    let mend = match there {
        Some(index) => format!(
            "kubectl patch crd {name} --type=json -p '[{{\"op\":\"replace\",\"path\":\"/spec/versions/{index}/served\",\"value\":true}}]'"
        ),
        None => format!("kubectl get crd {name} -o yaml"),
    };
    Some(Finding::failed(&VERSION_NOT_SERVED, detail).mended_by(mend))
}

fn judge_stored(needed: &Needed, definition: &Definition) -> Option<Finding> {
    let stored = definition.status.stored_versions.iter();
    let others: Vec<_> = stored
        .filter(|version| *version != needed.version)
        .map(String::as_str)
        .collect();
    let (name, found) = (needed.name(), others.join(", "));
    let detail = format!(
        "objects of {name} may be stored as {found} instead of {}",
        needed.version
    );
    (!others.is_empty()).then(|| Finding::warning(&OTHER_VERSION_STORED, detail))
}

fn missing(needed: &Needed) -> Finding {
    let name = needed.name();
    Finding::failed(&MISSING, format!("CRD {name} does not exist"))
        .mended_by(format!("kubectl get crd {name}"))
}

/// The newest release that this program knows.
fn install_command() -> String {
    overlay_command(RELEASES.last().map_or("RELEASE", |release| release.version))
}

/// As the documentation of Trainer installs a release.
pub(super) fn overlay_command(version: &str) -> String {
    format!(
        "kubectl apply --server-side -k 'https://github.com/kubeflow/trainer.git/manifests/overlays/manager?ref=v{version}'"
    )
}

/// Three missing CRDs of Trainer are one fact: it is not installed.
fn judge_together(outcomes: Vec<Outcome>) -> Outcome {
    let mut trainers = NEEDED
        .iter()
        .filter(|needed| needed.group == "trainer.kubeflow.org")
        .map(missing);
    if trainers.all(|finding| {
        outcomes
            .iter()
            .any(|outcome| outcome.findings.contains(&finding))
    }) {
        let detail = "Kubeflow Trainer v2 is not installed: none of its CRDs exists";
        return Outcome::of(Finding::failed(&NOT_INSTALLED, detail).mended_by(install_command()));
    }
    merge(
        Some(format!(
            "{} of {}",
            outcomes
                .iter()
                .filter(|outcome| outcome.findings.is_empty())
                .count(),
            NEEDED.len()
        )),
        outcomes,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn definition(change: impl FnOnce(&mut Value)) -> Definition {
        let mut object = json!({
            "metadata": {"name": "trainjobs.trainer.kubeflow.org"},
            "spec": {"versions": [{"name": "v1alpha1", "served": true, "storage": true}]},
            "status": {"conditions": [
                {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"},
                {"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "the initial names have been accepted"},
            ]},
        });
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    fn reason(outcome: &Outcome) -> Option<&'static str> {
        outcome.findings.first().map(|finding| finding.reason.code)
    }

    #[test]
    fn a_crd_is_judged_by_deletion_conditions_and_versions() {
        let judged = |change: fn(&mut Value)| {
            reason(&judge_definition(&NEEDED[0], Some(&definition(change))))
        };
        assert_eq!(judged(|_| {}), None);
        assert_eq!(
            judged(|object| object["metadata"]["deletionTimestamp"] = json!("2026-11-21T08:00:00Z")),
            Some("Terminating")
        );
        assert_eq!(
            judged(|object| object["status"]["conditions"][0]["status"] = json!("False")),
            Some("NotEstablished")
        );
        assert_eq!(
            judged(|object| object["status"] = json!({})),
            Some("NotEstablished")
        );
        assert_eq!(
            judged(|object| object["spec"]["versions"][0]["served"] = json!(false)),
            Some("VersionNotServed")
        );
        assert_eq!(
            judged(|object| object["spec"]["versions"][0]["name"] = json!("v1")),
            Some("VersionNotServed")
        );
        assert_eq!(
            judged(|object| object["status"]["storedVersions"] = json!(["v1alpha1"])),
            None
        );
        assert_eq!(
            judged(|object| object["status"]["storedVersions"] = json!(["v1", "v1alpha1"])),
            Some("OtherVersionStored")
        );
        assert_eq!(reason(&judge_definition(&NEEDED[0], None)), Some("Missing"));
    }

    #[test]
    fn a_version_that_is_only_switched_off_is_switched_on_by_the_mend() {
        let mend = |change: fn(&mut Value)| {
            let outcome = judge_definition(&NEEDED[0], Some(&definition(change)));
            outcome.findings[0].mend.clone().unwrap()
        };
        let off = mend(|object| object["spec"]["versions"][0]["served"] = json!(false));
        assert!(off.contains("/spec/versions/0/served"), "{off}");
        let gone = mend(|object| object["spec"]["versions"][0]["name"] = json!("v1"));
        assert_eq!(
            gone,
            "kubectl get crd trainjobs.trainer.kubeflow.org -o yaml"
        );
    }

    #[test]
    fn what_holds_a_crd_that_is_being_deleted_is_told() {
        for (finalizers, held) in [
            (
                json!(["customresourcecleanup.apiextensions.k8s.io"]),
                "but customresourcecleanup.apiextensions.k8s.io holds it",
            ),
            (json!(["a", "b"]), "but a, b hold it"),
            (json!([]), "and no finalizer holds it any more"),
        ] {
            let deleted = definition(|object| {
                object["metadata"]["deletionTimestamp"] = json!("2026-11-21T08:00:00Z");
                object["metadata"]["finalizers"] = finalizers;
                object["status"]["conditions"] =
                    json!([{"type": "Terminating", "status": "True", "message": "one is left"}]);
            });
            let outcome = judge_definition(&NEEDED[0], Some(&deleted));
            assert_eq!(
                outcome.findings[0].detail,
                format!("CRD trainjobs.trainer.kubeflow.org is being deleted, {held}: one is left")
            );
        }
    }

    #[test]
    fn the_operator_of_kfdefs_is_known_by_its_image() {
        let deployment = |image: &str, replicas: i32| -> Deployment {
            let pod = json!({"spec": {"containers": [{"name": "any", "image": image}]}});
            let spec = json!({"replicas": replicas, "selector": {}, "template": pod});
            let metadata = json!({"name": "operator", "namespace": "operators"});
            serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
        };
        let image = "aipipeline/kubeflow-operator:v1.2.0";
        let finding = judge_kfdef_operator(&[deployment("web:v1", 1), deployment(image, 1)]);
        assert_eq!(
            finding.unwrap().mend.as_deref(),
            Some("kubectl -n operators scale deployment/operator --replicas=0")
        );
        assert_eq!(judge_kfdef_operator(&[deployment(image, 0)]), None);
        assert_eq!(judge_kfdef_operator(&[deployment("web:v1", 1)]), None);
    }

    #[test]
    fn the_second_operator_of_open_data_hub_is_not_taken_for_the_first() {
        for (image, expected) in [
            ("quay.io/opendatahub/opendatahub-operator:v1.10.1", true),
            ("quay.io/opendatahub/opendatahub-operator:1.1.0", true),
            ("quay.io/opendatahub/opendatahub-operator:v2.10.0", false),
            ("quay.io/opendatahub/opendatahub-operator:v10.0.0", false),
            ("quay.io/opendatahub/opendatahub-operator:latest", false),
            ("quay.io/opendatahub/opendatahub-operator@sha256:12", false),
            ("aipipeline/kubeflow-operator:v1.2.0", true),
        ] {
            assert_eq!(acts_on_kfdefs(image), expected, "{image}");
        }
    }

    #[test]
    fn the_message_of_a_condition_is_told() {
        let clash = definition(|object| {
            object["status"]["conditions"][0] = json!({"type": "NamesAccepted", "status": "False", "message": "\"trainjobs\" is already in use"});
        });
        let outcome = judge_definition(&NEEDED[0], Some(&clash));
        assert!(
            outcome.findings[0]
                .detail
                .ends_with("is not NamesAccepted: \"trainjobs\" is already in use")
        );
    }

    #[test]
    fn three_missing_crds_mean_that_trainer_is_not_installed() {
        let outcomes = |present: &[usize]| {
            let judged = |index| {
                if present.contains(&index) {
                    Outcome::passed("there")
                } else {
                    Outcome::of(missing(&NEEDED[index]))
                }
            };
            judge_together((0..4).map(judged).collect())
        };
        assert_eq!(reason(&outcomes(&[0, 1, 2, 3])), None);
        assert_eq!(reason(&outcomes(&[3])), Some("NotInstalled"));
        assert_eq!(outcomes(&[]).findings.len(), 1);
        assert_eq!(reason(&outcomes(&[0, 1, 3])), Some("Missing"));
        assert_eq!(outcomes(&[0]).findings.len(), 3);
    }

    #[test]
    fn who_may_not_read_crds_learns_it_from_what_is_served() {
        let served = |resources: &[&str]| {
            Ok(Rc::new(Some(
                resources.iter().map(ToString::to_string).collect(),
            )))
        };
        assert_eq!(
            reason(&conclude_from_served(
                &NEEDED[0],
                &served(&["trainjobs", "trainjobs/status"])
            )),
            None
        );
        assert_eq!(
            reason(&conclude_from_served(
                &NEEDED[0],
                &served(&["trainingruntimes"])
            )),
            Some("Missing")
        );
        assert_eq!(
            reason(&conclude_from_served(&NEEDED[0], &Ok(Rc::new(None)))),
            Some("Missing")
        );
    }

    #[test]
    fn only_the_old_operators_kinds_are_legacy() {
        let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let judged =
            |groups: &[&str], served: &[&str]| judge_legacy(&strings(groups), &strings(served));
        assert_eq!(
            reason(&judged(&["kubeflow.org"], &["notebooks", "profiles"])),
            None
        );
        let outcome = judged(&["kubeflow.org"], &["mpijobs", "pytorchjobs"]);
        assert_eq!(reason(&outcome), Some("TrainingOperatorV1"));
        assert_eq!(
            outcome.findings[0].mend.as_deref(),
            Some("kubectl get pytorchjobs.kubeflow.org,mpijobs.kubeflow.org --all-namespaces")
        );
        assert_eq!(
            reason(&judged(&["kfdef.apps.kubeflow.org"], &[])),
            Some("KfDef")
        );
    }
}
