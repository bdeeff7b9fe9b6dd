//! Does a living pod of each controller lead? Only the leader reconciles, although every pod answers webhooks.
//! A Lease tells the leader and when it last said so; where our clock and that of the leader may differ, a second
//! look at the Lease decides, and no clock.

use std::{rc::Rc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    apps::v1::Deployment,
    coordination::v1::{Lease, LeaseSpec},
    core::v1::Pod,
};
use tokio::time::sleep;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
};

use super::{
    DEPLOYMENTS, LEASES as LEASES_ID, TrainerContext, conclude,
    election::{Election, fetch_election},
    installation::{Part, all_pods_of, belongs_to},
    manager_configuration::CONFIGURATION_UNREADABLE,
    merge,
};

pub(crate) const LEASES: Check<TrainerContext> = Check {
    id: LEASES_ID,
    category: Category::Controllers,
    title: "Each controller has a leader at work",
    hint: "look at the Leases in the controllers' namespace and at who holds them",
    page: "Both controllers elect a leader by a Lease in their namespace, also when they have one pod only; the leader alone works on TrainJobs and JobSets. Without one the pods run, are ready and answer webhooks, and nothing happens to any TrainJob.\n\n\
           The Lease has to be held by a pod of the Deployment and renewed within its own duration. Where the times do not fit, the Lease is watched for some seconds: the leader renews it every two, whatever the clocks say. While a Lease passes from a pod that is gone to the next one, which takes as long as the Lease lasts, the check passes and says so.\n\n\
           A controller whose configuration switches leader election off needs no Lease.",
    reasons: &[
        &LEASE_MISSING,
        &LEASE_EXPIRED,
        &HOLDER_GONE,
        &HELD_ELSEWHERE,
        &CONFIGURATION_UNREADABLE,
    ],
    severity: Severity::Error,
    requires: &[DEPLOYMENTS],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_leases(context)),
};

const LEASE_MISSING: Reason = Reason {
    code: "LeaseMissing",
    meaning: "The controller is to elect a leader, but its Lease does not exist: it has not begun to work yet, or may not create Leases.",
    mend: "Wait with --wait; if it stays, read the controller's log: it says what keeps it from the Lease.",
};
const LEASE_EXPIRED: Reason = Reason {
    code: "LeaseExpired",
    meaning: "The Lease has run out, and nobody renews or takes it: the pods run, but none of them works. The leader hangs, or may not write the Lease.",
    mend: "Restart the controller with kubectl rollout restart; if that does not help, read its log: it says what keeps it from the Lease.",
};
const HOLDER_GONE: Reason = Reason {
    code: "HolderGone",
    meaning: "The Lease is held by a pod that is gone, for longer than a hand-over takes. Until it runs out, no other pod may work.",
    mend: "Delete the Lease; a living pod takes it at once.",
};
const HELD_ELSEWHERE: Reason = Reason {
    code: "HeldElsewhere",
    meaning: "Somebody who is not a pod of the Deployment holds the Lease and keeps renewing it: a controller that was started by hand, or one of another installation. That one works, and the Deployment's pods do nothing.",
    mend: "Stop the other controller; its name is the first part of the holder's.",
};

/// A Lease without a living holder is a hand-over while it lasts no longer than this.
const LONGEST_HANDOVER: SignedDuration = SignedDuration::from_secs(30);
/// However long a Lease lasts, its leader renews it sooner than this.
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_secs(60);
/// Both controllers renew every two seconds (controller-runtime's default); so long a Lease is watched, and so often.
const WATCH: Duration = Duration::from_secs(3);
const LOOKS: u32 = 6;

/// What a fact says of a controller with a leader.
const LED: &str = "is led by a pod";

async fn check_leases(context: &TrainerContext) -> Outcome {
    let (trainer, jobset) = tokio::join!(
        check_part(context, Part::Trainer),
        check_part(context, Part::JobSet)
    );
    let outcomes = [conclude(trainer), conclude(jobset)];
    let led = outcomes.iter().flat_map(|outcome| &outcome.facts);
    let leaders = led.filter(|fact| fact.contains(LED)).count();
    let summary = match leaders {
        0 => None,
        1 => Some("1 leader".to_owned()),
        several => Some(format!("{several} leaders")),
    };
    merge(summary, outcomes)
}

