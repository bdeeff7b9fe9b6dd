//! The cluster on which TAB is pressed: many TrainJobs in one namespace, which are somebody else's to run, so that no
//! controller of the bed works on them; and a folder in which kubectl finds the plugin.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use testbed::{Options, Testbed};

use crate::process::{StepError, say, timed};

/// Where the TrainJobs are.
pub(super) const NAMESPACE: &str = "team-a";
/// As many kubectl write at the same time.
const WRITERS: usize = 4;

/// A bed with TrainJobs, and where kubectl finds the plugin.
pub(super) struct Ground {
    pub(super) bed: Testbed,
    jobs: usize,
    /// Gone with this.
    folder: tempfile::TempDir,
}

impl Ground {
    pub(super) fn prepare(jobs: usize, plugin: &Path) -> Result<Ground, StepError> {
        let folder = tempfile::Builder::new()
            .prefix("kubectl-trainer-bench-")
            .tempdir()
            .map_err(|error| StepError::io("a folder for what is run", error))?;
        let plugin =
            fs::canonicalize(plugin).map_err(|error| StepError::io(plugin.display(), error))?;
        for name in ["kubectl-trainer", "kubectl_complete-trainer"] {
            symlink(&plugin, folder.path().join(name))
                .map_err(|error| StepError::io(name, error))?;
        }
        let bed = Testbed::start(&Options::with_trainer(), &mut io::stderr())?;
        let ground = Ground { bed, jobs, folder };
        let (made, duration) = timed(|| ground.make_jobs());
        made?;
        let seconds = duration.as_secs();
        say(format_args!("{jobs} TrainJobs made in {seconds} s"));
        Ok(ground)
    }

    /// All but the last digit of the last name.
    pub(super) fn prefix(&self) -> String {
        let mut last = name(self.jobs.saturating_sub(1));
        last.pop();
        last
    }

    /// The names that begin with [`Self::prefix`].
    pub(super) fn expected(&self) -> Vec<String> {
        let prefix = self.prefix();
        let names = (0..self.jobs).map(name);
        names.filter(|name| name.starts_with(&prefix)).collect()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// kubectl beside the API server, for which the plugin is on the path.
    pub(super) fn kubectl(&self) -> Command {
        let mut command = self.bed.command_inside(self.bed.kubectl_path());
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [self.folder().to_path_buf()].into_iter();
        // What comes out of a PATH can always be joined again.
        let path = env::join_paths(folders.chain(env::split_paths(&path))).unwrap_or(path);
        command.env("PATH", path);
        command
    }

    /// The plugin as kubectl asks it, without kubectl.
    pub(super) fn plugin(&self) -> Command {
        let program = self.folder().join("kubectl_complete-trainer");
        self.bed.command_inside(program)
    }

    fn make_jobs(&self) -> Result<(), StepError> {
        self.bed.kubectl(&["create", "namespace", NAMESPACE])?;
        self.write(&["create"], new_job)?;
        let update = ["apply", "--server-side", "--subresource=status"];
        self.write(&update, ended_job)
    }

    /// Hands an object for each job to kubectl, in a few parts at the same time.
    fn write(&self, words: &[&str], object: fn(usize) -> Value) -> Result<(), StepError> {
        let numbers: Vec<usize> = (0..self.jobs).collect();
        let parts = numbers.chunks(self.jobs.div_ceil(WRITERS).max(1));
        thread::scope(|scope| {
            let writers: Vec<_> = parts
                .map(|part| scope.spawn(|| self.write_part(words, object, part)))
                .collect();
            writers.into_iter().try_for_each(|writer| {
                let broken = StepError::Steps("a writer broke down".to_owned());
                writer.join().unwrap_or(Err(broken))
            })
        })
    }

    fn write_part(
        &self,
        words: &[&str],
        object: fn(usize) -> Value,
        part: &[usize],
    ) -> Result<(), StepError> {
        let file = self.part_file(part);
        let items: Vec<Value> = part.iter().map(|number| object(*number)).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        fs::write(&file, list.to_string()).map_err(|error| StepError::io("a list", error))?;
        let path = file.to_string_lossy();
        let output = self
            .bed
            .kubectl(&[words, &["--output=name", "--filename", &path]].concat())?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(StepError::Steps(format!(
            "kubectl {}: {said}",
            words.join(" ")
        )))
    }

    fn part_file(&self, part: &[usize]) -> PathBuf {
        let first = part.first().copied().unwrap_or_default();
        self.folder().join(format!("jobs-{first}.json"))
    }
}

fn name(number: usize) -> String {
    format!("llama-finetune-{number:05}")
}

/// As a person writes one.
fn new_job(number: usize) -> Value {
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {
            "name": name(number), "namespace": NAMESPACE,
            "labels": {"team": "team-a", "experiment": format!("sweep-{}", number / 100)},
        },
        "spec": {
            "managedBy": "kueue.x-k8s.io/multikueue",
            "runtimeRef": {"name": "torch-distributed"},
            "trainer": {
                "image": "docker.io/pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime",
                "command": ["torchrun", "/workspace/train.py"],
                "args": ["--epochs", "3", "--batch-size", "32", "--learning-rate", "2e-5"],
                "numNodes": 2,
                "env": [
                    {"name": "MODEL", "value": "meta-llama/Llama-3.2-1B"},
                    {"name": "SEED", "value": number.to_string()},
                ],
                "resourcesPerNode": {"limits": {"cpu": "4", "memory": "16Gi"}},
            },
        },
    })
}

/// What its controller would say of it at its end.
fn ended_job(number: usize) -> Value {
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {"name": name(number), "namespace": NAMESPACE},
        "status": {
            "conditions": [
                {
                    "type": "Suspended", "status": "False", "reason": "Resumed",
                    "message": "TrainJob is resumed", "lastTransitionTime": "2026-01-01T12:00:00Z",
                },
                {
                    "type": "Complete", "status": "True", "reason": "AllJobsCompleted",
                    "message": "jobset completed successfully",
                    "lastTransitionTime": "2026-01-01T12:30:00Z",
                },
            ],
            "jobsStatus": [
                {"name": "node", "ready": 0, "succeeded": 2, "failed": 0, "active": 0, "suspended": 0},
            ],
        },
    })
}
