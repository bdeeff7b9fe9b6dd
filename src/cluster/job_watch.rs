//! Puts what the feeds of a job's objects tell together, so that each observation is one of a whole job. Changes that
//! come in a storm make one observation.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind},
    job_feed::{Choice, FeedEvent, feed},
    job_objects::{JobCondition, JobSet, SlimPod, TrainJob},
    job_records::{JobSetRecord, TrainJobRecord},
    observe::{
        Change, JobObservation, Sight, fetch_details, fetch_job_set, fetch_plan, fetch_pods,
        no_such_job, pods_of, wants_details,
    },
    pod_record::PodRecord,
};

/// Between two observations.
const PAUSE: Duration = Duration::from_millis(100);
/// A job that is gone for so long has not been made again.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks for what keeps pods from being made: while there are none, and while some are missing.
const DETAILS: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(15)];
/// What may be left out of an observation is not waited for any longer.
const DETAILS_LIMIT: Duration = Duration::from_secs(5);
/// What is refused for so long will not be given any more.
const REFUSED_LIMIT: Duration = Duration::from_mins(1);

enum Sighting {
    Job(FeedEvent<TrainJob>),
    JobSet(FeedEvent<JobSet>),
    Pod(FeedEvent<SlimPod>),
}

pub(super) struct JobWatch {
    cluster: Cluster,
    namespace: String,
    name: String,
    sightings: SelectAll<BoxStream<'static, Sighting>>,
    job: Option<Arc<TrainJob>>,
    /// `None` until it is known whether there is one.
    job_set: Option<Sight<Arc<JobSet>>>,
    /// By uid; `None` until they were listed.
    pods: Option<BTreeMap<String, Arc<SlimPod>>>,
    last: JobObservation,
    /// Something changed since the last observation.
    is_stirred: bool,
    not_before: Instant,
    details_at: Instant,
    deletion: Option<Deletion>,
    /// The job whose pods were looked at after its end.
    settled: Option<String>,
    troubles: Troubles,
    is_over: bool,
}

/// Since when the server cannot be asked about the job, and about its pods.
#[derive(Default)]
struct Troubles {
    job: Option<Instant>,
    pods: Option<Instant>,
}

/// A job that is gone.
struct Deletion {
    since: Instant,
    is_told: bool,
}

