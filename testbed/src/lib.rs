//! A real Kubernetes cluster with Kubeflow Trainer on one machine, for the tests of kubectl-trainer.

pub mod bundle;
pub mod releases_table;