async fn check_part(context: &TrainerContext, part: Part) -> Result<Outcome, Rc<Failure>> {
    let place = context.fetch_place(part).await?;
    let Some(place) = place.as_ref() else {
        return Ok(Outcome::default());
    };
    let deployments = context.fetch_deployments(&place.namespace).await?;
    let own = deployments.iter().find(|it| belongs_to(it, part));
    let Some(deployment) = own else {
        return Ok(Outcome::default());
    };
    match fetch_election(context, part, deployment, &place.namespace).await? {
        Err(unreadable) => Ok(Outcome::of(unreadable)),
        Ok(Election::Off) => Ok(Outcome::passed(format!(
            "{} runs without leader election",
            part.name()
        ))),
        Ok(Election::By { namespace, name }) => {
            let seat = Seat {
                part,
                deployment,
                namespace: &namespace,
                name: &name,
            };
            look_at_seat(context, &seat).await
        }
    }
}

/// The leader's place: which Lease, and who may hold it.
struct Seat<'a> {
    part: Part,
    deployment: &'a Deployment,
    /// Of the Lease.
    namespace: &'a str,
    name: &'a str,
}

async fn look_at_seat(context: &TrainerContext, seat: &Seat<'_>) -> Result<Outcome, Rc<Failure>> {
    let home = seat
        .deployment
        .metadata
        .namespace
        .as_deref()
        .unwrap_or_default();
    let (first, pods) = tokio::join!(fetch_lease(context, seat), context.fetch_pods(home));
    let (first, pods) = (first?, pods?);
    let first = first.unwrap_or_default();
    let candidates = all_pods_of(seat.deployment, &pods);
    if is_led(&first, &candidates, context.now) {
        return Ok(Outcome::passed(led(seat, &first)));
    }
    let last = watch_lease(context, seat, &first).await?;
    // Who took it meanwhile may be younger than the list of pods.
    let pods: Vec<Pod> = context
        .cluster()?
        .fetch_list(&Scope::Namespace(home.to_owned()), None)
        .await?;
    let candidates = all_pods_of(seat.deployment, &pods);
    let seen = Seen {
        before: &first,
        after: last.as_ref(),
        now: context.now,
    };
    Ok(judge_seat(seat, &seen, &candidates))
}

async fn fetch_lease(
    context: &TrainerContext,
    seat: &Seat<'_>,
) -> Result<Option<LeaseSpec>, Rc<Failure>> {
    let scope = Scope::Namespace(seat.namespace.to_owned());
    let lease = context.cluster()?.fetch::<Lease>(&scope, seat.name).await?;
    Ok(lease.map(|lease| lease.spec.unwrap_or_default()))
}

/// The Lease as soon as it is another than `first`, at the latest when the time is over.
async fn watch_lease(
    context: &TrainerContext,
    seat: &Seat<'_>,
    first: &LeaseSpec,
) -> Result<Option<LeaseSpec>, Rc<Failure>> {
    let mut last = None;
    for _ in 0..LOOKS {
        sleep(WATCH / LOOKS).await;
        last = fetch_lease(context, seat).await?;
        if last.as_ref().is_some_and(|last| last != first) {
            break;
        }
    }
    Ok(last)
}

/// A Lease before and after it was watched, and when.
struct Seen<'a> {
    before: &'a LeaseSpec,
    after: Option<&'a LeaseSpec>,
    now: Timestamp,
}

fn judge_seat(seat: &Seat<'_>, seen: &Seen<'_>, candidates: &[&Pod]) -> Outcome {
    let object = format!("Lease {}/{}", seat.namespace, seat.name);
    let Some(lease) = seen.after else {
        let detail = format!(
            "{object} does not exist, so {} has no leader",
            seat.part.name()
        );
        let mend = format!("kubectl -n {} get leases", seat.namespace);
        return Outcome::of(Finding::failed(&LEASE_MISSING, detail).mended_by(mend));
    };
    let moves = lease.renew_time != seen.before.renew_time;
    match (holder(lease, candidates), moves) {
        (Holder::Own, true) => Outcome::passed(led(seat, lease)),
        // On the host network a holder calls itself by the host's name, which need not be that of the Node.
        (Holder::Stranger(_), true) if candidates.iter().any(|pod| is_on_host_network(pod)) => {
            Outcome::passed(led(seat, lease))
        }
        (Holder::Own, false) => Outcome::of(expired(seat, &object, lease)),
        (Holder::Stranger(name), true) => {
            let detail = format!(
                "{object} is renewed by {name}, which is no pod of {}",
                deployment(seat)
            );
            Outcome::of(Finding::failed(&HELD_ELSEWHERE, detail).mended_by(show(seat)))
        }
        (Holder::Stranger(name), false) => judge_vacancy(seat, lease, &name, seen.now),
        (Holder::Nobody, _) => judge_vacancy(seat, lease, "nobody", seen.now),
    }
}

