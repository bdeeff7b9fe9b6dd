//! Is a JobSet there already that the release would stand beside, and do they fit together?

use std::rc::Rc;

use k8s_openapi::api::apps::v1::Deployment;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::Failure,
    releases::{RELEASES, minor_version},
};

use super::{
    super::{
        IDENTITY, Part, TrainerContext, conclude,
        installation::{belongs_to, image_version},
    },
    PRE_JOBSET, PRE_LEFTOVERS, find_namespace, target,
};

pub(super) const JOBSET: Check<TrainerContext> = Check {
    id: PRE_JOBSET,
    category: Category::Installation,
    title: "No other JobSet is installed",
    hint: "leave JobSet out when applying the release, or remove the other one",
    page: "Looks for a JobSet outside the namespace of the installation, by its webhook configurations, else its Deployment. A release of Trainer brings a JobSet of its own; two of them fight over one set of webhook configurations and work on the same JobSets.\n\n\
           A JobSet of 0.8 to 0.12 can stay: leave the line third-party/jobset out of the manager overlay then.",
    reasons: &[&ANOTHER_JOBSET, &TOO_OLD, &TOO_NEW, &NO_CONTROLLER],
    severity: Severity::Error,
    requires: &[IDENTITY, PRE_LEFTOVERS],
    retry: Retry::Never,
    run: |context| Box::pin(async { conclude(check_jobset(context).await) }),
};

const ANOTHER_JOBSET: Reason = Reason {
    code: "AnotherJobset",
    meaning: "A JobSet is installed that Trainer can work with. Applying a whole release would install a second one beside it.",
    mend: "Apply the manager overlay without third-party/jobset: its kustomization says which line that is.",
};
const TOO_OLD: Reason = Reason {
    code: "TooOld",
    meaning: "The JobSet that is installed is older than any that Trainer works with, and a second one beside it would fight with it.",
    mend: "Upgrade that JobSet, or remove it and let the release bring its own.",
};
const TOO_NEW: Reason = Reason {
    code: "TooNew",
    meaning: "The JobSet that is installed is newer than any that this program knows with Trainer. They may work together; nobody has shown it.",
    mend: "Apply the manager overlay without third-party/jobset, then run verify.",
};
const NO_CONTROLLER: Reason = Reason {
    code: "NoController",
    meaning: "Webhook configurations and a Service of JobSet are there, but no Deployment of its controller: it was removed in part.",
    mend: "Install that JobSet again, or remove what is left of it.",
};

async fn check_jobset(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let own = find_namespace(context).await?;
    let place = context.fetch_place(Part::JobSet).await?;
    let Some(place) = place.as_ref() else {
        return Ok(Outcome::passed(match target() {
            Some(release) => format!("none; the release brings {}", release.jobset_version),
            None => "none".to_owned(),
        }));
    };
    let deployments = context.fetch_deployments(&place.namespace).await?;
    let controller = deployments
        .iter()
        .find(|deployment| belongs_to(deployment, Part::JobSet));
    Ok(judge_jobset(&own, &place.namespace, controller))
}

/// `own` is the namespace of the installation: what is there belongs to it.
fn judge_jobset(own: &str, namespace: &str, controller: Option<&Deployment>) -> Outcome {
    let version = controller.and_then(|controller| image_version(controller, Part::JobSet));
    let words = format!("JobSet {}", version.unwrap_or("of an unknown version"));
    if namespace == own {
        return Outcome::passed(format!("{words} belongs to the installation in {own}"));
    }
    if controller.is_none() {
        let detail = format!(
            "webhook configurations lead to a JobSet in namespace {namespace}, which has no Deployment of it"
        );
        let mend = format!("kubectl -n {namespace} get deployments,services");
        return Outcome::of(Finding::failed(&NO_CONTROLLER, detail).mended_by(mend));
    }
    let (reason, level): (_, fn(_, String) -> Finding) = match version.map(judge_version) {
        Some(Range::Below) => (&TOO_OLD, Finding::failed),
        Some(Range::Above) => (&TOO_NEW, Finding::warning),
        Some(Range::Within) | None => (&ANOTHER_JOBSET, Finding::warning),
    };
    let detail = format!("{words} is already installed in namespace {namespace}");
    Outcome::of(Finding {
        advice: Some(reason.mend.to_owned()),
        ..level(reason, detail)
    })
}

/// How a version lies to those that the releases bring.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Range {
    Below,
    Within,
    Above,
}

/// A tag that is no version is taken to be within.
fn judge_version(version: &str) -> Range {
    let known = RELEASES
        .iter()
        .filter_map(|release| minor_version(release.jobset_version));
    let (oldest, newest) = (known.clone().min(), known.max());
    match minor_version(version) {
        Some(minor) if Some(minor) < oldest => Range::Below,
        Some(minor) if Some(minor) > newest => Range::Above,
        _ => Range::Within,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::Level;

    fn judged(namespace: &str, tag: Option<&str>) -> Option<(Level, &'static str)> {
        let controller = tag.map(|tag| {
            let image = format!("registry.k8s.io/jobset/jobset:{tag}");
            let object = json!({
                "metadata": {"name": "jobset", "namespace": namespace},
                "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "manager", "image": image}]}}},
            });
            serde_json::from_value(object).unwrap()
        });
        let outcome = judge_jobset("kubeflow-system", namespace, controller.as_ref());
        let finding = outcome.findings.first()?;
        Some((finding.level, finding.reason.code))
    }

    #[test]
    fn the_jobset_of_the_installation_is_no_other() {
        assert_eq!(judged("kubeflow-system", Some("v0.12.0")), None);
        assert_eq!(judged("kubeflow-system", None), None);
    }

    #[test]
    fn another_jobset_is_judged_by_its_version() {
        use Level::{Failed, Warning};
        for (tag, expected) in [
            (Some("v0.7.3"), (Failed, "TooOld")),
            (Some("v0.8.0"), (Warning, "AnotherJobset")),
            (Some("v0.12.9"), (Warning, "AnotherJobset")),
            (Some("main"), (Warning, "AnotherJobset")),
            (Some("v0.13.0"), (Warning, "TooNew")),
            (None, (Failed, "NoController")),
        ] {
            assert_eq!(judged("jobset-system", tag), Some(expected), "{tag:?}");
        }
    }
}
