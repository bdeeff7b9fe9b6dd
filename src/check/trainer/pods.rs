//! Why a controller's pod does not run, from its status alone: image, scheduling, start, crash, memory, readiness.
//! Pure; the last lines of a crashed container's log are handed in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use crate::{
    check::{Finding, Reason},
    cluster::Attempt,
};

use super::last_words::telling_line;

pub(super) const IMAGE_NOT_PULLED: Reason = Reason {
    code: "ImageNotPulled",
    meaning: "The node cannot get the controller's image: the name or tag does not exist, the registry cannot be reached, or it asks for a password.",
    mend: "Correct the image with kubectl set image, or give the service account a pull secret. JobSet images that point at k8s-staging-images are deleted by now: the same tag is kept at registry.k8s.io/jobset/jobset.",
};
pub(super) const UNSCHEDULABLE: Reason = Reason {
    code: "Unschedulable",
    meaning: "No node takes the pod: too little CPU or memory, taints, a node selector, or no node at all.",
    mend: "The message says what each node lacks. Make room, add a node, or change the Deployment's requests, selector or tolerations.",
};
pub(super) const CRASH_LOOP: Reason = Reason {
    code: "CrashLoop",
    meaning: "The controller starts and ends with an error, again and again.",
    mend: "The quoted line is the last telling one of its log; read all of it with kubectl logs --previous.",
};
pub(super) const OUT_OF_MEMORY: Reason = Reason {
    code: "OutOfMemory",
    meaning: "The kernel ended the controller because it used more memory than its limit.",
    mend: "Raise the memory limit with kubectl set resources.",
};
pub(super) const WRONG_ARCHITECTURE: Reason = Reason {
    code: "WrongArchitecture",
    meaning: "The node cannot execute the controller's program: the image is of another processor architecture than the node.",
    mend: "Use an image that has the node's architecture, or keep the controller on nodes of the image's with a node selector on kubernetes.io/arch.",
};
pub(super) const NODE_LOST: Reason = Reason {
    code: "NodeLost",
    meaning: "The node of the controller's pod no longer reports to the API server: its kubelet is stopped, or the machine or its network is down. The controller may still run there, but the API server calls it no more.",
    mend: "Bring the node back, or delete the pod: a new one starts on another node.",
};
pub(super) const RESTARTS_OFTEN: Reason = Reason {
    code: "RestartsOften",
    meaning: "The controller runs at this moment, but has ended several times, the last time within ten minutes.",
    mend: "The end of the log before the last restart says why: kubectl logs --previous.",
};
pub(super) const CONTAINER_NOT_CREATED: Reason = Reason {
    code: "ContainerNotCreated",
    meaning: "The node cannot create the container: a ConfigMap, Secret, volume or command is missing or wrong.",
    mend: "The message names what is missing. Apply the manager overlay of the release again.",
};
pub(super) const NOT_READY: Reason = Reason {
    code: "NotReady",
    meaning: "The pod exists but is not ready: it is still starting, or its readiness probe fails. Trainer is not ready until its webhook certificate is there.",
    mend: "Wait with --wait; if it stays, read the pod's events with kubectl describe.",
};

/// Enough of a log's end to hold the sentence before a usage text or a stack.
pub(super) const TAIL_LINES: u16 = 50;

/// The end of the log by pod and container.
pub(super) type LastWords = BTreeMap<(String, String), String>;

/// What is known of pods beside themselves.
#[derive(Default)]
pub(super) struct Evidence {
    pub(super) last_words: LastWords,
    /// The nodes that are not ready, with what their condition says.
    pub(super) lost_nodes: BTreeMap<String, String>,
}

/// A container that ended with an error, and which log tells of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crash {
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) attempt: Attempt,
}

pub(super) fn crashes(pods: &[&Pod]) -> Vec<Crash> {
    let containers = pods
        .iter()
        .flat_map(|pod| containers(pod).map(move |status| (pod, status)));
    let crashed = containers.filter_map(|(pod, status)| {
        let (_, attempt) = last_end(status)?;
        Some(Crash {
            pod: name(pod).to_owned(),
            container: status.name.clone(),
            attempt,
        })
    });
    crashed.collect()
}

