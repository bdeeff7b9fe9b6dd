//! Is there a second Trainer or JobSet? The cluster has one set of webhook configurations for all of them.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::apps::v1::Deployment;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
};

use super::{
    INSTALLS as INSTALLS_ID, NAMESPACE, TrainerContext, conclude,
    installation::{Part, Place, belongs_to},
    merge,
};

pub(crate) const INSTALLS: Check<TrainerContext> = Check {
    id: INSTALLS_ID,
    category: Category::Controllers,
    title: "No second Trainer or JobSet competes",
    hint: "decide for one installation and remove the other",
    page: "Looks in all namespaces for Deployments of Trainer and JobSet, by the labels of their manifests and charts. A cluster has one set of webhook configurations and one set of CRDs; their names are fixed in the controllers. Two controllers of a kind each write their own certificate authority into the webhook configurations, in turn, and both work on the same objects.\n\n\
           A typical cause is a JobSet of its own in jobset-system beside the one that the manager overlay of Trainer brings. A Deployment that is scaled to zero competes with nobody.",
    reasons: &[&SECOND_TRAINER, &SECOND_JOBSET],
    severity: Severity::Error,
    requires: &[NAMESPACE],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_installs(context).await) }),
};

const SECOND_TRAINER: Reason = Reason {
    code: "SecondTrainer",
    meaning: "More than one Deployment of Trainer's controller runs. They fight over the webhook configurations and over every TrainJob.",
    mend: "Scale the one down that is not to stay, then remove its manifests. Its objects of the whole cluster (CRDs, cluster roles, webhook configurations) belong to the other, too: keep them.",
};
const SECOND_JOBSET: Reason = Reason {
    code: "SecondJobSet",
    meaning: "More than one Deployment of JobSet's controller runs. They fight over the webhook configurations and over every JobSet.",
    mend: "Scale the one down that is not to stay, then remove it. To keep a JobSet of your own, install Trainer without its copy (overlays/manager without third-party/jobset).",
};

/// Every manifest and chart of the two carries one of these.
const SELECTORS: [&str; 2] = [
    "app.kubernetes.io/name in (trainer,kubeflow-trainer,jobset)",
    "app.kubernetes.io/part-of in (kubeflow-trainer,jobset)",
];

async fn check_installs(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let list = |selector| async move {
        let cluster = context.cluster()?;
        let everywhere = Scope::AllNamespaces;
        let found = cluster.fetch_list::<Deployment>(&everywhere, Some(selector));
        Ok::<_, Rc<Failure>>(found.await?)
    };
    let [one, other] = SELECTORS;
    let (one, other) = tokio::join!(list(one), list(other));
    let deployments = unique(one?.into_iter().chain(other?));
    let mut outcomes = Vec::new();
    for part in Part::BOTH {
        let place = context.fetch_place(part).await?;
        outcomes.push(judge_part(part, &deployments, place.as_ref().as_ref()));
    }
    Ok(merge(summary(&deployments), outcomes))
}

/// Only where each part runs, once; else the facts of the parts say what there is.
fn summary(deployments: &[Deployment]) -> Option<String> {
    let runs_once = |part: Part| {
        let own = deployments.iter().filter(|it| belongs_to(it, part));
        own.filter(|it| asks_for_pods(it)).count() == 1
    };
    let each = Part::BOTH.into_iter().all(runs_once);
    each.then(|| "one of each".to_owned())
}

/// Each Deployment once, by namespace and name.
fn unique(deployments: impl Iterator<Item = Deployment>) -> Vec<Deployment> {
    let key = |it: &Deployment| (it.metadata.namespace.clone(), it.metadata.name.clone());
    let by_name: BTreeMap<_, _> = deployments.map(|it| (key(&it), it)).collect();
    by_name.into_values().collect()
}

fn judge_part(part: Part, deployments: &[Deployment], place: Option<&Place>) -> Outcome {
    let own = deployments.iter().filter(|it| belongs_to(it, part));
    let (running, resting): (Vec<_>, Vec<_>) = own.partition(|it| asks_for_pods(it));
    let mut facts = vec![match running.as_slice() {
        [] => format!("{} does not run", part.name()),
        [only] => format!("{} runs once, as {}", part.name(), path(only)),
        several => format!("{} runs {} times", part.name(), several.len()),
    }];
    facts.extend(
        resting
            .iter()
            .map(|it| format!("{} is scaled to zero", path(it))),
    );
    let finding = (running.len() > 1).then(|| rivals(part, &running, place));
    Outcome::new(finding.into_iter().collect(), facts)
}

