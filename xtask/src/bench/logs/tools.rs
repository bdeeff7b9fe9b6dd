//! The four programs, and how each is asked for the logs of a job with stamps and, where it can, the pod before each.

use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::AdminFiles;

use super::ground::{Ground, JOB, Job, SELECTOR};
use crate::process::StepError;

/// What one curl opens at most; the rest falls to others beside it. With as many as fit one connection curl is quickest.
const STREAMS_A_CURL: usize = 90;

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Plugin,
    Curl,
    Kubectl,
    Stern,
}

/// A file system without a disk.
const MEMORY: &str = "/dev/shm";
/// For what a program prints in a run, in bytes, and some more.
const ROOM: u64 = 1 << 30;

/// Whether to go on when all that is there has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    Yes,
    No,
}

/// Where the programs are, and the cluster that they read.
pub(super) struct Tools<'a> {
    pub(super) ground: &'a Ground,
    plugin: &'a Path,
    stern: PathBuf,
    admin: AdminFiles,
    /// Where programs that print to files do so; gone with this.
    folder: tempfile::TempDir,
}

impl<'a> Tools<'a> {
    /// Builds stern where it has not been built.
    pub(super) fn new(ground: &'a Ground, plugin: &'a Path) -> Result<Tools<'a>, StepError> {
        // In memory, where the system has room for that: no disk is measured.
        let has_room = room_in(MEMORY).is_some_and(|room| room >= ROOM);
        let folder = if has_room {
            MEMORY.into()
        } else {
            std::env::temp_dir()
        };
        let folder = tempfile::Builder::new()
            .prefix("kubectl-trainer-bench-")
            .tempdir_in(folder)
            .map_err(|error| StepError::io("a folder for what is printed", error))?;
        Ok(Tools {
            ground,
            plugin,
            stern: testbed::programs::stern(&mut std::io::stderr())?,
            admin: ground.bed.admin_files(),
            folder,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file into which curl writes a pod's log.
    pub(super) fn curl_file(&self, pod: &str) -> PathBuf {
        self.folder().join(format!("curl-{pod}"))
    }

    /// What to run for the logs of a job; several at once only for curl, which cannot open as many alone.
    pub(super) fn commands(&self, tool: Tool, job: &Job, follow: Follow) -> Vec<Command> {
        match tool {
            Tool::Plugin => vec![self.plugin(job, follow)],
            Tool::Kubectl => vec![self.kubectl(job, follow)],
            Tool::Stern => vec![self.stern(job, follow)],
            Tool::Curl => job
                .pods
                .chunks(STREAMS_A_CURL)
                .map(|pods| self.curl(job, pods, follow))
                .collect(),
        }
    }

    fn plugin(&self, job: &Job, follow: Follow) -> Command {
        let mut command = self.ground.bed.command_inside(self.plugin);
        command.args(["logs", JOB, "--namespace", job.namespace, "--timestamps"]);
        if follow == Follow::Yes {
            command.arg("--follow");
        }
        command
    }

    fn kubectl(&self, job: &Job, follow: Follow) -> Command {
        let bed = &self.ground.bed;
        let mut command = bed.command_inside(bed.kubectl_path());
        command
            .args(["logs", "--selector", SELECTOR, "--namespace", job.namespace])
            .args(["--prefix", "--timestamps", "--tail=-1"])
            .arg(format!("--max-log-requests={}", job.pods.len()));
        if follow == Follow::Yes {
            command.arg("--follow");
        }
        command
    }

    fn stern(&self, job: &Job, follow: Follow) -> Command {
        let mut command = self.ground.bed.command_inside(&self.stern);
        command
            .args(["--selector", SELECTOR, "--namespace", job.namespace])
            .args(["--timestamps=default", "--timezone=UTC"])
            .args(["--tail=-1", "--color=never", "--only-log-lines"])
            .arg(format!("--max-log-requests={}", job.pods.len()));
        if follow == Follow::No {
            command.arg("--no-follow");
        }
        command
    }

    fn curl(&self, job: &Job, pods: &[String], follow: Follow) -> Command {
        let mut command = self.ground.bed.command_inside("curl");
        command
            .args(["--silent", "--no-progress-meter", "--fail", "--http2"])
            .args(["--parallel", "--parallel-max", "300"])
            .arg("--cacert")
            .arg(&self.admin.authority)
            .arg("--cert")
            .arg(&self.admin.certificate)
            .arg("--key")
            .arg(&self.admin.key);
        let follow = match follow {
            Follow::Yes => {
                // Otherwise it keeps the first lines back. With lines that are all there it would only slow it down.
                command.arg("--no-buffer");
                "&follow=true"
            }
            Follow::No => "",
        };
        for pod in pods {
            let path = format!("/api/v1/namespaces/{}/pods/{pod}/log", job.namespace);
            command
                .arg("--output")
                .arg(self.curl_file(pod))
                .arg(format!("https://127.0.0.1{path}?timestamps=true{follow}"));
        }
        command
    }
}

impl Tool {
    pub(super) const ALL: [Tool; 4] = [Tool::Plugin, Tool::Curl, Tool::Kubectl, Tool::Stern];

    pub(super) fn name(self) -> &'static str {
        match self {
            Tool::Plugin => "`kubectl-trainer logs`",
            Tool::Curl => "`curl --parallel`",
            Tool::Kubectl => "`kubectl logs`",
            Tool::Stern => "`stern`",
        }
    }
}

/// Free bytes of a file system; none where there is no such folder.
fn room_in(folder: &str) -> Option<u64> {
    let status = rustix::fs::statvfs(folder).ok()?;
    status.f_bavail.checked_mul(status.f_frsize)
}
