//! Do the webhooks' Services lead to ready pods, and to the right ones only?

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, Service},
    discovery::v1::{Endpoint, EndpointSlice},
};
use serde_json::{Map, Value, json};

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::Failure,
};

use super::{
    DEPLOYMENTS, ENDPOINTS as ENDPOINTS_ID, TrainerContext,
    installation::{Part, ServiceAddress, belongs_to, pods_of, services},
    merge,
};

pub(crate) const ENDPOINTS: Check<TrainerContext> = Check {
    id: ENDPOINTS_ID,
    category: Category::Controllers,
    title: "The webhook Services lead to the right pods",
    hint: "compare the Service's selector with the pods' labels",
    page: "Follows each Service that a webhook configuration names to its EndpointSlices: there has to be a ready endpoint, and every ready one has to be a pod of the controller.\n\n\
           The selector of Trainer's Service is broad (app.kubernetes.io/component: manager). In a namespace shared with others it can catch foreign pods, and then a part of all calls fails.",
    reasons: &[
        &SERVICE_MISSING,
        &NO_ENDPOINTS,
        &ENDPOINTS_NOT_READY,
        &FOREIGN_ENDPOINTS,
        &PORT_MISSING,
    ],
    severity: Severity::Error,
    requires: &[DEPLOYMENTS],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_endpoints(context)),
};

const SERVICE_MISSING: Reason = Reason {
    code: "ServiceMissing",
    meaning: "A webhook configuration names a Service that does not exist, or there is no webhook configuration that names one.",
    mend: "Make the Service anew with kubectl expose, which is enough for the webhooks, or apply the manager overlay of the Trainer release again, which brings its other ports too.",
};
const NO_ENDPOINTS: Reason = Reason {
    code: "NoEndpoints",
    meaning: "The Service selects no pod, so the API server has nobody to call.",
    mend: "Set the Service's selector to labels that the controller's pods carry.",
};
const ENDPOINTS_NOT_READY: Reason = Reason {
    code: "EndpointsNotReady",
    meaning: "The Service selects pods, but none of them is ready.",
    mend: "Wait with --wait; if it stays, look at the pods.",
};
const FOREIGN_ENDPOINTS: Reason = Reason {
    code: "ForeignEndpoints",
    meaning: "The Service also selects ready pods that are not the controller's. A part of the webhook calls goes to them and fails.",
    mend: "Narrow the Service's selector, or change the labels of the foreign pods.",
};
const PORT_MISSING: Reason = Reason {
    code: "PortMissing",
    meaning: "The webhook configuration calls a port that the Service does not have.",
    mend: "Apply the manager overlay of the Trainer release again.",
};

async fn check_endpoints(context: &TrainerContext) -> Outcome {
    let (trainer, jobset) = tokio::join!(
        check_part(context, Part::Trainer),
        check_part(context, Part::JobSet)
    );
    let outcomes = [trainer, jobset]
        .map(|judged| judged.unwrap_or_else(|failure| Outcome::of(Finding::of_failure(&failure))));
    let ready: usize = outcomes.iter().map(|outcome| outcome.facts.len()).sum();
    merge(
        Some(format!("{ready} Services")).filter(|_| ready > 0),
        outcomes,
    )
}

async fn check_part(context: &TrainerContext, part: Part) -> Result<Outcome, Rc<Failure>> {
    let configurations = context.fetch_configurations(part).await?;
    let addresses = services(&configurations);
    let mut outcomes = Vec::new();
    if addresses.is_empty() && context.fetch_place(part).await?.is_some() {
        let detail = format!(
            "no webhook configuration of {} names a Service",
            part.name()
        );
        outcomes.push(Outcome::of(Finding::failed(&SERVICE_MISSING, detail)));
    }
    for address in addresses {
        let namespace = &address.namespace;
        let (service, slices, deployments, pods) = tokio::join!(
            context.fetch_service(namespace, &address.name),
            context.fetch_endpoint_slices(namespace),
            context.fetch_deployments(namespace),
            context.fetch_pods(namespace),
        );
        let (service, slices, deployments, pods) = (service?, slices?, deployments?, pods?);
        let deployment = deployments
            .iter()
            .find(|deployment| belongs_to(deployment, part));
        let scene = Scene {
            address: &address,
            service: service.as_ref().as_ref(),
            endpoints: endpoints_of(&address.name, &slices),
            deployment,
            own_pods: deployment
                .map(|deployment| pods_of(deployment, &pods))
                .unwrap_or_default(),
        };
        outcomes.push(judge_service(&scene));
    }
    Ok(merge(None, outcomes))
}

/// A Service and everything that it has to do with.
struct Scene<'a> {
    address: &'a ServiceAddress,
    service: Option<&'a Service>,
    endpoints: Vec<&'a Endpoint>,
    deployment: Option<&'a Deployment>,
    own_pods: Vec<&'a Pod>,
}

