//! The TrainJob of a trial: made once, and removed for certain. A check that is dropped in the middle leaves the trial to
//! whoever began it, and with it the removal.

use std::{
    cell::{Cell, RefCell},
    hash::{BuildHasher as _, RandomState},
    rc::Rc,
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{LocalBoxFuture, Shared},
};
use kube::core::DynamicObject;
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Instant, sleep},
};

use super::manifest::NAME_PREFIX;
use crate::cluster::{Cluster, Failure, FailureKind, Remains, fetch_remains};

/// How long the removal may take: a pod that is told to end has 30 s.
const REMOVAL_LIMIT: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(250);
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// How long nothing must be there: a controller that still knew the TrainJob may make one more thing of it.
const QUIET: Duration = Duration::from_secs(1);
const LETTERS: u64 = 26;

/// What the caller wants of a trial.
#[derive(Clone, Debug)]
pub struct TrialWish {
    /// The runtime to train with; without it one is chosen.
    pub runtime: Option<String>,
    /// In place of the runtime's own.
    pub image: Option<String>,
    /// From the creation to the last line that is read.
    pub limit: Duration,
}

/// One trial: as whom, where, and under which name.
pub struct Trial {
    cluster: Cluster,
    namespace: String,
    name: String,
    pub(super) wish: TrialWish,
    /// What goes on, in words, for whoever waits.
    steps: UnboundedSender<String>,
    creation: RefCell<Option<Creation>>,
    removal: Cell<Removal>,
}

/// How far the removal of the job has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    Open,
    /// The server has taken the order; controllers do the rest also when nobody waits.
    Ordered,
    Done,
    /// It did not succeed, and whoever waited knows.
    Failed,
}

/// Goes on when the check that began it is dropped, as long as somebody asks for its end: a request that was sent may
/// still make the job.
type Creation = Shared<LocalBoxFuture<'static, Result<(), Rc<Failure>>>>;

/// What may be left of a trial.
#[derive(Clone, Debug)]
pub struct LeftBehind {
    /// `TrainJob team-a/NAME`, and why it is not known to be gone.
    pub problem: String,
    /// The command that removes it.
    pub command: String,
}

impl Trial {
    pub fn new(
        cluster: Cluster,
        namespace: String,
        wish: TrialWish,
        steps: UnboundedSender<String>,
    ) -> Self {
        Self {
            cluster,
            namespace,
            name: new_name(),
            wish,
            steps,
            creation: RefCell::default(),
            removal: Cell::new(Removal::Open),
        }
    }

    pub(in crate::check::trainer) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(in crate::check::trainer) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Tells whoever waits; nobody has to listen.
    pub(super) fn say(&self, step: impl Into<String>) {
        drop(self.steps.send(step.into()));
    }

    /// Has the job made. A name of eight letters by chance is nobody else's: one that is there is of this very request,
    /// sent twice.
    pub(super) async fn create(&self, job: DynamicObject) -> Result<(), Rc<Failure>> {
        let (cluster, namespace) = (self.cluster.clone(), self.namespace.clone());
        let creation = async move {
            match cluster.create_train_job(&namespace, &job).await {
                Err(failure) if is_there(&failure) => Ok(()),
                created => created.map_err(Rc::new),
            }
        };
        let creation = creation.boxed_local().shared();
        *self.creation.borrow_mut() = Some(creation.clone());
        creation.await
    }

    /// Removes the job and waits until it is gone, with all that it became. May be called at any time, and
    /// again where it was dropped.
    pub async fn remove(&self) -> Result<(), LeftBehind> {
        let creation = self.creation.borrow().clone();
        let Some(creation) = creation.filter(|_| self.removal.get() != Removal::Done) else {
            return Ok(());
        };
        let is_nowhere = creation.await.is_err_and(|failure| is_refusal(&failure));
        if !is_nowhere {
            self.say(format!(
                "removing TrainJob {}/{}",
                self.namespace, self.name
            ));
            let removed = self.remove_until_gone().await;
            removed.inspect_err(|_| self.removal.set(Removal::Failed))?;
        }
        self.removal.set(Removal::Done);
        Ok(())
    }

    /// Whether there may be something to remove of which nobody knows.
    pub fn is_open(&self) -> bool {
        let removal = self.removal.get();
        self.creation.borrow().is_some() && matches!(removal, Removal::Open | Removal::Ordered)
    }

