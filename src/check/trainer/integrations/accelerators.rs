//! Accelerators: what do the nodes offer, and is there a runtime that asks for what no node has?

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::api::resource::Quantity};

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
    runtimes::Runtime,
};

use super::{
    super::{
        ACCELERATORS as ACCELERATORS_ID, RUNTIMES, TrainerContext, conclude,
        runtime_pods::fetch_all_runtimes,
    },
    Origin, names,
};

pub(crate) const ACCELERATORS: Check<TrainerContext> = Check {
    id: ACCELERATORS_ID,
    category: Category::Integrations,
    title: "Runtimes made here find their accelerators",
    hint: "compare what the runtime asks for with: kubectl describe nodes",
    page: "Adds up what the nodes offer of each accelerator (resources such as nvidia.com/gpu or google.com/tpu), and compares it with what runtimes ask for. Where no runtime asks for any, the nodes are not looked at.\n\n\
           The torchtune runtimes of the releases ask for nvidia.com/gpu. A cluster without GPUs on which nobody uses them is healthy, so for them it is only said. For runtimes that were made for this cluster it is a warning.",
    reasons: &[&NO_SUCH_ACCELERATOR],
    severity: Severity::Warning,
    requires: &[RUNTIMES],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_accelerators(context).await) }),
};

const NO_SUCH_ACCELERATOR: Reason = Reason {
    code: "NoSuchAccelerator",
    meaning: "A runtime asks for an accelerator that no node offers. Where nodes are not added on demand, the pods of its TrainJobs stay pending.",
    mend: "Add nodes that have it, install the device plugin that announces it, or correct the resource's name in the runtime.",
};

/// Parts of the names of resources that people train on: nvidia.com/gpu, nvidia.com/mig-1g.5gb, google.com/tpu,
/// huawei.com/Ascend910, aws.amazon.com/neuron, habana.ai/gaudi, example.com/npu.
const ACCELERATOR_WORDS: [&str; 7] = ["gpu", "mig-", "tpu", "npu", "ascend", "neuron", "gaudi"];

/// What the nodes of a cluster offer of one resource.
#[derive(Debug, Default, PartialEq, Eq)]
struct Offer {
    amount: u64,
    nodes: usize,
}

type Offers = BTreeMap<String, Offer>;

async fn check_accelerators(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let (runtimes, _) = fetch_all_runtimes(context).await?;
    // A cluster may have thousands of nodes, which nobody has to read where nothing is asked of them.
    if runtimes.iter().all(asks_for_nothing) {
        return Ok(Outcome::passed("no runtime asks for one"));
    }
    let nodes = fetch_nodes(context).await?;
    Ok(judge_accelerators(&runtimes, &add_up(&nodes)))
}

fn asks_for_nothing(runtime: &Runtime) -> bool {
    runtime.devices().is_empty()
}

async fn fetch_nodes(context: &TrainerContext) -> Result<Vec<Node>, Rc<Failure>> {
    Ok(context.cluster()?.fetch_list(&Scope::Cluster, None).await?)
}

fn add_up(nodes: &[Node]) -> Offers {
    let mut offers = Offers::new();
    for node in nodes {
        let allocatable = node
            .status
            .as_ref()
            .and_then(|status| status.allocatable.as_ref());
        for (resource, quantity) in allocatable.into_iter().flatten() {
            let amount = whole_number(quantity);
            if amount > 0 && resource.contains('/') {
                let offer = offers.entry(resource.clone()).or_default();
                offer.amount += amount;
                offer.nodes += 1;
            }
        }
    }
    offers
}

/// Extended resources are whole numbers, which the API server writes with a suffix where it is shorter.
fn whole_number(quantity: &Quantity) -> u64 {
    let text = quantity.0.as_str();
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1000),
        None => (text, 1),
    };
    digits.parse::<u64>().unwrap_or_default() * factor
}