fn endpoints_of<'a>(service: &str, slices: &'a [EndpointSlice]) -> Vec<&'a Endpoint> {
    let label = |slice: &&EndpointSlice| {
        let labels = slice.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get("kubernetes.io/service-name"))
            .is_some_and(|name| name == service)
    };
    slices
        .iter()
        .filter(label)
        .flat_map(|slice| &slice.endpoints)
        .collect()
}

fn judge_service(scene: &Scene<'_>) -> Outcome {
    let ServiceAddress {
        namespace,
        name,
        port,
    } = scene.address;
    let object = format!("Service {namespace}/{name}");
    let Some(service) = scene.service else {
        let detail = format!("{object} does not exist, but webhook configurations call it");
        let mend = expose(scene).unwrap_or(format!("kubectl -n {namespace} get services"));
        return Outcome::of(Finding::failed(&SERVICE_MISSING, detail).mended_by(mend));
    };
    let ports = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default();
    if !ports.iter().any(|offered| offered.port == *port) {
        let detail = format!("{object} has no port {port}, but webhook configurations call it");
        return Outcome::of(
            Finding::failed(&PORT_MISSING, detail)
                .mended_by(format!("kubectl -n {namespace} get service {name} -o yaml")),
        );
    }
    judge_endpoints(scene, service, &object)
}

/// Makes the Service anew in front of what the Deployment selects, as far as webhooks need it.
fn expose(scene: &Scene<'_>) -> Option<String> {
    /// What both controllers listen on for webhooks, unless their pods name another port.
    const USUAL_PORT: i32 = 9443;
    let deployment = scene.deployment?;
    let containers = &deployment.spec.as_ref()?.template.spec.as_ref()?.containers;
    let mut ports = containers.iter().flat_map(|it| it.ports.iter().flatten());
    let named = ports.find(|it| {
        it.name
            .as_deref()
            .is_some_and(|name| name.starts_with("webhook"))
    });
    let target = named.map_or(USUAL_PORT, |port| port.container_port);
    let ServiceAddress {
        namespace,
        name,
        port,
    } = scene.address;
    Some(format!(
        "kubectl -n {namespace} expose deployment/{} --name={name} --port={port} --target-port={target}",
        deployment.metadata.name.as_deref()?
    ))
}

fn judge_endpoints(scene: &Scene<'_>, service: &Service, object: &str) -> Outcome {
    let ServiceAddress {
        namespace, name, ..
    } = scene.address;
    let look = format!(
        "kubectl -n {namespace} get endpointslices -l kubernetes.io/service-name={name} -o wide"
    );
    let ready: Vec<_> = scene
        .endpoints
        .iter()
        .copied()
        .filter(|endpoint| is_ready(endpoint))
        .collect();
    if scene.endpoints.is_empty() {
        let detail = format!(
            "{object} selects no pod (its selector: {})",
            selector_text(service)
        );
        let mend = selector_patch(scene, service).unwrap_or(look);
        return Outcome::of(Finding::failed(&NO_ENDPOINTS, detail).mended_by(mend));
    }
    if ready.is_empty() {
        let detail = format!(
            "none of the {} endpoints of {object} is ready",
            scene.endpoints.len()
        );
        return Outcome::of(Finding::failed(&ENDPOINTS_NOT_READY, detail).mended_by(look));
    }
    let foreign = foreign_pods(scene, &ready);
    if !foreign.is_empty() {
        let detail = format!(
            "{object} also leads to pods that are not the controller's: {}",
            foreign.join(", ")
        );
        let mend = selector_patch(scene, service).unwrap_or(look);
        return Outcome::of(Finding::failed(&FOREIGN_ENDPOINTS, detail).mended_by(mend));
    }
    Outcome::passed(format!("{object} has {} ready", ready.len()))
}

/// A missing condition means ready, by the API's definition.
fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint
        .conditions
        .as_ref()
        .and_then(|conditions| conditions.ready)
        .unwrap_or(true)
}

