//! A reading of a job's logs through the library, on a thread of its own, and what has come of it so far.

use std::{
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use kubectl_trainer::{
    cluster::{Cluster, ConnectionOptions},
    logs::{
        Footing, LogRequest, Observed, UserStart,
        attempts::Before,
        instance::{Follow, Outcome},
        read,
        record::{Entry, GapReason, LineEnd},
        shared_spool::{More, SharedSpool},
        stamp::Stamp,
    },
    train_job::{JobEnd, Selection},
};
use serde_json::{Value, json};
use testbed::{FRAGILE_TAINT, Namespace, Testbed, User};

use crate::support::{apply, kubectl};

const BUSYBOX: &str = "docker.io/library/busybox:1.35";
/// The runtime and the job of every reading.
const RUNTIME: &str = "restarting";
const JOB: &str = "job";
/// In a script: waits for [`let_go`].
pub(crate) const WAITS: &str = "while [ ! -e /state/go ]; do sleep 0.1; done";
/// How long anything that is waited for may take.
const LIMIT: Duration = Duration::from_mins(2);

/// A marker: how many bytes of text came before it, its cause, and whether it names what came after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GapSeen {
    pub(crate) at: usize,
    pub(crate) reason: GapReason,
    pub(crate) after: Option<Stamp>,
    pub(crate) before: Option<Stamp>,
}

/// What came of one source.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceSeen {
    pub(crate) step: String,
    pub(crate) pod: String,
    pub(crate) attempt: u32,
    /// Everything that came of it, joined again as the container wrote it.
    pub(crate) text: Vec<u8>,
    /// The newest of a line that has no end yet.
    pub(crate) unfinished: String,
    pub(crate) gaps: Vec<GapSeen>,
    pub(crate) messages: Vec<String>,
    pub(crate) skipped: u32,
    pub(crate) reopened: u32,
    pub(crate) end: Option<(Outcome, u32)>,
}

impl SourceSeen {
    pub(crate) fn lines(&self) -> Vec<&str> {
        std::str::from_utf8(&self.text).unwrap().lines().collect()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sources: Vec<SourceSeen>,
    pub(crate) notices: Vec<String>,
    pub(crate) end: Option<Result<JobEnd, String>>,
    /// Whether nothing more will come: reading can be over before anything of it is here.
    is_taken: bool,
}

/// A reading under way.
pub(crate) struct Reading {
    shared: Arc<(Mutex<Seen>, Condvar)>,
    /// Held by whoever shows, so that a test can stop it.
    showing: Arc<Mutex<()>>,
    _stop: mpsc::Sender<()>,
}

/// How a reading begins.
pub(crate) fn request(namespace: &Namespace, follow: Follow) -> LogRequest {
    LogRequest {
        namespace: namespace.name().into(),
        job: JOB.to_owned(),
        selection: Selection::default(),
        follow,
        start: UserStart::All,
        before: Before::Left,
    }
}

impl Reading {
    pub(crate) fn follow(bed: &Testbed, namespace: &Namespace) -> Self {
        Self::start(bed, request(namespace, Follow::Yes), 256 << 20)
    }

    pub(crate) fn start(bed: &Testbed, request: LogRequest, limit: u64) -> Self {
        let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
        let spool = Arc::new(SharedSpool::new(limit));
        let shared: Arc<(Mutex<Seen>, Condvar)> = Arc::default();
        let showing = Arc::new(Mutex::new(()));
        let (stop, stopped) = mpsc::channel();
        let (reading, seen) = (Arc::clone(&spool), Arc::clone(&shared));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let end = runtime.block_on(async {
                let options = ConnectionOptions {
                    kubeconfig: Some(kubeconfig),
                    ..ConnectionOptions::default()
                };
                let cluster = Cluster::connect(&options).await.unwrap();
                let footing = Footing::new(&cluster);
                read(&cluster, &request, footing, &reading, &Observed::default()).await
            });
            reading.close();
            seen.0.lock().unwrap().end =
                Some(end.map(|end| end.job).map_err(|error| error.to_string()));
            seen.1.notify_all();
        });
        let (taken, seen, turn) = (
            Arc::clone(&spool),
            Arc::clone(&shared),
            Arc::clone(&showing),
        );
        thread::spawn(move || {
            let is_wanted = || stopped.try_recv() != Err(mpsc::TryRecvError::Disconnected);
            while is_wanted() {
                let more = taken.take(Duration::from_millis(100), |entry| {
                    drop(turn.lock());
                    seen.0.lock().unwrap().take(entry);
                });
                let is_over = more.unwrap() == More::Over;
                seen.0.lock().unwrap().is_taken = is_over;
                seen.1.notify_all();
                if is_over {
                    break;
                }
            }
        });
        Self {
            shared,
            showing,
            _stop: stop,
        }
    }

    /// Nobody shows anything while the test does this.
    pub(crate) fn while_stopped(&self, deed: impl FnOnce()) {
        let turn = self.showing.lock().unwrap();
        deed();
        drop(turn);
    }

    /// Waits until what was seen is so.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Seen) -> bool) {
        let end = Instant::now() + LIMIT;
        let mut seen = self.shared.0.lock().unwrap();
        while !is_so(&seen) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not {what}: {}", seen.words());
            seen = self.shared.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Something of what was seen until now.
    pub(crate) fn now<T>(&self, of: impl FnOnce(&Seen) -> T) -> T {
        of(&self.shared.0.lock().unwrap())
    }

    /// Waits until the reading is over and all is shown.
    #[track_caller]
    pub(crate) fn finish(self) -> Seen {
        self.wait("over", |seen| seen.end.is_some() && seen.is_taken);
        std::mem::take(&mut self.shared.0.lock().unwrap())
    }
}

