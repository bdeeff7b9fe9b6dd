//! What `verify --deep` and `bootstrap --test-run` have in common: a real training, which is removed however the command
//! ends.

use std::{rc::Rc, time::Duration};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{check_notes::CheckNotes, signals::wait_for_signal};
use crate::{
    check::trainer::{LeftBehind, Trial, TrialWish},
    cli::{parse_duration, parse_name},
    cluster::Cluster,
    error::CommandError,
};

/// Beside the time of the training, for what comes before and for the removal.
const MARGIN: Duration = Duration::from_mins(5);

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
        value_parser = parse_duration
    )]
    limit: Duration,
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
    /// nobody waits for that either.
    pub(super) async fn carry_through<T>(
        mut self,
        notes: &CheckNotes<'_>,
        work: impl Future<Output = T>,
    ) -> Result<T, CommandError> {
        let kind = tokio::select! {
            done = work => return Ok(done),
            kind = wait_for_signal() => kind,
            never = narrate(&mut self.steps, notes) => match never {},
        };
        if self.trial.is_begun() {
            let removed = tokio::select! {
                removed = self.trial.remove() => removed,
                _ = wait_for_signal() => Err(self.trial.unfinished()),
                never = narrate(&mut self.steps, notes) => match never {},
            };
            match removed {
                Ok(()) => notes.say("removed"),
                Err(LeftBehind { problem, command }) => {
                    notes.warn(&problem, &format!("remove it: {command}"));
                }
            }
        }
        Err(CommandError::silent(kind))
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
