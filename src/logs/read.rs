//! Reads a job's logs into the spool: what the watch says becomes sources, each source a task, until the job is over and
//! every source has been read to its end.

mod awaited;
mod end;
mod footing;
mod readers;

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use tokio::{
    sync::Semaphore,
    time::{sleep, sleep_until},
};

use self::{
    awaited::Awaited,
    readers::{Plan, Readers},
};
pub use self::{
    end::{ReadEnd, ReadError},
    footing::Footing,
};
use super::{
    LogRequest, Observed,
    alignment::Start,
    attempts::Standing,
    instance::{Follow, Outcome},
    record::{Entry, LogSource, SourceId},
    roster::{InstanceId, Roster, RosterChange},
    shared_spool::SharedSpool,
    source_reader::{FirstStream, Orders, Shared, Told},
    source_request::SourceAddress,
};
use crate::{
    cluster::{
        Change, Cluster, Failure, FailureKind, JobObservation, LogPool, fetch_job, watch_job,
    },
    train_job::{JobEnd, LogTarget},
};

/// Statuses that are asked for at a time, over the connection of all other requests.
const ASKING: usize = 16;
/// Streams that are asked for at a time, as many as the pool opens.
const OPENING: usize = 64;
/// Sources that are read at a time where nothing is followed.
const READING: usize = 32;
/// When the job is over, what brings nothing for so long has nothing more to say.
const AFTER_THE_JOB: Duration = Duration::from_secs(30);
/// What does not follow must come to an end, even where a kubelet does not answer.
const WITHOUT_FOLLOW: Duration = Duration::from_secs(20);

/// Who may read none of the logs that are there waits no longer than this for those that are not.
const SHUT_OUT: Duration = Duration::from_secs(3);

/// The last look at a job that is over is tried again after this, doubled up to the longest.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(8);
/// A look at the job that is no older says how it stands: of a large job, each look is long to fetch.
const FRESH: Duration = Duration::from_secs(2);

/// Reads until the job is over, or without following until all that is there was read. Can be dropped at any time.
pub async fn read(
    cluster: &Cluster,
    request: &LogRequest,
    footing: Footing,
    spool: &Arc<SharedSpool>,
    observed: &Observed,
) -> Result<ReadEnd, ReadError> {
    let Footing { pool, seen } = footing;
    let mut run = Run::new(cluster, pool, request, spool, observed);
    let end = match request.follow {
        Follow::No => run.read_once(seen).await,
        Follow::Yes => run.follow().await.map(ReadEnd::from),
    };
    end.map_err(ReadError::Cluster)
}

/// One run of the command.
struct Run<'a> {
    request: &'a LogRequest,
    observed: &'a Observed,
    shared: Arc<Shared>,
    roster: Roster,
    readers: Readers,
    next_source: u32,
    /// Sources that the caller may not read.
    forbidden: u32,
    /// Whether a pod has not begun that may have a log.
    awaited: Awaited,
    /// Since when there is nothing to read but what the caller may not.
    shut_out: Option<Instant>,
    /// Attempts that nobody saw, of containers whose next attempt has not begun.
    skipped: HashMap<(Arc<str>, Arc<str>), u32>,
    patience: Option<Duration>,
    /// The uid of the job that was seen last.
    job: Option<String>,
    end: Option<JobEnd>,
    contact: Contact,
}

/// Whether the cluster answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contact {
    Held,
    Lost,
}

/// Whether a source was there before anybody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    First,
    Later,
}

impl<'a> Run<'a> {
    fn new(
        cluster: &Cluster,
        pool: Arc<LogPool>,
        request: &'a LogRequest,
        spool: &Arc<SharedSpool>,
        observed: &'a Observed,
    ) -> Self {
        let (most, patience) = match request.follow {
            Follow::Yes => (usize::MAX, None),
            Follow::No => (READING, Some(WITHOUT_FOLLOW)),
        };
        let shared = Arc::new(Shared {
            cluster: cluster.clone(),
            pool,
            spool: Arc::clone(spool),
            follow: request.follow,
            begun: Instant::now(),
            asking: Semaphore::new(ASKING),
            opening: Semaphore::new(OPENING),
            told: Told::default(),
            forbidden: OnceLock::new(),
        });
        Self {
            request,
            observed,
            readers: Readers::new(&shared, most),
            shared,
            roster: Roster::new(request.selection.clone(), request.before),
            next_source: 0,
            forbidden: 0,
            awaited: Awaited::Nothing,
            shut_out: None,
            skipped: HashMap::new(),
            patience,
            job: None,
            end: None,
            contact: Contact::Held,
        }
    }

