//! Is there a node on which the controllers' pods can run: ready, of a known kind, and with room?

use std::{collections::BTreeMap, rc::Rc};

use futures::stream::{self, StreamExt};
use k8s_openapi::{
    api::core::v1::{Node, Pod, PodSpec},
    apimachinery::pkg::api::resource::Quantity,
};

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
    releases::PodFacts,
};

use super::{
    super::{IDENTITY, TrainerContext, conclude, namespace::parse_quantity},
    PRE_NODES, target,
};

pub(super) const NODES: Check<TrainerContext> = Check {
    id: PRE_NODES,
    category: Category::Installation,
    title: "A node has room for the controllers",
    hint: "add a node, or make room on one",
    page: "Looks for a node that is Ready, takes new pods, has no taint that keeps the controllers' pods away, runs Linux on amd64 or arm64, and has what the larger controller requests: what the node offers, less what its pods request. JobSet's controller requests 500m CPU and 128Mi memory. It looks no further than the first such node.\n\n\
           Where nodes come on demand, one may come for the controllers: a cluster without any node is a warning, and so is one without a fitting node that serves the API of an autoscaler of nodes (karpenter.sh, autoscaling.x-k8s.io or autoscaling.gke.io).",
    reasons: &[&NO_NODE, &NODE_ON_DEMAND, &NO_NODES_YET],
    severity: Severity::Error,
    requires: &[IDENTITY],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_nodes(context).await) }),
};

const NO_NODE: Reason = Reason {
    code: "NoNode",
    meaning: "No node can take the controllers' pods, so that they would stay Pending and every TrainJob would be refused.",
    mend: "The finding says of each node why not. Add one, uncordon one, or make room.",
};

const NODE_ON_DEMAND: Reason = Reason {
    code: "NodeOnDemand",
    meaning: "No node that is there can take the controllers' pods, but the cluster serves the API of an autoscaler of nodes, which may bring one when the pods wait for it.",
    mend: "Apply the release and see whether the pods start. If they stay Pending, let the autoscaler bring nodes of Linux on amd64 or arm64 without taints, or make room on a node.",
};
const NO_NODES_YET: Reason = Reason {
    code: "NoNodesYet",
    meaning: "The cluster has no node at all. Where an autoscaler brings nodes on demand, it may bring one for the controllers' pods; without one they stay Pending.",
    mend: "Add a node, unless an autoscaler of this cluster does: then apply the release and see whether the pods start.",
};

/// API groups of autoscalers of nodes: Karpenter and EKS Auto Mode, the cluster autoscaler, GKE.
const AUTOSCALERS: [&str; 3] = ["karpenter.sh", "autoscaling.x-k8s.io", "autoscaling.gke.io"];
/// Nodes whose pods are listed at the same time.
const NODES_AT_ONCE: usize = 4;
/// For which the releases have images.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
const OS_LABEL: &str = "kubernetes.io/os";
const ARCHITECTURE_LABEL: &str = "kubernetes.io/arch";
/// What the controllers request.
const MEASURED: [&str; 2] = ["cpu", "memory"];
/// Nodes that a finding names one by one.
const NAMED: usize = 5;

/// Amounts by resource, in base units: cores, bytes.
type Amounts = BTreeMap<&'static str, f64>;

/// A node with why it cannot take the controllers.
type Unfit = (String, String);

/// What the nodes are like together.
enum Found {
    /// The first that fits.
    Fit(String),
    Unfit(Vec<Unfit>),
}

async fn check_nodes(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let nodes = context
        .cluster()?
        .fetch_list::<Node>(&Scope::Cluster, None)
        .await?;
    let needed = largest(target().map_or(&[][..], |release| release.pods));
    let found = find_node(context, &nodes, &needed).await?;
    let groups = match &found {
        Found::Unfit(unfit) if !unfit.is_empty() => context.fetch_api_groups().await?,
        _ => Rc::default(),
    };
    Ok(judge_nodes(&found, &groups))
}

