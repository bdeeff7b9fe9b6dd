//! Looks at jobs: their objects are known already, and what these do not tell is asked from the ends of their logs. Never
//! is a whole log read, and never are more than a few asked for at a time.

use std::{collections::BTreeMap, time::Duration};

use futures::{
    StreamExt as _,
    stream::{self, FuturesUnordered},
};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use crate::{
    cluster::{Attempt, Cluster, Failure, Follow, ListedJob, LogRange, LogStreamRequest},
    logs::record::LogSource,
    progress::{
        board::Board,
        excerpt::Excerpt,
        look::{JobLook, Unheard},
    },
    train_job::{Breadth, Leader, leaders},
};

/// Jobs whose logs are asked for at a time.
const AT_ONCE: usize = 16;
/// For the logs of a job that is looked at alone.
const LIMIT: Duration = Duration::from_secs(10);
/// For those of a job among others.
const SHARE: Duration = Duration::from_secs(3);
/// Of several jobs, no log is asked for later than this.
const ASKING: Duration = Duration::from_secs(7);
/// The last lines that are asked for. Of a bar without lines' ends a node makes lines of 16 KiB, so it is 3 MB at most.
const LINES: u32 = 200;
/// What is said once stands at the beginning: how many steps there are.
const BEGINNING: u32 = 64 << 10;

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// A row among others: one log, and only while the job goes on.
    Row,
    /// All that may tell something, also of a job that is over.
    Whole,
}

/// The jobs, in their order. A log that does not come holds up one place of those for logs, and no other job.
pub(super) async fn look_at_all(cluster: &Cluster, jobs: &[ListedJob]) -> Vec<JobLook> {
    let last_start = Instant::now() + ASKING;
    let looks = (0_usize..).zip(jobs).map(|(place, job)| async move {
        let patience = match Instant::now() {
            now if now < last_start => Some(SHARE),
            _ => None,
        };
        (place, look_for(cluster, job, Effort::Row, patience).await)
    });
    let looks = stream::iter(looks).buffer_unordered(AT_ONCE);
    let looks: BTreeMap<usize, JobLook> = looks.collect().await;
    looks.into_values().collect()
}

/// One job alone.
pub(super) async fn look_at(cluster: &Cluster, job: &ListedJob) -> JobLook {
    look_for(cluster, job, Effort::Whole, Some(LIMIT)).await
}

/// For who follows a job from the last lines on, where these do not tell of how much they speak: what was said first, and
/// they, so that nothing less than what is known is shown until they come.
pub(in crate::commands) async fn fetch_beginning(
    cluster: &Cluster,
    job: &ListedJob,
) -> Option<Excerpt> {
    let leaders = wanted(job, Effort::Whole);
    let mut heard = Heard::default();
    let said_first = async {
        heard.fetch_ends(cluster, job, &leaders).await;
        heard.fetch_beginning(cluster, job, &leaders).await
    };
    let (place, first) = timeout(SHARE, said_first).await.ok()??;
    let mut told = heard.excerpts.remove(&place)?;
    told.precede(&first.text);
    told.keep_whole_lines();
    Some(told)
}

/// Without patience, no log is asked for.
async fn look_for(
    cluster: &Cluster,
    job: &ListedJob,
    effort: Effort,
    patience: Option<Duration>,
) -> JobLook {
    let leaders = wanted(job, effort);
    let mut heard = Heard::default();
    match patience {
        _ if leaders.is_empty() => {}
        None => heard.unheard = Some(Unheard::NotAsked),
        Some(limit) => {
            // What has come until then counts.
            let fetch = heard.fetch(cluster, job, &leaders);
            if timeout(limit, fetch).await.is_err() {
                heard.unheard = Some(Unheard::NoAnswer(limit));
            }
        }
    }
    let now = Timestamp::now();
    let board = heard.board(job, now);
    JobLook::of(job, board, heard.unheard, now)
}