/// A Lease whose holder is gone: a hand-over, or a lock-out.
fn judge_vacancy(seat: &Seat<'_>, lease: &LeaseSpec, name: &str, now: Timestamp) -> Outcome {
    let object = format!("Lease {}/{}", seat.namespace, seat.name);
    let Some(end) = end(lease).filter(|end| *end > now) else {
        return Outcome::of(expired(seat, &object, lease));
    };
    if end.duration_since(now) <= LONGEST_HANDOVER {
        return Outcome::passed(format!(
            "{}: the Lease passes from {name}, which is gone, to the next pod at {end:.0} or soon after",
            seat.part.name()
        ));
    }
    let detail = format!(
        "{object} is held until {end:.0} by {name}, which is gone; until then no pod of {} works",
        seat.part.name()
    );
    let mend = format!("kubectl -n {} delete lease {}", seat.namespace, seat.name);
    Outcome::of(Finding::failed(&HOLDER_GONE, detail).mended_by(mend))
}

fn expired(seat: &Seat<'_>, object: &str, lease: &LeaseSpec) -> Finding {
    let renewed = lease.renew_time.as_ref();
    let renewed = renewed.map_or("never renewed".to_owned(), |time| {
        format!("last renewed at {:.0}", time.0)
    });
    let detail = format!(
        "{object} lasts {} s, was {renewed} and not while it was watched for {} s, so no pod of {} works",
        duration(lease).as_secs(),
        WATCH.as_secs(),
        seat.part.name()
    );
    let namespace = seat
        .deployment
        .metadata
        .namespace
        .as_deref()
        .unwrap_or_default();
    let mend = format!(
        "kubectl -n {namespace} rollout restart deployment/{}",
        seat.deployment.metadata.name.as_deref().unwrap_or_default()
    );
    Finding::failed(&LEASE_EXPIRED, detail).mended_by(mend)
}

fn show(seat: &Seat<'_>) -> String {
    format!(
        "kubectl -n {} get lease {} -o yaml",
        seat.namespace, seat.name
    )
}

fn deployment(seat: &Seat<'_>) -> String {
    let metadata = &seat.deployment.metadata;
    format!(
        "Deployment {}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    )
}

/// Without the pod's name: a report of the same cluster is the same every time.
fn led(seat: &Seat<'_>, lease: &LeaseSpec) -> String {
    format!(
        "{} {LED}, by Lease {} of {} s",
        seat.part.name(),
        seat.name,
        duration(lease).as_secs()
    )
}

fn is_led(lease: &LeaseSpec, candidates: &[&Pod], now: Timestamp) -> bool {
    let longest = duration(lease).min(LONGEST_SILENCE);
    // A little ahead of our clock is fresh; far ahead says nothing.
    let fresh = SignedDuration::from_secs(-1)..=longest;
    holder(lease, candidates) == Holder::Own && fresh.contains(&age(lease, now))
}

/// Who holds a Lease.
#[derive(Debug, PartialEq, Eq)]
enum Holder {
    Own,
    /// By the host's name.
    Stranger(String),
    Nobody,
}

/// A holder calls itself by its host's name, an underscore and a random part (controller-runtime).
fn holder(lease: &LeaseSpec, candidates: &[&Pod]) -> Holder {
    let identity = lease.holder_identity.as_deref().unwrap_or_default();
    let host = identity.rsplit_once('_').map_or(identity, |(host, _)| host);
    if host.is_empty() {
        Holder::Nobody
    } else if candidates.iter().any(|pod| host_name(pod) == host) {
        Holder::Own
    } else {
        Holder::Stranger(host.to_owned())
    }
}

/// What a pod's processes take for their host's name: the node's on the host network, else the pod's own, which the
/// kubelet cuts to the 63 characters of a host name.
fn host_name(pod: &Pod) -> &str {
    const LONGEST: usize = 63;
    if is_on_host_network(pod) {
        let spec = pod.spec.as_ref();
        return spec
            .and_then(|spec| spec.node_name.as_deref())
            .unwrap_or_default();
    }
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let cut = name.get(..LONGEST).unwrap_or(name);
    cut.trim_end_matches(['-', '.'])
}

fn is_on_host_network(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true)
}

fn duration(lease: &LeaseSpec) -> SignedDuration {
    SignedDuration::from_secs(lease.lease_duration_seconds.unwrap_or_default().into())
}

/// When somebody else may take the Lease; `None` when nobody has ever renewed it.
fn end(lease: &LeaseSpec) -> Option<Timestamp> {
    let renewed = lease.renew_time.as_ref()?.0;
    renewed.checked_add(duration(lease)).ok()
}

