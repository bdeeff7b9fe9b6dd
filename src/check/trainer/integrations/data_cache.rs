//! The data cache: is the API there that its runtimes build the cache with?

use std::rc::Rc;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::Failure,
    runtimes::Runtime,
};

use super::super::{
    DATA_CACHE as DATA_CACHE_ID, RUNTIMES, TrainerContext, conclude,
    runtime_pods::{fetch_all_runtimes, spoken},
};

pub(crate) const DATA_CACHE: Check<TrainerContext> = Check {
    id: DATA_CACHE_ID,
    category: Category::Integrations,
    title: "The data cache has what it needs",
    hint: "install LeaderWorkerSet, or remove the runtime with the data cache",
    page: "A runtime with the data cache (torch-distributed-with-cache in the releases) keeps the dataset in the memory of a LeaderWorkerSet, which its initializer creates beside the TrainJob.\n\n\
           Such runtimes are known by the variable CACHE_IMAGE of a container. Without the API leaderworkerset.x-k8s.io their initializers fail.",
    reasons: &[&NO_LEADER_WORKER_SETS],
    severity: Severity::Warning,
    requires: &[RUNTIMES],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_data_cache(context).await) }),
};

const NO_LEADER_WORKER_SETS: Reason = Reason {
    code: "NoLeaderWorkerSets",
    meaning: "A runtime with the data cache is there, but the cluster does not serve LeaderWorkerSets. The initializer of every TrainJob that names the runtime fails.",
    mend: "Install LeaderWorkerSet (Trainer's data-cache overlay contains it), or remove the runtime.",
};

const GROUP: &str = "leaderworkerset.x-k8s.io";
/// Only the cache's initializer reads it.
const CACHE_VARIABLE: &str = "CACHE_IMAGE";

async fn check_data_cache(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let (runtimes, _) = fetch_all_runtimes(context).await?;
    let groups = context.fetch_api_groups().await?;
    Ok(judge_data_cache(&runtimes, &groups))
}

fn judge_data_cache(runtimes: &[Runtime], groups: &[String]) -> Outcome {
    let caching: Vec<_> = runtimes
        .iter()
        .filter(|runtime| has_cache(runtime))
        .map(spoken)
        .collect();
    if caching.is_empty() {
        return Outcome::passed("not installed");
    }
    if groups.iter().any(|group| group == GROUP) {
        return Outcome::passed(caching.join(", "));
    }
    let detail = format!(
        "the cluster has no LeaderWorkerSets ({GROUP}), which these need: {}",
        caching.join(", ")
    );
    Outcome::of(Finding {
        advice: Some(NO_LEADER_WORKER_SETS.mend.to_owned()),
        ..Finding::warning(&NO_LEADER_WORKER_SETS, detail)
    })
}

fn has_cache(runtime: &Runtime) -> bool {
    let pods = runtime.jobs.iter().filter_map(|job| job.pod());
    let mut variables = pods
        .flat_map(|pod| &pod.containers)
        .flat_map(|container| container.env.iter().flatten());
    variables.any(|variable| variable.name == CACHE_VARIABLE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::runtime, *};

    #[test]
    fn a_runtime_with_the_cache_needs_leader_worker_sets() {
        let env =
            json!([{"name": "CACHE_IMAGE", "value": "ghcr.io/kubeflow/trainer/data-cache:v2.3.0"}]);
        let pod = json!({"spec": {"containers": [{"name": "dataset-initializer", "env": env}]}});
        let job = json!({"name": "dataset-initializer", "template": {"spec": {"template": pod}}});
        let with = runtime(
            "with-cache",
            "",
            &json!({"template": {"spec": {"replicatedJobs": [job]}}}),
        );
        let without = runtime("plain", "", &json!({}));
        let reason = |runtimes: &[Runtime], groups: &[&str]| {
            let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
            let outcome = judge_data_cache(runtimes, &groups);
            outcome.findings.first().map(|finding| finding.reason.code)
        };
        assert_eq!(reason(std::slice::from_ref(&without), &[]), None);
        assert_eq!(
            reason(&[without, with.clone()], &["apps"]),
            Some("NoLeaderWorkerSets")
        );
        assert_eq!(reason(&[with], &["leaderworkerset.x-k8s.io"]), None);
    }
}
