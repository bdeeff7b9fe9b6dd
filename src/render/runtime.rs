//! Training runtimes as table rows, and one runtime in detail.

use k8s_openapi::api::core::v1::{
    Container, EnvVar, PersistentVolumeClaim, ResourceRequirements, Volume,
};
use serde_json::Value;

use super::{
    Look, OutputFormat, Tabular, render_age,
    table::{CellText, Column, Give},
};
use crate::{
    runtimes::{ReplicatedJob, Runtime, RuntimeScope, Support},
    style::Role,
};

impl Tabular for Runtime {
    fn columns(items: &[Self], format: OutputFormat) -> Vec<Column> {
        let mut headings = vec!["NAME", "SCOPE", "FRAMEWORK", "NODES", "DEVICES"];
        if format == OutputFormat::Wide {
            headings.extend(["POLICY", "JOBS", "GANG"]);
        }
        headings.extend(["IMAGE", "AGE"]);
        if items.iter().any(|item| !item.notes().is_empty()) {
            headings.push("NOTE");
        }
        let give = |heading| match (heading, format) {
            ("IMAGE", OutputFormat::Table) => Give::Beginning,
            _ => Give::Never,
        };
        headings
            .into_iter()
            .map(|heading| Column {
                heading,
                give: give(heading),
            })
            .collect()
    }

    fn cell(&self, heading: &str, look: &Look) -> CellText {
        match heading {
            "NAME" => CellText {
                text: self.name.clone(),
                role: Some(Role::Strong),
            },
            "SCOPE" => self.scope.to_string().into(),
            "FRAMEWORK" => self.framework.as_deref().unwrap_or("-").into(),
            "NODES" => self.nodes.to_string().into(),
            "DEVICES" => self.device_words().into(),
            "POLICY" => self.policy.as_ref().map_or("-", |(name, _)| name).into(),
            "JOBS" => self
                .jobs
                .iter()
                .map(|job| job.name.as_str())
                .collect::<Vec<_>>()
                .join(",")
                .into(),
            "GANG" => self.gang.as_ref().map_or("-", |(name, _)| name).into(),
            "IMAGE" => self.image().unwrap_or("-").into(),
            "AGE" => render_age(self.created, look.now).into(),
            _ => CellText {
                text: self.notes().join(", "),
                role: Some(Role::Warning),
            },
        }
    }

    fn reference(&self) -> String {
        let resource = match self.scope {
            RuntimeScope::Cluster => "clustertrainingruntime",
            RuntimeScope::Namespace(_) => "trainingruntime",
        };
        format!("{resource}.trainer.kubeflow.org/{}", self.name)
    }

    fn object(&self) -> Value {
        serde_json::to_value(&self.object).unwrap_or_default()
    }
}

impl std::fmt::Display for RuntimeScope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cluster => formatter.write_str("cluster"),
            Self::Namespace(namespace) => write!(formatter, "namespace/{namespace}"),
        }
    }
}

impl Runtime {
    /// What a reader must know beside the columns.
    fn notes(&self) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if self.support == Support::Deprecated {
            notes.push("deprecated");
        }
        if self.framework.is_none() {
            notes.push("no framework label: the SDK does not see it");
        }
        if self.deleted.is_some() {
            notes.push("being deleted");
        }
        notes
    }

    /// `2 nvidia.com/gpu`, or `-`.
    fn device_words(&self) -> String {
        let devices: Vec<_> = self
            .devices()
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        if devices.is_empty() {
            "-".to_owned()
        } else {
            devices.join(", ")
        }
    }
}

