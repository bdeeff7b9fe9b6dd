//! What somebody with a stolen token would try: one value a try. Each is a request that the cluster's administrator may
//! make, so that a refusal is one of rights and not of a request that nobody could make. What is written is a dry run.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::Method;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};
use testbed::{BUSYBOX_IMAGE, Testbed};

use super::caller::Call;
use crate::{own_runtimes::training_runtime, two_tiers};

/// The pod, the job, the runtime, the configuration and the Secret that are there in both namespaces.
pub(super) const VICTIM: &str = "victim";
/// Where a pod answers requests.
pub(super) const PORT: u16 = 8080;

const TRAINER: &str = "/apis/trainer.kubeflow.org/v1alpha1";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// What refuses a try to who may do the plain form of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    Roles,
    Tiers,
}

pub(super) struct Try {
    pub(super) name: String,
    pub(super) guard: Guard,
    pub(super) call: Call,
}

/// Where the tries are made.
pub(super) struct Place<'a> {
    pub(super) bed: &'a Testbed,
    /// The namespace of the personas.
    pub(super) own: &'a str,
    /// One in which they have no rights.
    pub(super) other: &'a str,
    /// A request for a certificate that waits for approval.
    pub(super) request: &'a str,
}

pub(super) fn every(place: &Place<'_>) -> Vec<Try> {
    let mut tries = in_other_namespaces(place.other);
    tries.extend(on_secrets(place));
    tries.extend(on_tokens(place));
    tries.extend(on_roles(place.own));
    tries.extend(on_bindings(place));
    tries.extend(on_identities(place.own));
    tries.extend(into_pods(place.own));
    tries.extend(with_pods(place.own));
    tries.extend(with_workloads(place.own));
    tries.extend(on_training(place.own));
    tries.extend(on_runtimes(place.own));
    tries.extend(on_limits(place.own));
    tries.extend(on_namespaces(place.own));
    tries.extend(on_nodes());
    tries.extend(on_admission(place));
    tries.extend(on_certificates(place));
    tries.extend(on_controllers());
    tries.extend(on_reviews(place.own));
    tries.extend(out_of_the_tier(place.bed, place.own));
    tries
}

fn attempt(name: &str, call: Call) -> Try {
    Try {
        name: name.to_owned(),
        guard: Guard::Roles,
        call,
    }
}

fn call(method: Method, path: impl Into<String>) -> Call {
    Call {
        method,
        path: path.into(),
        body: None,
        headers: Vec::new(),
    }
}

fn get(name: &str, path: impl Into<String>) -> Try {
    attempt(name, call(Method::GET, path))
}

/// Nothing is written by it.
fn dry(path: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}dryRun=All")
}

fn with_body(method: Method, path: &str, kind: &'static str, body: Value) -> Call {
    Call {
        body: Some(body),
        headers: vec![("content-type", kind.to_owned())],
        ..call(method, dry(path))
    }
}

fn create(name: &str, path: impl AsRef<str>, body: Value) -> Try {
    let call = with_body(Method::POST, path.as_ref(), "application/json", body);
    attempt(name, call)
}

fn replace(name: &str, path: impl AsRef<str>, body: Value) -> Try {
    let call = with_body(Method::PUT, path.as_ref(), "application/json", body);
    attempt(name, call)
}

fn merge(name: &str, path: impl AsRef<str>, body: Value) -> Try {
    attempt(name, with_body(Method::PATCH, path.as_ref(), MERGE, body))
}

fn delete(name: &str, path: impl AsRef<str>) -> Try {
    attempt(name, call(Method::DELETE, dry(path.as_ref())))
}

/// A change of the protocol, after which the API server passes bytes on.
fn upgrade(name: &str, method: Method, path: String, headers: &[(&'static str, &str)]) -> Try {
    let headers = headers
        .iter()
        .map(|(key, value)| (*key, (*value).to_owned()));
    let call = Call {
        headers: headers.collect(),
        ..call(method, path)
    };
    attempt(name, call)
}

fn object(version: &str, kind: &str, name: &str, fields: &Value) -> Value {
    let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } });
    for (field, value) in fields.as_object().unwrap() {
        object[field] = value.clone();
    }
    object
}

fn in_core(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}")
}

