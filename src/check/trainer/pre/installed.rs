//! Is Trainer there already: whole, in parts, or not at all; which release, and who keeps it?

use std::rc::Rc;

use k8s_openapi::api::apps::v1::Deployment;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, resources::TRAINER_GROUP},
    releases::{self, DroppedField, RELEASES, Release, minor_version},
};

use super::{
    super::{
        IDENTITY, Part, TrainerContext, conclude,
        definitions::{NEEDED, overlay_command},
        installation::{Configuration, belongs_to, image_version},
    },
    PRE_INSTALLED, PRE_LEFTOVERS,
    keeper::{find_keeper, writers},
    target,
};

pub(super) const INSTALLED: Check<TrainerContext> = Check {
    id: PRE_INSTALLED,
    category: Category::Installation,
    title: "No half installation of Trainer is there",
    hint: "apply the release that is there again, or remove what is there",
    page: "Looks for Trainer's CRDs, webhook configurations and Deployment, wherever they are. Nothing is fine. All of it is fine too: applying a release again changes nothing, and applying a newer one is an upgrade.\n\n\
           Labels, annotations and the names under which fields were written tell whether Helm, Argo CD or Flux keep the installation: they undo what is applied beside them, or refuse it.",
    reasons: &[
        &HALF_INSTALLED,
        &DEFINITIONS_ONLY,
        &MANAGED_ELSEWHERE,
        &UPGRADE_DROPS_FIELDS,
        &NEWER_RELEASE,
    ],
    severity: Severity::Error,
    requires: &[IDENTITY, PRE_LEFTOVERS],
    retry: Retry::Never,
    run: |context| Box::pin(async { conclude(check_installed(context).await) }),
};

const HALF_INSTALLED: Reason = Reason {
    code: "HalfInstalled",
    meaning: "Parts of Trainer are there and others are not: an installation or a removal stopped half-way.",
    mend: "Apply the release again that was there, or remove the rest; then go on.",
};
const DEFINITIONS_ONLY: Reason = Reason {
    code: "DefinitionsOnly",
    meaning: "Only CRDs of Trainer are there, with the TrainJobs and runtimes in them. A removal kept them, or a chart installed them first. The new installation takes them over.",
    mend: "Nothing, if they are to be kept. Deleting the CRDs deletes every TrainJob and runtime.",
};
const MANAGED_ELSEWHERE: Reason = Reason {
    code: "ManagedElsewhere",
    meaning: "Helm or a GitOps tool keeps the installation. What is applied beside it is undone, or makes its next upgrade fail.",
    mend: "Install and upgrade through that tool.",
};
const UPGRADE_DROPS_FIELDS: Reason = Reason {
    code: "UpgradeDropsFields",
    meaning: "An older release is installed, and CRDs of the newest no longer have fields that TrainJobs or runtimes may use. The API server drops them with the first write after the upgrade.",
    mend: "Look for the named fields in TrainJobs and runtimes first, and replace them as the release notes say.",
};
const NEWER_RELEASE: Reason = Reason {
    code: "NewerRelease",
    meaning: "A newer release is installed than any that this program knows. To apply an older one would be a step back, which Trainer does not support.",
    mend: "Keep what is installed, and use a newer version of this program.",
};

/// What of Trainer is there.
struct Presence {
    /// Names of the CRDs.
    definitions: Vec<String>,
    configurations: Vec<Configuration>,
    deployment: Option<Deployment>,
}

async fn check_installed(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let mut definitions = Vec::new();
    for name in trainers_definitions() {
        if context.fetch_definition(&name).await?.is_some() {
            definitions.push(name);
        }
    }
    let configurations = context.fetch_configurations(Part::Trainer).await?;
    let deployment = match context.fetch_place(Part::Trainer).await?.as_ref() {
        None => None,
        Some(place) => {
            let deployments = context.fetch_deployments(&place.namespace).await?;
            let mut own = deployments
                .iter()
                .filter(|deployment| belongs_to(deployment, Part::Trainer));
            own.next().cloned()
        }
    };
    Ok(judge_presence(&Presence {
        definitions,
        configurations: configurations.as_ref().clone(),
        deployment,
    }))
}

