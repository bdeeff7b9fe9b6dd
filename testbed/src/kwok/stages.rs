//! The stages through which kwok takes nodes and pods. Templates are Go's, over the object as it is now.

use serde_json::{Value, json};

use super::{AFTER, EXIT_CODE, FATE};

/// A node says what it is and has: enough of everything.
const NODE_STATUS: &str = r#"
{{ $now := Now }}
phase: Running
conditions:
{{ range NodeConditions }}
- {type: {{ .type | Quote }}, status: {{ .status | Quote }}, reason: {{ .reason | Quote }}, message: {{ .message | Quote }}, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
{{ end }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
- {type: Hostname, address: {{ .metadata.name | Quote }}}
daemonEndpoints: {kubeletEndpoint: {Port: {{ NodePort }}}}
allocatable: {cpu: 1k, memory: 1Ti, pods: 1M}
capacity: {cpu: 1k, memory: 1Ti, pods: 1M}
nodeInfo: {architecture: amd64, operatingSystem: linux, kubeletVersion: {{ printf "kwok-%s" Version | Quote }}, containerRuntimeVersion: {{ printf "kwok-%s" Version | Quote }}, kernelVersion: "", kubeProxyVersion: "", osImage: "", bootID: "", machineID: "", systemUUID: ""}
"#;

/// A pod has started: initializers are done, containers run. Container IDs are never empty, as on a real node.
const POD_RUNNING: &str = r#"
{{ $now := Now }}
{{ $uid := .metadata.uid }}
phase: Running
startTime: {{ $now | Quote }}
conditions:
- {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }}}
{{ with .spec.initContainers }}
initContainerStatuses:
{{ range . }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: true, restartCount: 0, containerID: "containerd://{{ $uid }}-{{ .name }}", state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}}
{{ end }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: true, started: true, restartCount: 0, containerID: "containerd://{{ $uid }}-{{ .name }}", state: {running: {startedAt: {{ $now | Quote }}}}}
{{ end }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
{{ $address := PodIPWith .spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name .metadata.namespace }}
podIP: {{ $address | Quote }}
podIPs:
- {ip: {{ $address | Quote }}}
"#;

/// All containers of a running pod have ended; `PHASE`, `CODE` and `REASON` are put in by [`ended`].
const POD_ENDED: &str = r#"
{{ $now := Now }}
{{ $uid := .metadata.uid }}
{{ $annotations := .metadata.annotations }}
{{ $start := .status.startTime }}
phase: PHASE
conditions:
- {type: ContainersReady, status: "False", reason: PodFinished, lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "False", reason: PodFinished, lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: false, started: false, restartCount: 0, containerID: "containerd://{{ $uid }}-{{ .name }}", state: {terminated: {exitCode: CODE, reason: REASON, containerID: "containerd://{{ $uid }}-{{ .name }}", startedAt: {{ $start | Quote }}, finishedAt: {{ $now | Quote }}}}}
{{ end }}
"#;

/// The containers of a running pod have ended once more and wait to be started again.
const POD_CRASHED: &str = r#"
{{ $now := Now }}
{{ $uid := .metadata.uid }}
{{ $annotations := .metadata.annotations }}
{{ $statuses := .status.containerStatuses }}
conditions:
- {type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range $index, $container := .spec.containers }}
{{ $restarts := add 1 (index $statuses $index).restartCount }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: false, started: false, restartCount: {{ $restarts }}, containerID: "containerd://{{ $uid }}-{{ .name }}-{{ $restarts }}", state: {running: null, waiting: {reason: CrashLoopBackOff, message: "back-off 10s restarting failed container={{ .name }}"}}, lastState: {terminated: {exitCode: CODE, reason: Error, containerID: "containerd://{{ $uid }}-{{ .name }}-{{ $restarts }}", startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}}
{{ end }}
"#;

/// A pod's images cannot be pulled, so it stays pending.
const POD_WITHOUT_IMAGE: &str = r#"
{{ $now := Now }}
startTime: {{ $now | Quote }}
conditions:
- {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: false, started: false, restartCount: 0, state: {waiting: {reason: ImagePullBackOff, message: {{ printf "Back-off pulling image \"%s\"" .image | Quote }}}}}
{{ end }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
"#;

/// Every stage of nodes and pods.
pub(super) fn all() -> Vec<Value> {
    vec![
        node_ready(),
        pod_running(),
        ended("complete", "Succeeded", ["0", "Completed"]),
        ended("fail", "Failed", [&exit_code(), "Error"]),
        ended("oom", "Failed", ["137", "OOMKilled"]),
        pod_crashed(),
        pod_without_image(),
        pod_deleted(),
    ]
}

fn node_ready() -> Value {
    let not_ready = r#".status.conditions.[] | select(.type == "Ready") | .status"#;
    let selector = [json!({"key": not_ready, "operator": "NotIn", "values": ["True"]})];
    stage(
        "node-ready",
        "Node",
        json!({
            "selector": {"matchExpressions": selector},
            "next": {"statusTemplate": NODE_STATUS},
        }),
    )
}

fn pod_running() -> Value {
    let waits_for_ever = json!({
        "key": annotation(FATE), "operator": "NotIn", "values": ["pending", "image-pull-error"],
    });
    pod_stage(
        "pod-running",
        [in_phase("Pending"), waits_for_ever],
        POD_RUNNING,
    )
}

/// The stage in which a running pod meets its fate, with the exit code and reason of its containers.
fn ended(fate: &str, phase: &str, [code, reason]: [&str; 2]) -> Value {
    let template = POD_ENDED
        .replace("PHASE", phase)
        .replace("CODE", code)
        .replace("REASON", reason);
    after(pod_stage(
        &format!("pod-{fate}"),
        [in_phase("Running"), has_fate(fate)],
        &template,
    ))
}

fn pod_crashed() -> Value {
    let template = POD_CRASHED.replace("CODE", &exit_code());
    let mut stage = after(pod_stage(
        "pod-crash-loop",
        [in_phase("Running"), has_fate("crash-loop")],
        &template,
    ));
    // Each crash is followed by the next, so there must be some time between them.
    stage["spec"]["delay"]["durationMilliseconds"] = json!(5000);
    stage
}

fn pod_without_image() -> Value {
    let mut stage = pod_stage(
        "pod-image-pull-error",
        [in_phase("Pending"), has_fate("image-pull-error")],
        POD_WITHOUT_IMAGE,
    );
    let is_new = json!({"key": ".status.containerStatuses", "operator": "DoesNotExist"});
    if let Some(expressions) = stage["spec"]["selector"]["matchExpressions"].as_array_mut() {
        expressions.push(is_new);
    }
    stage["spec"]["next"]["event"] =
        json!({"type": "Warning", "reason": "Failed", "message": "Error: ImagePullBackOff"});
    stage
}

fn pod_deleted() -> Value {
    let deleted = json!({"key": ".metadata.deletionTimestamp", "operator": "Exists"});
    stage(
        "pod-deleted",
        "Pod",
        json!({"selector": {"matchExpressions": [deleted]}, "next": {"delete": true}}),
    )
}

fn pod_stage(name: &str, when: [Value; 2], template: &str) -> Value {
    let kept = json!({"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"});
    let [first, second] = when;
    stage(
        name,
        "Pod",
        json!({
            "selector": {"matchExpressions": [kept, first, second]},
            "next": {"statusTemplate": template},
        }),
    )
}

fn stage(name: &str, kind: &str, mut spec: Value) -> Value {
    spec["resourceRef"] = json!({"apiGroup": "v1", "kind": kind});
    json!({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name}, "spec": spec})
}

/// Lets a stage wait as long as the pod's annotation says.
fn after(mut stage: Value) -> Value {
    stage["spec"]["delay"] =
        json!({"durationMilliseconds": 0, "durationFrom": {"expressionFrom": annotation(AFTER)}});
    stage
}

fn in_phase(phase: &str) -> Value {
    json!({"key": ".status.phase", "operator": "In", "values": [phase]})
}

fn has_fate(fate: &str) -> Value {
    json!({"key": annotation(FATE), "operator": "In", "values": [fate]})
}

/// An expression for the value of a pod's annotation.
fn annotation(key: &str) -> String {
    format!(".metadata.annotations[\"{key}\"]")
}

/// A template for the exit code that a pod asks for.
fn exit_code() -> String {
    format!("{{{{ index $annotations \"{EXIT_CODE}\" | default \"1\" }}}}")
}
