//! One look at a TrainJob and what it became, and the same look again whenever something changes. The one place through
//! which every command sees a job.

use std::{collections::BTreeMap, sync::Arc};

use futures::stream::BoxStream;
use jiff::Timestamp;

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind, MissingObject},
    job_details::{EventRecord, WorkloadRecord},
    job_objects::{
        JobGroup, JobSet, JobWarning, Restarts, RuntimePlan, RuntimeRef, SlimPod, TrainJob,
        Workload,
    },
    job_records::{JobSetRecord, Record, RuntimeRecord, TrainJobRecord},
    job_watch::JobWatch,
    pod_record::PodRecord,
    requests::Scope,
    resources,
};

/// An object that need not be there, or may not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sight<T> {
    Seen(T),
    #[default]
    Absent,
    /// The caller may not see it; nothing is known.
    Hidden,
}

/// A TrainJob with its objects, as they were seen together. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobObservation {
    pub train_job: Arc<TrainJob>,
    pub job_set: Sight<Arc<JobSet>>,
    /// Of the runtime that the job names; empty where it cannot be read, and where the JobSet can, which is more exact.
    pub runtime_groups: Vec<JobGroup>,
    /// By the same runtime.
    pub runtime_restarts: Restarts,
    /// In no order.
    pub pods: Vec<Arc<SlimPod>>,
    /// The last warning about each object that should make the pods, the newest last. Looked up only while pods are
    /// missing; empty where the caller may not read events.
    pub warnings: Vec<JobWarning>,
    /// Kueue's. Looked up only while the job is suspended and in a queue.
    pub workload: Option<Workload>,
}

#[derive(Clone, Debug)]
pub enum Change {
    Observed(Box<JobObservation>),
    /// The job with this uid is gone, and none of its name has come in its place.
    Deleted {
        uid: String,
    },
    /// The server cannot be asked for now; the last observation still counts, and asking goes on.
    Stale(Failure),
}