fn trainers_definitions() -> impl Iterator<Item = String> {
    let own = NEEDED.iter().filter(|needed| needed.plural != "jobsets");
    own.map(super::super::definitions::Needed::name)
}

fn judge_presence(presence: &Presence) -> Outcome {
    let Presence {
        definitions,
        configurations,
        deployment,
    } = presence;
    match (definitions.len(), configurations.len(), deployment) {
        (0, 0, None) => Outcome::passed("nothing of Trainer is there"),
        (_, 0, None) => {
            let detail = format!("only CRDs of Trainer are there: {}", definitions.join(", "));
            let mend = format!("kubectl get {} --all-namespaces", definitions.join(","));
            Outcome::of(Finding::warning(&DEFINITIONS_ONLY, detail).mended_by(mend))
        }
        (3, 1.., Some(deployment)) => judge_installation(deployment),
        _ => judge_half(presence),
    }
}

fn judge_half(presence: &Presence) -> Outcome {
    let is_missing = |name: &String| !presence.definitions.contains(name);
    let mut there = Vec::new();
    let mut missing: Vec<_> = trainers_definitions()
        .filter(is_missing)
        .map(|name| format!("CRD {name}"))
        .collect();
    there.extend(
        presence
            .definitions
            .iter()
            .map(|name| format!("CRD {name}")),
    );
    match &presence.deployment {
        Some(deployment) => there.push(named(deployment)),
        None => missing.push("the controller's Deployment".to_owned()),
    }
    let of_configuration =
        |found: &Configuration| format!("{} {}", found.kind.resource(), found.name);
    there.extend(presence.configurations.iter().map(of_configuration));
    if presence.configurations.is_empty() {
        missing.push("the webhook configurations".to_owned());
    }
    let detail = format!(
        "Trainer is there in part: {}; missing: {}",
        there.join(", "),
        missing.join(", ")
    );
    let release = presence.deployment.as_ref().and_then(installed_release);
    let version = release.or(target()).map(|release| release.version);
    let mend = version.map(overlay_command);
    Outcome::of(Finding {
        mend,
        ..Finding::failed(&HALF_INSTALLED, detail)
    })
}

fn installed_release(deployment: &Deployment) -> Option<&'static Release> {
    releases::find(image_version(deployment, Part::Trainer)?)
}

fn named(deployment: &Deployment) -> String {
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    format!("Deployment {namespace}/{name}")
}

fn judge_installation(deployment: &Deployment) -> Outcome {
    let version = image_version(deployment, Part::Trainer);
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    let mut facts = vec![format!(
        "Trainer {} in {namespace}",
        version.unwrap_or("of an unknown release")
    )];
    let mut applied_by: Vec<_> = writers(&deployment.metadata).collect();
    applied_by.dedup();
    facts.extend((!applied_by.is_empty()).then(|| format!("written by {}", applied_by.join(", "))));
    let mut findings: Vec<_> = judge_keeper(deployment).into_iter().collect();
    if let (Some(target), Some(version)) = (target(), version) {
        findings.extend(judge_upgrade(version, target));
    }
    Outcome::new(findings, facts)
}

fn judge_keeper(deployment: &Deployment) -> Option<Finding> {
    let keeper = find_keeper(&deployment.metadata)?;
    let detail = format!("{} is kept by {keeper}", named(deployment));
    Some(Finding {
        advice: Some(format!(
            "install and upgrade through {keeper}, not beside it"
        )),
        ..Finding::warning(&MANAGED_ELSEWHERE, detail)
    })
}