    /// Whether the server has been told to remove the job: to go away before that would leave it.
    pub fn is_ordered(&self) -> bool {
        self.removal.get() != Removal::Open
    }

    /// What is to be told where nobody waits for the removal any more.
    pub fn unfinished(&self) -> LeftBehind {
        self.left("its removal was not waited for")
    }

    /// A fault on the way is no reason to give up before the limit, but that it is not allowed is, where that lasts: a
    /// server that has just started refuses everybody, and webhooks of others may be away.
    async fn remove_until_gone(&self) -> Result<(), LeftBehind> {
        let begin = Instant::now();
        let end = begin + REMOVAL_LIMIT;
        let mut gone_since = None;
        loop {
            let problem = match self.remove_once().await {
                Ok(remains) if remains.is_nothing() => {
                    let since = *gone_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= QUIET {
                        return Ok(());
                    }
                    String::new()
                }
                Ok(remains) => {
                    gone_since = None;
                    remains_words(remains)
                }
                Err(failure) if is_refusal(&failure) && begin.elapsed() >= REFUSED_FOR => {
                    return Err(self.left(&failure.to_string()));
                }
                Err(failure) => {
                    gone_since = None;
                    failure.to_string()
                }
            };
            if gone_since.is_none() && Instant::now() >= end {
                return Err(self.left(&problem));
            }
            sleep(PAUSE).await;
        }
    }

    async fn remove_once(&self) -> Result<Remains, Failure> {
        if !self.is_ordered() {
            let deleted = self.cluster.delete_train_job(&self.namespace, &self.name);
            deleted.await?;
            self.removal.set(Removal::Ordered);
            self.say(format!("{}: waiting until all of it is gone", self.name));
        }
        let remains = fetch_remains(&self.cluster, &self.namespace, &self.name);
        Box::pin(remains).await
    }

    fn left(&self, problem: &str) -> LeftBehind {
        let (namespace, name) = (&self.namespace, &self.name);
        LeftBehind {
            problem: format!("TrainJob {namespace}/{name} may be left behind: {problem}"),
            // The TrainJob itself may be gone already, and what it became a moment later.
            command: removal_command(namespace, &[name]) + " --ignore-not-found",
        }
    }
}

/// The command that removes these TrainJobs with all that they became.
pub(super) fn removal_command(namespace: &str, names: &[&str]) -> String {
    format!(
        "kubectl -n {namespace} delete trainjobs.trainer.kubeflow.org {}",
        names.join(" ")
    )
}

fn remains_words(remains: Remains) -> String {
    let parts = [
        (remains.train_job, "TrainJob"),
        (remains.job_sets, "JobSet"),
        (remains.jobs, "Job"),
        (remains.pods, "pod"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let words = parts.map(|(count, kind)| match count {
        1 => format!("1 {kind}"),
        _ => format!("{count} {kind}s"),
    });
    let words: Vec<_> = words.collect();
    let limit = REMOVAL_LIMIT.as_secs();
    format!("{} still there after {limit} s", words.join(", "))
}

fn is_there(failure: &Failure) -> bool {
    matches!(&failure.kind, FailureKind::Rejected { message, .. } if message.contains("already exists"))
}

/// Whether the server has answered, and will not do it.
fn is_refusal(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Forbidden(_)
            | FailureKind::Rejected { .. }
            | FailureKind::NotFound { .. }
            | FailureKind::Unauthorized { .. }
            | FailureKind::Kubeconfig(_)
    )
}

/// A name that no other trial has.
fn new_name() -> String {
    // Each `RandomState` has keys of its own, from the system's source of randomness.
    let mut rest = RandomState::new().hash_one(NAME_PREFIX);
    let letters = (0..8).map(|_| {
        let letter = u8::try_from(rest % LETTERS).unwrap_or_default();
        rest /= LETTERS;
        char::from(b'a' + letter)
    });
    let letters: String = letters.collect();
    format!("{NAME_PREFIX}{letters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_counted() {
        let remains = Remains {
            train_job: 1,
            job_sets: 0,
            jobs: 0,
            pods: 2,
        };
        assert_eq!(
            remains_words(remains),
            "1 TrainJob, 2 pods still there after 60 s"
        );
    }

    #[test]
    fn a_name_is_no_other_trials_and_leaves_room_for_those_of_pods() {
        let name = new_name();
        assert_ne!(name, new_name());
        let pod = format!("{name}-node-0-0-abcde");
        assert!(pod.len() < 63, "{pod}");
    }
}