fn judge_accelerators(runtimes: &[Runtime], offers: &Offers) -> Outcome {
    let mut wanted: BTreeMap<&str, Vec<&Runtime>> = BTreeMap::new();
    for runtime in runtimes {
        for (resource, _) in runtime.devices() {
            wanted.entry(resource).or_default().push(runtime);
        }
    }
    let mut findings = Vec::new();
    let mut facts = vec![sum_up(offers)];
    for (resource, asking) in wanted
        .iter()
        .filter(|(resource, _)| !offers.contains_key(**resource))
    {
        findings.extend(names(asking, Origin::Cluster).map(|names| {
            let detail = format!("no node offers {resource}, which these ask for: {names}");
            Finding::warning(&NO_SUCH_ACCELERATOR, detail).mended_by("kubectl describe nodes")
        }));
        facts.extend(
            names(asking, Origin::Release)
                .map(|names| format!("no node offers {resource}, for {names}")),
        );
    }
    Outcome::new(findings, facts)
}

fn sum_up(offers: &Offers) -> String {
    let accelerators = offers
        .iter()
        .filter(|(resource, _)| is_accelerator(resource));
    let texts: Vec<_> = accelerators
        .map(|(resource, Offer { amount, nodes })| match nodes {
            1 => format!("{amount} {resource} on 1 node"),
            _ => format!("{amount} {resource} on {nodes} nodes"),
        })
        .collect();
    if texts.is_empty() {
        return "the nodes have none".to_owned();
    }
    texts.join(", ")
}

fn is_accelerator(resource: &str) -> bool {
    let resource = resource.to_lowercase();
    ACCELERATOR_WORDS.iter().any(|word| resource.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::runtime, *};

    fn node(allocatable: &Value) -> Node {
        serde_json::from_value(json!({"status": {"allocatable": allocatable}})).unwrap()
    }

    fn asking(name: &str, resource: &str) -> Runtime {
        let pod = json!({"spec": {"containers": [{"name": "node", "resources": {"limits": {resource: 2}}}]}});
        let job = json!({"name": "node", "template": {"spec": {"template": pod}}});
        runtime(
            name,
            "",
            &json!({"template": {"spec": {"replicatedJobs": [job]}}}),
        )
    }

    #[test]
    fn nodes_are_looked_at_only_where_a_runtime_asks_for_a_device() {
        assert!(asks_for_nothing(&runtime("plain", "", &json!({}))));
        assert!(!asks_for_nothing(&asking("own", "amd.com/gpu")));
    }

    #[test]
    fn what_nodes_offer_is_added_up_by_resource() {
        let offers = add_up(&[
            node(&json!({"cpu": "8", "nvidia.com/gpu": "8"})),
            node(&json!({"nvidia.com/gpu": "2", "example.com/fuse": "1k"})),
            node(&json!({"nvidia.com/gpu": "0"})),
            node(&json!({"nvidia.com/mig-1g.5gb": "7"})),
        ]);
        assert_eq!(
            offers["nvidia.com/gpu"],
            Offer {
                amount: 10,
                nodes: 2
            }
        );
        assert_eq!(offers["example.com/fuse"].amount, 1000);
        assert_eq!(
            sum_up(&offers),
            "10 nvidia.com/gpu on 2 nodes, 7 nvidia.com/mig-1g.5gb on 1 node"
        );
        assert_eq!(sum_up(&Offers::new()), "the nodes have none");
    }

    #[test]
    fn a_runtime_of_the_cluster_needs_what_it_asks_for_and_one_of_a_release_is_only_told() {
        let shipped = asking("torchtune-llama3.2-1b", "nvidia.com/gpu");
        let own = asking("own", "amd.com/gpu");
        let outcome = judge_accelerators(std::slice::from_ref(&shipped), &Offers::new());
        assert_eq!(outcome.findings, []);
        assert_eq!(
            outcome.facts,
            [
                "the nodes have none",
                "no node offers nvidia.com/gpu, for runtime torchtune-llama3.2-1b"
            ]
        );
        let there = add_up(&[node(&json!({"nvidia.com/gpu": "1"}))]);
        let outcome = judge_accelerators(&[shipped, own], &there);
        assert_eq!(outcome.findings.len(), 1);
        assert_eq!(
            outcome.findings[0].detail,
            "no node offers amd.com/gpu, which these ask for: runtime own"
        );
        assert_eq!(outcome.facts, ["1 nvidia.com/gpu on 1 node"]);
    }
}