/// What applying `target` over `version` would change.
fn judge_upgrade(version: &str, target: &Release) -> Option<Finding> {
    let (installed, newest) = (minor_version(version)?, minor_version(target.version)?);
    if installed > newest {
        let detail = format!(
            "Trainer {version} is installed, newer than {}, the newest that this program knows",
            target.version
        );
        return Some(Finding::warning(&NEWER_RELEASE, detail));
    }
    let steps = RELEASES
        .iter()
        .filter(|release| minor_version(release.version).is_some_and(|minor| minor > installed));
    let of_trainer = |field: &&DroppedField| field.crd.ends_with(TRAINER_GROUP);
    let dropped: Vec<_> = steps
        .flat_map(|release| release.dropped_fields)
        .filter(of_trainer)
        .map(|field| format!("{} of {}", field.path, field.crd))
        .collect();
    if dropped.is_empty() {
        return None;
    }
    let detail = format!(
        "Trainer {version} is installed; the CRDs of {} no longer have {}",
        target.version,
        dropped.join(", ")
    );
    let mend = "kubectl get trainjobs.trainer.kubeflow.org,trainingruntimes.trainer.kubeflow.org,clustertrainingruntimes.trainer.kubeflow.org --all-namespaces -o yaml";
    Some(Finding::warning(&UPGRADE_DROPS_FIELDS, detail).mended_by(mend))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::{Level, trainer::installation::ConfigurationKind};

    fn deployment(tag: &str, metadata: &Value) -> Deployment {
        let image = format!("ghcr.io/kubeflow/trainer/trainer-controller-manager:{tag}");
        let mut object = json!({
            "metadata": {"name": "trainer", "namespace": "ml"},
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "manager", "image": image}]}}},
        });
        for (key, value) in metadata.as_object().unwrap() {
            object["metadata"][key] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    fn presence(definitions: usize, configurations: usize, tag: Option<&str>) -> Presence {
        let configuration = Configuration {
            kind: ConfigurationKind::Validating,
            name: "validator.trainer.kubeflow.org".to_owned(),
            webhooks: Vec::new(),
        };
        Presence {
            definitions: trainers_definitions().take(definitions).collect(),
            configurations: vec![configuration; configurations],
            deployment: tag.map(|tag| deployment(tag, &json!({}))),
        }
    }

    fn judged(presence: &Presence) -> Option<(Level, &'static str)> {
        let outcome = judge_presence(presence);
        let finding = outcome.findings.first()?;
        Some((finding.level, finding.reason.code))
    }

    #[test]
    fn nothing_and_all_are_fine_and_half_is_not() {
        assert_eq!(judged(&presence(0, 0, None)), None);
        assert_eq!(judged(&presence(3, 2, Some("v2.3.0"))), None);
        let half = Some((Level::Failed, "HalfInstalled"));
        for (definitions, configurations, tag) in [
            (3, 0, Some("v2.3.0")),
            (2, 2, Some("v2.3.0")),
            (3, 2, None),
            (0, 1, None),
        ] {
            assert_eq!(judged(&presence(definitions, configurations, tag)), half);
        }
        let kept = Some((Level::Warning, "DefinitionsOnly"));
        assert_eq!(judged(&presence(3, 0, None)), kept);
    }

    #[test]
    fn half_an_installation_is_told_by_what_is_there_and_what_is_missing() {
        let outcome = judge_presence(&presence(2, 0, Some("v2.1.0")));
        let finding = &outcome.findings[0];
        assert_eq!(
            finding.detail,
            "Trainer is there in part: CRD trainjobs.trainer.kubeflow.org, CRD trainingruntimes.trainer.kubeflow.org, Deployment ml/trainer; \
             missing: CRD clustertrainingruntimes.trainer.kubeflow.org, the webhook configurations"
        );
        assert!(finding.mend.as_deref().unwrap().ends_with("?ref=v2.1.0'"));
    }

    #[test]
    fn an_upgrade_names_the_fields_that_go() {
        let code = |tag| judged(&presence(3, 2, Some(tag))).map(|(_, code)| code);
        assert_eq!(code("v2.0.1"), Some("UpgradeDropsFields"));
        assert_eq!(code("v2.2.1"), None);
        assert_eq!(code("v9.0.0"), Some("NewerRelease"));
        assert_eq!(code("latest"), None);
    }

    #[test]
    fn an_installation_that_a_tool_keeps_is_left_to_it() {
        let helm = json!({"annotations": {"meta.helm.sh/release-name": "trainer"}});
        let outcome = judge_installation(&deployment("v2.3.0", &helm));
        assert_eq!(
            outcome.findings[0].detail,
            "Deployment ml/trainer is kept by Helm (release trainer)"
        );
        assert_eq!(outcome.facts[0], "Trainer 2.3.0 in ml");
    }
}