/// One look. [`FailureKind::NotFound`] with the object when there is no such job.
pub async fn fetch_job(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<JobObservation, Failure> {
    // At the same time: a far server makes each round trip felt. The longest first: where there is no connection yet, the
    // others wait until it is there.
    let (pods, train_job, job_set) = tokio::join!(
        Box::pin(fetch_pods(cluster, namespace, name)),
        Box::pin(fetch_train_job(cluster, namespace, name)),
        Box::pin(fetch_job_set(cluster, namespace, name)),
    );
    let train_job = train_job?.ok_or_else(|| no_such_job(cluster, namespace, name))?;
    let mut observation = JobObservation {
        train_job: Arc::new(train_job),
        job_set,
        pods: pods?,
        ..JobObservation::default()
    };
    if !matches!(observation.job_set, Sight::Seen(_)) {
        let runtime = &observation.train_job.runtime;
        let plan = fetch_plan(cluster, namespace, runtime).await;
        let RuntimePlan { groups, restarts } = plan.unwrap_or_default();
        (observation.runtime_groups, observation.runtime_restarts) = (groups, restarts);
    }
    fetch_details(cluster, namespace, &mut observation).await;
    Ok(observation)
}

/// Looks again at each change, at most ten times a second. Ends after an error; that is one that waiting does not mend:
/// no such job, or no right to read it or its pods.
pub fn watch_job(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> BoxStream<'static, Result<Change, Failure>> {
    JobWatch::new(cluster, namespace, name).into_stream()
}

/// The pod as it is now, past the server's caches. `None` when there is none of that name.
pub async fn fetch_pod(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<SlimPod>, Failure> {
    let scope = Scope::Namespace(namespace.to_owned());
    let pod = cluster.fetch::<PodRecord>(&scope, name).await?;
    Ok(pod.map(PodRecord::into_kept))
}

/// `None` when there is no job of that name.
pub async fn fetch_train_job(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<TrainJob>, Failure> {
    let scope = Scope::Namespace(namespace.to_owned());
    let job = cluster.fetch::<TrainJobRecord>(&scope, name).await?;
    Ok(job.map(TrainJobRecord::into_kept))
}

/// All TrainJobs of a namespace.
pub async fn fetch_train_jobs(
    cluster: &Cluster,
    namespace: &str,
) -> Result<Vec<TrainJob>, Failure> {
    let scope = Scope::Namespace(namespace.to_owned());
    let jobs = cluster.fetch_list::<TrainJobRecord>(&scope, None).await?;
    Ok(jobs.into_iter().map(TrainJobRecord::into_kept).collect())
}

/// The pods of a job and nothing else of it, in one request.
pub async fn fetch_job_pods(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<JobObservation, Failure> {
    Ok(JobObservation {
        pods: fetch_pods(cluster, namespace, name).await?,
        ..JobObservation::default()
    })
}

/// The selector of all pods of a JobSet.
pub(super) fn pods_of(name: &str) -> String {
    format!("jobset.sigs.k8s.io/jobset-name={name}")
}

pub(super) fn no_such_job(cluster: &Cluster, namespace: &str, name: &str) -> Failure {
    let words = format!("get trainjobs.trainer.kubeflow.org {name} in namespace {namespace}");
    let object = MissingObject {
        resource: "trainjobs.trainer.kubeflow.org".to_owned(),
        name: name.to_owned(),
    };
    let kind = FailureKind::NotFound {
        object: Some(object),
        message: String::new(),
    };
    cluster.failure(&words, kind)
}

pub(super) async fn fetch_pods(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Vec<Arc<SlimPod>>, Failure> {
    let scope = Scope::Namespace(namespace.to_owned());
    let selector = pods_of(name);
    let keep = |pod: PodRecord| Arc::new(pod.into_kept());
    cluster.fetch_pod_list(&scope, &selector, keep).await
}

pub(super) async fn fetch_job_set(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Sight<Arc<JobSet>> {
    let scope = Scope::Namespace(namespace.to_owned());
    match cluster.fetch::<JobSetRecord>(&scope, name).await {
        Ok(Some(job_set)) => Sight::Seen(Arc::new(job_set.into_kept())),
        Ok(None) => Sight::Absent,
        Err(_) => Sight::Hidden,
    }
}

/// What a runtime says; nothing where there is none of that name, or it makes no sense.
pub(super) async fn fetch_plan(
    cluster: &Cluster,
    namespace: &str,
    runtime: &RuntimeRef,
) -> Result<RuntimePlan, Failure> {
    let namespaced = Scope::Namespace(namespace.to_owned());
    let (resource, scope) = match runtime.kind.as_str() {
        "TrainingRuntime" => (resources::training_runtimes(), namespaced),
        _ => (resources::cluster_training_runtimes(), Scope::Cluster),
    };
    let object = cluster.fetch_object(&resource, &scope, &runtime.name).await;
    let object = object?.map(|object| object.data);
    let record = object.and_then(|data| serde_json::from_value::<RuntimeRecord>(data).ok());
    Ok(record.map(RuntimeRecord::into_kept).unwrap_or_default())
}

/// Whether whoever makes the pods may have something to say about those that are missing.
pub(super) fn wants_details(observation: &JobObservation) -> bool {
    let Sight::Seen(job_set) = &observation.job_set else {
        return observation.pods.is_empty();
    };
    let pods = |group: &JobGroup| u64::from(group.all_pods());
    let planned: u64 = job_set.groups.iter().map(pods).sum();
    planned > observation.pods.len() as u64
}

/// Fills in what keeps pods from being made, where some are missing. What may not be read stays empty.
pub(super) async fn fetch_details(
    cluster: &Cluster,
    namespace: &str,
    observation: &mut JobObservation,
) {
    if !wants_details(observation) {
        return;
    }
    let job = Arc::clone(&observation.train_job);
    let scope = Scope::Namespace(namespace.to_owned());
    if job.suspend && job.queue.is_some() {
        let owner = format!("kueue.x-k8s.io/job-uid={}", job.uid);
        let workloads = cluster.fetch_list::<WorkloadRecord>(&scope, Some(&owner));
        let workloads = workloads.await.unwrap_or_default().into_iter();
        observation.workload = workloads.map(WorkloadRecord::into_kept).next();
    } else {
        observation.warnings = fetch_warnings(cluster, &scope, observation).await;
    }
}

/// The last warning about the job, its JobSet and each of its Jobs; since this job was made.
async fn fetch_warnings(
    cluster: &Cluster,
    scope: &Scope,
    observation: &JobObservation,
) -> Vec<JobWarning> {
    // A namespace may be full of warnings about pods.
    let named = format!("involvedObject.name={}", observation.train_job.name);
    let of_job = cluster.fetch_warnings::<EventRecord>(scope, &named);
    let of_its_jobs = cluster.fetch_warnings::<EventRecord>(scope, "involvedObject.kind=Job");
    let (of_job, of_its_jobs) = tokio::join!(of_job, of_its_jobs);
    let events = of_job.into_iter().chain(of_its_jobs).flatten();
    let job = &observation.train_job;
    let mut last: BTreeMap<(String, String), (Option<Timestamp>, JobWarning)> = BTreeMap::new();
    for (time, warning) in events.map(EventRecord::into_kept) {
        if time >= job.created && is_of(&job.name, &warning) {
            let about = (warning.kind.clone(), warning.name.clone());
            let known = last.entry(about).or_default();
            if known.0 <= time {
                *known = (time, warning);
            }
        }
    }
    let mut last: Vec<_> = last.into_values().collect();
    last.sort_by_key(|(time, _)| *time);
    last.into_iter().map(|(_, warning)| warning).collect()
}

/// Whether the warning is about what makes this job's pods: the job, its JobSet, or one of the Jobs named after it.
fn is_of(job: &str, warning: &JobWarning) -> bool {
    match warning.kind.as_str() {
        "TrainJob" | "JobSet" => warning.name == job,
        "Job" => warning
            .name
            .strip_prefix(job)
            .is_some_and(|rest| rest.starts_with('-')),
        _ => false,
    }
}

#[cfg(test)]
impl JobObservation {
    /// From objects as a server writes them, under `trainJob`, `jobSet` (may be missing), `pods` and `warnings`.
    pub(crate) fn of_objects(objects: &serde_json::Value) -> Self {
        fn kept<K: Record + serde::de::DeserializeOwned>(object: &serde_json::Value) -> K::Kept {
            serde_json::from_value::<K>(object.clone())
                .unwrap()
                .into_kept()
        }
        let list = |name: &str| objects[name].as_array().cloned().unwrap_or_default();
        let job_set = objects.get("jobSet").map(kept::<JobSetRecord>);
        Self {
            train_job: Arc::new(kept::<TrainJobRecord>(&objects["trainJob"])),
            job_set: job_set.map_or(Sight::Absent, |job_set| Sight::Seen(Arc::new(job_set))),
            pods: list("pods")
                .iter()
                .map(kept::<PodRecord>)
                .map(Arc::new)
                .collect(),
            warnings: list("warnings")
                .iter()
                .map(|event| kept::<EventRecord>(event).1)
                .collect(),
            ..Self::default()
        }
    }

    /// The groups of a runtime, as a server writes it.
    pub(crate) fn groups_of(runtime: &serde_json::Value) -> Vec<JobGroup> {
        Self::plan_of(runtime).groups
    }

    /// What a runtime says, as a server writes it.
    pub(crate) fn plan_of(runtime: &serde_json::Value) -> RuntimePlan {
        serde_json::from_value::<RuntimeRecord>(runtime.clone())
            .unwrap()
            .into_kept()
    }
}
