//! The cluster on which logs are read: fake nodes with the fast log server, a job of three pods and a large one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use testbed::{FakeLogs, Options, Testbed};

use super::printed::Written;
use crate::process::{StepError, say};

/// The job's name, in a namespace of its own.
pub(super) const JOB: &str = "job";
/// What all pods of the job bear.
pub(super) const SELECTOR: &str = "jobset.sigs.k8s.io/jobset-name=job";
/// Pods of the small job.
pub(super) const FEW: u16 = 3;
/// Bytes of a line as it is served with its stamp, without its newline.
pub(super) const LINE_LENGTH: usize = 116;
/// Lines that a writer adds in a second.
pub(super) const LINES_A_SECOND: u32 = 10;

const FAKE_NODES: u16 = 10;
/// A thousand pods take about a minute.
const START_LIMIT: Duration = Duration::from_mins(10);
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// As kubelets write stamps.
const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.9fZ";

const MANIFEST: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE}
---
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata: {name: JOB, namespace: NAMESPACE}
spec:
  runtimeRef: {name: fake-nodes}
  trainer: {numNodes: NODES}
"#;

/// A bed with both jobs running.
pub(super) struct Ground {
    pub(super) bed: Testbed,
    pub(super) few: Job,
    pub(super) many: Job,
}

/// A running job on fake nodes.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) namespace: &'static str,
    pub(super) pods: Vec<String>,
}

impl Ground {
    /// Starts the bed and both jobs, and waits until all pods run.
    pub(super) fn prepare(pods: u16) -> Result<Ground, StepError> {
        let options = Options {
            fake_nodes: FAKE_NODES,
            fake_logs: FakeLogs::Fast,
            ..Options::with_trainer()
        };
        let bed = Testbed::start(&options, &mut io::stderr())?;
        let few = Job::start(&bed, "few", FEW)?;
        let many = Job::start(&bed, "many", pods)?;
        Ok(Ground { bed, few, many })
    }

    /// Gives all containers a log with this many lines, a millisecond apart, the last about now.
    pub(super) fn write_log(&self, lines: usize) -> Result<Written, StepError> {
        let count = u32::try_from(lines).unwrap_or(u32::MAX);
        let begin = Timestamp::now() - SignedDuration::from_millis(i64::from(count));
        let (mut text, mut written) = (String::new(), Written::default());
        for number in 0..count {
            let stamp = begin + SignedDuration::from_millis(i64::from(number));
            let served = served(stamp, number);
            text.push_str(&recorded(&served));
            written.add(served.as_bytes());
        }
        // Another file in its place, so that no reader takes it for a longer one.
        let (path, fresh) = (
            self.bed.fake_log(),
            self.bed.fake_log().with_extension("new"),
        );
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(|error| StepError::io(path.display(), error))?;
        Ok(written)
    }

    /// Adds lines to the log of all containers, [`LINES_A_SECOND`], until it is told to stop.
    pub(super) fn write_on(&self, written: Written) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let (path, told) = (self.bed.fake_log(), Arc::clone(&stop));
        let thread = thread::spawn(move || append(&path, &told, written));
        Writer { stop, thread }
    }
}

impl Job {
    fn start(bed: &Testbed, namespace: &'static str, nodes: u16) -> Result<Job, StepError> {
        let manifest = MANIFEST
            .replace("NAMESPACE", namespace)
            .replace("JOB", JOB)
            .replace("NODES", &nodes.to_string());
        bed.apply(&manifest)?;
        let start = Instant::now();
        loop {
            let pods = running_pods(bed, namespace)?;
            if pods.len() == usize::from(nodes) {
                return Ok(Job { namespace, pods });
            }
            if start.elapsed() > START_LIMIT {
                let text = format!("{} of {nodes} pods of {namespace}/{JOB} run", pods.len());
                return Err(StepError::Steps(text));
            }
            say(format_args!("{} of {nodes} pods run", pods.len()));
            thread::sleep(LOOK_PERIOD);
        }
    }
}

fn running_pods(bed: &Testbed, namespace: &str) -> Result<Vec<String>, StepError> {
    let output = bed.kubectl(&[
        "get",
        "pods",
        "--namespace",
        namespace,
        "--selector",
        SELECTOR,
        "--field-selector=status.phase=Running",
        "--output=jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}",
    ])?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

/// A line as training prints them, as it is served with its stamp.
pub(super) fn served(stamp: Timestamp, number: u32) -> String {
    let stamp = stamp.strftime(STAMP);
    let text = "epoch=1 loss=0.123456 lr=1e-4 throughput=1234.5 samples/s, all are well";
    format!("{stamp} step={number:08} {text}")
}

/// The same in the format of container runtimes.
fn recorded(served: &str) -> String {
    let (stamp, text) = served.split_once(' ').unwrap_or_default();
    format!("{stamp} stdout F {text}\n")
}

/// Adds lines to a log on a thread of its own.
pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Written>>,
}

impl Writer {
    /// Ends the writing, and returns all that was written, also before.
    pub(super) fn stop(self) -> Result<Written, StepError> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(written) => written.map_err(|error| StepError::io("the log of the pods", error)),
            Err(_) => Err(StepError::Steps("the writer broke down".to_owned())),
        }
    }
}

fn append(path: &PathBuf, stop: &AtomicBool, mut written: Written) -> io::Result<Written> {
    let mut file = File::options().append(true).open(path)?;
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let served = served(Timestamp::now(), number);
        file.write_all(recorded(&served).as_bytes())?;
        written.add(served.as_bytes());
        number += 1;
        thread::sleep(Duration::from_secs(1) / LINES_A_SECOND);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::{LINE_LENGTH, recorded, served};

    #[test]
    fn a_line_is_recorded_as_a_runtime_does_and_served_with_its_stamp() {
        let served = served(jiff::Timestamp::UNIX_EPOCH, 7);
        assert_eq!(served.len(), LINE_LENGTH);
        let recorded = recorded(&served);
        assert!(recorded.starts_with("1970-01-01T00:00:00.000000000Z stdout F step=00000007 "));
        assert_eq!(recorded.len(), LINE_LENGTH + " stdout F".len() + 1);
    }
}