/// One runtime in detail, in indented lines.
pub fn render_runtime(runtime: &Runtime, look: &Look) -> String {
    let devices = match runtime.device_words() {
        none if none == "-" => "none".to_owned(),
        devices => format!("{devices} (for each node)"),
    };
    let mut page = Page {
        text: String::new(),
        look,
    };
    page.line(0, &look.style.paint(Role::Strong, &runtime.name));
    page.field("Scope", &scope_words(runtime));
    page.field("Framework", runtime.framework.as_deref().unwrap_or("-"));
    page.field(
        "Nodes",
        &format!("{} (a TrainJob may ask for another number)", runtime.nodes),
    );
    page.field("Devices", &devices);
    page.field("Policy", &setting_words(runtime.policy.as_ref()));
    page.field("Gang", &setting_words(runtime.gang.as_ref()));
    page.field("Age", &render_age(runtime.created, look.now));
    for (position, (key, value)) in runtime.labels.iter().enumerate() {
        page.field(
            if position == 0 { "Labels" } else { "" },
            &format!("{key}={value}"),
        );
    }
    for note in runtime.notes() {
        page.field("Note", &look.style.paint(Role::Warning, note));
    }
    for claim in &runtime.claims {
        page.field("Volume", &claim_words(claim));
    }
    for job in &runtime.jobs {
        page.job(job);
    }
    page.text
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

    fn field(&mut self, label: &str, value: &str) {
        self.labelled(1, 11, label, value);
    }

    fn labelled(&mut self, depth: usize, width: usize, label: &str, value: &str) {
        let label = if label.is_empty() {
            String::new()
        } else {
            format!("{label}:")
        };
        let label = self
            .look
            .style
            .paint(Role::Muted, &format!("{label:width$}"));
        self.line(depth, &format!("{label}{value}"));
    }

    fn job(&mut self, job: &ReplicatedJob) {
        let mut about = Vec::new();
        about.extend(job.step().map(|step| format!("step {step}")));
        about.extend(
            job.replicas
                .filter(|replicas| *replicas != 1)
                .map(|replicas| format!("{replicas} replicas")),
        );
        about.extend(
            job.depends_on
                .iter()
                .map(|first| format!("after {} is {}", first.name, first.status)),
        );
        let about = if about.is_empty() {
            String::new()
        } else {
            format!(" ({})", about.join(", "))
        };
        self.line(0, "");
        self.line(
            0,
            &format!(
                "{}{about}",
                self.look
                    .style
                    .paint(Role::Strong, &format!("Job {}", job.name))
            ),
        );
        let Some(pod) = job.pod() else { return };
        for container in pod.init_containers.iter().flatten() {
            self.container("Init container", container);
        }
        for container in &pod.containers {
            self.container("Container", container);
        }
        for volume in pod.volumes.iter().flatten() {
            self.labelled(
                1,
                11,
                "Volume",
                &format!("{} ({})", volume.name, volume_source(volume)),
            );
        }
        if let Some(account) = &pod.service_account_name {
            self.labelled(1, 11, "Account", account);
        }
    }

    fn container(&mut self, title: &str, container: &Container) {
        self.line(
            1,
            &format!(
                "{title} {}",
                self.look.style.paint(Role::Strong, &container.name)
            ),
        );
        self.detail("Image", container.image.as_deref().unwrap_or("-"));
        let command: Vec<_> = container
            .command
            .iter()
            .flatten()
            .chain(container.args.iter().flatten())
            .collect();
        if !command.is_empty() {
            let words: Vec<_> = command
                .into_iter()
                .map(|word| crate::cluster::shell_word(word))
                .collect();
            self.detail("Command", &words.join(" "));
        }
        if let Some(resources) = &container.resources {
            self.detail("Resources", &resource_words(resources));
        }
        for (position, variable) in container.env.iter().flatten().enumerate() {
            self.detail(
                if position == 0 { "Env" } else { "" },
                &variable_words(variable),
            );
        }
        for mount in container.volume_mounts.iter().flatten() {
            self.detail("Mount", &format!("{} on {}", mount.name, mount.mount_path));
        }
    }

    fn detail(&mut self, label: &str, value: &str) {
        self.labelled(2, 11, label, &value.replace('\n', "\\n"));
    }
}

fn resource_words(resources: &ResourceRequirements) -> String {
    let part = |title: &str,
                amounts: Option<
        &std::collections::BTreeMap<_, k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
    >| {
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