fn in_trainer(namespace: &str) -> String {
    format!("{TRAINER}/namespaces/{namespace}")
}

fn train_job(name: &str) -> Value {
    two_tiers::with_spec(name, &json!({}))
}

fn mark() -> Value {
    json!({ "metadata": { "annotations": { "attack": "yes" } } })
}

fn in_other_namespaces(other: &str) -> Vec<Try> {
    let (core, trainer) = (in_core(other), in_trainer(other));
    vec![
        get("look at another namespace", core.clone()),
        get("list all namespaces", "/api/v1/namespaces"),
        get(
            "list another namespace's jobs",
            format!("{trainer}/trainjobs"),
        ),
        get(
            "get another namespace's job",
            format!("{trainer}/trainjobs/{VICTIM}"),
        ),
        get(
            "list the jobs of all namespaces",
            format!("{TRAINER}/trainjobs"),
        ),
        create(
            "submit to another namespace",
            format!("{trainer}/trainjobs"),
            train_job("attack"),
        ),
        merge(
            "suspend another namespace's job",
            format!("{trainer}/trainjobs/{VICTIM}"),
            mark(),
        ),
        delete(
            "delete another namespace's job",
            format!("{trainer}/trainjobs/{VICTIM}"),
        ),
        get(
            "list another namespace's runtimes",
            format!("{trainer}/trainingruntimes"),
        ),
        get("list another namespace's pods", format!("{core}/pods")),
        get("list the pods of all namespaces", "/api/v1/pods"),
        get(
            "read another namespace's log",
            format!("{core}/pods/{VICTIM}/log"),
        ),
        get("list another namespace's events", format!("{core}/events")),
        get(
            "get another namespace's Secret",
            format!("{core}/secrets/{VICTIM}"),
        ),
        get(
            "list another namespace's Secrets",
            format!("{core}/secrets"),
        ),
        get(
            "get another namespace's ConfigMap",
            format!("{core}/configmaps/{VICTIM}"),
        ),
        spdy(
            "run a command in another namespace's pod",
            &core,
            "exec?command=true&stdout=true",
        ),
    ]
}

fn on_secrets(place: &Place<'_>) -> Vec<Try> {
    let core = in_core(place.own);
    let of_account = json!({
        "metadata": {
            "name": "attack",
            "annotations": { "kubernetes.io/service-account.name": "trainer-system" },
        },
        "type": "kubernetes.io/service-account-token",
    });
    let secret = |fields: &Value| object("v1", "Secret", "attack", fields);
    vec![
        get("get a Secret", format!("{core}/secrets/{VICTIM}")),
        get("list Secrets", format!("{core}/secrets")),
        get(
            "watch Secrets",
            format!("{core}/secrets?watch=true&timeoutSeconds=1"),
        ),
        get("list the Secrets of all namespaces", "/api/v1/secrets"),
        get(
            "list the controllers' Secrets",
            "/api/v1/namespaces/kubeflow-system/secrets",
        ),
        create(
            "make a Secret",
            format!("{core}/secrets"),
            secret(&json!({})),
        ),
        create(
            "have a lasting token made",
            format!("{core}/secrets"),
            secret(&of_account),
        ),
        merge(
            "change a Secret",
            format!("{core}/secrets/{VICTIM}"),
            json!({ "data": { "a": "Yg==" } }),
        ),
        delete("delete a Secret", format!("{core}/secrets/{VICTIM}")),
        delete("delete all Secrets", format!("{core}/secrets")),
        get("get a ConfigMap", format!("{core}/configmaps/{VICTIM}")),
        get("list ConfigMaps", format!("{core}/configmaps")),
        merge(
            "change a ConfigMap",
            format!("{core}/configmaps/{VICTIM}"),
            json!({ "data": { "a": "b" } }),
        ),
        get(
            "list the control plane's ConfigMaps",
            "/api/v1/namespaces/kube-system/configmaps",
        ),
    ]
}

