//! Are the CRDs of the same release as the controllers that work with them?

use std::rc::Rc;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::Failure,
    releases::{self, Release, minor_version},
};

use super::{
    CRD_SCHEMA as CRD_SCHEMA_ID, CRDS, TrainerContext, conclude,
    definition::Definition,
    definitions::{NEEDED, Needed},
    installation::{PUBLIC_CONFIG_MAP, PUBLIC_VERSION_KEY, Part, belongs_to, image_tag, images},
    merge,
};

pub(crate) const CRD_SCHEMA: Check<TrainerContext> = Check {
    id: CRD_SCHEMA_ID,
    category: Category::Definitions,
    title: "The CRDs are of the controllers' release",
    hint: "apply the CRDs of the controllers' release with server-side apply",
    page: "Takes a fingerprint of every field of the four CRDs and finds the release that has the same; then compares it with the tags of the running controllers' images and with the version in the ConfigMap kubeflow-trainer-public.\n\n\
           A CRD that is older than its controller silently drops the fields that the controller and its users rely on. It happens when a chart leaves CRDs alone on upgrade (Trainer's did before 2.3).",
    reasons: &[
        &CRD_TOO_OLD,
        &CRD_TOO_NEW,
        &MIXED_RELEASES,
        &UNKNOWN_SCHEMA,
        &VERSIONS_DIFFER,
    ],
    severity: Severity::Error,
    requires: &[CRDS],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_schema(context).await) }),
};

const CRD_TOO_OLD: Reason = Reason {
    code: "CrdTooOld",
    meaning: "A CRD is of an older release than the controller. The API server drops fields that the older CRD does not know.",
    mend: "Apply the CRDs of the controller's release. Server-side apply is necessary: they are too large for kubectl's client-side annotation.",
};
const CRD_TOO_NEW: Reason = Reason {
    code: "CrdTooNew",
    meaning: "A CRD is of a newer release than the controller, which ignores the new fields: jobs run differently from what they ask for.",
    mend: "Finish the upgrade of the controller, or go back to the CRDs of its release.",
};
const MIXED_RELEASES: Reason = Reason {
    code: "MixedReleases",
    meaning: "Trainer's own CRDs are of different releases.",
    mend: "Apply all three CRDs of one release.",
};
const UNKNOWN_SCHEMA: Reason = Reason {
    code: "UnknownSchema",
    meaning: "A CRD is like that of no release that this program knows: a development build, a newer release, or a change by hand.",
    mend: "Nothing, if that is what you run. Otherwise apply the CRDs of the controllers' release.",
};
const VERSIONS_DIFFER: Reason = Reason {
    code: "VersionsDiffer",
    meaning: "The controller's image and the version that the installation declares in its ConfigMap are of different releases: the last upgrade was only applied in part, or the image was changed by hand.",
    mend: "Apply the manifests of one release again.",
};

/// What the installation says of its own versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Versions {
    /// Tag of the Trainer controller's image.
    pub(super) trainer_image: Option<String>,
    /// Tag of the JobSet controller's image.
    pub(super) jobset_image: Option<String>,
    /// `kubeflow_trainer_version` of the public `ConfigMap`, since 2.2.
    pub(super) declared: Option<String>,
}

impl Versions {
    /// The release that Trainer's controller runs, as far as it can be told.
    pub(super) fn trainer(&self) -> Option<&str> {
        let tags = [&self.trainer_image, &self.declared].into_iter().flatten();
        tags.map(String::as_str)
            .find(|version| minor_version(version).is_some())
    }

    /// The release of JobSet, as far as its image tells.
    pub(super) fn jobset(&self) -> Option<&str> {
        self.jobset_image
            .as_deref()
            .filter(|version| minor_version(version).is_some())
    }
}

/// What can be told of the versions with the caller's rights; what cannot is left out, not guessed.
pub(super) async fn fetch_versions(context: &TrainerContext) -> Versions {
    let mut versions = Versions {
        trainer_image: fetch_image_tag(context, Part::Trainer).await,
        jobset_image: fetch_image_tag(context, Part::JobSet).await,
        declared: None,
    };
    if let Ok(place) = context.fetch_place(Part::Trainer).await
        && let Some(place) = place.as_ref()
        && let Ok(config) = context.fetch_public_config(&place.namespace).await
    {
        let data = config
            .as_ref()
            .as_ref()
            .and_then(|config| config.data.as_ref());
        versions.declared = data.and_then(|data| data.get(PUBLIC_VERSION_KEY).cloned());
    }
    versions
}

async fn fetch_image_tag(context: &TrainerContext, part: Part) -> Option<String> {
    let place = context.fetch_place(part).await.ok()?;
    let deployments = context
        .fetch_deployments(&place.as_ref().as_ref()?.namespace)
        .await
        .ok()?;
    let deployment = deployments
        .iter()
        .find(|deployment| belongs_to(deployment, part))?;
    images(deployment).find_map(image_tag).map(str::to_owned)
}