/// The first trouble that any of the pods has, the most telling kind first; `None` when they show none.
pub(super) fn judge(owner: &str, pods: &[&Pod], evidence: &Evidence) -> Option<Finding> {
    let find = |judge: &dyn Fn(&Pod) -> Option<Finding>| pods.iter().find_map(|pod| judge(pod));
    // What a lost node last said of its pods is no longer true.
    find(&|pod| judge_node(pod, &evidence.lost_nodes))
        .or_else(|| find(&judge_image))
        .or_else(|| find(&judge_creation))
        .or_else(|| find(&|pod| judge_end(pod, &evidence.last_words)))
        .or_else(|| find(&judge_scheduling))
        .or_else(|| find(&judge_readiness))
        .map(|finding| Finding {
            detail: format!("{owner}: {}", finding.detail),
            ..finding
        })
}

/// The nodes of the pods that are not ready, once each.
pub(super) fn nodes_in_doubt<'a>(pods: &[&'a Pod]) -> BTreeSet<&'a str> {
    let in_doubt = pods.iter().filter(|pod| !is_ready(pod));
    let node = |pod: &&'a Pod| pod.spec.as_ref()?.node_name.as_deref();
    in_doubt.filter_map(node).collect()
}

fn judge_node(pod: &Pod, lost: &BTreeMap<String, String>) -> Option<Finding> {
    let node = pod.spec.as_ref()?.node_name.as_ref()?;
    let message = lost.get(node)?;
    let detail = format!(
        "node {node} of pod {} is lost{}",
        name(pod),
        after_colon(message)
    );
    Some(Finding::failed(&NODE_LOST, detail).mended_by(format!("kubectl describe node {node}")))
}

/// A pod that is well now, and was not a moment ago, again and again.
pub(super) fn judge_restarts(owner: &str, pods: &[&Pod], now: Timestamp) -> Option<Finding> {
    const OFTEN: i32 = 3;
    const LATELY: SignedDuration = SignedDuration::from_mins(10);
    let each = pods
        .iter()
        .flat_map(|pod| containers(pod).map(move |status| (pod, status)));
    each.filter(|(_, status)| status.restart_count >= OFTEN)
        .find_map(|(pod, status)| {
            let end = status.last_state.as_ref()?.terminated.as_ref()?;
            let ago = now.duration_since(end.finished_at.as_ref()?.0);
            if ago > LATELY {
                return None;
            }
            if ended_for_memory(end) {
                return Some(out_of_memory(pod, status));
            }
            let detail = format!(
                "{owner}: container {} of pod {} has restarted {} times, the last time after it ended at {:.0} with exit code {}",
                status.name,
                name(pod),
                status.restart_count,
                end.finished_at.as_ref()?.0,
                end.exit_code
            );
            Some(Finding::failed(&RESTARTS_OFTEN, detail).mended_by(previous_log(pod, status)))
        })
}

fn judge_image(pod: &Pod) -> Option<Finding> {
    const PULL_REASONS: [&str; 5] = [
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
    ];
    let (status, reason, message) = waiting(pod, &PULL_REASONS)?;
    let detail = format!(
        "pod {} cannot pull image {} ({reason}{})",
        name(pod),
        status.image,
        after_colon(&message)
    );
    let mend = match moved_image(&status.image) {
        Some(image) => format!(
            "{} set image deployment/{} {}={image}",
            kubectl(pod),
            deployment(pod),
            status.name
        ),
        None => describe(pod),
    };
    Some(Finding::failed(&IMAGE_NOT_PULLED, detail).mended_by(mend))
}

/// JobSet's staging registry deletes its images after a while; the released tags are kept elsewhere.
fn moved_image(image: &str) -> Option<String> {
    let (_, tag) = image.split_once("k8s-staging-images/jobset/jobset:")?;
    tag.starts_with('v')
        .then(|| format!("registry.k8s.io/jobset/jobset:{tag}"))
}

fn judge_creation(pod: &Pod) -> Option<Finding> {
    const CREATION_REASONS: [&str; 5] = [
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PostStartHookError",
        "PreCreateHookError",
    ];
    let (status, reason, message) = waiting(pod, &CREATION_REASONS)?;
    let detail = format!(
        "pod {} cannot create container {} ({reason}{})",
        name(pod),
        status.name,
        after_colon(&message)
    );
    Some(Finding::failed(&CONTAINER_NOT_CREATED, detail).mended_by(describe(pod)))
}

