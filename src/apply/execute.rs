//! Asks the cluster about every object, and writes what the plan says, in its order.

use futures::future::join_all;

use super::plan::{Fate, Plan, Sight, Verdict, Wanted, judge, judge_failure};
use crate::cluster::{Cluster, DryRun, Failure, ObjectPlace};

/// What a run would do. Everything is asked at the same time, and nothing is changed.
pub async fn fetch_plan(cluster: &Cluster, mut wanted: Vec<Wanted>) -> Result<Plan, Failure> {
    wanted.sort_by_key(|wanted| wanted.manifest.place.kind);
    let places: Vec<_> = wanted
        .iter()
        .map(|wanted| wanted.manifest.place.clone())
        .collect();
    let sights = wanted.iter().map(|wanted| fetch_sight(cluster, wanted));
    let sights = join_all(sights).await;
    let steps = wanted.into_iter().zip(sights);
    let steps = steps.map(|(wanted, sight)| judge(wanted, sight, &places));
    let mut plan = Plan {
        steps: steps.collect::<Result<_, _>>()?,
    };
    plan.hold_back();
    Ok(plan)
}

async fn fetch_sight(cluster: &Cluster, wanted: &Wanted) -> Sight {
    let manifest = &wanted.manifest;
    let (live, tried) = futures::future::join(
        cluster.fetch_place(&manifest.place),
        cluster.apply(manifest, DryRun::Server),
    )
    .await;
    Sight { live, tried }
}

/// Takes the steps of a plan that write something, one after the other. What turns out to be forbidden is left to
/// others, with all that needs it; where a conflict comes up after all, or a failure, the rest stays undone. Who stops
/// waiting finds in the plan how far it came.
pub async fn execute(cluster: &Cluster, plan: &mut Plan) -> Result<(), Failure> {
    let places: Vec<ObjectPlace> = plan
        .steps
        .iter()
        .map(|step| step.manifest.place.clone())
        .collect();
    for index in 0..plan.steps.len() {
        if !plan.steps[index].is_write() {
            continue;
        }
        plan.steps[index].fate = Fate::Begun;
        let manifest = &plan.steps[index].manifest;
        match cluster.apply(manifest, DryRun::Off).await {
            Ok(_) => plan.steps[index].fate = Fate::Done,
            Err(failure) => {
                let verdict = judge_failure(failure.clone(), manifest, &places)?;
                // It needs something that should be there by now.
                if matches!(verdict, Verdict::Create) {
                    return Err(failure);
                }
                plan.steps[index].fate = Fate::Planned;
                plan.steps[index].verdict = verdict;
                if plan.steps[index].is_obstacle() {
                    return Ok(());
                }
                plan.hold_back();
            }
        }
    }
    Ok(())
}
