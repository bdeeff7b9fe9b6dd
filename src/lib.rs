//! A kubectl plugin for Kubeflow Trainer v2.

pub mod cluster;
pub mod releases;
