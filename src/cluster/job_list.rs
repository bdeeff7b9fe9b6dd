//! All TrainJobs of a namespace, or of all of them, each with its objects: three lists, however many jobs there are.

use std::{collections::HashMap, sync::Arc};

use kube::core::Resource as _;

use super::{
    connect::Cluster,
    failure::Failure,
    job_objects::{JobSet, SlimPod},
    job_records::{JobSetRecord, Record as _, TrainJobRecord},
    observe::{JobObservation, Sight},
    pod_record::PodRecord,
    requests::Scope,
};

/// Each pod of a `JobSet` has this label.
const OF_A_JOB_SET: &str = "jobset.sigs.k8s.io/jobset-name";

/// A TrainJob among others. Neither its runtime nor warnings about it are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedJob {
    pub namespace: String,
    pub observation: JobObservation,
}

/// Where an object is and what it is called.
type Place = (String, String);

/// All TrainJobs there, by namespace and name. A `JobSet` that may not be listed is [`Sight::Hidden`].
pub async fn fetch_jobs(cluster: &Cluster, scope: &Scope) -> Result<Vec<ListedJob>, Failure> {
    let (jobs, pods, job_sets) = tokio::join!(
        cluster.fetch_list::<TrainJobRecord>(scope, None),
        cluster.fetch_pod_list(scope, OF_A_JOB_SET, keep_pod),
        cluster.fetch_list::<JobSetRecord>(scope, None),
    );
    let (jobs, mut pods) = (jobs?, sort_pods(pods?));
    let mut job_sets = job_sets.map(sort_job_sets).ok();
    let listed = jobs.into_iter().map(|job| {
        let place = place_of(job.meta().namespace.as_ref(), job.meta().name.as_ref());
        let job_set = match &mut job_sets {
            None => Sight::Hidden,
            Some(job_sets) => job_sets.remove(&place).map_or(Sight::Absent, Sight::Seen),
        };
        let observation = JobObservation {
            train_job: Arc::new(job.into_kept()),
            job_set,
            pods: pods.remove(&place).unwrap_or_default(),
            ..JobObservation::default()
        };
        let (namespace, _) = place;
        ListedJob {
            namespace,
            observation,
        }
    });
    let mut listed: Vec<_> = listed.collect();
    listed.sort_by(|one, other| place(one).cmp(&place(other)));
    Ok(listed)
}

fn place(job: &ListedJob) -> (&str, &str) {
    (&job.namespace, &job.observation.train_job.name)
}

fn place_of(namespace: Option<&String>, name: Option<&String>) -> Place {
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    (text(namespace), text(name))
}

/// A JobSet is called as its TrainJob.
fn sort_job_sets(records: Vec<JobSetRecord>) -> HashMap<Place, Arc<JobSet>> {
    let sorted = records.into_iter().map(|record| {
        let meta = record.meta();
        let place = place_of(meta.namespace.as_ref(), meta.name.as_ref());
        (place, Arc::new(record.into_kept()))
    });
    sorted.collect()
}

/// With the place of its JobSet.
fn keep_pod(record: PodRecord) -> (Place, Arc<SlimPod>) {
    let place = place_of(record.meta().namespace.as_ref(), record.job_set());
    (place, Arc::new(record.into_kept()))
}

fn sort_pods(pods: Vec<(Place, Arc<SlimPod>)>) -> HashMap<Place, Vec<Arc<SlimPod>>> {
    let mut sorted: HashMap<Place, Vec<Arc<SlimPod>>> = HashMap::new();
    for (place, pod) in pods {
        sorted.entry(place).or_default().push(pod);
    }
    sorted
}