    async fn read_once(
        &mut self,
        seen: Option<(Instant, JobObservation)>,
    ) -> Result<ReadEnd, Failure> {
        let (looked, observation) = match seen {
            Some(seen) => seen,
            None => (Instant::now(), self.fetch().await?),
        };
        self.observe(&observation, Look::First);
        while let Some(ended) = self.readers.wait_for_end().await {
            self.note(ended);
        }
        Ok(ReadEnd {
            job: self.end.take().unwrap_or(JobEnd::NotOver),
            seen: (looked.elapsed() <= FRESH).then_some(observation),
        })
    }

    async fn follow(&mut self) -> Result<JobEnd, Failure> {
        let LogRequest { namespace, job, .. } = self.request;
        let mut changes = watch_job(&self.shared.cluster, namespace, job);
        let mut look = Look::First;
        loop {
            let shut_out = self.shut_out_at();
            tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(Change::Observed(observation))) => {
                        self.observe(&observation, look);
                        look = Look::Later;
                    }
                    Some(Ok(Change::Deleted { uid })) => {
                        let changes = self.roster.delete(&uid);
                        self.take_changes(changes, Look::Later);
                    }
                    Some(Ok(Change::Stale(failure))) => self.lose_contact(&failure),
                    Some(Err(failure)) => return Err(failure),
                    None => return Ok(self.end.take().unwrap_or(JobEnd::NotOver)),
                },
                Some(ended) = self.readers.wait_for_end() => self.note(ended),
                () = wait_until(shut_out), if shut_out.is_some() => return Ok(JobEnd::NotOver),
            }
            if let Some(end) = self.over().await {
                return Ok(end);
            }
        }
    }

    /// Once the job is over and all is read. The job's own end can be seen before the last words of its pods, so that
    /// both are looked at once more.
    async fn over(&mut self) -> Option<JobEnd> {
        if self.end.is_none() || !self.readers.is_empty() {
            return None;
        }
        self.look_again().await;
        if self.readers.is_empty() {
            self.end.take()
        } else {
            None
        }
    }

    async fn look_again(&mut self) {
        let mut rest = FIRST_REST;
        loop {
            let failure = match self.fetch().await {
                Ok(observation) => return self.observe(&observation, Look::Later),
                Err(failure) if matches!(failure.kind, FailureKind::NotFound { .. }) => return,
                Err(failure) => failure,
            };
            if rest > LONGEST_REST {
                return self.notice(&format!(
                    "whether the job had more pods could not be seen: {failure}"
                ));
            }
            sleep(rest).await;
            rest *= 2;
        }
    }

    /// Nobody waits for the end of a job of which nothing may be read: what begins later may hardly be.
    fn shut_out_at(&mut self) -> Option<Instant> {
        let is_all = self.next_source > 0 && self.forbidden == self.next_source;
        if !is_all || !self.readers.is_empty() {
            self.shut_out = None;
            return None;
        }
        let since = *self.shut_out.get_or_insert_with(Instant::now);
        Some(match self.awaited {
            Awaited::Nothing => since,
            Awaited::Pods => since + SHUT_OUT,
        })
    }

    async fn fetch(&self) -> Result<JobObservation, Failure> {
        let LogRequest { namespace, job, .. } = self.request;
        fetch_job(&self.shared.cluster, namespace, job).await
    }

    fn observe(&mut self, observation: &JobObservation, look: Look) {
        if !self.is_wanted(&observation.train_job.uid) {
            return;
        }
        if self.contact == Contact::Lost {
            self.contact = Contact::Held;
            self.notice("the cluster answers again");
        }
        self.observed
            .send_replace(Some(Arc::new(observation.clone())));
        self.awaited = Awaited::of(observation);
        let changes = self.roster.observe(observation);
        self.take_changes(changes, look);
        self.say_trouble();
    }

    /// A job that has taken the place of a deleted one is followed; one that came after the end is another story.
    fn is_wanted(&mut self, uid: &str) -> bool {
        let is_same = self.job.as_deref().is_none_or(|job| job == uid);
        match &self.end {
            Some(JobEnd::Deleted) if !is_same => {
                self.end = None;
                self.set_patience(None);
            }
            Some(_) if !is_same => return false,
            _ => {}
        }
        self.job = Some(uid.to_owned());
        true
    }

    fn take_changes(&mut self, changes: Vec<RosterChange>, look: Look) {
        for change in changes {
            match change {
                RosterChange::Start {
                    instance,
                    target,
                    attempt,
                    standing,
                } => {
                    let address = SourceAddress {
                        namespace: Arc::clone(&self.request.namespace),
                        pod: target.pod.as_str().into(),
                        node: target.node.clone(),
                        id: instance,
                    };
                    let id = self.introduce(&address.id, target, attempt);
                    self.start(id, address, standing, look);
                }
                RosterChange::Standing { instance, standing } => {
                    self.readers.stand(&instance, standing);
                }
                RosterChange::Skipped { target, attempts } => {
                    *self
                        .skipped
                        .entry((target.pod_uid.into(), target.container.into()))
                        .or_default() += attempts;
                }
                RosterChange::Notice(text) => self.notice(&text),
                RosterChange::Wait(text) => self.wait(text.as_deref()),
                RosterChange::Over(end) => self.be_over(end),
            }
        }
    }

    /// Writes the first entry of a source.
    fn introduce(&mut self, instance: &InstanceId, target: LogTarget, attempt: u32) -> SourceId {
        let source = SourceId(self.next_source);
        self.next_source += 1;
        let described = LogSource {
            step: target.label,
            pod: target.pod,
            pod_uid: target.pod_uid,
            container: target.container,
            node: target.node,
            attempt,
            round: target.round,
        };
        let container = (
            Arc::clone(&instance.pod_uid),
            Arc::clone(&instance.container),
        );
        let skipped = self.skipped.remove(&container);
        let mut out = self.shared.spool.write();
        out.push(&Entry::Opened { source, described });
        if let Some(attempts) = skipped {
            out.push(&Entry::Skipped { source, attempts });
        }
        source
    }

    fn start(&mut self, id: SourceId, address: SourceAddress, standing: Standing, look: Look) {
        let orders = Orders {
            standing,
            patience: self.patience,
        };
        let (first, start) = match (look, FirstStream::of(self.request.start)) {
            (Look::Later, _) | (_, FirstStream::Whole) => (FirstStream::Whole, Start::Whole),
            (Look::First, first) => (first, Start::Part),
        };
        self.readers.start(Plan {
            id,
            address,
            orders,
            first,
            start,
        });
    }

    fn be_over(&mut self, end: JobEnd) {
        self.end = Some(end);
        if self.request.follow == Follow::Yes {
            self.set_patience(Some(AFTER_THE_JOB));
        }
    }

    fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
        self.readers.set_patience(patience);
    }

    fn note(&mut self, ended: Outcome) {
        self.forbidden += u32::from(ended == Outcome::Forbidden);
        self.say_trouble();
    }

    fn lose_contact(&mut self, failure: &Failure) {
        if self.contact == Contact::Held {
            self.contact = Contact::Lost;
            self.notice(&format!("{failure}; asking again"));
        }
    }

    /// A disk that takes no more makes the buffer smaller, and that is all.
    fn say_trouble(&self) {
        if let Some(trouble) = self.shared.spool.trouble() {
            self.notice(&format!(
                "lines cannot be buffered on disk ({trouble}): reading waits for whoever reads this"
            ));
        }
    }

    fn wait(&self, text: Option<&str>) {
        self.shared.spool.write().push(&Entry::Wait { text });
    }

    fn notice(&self, text: &str) {
        self.shared.spool.write().push(&Entry::Notice { text });
    }
}

/// Never, where there is no such moment.
async fn wait_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => pending().await,
    }
}