fn on_tokens(place: &Place<'_>) -> Vec<Try> {
    let review = |version: &str| object(version, "TokenRequest", "", &json!({ "spec": {} }));
    let token = |name: &str, namespace: &str, account: &str| {
        let path = format!("{}/serviceaccounts/{account}/token", in_core(namespace));
        create(name, path, review("authentication.k8s.io/v1"))
    };
    let core = in_core(place.own);
    let account = object("v1", "ServiceAccount", "attack", &json!({}));
    vec![
        token(
            "a token of the platform's account",
            place.own,
            "trainer-system",
        ),
        token("a token of the default account", place.own, "default"),
        token(
            "a further token of the submitter",
            place.own,
            "trainer-submitter",
        ),
        token("a token in another namespace", place.other, "default"),
        token(
            "a token in the control plane",
            "kube-system",
            "namespace-controller",
        ),
        token(
            "a token of Trainer's controller",
            "kubeflow-system",
            "kubeflow-trainer-controller-manager",
        ),
        get("list service accounts", format!("{core}/serviceaccounts")),
        create(
            "make a service account",
            format!("{core}/serviceaccounts"),
            account,
        ),
        merge(
            "give an account Secrets to pull images",
            format!("{core}/serviceaccounts/default"),
            json!({ "imagePullSecrets": [{ "name": VICTIM }] }),
        ),
        delete(
            "delete the platform's account",
            format!("{core}/serviceaccounts/trainer-system"),
        ),
    ]
}

fn everything() -> Value {
    json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }])
}

fn on_roles(own: &str) -> Vec<Try> {
    let here = format!("{RBAC}/namespaces/{own}/roles");
    let cluster = format!("{RBAC}/clusterroles");
    let role = |kind: &str| {
        object(
            &format!("{RBAC_GROUP}/v1"),
            kind,
            "attack",
            &json!({ "rules": everything() }),
        )
    };
    let widened = json!({ "rules": everything() });
    let label = format!("{RBAC_GROUP}/aggregate-to-view");
    let mut aggregated = role("ClusterRole");
    aggregated["metadata"]["labels"] = json!({ (label): "true" });
    vec![
        get("list roles", here.clone()),
        get("list the cluster's roles", cluster.clone()),
        create("make a Role with all rights", &here, role("Role")),
        create(
            "make a ClusterRole with all rights",
            &cluster,
            role("ClusterRole"),
        ),
        create(
            "make a ClusterRole that is added to view",
            &cluster,
            aggregated,
        ),
        merge(
            "widen the submitters' Role",
            format!("{here}/kubectl-trainer-submitter"),
            widened.clone(),
        ),
        merge(
            "widen the viewers' Role",
            format!("{here}/kubectl-trainer-viewer"),
            widened.clone(),
        ),
        merge(
            "widen the runtimes' ClusterRole",
            format!("{cluster}/kubectl-trainer-cluster-runtimes-view"),
            widened.clone(),
        ),
        merge("widen Kubernetes' view", format!("{cluster}/view"), widened),
        delete("delete a Role", format!("{here}/kubectl-trainer-viewer")),
    ]
}

fn binding(kind: &str, role: (&str, &str), own: &str) -> Value {
    let subjects = ["viewer", "submitter", "ci", "admin", "user-code", "system"].map(|persona| {
        json!({ "kind": "ServiceAccount", "name": format!("trainer-{persona}"), "namespace": own })
    });
    let reference = json!({ "apiGroup": RBAC_GROUP, "kind": role.0, "name": role.1 });
    let fields = json!({ "roleRef": reference, "subjects": subjects });
    object(&format!("{RBAC_GROUP}/v1"), kind, "attack", &fields)
}

fn on_bindings(place: &Place<'_>) -> Vec<Try> {
    let own = place.own;
    let here = format!("{RBAC}/namespaces/{own}/rolebindings");
    let there = format!("{RBAC}/namespaces/{}/rolebindings", place.other);
    let cluster = format!("{RBAC}/clusterrolebindings");
    let system = "kubectl-trainer-use-trainer-system";
    let bind = |role: (&str, &str)| binding("RoleBinding", role, own);
    let subjects = json!({ "subjects": bind(("Role", system))["subjects"] });
    vec![
        create(
            "bind oneself to cluster-admin here",
            &here,
            bind(("ClusterRole", "cluster-admin")),
        ),
        create(
            "bind oneself to edit here",
            &here,
            bind(("ClusterRole", "edit")),
        ),
        create(
            "bind oneself to the platform's right",
            &here,
            bind(("Role", system)),
        ),
        create(
            "bind oneself in another namespace",
            &there,
            bind(("ClusterRole", "view")),
        ),
        create(
            "bind oneself to cluster-admin everywhere",
            &cluster,
            binding("ClusterRoleBinding", ("ClusterRole", "cluster-admin"), own),
        ),
        merge(
            "join the binding of the platform's right",
            format!("{here}/{system}-trainer-system"),
            subjects.clone(),
        ),
        merge(
            "join the binding of cluster-admin",
            format!("{cluster}/cluster-admin"),
            subjects,
        ),
        delete(
            "take a viewer's rights away",
            format!("{here}/kubectl-trainer-viewer-trainer-viewer"),
        ),
        delete(
            "delete a binding of the cluster",
            format!("{cluster}/kubectl-trainer:{own}:trainer-viewer:cluster-runtimes"),
        ),
    ]
}

