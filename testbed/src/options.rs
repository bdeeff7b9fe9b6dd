//! What a caller may choose about a bed.

use std::env;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::trainer;

/// Names another release than the newest for the beds of tests, such as `v2.1.0`.
pub const RELEASE_VARIABLE: &str = "KUBECTL_TRAINER_RELEASE";

/// The key of the taint of nodes that tests may break.
pub const FRAGILE_TAINT: &str = "testbed/fragile";

/// How a bed is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// Lower-case letters, digits and dashes, at most 20; part of paths, cgroups and host names.
    pub name: String,
    /// Real nodes, named `n1`, `n2` and so on.
    pub nodes: u8,
    /// How many of the real nodes, the last ones, tests may break: only pods that tolerate [`FRAGILE_TAINT`] go there, so
    /// that Trainer's controllers stay away.
    #[serde(default)]
    pub fragile_nodes: u8,
    /// Nodes that kwok plays, tainted so that only pods which ask for them land there.
    pub fake_nodes: u16,
    pub fake_logs: FakeLogs,
    /// A release such as `v2.3.0`; none installs neither Trainer nor JobSet.
    pub trainer: Option<String>,
    /// What is switched on in Trainer's controller beside what its release does.
    #[serde(default)]
    pub trainer_features: Vec<TrainerFeature>,
    /// What pods of real nodes can run beside the shell.
    #[serde(default)]
    pub images: Vec<Image>,
    pub log_rotation: LogRotation,
    /// Seconds after which a silent node is `NotReady`.
    pub node_grace_seconds: u16,
    /// Further flags for the API server, for example `--max-requests-inflight=5`.
    pub api_server_flags: Vec<String>,
}

/// Who serves the logs of pods on fake nodes. Both serve the same file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum FakeLogs {
    /// kwok's own server, with the kubelet's own code
    #[default]
    Kwok,
    /// The bed's server, which no reader outruns: for measurements, and for a thousand followers at once. Such nodes
    /// serve logs alone
    Fast,
}

/// A feature gate of Trainer's controller. Its releases have them off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum TrainerFeature {
    /// Training pods report their progress, which the controller writes to the TrainJob; since 2.2
    #[value(name = "TrainJobStatus")]
    TrainJobStatus,
}

/// An image that a bed has only where it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Image {
    /// Python and its library, as `docker.io/library/python:3-slim`; made once, from Debian packages
    Python,
    /// PyTorch with torchrun and gloo, as `docker.io/library/pytorch:2-cpu`; made once, from Debian packages. Takes
    /// minutes and a gigabyte
    Torch,
}

/// When a kubelet rotates the log of a container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogRotation {
    /// A Kubernetes quantity, for example `64Ki`.
    pub max_size: String,
    pub max_files: u8,
    /// Seconds between two looks; the kubelet takes 3 or more.
    pub monitor_seconds: u8,
}

impl LogRotation {
    /// Files so small that a test sees several rotations within seconds.
    pub fn quick() -> Self {
        Self {
            max_size: "64Ki".to_owned(),
            max_files: 5,
            monitor_seconds: 3,
        }
    }
}

impl Default for LogRotation {
    /// The kubelet's own defaults.
    fn default() -> Self {
        Self {
            max_size: "10Mi".to_owned(),
            max_files: 5,
            monitor_seconds: 10,
        }
    }
}

impl Default for Options {
    /// One real node and nothing else, under a name that no other bed has.
    fn default() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("t{}-{count}", process::id()),
            nodes: 1,
            fragile_nodes: 0,
            fake_nodes: 0,
            fake_logs: FakeLogs::default(),
            trainer: None,
            trainer_features: Vec::new(),
            images: Vec::new(),
            log_rotation: LogRotation::default(),
            node_grace_seconds: 10,
            api_server_flags: Vec::new(),
        }
    }
}

impl Options {
    /// The default with the newest Trainer that the bed knows, or with the release that [`RELEASE_VARIABLE`] names.
    pub fn with_trainer() -> Self {
        let release = env::var(RELEASE_VARIABLE);
        Self {
            trainer: Some(release.unwrap_or_else(|_| trainer::DEFAULT_RELEASE.to_owned())),
            ..Self::default()
        }
    }

    /// Whether tests may break the real node of this number.
    pub(crate) fn is_fragile(&self, number: u8) -> bool {
        number > self.nodes.saturating_sub(self.fragile_nodes)
    }
}
