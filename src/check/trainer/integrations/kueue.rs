//! Kueue, which queues TrainJobs: does its release speak this Trainer's API?

use std::rc::Rc;

use k8s_openapi::api::apps::v1::Deployment;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
    releases::minor_version,
};

use super::super::{
    KUEUE as KUEUE_ID, NAMESPACE, TrainerContext, conclude,
    installation::{image_name, image_tag, images},
    schema::fetch_versions,
};

pub(crate) const KUEUE: Check<TrainerContext> = Check {
    id: KUEUE_ID,
    category: Category::Integrations,
    title: "Kueue, where it is there, fits this Trainer",
    hint: "compare the releases of Kueue and Trainer",
    page: "Kueue starts a queued TrainJob by writing scheduling directives into it. Trainer 2.2 renamed the field for that (podTemplateOverrides became runtimePatches), and Kueue follows since 0.17: from then on it needs Trainer 2.2 or newer.\n\n\
           Kueue is found by its API group, its release by the image of its Deployment.",
    reasons: &[&KUEUE_TOO_NEW],
    severity: Severity::Warning,
    requires: &[NAMESPACE],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_kueue(context).await) }),
};

const KUEUE_TOO_NEW: Reason = Reason {
    code: "KueueTooNew",
    meaning: "Kueue 0.17 and newer writes a field that Trainer before 2.2 does not know. TrainJobs in a queue are admitted and stay suspended for ever.",
    mend: "Upgrade Trainer to 2.2 or newer, or stay with Kueue 0.16.",
};

const GROUP: &str = "kueue.x-k8s.io";
/// The label that both Kueue's manifests and its chart set.
const SELECTOR: &str = "app.kubernetes.io/name=kueue";
/// From here on Kueue writes `runtimePatches` (kueue#9831).
const FIRST_KUEUE: (u32, u32) = (0, 17);
/// From here on Trainer has `runtimePatches`.
const FIRST_TRAINER: (u32, u32) = (2, 2);

async fn check_kueue(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let groups = context.fetch_api_groups().await?;
    if !groups.iter().any(|group| group == GROUP) {
        return Ok(Outcome::passed("not installed"));
    }
    let (deployments, versions) = tokio::join!(fetch_deployments(context), fetch_versions(context));
    let deployments = deployments?;
    Ok(judge_kueue(find_image(&deployments), versions.trainer()))
}

async fn fetch_deployments(context: &TrainerContext) -> Result<Vec<Deployment>, Rc<Failure>> {
    let cluster = context.cluster()?;
    Ok(cluster
        .fetch_list(&Scope::AllNamespaces, Some(SELECTOR))
        .await?)
}

/// The image of the controller; other Deployments of Kueue have other names.
fn find_image(deployments: &[Deployment]) -> Option<&str> {
    let mut images = deployments.iter().flat_map(images);
    images.find(|image| image_name(image) == "kueue")
}

fn judge_kueue(image: Option<&str>, trainer: Option<&str>) -> Outcome {
    let Some(tag) = image.and_then(image_tag) else {
        return Outcome::passed("installed, of an unknown release");
    };
    let fact = format!("Kueue {tag}");
    let (Some(kueue), Some(trainer), Some(trainer_minor)) =
        (minor_version(tag), trainer, trainer.and_then(minor_version))
    else {
        return Outcome::passed(fact);
    };
    if kueue < FIRST_KUEUE || trainer_minor >= FIRST_TRAINER {
        return Outcome::passed(fact);
    }
    let detail =
        format!("Kueue is {tag}, which needs Trainer 2.2 or newer, but Trainer is {trainer}");
    let finding = Finding::warning(&KUEUE_TOO_NEW, detail).lasting();
    Outcome::of(Finding {
        advice: Some(KUEUE_TOO_NEW.mend.to_owned()),
        ..finding
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reason(image: &str, trainer: Option<&str>) -> Option<&'static str> {
        let outcome = judge_kueue(Some(image), trainer);
        outcome.findings.first().map(|finding| finding.reason.code)
    }

    #[test]
    fn only_a_new_kueue_beside_an_old_trainer_is_a_fault() {
        let new = "registry.k8s.io/kueue/kueue:v0.17.3";
        for (image, trainer, expected) in [
            (new, Some("v2.1.0"), Some("KueueTooNew")),
            (new, Some("v2.0.1"), Some("KueueTooNew")),
            (
                "mirror:5000/kueue:v1.0.0@sha256:0123",
                Some("v2.1.0"),
                Some("KueueTooNew"),
            ),
            (new, Some("v2.2.0"), None),
            (new, Some("v2.3.0"), None),
            (new, None, None),
            ("registry.k8s.io/kueue/kueue:v0.16.4", Some("v2.1.0"), None),
            ("registry.k8s.io/kueue/kueue:main", Some("v2.1.0"), None),
        ] {
            assert_eq!(reason(image, trainer), expected, "{image} {trainer:?}");
        }
        assert_eq!(
            judge_kueue(None, None).facts,
            ["installed, of an unknown release"]
        );
    }

    #[test]
    fn the_controllers_image_is_told_from_that_of_its_dashboard() {
        let deployment = |image: &str| -> Deployment {
            let pod = json!({"spec": {"containers": [{"name": "any", "image": image}]}});
            serde_json::from_value(json!({"spec": {"selector": {}, "template": pod}})).unwrap()
        };
        let all = [
            deployment("registry.k8s.io/kueue/kueueviz-backend:v0.17.3"),
            deployment("registry.k8s.io/kueue/kueue:v0.17.3"),
        ];
        assert_eq!(
            find_image(&all),
            Some("registry.k8s.io/kueue/kueue:v0.17.3")
        );
        assert_eq!(find_image(&all[..1]), None);
    }
}