fn on_identities(own: &str) -> Vec<Try> {
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = object(
        "authentication.k8s.io/v1",
        "SelfSubjectReview",
        "",
        &json!({}),
    );
    let system = format!("system:serviceaccount:{own}:trainer-system");
    let act = |name: &str, headers: &[(&'static str, &str)]| {
        let mut attempt = create(name, path, review.clone());
        let headers = headers
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()));
        attempt.call.headers.extend(headers);
        attempt
    };
    vec![
        act("act as another person", &[("impersonate-user", "jane")]),
        act(
            "act as the platform's account",
            &[("impersonate-user", &system)],
        ),
        act(
            "act as the control plane",
            &[("impersonate-user", "system:kube-controller-manager")],
        ),
        act(
            "act as a group",
            &[
                ("impersonate-user", "jane"),
                ("impersonate-group", "system:masters"),
            ],
        ),
        act(
            "act as a uid",
            &[("impersonate-user", "jane"), ("impersonate-uid", "1")],
        ),
        act(
            "act with a scope",
            &[
                ("impersonate-user", "jane"),
                ("impersonate-extra-scopes", "all"),
            ],
        ),
    ]
}

const WEBSOCKET: [(&str, &str); 5] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-protocol", "v4.channel.k8s.io"),
];

fn spdy(name: &str, core: &str, what: &str) -> Try {
    let protocol = if what.starts_with("portforward") {
        "portforward.k8s.io"
    } else {
        "v4.channel.k8s.io"
    };
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "SPDY/3.1"),
        ("x-stream-protocol-version", protocol),
    ];
    upgrade(
        name,
        Method::POST,
        format!("{core}/pods/{VICTIM}/{what}"),
        &headers,
    )
}

fn into_pods(own: &str) -> Vec<Try> {
    let core = in_core(own);
    let pod = format!("{core}/pods/{VICTIM}");
    let container =
        json!([{ "name": "attack", "image": BUSYBOX_IMAGE, "targetContainerName": "main" }]);
    let added = json!({ "spec": { "ephemeralContainers": container } });
    let path = format!("{pod}/ephemeralcontainers");
    let beside = with_body(Method::PATCH, &path, STRATEGIC, added);
    vec![
        spdy(
            "run a command in a pod",
            &core,
            "exec?command=true&stdout=true",
        ),
        upgrade(
            "run a command in a pod by a websocket",
            Method::GET,
            format!("{pod}/exec?command=true&stdout=true"),
            &WEBSOCKET,
        ),
        spdy("attach to a pod", &core, "attach?stdout=true"),
        spdy("reach a pod's ports", &core, "portforward"),
        attempt("put a container beside", beside),
        get(
            "reach a pod through the API server",
            format!("{core}/pods/{VICTIM}:{PORT}/proxy/"),
        ),
        get("read a log", format!("{pod}/log")),
        merge("change a pod", &pod, mark()),
        merge(
            "change a pod's status",
            format!("{pod}/status"),
            json!({ "status": { "message": "attack" } }),
        ),
        delete("delete a pod", &pod),
        delete("delete all pods", format!("{core}/pods")),
        create(
            "evict a pod",
            format!("{pod}/eviction"),
            object("policy/v1", "Eviction", VICTIM, &json!({})),
        ),
    ]
}

fn pod_spec(more: &Value) -> Value {
    let mut spec = json!({ "containers": [{ "name": "main", "image": BUSYBOX_IMAGE }], "restartPolicy": "Never" });
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    spec
}