async fn check_schema(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let fetches = NEEDED.iter().map(|needed| async move {
        let definition = context.fetch_definition(&needed.name()).await?;
        Ok(definition
            .as_ref()
            .as_ref()
            .map(|definition| Schema::read(needed, definition)))
    });
    let (schemas, versions) =
        tokio::join!(futures::future::join_all(fetches), fetch_versions(context));
    let schemas: Result<Vec<Option<Schema>>, Rc<Failure>> = schemas.into_iter().collect();
    let schemas: Vec<_> = schemas?.into_iter().flatten().collect();
    Ok(judge_schemas(&schemas, &versions))
}

/// One CRD and the releases that have it exactly so.
struct Schema {
    crd: String,
    part: Part,
    releases: Vec<&'static Release>,
}

impl Schema {
    fn read(needed: &Needed, definition: &Definition) -> Self {
        let version = definition
            .spec
            .versions
            .iter()
            .find(|version| version.name == needed.version);
        let fingerprint = version
            .map(|version| releases::fingerprint(&version.schema.openapi))
            .unwrap_or_default();
        let part = if needed.plural == "jobsets" {
            Part::JobSet
        } else {
            Part::Trainer
        };
        Self {
            crd: needed.name(),
            part,
            releases: releases::with_fingerprint(&needed.name(), &fingerprint),
        }
    }

    /// The versions of the CRD's own project, oldest first.
    fn versions(&self) -> Vec<&'static str> {
        let version = |release: &&'static Release| match self.part {
            Part::Trainer => release.version,
            Part::JobSet => release.jobset_version,
        };
        self.releases.iter().map(version).collect()
    }
}

fn judge_schemas(schemas: &[Schema], versions: &Versions) -> Outcome {
    let outcomes = schemas.iter().map(|schema| {
        let controller = match schema.part {
            Part::Trainer => versions.trainer(),
            Part::JobSet => versions.jobset(),
        };
        judge_schema(schema, controller)
    });
    let mut outcome = merge(
        versions
            .trainer()
            .map(|version| format!("Trainer {version}")),
        outcomes,
    );
    if versions.trainer().is_none() {
        outcome = merge(None, [judge_mixture(schemas), outcome]);
    }
    merge(None, [outcome, judge_declaration(versions)])
}

fn judge_schema(schema: &Schema, controller: Option<&str>) -> Outcome {
    let (crd, project) = (&schema.crd, schema.part.name());
    let found = schema.versions();
    let Some(newest) = found.last() else {
        let detail =
            format!("{crd} is like that of no release of {project} that this program knows");
        return Outcome::of(
            Finding::warning(&UNKNOWN_SCHEMA, detail)
                .mended_by(format!("kubectl get crd {crd} -o yaml")),
        );
    };
    let Some((text, wanted)) =
        controller.and_then(|version| Some((version, minor_version(version)?)))
    else {
        return Outcome::passed(format!("{crd} is that of {project} {}", found.join(" or ")));
    };
    let minors: Vec<_> = found
        .iter()
        .filter_map(|version| minor_version(version))
        .collect();
    if minors.contains(&wanted) {
        return Outcome::passed(format!("{crd} is that of {project} {newest}"));
    }
    let reason = if minors.iter().all(|minor| *minor < wanted) {
        &CRD_TOO_OLD
    } else {
        &CRD_TOO_NEW
    };
    let detail = format!(
        "{crd} is that of {project} {}, but the controller is {text}",
        found.join(" or ")
    );
    Outcome::of(Finding {
        mend: mend_definition(schema, text),
        ..Finding::failed(reason, detail)
    })
}

/// Only Trainer's repository holds its CRDs as a kustomization of their own.
fn mend_definition(schema: &Schema, controller: &str) -> Option<String> {
    let version = releases::find(controller).map(|release| release.version)?;
    let folder = match schema.part {
        Part::Trainer => "base/crds",
        Part::JobSet => return None,
    };
    Some(format!(
        "kubectl apply --server-side --force-conflicts -k 'https://github.com/kubeflow/trainer.git/manifests/{folder}?ref=v{version}'"
    ))
}

/// Without a controller to compare with, Trainer's CRDs can still contradict each other.
fn judge_mixture(schemas: &[Schema]) -> Outcome {
    let known: Vec<_> = schemas
        .iter()
        .filter(|schema| schema.part == Part::Trainer && !schema.releases.is_empty())
        .collect();
    let shared = |release: &&&'static Release| {
        known
            .iter()
            .all(|schema| schema.releases.contains(*release))
    };
    if known.is_empty() || known[0].releases.iter().any(|release| shared(&release)) {
        return Outcome::default();
    }
    let each: Vec<_> = known
        .iter()
        .map(|schema| format!("{} of {}", schema.crd, schema.versions().join(" or ")))
        .collect();
    Outcome::of(Finding::failed(
        &MIXED_RELEASES,
        format!("the CRDs are of different releases: {}", each.join(", ")),
    ))
}

