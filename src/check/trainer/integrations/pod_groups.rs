//! Gang scheduling: is the API there that a runtime's pod group policy needs?

use std::rc::Rc;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::Failure,
    runtimes::Runtime,
};

use super::super::{
    POD_GROUPS as POD_GROUPS_ID, RUNTIMES, TrainerContext, conclude,
    runtime_pods::{fetch_all_runtimes, spoken},
};

pub(crate) const POD_GROUPS: Check<TrainerContext> = Check {
    id: POD_GROUPS_ID,
    category: Category::Integrations,
    title: "Gang scheduling has the PodGroups it needs",
    hint: "install the scheduler that the runtime names, or remove its podGroupPolicy",
    page: "A runtime with a podGroupPolicy has its nodes scheduled together or not at all. For that Trainer creates a PodGroup: of scheduling.x-k8s.io for coscheduling (scheduler-plugins), of scheduling.volcano.sh for volcano.\n\n\
           Without that API no TrainJob of the runtime gets pods.",
    reasons: &[&NO_POD_GROUPS],
    severity: Severity::Warning,
    requires: &[RUNTIMES],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_pod_groups(context).await) }),
};

const NO_POD_GROUPS: Reason = Reason {
    code: "NoPodGroups",
    meaning: "A runtime asks for gang scheduling, but the cluster does not serve the PodGroups of that scheduler. TrainJobs that name the runtime never get pods; only an event of the TrainJob tells.",
    mend: "Install the scheduler with its CRDs and restart Trainer's controller, which looks for them when it starts; or remove podGroupPolicy from the runtime.",
};

/// A scheduler that Trainer has a plugin for.
struct Scheduler {
    /// Its field in `podGroupPolicy`.
    policy: &'static str,
    name: &'static str,
    /// Of its `PodGroup`, as Trainer creates it.
    group_version: &'static str,
}

const SCHEDULERS: [Scheduler; 2] = [
    Scheduler {
        policy: "coscheduling",
        name: "scheduler-plugins",
        group_version: "scheduling.x-k8s.io/v1alpha1",
    },
    Scheduler {
        policy: "volcano",
        name: "Volcano",
        group_version: "scheduling.volcano.sh/v1beta1",
    },
];

impl Scheduler {
    fn group(&self) -> &'static str {
        self.group_version.split('/').next().unwrap_or_default()
    }
}

async fn check_pod_groups(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let (runtimes, _) = fetch_all_runtimes(context).await?;
    let groups = context.fetch_api_groups().await?;
    let mut served = Vec::new();
    for scheduler in &SCHEDULERS {
        // Without the group there is nothing to ask for.
        if groups.iter().any(|group| group == scheduler.group()) {
            let resources = context.fetch_api_resources(scheduler.group_version).await?;
            if resources
                .iter()
                .flatten()
                .any(|resource| resource == "podgroups")
            {
                served.push(scheduler.policy);
            }
        }
    }
    Ok(judge_pod_groups(&runtimes, &served))
}

/// `served` holds the policies of those schedulers whose `PodGroup` is there.
fn judge_pod_groups(runtimes: &[Runtime], served: &[&str]) -> Outcome {
    let installed = SCHEDULERS
        .iter()
        .filter(|scheduler| served.contains(&scheduler.policy));
    let installed: Vec<_> = installed.map(|scheduler| scheduler.name).collect();
    let fact = match installed.as_slice() {
        [] => "not installed".to_owned(),
        names => names.join(", "),
    };
    let findings = SCHEDULERS.iter().filter_map(|scheduler| {
        let policy = |runtime: &&Runtime| {
            runtime
                .gang
                .as_ref()
                .is_some_and(|(policy, _)| policy == scheduler.policy)
        };
        let asking: Vec<_> = runtimes.iter().filter(policy).map(spoken).collect();
        if asking.is_empty() || served.contains(&scheduler.policy) {
            return None;
        }
        let detail = format!(
            "the cluster has no PodGroups of {} ({}), which these need: {}",
            scheduler.name,
            scheduler.group(),
            asking.join(", ")
        );
        Some(Finding {
            advice: Some(NO_POD_GROUPS.mend.to_owned()),
            ..Finding::warning(&NO_POD_GROUPS, detail)
        })
    });
    Outcome::new(findings.collect(), vec![fact])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::runtime, *};

    #[test]
    fn a_policy_needs_the_api_of_its_own_scheduler() {
        let runtimes = [
            runtime("plain", "", &json!({})),
            runtime("gang", "", &json!({"podGroupPolicy": {"coscheduling": {}}})),
            runtime(
                "queue",
                "team-a",
                &json!({"podGroupPolicy": {"volcano": {}}}),
            ),
        ];
        let details = |served: &[&str]| -> Vec<String> {
            let outcome = judge_pod_groups(&runtimes, served);
            outcome
                .findings
                .into_iter()
                .map(|finding| finding.detail)
                .collect()
        };
        assert_eq!(details(&["coscheduling", "volcano"]), [""; 0]);
        assert_eq!(
            details(&["volcano"]),
            [
                "the cluster has no PodGroups of scheduler-plugins (scheduling.x-k8s.io), which these need: runtime gang"
            ]
        );
        assert_eq!(
            details(&["coscheduling"]),
            [
                "the cluster has no PodGroups of Volcano (scheduling.volcano.sh), which these need: TrainingRuntime team-a/queue"
            ]
        );
    }

    #[test]
    fn what_is_there_is_said() {
        assert_eq!(judge_pod_groups(&[], &[]).facts, ["not installed"]);
        assert_eq!(judge_pod_groups(&[], &["volcano"]).facts, ["Volcano"]);
    }
}