/// Pods that somebody makes without Trainer, of which the policy of two tiers knows nothing.
fn with_pods(own: &str) -> Vec<Try> {
    let path = format!("{}/pods", in_core(own));
    let pod = |name: &str, spec: &Value| {
        create(
            name,
            &path,
            object("v1", "Pod", "attack", &json!({ "spec": pod_spec(spec) })),
        )
    };
    let volume = |source: Value| {
        let mut volume = source;
        volume["name"] = json!("v");
        json!({ "volumes": [volume] })
    };
    let main = |fields: Value| {
        let mut container = json!({ "name": "main", "image": BUSYBOX_IMAGE });
        for (field, value) in fields.as_object().unwrap() {
            container[field] = value.clone();
        }
        json!({ "containers": [container] })
    };
    let secret = json!({ "name": VICTIM });
    vec![
        pod("a pod", &json!({})),
        pod(
            "a pod as the platform",
            &json!({ "serviceAccountName": "trainer-system" }),
        ),
        pod(
            "a pod with a Secret's volume",
            &volume(json!({ "secret": { "secretName": VICTIM } })),
        ),
        pod(
            "a pod with a projected Secret",
            &volume(json!({ "projected": { "sources": [{ "secret": secret }] } })),
        ),
        pod(
            "a pod with a Secret as environment",
            &main(json!({ "envFrom": [{ "secretRef": secret }] })),
        ),
        pod(
            "a pod with a folder of the node",
            &volume(json!({ "hostPath": { "path": "/" } })),
        ),
        pod(
            "a privileged pod",
            &main(json!({ "securityContext": { "privileged": true } })),
        ),
        pod(
            "a pod in the node's network",
            &json!({ "hostNetwork": true }),
        ),
        pod(
            "a pod among the node's processes",
            &json!({ "hostPID": true }),
        ),
        pod(
            "a pod on a node of one's choice",
            &json!({ "nodeName": "n1" }),
        ),
    ]
}

