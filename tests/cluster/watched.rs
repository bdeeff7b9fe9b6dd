//! A watch of a job through the library, on a thread of its own: what a roster makes of it, line by line.

use std::{
    path::PathBuf,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use kubectl_trainer::{
    cluster::{Change, Cluster, ConnectionOptions, Failure, watch_job},
    logs::{
        attempts::Before,
        roster::{Roster, RosterChange},
    },
    train_job::Selection,
};
use serde_json::{Value, json};
use testbed::{Namespace, Testbed, User};

use crate::support::{self, kubectl};

/// How long a change may take until it is seen.
const VISIBLE_LIMIT: Duration = Duration::from_mins(1);
pub(crate) const BUSYBOX: &str = "docker.io/library/busybox:1.35";

/// What a roster says of a job, as lines, from a thread of its own.
pub(crate) struct Watched {
    lines: Receiver<String>,
    pub(crate) seen: Vec<String>,
}

impl Watched {
    pub(crate) fn new(
        kubeconfig: PathBuf,
        namespace: &str,
        job: &str,
        selection: Selection,
    ) -> Self {
        let (sender, lines) = mpsc::channel();
        let (namespace, job) = (namespace.to_owned(), job.to_owned());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let options = ConnectionOptions {
                    kubeconfig: Some(kubeconfig),
                    ..ConnectionOptions::default()
                };
                let cluster = Cluster::connect(&options).await.unwrap();
                let mut roster = Roster::new(selection, Before::Left);
                let mut changes = watch_job(&cluster, &namespace, &job);
                while let Some(change) = changes.next().await {
                    for line in lines_of(&mut roster, change) {
                        if sender.send(line).is_err() {
                            return;
                        }
                    }
                }
            });
        });
        Self {
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line that begins so. Lines before it are kept for [`Self::saw`].
    #[track_caller]
    pub(crate) fn expect(&mut self, beginning: &str) -> String {
        let end = Instant::now() + VISIBLE_LIMIT;
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(rest) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.starts_with(beginning) {
                        return line;
                    }
                }
                Err(problem) => panic!("no {beginning:?} ({problem}) in {:#?}", self.seen),
            }
        }
    }

    pub(crate) fn saw(&self, beginning: &str) -> usize {
        let lines = self.seen.iter();
        lines.filter(|line| line.starts_with(beginning)).count()
    }
}

fn lines_of(roster: &mut Roster, change: Result<Change, Failure>) -> Vec<String> {
    let changes = match change {
        Ok(Change::Observed(observation)) => roster.observe(&observation),
        Ok(Change::Deleted { uid }) => roster.delete(&uid),
        Ok(Change::Stale(failure)) => return vec![format!("stale {failure}")],
        Err(failure) => return vec![format!("failure {failure}")],
    };
    let words = |change: &RosterChange| match change {
        RosterChange::Start {
            target,
            attempt,
            standing,
            ..
        } => format!(
            "start {} {attempt} {standing:?} {}",
            target.label, target.pod
        ),
        RosterChange::Standing { instance, standing } => {
            format!("now {standing:?} {}", instance.container)
        }
        RosterChange::Skipped { target, attempts } => {
            format!("skipped {} {attempts}", target.label)
        }
        RosterChange::Notice(text) | RosterChange::Wait(Some(text)) => format!("notice {text}"),
        RosterChange::Wait(None) => "wait over".to_owned(),
        RosterChange::Over(end) => format!("over {end:?}"),
    };
    changes.iter().map(words).collect()
}

/// A torch job whose nodes run this script.
pub(crate) fn torch(name: &str, nodes: u32, script: &str) -> Value {
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {"name": name},
        "spec": {
            "runtimeRef": {"name": "torch-distributed"},
            "trainer": {
                "numNodes": nodes, "image": BUSYBOX,
                "command": ["sh", "-c"], "args": [script]
            }
        }
    })
}

pub(crate) fn apply(bed: &Testbed, namespace: &Namespace, mut object: Value) {
    object["metadata"]["namespace"] = json!(namespace.name());
    support::apply(bed, &object);
}

pub(crate) fn watch(bed: &Testbed, namespace: &Namespace, job: &str) -> Watched {
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    Watched::new(kubeconfig, namespace.name(), job, Selection::default())
}

pub(crate) fn in_namespace(bed: &Testbed, namespace: &Namespace, arguments: &[&str]) {
    let place = ["--namespace", namespace.name()];
    kubectl(bed, &[&place, arguments].concat());
}
