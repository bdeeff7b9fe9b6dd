//! One runtime in detail, in indented lines that fit the terminal.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, EnvVar, PersistentVolumeClaim, ResourceRequirements, Volume},
    apimachinery::pkg::api::resource::Quantity,
};
use serde_json::Value;

use super::{Look, render_age};
use crate::{
    cluster::shell_word,
    prose::{hang, visible},
    runtimes::{ReplicatedJob, Runtime, RuntimeScope},
    style::Role,
};

/// The page of `runtimes show`.
pub fn render_runtime(runtime: &Runtime, look: &Look) -> String {
    let mut page = Page {
        text: String::new(),
        look,
    };
    page.line(0, &page.strong(&runtime.name));
    page.fields(runtime);
    for job in &runtime.jobs {
        page.job(job);
    }
    page.text
}

/// Depth of what belongs to the runtime or a job, and of what belongs to a container.
const FIELD: usize = 1;
const DETAIL: usize = 2;
/// Columns of a label with its colon.
const LABEL: usize = 11;

/// Text of the cluster comes in as it is; every line that goes out is visible and fits.
struct Page<'look> {
    text: String,
    look: &'look Look,
}

impl Page<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn strong(&self, text: &str) -> String {
        self.look.style.paint(Role::Strong, &visible(text))
    }

    fn entry(&mut self, depth: usize, label: &str, value: &str) {
        let value = hang(&visible(value), 2 * depth + LABEL, self.look.width);
        self.labelled(depth, label, &value);
    }

    /// Every value on a line of its own, the label beside the first.
    fn entries(&mut self, depth: usize, label: &str, values: impl Iterator<Item = String>) {
        for (position, value) in values.enumerate() {
            self.entry(depth, if position == 0 { label } else { "" }, &value);
        }
    }

    /// A label beside what is already as it shall be.
    fn labelled(&mut self, depth: usize, label: &str, value: &str) {
        let label = match label {
            "" => " ".repeat(LABEL),
            label => format!("{:LABEL$}", format!("{label}:")),
        };
        let label = self.look.style.paint(Role::Muted, &label);
        self.line(depth, &format!("{label}{value}"));
    }

    fn fields(&mut self, runtime: &Runtime) {
        let devices = runtime.device_words();
        let devices = devices.map_or("none".to_owned(), |devices| {
            format!("{devices} (for each node)")
        });
        let nodes = runtime.node_words();
        let nodes = format!("{nodes} (a TrainJob may ask for another number)");
        self.entry(FIELD, "Scope", &scope_words(runtime));
        self.entry(
            FIELD,
            "Framework",
            runtime.framework.as_deref().unwrap_or("-"),
        );
        self.entry(FIELD, "Nodes", &nodes);
        self.entry(FIELD, "Devices", &devices);
        self.entry(FIELD, "Policy", &setting_words(runtime.policy.as_ref()));
        self.entry(FIELD, "Gang", &setting_words(runtime.gang.as_ref()));
        self.entry(FIELD, "Age", &render_age(runtime.created, self.look.now));
        let labels = runtime.labels.iter();
        self.entries(
            FIELD,
            "Labels",
            labels.map(|(key, value)| format!("{key}={value}")),
        );
        for note in runtime.notes() {
            let note = hang(note, 2 * FIELD + LABEL, self.look.width);
            let note = self.look.style.paint(Role::Warning, &note);
            self.labelled(FIELD, "Note", &note);
        }
        for claim in &runtime.claims {
            self.entry(FIELD, "Volume", &claim_words(claim));
        }
    }

    fn job(&mut self, job: &ReplicatedJob) {
        self.line(0, "");
        let title = self.strong(&format!("Job {}", job.name));
        let title = hang(
            &format!("{title}{}", visible(&about(job))),
            0,
            self.look.width,
        );
        self.line(0, &title);
        let Some(pod) = job.pod() else { return };
        for container in pod.init_containers.iter().flatten() {
            self.container("Init container", container);
        }
        for container in &pod.containers {
            self.container("Container", container);
        }
        for volume in pod.volumes.iter().flatten() {
            let volume = format!("{} ({})", volume.name, volume_source(volume));
            self.entry(FIELD, "Volume", &volume);
        }
        if let Some(account) = &pod.service_account_name {
            self.entry(FIELD, "Account", account);
        }
    }

    fn container(&mut self, title: &str, container: &Container) {
        let name = self.strong(&container.name);
        self.line(FIELD, &format!("{title} {name}"));
        self.entry(DETAIL, "Image", container.image.as_deref().unwrap_or("-"));
        let command = container.command.iter().flatten();
        let command = command.chain(container.args.iter().flatten());
        let command: Vec<_> = command.map(|word| shell_word(word)).collect();
        if !command.is_empty() {
            // Never broken into lines, so that it can be copied.
            self.labelled(DETAIL, "Command", &visible(&command.join(" ")));
        }
        if let Some(resources) = &container.resources {
            self.entry(DETAIL, "Resources", &resource_words(resources));
        }
        let variables = container.env.iter().flatten();
        self.entries(DETAIL, "Env", variables.map(variable_words));
        for mount in container.volume_mounts.iter().flatten() {
            let mount = format!("{} on {}", mount.name, mount.mount_path);
            self.entry(DETAIL, "Mount", &mount);
        }
    }
}