/// What makes pods for whoever makes it.
fn with_workloads(own: &str) -> Vec<Try> {
    let labels = json!({ "app": "attack" });
    let template = json!({ "metadata": { "labels": labels }, "spec": pod_spec(&json!({ "restartPolicy": "Always" })) });
    let selected = json!({ "selector": { "matchLabels": labels }, "template": template });
    let job = json!({ "template": { "spec": pod_spec(&json!({})) } });
    let apps = |name: &str, kind: &str, plural: &str, spec: &Value| {
        let path = format!("/apis/apps/v1/namespaces/{own}/{plural}");
        create(
            name,
            path,
            object("apps/v1", kind, "attack", &json!({ "spec": spec })),
        )
    };
    let batch = |name: &str, kind: &str, plural: &str, spec: &Value| {
        let path = format!("/apis/batch/v1/namespaces/{own}/{plural}");
        create(
            name,
            path,
            object("batch/v1", kind, "attack", &json!({ "spec": spec })),
        )
    };
    let mut stateful = selected.clone();
    stateful["serviceName"] = json!("attack");
    let jobset = json!({ "replicatedJobs": [{ "name": "a", "template": { "spec": job } }] });
    let jobsets = format!("/apis/jobset.x-k8s.io/v1alpha2/namespaces/{own}/jobsets");
    let core = in_core(own);
    let port = json!({ "spec": { "ports": [{ "port": 80 }] } });
    let claim = json!({ "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } });
    let event = json!({
        "involvedObject": { "kind": "Pod", "name": VICTIM, "namespace": own },
        "reason": "Attack", "message": "attack", "type": "Normal",
    });
    vec![
        apps("a Deployment", "Deployment", "deployments", &selected),
        apps("a DaemonSet", "DaemonSet", "daemonsets", &selected),
        apps("a StatefulSet", "StatefulSet", "statefulsets", &stateful),
        batch("a Job", "Job", "jobs", &job),
        batch(
            "a CronJob",
            "CronJob",
            "cronjobs",
            &json!({ "schedule": "* * * * *", "jobTemplate": { "spec": job } }),
        ),
        create(
            "a JobSet",
            &jobsets,
            object(
                "jobset.x-k8s.io/v1alpha2",
                "JobSet",
                "attack",
                &json!({ "spec": jobset }),
            ),
        ),
        delete("delete all JobSets", &jobsets),
        create(
            "a Service",
            format!("{core}/services"),
            object("v1", "Service", "attack", &port),
        ),
        create(
            "a claim of storage",
            format!("{core}/persistentvolumeclaims"),
            object("v1", "PersistentVolumeClaim", "attack", &claim),
        ),
        create(
            "an event that never was",
            format!("{core}/events"),
            object("v1", "Event", "attack", &event),
        ),
        create(
            "a policy of the network",
            format!("/apis/networking.k8s.io/v1/namespaces/{own}/networkpolicies"),
            object(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                "attack",
                &json!({ "spec": { "podSelector": {} } }),
            ),
        ),
    ]
}

fn on_training(own: &str) -> Vec<Try> {
    let jobs = format!("{}/trainjobs", in_trainer(own));
    let one = format!("{jobs}/{VICTIM}");
    let condition = json!({
        "type": "Complete", "status": "True", "reason": "JobsCompleted", "message": "attack",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    vec![
        get("list the jobs", &jobs),
        get("list the pods", format!("{}/pods", in_core(own))),
        create("submit a job", &jobs, train_job("attack")),
        merge("change somebody's job", &one, mark()),
        merge(
            "keep a job from going",
            &one,
            json!({ "metadata": { "finalizers": ["example.com/attack"] } }),
        ),
        delete("delete somebody's job", &one),
        delete("delete all jobs", &jobs),
        merge(
            "say that a job is complete",
            format!("{one}/status"),
            json!({ "status": { "conditions": [condition] } }),
        ),
    ]
}

fn on_runtimes(own: &str) -> Vec<Try> {
    let here = format!("{}/trainingruntimes", in_trainer(own));
    let cluster = format!("{TRAINER}/clustertrainingruntimes");
    let mut runtime = training_runtime();
    runtime["metadata"]["namespace"] = json!(own);
    runtime["metadata"]["name"] = json!("attack");
    let mut of_cluster = runtime.clone();
    of_cluster["kind"] = json!("ClusterTrainingRuntime");
    of_cluster["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    vec![
        get("list the runtimes", &here),
        get("list the runtimes of the cluster", &cluster),
        create("make a runtime", &here, runtime),
        merge("change a runtime", format!("{here}/{VICTIM}"), mark()),
        delete("delete a runtime", format!("{here}/{VICTIM}")),
        delete("delete all runtimes", &here),
        create("make a runtime of the cluster", &cluster, of_cluster),
        merge(
            "change a runtime of the cluster",
            format!("{cluster}/torch-distributed"),
            mark(),
        ),
        delete(
            "delete a runtime of the cluster",
            format!("{cluster}/torch-distributed"),
        ),
        delete("delete all runtimes of the cluster", &cluster),
    ]
}

fn on_limits(own: &str) -> Vec<Try> {
    let core = in_core(own);
    let (quotas, ranges) = (
        format!("{core}/resourcequotas"),
        format!("{core}/limitranges"),
    );
    let (quota, range) = (
        format!("{quotas}/kubectl-trainer"),
        format!("{ranges}/kubectl-trainer"),
    );
    let key = "count/trainjobs.trainer.kubeflow.org";
    vec![
        create(
            "make a quota",
            &quotas,
            object(
                "v1",
                "ResourceQuota",
                "attack",
                &json!({ "spec": { "hard": { "pods": "0" } } }),
            ),
        ),
        merge(
            "raise the quota",
            &quota,
            json!({ "spec": { "hard": { (key): "1000" } } }),
        ),
        merge(
            "forge the quota's use",
            format!("{quota}/status"),
            json!({ "status": { "used": { (key): "0" } } }),
        ),
        delete("delete the quota", &quota),
        merge(
            "raise the limits",
            &range,
            json!({ "spec": { "limits": [{ "type": "Container", "max": { "cpu": "64" } }] } }),
        ),
        delete("delete the limits", &range),
    ]
}

fn on_namespaces(own: &str) -> Vec<Try> {
    let core = in_core(own);
    let label = json!({ "pod-security.kubernetes.io/enforce": "privileged" });
    let name = json!({ "kubernetes.io/metadata.name": own });
    let whole = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": own, "labels": name }, "spec": { "finalizers": [] },
    });
    vec![
        merge(
            "lower the namespace's Pod Security",
            &core,
            json!({ "metadata": { "labels": label } }),
        ),
        delete("delete the namespace", &core),
        replace(
            "take the namespace's finalizers away",
            format!("{core}/finalize"),
            whole,
        ),
        create(
            "make a namespace",
            "/api/v1/namespaces",
            object("v1", "Namespace", "attack", &json!({})),
        ),
    ]
}

fn on_nodes() -> Vec<Try> {
    let path = json!({ "path": "/" });
    let volume = json!({
        "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "hostPath": path,
    });
    vec![
        get("list nodes", "/api/v1/nodes"),
        get("get a node", "/api/v1/nodes/n1"),
        get("ask a kubelet for its pods", "/api/v1/nodes/n1/proxy/pods"),
        get("read a kubelet's files", "/api/v1/nodes/n1/proxy/logs/"),
        merge(
            "close a node",
            "/api/v1/nodes/n1",
            json!({ "spec": { "unschedulable": true } }),
        ),
        merge(
            "forge a node's devices",
            "/api/v1/nodes/n1/status",
            json!({ "status": { "capacity": { "example.com/gpu": "8" } } }),
        ),
        delete("delete a node", "/api/v1/nodes/n1"),
        create(
            "a volume of a node's root",
            "/api/v1/persistentvolumes",
            object(
                "v1",
                "PersistentVolume",
                "attack",
                &json!({ "spec": volume }),
            ),
        ),
        get("read the API server's metrics", "/metrics"),
    ]
}

fn webhook_configuration(kind: &str) -> Value {
    object(
        "admissionregistration.k8s.io/v1",
        kind,
        "attack",
        &json!({ "webhooks": [] }),
    )
}

fn on_admission(place: &Place<'_>) -> Vec<Try> {
    let (validating, mutating) = (
        format!("{ADMISSION}/validatingwebhookconfigurations"),
        format!("{ADMISSION}/mutatingwebhookconfigurations"),
    );
    let (policies, bindings) = (
        format!("{ADMISSION}/validatingadmissionpolicies"),
        format!("{ADMISSION}/validatingadmissionpolicybindings"),
    );
    let tiers = format!("kubectl-trainer-tiers.{}", place.own);
    let trainer = "validator.trainer.kubeflow.org";
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let jobs = format!("{definitions}/trainjobs.trainer.kubeflow.org");
    let rule = json!({ "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"] });
    let policy = json!({ "spec": {
        "matchConstraints": { "resourceRules": [rule] },
        "validations": [{ "expression": "true" }],
    } });
    vec![
        create(
            "make a validating webhook",
            &validating,
            webhook_configuration("ValidatingWebhookConfiguration"),
        ),
        create(
            "make a mutating webhook",
            &mutating,
            webhook_configuration("MutatingWebhookConfiguration"),
        ),
        merge(
            "silence Trainer's webhook",
            format!("{validating}/{trainer}"),
            json!({ "webhooks": [] }),
        ),
        delete(
            "delete Trainer's webhook",
            format!("{validating}/{trainer}"),
        ),
        create(
            "make a policy",
            &policies,
            object(
                "admissionregistration.k8s.io/v1",
                "ValidatingAdmissionPolicy",
                "attack",
                &policy,
            ),
        ),
        merge(
            "soften the policy of two tiers",
            format!("{policies}/{tiers}"),
            json!({ "spec": { "failurePolicy": "Ignore" } }),
        ),
        delete(
            "delete the policy of two tiers",
            format!("{policies}/{tiers}"),
        ),
        merge(
            "let the policy of two tiers only warn",
            format!("{bindings}/{tiers}"),
            json!({ "spec": { "validationActions": ["Warn"] } }),
        ),
        delete(
            "unbind the policy of two tiers",
            format!("{bindings}/{tiers}"),
        ),
        create("make a definition", definitions, definition()),
        merge("change the definition of TrainJobs", &jobs, mark()),
        delete("delete the definition of TrainJobs", &jobs),
    ]
}

fn definition() -> Value {
    let schema = json!({ "openAPIV3Schema": { "type": "object" } });
    let version = json!({ "name": "v1", "served": true, "storage": true, "schema": schema });
    let names = json!({ "kind": "Attack", "plural": "attacks" });
    let spec = json!({ "group": "example.com", "scope": "Namespaced", "names": names, "versions": [version] });
    let fields = json!({ "spec": spec });
    object(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "attacks.example.com",
        &fields,
    )
}

/// A request for a certificate that would log in as the scheduler.
pub(super) fn certificate_request(name: &str) -> Value {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "system:kube-scheduler");
    let signed = params
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap();
    let spec = json!({
        "request": BASE64_STANDARD.encode(signed.pem().unwrap()),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
    });
    object(
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
        name,
        &json!({ "spec": spec }),
    )
}