fn judge_end(pod: &Pod, last_words: &LastWords) -> Option<Finding> {
    let (status, end) = containers(pod).find_map(|status| Some((status, last_end(status)?.0)))?;
    let container = &status.name;
    if ended_for_memory(end) {
        return Some(out_of_memory(pod, status));
    }
    let said = last_words
        .get(&(name(pod).to_owned(), container.clone()))
        .and_then(|text| telling_line(text));
    let message = end.message.as_deref();
    let quotes = [said.as_deref(), message];
    if let Some(quote) = quotes
        .into_iter()
        .flatten()
        .find(|it| it.contains(FOREIGN_FORMAT))
    {
        return Some(foreign_program(pod, status, quote));
    }
    let said = said.map_or(String::new(), |line| format!("; its log says: {line}"));
    let detail = format!(
        "container {container} of pod {} ended with exit code {} after {}{said}",
        name(pod),
        end.exit_code,
        restarts(status.restart_count)
    );
    Some(Finding::failed(&CRASH_LOOP, detail).mended_by(previous_log(pod, status)))
}

/// `1 restart`, `3 restarts`.
pub(super) fn restarts(count: i32) -> String {
    match count {
        1 => "1 restart".to_owned(),
        count => format!("{count} restarts"),
    }
}

/// What the kernel says of a program of another architecture.
const FOREIGN_FORMAT: &str = "exec format error";

fn foreign_program(pod: &Pod, status: &ContainerStatus, quote: &str) -> Finding {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let node = node.unwrap_or_default();
    let detail = format!(
        "node {node} cannot execute image {} of pod {}: {quote}",
        status.image,
        name(pod)
    );
    let mend = format!("kubectl get node {node} -L kubernetes.io/arch");
    Finding::failed(&WRONG_ARCHITECTURE, detail).mended_by(mend)
}

/// Also where the limit is so low that the container did not even start.
fn ended_for_memory(end: &ContainerStateTerminated) -> bool {
    let message = end.message.as_deref().unwrap_or_default();
    end.reason.as_deref() == Some("OOMKilled") || message.contains("OOM-killed")
}

fn out_of_memory(pod: &Pod, status: &ContainerStatus) -> Finding {
    let limit = memory_limit(pod, &status.name);
    let of = limit.map_or(String::new(), |limit| format!(" of {limit}"));
    let detail = format!(
        "container {} of pod {} was ended for using more memory than its limit{of}",
        status.name,
        name(pod)
    );
    let mend = format!(
        "{} set resources deployment/{} -c {} --limits=memory={}",
        kubectl(pod),
        deployment(pod),
        status.name,
        higher_limit(limit)
    );
    Finding::failed(&OUT_OF_MEMORY, detail).mended_by(mend)
}

fn memory_limit<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let container = containers.find(|it| it.name == container)?;
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    Some(limits.get("memory")?.0.as_str())
}

/// What JobSet's release has, or twice what was not enough.
fn higher_limit(limit: Option<&str>) -> String {
    const RELEASED: u32 = 4;
    let gibibytes = limit.and_then(|limit| limit.strip_suffix("Gi")?.parse::<u32>().ok());
    let twice = gibibytes.map_or(RELEASED, |number| number.saturating_mul(2));
    format!("{}Gi", twice.max(RELEASED))
}

fn previous_log(pod: &Pod, status: &ContainerStatus) -> String {
    format!(
        "{} logs {} -c {} --previous",
        kubectl(pod),
        name(pod),
        status.name
    )
}

fn judge_scheduling(pod: &Pod) -> Option<Finding> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let refused = conditions
        .iter()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
    let message = refused.message.as_deref().unwrap_or("no message");
    let detail = format!("no node takes pod {}: {message}", name(pod));
    Some(Finding::failed(&UNSCHEDULABLE, detail).mended_by(describe(pod)))
}

fn judge_readiness(pod: &Pod) -> Option<Finding> {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let ready = conditions
        .iter()
        .find(|condition| condition.type_ == "Ready");
    if is_ready(pod) {
        return None;
    }
    let starting =
        containers(pod).find_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let message = starting.or_else(|| ready.and_then(|condition| condition.message.clone()));
    let detail = format!(
        "pod {} is not ready{}",
        name(pod),
        after_colon(&message.unwrap_or_default())
    );
    Some(Finding::failed(&NOT_READY, detail).mended_by(describe(pod)))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let lists = status.map(|status| [&status.init_container_statuses, &status.container_statuses]);
    lists.into_iter().flatten().flatten().flatten()
}