/// Only nodes that could take the controllers are asked for their pods, which may be many.
async fn find_node(
    context: &TrainerContext,
    nodes: &[Node],
    needed: &Amounts,
) -> Result<Found, Rc<Failure>> {
    let cluster = context.cluster()?;
    let verdicts = nodes.iter().map(|node| async move {
        let problem = judge_node(node, &[], needed);
        if problem.is_some() {
            return Ok((node, problem));
        }
        let pods = cluster.fetch_pods_of_node(name(node)).await?;
        Ok::<_, Failure>((node, judge_node(node, &pods, needed)))
    });
    let mut verdicts = stream::iter(verdicts).buffered(NODES_AT_ONCE);
    let mut unfit = Vec::new();
    while let Some(verdict) = verdicts.next().await {
        match verdict? {
            (node, None) => return Ok(Found::Fit(name(node).to_owned())),
            (node, Some(problem)) => unfit.push((name(node).to_owned(), problem)),
        }
    }
    Ok(Found::Unfit(unfit))
}

/// The most that a controller requests of each resource.
fn largest(pods: &[PodFacts]) -> Amounts {
    let mut largest = Amounts::new();
    let specs = pods
        .iter()
        .filter_map(|pod| serde_json::from_str::<PodSpec>(pod.spec).ok());
    for requested in specs.map(|spec| requests(&spec)) {
        for (resource, amount) in requested {
            let known = largest.entry(resource).or_default();
            *known = known.max(amount);
        }
    }
    largest
}

/// As the scheduler counts: containers together, or the largest initial one where that is more.
fn requests(spec: &PodSpec) -> Amounts {
    let requested = |of: Option<&BTreeMap<String, Quantity>>, resource: &str| {
        of.and_then(|amounts| parse_quantity(&amounts.get(resource)?.0))
            .unwrap_or_default()
    };
    let of_resource = |resource: &'static str| {
        let amount = |container: &k8s_openapi::api::core::v1::Container| {
            let resources = container.resources.as_ref();
            requested(resources.and_then(|all| all.requests.as_ref()), resource)
        };
        let together: f64 = spec.containers.iter().map(amount).sum();
        let initial = spec.init_containers.iter().flatten().map(amount);
        let overhead = requested(spec.overhead.as_ref(), resource);
        (resource, initial.fold(together, f64::max) + overhead)
    };
    MEASURED.into_iter().map(of_resource).collect()
}

/// `groups` are the API groups that the server serves.
fn judge_nodes(found: &Found, groups: &[String]) -> Outcome {
    let unfit = match found {
        Found::Fit(name) => return Outcome::passed(format!("node {name} has it")),
        Found::Unfit(unfit) => unfit,
    };
    if unfit.is_empty() {
        let detail = "the cluster has no node; an autoscaler may bring one".to_owned();
        return Outcome::of(Finding::warning(&NO_NODES_YET, detail));
    }
    let detail = unfit_words(unfit);
    let autoscaler = AUTOSCALERS
        .iter()
        .find(|autoscaler| groups.iter().any(|group| group == *autoscaler));
    let finding = match autoscaler {
        Some(group) => {
            let detail = format!("an autoscaler ({group}) may have to bring a node: {detail}");
            Finding::warning(&NODE_ON_DEMAND, detail)
        }
        None => Finding::failed(&NO_NODE, detail),
    };
    Outcome::of(finding.mended_by("kubectl describe nodes"))
}

fn unfit_words(unfit: &[Unfit]) -> String {
    if let [(name, problem)] = unfit {
        return format!("the only node cannot take the controllers: {name} {problem}");
    }
    let named = unfit.iter().take(NAMED);
    let mut problems: Vec<_> = named
        .map(|(name, problem)| format!("{name} {problem}"))
        .collect();
    if unfit.len() > NAMED {
        problems.push(format!("{} more", unfit.len() - NAMED));
    }
    format!(
        "none of {} nodes can take the controllers: {}",
        unfit.len(),
        problems.join("; ")
    )
}