fn on_certificates(place: &Place<'_>) -> Vec<Try> {
    let requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let condition = json!({
        "type": "Approved", "status": "True", "reason": "Attack", "message": "attack",
    });
    let path = format!("{requests}/{}/approval", place.request);
    vec![
        get("list requests for certificates", requests),
        create(
            "ask for a certificate",
            requests,
            certificate_request("attack"),
        ),
        merge(
            "approve a certificate",
            path,
            json!({ "status": { "conditions": [condition] } }),
        ),
    ]
}

fn on_controllers() -> Vec<Try> {
    let system = "/apis/apps/v1/namespaces/kubeflow-system/deployments";
    let controller = format!("{system}/kubeflow-trainer-controller-manager");
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kubeflow-system/leases";
    let service = json!({ "spec": {
        "group": "attack.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "insecureSkipTLSVerify": true, "service": { "name": "attack", "namespace": "default" },
    } });
    vec![
        merge(
            "stop Trainer's controller",
            &controller,
            json!({ "spec": { "replicas": 0 } }),
        ),
        get(
            "list the controllers' pods",
            "/api/v1/namespaces/kubeflow-system/pods",
        ),
        get("list the controllers' leases", lease),
        create(
            "submit to the controllers' namespace",
            format!("{}/trainjobs", in_trainer("kubeflow-system")),
            train_job("attack"),
        ),
        create(
            "put a server behind the API",
            "/apis/apiregistration.k8s.io/v1/apiservices",
            object(
                "apiregistration.k8s.io/v1",
                "APIService",
                "v1.attack.example.com",
                &service,
            ),
        ),
        create(
            "a priority above all",
            "/apis/scheduling.k8s.io/v1/priorityclasses",
            object(
                "scheduling.k8s.io/v1",
                "PriorityClass",
                "attack",
                &json!({ "value": 1_000_000 }),
            ),
        ),
    ]
}