/// The first container that waits for one of `reasons`, with the reason and its message.
fn waiting<'a>(pod: &'a Pod, reasons: &[&str]) -> Option<(&'a ContainerStatus, String, String)> {
    containers(pod).find_map(|status| {
        let state = status.state.as_ref()?.waiting.as_ref()?;
        let reason = state
            .reason
            .clone()
            .filter(|reason| reasons.contains(&reason.as_str()))?;
        Some((status, reason, state.message.clone().unwrap_or_default()))
    })
}

/// How a container that is not ready ended last, and which log tells of it. A container that is being
/// restarted is the same case whether it has just ended, waits, or runs again for a moment.
fn last_end(status: &ContainerStatus) -> Option<(&ContainerStateTerminated, Attempt)> {
    if status.ready {
        return None;
    }
    let failed = |end: &&ContainerStateTerminated| end.exit_code != 0;
    let now = status
        .state
        .as_ref()
        .and_then(|state| state.terminated.as_ref())
        .filter(failed);
    let before = status
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref())
        .filter(failed);
    now.map(|end| (end, Attempt::Current))
        .or(before.map(|end| (end, Attempt::Previous)))
}

fn after_colon(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

/// The Deployment's name, from its `ReplicaSet`'s, which ends in a hash.
fn deployment(pod: &Pod) -> &str {
    let owner = pod
        .metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.kind == "ReplicaSet");
    owner
        .and_then(|owner| owner.name.rsplit_once('-'))
        .map_or("", |(deployment, _)| deployment)
}

fn kubectl(pod: &Pod) -> String {
    format!(
        "kubectl -n {}",
        pod.metadata.namespace.as_deref().unwrap_or_default()
    )
}

