//! Is there a node on which the controllers' pods can run: ready, of a known kind, and with room?

use std::{collections::BTreeMap, rc::Rc};

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
    page: "Looks for a node that is Ready, takes new pods, has no taint that keeps the controllers' pods away, runs Linux on amd64 or arm64, and has what the larger controller requests: what the node offers, less what its pods request. JobSet's controller requests 500m CPU and 128Mi memory.",
    reasons: &[&NO_NODE],
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

async fn check_nodes(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let cluster = context.cluster()?;
    let (nodes, pods) = tokio::join!(
        cluster.fetch_list::<Node>(&Scope::Cluster, None),
        cluster.fetch_list::<Pod>(&Scope::AllNamespaces, None)
    );
    let needed = target().map_or(&[][..], |release| release.pods);
    Ok(judge_nodes(&nodes?, &pods?, &largest(needed)))
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

fn judge_nodes(nodes: &[Node], pods: &[Pod], needed: &Amounts) -> Outcome {
    let verdicts = nodes
        .iter()
        .map(|node| (name(node), judge_node(node, pods, needed)));
    let (fit, unfit): (Vec<_>, Vec<_>) = verdicts.partition(|(_, problem)| problem.is_none());
    if !fit.is_empty() {
        return Outcome::passed(format!("{} of {} nodes", fit.len(), nodes.len()));
    }
    let mut problems: Vec<_> = unfit
        .iter()
        .take(NAMED)
        .map(|(name, problem)| format!("{name} {}", problem.as_deref().unwrap_or_default()))
        .collect();
    if unfit.len() > NAMED {
        problems.push(format!("{} more", unfit.len() - NAMED));
    }
    let detail = match nodes.len() {
        0 => "the cluster has no node".to_owned(),
        count => format!(
            "none of {count} nodes can take the controllers: {}",
            problems.join("; ")
        ),
    };
    Outcome::of(Finding::failed(&NO_NODE, detail).mended_by("kubectl describe nodes"))
}

fn name(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

/// Why a controller's pod cannot run there, in words that follow the node's name.
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
    let own = pods.iter().filter(|pod| runs_on(pod, name(node)));
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
fn runs_on(pod: &Pod, node: &str) -> bool {
    let is_there = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node);
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    is_there && !matches!(phase, Some("Succeeded" | "Failed"))
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
    use crate::releases::RELEASES;

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

    #[test]
    fn one_fitting_node_is_enough_and_none_is_a_failure() {
        let (good, bad) = (
            node(|_| {}),
            node(|node| node["spec"]["unschedulable"] = json!(true)),
        );
        let needed = Amounts::from([("cpu", 0.5)]);
        assert_eq!(
            judge_nodes(&[bad.clone(), good], &[], &needed).facts,
            ["1 of 2 nodes"]
        );
        assert_eq!(
            judge_nodes(&[bad], &[], &needed).findings[0].detail,
            "none of 1 nodes can take the controllers: n1 is cordoned"
        );
        assert_eq!(
            judge_nodes(&[], &[], &needed).findings[0].detail,
            "the cluster has no node"
        );
    }
}