/// ` (step trainer, 2 replicas, after node is Ready)`, or nothing.
fn about(job: &ReplicatedJob) -> String {
    let step = job.step().map(|step| format!("step {step}"));
    let replicas = job.replicas.filter(|replicas| *replicas != 1);
    let replicas = replicas.map(|replicas| format!("{replicas} replicas"));
    let after = job.depends_on.iter();
    let after = after.map(|first| format!("after {} is {}", first.name, first.status));
    let about: Vec<_> = step.into_iter().chain(replicas).chain(after).collect();
    match about.as_slice() {
        [] => String::new(),
        about => format!(" ({})", about.join(", ")),
    }
}

/// `initializer: a claim of 20Gi (ReadWriteOnce) for each TrainJob`.
fn claim_words(claim: &PersistentVolumeClaim) -> String {
    let spec = claim.spec.as_ref();
    let size = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref()?.get("storage"));
    let size = size.map_or_else(|| "an unknown size".to_owned(), |size| size.0.clone());
    let modes = spec
        .and_then(|spec| spec.access_modes.clone())
        .unwrap_or_default()
        .join(", ");
    let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
    let class = class.map_or_else(
        || "the default storage class".to_owned(),
        |name| format!("storage class {name}"),
    );
    let name = claim.metadata.name.as_deref().unwrap_or("-");
    format!("{name}: {size} ({modes}) of {class}, for each TrainJob")
}

fn scope_words(runtime: &Runtime) -> String {
    match &runtime.scope {
        RuntimeScope::Cluster => "cluster: every namespace may use it".to_owned(),
        RuntimeScope::Namespace(namespace) => {
            format!(
                "namespace {namespace}: a TrainJob there names it with runtimeRef.kind TrainingRuntime"
            )
        }
    }
}

/// `mpi (numProcPerNode: 8, runLauncherAsNode: true)`.
fn setting_words(setting: Option<&(String, Value)>) -> String {
    let Some((name, settings)) = setting else {
        return "none".to_owned();
    };
    let pairs = settings.as_object().into_iter().flatten();
    let pairs: Vec<_> = pairs
        .map(|(key, value)| format!("{key}: {}", scalar_words(value)))
        .collect();
    if pairs.is_empty() {
        name.clone()
    } else {
        format!("{name} ({})", pairs.join(", "))
    }
}

