//! One release rendered: its kustomize overlays with the JobSet of that release, and the two corrections.
//!
//! The corrections: the JobSet image gets the registry and tag that are kept, because the releases name a staging
//! registry, the tag `main` (2.0.1) or Trainer's own version (2.2.1); and cluster-scoped objects lose the namespace
//! that kustomize stamps on them.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::modules::{JOBSET, Module, TRAINER, fetch_module};
use super::{BundleError, ReleaseManifests};

/// Where JobSet images are kept for good.
const JOBSET_IMAGE: &str = "registry.k8s.io/jobset/jobset";

/// Of the overlay for a Kubeflow platform, which also repeats everything of the two others.
const ROLES_KUSTOMIZATION: &str = "resources: [kubeflow-trainer-roles.yaml]\n";

/// The kinds in these manifests that live outside of namespaces.
const CLUSTER_SCOPED: &[&str] = &[
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrainingRuntime",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "Namespace",
    "ValidatingWebhookConfiguration",
];

/// Renders Trainer `trainer` with JobSet `jobset`, both without the leading `v`.
pub(super) fn render_release(
    kubectl: &Path,
    trainer: &str,
    jobset: &str,
) -> Result<ReleaseManifests, BundleError> {
    let trainer_module = fetch_module(TRAINER, &format!("trainer-{trainer}"), trainer)?;
    let jobset_module = fetch_module(JOBSET, &format!("jobset-{jobset}"), jobset)?;
    let workspace =
        tempfile::tempdir().map_err(BundleError::file(Path::new("temporary folder")))?;
    let manifests = workspace.path().join("manifests");
    copy_folder(&trainer_module.folder.join("manifests"), &manifests)?;
    let rendered_jobset = render_jobset(kubectl, workspace.path(), &jobset_module)?;
    use_local_jobset(&manifests, &rendered_jobset, &trainer_module, jobset)?;
    let overlay = |name: &str| {
        render_objects(
            kubectl,
            &manifests.join("overlays").join(name),
            &trainer_module,
        )
    };
    keep_only_roles(&manifests.join("overlays/kubeflow-platform"))?;
    let manager = overlay("manager")?;
    let runtimes = overlay("runtimes")?;
    let roles = overlay("kubeflow-platform")?;
    let correct = |objects| corrected(objects, jobset);
    Ok(ReleaseManifests {
        version: trainer.to_owned(),
        jobset_version: jobset.to_owned(),
        manager: correct(manager),
        runtimes: correct(runtimes),
        roles: correct(roles),
    })
}

/// What a JobSet release installs, as YAML.
fn render_jobset(kubectl: &Path, workspace: &Path, jobset: &Module) -> Result<String, BundleError> {
    let config = workspace.join("config");
    copy_folder(&jobset.folder.join("config"), &config)?;
    kustomize(kubectl, &config.join("default"), jobset)
}

/// Replaces the address of the JobSet release in Trainer's kustomization by a file beside it.
fn use_local_jobset(
    manifests: &Path,
    jobset_yaml: &str,
    trainer: &Module,
    jobset: &str,
) -> Result<(), BundleError> {
    let folder = manifests.join("third-party/jobset");
    let kustomization = folder.join("kustomization.yaml");
    let text = fs::read_to_string(&kustomization).map_err(BundleError::file(&kustomization))?;
    let address = format!(
        "https://github.com/kubernetes-sigs/jobset/releases/download/v{jobset}/manifests.yaml"
    );
    if !text.contains(&address) {
        let reason = format!(
            "its JobSet is not v{jobset}; see manifests/third-party/jobset/kustomization.yaml"
        );
        return Err(BundleError::Unexpected {
            module: trainer.name.clone(),
            reason,
        });
    }
    let local = folder.join("manifests.yaml");
    fs::write(&local, jobset_yaml).map_err(BundleError::file(&local))?;
    fs::write(&kustomization, text.replace(&address, "manifests.yaml"))
        .map_err(BundleError::file(&kustomization))
}

fn render_objects(
    kubectl: &Path,
    overlay: &Path,
    module: &Module,
) -> Result<Vec<Value>, BundleError> {
    let text = kustomize(kubectl, overlay, module)?;
    parse_objects(&text).map_err(|reason| BundleError::Render {
        overlay: overlay.display().to_string(),
        reason,
    })
}

/// The objects of a YAML text with several documents.
pub(super) fn parse_objects(yaml: &str) -> Result<Vec<Value>, String> {
    // The default budget is made for input from strangers, and smaller than one definition.
    let options = serde_saphyr::options! { budget: None };
    serde_saphyr::from_multiple_with_options(yaml, options).map_err(|error| error.to_string())
}

fn kustomize(kubectl: &Path, folder: &Path, module: &Module) -> Result<String, BundleError> {
    let failed = |reason: String| {
        let inside = folder.file_name().unwrap_or_default().to_string_lossy();
        BundleError::Render {
            overlay: format!("{inside} of {}", module.name),
            reason,
        }
    };
    let output = Command::new(kubectl)
        .arg("kustomize")
        .arg(folder)
        .output()
        .map_err(|error| failed(format!("{} cannot be started: {error}", kubectl.display())))?;
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))
}

/// Leaves of the platform overlay what it adds to the others: cluster roles and their bindings.
fn keep_only_roles(overlay: &Path) -> Result<(), BundleError> {
    let kustomization = overlay.join("kustomization.yaml");
    fs::write(&kustomization, ROLES_KUSTOMIZATION).map_err(BundleError::file(&kustomization))
}

fn kind(object: &Value) -> &str {
    object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn corrected(mut objects: Vec<Value>, jobset: &str) -> Vec<Value> {
    for object in &mut objects {
        if CLUSTER_SCOPED.contains(&kind(object)) {
            strip_namespace(object);
        }
        keep_jobset_image(object, jobset);
    }
    objects
}

fn strip_namespace(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("namespace");
    }
}

/// Gives every container that runs JobSet the image that its registry keeps.
fn keep_jobset_image(object: &mut Value, jobset: &str) {
    let containers = object
        .pointer_mut("/spec/template/spec/containers")
        .and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let Some(Value::String(image)) = container.get_mut("image") else {
            continue;
        };
        let repository = image
            .rsplit_once(':')
            .map_or(image.as_str(), |(repository, _)| repository);
        if repository.ends_with("/jobset/jobset") {
            *image = format!("{JOBSET_IMAGE}:v{jobset}");
        }
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), BundleError> {
    copy_tree(from, to).map_err(BundleError::file(from))
}

/// Copies contents only: the module cache is read-only, its copy must not be.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
