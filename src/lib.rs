//! kubectl-trainer: a kubectl plugin for Kubeflow Trainer v2.