fn rivals(part: Part, running: &[&Deployment], place: Option<&Place>) -> Finding {
    let reason = match part {
        Part::Trainer => &SECOND_TRAINER,
        Part::JobSet => &SECOND_JOBSET,
    };
    let home = place.map(|place| place.namespace.as_str());
    let called = |it: &&&Deployment| it.metadata.namespace.as_deref() == home;
    let (called, others): (Vec<_>, Vec<_>) = running.iter().partition(called);
    let names = |deployments: &[&&Deployment]| {
        let paths: Vec<_> = deployments.iter().map(|it| path(it)).collect();
        paths.join(" and ")
    };
    let mend = |it: &Deployment| {
        let (namespace, name) = (namespace(it), name(it));
        format!("kubectl -n {namespace} scale deployment/{name} --replicas=0")
    };
    if let ([_, ..], Some(other)) = (called.as_slice(), others.first()) {
        let detail = format!(
            "{} runs as {} (the webhook configurations lead there) and as {}",
            part.name(),
            names(&called),
            names(&others)
        );
        return Finding::failed(reason, detail).mended_by(mend(other));
    }
    let every: Vec<_> = running.iter().collect();
    let detail = format!("{} runs as {}", part.name(), names(&every));
    Finding::failed(reason, detail).mended_by("kubectl get deployments --all-namespaces")
}

fn asks_for_pods(deployment: &Deployment) -> bool {
    let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    replicas.unwrap_or(1) > 0
}

fn namespace(deployment: &Deployment) -> &str {
    deployment.metadata.namespace.as_deref().unwrap_or_default()
}

fn name(deployment: &Deployment) -> &str {
    deployment.metadata.name.as_deref().unwrap_or_default()
}

fn path(deployment: &Deployment) -> String {
    format!("{}/{}", namespace(deployment), name(deployment))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::trainer::installation::FoundBy;

    fn jobset(namespace: &str, name: &str, replicas: i32) -> Deployment {
        controller("jobset/jobset:v0.12.0", (namespace, name), replicas)
    }

    fn controller(image: &str, (namespace, name): (&str, &str), replicas: i32) -> Deployment {
        let container = json!({"name": "manager", "image": image});
        let object = json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {}, "replicas": replicas, "template": {"spec": {"containers": [container]}}},
        });
        serde_json::from_value(object).unwrap()
    }

    fn judged(deployments: &[Deployment]) -> Outcome {
        let place = Place {
            namespace: "kubeflow-system".to_owned(),
            found_by: FoundBy::WebhookConfigurations,
        };
        judge_part(Part::JobSet, deployments, Some(&place))
    }

    #[test]
    fn one_runs_and_one_may_rest() {
        let own = jobset("kubeflow-system", "jobset-controller-manager", 1);
        let rests = jobset("jobset-system", "jobset-controller-manager", 0);
        let outcome = judged(&[own, rests]);
        assert_eq!(outcome.findings, []);
        assert_eq!(
            outcome.facts,
            [
                "JobSet runs once, as kubeflow-system/jobset-controller-manager",
                "jobset-system/jobset-controller-manager is scaled to zero"
            ]
        );
    }

    #[test]
    fn one_of_each_is_said_only_where_each_part_runs_once() {
        let place = ("kubeflow-system", "kubeflow-trainer-controller-manager");
        let trainer = controller("trainer-controller-manager:v2.3.0", place, 1);
        let own = |replicas| jobset("kubeflow-system", "jobset-controller-manager", replicas);
        let both = [trainer.clone(), own(1)];
        assert_eq!(summary(&both).as_deref(), Some("one of each"));
        assert_eq!(summary(&[trainer.clone(), own(0)]), None);
        assert_eq!(summary(&[trainer]), None);
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn of_two_the_one_is_scaled_down_that_the_webhooks_do_not_call() {
        let stranger = jobset("jobset-system", "jobset-controller-manager", 1);
        let own = jobset("kubeflow-system", "jobset-controller-manager", 1);
        let finding = &judged(&[stranger, own]).findings[0];
        assert_eq!(finding.reason.code, "SecondJobSet");
        assert_eq!(
            finding.detail,
            "JobSet runs as kubeflow-system/jobset-controller-manager (the webhook configurations lead there) \
             and as jobset-system/jobset-controller-manager"
        );
        assert_eq!(
            finding.mend.as_deref(),
            Some(
                "kubectl -n jobset-system scale deployment/jobset-controller-manager --replicas=0"
            )
        );
    }

    #[test]
    fn two_in_one_namespace_are_told_without_choosing() {
        let own = jobset("kubeflow-system", "jobset-controller-manager", 1);
        let chart = jobset("kubeflow-system", "jobset-controller", 1);
        let outcome = judged(&[own.clone(), chart, own.clone()]);
        assert_eq!(
            outcome.findings[0].mend.as_deref(),
            Some("kubectl get deployments --all-namespaces")
        );
        assert_eq!(unique([own.clone(), own].into_iter()).len(), 1);
    }
}