/// Whose logs have to be asked.
fn wanted(job: &ListedJob, effort: Effort) -> Vec<Leader> {
    let is_over = job.observation.train_job.end().is_some();
    let mut board = Board::new();
    board.observe(&job.observation);
    match effort {
        _ if board.has_fresh_report(Timestamp::now().into()) => Vec::new(),
        Effort::Row if is_over => Vec::new(),
        Effort::Row => leaders(&job.observation, Breadth::One),
        Effort::Whole => leaders(&job.observation, Breadth::Several),
    }
}

/// What was fetched of a job's logs.
#[derive(Default)]
struct Heard {
    /// By the places of those whose logs they are the ends of.
    excerpts: BTreeMap<usize, Excerpt>,
    unheard: Option<Unheard>,
}

impl Heard {
    async fn fetch(&mut self, cluster: &Cluster, job: &ListedJob, leaders: &[Leader]) {
        self.fetch_ends(cluster, job, leaders).await;
        if let Some((place, said_first)) = self.fetch_beginning(cluster, job, leaders).await
            && let Some(end) = self.excerpts.get_mut(&place)
        {
            end.precede(&said_first.text);
        }
    }

    async fn fetch_ends(&mut self, cluster: &Cluster, job: &ListedJob, leaders: &[Leader]) {
        let end = LogRange::Tail(LINES);
        let fetches = (0..).zip(leaders).map(|(place, leader)| async move {
            (
                place,
                fetch_part(cluster, &job.namespace, leader, end).await,
            )
        });
        let mut fetches: FuturesUnordered<_> = fetches.collect();
        while let Some((place, fetched)) = fetches.next().await {
            self.keep(place, fetched);
        }
    }

    /// What the speaker said first, where the end of its log does not say of how much it speaks.
    async fn fetch_beginning(
        &self,
        cluster: &Cluster,
        job: &ListedJob,
        leaders: &[Leader],
    ) -> Option<(usize, Excerpt)> {
        let mut leaders = (0..).zip(leaders);
        let (place, leader) = leaders.find(|(_, leader)| self.lacks_total(job, leader))?;
        let beginning = LogRange::Beginning(BEGINNING);
        let said_first = fetch_part(cluster, &job.namespace, leader, beginning).await;
        Some((place, said_first.ok()?))
    }

    fn keep(&mut self, place: usize, fetched: Result<Excerpt, Failure>) {
        match fetched {
            Ok(excerpt) => drop(self.excerpts.insert(place, excerpt)),
            Err(failure) => self.unheard = self.unheard.take().or(Unheard::of(failure)),
        }
    }

    /// Whether it is this one who says how far it is, and not of how much.
    fn lacks_total(&self, job: &ListedJob, leader: &Leader) -> bool {
        let now = Timestamp::now();
        let standings = self.board(job, now).standings(now.into());
        let is_speaker = standings.speaker.as_ref() == Some(&leader.target.label);
        let training = standings.training.training;
        is_speaker && training.is_some_and(|training| training.whole.is_none())
    }

    fn board(&self, job: &ListedJob, now: Timestamp) -> Board {
        let mut board = Board::new();
        board.observe(&job.observation);
        board.hear(self.excerpts.values(), now.into());
        board
    }
}

async fn fetch_part(
    cluster: &Cluster,
    namespace: &str,
    leader: &Leader,
    range: LogRange,
) -> Result<Excerpt, Failure> {
    let target = &leader.target;
    let mut request = LogStreamRequest {
        namespace: namespace.into(),
        pod: target.pod.as_str().into(),
        container: target.container.as_str().into(),
        range,
        follow: Follow::No,
        attempt: Attempt::Current,
    };
    let text = cluster.fetch_log(&request).await?;
    let described = LogSource {
        step: target.label.clone(),
        pod: target.pod.clone(),
        pod_uid: target.pod_uid.clone(),
        container: target.container.clone(),
        node: target.node.clone(),
        attempt: leader.attempt,
        round: target.round,
    };
    let mut excerpt = Excerpt::new(described, text);
    if matches!(range, LogRange::Tail(_)) && excerpt.hides_its_age() {
        request.range = LogRange::Tail(1);
        // What has come already counts also where its age is not known.
        if let Ok(Ok(last)) = timeout(SHARE / 3, cluster.fetch_log(&request)).await {
            excerpt.take_last_line(&last);
        }
    }
    Ok(excerpt)
}
