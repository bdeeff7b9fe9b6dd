//! Can training pods report how far they are? The switch, the port, and what would keep pods from it.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{PodSpec, Service},
        networking::v1::{
            NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
        },
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::core::{Selector, SelectorExt as _};

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
    releases::minor_version,
};

use super::{
    NAMESPACE, PROGRESS as PROGRESS_ID, TrainerContext, conclude,
    installation::{Part, belongs_to, services},
    manager_configuration::{
        CONFIGURATION_UNREADABLE, ManagerConfiguration, argument, fetch_manager_configuration,
        is_true, pod_of,
    },
    schema::fetch_versions,
};

pub(crate) const PROGRESS: Check<TrainerContext> = Check {
    id: PROGRESS_ID,
    category: Category::Integrations,
    title: "Progress reporting is off, or works",
    hint: "apply the manager overlay of the Trainer release again; its Service has the port",
    page: "Since release 2.2 training pods can report their progress to Trainer's controller, which writes it to status.trainerStatus of their TrainJob. The feature gate TrainJobStatus switches it on, in the controller's arguments or in its configuration; by default it is off.\n\n\
           Where it is on, the controller's Service has to have the status server's port (10443), and no NetworkPolicy may keep pods of other namespaces from it. A training goes on when its reports get lost.",
    reasons: &[
        &STATUS_PORT_MISSING,
        &STATUS_PORT_CLOSED,
        &CONFIGURATION_UNREADABLE,
    ],
    severity: Severity::Warning,
    requires: &[NAMESPACE],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_progress(context).await) }),
};

const STATUS_PORT_MISSING: Reason = Reason {
    code: "StatusPortMissing",
    meaning: "Progress reporting is on, but the Service that training pods are told to report to does not have the status server's port, or does not exist. No progress arrives.",
    mend: "Add the port to the Service, as the release's manifests have it, or switch the feature gate TrainJobStatus off.",
};
const STATUS_PORT_CLOSED: Reason = Reason {
    code: "StatusPortClosed",
    meaning: "Progress reporting is on, but NetworkPolicies in Trainer's namespace select the controller's pods and none of them lets pods of other namespaces reach the status server's port. Where the network plugin enforces policies, no progress arrives.",
    mend: "Add a NetworkPolicy that allows ingress to that port from the namespaces that train.",
};
const FEATURE_GATE: &str = "TrainJobStatus";
/// The first release with the feature.
const FIRST_RELEASE: (u32, u32) = (2, 2);
const DEFAULT_PORT: i32 = 10443;