fn describe(pod: &Pod) -> String {
    format!("{} describe pod {}", kubectl(pod), name(pod))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A controller's pod as a kubelet reports it, with the status given.
    fn pod(status: &Value) -> Pod {
        let object = json!({
            "metadata": {
                "name": "jobset-controller-manager-6f6f75f9cd-b2j5n",
                "namespace": "kubeflow-system",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "jobset-controller-manager-6f6f75f9cd", "uid": "1"}],
            },
            "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    fn container(state: &Value) -> Value {
        let mut status = json!({
            "name": "manager", "ready": false, "restartCount": 3, "imageID": "",
            "image": "us-central1-docker.pkg.dev/k8s-staging-images/jobset/jobset:v0.10.1",
        });
        status
            .as_object_mut()
            .unwrap()
            .extend(state.as_object().unwrap().clone());
        json!({"containerStatuses": [status]})
    }

    fn judged(pod: &Pod, log: &str) -> Option<Finding> {
        let key = (name(pod).to_owned(), "manager".to_owned());
        judge(
            "Deployment a/b",
            &[pod],
            &Evidence {
                last_words: LastWords::from([(key, log.to_owned())]),
                ..Evidence::default()
            },
        )
    }

    fn code(pod: &Pod) -> Option<&'static str> {
        judged(pod, "").map(|finding| finding.reason.code)
    }

    fn waiting_for(reason: &str) -> Pod {
        pod(&container(
            &json!({"state": {"waiting": {"reason": reason, "message": "said the kubelet"}}}),
        ))
    }

    #[test]
    fn what_a_container_waits_for_decides() {
        for (reason, expected) in [
            ("ErrImagePull", "ImageNotPulled"),
            ("ImagePullBackOff", "ImageNotPulled"),
            ("InvalidImageName", "ImageNotPulled"),
            ("CreateContainerConfigError", "ContainerNotCreated"),
            ("ContainerCreating", "NotReady"),
        ] {
            assert_eq!(code(&waiting_for(reason)), Some(expected), "{reason}");
        }
    }

    #[test]
    fn an_image_of_the_deleted_staging_registry_is_replaced_by_the_kept_one() {
        let finding = judged(&waiting_for("ImagePullBackOff"), "").unwrap();
        let command = "kubectl -n kubeflow-system set image deployment/jobset-controller-manager manager=registry.k8s.io/jobset/jobset:v0.10.1";
        assert_eq!(finding.mend.as_deref(), Some(command));
        assert_eq!(
            moved_image("us-central1-docker.pkg.dev/k8s-staging-images/jobset/jobset:main"),
            None
        );
    }

    #[test]
    fn a_crash_is_the_same_whether_it_has_ended_waits_or_runs_again() {
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
        let ended_now = container(&json!({"state": ended.clone()}));
        let waits = container(
            &json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended.clone()}),
        );
        let runs = container(&json!({"state": {"running": {}}, "lastState": ended}));
        for (status, attempt) in [
            (ended_now, Attempt::Current),
            (waits, Attempt::Previous),
            (runs, Attempt::Previous),
        ] {
            let pod = pod(&status);
            assert_eq!(code(&pod), Some("CrashLoop"));
            assert_eq!(crashes(&[&pod])[0].attempt, attempt);
        }
    }

    #[test]
    fn one_restart_is_counted_as_one() {
        let words = [0, 1, 2].map(restarts);
        assert_eq!(words, ["0 restarts", "1 restart", "2 restarts"]);
    }

    #[test]
    fn a_crash_is_told_with_exit_code_restarts_and_last_words() {
        let pod = pod(&container(
            &json!({"state": {"terminated": {"exitCode": 2, "reason": "Error"}}}),
        ));
        let finding = judged(&pod, "starting\nflag provided but not defined: -x\nUsage of /manager:\n  -zap-log-level\n    \tone of 'info', 'error'\n").unwrap();
        let expected = "Deployment a/b: container manager of pod jobset-controller-manager-6f6f75f9cd-b2j5n ended with exit code 2 after 3 restarts; its log says: flag provided but not defined: -x";
        assert_eq!(finding.detail, expected);
    }

    #[test]
    fn memory_is_told_from_other_ends() {
        let pod = pod(&container(
            &json!({"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
        ));
        assert_eq!(code(&pod), Some("OutOfMemory"));
    }

    #[test]
    fn a_memory_limit_is_named_and_raised() {
        let limited = |limit: &str| {
            let mut pod = pod(&container(
                &json!({"state": {"terminated": {"exitCode": 128, "reason": "StartError", "message": "container init was OOM-killed (memory limit too low?)"}}}),
            ));
            let spec = json!({"containers": [{"name": "manager", "resources": {"limits": {"memory": limit}}}]});
            pod.spec = serde_json::from_value(spec).unwrap();
            let finding = judged(&pod, "").unwrap();
            (finding.detail, finding.mend.unwrap())
        };
        let (detail, mend) = limited("20Mi");
        assert!(
            detail.ends_with("using more memory than its limit of 20Mi"),
            "{detail}"
        );
        assert_eq!(
            mend,
            "kubectl -n kubeflow-system set resources deployment/jobset-controller-manager -c manager --limits=memory=4Gi"
        );
        assert!(limited("4Gi").1.ends_with("--limits=memory=8Gi"));
    }

    #[test]
    fn a_program_of_another_architecture_is_told_from_a_crash() {
        let pod = pod(&container(
            &json!({"state": {"terminated": {"exitCode": 255, "reason": "Error"}}}),
        ));
        let finding = judged(&pod, "exec /manager: exec format error\n").unwrap();
        assert_eq!(finding.reason.code, "WrongArchitecture");
    }

    #[test]
    fn a_clean_end_and_a_ready_pod_are_no_trouble() {
        let ready = json!({
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": "manager", "ready": true, "restartCount": 1, "image": "", "imageID": "",
                "lastState": {"terminated": {"exitCode": 1}},
            }],
        });
        assert_eq!(code(&pod(&ready)), None);
    }

    #[test]
    fn the_scheduler_and_the_node_speak_through_conditions() {
        let refused = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}]});
        let finding = judged(&pod(&refused), "").unwrap();
        assert_eq!(finding.reason.code, "Unschedulable");
        assert!(
            finding
                .detail
                .ends_with("0/1 nodes are available: 1 Insufficient cpu.")
        );
        let lost = json!({"conditions": [{"type": "Ready", "status": "False", "message": "node is lost"}]});
        assert_eq!(code(&pod(&lost)), Some("NotReady"));
    }
}