impl Seen {
    fn take(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Opened { described, .. } => self.sources.push(SourceSeen {
                step: described.step,
                pod: described.pod,
                attempt: described.attempt,
                ..SourceSeen::default()
            }),
            Entry::Piece {
                source,
                part,
                end,
                text,
                ..
            } => {
                let seen = &mut self.sources[source.0 as usize].text;
                seen.extend_from_slice(text);
                if part.ends_line() && end == LineEnd::Newline {
                    seen.push(b'\n');
                }
            }
            Entry::Unfinished { source, text, .. } => {
                let text = String::from_utf8_lossy(text).into_owned();
                self.sources[source.0 as usize].unfinished = text;
            }
            Entry::Gap {
                source,
                after,
                before,
                reason,
            } => {
                let seen = &mut self.sources[source.0 as usize];
                seen.gaps.push(GapSeen {
                    at: seen.text.len(),
                    reason,
                    after,
                    before,
                });
            }
            Entry::Message { source, text } => {
                let text = String::from_utf8_lossy(text).into_owned();
                self.sources[source.0 as usize].messages.push(text);
            }
            Entry::Skipped { source, attempts } => {
                self.sources[source.0 as usize].skipped += attempts;
            }
            Entry::Reopened { source, .. } => self.sources[source.0 as usize].reopened += 1,
            Entry::Ended { source, end } => {
                self.sources[source.0 as usize].end = Some((end.outcome, end.reconnects));
            }
            Entry::Readable { .. } => {}
            Entry::Notice { text } => self.notices.push(text.to_owned()),
            Entry::Wait { text } => self.notices.extend(text.map(str::to_owned)),
        }
    }

    /// The only source.
    #[track_caller]
    pub(crate) fn only(&self) -> &SourceSeen {
        let [only] = self.sources.as_slice() else {
            panic!("{}", self.words())
        };
        only
    }

    /// Short enough for a failure.
    pub(crate) fn words(&self) -> String {
        let source = |source: &SourceSeen| {
            let SourceSeen {
                step,
                attempt,
                text,
                gaps,
                messages,
                end,
                ..
            } = source;
            let tail =
                String::from_utf8_lossy(&text[text.len().saturating_sub(120)..]).into_owned();
            format!(
                "{step}/{attempt}: {} bytes, gaps {gaps:?}, messages {messages:?}, end {end:?}, tail {tail:?}",
                text.len()
            )
        };
        let sources: Vec<_> = self.sources.iter().map(source).collect();
        format!("{:?} {:?}\n{}", self.end, self.notices, sources.join("\n"))
    }
}

/// Makes the runtime of [`run_restarting_job`] in a namespace: containers restart in their pod, which goes on `node` where one is
/// named, and leaves at once when it is told.
pub(crate) fn make_runtime(bed: &Testbed, namespace: &Namespace, node: Option<&str>) {
    let mut pod = json!({
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "state", "emptyDir": {}}],
        "containers": [{
            "name": "node", "image": BUSYBOX,
            "volumeMounts": [{"name": "state", "mountPath": "/state"}],
        }],
    });
    if let Some(node) = node {
        pod["nodeSelector"] = json!({"kubernetes.io/hostname": node});
        pod["tolerations"] = json!([{"key": FRAGILE_TAINT, "operator": "Exists"}]);
    }
    let job = json!({"backoffLimit": 6, "template": {"spec": pod}});
    let step = json!({"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}});
    let runtime = json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainingRuntime",
        "metadata": {
            "name": RUNTIME, "namespace": namespace.name(),
            "labels": {"trainer.kubeflow.org/framework": "torch"},
        },
        "spec": {
            "mlPolicy": {"numNodes": 1},
            "template": {"spec": {"replicatedJobs": [
                {"name": "node", "template": {"metadata": step, "spec": job}},
            ]}},
        },
    });
    bed.apply(&runtime.to_string()).unwrap();
}

/// Starts the job of a reading: so many nodes that run this script, in the runtime of [`make_runtime`].
pub(crate) fn run_restarting_job(bed: &Testbed, namespace: &Namespace, nodes: u32, script: &str) {
    let runtime = json!({"name": RUNTIME, "kind": "TrainingRuntime"});
    apply_job(bed, namespace, JOB, &runtime, (nodes, script));
}

/// Starts a torch job of so many nodes that run this script.
pub(crate) fn run_job(bed: &Testbed, namespace: &Namespace, name: &str, nodes: u32, script: &str) {
    let runtime = json!({"name": "torch-distributed"});
    apply_job(bed, namespace, name, &runtime, (nodes, script));
}

fn apply_job(
    bed: &Testbed,
    namespace: &Namespace,
    name: &str,
    runtime: &Value,
    (nodes, script): (u32, &str),
) {
    let job = json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {"name": name, "namespace": namespace.name()},
        "spec": {
            "runtimeRef": runtime,
            "trainer": {
                "numNodes": nodes, "image": BUSYBOX,
                "command": ["sh", "-c"], "args": [script],
            },
        },
    });
    apply(bed, &job);
}

/// Lets a container go on that waits at [`WAITS`].
#[track_caller]
pub(crate) fn let_go(bed: &Testbed, namespace: &Namespace, pod: &str) {
    let place = ["--namespace", namespace.name(), "exec", pod, "--"];
    kubectl(bed, &[&place[..], &["touch", "/state/go"]].concat());
}
