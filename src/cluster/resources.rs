//! The custom resources that this project reads, named once: Kubeflow Trainer's and JobSet's.

use kube::core::{ApiResource, GroupVersionKind};

pub const TRAINER_GROUP: &str = "trainer.kubeflow.org";

/// Cluster-scoped recipes for TrainJobs.
pub fn cluster_training_runtimes() -> ApiResource {
    trainer("ClusterTrainingRuntime", "clustertrainingruntimes")
}

/// Namespaced recipes for TrainJobs.
pub fn training_runtimes() -> ApiResource {
    trainer("TrainingRuntime", "trainingruntimes")
}

pub fn train_jobs() -> ApiResource {
    trainer("TrainJob", "trainjobs")
}

pub fn job_sets() -> ApiResource {
    let kind = GroupVersionKind::gvk("jobset.x-k8s.io", "v1alpha2", "JobSet");
    ApiResource::from_gvk_with_plural(&kind, "jobsets")
}

/// Kubernetes' own, of which a JobSet is made.
pub(super) fn jobs() -> ApiResource {
    let kind = GroupVersionKind::gvk("batch", "v1", "Job");
    ApiResource::from_gvk_with_plural(&kind, "jobs")
}

fn trainer(kind: &str, plural: &str) -> ApiResource {
    let kind = GroupVersionKind::gvk(TRAINER_GROUP, "v1alpha1", kind);
    ApiResource::from_gvk_with_plural(&kind, plural)
}