fn on_reviews(own: &str) -> Vec<Try> {
    let group = "/apis/authorization.k8s.io/v1";
    let attributes = json!({ "namespace": own, "verb": "get", "resource": "secrets" });
    let spec = json!({ "spec": { "user": "jane", "resourceAttributes": attributes } });
    let version = "authorization.k8s.io/v1";
    let mut local = object(version, "LocalSubjectAccessReview", "", &spec);
    local["metadata"]["namespace"] = json!(own);
    let token = json!({ "spec": { "token": "not-a-token" } });
    vec![
        create(
            "ask what others may",
            format!("{group}/subjectaccessreviews"),
            object(version, "SubjectAccessReview", "", &spec),
        ),
        create(
            "ask what others may here",
            format!("{group}/namespaces/{own}/localsubjectaccessreviews"),
            local,
        ),
        create(
            "ask whose a token is",
            "/apis/authentication.k8s.io/v1/tokenreviews",
            object("authentication.k8s.io/v1", "TokenReview", "", &token),
        ),
    ]
}

/// The escapes through the patch fields of the bed's release, as `two_tiers.rs` has them.
fn out_of_the_tier(bed: &Testbed, own: &str) -> Vec<Try> {
    let path = format!("{}/trainjobs", in_trainer(own));
    let submit = |what: &str, job: Value| Try {
        guard: Guard::Tiers,
        ..create(&format!("train with {what}"), &path, job)
    };
    let pods = two_tiers::every_pod_that_escapes(bed).into_iter();
    let pods = pods.map(|(what, pod)| submit(what, two_tiers::job(bed, "escape", &pod)));
    let fields = two_tiers::fields_that_escape().into_iter();
    let fields = fields.map(|(what, fields)| submit(what, two_tiers::with_spec("escape", &fields)));
    pods.chain(fields).collect()
}