/// Names of the pods behind these endpoints that are not the controller's, sorted; none while the controller is unknown.
fn foreign_pods<'a>(scene: &Scene<'_>, endpoints: &[&'a Endpoint]) -> Vec<&'a str> {
    if scene.deployment.is_none() {
        return Vec::new();
    }
    let own = |pod: &str| {
        scene
            .own_pods
            .iter()
            .any(|own| own.metadata.name.as_deref() == Some(pod))
    };
    let targets = endpoints
        .iter()
        .filter_map(|endpoint| endpoint.target_ref.as_ref()?.name.as_deref());
    let mut foreign: Vec<_> = targets.filter(|pod| !own(pod)).collect();
    foreign.sort_unstable();
    foreign.dedup();
    foreign
}

fn selector(service: &Service) -> BTreeMap<String, String> {
    service
        .spec
        .as_ref()
        .and_then(|spec| spec.selector.clone())
        .unwrap_or_default()
}

fn selector_text(service: &Service) -> String {
    let pairs: Vec<_> = selector(service)
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if pairs.is_empty() {
        "none".to_owned()
    } else {
        pairs.join(",")
    }
}

/// A merge patch that makes the Service select what the Deployment selects, and nothing more.
fn selector_patch(scene: &Scene<'_>, service: &Service) -> Option<String> {
    let wanted = scene
        .deployment?
        .spec
        .as_ref()?
        .selector
        .match_labels
        .clone()?;
    let mut patch: Map<String, Value> = selector(service)
        .into_keys()
        .map(|key| (key, Value::Null))
        .collect();
    patch.extend(
        wanted
            .into_iter()
            .map(|(key, value)| (key, Value::from(value))),
    );
    let patch = json!({"spec": {"selector": patch}});
    let ServiceAddress {
        namespace, name, ..
    } = scene.address;
    Some(format!(
        "kubectl -n {namespace} patch service {name} --type=merge -p '{patch}'"
    ))
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    fn object<T: DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    fn service(selector: &Value) -> Service {
        object(json!({"spec": {"selector": selector, "ports": [{"port": 443}]}}))
    }

    fn endpoint(pod: &str, ready: Option<bool>) -> Endpoint {
        let conditions = ready.map_or(json!({}), |ready| json!({"ready": ready}));
        object(
            json!({"addresses": ["10.244.1.2"], "conditions": conditions, "targetRef": {"kind": "Pod", "name": pod}}),
        )
    }

    fn judged(service: Option<&Service>, endpoints: &[Endpoint]) -> Outcome {
        let address = ServiceAddress {
            namespace: "kubeflow-system".to_owned(),
            name: "kubeflow-trainer-controller-manager".to_owned(),
            port: 443,
        };
        let ports = json!([{"name": "metrics", "containerPort": 8443}, {"name": "webhook", "containerPort": 9444}]);
        let deployment: Deployment = object(json!({"metadata": {"name": "controller"}, "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/component": "manager", "app.kubernetes.io/name": "trainer"}},
            "template": {"spec": {"containers": [{"name": "manager", "ports": ports}]}},
        }}));
        let own: Pod = object(json!({"metadata": {"name": "own"}}));
        judge_service(&Scene {
            address: &address,
            service,
            endpoints: endpoints.iter().collect(),
            deployment: Some(&deployment),
            own_pods: vec![&own],
        })
    }

    fn reason(outcome: &Outcome) -> Option<&'static str> {
        outcome.findings.first().map(|finding| finding.reason.code)
    }

    #[test]
    fn a_service_is_judged_by_its_endpoints() {
        let broad = service(&json!({"app.kubernetes.io/component": "manager"}));
        let judged = |endpoints: &[Endpoint]| reason(&judged(Some(&broad), endpoints));
        assert_eq!(judged(&[endpoint("own", Some(true))]), None);
        assert_eq!(judged(&[endpoint("own", None)]), None);
        assert_eq!(judged(&[]), Some("NoEndpoints"));
        assert_eq!(
            judged(&[endpoint("own", Some(false))]),
            Some("EndpointsNotReady")
        );
        assert_eq!(
            judged(&[
                endpoint("own", Some(true)),
                endpoint("stranger", Some(true))
            ]),
            Some("ForeignEndpoints")
        );
        assert_eq!(
            judged(&[
                endpoint("own", Some(true)),
                endpoint("stranger", Some(false))
            ]),
            None
        );
    }

    #[test]
    fn the_service_itself_and_its_port_are_looked_for() {
        let missing = judged(None, &[]);
        assert_eq!(reason(&missing), Some("ServiceMissing"));
        let command = "kubectl -n kubeflow-system expose deployment/controller \
                       --name=kubeflow-trainer-controller-manager --port=443 --target-port=9444";
        assert_eq!(missing.findings[0].mend.as_deref(), Some(command));
        let other_port: Service = object(json!({"spec": {"ports": [{"port": 8443}]}}));
        assert_eq!(reason(&judged(Some(&other_port), &[])), Some("PortMissing"));
    }

    #[test]
    fn the_mend_selects_what_the_deployment_selects_and_nothing_else() {
        let wrong = service(&json!({"app": "nobody", "app.kubernetes.io/component": "nobody"}));
        let outcome = judged(Some(&wrong), &[]);
        let finding = &outcome.findings[0];
        assert!(
            finding
                .detail
                .ends_with("(its selector: app=nobody,app.kubernetes.io/component=nobody)")
        );
        let command = "kubectl -n kubeflow-system patch service kubeflow-trainer-controller-manager --type=merge -p \
                       '{\"spec\":{\"selector\":{\"app\":null,\"app.kubernetes.io/component\":\"manager\",\"app.kubernetes.io/name\":\"trainer\"}}}'";
        assert_eq!(finding.mend.as_deref(), Some(command));
    }
}