fn scalar_words(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn resource_words(resources: &ResourceRequirements) -> String {
    let part = |title: &str, amounts: Option<&BTreeMap<_, Quantity>>| {
        let amounts: Vec<_> = amounts?
            .iter()
            .map(|(name, amount): (&String, _)| format!("{name} {}", amount.0))
            .collect();
        Some(format!("{title} {}", amounts.join(", "))).filter(|_| !amounts.is_empty())
    };
    let parts = [
        part("requests", resources.requests.as_ref()),
        part("limits", resources.limits.as_ref()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The value, or where it comes from; never a Secret's content, which is not in the object.
fn variable_words(variable: &EnvVar) -> String {
    let source = variable.value_from.as_ref().and_then(|source| {
        let secret = source
            .secret_key_ref
            .as_ref()
            .map(|key| format!("key {} of Secret {}", key.key, key.name));
        let map = source
            .config_map_key_ref
            .as_ref()
            .map(|key| format!("key {} of ConfigMap {}", key.key, key.name));
        let field = source
            .field_ref
            .as_ref()
            .map(|field| format!("field {}", field.field_path));
        secret.or(map).or(field)
    });
    match source {
        Some(source) => format!("{} from {source}", variable.name),
        None => format!(
            "{}={}",
            variable.name,
            variable.value.as_deref().unwrap_or_default()
        ),
    }
}

/// The kind of a volume, with the object behind it.
fn volume_source(volume: &Volume) -> String {
    let claim = volume
        .persistent_volume_claim
        .as_ref()
        .map(|claim| format!("claim {}", claim.claim_name));
    let secret = volume
        .secret
        .as_ref()
        .map(|secret| format!("Secret {}", secret.secret_name.as_deref().unwrap_or("-")));
    let map = volume
        .config_map
        .as_ref()
        .map(|map| format!("ConfigMap {}", map.name));
    let empty = volume.empty_dir.as_ref().map(|_| "empty folder".to_owned());
    claim
        .or(secret)
        .or(map)
        .or(empty)
        .unwrap_or_else(|| "another kind".to_owned())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;
    use snapbox::{IntoData as _, assert_data_eq, str};

    use super::*;

    /// A runtime whose texts try to look like something else.
    fn foreign() -> Runtime {
        let container = json!({
            "name": "node", "image": "image\u{202e}txt", "command": ["sh", "-c", "a\nb"],
            "env": [{ "name": "A", "value": "1\n    Env: B=2" }]
        });
        let object = json!({
            "metadata": { "name": "torch", "labels": { "key": "one\nJob two" } },
            "spec": {
                "mlPolicy": { "numNodes": -1, "torch": { "numProcPerNode": "au\nto" } },
                "template": { "spec": { "replicatedJobs": [{
                    "name": "no\nde",
                    "template": { "spec": { "template": { "spec": { "containers": [container] } } } }
                }] } }
            }
        });
        Runtime::parse(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn foreign_text_starts_no_lines_of_its_own() {
        let look = Look::plain(Timestamp::UNIX_EPOCH);
        assert_data_eq!(
            render_runtime(&foreign(), &look),
            str![[r#"
torch
  Scope:     cluster: every namespace may use it
  Framework: -
  Nodes:     ? (a TrainJob may ask for another number)
  Devices:   none
  Policy:    torch (numProcPerNode: au\nto)
  Gang:      none
  Age:       <unknown>
  Labels:    key=one\nJob two
  Note:      no framework label: the SDK does not see it

Job no\nde
  Container node
    Image:     image\u{202e}txt
    Command:   sh -c 'a\nb'
    Env:       A=1\n    Env: B=2

"#]]
            .raw()
        );
    }

    #[test]
    fn values_that_are_too_long_go_on_below_their_beginning() {
        let look = Look {
            width: Some(50),
            ..Look::plain(Timestamp::UNIX_EPOCH)
        };
        let page = render_runtime(&foreign(), &look);
        assert!(
            page.contains(
                "\n  Nodes:     ? (a TrainJob may ask for another\n             number)\n"
            ),
            "{page}"
        );
        assert!(
            page.lines().all(|line| line.chars().count() <= 50),
            "{page}"
        );
    }
}