fn name(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

/// Why a controller's pod cannot run there beside these pods of the node, in words that follow the node's name.
fn judge_node(node: &Node, pods: &[Pod], needed: &Amounts) -> Option<String> {
    if !is_ready(node) {
        return Some("is not Ready".to_owned());
    }
    let spec = node.spec.as_ref();
    if spec.is_some_and(|spec| spec.unschedulable == Some(true)) {
        return Some("is cordoned".to_owned());
    }
    let mut taints = spec
        .and_then(|spec| spec.taints.as_ref())
        .into_iter()
        .flatten();
    if let Some(taint) = taints.find(|taint| taint.effect != "PreferNoSchedule") {
        return Some(format!("has the taint {}:{}", taint.key, taint.effect));
    }
    judge_kind(node).or_else(|| judge_room(node, pods, needed))
}

fn is_ready(node: &Node) -> bool {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn judge_kind(node: &Node) -> Option<String> {
    let label = |key: &str| {
        let labels = node.metadata.labels.as_ref()?;
        labels.get(key).map(String::as_str)
    };
    let (system, architecture) = (label(OS_LABEL), label(ARCHITECTURE_LABEL));
    let is_known = |found: Option<&str>, known: &[&str]| found.is_none_or(|it| known.contains(&it));
    if is_known(system, &["linux"]) && is_known(architecture, &ARCHITECTURES) {
        return None;
    }
    let words: Vec<_> = [system, architecture].into_iter().flatten().collect();
    Some(format!("is {}", words.join("/")))
}

fn judge_room(node: &Node, pods: &[Pod], needed: &Amounts) -> Option<String> {
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
    let own = pods.iter().filter(|pod| holds_room(pod));
    let own: Vec<_> = own
        .filter_map(|pod| pod.spec.as_ref())
        .map(requests)
        .collect();
    let lacks = |(resource, needed): (&&'static str, &f64)| {
        let offered = parse_quantity(&allocatable.get(*resource)?.0)?;
        let used: f64 = own.iter().filter_map(|amounts| amounts.get(resource)).sum();
        (offered - used < *needed).then(|| {
            format!(
                "has {} free, not {}",
                shown(resource, offered - used),
                shown(resource, *needed)
            )
        })
    };
    let slots = allocatable
        .get("pods")
        .and_then(|amount| parse_quantity(&amount.0));
    // A cast that loses nothing: no node has so many pods.
    let is_full =
        slots.is_some_and(|slots| f64::from(u32::try_from(own.len()).unwrap_or(u32::MAX)) >= slots);
    needed
        .iter()
        .find_map(lacks)
        .or_else(|| is_full.then(|| "takes no more pods".to_owned()))
}

/// Pods that have ended hold nothing.
fn holds_room(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    !matches!(phase, Some("Succeeded" | "Failed"))
}

/// `250m CPU`, `128Mi memory`. Less than nothing is nothing.
fn shown(resource: &str, amount: f64) -> String {
    let amount = amount.max(0.0);
    match resource {
        "cpu" => format!("{:.0}m CPU", amount * 1000.0),
        _ => format!("{:.0}Mi {resource}", amount / f64::from(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{check::Level, releases::RELEASES};

    fn node(change: impl FnOnce(&mut Value)) -> Node {
        let mut object = json!({
            "metadata": {"name": "n1", "labels": {OS_LABEL: "linux", ARCHITECTURE_LABEL: "amd64"}},
            "spec": {},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "allocatable": {"cpu": "2", "memory": "1Gi", "pods": "110"},
            },
        });
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    fn pod(cpu: &str, phase: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "other"},
            "spec": {"nodeName": "n1", "containers": [{"name": "a", "resources": {"requests": {"cpu": cpu}}}]},
            "status": {"phase": phase},
        }))
        .unwrap()
    }

    fn problem(node: &Node, pods: &[Pod]) -> Option<String> {
        judge_node(node, pods, &largest(RELEASES.last().unwrap().pods))
    }

    #[test]
    fn the_larger_controller_counts() {
        let needed = largest(RELEASES.last().unwrap().pods);
        assert_eq!(
            needed,
            Amounts::from([("cpu", 0.5), ("memory", 128.0 * 1024.0 * 1024.0)])
        );
    }

    #[test]
    fn a_node_says_why_it_cannot_take_the_controllers() {
        let changed = |change: fn(&mut Value)| problem(&node(change), &[]).unwrap_or_default();
        assert_eq!(changed(|_| {}), "");
        assert_eq!(
            changed(|node| node["status"]["conditions"] = json!([])),
            "is not Ready"
        );
        assert_eq!(
            changed(|node| node["spec"]["unschedulable"] = json!(true)),
            "is cordoned"
        );
        assert_eq!(
            changed(|node| node["spec"]["taints"] = json!([{"key": "gpu", "effect": "NoSchedule"}])),
            "has the taint gpu:NoSchedule"
        );
        assert_eq!(
            changed(|node| node["spec"]["taints"] =
                json!([{"key": "gpu", "effect": "PreferNoSchedule"}])),
            ""
        );
        assert_eq!(
            changed(|node| node["metadata"]["labels"][ARCHITECTURE_LABEL] = json!("s390x")),
            "is linux/s390x"
        );
        assert_eq!(
            changed(|node| node["status"]["allocatable"]["memory"] = json!("64Mi")),
            "has 64Mi memory free, not 128Mi memory"
        );
        assert_eq!(
            changed(|node| node["status"]["allocatable"]["pods"] = json!("0")),
            "takes no more pods"
        );
    }

    #[test]
    fn what_running_pods_request_is_not_free() {
        let node = node(|_| {});
        assert_eq!(
            problem(&node, &[pod("1750m", "Running")]).as_deref(),
            Some("has 250m CPU free, not 500m CPU")
        );
        assert_eq!(problem(&node, &[pod("1750m", "Succeeded")]), None);
        assert_eq!(problem(&node, &[pod("1500m", "Running")]), None);
    }

    fn unfit(count: usize) -> Found {
        let node = |number| (format!("n{number}"), "is cordoned".to_owned());
        Found::Unfit((1..=count).map(node).collect())
    }

    fn judged(found: &Found, groups: &[&str]) -> (Level, &'static str, String) {
        let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
        let finding = judge_nodes(found, &groups).findings.remove(0);
        (finding.level, finding.reason.code, finding.detail)
    }

    #[test]
    fn one_fitting_node_is_enough_and_none_is_a_failure() {
        let fit = judge_nodes(&Found::Fit("n1".to_owned()), &[]);
        assert_eq!(
            (fit.findings, fit.facts),
            (vec![], vec!["node n1 has it".to_owned()])
        );
        assert_eq!(
            judged(&unfit(1), &["apps", "autoscaling"]),
            (
                Level::Failed,
                "NoNode",
                "the only node cannot take the controllers: n1 is cordoned".to_owned()
            )
        );
        let (_, _, detail) = judged(&unfit(7), &[]);
        assert!(
            detail.starts_with("none of 7 nodes can take the controllers: n1 is cordoned; ")
                && detail.ends_with("n5 is cordoned; 2 more"),
            "{detail}"
        );
    }

    #[test]
    fn where_nodes_come_on_demand_none_is_a_warning() {
        for group in AUTOSCALERS {
            let (level, reason, detail) = judged(&unfit(2), &["apps", group]);
            assert_eq!((level, reason), (Level::Warning, "NodeOnDemand"));
            assert!(detail.contains(group), "{detail}");
        }
        for groups in [&[][..], &["karpenter.sh"]] {
            let (level, reason, detail) = judged(&unfit(0), groups);
            assert_eq!((level, reason), (Level::Warning, "NoNodesYet"));
            assert_eq!(
                detail,
                "the cluster has no node; an autoscaler may bring one"
            );
        }
    }
}