impl JobWatch {
    pub(super) fn new(cluster: &Cluster, namespace: &str, name: &str) -> Self {
        let named = || Choice::Name(name.to_owned());
        let job = feed::<TrainJobRecord>(cluster, namespace, named());
        let job_set = feed::<JobSetRecord>(cluster, namespace, named());
        let pods = feed::<PodRecord>(cluster, namespace, Choice::Labels(pods_of(name)));
        let feeds = [
            job.map(Sighting::Job).boxed(),
            job_set.map(Sighting::JobSet).boxed(),
            pods.map(Sighting::Pod).boxed(),
        ];
        let now = Instant::now();
        Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            sightings: stream::select_all(feeds),
            job: None,
            job_set: None,
            pods: None,
            last: JobObservation::default(),
            is_stirred: false,
            not_before: now,
            details_at: now + DETAILS[0],
            deletion: None,
            settled: None,
            troubles: Troubles::default(),
            is_over: false,
        }
    }

    pub(super) fn into_stream(self) -> BoxStream<'static, Result<Change, Failure>> {
        stream::unfold(self, |mut watch| async move {
            if watch.is_over {
                return None;
            }
            let change = watch.next().await;
            watch.is_over = change.is_err();
            Some((change, watch))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Change, Failure> {
        loop {
            let now = Instant::now();
            if self.is_stirred && self.is_whole() && now >= self.not_before {
                return Ok(Change::Observed(Box::new(self.observe().await)));
            }
            if let Some(uid) = self.deleted_job(now) {
                return Ok(Change::Deleted { uid });
            }
            if now >= self.details_at {
                self.look_for_details().await;
                continue;
            }
            // The feeds of the job and of its pods end only after a failure that ends this watch, too.
            let sighting = timeout_at(self.wake_at(), self.sightings.next()).await;
            if let Ok(Some(sighting)) = sighting
                && let Some(failure) = self.take(sighting)?
            {
                return Ok(Change::Stale(failure));
            }
        }
    }

    fn wake_at(&self) -> Instant {
        let pause = self.is_stirred && self.is_whole();
        let grace = self.deletion.as_ref().filter(|deletion| !deletion.is_told);
        let moments = [
            Some(self.details_at),
            pause.then_some(self.not_before),
            grace.map(|deletion| deletion.since + GRACE),
        ];
        moments
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.details_at)
    }

    fn is_whole(&self) -> bool {
        self.job.is_some() && self.job_set.is_some() && self.pods.is_some()
    }

    fn no_such_job(&self) -> Failure {
        no_such_job(&self.cluster, &self.namespace, &self.name)
    }

    /// The job that is gone for good, once.
    fn deleted_job(&mut self, now: Instant) -> Option<String> {
        let deletion = self.deletion.as_mut()?;
        if deletion.is_told || now < deletion.since + GRACE {
            return None;
        }
        deletion.is_told = true;
        self.job.as_ref().map(|job| job.uid.clone())
    }

    /// Takes in what a feed says. Gives back a failure that is new and may pass; ends with one that does not.
    fn take(&mut self, sighting: Sighting) -> Result<Option<Failure>, Failure> {
        match sighting {
            Sighting::Job(FeedEvent::Failed(failure)) => {
                return self.take_trouble(failure, |troubles| &mut troubles.job);
            }
            Sighting::Pod(FeedEvent::Failed(failure)) => {
                return self.take_trouble(failure, |troubles| &mut troubles.pods);
            }
            // A job can be followed without it.
            Sighting::JobSet(FeedEvent::Failed(failure)) => {
                if is_refusal(&failure) || self.job_set.is_none() {
                    self.job_set = Some(Sight::Hidden);
                }
            }
            Sighting::Job(event) => {
                self.troubles.job = None;
                self.take_job(event)?;
            }
            Sighting::JobSet(event) => self.take_job_set(event),
            Sighting::Pod(event) => {
                self.troubles.pods = None;
                self.take_pods(event);
            }
        }
        self.is_stirred = true;
        Ok(None)
    }

    /// Gives the failure back where it is the first of its outage; ends with one that waiting does not mend.
    fn take_trouble(
        &mut self,
        failure: Failure,
        of: fn(&mut Troubles) -> &mut Option<Instant>,
    ) -> Result<Option<Failure>, Failure> {
        let is_new = self.troubles.job.is_none() && self.troubles.pods.is_none();
        let since = *of(&mut self.troubles).get_or_insert_with(Instant::now);
        // What could be read once is refused for a moment by a server that has just started.
        let is_tried = !self.is_whole() || since.elapsed() > REFUSED_LIMIT;
        if is_refusal(&failure) && is_tried {
            return Err(failure);
        }
        Ok(is_new.then_some(failure))
    }

    fn take_job(&mut self, event: FeedEvent<TrainJob>) -> Result<(), Failure> {
        let job = match event {
            FeedEvent::All(jobs) => jobs.into_iter().next(),
            FeedEvent::Seen(job) => Some(job),
            FeedEvent::Gone(_) | FeedEvent::Failed(_) => None,
        };
        match (job, &self.job) {
            (Some(job), _) => {
                self.deletion = None;
                self.job = Some(Arc::new(job));
            }
            (None, None) => return Err(self.no_such_job()),
            (None, Some(_)) => {
                self.deletion.get_or_insert(Deletion {
                    since: Instant::now(),
                    is_told: false,
                });
            }
        }
        Ok(())
    }

    fn take_job_set(&mut self, event: FeedEvent<JobSet>) {
        let job_set = match event {
            FeedEvent::All(job_sets) => job_sets.into_iter().next(),
            FeedEvent::Seen(job_set) => Some(job_set),
            FeedEvent::Gone(_) | FeedEvent::Failed(_) => None,
        };
        if let Some(Sight::Seen(before)) = &self.job_set {
            // Pods outlive it.
            self.last.runtime_groups.clone_from(&before.groups);
        }
        let sight = job_set.map_or(Sight::Absent, |job_set| Sight::Seen(Arc::new(job_set)));
        self.job_set = Some(sight);
    }

    fn take_pods(&mut self, event: FeedEvent<SlimPod>) {
        match event {
            FeedEvent::All(pods) => {
                let pods = pods.into_iter().map(|pod| (pod.uid.clone(), Arc::new(pod)));
                self.pods = Some(pods.collect());
            }
            FeedEvent::Seen(pod) => {
                let pods = self.pods.get_or_insert_default();
                // The look after the job's end may have been ahead of the watch.
                let is_old = pods
                    .get(&pod.uid)
                    .is_some_and(|known| known.version > pod.version);
                if !is_old {
                    pods.insert(pod.uid.clone(), Arc::new(pod));
                }
            }
            FeedEvent::Gone(pod) => {
                self.pods.get_or_insert_default().remove(&pod.uid);
            }
            FeedEvent::Failed(_) => {}
        }
    }

    async fn observe(&mut self) -> JobObservation {
        self.is_stirred = false;
        self.settle().await;
        self.find_groups().await;
        let pods = self.pods.iter().flat_map(BTreeMap::values);
        self.last.pods = pods.cloned().collect();
        if let Some(job) = &self.job {
            self.last.train_job = Arc::clone(job);
        }
        self.last.job_set = self.job_set.clone().unwrap_or_default();
        if !wants_details(&self.last) {
            self.last.warnings.clear();
            self.last.workload = None;
        }
        self.not_before = Instant::now() + PAUSE;
        self.last.clone()
    }

    /// A job's end can be seen before that of its pods: they are looked at once more, so that none is missed.
    async fn settle(&mut self) {
        let Some(job) = &self.job else { return };
        let is_ended = |kind| JobCondition::is_true(&job.conditions, kind).is_some();
        let is_over = is_ended("Complete") || is_ended("Failed");
        if !is_over || self.settled.as_ref() == Some(&job.uid) {
            return;
        }
        if let Ok(pods) = fetch_pods(&self.cluster, &self.namespace, &self.name).await {
            self.settled = Some(job.uid.clone());
            self.pods = Some(pods.into_iter().map(|pod| (pod.uid.clone(), pod)).collect());
        }
    }

    /// What a pod is to the job is known by its JobSet, whose feed may be slower; where that is hidden, by the runtime.
    async fn find_groups(&mut self) {
        let has_pods = self.pods.as_ref().is_some_and(|pods| !pods.is_empty());
        if self.job_set == Some(Sight::Absent) && has_pods {
            self.job_set = Some(fetch_job_set(&self.cluster, &self.namespace, &self.name).await);
        }
        let is_unknown = !matches!(self.job_set, Some(Sight::Seen(_)));
        if let Some(job) = &self.job
            && is_unknown
            && has_pods
            && self.last.runtime_groups.is_empty()
        {
            self.last.runtime_groups =
                fetch_plan(&self.cluster, &self.namespace, &job.runtime).await;
        }
    }

    async fn look_for_details(&mut self) {
        let pause = DETAILS[usize::from(!self.last.pods.is_empty())];
        self.details_at = Instant::now() + pause;
        if !self.is_whole() || !wants_details(&self.last) {
            return;
        }
        let mut looked = self.last.clone();
        let look = fetch_details(&self.cluster, &self.namespace, &mut looked);
        if timeout(DETAILS_LIMIT, look).await.is_ok() && looked != self.last {
            (self.last.warnings, self.last.workload) = (looked.warnings, looked.workload);
            self.is_stirred = true;
        }
    }
}

/// The server answers, and does not give it.
fn is_refusal(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Forbidden(_) | FailureKind::NotFound { .. } | FailureKind::Unauthorized { .. }
    )
}
