//! Kubeflow Trainer and JobSet on a bed: their images, their released manifests, and the proof that webhooks answer.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::bundle::{self, ReleaseManifests};
use crate::error::Error;
use crate::folder;
use crate::image::Recipe;
use crate::options::Options;
use crate::process::{run, run_with_input};
use crate::programs::{JOBSET, Program, Programs, TRAINER, controllers, kubectl};
use crate::trainer_features;

/// Where both controllers live.
const NAMESPACE: &str = "kubeflow-system";
/// The release that a bed with Trainer has unless another is named.
pub const DEFAULT_RELEASE: &str = "v2.3.0";
/// For kubectl: nothing that is asked once may take for ever. `wait` and `logs --follow` have limits of their own.
pub(crate) const REQUEST_LIMIT: &str = "--request-timeout=60s";
/// A runtime that every release ships.
const PROBE_RUNTIME: &str = "torch-distributed";
/// Released runtimes carry it, and webhooks pass over what carries it.
const SKIPS_WEBHOOK: &str = "trainer.kubeflow.org/webhook-validation";

/// What a bed with these options installs, if it has Trainer; renders the bundle first when there is none.
pub(crate) fn manifests(
    options: &Options,
    progress: &mut dyn Write,
) -> Result<Option<ReleaseManifests>, Error> {
    let Some(release) = &options.trainer else {
        return Ok(None);
    };
    let kubectl = kubectl(progress)?;
    let path = bundle::default_path(&folder::target());
    let version = release.trim_start_matches('v');
    let mut manifests = bundle::manifests(version, &path, &kubectl, progress).map_err(
        Error::command(&format!("reading the manifests of Trainer {release}")),
    )?;
    trainer_features::switch_on(&mut manifests, &options.trainer_features)?;
    Ok(Some(manifests))
}

/// The two programs of a release.
pub(crate) fn programs(manifests: &ReleaseManifests) -> Vec<Program> {
    controllers(&manifests.version, &manifests.jobset_version)
}

/// The controllers' images, under the very names that the Deployments ask for.
pub(crate) fn archives(
    manifests: &ReleaseManifests,
    programs: &Programs,
) -> Result<Vec<PathBuf>, Error> {
    manifests
        .manager
        .iter()
        .filter_map(|object| {
            object
                .pointer("/spec/template/spec/containers/0/image")?
                .as_str()
        })
        .map(|reference| {
            let name = if reference.contains("/jobset:") {
                JOBSET
            } else {
                TRAINER
            };
            Recipe::controller(reference, programs.path(name)).archive()
        })
        .collect()
}

/// Installs one release with a kubectl that the caller makes.
pub(crate) struct Installer<'a> {
    pub(crate) kubectl: &'a dyn Fn() -> Command,
    pub(crate) manifests: &'a ReleaseManifests,
}

impl Installer<'_> {
    pub(crate) fn apply_manager(&self) -> Result<(), Error> {
        self.send(
            "applying Trainer's manifests",
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            &self.manifests.manager,
        )
    }

    pub(crate) fn apply_runtimes(&self) -> Result<(), Error> {
        self.send(
            "applying Trainer's runtimes",
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            &self.manifests.runtimes,
        )
    }

    /// Puts every object of these kinds back to what was released, fields that others added included.
    pub(crate) fn replace(&self, kinds: &[&str]) -> Result<(), Error> {
        let objects: Vec<Value> = self
            .manifests
            .manager
            .iter()
            .chain(&self.manifests.runtimes)
            .filter(|object| kinds.iter().any(|kind| object["kind"] == *kind))
            .cloned()
            .collect();
        self.send(
            "putting Trainer's objects back",
            &["replace", "-f", "-"],
            &objects,
        )
    }

    pub(crate) fn wait_available(&self) -> Result<(), Error> {
        let mut command = (self.kubectl)();
        command.args([
            "--namespace",
            NAMESPACE,
            "wait",
            "--for=condition=Available",
            "deployment",
            "--all",
            "--timeout=150s",
        ]);
        run("waiting for Trainer's Deployments", &mut command).map(drop)
    }

    /// One try of every webhook, by creations that the API server does not keep.
    pub(crate) fn probe_webhooks(&self) -> Result<(), Error> {
        let mut objects = vec![train_job(), job_set()];
        objects.extend(
            self.manifests
                .runtimes
                .iter()
                .find(|runtime| runtime["metadata"]["name"] == PROBE_RUNTIME)
                .map(probed),
        );
        self.send(
            "asking Trainer's webhooks",
            &["create", "--dry-run=server", "-f", "-"],
            &objects,
        )
    }

    fn send(&self, what: &str, arguments: &[&str], objects: &[Value]) -> Result<(), Error> {
        let mut command = (self.kubectl)();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        command.arg(REQUEST_LIMIT).args(arguments);
        run_with_input(what, &mut command, &list.to_string()).map(drop)
    }
}

fn train_job() -> Value {
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {"name": "webhook-probe", "namespace": "default"},
        "spec": {"runtimeRef": {"name": PROBE_RUNTIME}},
    })
}

fn job_set() -> Value {
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]});
    json!({
        "apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet",
        "metadata": {"name": "webhook-probe", "namespace": "default"},
        "spec": {"replicatedJobs": [{"name": "a", "template": {"spec": {"template": {"spec": pod}}}}]},
    })
}

/// A released runtime under another name, which webhooks do look at.
fn probed(runtime: &Value) -> Value {
    let mut runtime = runtime.clone();
    runtime["metadata"]["name"] = json!("webhook-probe");
    if let Some(labels) = runtime
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.remove(SKIPS_WEBHOOK);
    }
    runtime
}
