//! A real Kubernetes cluster with Kubeflow Trainer on one machine, for the tests of kubectl-trainer.
//!
//! A test asks for [`Testbed::shared`] and gets a handle; a keeper process owns everything behind it.

pub mod api_proxy;
pub mod bundle;
pub mod command;
pub mod connect_proxy;
pub mod control_plane;
pub mod door;
pub mod fake_nodes;
pub mod faults;
pub mod keeper;
pub mod kwok;
pub mod programs;
pub mod releases_table;
pub mod requirements;
pub mod trainer;

mod api_server;
mod bed;
mod cgroup;
mod containerd;
mod controller_manager;
mod debian;
mod debian_image;
mod dns;
mod error;
mod etcd;
mod folder;
mod handle;
mod image;
mod kubeconfig;
mod kubelet;
mod launch;
mod log_server;
mod namespace;
mod namespaces;
mod node;
mod open_files;
mod options;
mod pki;
mod process;
mod protocol;
mod python_image;
mod scheduler;
mod shared;
mod site;
mod sweep;
mod torch_image;
mod trainer_features;
mod user;

pub use error::Error;
pub use faults::{ActiveFault, Fault, Matcher, ProxyControl, Times};
pub use handle::{AdminFiles, Testbed};
pub use image::{BUSYBOX_IMAGE, PYTHON_IMAGE, TORCH_IMAGE};
pub use namespace::Namespace;
pub use options::{
    FRAGILE_TAINT, FakeLogs, Image, LogRotation, Options, RELEASE_VARIABLE, TrainerFeature,
};
pub use shared::{CommonBed, ExclusiveTestbed, is_skipped, record_skip};
pub use user::{Reach, Rule, User};