async fn check_progress(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let versions = fetch_versions(context).await;
    if let Some(version) = versions.trainer()
        && minor_version(version).is_some_and(|minor| minor < FIRST_RELEASE)
    {
        return Ok(Outcome::passed(format!(
            "not part of Trainer {version}, since 2.2"
        )));
    }
    let place = context.fetch_place(Part::Trainer).await?;
    let Some(place) = place.as_ref() else {
        return Ok(Outcome::default());
    };
    let namespace = &place.namespace;
    let deployments = context.fetch_deployments(namespace).await?;
    let controller = deployments
        .iter()
        .find(|deployment| belongs_to(deployment, Part::Trainer));
    let Some((controller, pod)) = controller.and_then(|it| Some((it, pod_of(it)?))) else {
        return Ok(Outcome::passed("off: there is no controller"));
    };
    let configuration = match fetch_manager_configuration(context, namespace, pod).await? {
        Ok(configuration) => configuration,
        Err(finding) => return Ok(Outcome::of(finding)),
    };
    match judge_gate(pod, &configuration) {
        Gate::OffByDefault => Ok(Outcome::passed("off (the default)")),
        Gate::Off => Ok(Outcome::passed("off")),
        Gate::On => look_at_server(context, controller, &configuration).await,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Gate {
    OffByDefault,
    Off,
    On,
}

/// Arguments override the configuration, as in the controller.
fn judge_gate(pod: &PodSpec, configuration: &ManagerConfiguration) -> Gate {
    let gates = argument(pod, "--feature-gates")
        .unwrap_or_default()
        .split(',');
    let mut gates = gates.filter_map(|gate| gate.trim().split_once('='));
    let argument = gates.rfind(|(name, _)| *name == FEATURE_GATE);
    let argument = argument.map(|(_, value)| is_true(value));
    let configured = configuration.feature_gates.as_ref();
    let configured = configured.and_then(|gates| gates.get(FEATURE_GATE).copied());
    match argument.or(configured) {
        None => Gate::OffByDefault,
        Some(false) => Gate::Off,
        Some(true) => Gate::On,
    }
}

async fn look_at_server(
    context: &TrainerContext,
    controller: &Deployment,
    configuration: &ManagerConfiguration,
) -> Result<Outcome, Rc<Failure>> {
    let configurations = context.fetch_configurations(Part::Trainer).await?;
    let called = services(&configurations).into_iter().next();
    let namespace = controller.metadata.namespace.clone().unwrap_or_default();
    let configured = configuration.cert_management.as_ref();
    let configured = configured.and_then(|it| it.webhook_service_name.clone());
    let name = configured
        .or(called.map(|service| service.name))
        .unwrap_or_default();
    let scope = Scope::Namespace(namespace.clone());
    let (service, policies) = tokio::join!(context.fetch_service(&namespace, &name), async {
        Ok::<_, Rc<Failure>>(
            context
                .cluster()?
                .fetch_list::<NetworkPolicy>(&scope, None)
                .await?,
        )
    },);
    let (service, policies) = (service?, policies?);
    let server = configuration.status_server.as_ref();
    let port = server.and_then(|server| server.port);
    let address = Address {
        namespace: &namespace,
        service: &name,
        port: port.unwrap_or(DEFAULT_PORT),
    };
    let port = judge_port(&address, service.as_ref().as_ref());
    let policy = judge_policies(&address, controller, &policies);
    let fact = format!("on, at {name}.{namespace}.svc:{}", address.port);
    Ok(Outcome::new(
        port.into_iter().chain(policy).collect(),
        vec![fact],
    ))
}

/// Where training pods are told to report to.
struct Address<'a> {
    namespace: &'a str,
    service: &'a str,
    port: i32,
}

fn judge_port(address: &Address<'_>, service: Option<&Service>) -> Option<Finding> {
    let Address {
        namespace,
        service: name,
        port,
    } = address;
    let Some(service) = service else {
        let detail =
            format!("progress reporting is on, but there is no Service {namespace}/{name}");
        return Some(Finding::warning(&STATUS_PORT_MISSING, detail));
    };
    let spec = service.spec.as_ref();
    let mut ports = spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    if ports.any(|found| found.port == *port) {
        return None;
    }
    let detail =
        format!("progress reporting is on, but Service {namespace}/{name} has no port {port}");
    let value = format!(
        "{{\"name\":\"status-server\",\"port\":{port},\"protocol\":\"TCP\",\"targetPort\":{port}}}"
    );
    let mend = format!(
        "kubectl -n {namespace} patch service {name} --type=json -p '[{{\"op\":\"add\",\"path\":\"/spec/ports/-\",\"value\":{value}}}]'"
    );
    Some(Finding::warning(&STATUS_PORT_MISSING, detail).mended_by(mend))
}

/// Policies add up: what one of them allows is allowed, and without any everything is.
fn judge_policies(
    address: &Address<'_>,
    controller: &Deployment,
    policies: &[NetworkPolicy],
) -> Option<Finding> {
    let template = &controller.spec.as_ref()?.template;
    let labels = template
        .metadata
        .as_ref()?
        .labels
        .clone()
        .unwrap_or_default();
    let selecting: Vec<_> = policies
        .iter()
        .filter(|policy| selects(policy, &labels))
        .collect();
    let pod = template.spec.as_ref()?;
    let opens = |rule: &NetworkPolicyIngressRule| {
        opens_to_others(rule) && opens_port(rule, address.port, pod)
    };
    let mut rules = selecting
        .iter()
        .filter_map(|policy| policy.spec.as_ref()?.ingress.as_ref())
        .flatten();
    if selecting.is_empty() || rules.any(opens) {
        return None;
    }
    let names: Vec<_> = selecting
        .iter()
        .filter_map(|policy| policy.metadata.name.as_deref())
        .collect();
    let detail = format!(
        "progress reporting is on, but in namespace {} no NetworkPolicy ({}) lets pods of other namespaces reach port {} of the controller",
        address.namespace,
        names.join(", "),
        address.port
    );
    let mend = format!("kubectl -n {} describe networkpolicies", address.namespace);
    Some(Finding::warning(&STATUS_PORT_CLOSED, detail).mended_by(mend))
}

/// Whether a policy governs what comes in to pods with these labels.
fn selects(policy: &NetworkPolicy, labels: &BTreeMap<String, String>) -> bool {
    let Some(spec) = &policy.spec else {
        return false;
    };
    // Without types a policy is always one of ingress.
    let ingress = spec
        .policy_types
        .as_ref()
        .is_none_or(|types| types.is_empty() || types.iter().any(|kind| kind == "Ingress"));
    let selector = spec.pod_selector.clone().unwrap_or_default();
    ingress && Selector::try_from(selector).is_ok_and(|selector| selector.matches(labels))
}

/// Whether a rule lets anybody in who is not in the same namespace.
fn opens_to_others(rule: &NetworkPolicyIngressRule) -> bool {
    let outside =
        |peer: &NetworkPolicyPeer| peer.namespace_selector.is_some() || peer.ip_block.is_some();
    let peers = rule.from.as_deref().unwrap_or_default();
    peers.is_empty() || peers.iter().any(outside)
}

fn opens_port(rule: &NetworkPolicyIngressRule, wanted: i32, pod: &PodSpec) -> bool {
    let named = |name: &str| {
        let ports = pod
            .containers
            .iter()
            .flat_map(|container| container.ports.iter().flatten());
        let mut ports = ports.filter(|port| port.name.as_deref() == Some(name));
        ports.any(|port| port.container_port == wanted)
    };
    let opens = |port: &NetworkPolicyPort| {
        let tcp = port
            .protocol
            .as_deref()
            .is_none_or(|protocol| protocol == "TCP");
        tcp && match &port.port {
            None => true,
            Some(IntOrString::Int(first)) => {
                (*first..=port.end_port.unwrap_or(*first)).contains(&wanted)
            }
            Some(IntOrString::String(name)) => named(name),
        }
    };
    let ports = rule.ports.as_deref().unwrap_or_default();
    ports.is_empty() || ports.iter().any(opens)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn controller(arguments: &[&str]) -> Deployment {
        let ports = json!([{"name": "status-server", "containerPort": 10443}]);
        let pod = json!({"containers": [{"name": "manager", "args": arguments, "ports": ports}]});
        let object = json!({
            "metadata": {"name": "any", "namespace": "kubeflow-system"},
            "spec": {"selector": {}, "template": {"metadata": {"labels": {"app": "trainer"}}, "spec": pod}},
        });
        serde_json::from_value(object).unwrap()
    }

    fn gate(arguments: &[&str], configuration: &str) -> Gate {
        let configuration: ManagerConfiguration = serde_saphyr::from_str(configuration).unwrap();
        judge_gate(pod_of(&controller(arguments)).unwrap(), &configuration)
    }

    #[test]
    fn arguments_override_the_configuration() {
        let on = "statusServer: {port: 10443, qps: 5}\nfeatureGates: {TrainJobStatus: true}";
        let plain = "apiVersion: config.trainer.kubeflow.org/v1alpha1\nkind: Configuration";
        assert_eq!(gate(&["--config=/c.yaml"], plain), Gate::OffByDefault);
        assert_eq!(gate(&["--config=/c.yaml"], on), Gate::On);
        assert_eq!(
            gate(&["--feature-gates=TrainJobStatus=false"], on),
            Gate::Off
        );
        assert_eq!(
            gate(
                &["--feature-gates", "Other=true,TrainJobStatus=true"],
                plain
            ),
            Gate::On
        );
        assert_eq!(gate(&["-feature-gates=TrainJobStatus=1"], plain), Gate::On);
        assert_eq!(
            gate(&["--feature-gates=Other=true"], plain),
            Gate::OffByDefault
        );
    }

    const ADDRESS: Address<'_> = Address {
        namespace: "kubeflow-system",
        service: "trainer",
        port: DEFAULT_PORT,
    };

    #[test]
    fn the_service_needs_the_status_servers_port() {
        let service = |port: i32| -> Service {
            serde_json::from_value(json!({"spec": {"ports": [{"port": 443}, {"port": port}]}}))
                .unwrap()
        };
        assert_eq!(judge_port(&ADDRESS, Some(&service(10443))), None);
        let finding = judge_port(&ADDRESS, Some(&service(8443))).unwrap();
        assert!(finding.mend.unwrap().contains("\"port\":10443"));
        assert!(judge_port(&ADDRESS, None).unwrap().mend.is_none());
    }

    /// A policy for the controller's pods with one rule.
    fn policy(rule: &Value) -> NetworkPolicy {
        let spec = json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]});
        serde_json::from_value(json!({"metadata": {"name": "some"}, "spec": spec})).unwrap()
    }

    #[test]
    fn policies_close_the_port_unless_one_of_them_opens_it_to_other_namespaces() {
        let everywhere = json!([{"namespaceSelector": {}}]);
        for (rule, open) in [
            (json!({}), true),
            (json!({"from": [{"podSelector": {}}]}), false),
            (json!({"from": everywhere}), true),
            (json!({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}), true),
            (
                json!({"from": everywhere, "ports": [{"port": 9443}]}),
                false,
            ),
            (
                json!({"from": everywhere, "ports": [{"port": 10443, "protocol": "UDP"}]}),
                false,
            ),
            (json!({"ports": [{"port": 10443}]}), true),
            (json!({"ports": [{"port": 9000, "endPort": 11000}]}), true),
            (json!({"ports": [{"port": "status-server"}]}), true),
            (json!({"ports": [{"port": "webhook"}]}), false),
        ] {
            let found = judge_policies(&ADDRESS, &controller(&[]), &[policy(&rule)]);
            assert_eq!(found.is_none(), open, "{rule}");
        }
        let both = [
            policy(&json!({"from": [{"podSelector": {}}]})),
            policy(&json!({})),
        ];
        assert_eq!(judge_policies(&ADDRESS, &controller(&[]), &both), None);
    }

    #[test]
    fn policies_of_other_pods_and_of_egress_do_not_count() {
        let mut other = policy(&json!({"from": [{"podSelector": {}}]}));
        other.spec.as_mut().unwrap().pod_selector =
            serde_json::from_value(json!({"matchLabels": {"app": "other"}})).unwrap();
        let egress = json!({"metadata": {"name": "out"}, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}});
        let egress: NetworkPolicy = serde_json::from_value(egress).unwrap();
        assert_eq!(
            judge_policies(&ADDRESS, &controller(&[]), &[other, egress]),
            None
        );
        let denied = json!({"metadata": {"name": "deny-all"}, "spec": {"podSelector": {"matchLabels": {"app": "trainer"}}}});
        let denied: NetworkPolicy = serde_json::from_value(denied).unwrap();
        let finding = judge_policies(&ADDRESS, &controller(&[]), &[denied]).unwrap();
        assert!(finding.detail.contains("(deny-all)"), "{}", finding.detail);
    }
}
