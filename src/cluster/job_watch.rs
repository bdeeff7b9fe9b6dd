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
    job_clocks::{DetailsClock, Met, Trouble, Troubles},
    job_feed::{Choice, FeedEvent, feed},
    job_objects::{JobSet, SlimPod, TrainJob},
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
/// What may be left out of an observation is not waited for any longer: before the first one, and beside the feeds.
const FIRST_DETAILS_LIMIT: Duration = Duration::from_secs(2);
const DETAILS_LIMIT: Duration = Duration::from_secs(10);
/// A job whose JobSet is not to be had for so long is followed without it.
const JOB_SET_LIMIT: Duration = Duration::from_secs(5);
/// What is refused for so long will not be given any more.
const REFUSED_LIMIT: Duration = Duration::from_mins(1);

enum Sighting {
    Job(FeedEvent<TrainJob>),
    JobSet(FeedEvent<JobSet>),
    Pod(FeedEvent<SlimPod>),
    /// What a look for details found; none where it took too long.
    Details(Option<Box<JobObservation>>),
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
    details: DetailsClock,
    /// Since when the JobSet alone is waited for.
    lacks_job_set_since: Option<Instant>,
    /// The job whose groups were looked for, and not found.
    without_groups: Option<String>,
    deletion: Option<Deletion>,
    /// The job whose pods were looked at after its end.
    settled: Option<String>,
    troubles: Troubles,
    is_over: bool,
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
            details: DetailsClock::new(now),
            lacks_job_set_since: None,
            without_groups: None,
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
            if self.goes_without_job_set(now) {
                continue;
            }
            if now >= self.details.at {
                self.look_for_details(now);
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
            pause.then_some(self.not_before),
            grace.map(|deletion| deletion.since + GRACE),
            self.lacks_job_set_since.map(|since| since + JOB_SET_LIMIT),
        ];
        let moments = moments.into_iter().flatten();
        moments.fold(self.details.at, Instant::min)
    }

    /// Whether the JobSet was waited for long enough, which is so once.
    fn goes_without_job_set(&mut self, now: Instant) -> bool {
        let is_all_else_there = self.job.is_some() && self.pods.is_some();
        if self.job_set.is_some() || !is_all_else_there {
            self.lacks_job_set_since = None;
            return false;
        }
        let since = *self.lacks_job_set_since.get_or_insert(now);
        if now < since + JOB_SET_LIMIT {
            return false;
        }
        self.job_set = Some(Sight::Hidden);
        self.is_stirred = true;
        true
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
        let is_news = match sighting {
            Sighting::Job(FeedEvent::Failed(failure)) => {
                return self.take_trouble(failure, |troubles| &mut troubles.job);
            }
            Sighting::Pod(FeedEvent::Failed(failure)) => {
                return self.take_trouble(failure, |troubles| &mut troubles.pods);
            }
            // A job can be followed without it. What was seen once still counts.
            Sighting::JobSet(FeedEvent::Failed(failure)) => {
                let is_hidden = self.job_set.is_none() && is_withheld(&failure);
                if is_hidden {
                    self.job_set = Some(Sight::Hidden);
                }
                is_hidden
            }
            Sighting::Job(event) => {
                let was_in_trouble = self.troubles.job.take().is_some();
                self.take_job(event)? || was_in_trouble
            }
            Sighting::JobSet(event) => self.take_job_set(event),
            Sighting::Pod(event) => {
                let was_in_trouble = self.troubles.pods.take().is_some();
                self.take_pods(event) || was_in_trouble
            }
            Sighting::Details(looked) => self.take_details(looked),
        };
        self.is_stirred |= is_news;
        Ok(None)
    }

    /// Gives the failure back where it is the first of its outage; ends with one that waiting does not mend.
    fn take_trouble(
        &mut self,
        failure: Failure,
        of: fn(&mut Troubles) -> &mut Option<Trouble>,
    ) -> Result<Option<Failure>, Failure> {
        let now = Instant::now();
        self.troubles.forget_old(now);
        let is_new = self.troubles.is_none();
        let met = if is_refusal(&failure) {
            Met::Refusal
        } else {
            Met::Fault
        };
        let refused = Troubles::note(of(&mut self.troubles), met, now);
        // What could be read once is refused for a moment by a server that has just started.
        match refused {
            Some(since) if !self.is_whole() || now > since + REFUSED_LIMIT => Err(failure),
            _ => Ok(is_new.then_some(failure)),
        }
    }

    /// Whether it brought news, as for the others.
    fn take_job(&mut self, event: FeedEvent<TrainJob>) -> Result<bool, Failure> {
        let job = match event {
            FeedEvent::All(jobs) => jobs.into_iter().next(),
            FeedEvent::Seen(job) => Some(job),
            FeedEvent::Gone(_) | FeedEvent::Failed(_) => None,
        };
        let now = Instant::now();
        match (job, &self.job) {
            (Some(job), known) => {
                let is_back = self.deletion.take().is_some();
                if known.as_deref() == Some(&job) {
                    return Ok(is_back);
                }
                self.job = Some(Arc::new(job));
                // What it waits for may be another thing now.
                self.details = DetailsClock::new(now);
            }
            (None, None) => return Err(self.no_such_job()),
            (None, Some(_)) => {
                self.deletion.get_or_insert(Deletion {
                    since: now,
                    is_told: false,
                });
            }
        }
        Ok(true)
    }

    fn take_job_set(&mut self, event: FeedEvent<JobSet>) -> bool {
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
        let is_news = self.job_set.as_ref() != Some(&sight);
        self.job_set = Some(sight);
        is_news
    }

    fn take_pods(&mut self, event: FeedEvent<SlimPod>) -> bool {
        match event {
            FeedEvent::All(pods) => {
                let pods = pods.into_iter().map(|pod| (pod.uid.clone(), Arc::new(pod)));
                let pods = Some(pods.collect());
                let is_news = self.pods != pods;
                self.pods = pods;
                is_news
            }
            FeedEvent::Seen(pod) => {
                let pods = self.pods.get_or_insert_default();
                let known = pods.get(&pod.uid);
                // The look after the job's end may have been ahead of the watch.
                if known.is_some_and(|known| known.version >= pod.version && pod.version > 0) {
                    return false;
                }
                pods.insert(pod.uid.clone(), Arc::new(pod));
                true
            }
            FeedEvent::Gone(pod) => {
                let pods = self.pods.get_or_insert_default();
                pods.remove(&pod.uid).is_some()
            }
            FeedEvent::Failed(_) => false,
        }
    }

    async fn observe(&mut self) -> JobObservation {
        self.is_stirred = false;
        self.settle().await;
        self.find_groups().await;
        let is_first = self.last.train_job.uid.is_empty();
        let pods = self.pods.iter().flat_map(BTreeMap::values);
        self.last.pods = pods.cloned().collect();
        if let Some(job) = &self.job {
            self.last.train_job = Arc::clone(job);
        }
        self.last.job_set = self.job_set.clone().unwrap_or_default();
        if !wants_details(&self.last) {
            self.last.warnings.clear();
            self.last.workload = None;
        } else if is_first {
            // So that the first word about a job that waits says why.
            let look = fetch_details(&self.cluster, &self.namespace, &mut self.last);
            drop(timeout(FIRST_DETAILS_LIMIT, look).await);
        }
        self.not_before = Instant::now() + PAUSE;
        self.last.clone()
    }

    /// A job's end can be seen before that of its pods: they are looked at once more, so that none is missed.
    async fn settle(&mut self) {
        let Some(job) = &self.job else { return };
        if job.end().is_none() || self.settled.as_ref() == Some(&job.uid) {
            return;
        }
        if let Ok(pods) = fetch_pods(&self.cluster, &self.namespace, &self.name).await {
            self.settled = Some(job.uid.clone());
            self.pods = Some(pods.into_iter().map(|pod| (pod.uid.clone(), pod)).collect());
        }
    }

    /// What a pod is to the job is known by its JobSet, whose feed may be slower; where that is hidden, by the runtime.
    /// Where there is no more than the server said, it is not asked again about this job.
    async fn find_groups(&mut self) {
        let has_pods = self.pods.as_ref().is_some_and(|pods| !pods.is_empty());
        let Some(job) = self.job.clone().filter(|_| has_pods) else {
            return;
        };
        let is_asked = self.without_groups.as_ref() == Some(&job.uid);
        if is_asked || matches!(self.job_set, Some(Sight::Seen(_))) {
            return;
        }
        if self.job_set == Some(Sight::Absent) {
            let job_set = fetch_job_set(&self.cluster, &self.namespace, &self.name).await;
            let is_seen = matches!(job_set, Sight::Seen(_));
            self.job_set = Some(job_set);
            if is_seen {
                return;
            }
        }
        if !self.last.runtime_groups.is_empty() {
            self.without_groups = Some(job.uid.clone());
            return;
        }
        match fetch_plan(&self.cluster, &self.namespace, &job.runtime).await {
            Err(failure) if !is_refusal(&failure) => {}
            plan => {
                let plan = plan.unwrap_or_default();
                self.last.runtime_groups = plan.groups;
                self.last.runtime_restarts = plan.restarts;
                self.without_groups = Some(job.uid.clone());
            }
        }
    }

    /// Beside the feeds: what it finds comes as they do.
    fn look_for_details(&mut self, now: Instant) {
        if !self.is_whole() || !wants_details(&self.last) {
            self.details = DetailsClock::new(now);
            return;
        }
        self.details.put_off(now);
        let (cluster, namespace) = (self.cluster.clone(), self.namespace.clone());
        let mut looked = Box::new(self.last.clone());
        let look = async move {
            fetch_details(&cluster, &namespace, &mut looked).await;
            looked
        };
        let look = async { Sighting::Details(timeout(DETAILS_LIMIT, look).await.ok()) };
        self.sightings.push(stream::once(look).boxed());
    }

    fn take_details(&mut self, looked: Option<Box<JobObservation>>) -> bool {
        // The job may have changed meanwhile.
        let Some(looked) = looked.filter(|looked| looked.train_job == self.last.train_job) else {
            return false;
        };
        let last = &mut self.last;
        if (&looked.warnings, &looked.workload) == (&last.warnings, &last.workload) {
            return false;
        }
        (last.warnings, last.workload) = (looked.warnings, looked.workload);
        self.details = DetailsClock::new(Instant::now());
        true
    }
}

/// The server answers, and does not give it.
fn is_refusal(failure: &Failure) -> bool {
    is_withheld(failure) || matches!(failure.kind, FailureKind::Unauthorized { .. })
}

/// It knows the caller, and gives others what it does not give this one, or has no such thing.
fn is_withheld(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Forbidden(_) | FailureKind::NotFound { .. }
    )
}
