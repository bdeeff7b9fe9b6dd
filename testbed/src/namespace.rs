//! A namespace of one test's own, and pods in it.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::error::Error;
use crate::handle::Testbed;
use crate::image::BUSYBOX_IMAGE;
use crate::process::run;

/// A namespace; dropping it removes it, without waiting for the end of that.
pub struct Namespace {
    bed: Testbed,
    name: String,
}

impl Namespace {
    pub(crate) fn create(bed: &Testbed, hint: &str) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "{hint}-{}-{}",
            process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        Self::create_named(bed, name)
    }

    pub(crate) fn create_named(bed: &Testbed, name: String) -> Result<Self, Error> {
        let mut kubectl = bed.kubectl_command();
        run(
            "kubectl create namespace",
            kubectl.args(["create", "namespace", &name]),
        )?;
        let namespace = Self {
            bed: bed.clone(),
            name,
        };
        namespace.wait_usable()?;
        Ok(namespace)
    }

    /// Pods are refused until the controller manager has made what every pod gets.
    fn wait_usable(&self) -> Result<(), Error> {
        for object in ["serviceaccount/default", "configmap/kube-root-ca.crt"] {
            let mut kubectl = self.bed.kubectl_command();
            kubectl.args([
                "--namespace",
                &self.name,
                "wait",
                "--for=create",
                object,
                "--timeout=30s",
            ]);
            run(&format!("waiting for {object}"), &mut kubectl)?;
        }
        Ok(())
    }

    /// Its name in the cluster: the hint and two numbers.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts a pod with one container `main` that runs `script` in a shell, once, and returns without waiting.
    pub fn run_pod(&self, pod: &str, script: &str) -> Result<(), Error> {
        self.apply_pod(pod, script, None)
    }

    /// The same on a node of the caller's choice, such as `n2`.
    pub fn run_pod_on(&self, node: &str, pod: &str, script: &str) -> Result<(), Error> {
        self.apply_pod(pod, script, Some(node))
    }

    /// Starts a pod that writes `line 1 …` to `line COUNT …` as fast as it can, and then their number as its
    /// termination message.
    pub fn flood_pod(&self, pod: &str, lines: u64) -> Result<(), Error> {
        let script = format!(
            "awk 'BEGIN {{ for (i = 1; i <= {lines}; i++) print \"line \" i \" of a flood that no reader can follow\"; print i - 1 > \"/dev/termination-log\" }}'"
        );
        // The pause lets a reader connect before the flood begins.
        self.run_pod(pod, &format!("sleep 2; {script}"))
    }

    fn apply_pod(&self, pod: &str, script: &str, node: Option<&str>) -> Result<(), Error> {
        let mut manifest = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod, "namespace": self.name},
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "main", "image": BUSYBOX_IMAGE, "command": ["sh", "-c", script]}],
            },
        });
        if let Some(node) = node {
            manifest["spec"]["nodeName"] = json!(node);
        }
        self.bed.apply(&manifest.to_string())
    }

    /// Waits until a pod is in a phase such as `Running` or `Succeeded`; the error is kubectl's.
    pub fn wait_phase(&self, pod: &str, phase: &str, seconds: u16) -> Result<(), Error> {
        let mut kubectl = self.bed.kubectl_command();
        kubectl
            .args(["--namespace", &self.name, "wait", &format!("pod/{pod}")])
            .arg(format!("--for=jsonpath={{.status.phase}}={phase}"))
            .arg(format!("--timeout={seconds}s"));
        run(
            &format!("waiting for the pod {pod} to be {phase}"),
            &mut kubectl,
        )
        .map(drop)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A bed that is already down has no namespaces to remove.
        let _ = self
            .bed
            .kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
    }
}