/// Since the last renewal, by our clock; very long without one.
fn age(lease: &LeaseSpec, now: Timestamp) -> SignedDuration {
    let renewed = lease.renew_time.as_ref();
    renewed.map_or(SignedDuration::MAX, |time| now.duration_since(time.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-11-21T08:00:00Z";

    fn lease(host: &str, renewed: &str, seconds: i32) -> LeaseSpec {
        let spec = json!({
            "holderIdentity": format!("{host}_eff1b7d8-d723-4182-ab9c-0f6ae2763979"),
            "leaseDurationSeconds": seconds,
            "renewTime": renewed,
        });
        serde_json::from_value(spec).unwrap()
    }

    fn pod(name: &str) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
    }

    fn judged(before: &LeaseSpec, after: Option<&LeaseSpec>) -> Option<&'static str> {
        judged_with(&pod("own"), before, after)
    }

    fn judged_with(
        candidate: &Pod,
        before: &LeaseSpec,
        after: Option<&LeaseSpec>,
    ) -> Option<&'static str> {
        let deployment = Deployment::default();
        let seat = Seat {
            part: Part::JobSet,
            deployment: &deployment,
            namespace: "kubeflow-system",
            name: "6d4f6a47.jobset.x-k8s.io",
        };
        let seen = Seen {
            before,
            after,
            now: NOW.parse().unwrap(),
        };
        let outcome = judge_seat(&seat, &seen, &[candidate]);
        outcome.findings.first().map(|finding| finding.reason.code)
    }

    #[test]
    fn a_leader_is_a_pod_of_the_deployment_that_renewed_lately() {
        let now = NOW.parse().unwrap();
        let led =
            |host, renewed, seconds| is_led(&lease(host, renewed, seconds), &[&pod("own")], now);
        assert!(led("own", "2026-11-21T07:59:50.000001Z", 15));
        assert!(!led("own", "2026-11-21T07:59:40.000001Z", 15));
        assert!(
            !led("own", "2026-11-21T08:00:40.000001Z", 15),
            "far ahead of our clock"
        );
        assert!(
            !led("own", "2026-11-21T07:50:00.000001Z", 3600),
            "no leader is silent so long"
        );
        assert!(!led("other", "2026-11-21T07:59:59.000001Z", 15));
    }

    #[test]
    fn a_second_look_tells_clocks_that_differ_from_a_leader_that_is_silent() {
        let old = lease("own", "2026-11-21T07:50:00.000000Z", 15);
        let renewed = lease("own", "2026-11-21T07:50:02.000000Z", 15);
        assert_eq!(judged(&old, Some(&renewed)), None);
        assert_eq!(judged(&old, Some(&old)), Some("LeaseExpired"));
        assert_eq!(judged(&old, None), Some("LeaseMissing"));
    }

    #[test]
    fn a_holder_that_is_gone_is_a_hand_over_a_lock_out_or_somebody_else() {
        let short = lease("gone", "2026-11-21T07:59:55.000000Z", 15);
        let long = lease("gone", "2026-11-21T07:59:55.000000Z", 3600);
        let over = lease("gone", "2026-11-21T07:59:40.000000Z", 15);
        let renewed = lease("gone", "2026-11-21T07:59:57.000000Z", 15);
        let taken = lease("own", "2026-11-21T07:59:57.000000Z", 15);
        assert_eq!(judged(&short, Some(&short)), None);
        assert_eq!(judged(&long, Some(&long)), Some("HolderGone"));
        assert_eq!(judged(&over, Some(&over)), Some("LeaseExpired"));
        assert_eq!(judged(&short, Some(&renewed)), Some("HeldElsewhere"));
        assert_eq!(judged(&short, Some(&taken)), None);
    }

    #[test]
    fn a_host_name_is_the_pods_unless_it_is_too_long_or_the_nodes() {
        let long =
            "kubeflow-trainer-of-a-team-with-a-long-name-controller-manager-6cdb794c97-t7hlp";
        assert_eq!(
            host_name(&pod(long)),
            "kubeflow-trainer-of-a-team-with-a-long-name-controller-manager"
        );
        assert_eq!(host_name(&on_host()), "n1");
    }

    fn on_host() -> Pod {
        let spec = json!({"hostNetwork": true, "nodeName": "n1", "containers": []});
        serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": spec})).unwrap()
    }

    #[test]
    fn a_host_may_be_called_otherwise_than_its_node() {
        let old = lease("ip-10-0-0-7", "2026-11-21T07:59:55.000000Z", 15);
        let renewed = lease("ip-10-0-0-7", "2026-11-21T07:59:57.000000Z", 15);
        assert_eq!(judged_with(&on_host(), &old, Some(&renewed)), None);
        assert_eq!(judged(&old, Some(&renewed)), Some("HeldElsewhere"));
    }
}