fn judge_declaration(versions: &Versions) -> Outcome {
    let minor = |version: &Option<String>| version.as_deref().and_then(minor_version);
    match (minor(&versions.trainer_image), minor(&versions.declared)) {
        (Some(image), Some(declared)) if image != declared => {
            let (image, declared) = (
                versions.trainer_image.as_deref(),
                versions.declared.as_deref(),
            );
            let detail = format!(
                "the controller's image is {}, but ConfigMap {PUBLIC_CONFIG_MAP} says {}",
                image.unwrap_or_default(),
                declared.unwrap_or_default()
            );
            Outcome::of(Finding::warning(&VERSIONS_DIFFER, detail))
        }
        _ => Outcome::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::releases::RELEASES;

    /// The CRDs of one release, as if read from a cluster.
    fn schemas(version: &str) -> Vec<Schema> {
        let release = releases::find(version).unwrap();
        let facts = release.schemas.iter().map(|facts| Schema {
            crd: facts.crd.to_owned(),
            part: if facts.crd.starts_with("jobsets") {
                Part::JobSet
            } else {
                Part::Trainer
            },
            releases: releases::with_fingerprint(facts.crd, facts.fingerprint),
        });
        facts.collect()
    }

    fn running(trainer: &str, jobset: &str) -> Versions {
        Versions {
            trainer_image: Some(trainer.to_owned()),
            jobset_image: Some(jobset.to_owned()),
            declared: Some(trainer.to_owned()),
        }
    }

    fn reasons(outcome: &Outcome) -> Vec<&'static str> {
        outcome
            .findings
            .iter()
            .map(|finding| finding.reason.code)
            .collect()
    }

    #[test]
    fn every_release_agrees_with_itself() {
        for release in RELEASES {
            let versions = running(
                &format!("v{}", release.version),
                &format!("v{}", release.jobset_version),
            );
            let outcome = judge_schemas(&schemas(release.version), &versions);
            assert_eq!(reasons(&outcome), [""; 0], "{}", release.version);
            assert_eq!(outcome.facts[0], format!("Trainer v{}", release.version));
        }
    }

    #[test]
    fn an_older_and_a_newer_crd_are_told_apart() {
        let outcome = judge_schemas(&schemas("2.1.0"), &running("v2.3.0", "v0.10.1"));
        assert_eq!(reasons(&outcome), ["CrdTooOld"; 3]);
        assert!(
            outcome.findings[0]
                .mend
                .as_deref()
                .unwrap()
                .contains("manifests/base/crds?ref=v2.3.0")
        );
        let outcome = judge_schemas(&schemas("2.3.0"), &running("v2.1.0", "v0.12.0"));
        assert_eq!(reasons(&outcome), ["CrdTooNew"; 3]);
    }

    #[test]
    fn a_jobset_of_its_own_release_is_compared_with_itself() {
        let outcome = judge_schemas(&schemas("2.3.0"), &running("v2.3.0", "v0.8.2"));
        assert_eq!(reasons(&outcome), ["CrdTooNew"]);
        assert!(
            outcome.findings[0]
                .detail
                .starts_with("jobsets.jobset.x-k8s.io is that of JobSet 0.12.0")
        );
    }

    #[test]
    fn without_a_known_controller_the_crds_are_compared_with_each_other() {
        let mut mixed = schemas("2.3.0");
        mixed[0] = schemas("2.1.0").swap_remove(0);
        assert_eq!(
            reasons(&judge_schemas(&mixed, &Versions::default())),
            ["MixedReleases"]
        );
        assert_eq!(
            reasons(&judge_schemas(&schemas("2.2.1"), &Versions::default())),
            [""; 0]
        );
    }

    #[test]
    fn an_unknown_schema_and_a_half_done_upgrade_are_warnings() {
        let mut unknown = schemas("2.3.0");
        unknown[3].releases.clear();
        let mut versions = running("v2.3.0", "v0.12.0");
        assert_eq!(
            reasons(&judge_schemas(&unknown, &versions)),
            ["UnknownSchema"]
        );
        versions.declared = Some("v2.2.1".to_owned());
        assert_eq!(
            reasons(&judge_schemas(&schemas("2.3.0"), &versions)),
            ["VersionsDiffer"]
        );
    }

    #[test]
    fn a_development_build_is_known_by_what_it_declares() {
        let mut versions = running("latest", "main");
        assert_eq!(versions.trainer(), None);
        versions.declared = Some("v2.2.0".to_owned());
        assert_eq!(
            (versions.trainer(), versions.jobset()),
            (Some("v2.2.0"), None)
        );
    }
}
