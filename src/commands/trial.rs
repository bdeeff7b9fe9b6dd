//! What `verify --deep` and `bootstrap --test-run` have in common: a real training, which is removed however the command
//! ends.

use std::{rc::Rc, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::Instant,
};

use super::{check_notes::CheckNotes, signals::wait_for_signal};
use crate::{
    check::trainer::{LeftBehind, Trial, TrialWish},
    cli::{parse_duration, parse_name},
    cluster::{Cluster, Target},
    error::CommandError,
};

/// Beside the time of the training, for what comes before and for the removal.
const MARGIN: Duration = Duration::from_mins(10);
/// A server that has not taken the order to remove by then may not take it at all.
const ORDER_LIMIT: Duration = Duration::from_secs(5);

#[derive(clap::Args, Debug)]
pub(super) struct TrialArgs {
    /// The runtime of that training; without it torch-distributed, or another of nodes alone
    #[arg(
        long = "deep-runtime",
        value_name = "NAME",
        requires = "trial",
        value_parser = parse_name
    )]
    runtime: Option<String>,
    /// Its image, in which a shell is enough; without it the runtime's own
    #[arg(long = "deep-image", value_name = "IMAGE", requires = "trial")]
    image: Option<String>,
    /// How long it may take; where images are large, the first time takes longer
    #[arg(
        long = "deep-timeout",
        value_name = "DURATION",
        default_value = "5m",
        requires = "trial",
        value_parser = parse_limit
    )]
    limit: Duration,
}

/// A time in which a training can be over, and which is over some day.
fn parse_limit(text: &str) -> Result<Duration, String> {
    let limit = parse_duration(text)?;
    if limit < Duration::from_secs(1) || limit > Duration::from_hours(24) {
        return Err("expected from 1s to 24h".to_owned());
    }
    Ok(limit)
}

impl TrialArgs {
    /// For one check of a trial, until nobody waits for it any more.
    pub(super) fn limit(&self) -> Duration {
        self.limit + MARGIN
    }

    fn wish(&self) -> TrialWish {
        TrialWish {
            runtime: self.runtime.clone(),
            image: self.image.clone(),
            limit: self.limit,
        }
    }
}

/// A trial that is going to be made, and what it tells of itself.
pub(super) struct Trying {
    pub(super) trial: Rc<Trial>,
    steps: UnboundedReceiver<String>,
}

impl Trying {
    /// As this connection's caller, in its namespace. Nothing is made yet.
    pub(super) fn new(cluster: Cluster, args: &TrialArgs) -> Self {
        let (sender, steps) = unbounded_channel();
        let namespace = cluster.namespace().to_owned();
        Self {
            trial: Rc::new(Trial::new(cluster, namespace, args.wish(), sender)),
            steps,
        }
    }

    /// Does the work. At the first signal it is dropped where it stands, and what it made is removed; at the second
    /// nobody waits until it is gone. `caller` is who runs the command, for whom the command that removes it is.
    pub(super) async fn carry_through<T>(
        mut self,
        caller: &Target,
        notes: &CheckNotes<'_>,
        work: impl Future<Output = T>,
    ) -> Result<T, CommandError> {
        let ended = tokio::select! {
            done = work => Ok(done),
            kind = wait_for_signal() => Err(kind),
            never = narrate(&mut self.steps, notes) => match never {},
        };
        let left = match self.clean_up(notes).await {
            Ok(()) => None,
            Err(LeftBehind { problem, command }) => {
                let command = command.replacen("kubectl", &caller.kubectl_as_oneself(), 1);
                Some((problem, format!("remove it: {command}")))
            }
        };
        match (ended, left) {
            (Ok(done), None) => Ok(done),
            (Ok(done), Some((problem, hint))) => {
                notes.warn(&problem, &hint);
                Ok(done)
            }
            (Err(kind), None) => Err(CommandError::silent(kind)),
            (Err(kind), Some((problem, hint))) => {
                Err(CommandError::new(kind, problem).with_hint(hint))
            }
        }
    }

    /// Removes what a check that was dropped has left: at a signal, or when its time was over.
    async fn clean_up(&mut self, notes: &CheckNotes<'_>) -> Result<(), LeftBehind> {
        if !self.trial.is_open() {
            return Ok(());
        }
        tokio::select! {
            removed = self.trial.remove() => removed?,
            () = wait_for_leave(&self.trial) => return Err(self.trial.unfinished()),
            never = narrate(&mut self.steps, notes) => match never {},
        }
        notes.say("removed");
        Ok(())
    }
}

/// A signal after the server was told to remove the job. A terminal that closes sends two at once: the second must not
/// keep the order from being given, unless the server does not answer.
async fn wait_for_leave(trial: &Trial) {
    let begin = Instant::now();
    loop {
        wait_for_signal().await;
        if trial.is_ordered() || begin.elapsed() >= ORDER_LIMIT {
            return;
        }
    }
}

/// Says what the trial tells, for as long as somebody waits beside it.
async fn narrate(
    steps: &mut UnboundedReceiver<String>,
    notes: &CheckNotes<'_>,
) -> std::convert::Infallible {
    while let Some(step) = steps.recv().await {
        notes.say(&step);
    }
    std::future::pending().await
}
