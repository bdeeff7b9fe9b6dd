//! The jobs whose pods write: their objects, the script of real pods, and the file that fake pods have "written".

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testbed::BUSYBOX_IMAGE;

use super::plan::{BURST_PAUSE, Pace, Plan, Writer};
use super::scenario::Ground;

/// The name of the job, and of its runtime on real nodes.
pub(super) const JOB: &str = "writer";
/// A container runtime writes at most so many bytes of a line in one record.
const RECORD_BYTES: usize = 16 * 1024;

/// The objects of a run, to be applied.
pub(super) fn objects(plan: &Plan, namespace: &str) -> Vec<Value> {
    match plan.scenario.ground() {
        Ground::Fake => vec![job(
            plan,
            namespace,
            ("ClusterTrainingRuntime", "fake-nodes"),
        )],
        Ground::Steady => on_node(plan, namespace, "n1"),
        Ground::Fragile => on_node(plan, namespace, "n2"),
    }
}

fn on_node(plan: &Plan, namespace: &str, node: &str) -> Vec<Value> {
    let mut job = job(plan, namespace, ("TrainingRuntime", JOB));
    job["spec"]["trainer"]["image"] = json!(BUSYBOX_IMAGE);
    job["spec"]["trainer"]["command"] = json!(["sh", "-c", script(&plan.writer)]);
    vec![runtime(namespace, node), job]
}

fn job(plan: &Plan, namespace: &str, (kind, runtime): (&str, &str)) -> Value {
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": JOB, "namespace": namespace},
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": kind, "name": runtime},
            "trainer": {"numNodes": plan.nodes},
        },
    })
}

/// A runtime whose pods run on one node and count their attempts in a folder that outlives the container.
fn runtime(namespace: &str, node: &str) -> Value {
    let pod = json!({
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {"kubernetes.io/hostname": node},
        // The node of which only these pods may know is closed for all others.
        "tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}],
        "volumes": [{"name": "count", "emptyDir": {}}],
        "containers": [{
            "name": "node", "image": BUSYBOX_IMAGE,
            "volumeMounts": [{"name": "count", "mountPath": "/count"}],
        }],
    });
    let job = json!({
        "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
        "spec": {"backoffLimit": 20, "template": {"spec": pod}},
    });
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainingRuntime",
        "metadata": {
            "name": JOB, "namespace": namespace,
            "labels": {"trainer.kubeflow.org/framework": "torch"},
        },
        "spec": {
            "mlPolicy": {"numNodes": 1},
            "template": {"spec": {"replicatedJobs": [{"name": "node", "template": job}]}},
        },
    })
}

/// Makes the writer of a real pod go on behind its first line, once all follow it.
pub(super) const GO: [&str; 2] = ["touch", "/count/go"];

/// What a real pod runs. Its tag is another in every attempt. Behind the first line of the first it waits until all
/// followers have it: what is rotated away before anybody reads is nobody's loss. Before later ones it pauses.
fn script(writer: &Writer) -> String {
    let mut script = String::from(
        "t=$(head -c 8 /proc/sys/kernel/random/uuid); echo x >> /count/attempts; a=$(wc -l < /count/attempts)\n",
    );
    let awk = writer.shape.awk();
    let lines = writer.lines;
    let _ = writeln!(
        script,
        "[ $a -eq 1 ] || sleep 2; awk -v t=$t -v from=1 -v to=1 '{awk}'; until [ -e {} ]; do sleep 0.1; done",
        GO[1]
    );
    // Writing to a String cannot fail.
    let _ = match writer.pace {
        Pace::FullSpeed => writeln!(script, "awk -v t=$t -v from=2 -v to={lines} '{awk}'"),
        Pace::Bursts(burst) => writeln!(
            script,
            "i=1; while [ $i -lt {lines} ]; do e=$((i+{burst})); [ $e -le {lines} ] || e={lines}; awk -v t=$t -v from=$((i+1)) -v to=$e '{awk}'; i=$e; sleep 0.1; done"
        ),
    };
    let _ = writeln!(script, "[ $a -ge {} ]", writer.attempts);
    script
}

/// Writes all lines of a fake pod, at the plan's pace, into the file that is "its" log.
pub(super) fn write_fake_log(path: &Path, tag: &str, writer: &Writer) -> io::Result<()> {
    let Pace::Bursts(burst) = writer.pace else {
        return Err(io::Error::other("fake pods write in bursts"));
    };
    let mut file = File::options().append(true).open(path)?;
    let mut next = Instant::now();
    let mut stamp = String::new();
    for first in (1..=writer.lines).step_by(usize::try_from(burst).unwrap_or(1)) {
        let mut records = String::new();
        for number in first..(first + burst).min(writer.lines + 1) {
            if stamp.is_empty() || number % writer.equal_stamps == 0 {
                stamp = now();
            }
            push_records(&mut records, &stamp, &writer.shape.text(tag, number));
        }
        file.write_all(records.as_bytes())?;
        next += BURST_PAUSE;
        // The pace is the plan's.
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

fn push_records(records: &mut String, stamp: &str, text: &str) {
    let mut rest = text;
    while rest.len() > RECORD_BYTES {
        let (part, more) = rest.split_at(RECORD_BYTES);
        let _ = writeln!(records, "{stamp} stdout P {part}");
        rest = more;
    }
    let _ = writeln!(records, "{stamp} stdout F {rest}");
}

/// The time as a container runtime writes it.
fn now() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60,
        since.subsec_nanos()
    )
}

/// Year, month and day of a day since 1970-01-01, counted in years that begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lossless::plan::plan;
    use crate::bench::lossless::scenario::Scenario;
    use crate::bench::lossless::stamp::Stamp;
    use crate::bench::lossless::truth::{CriReader, Truth};

    #[test]
    fn days_are_dates() {
        let dates = [0, 59, 11_016, 20_483, 20_513].map(date);
        let expected = [
            (1970, 1, 1),
            (1970, 3, 1),
            (2000, 2, 29),
            (2026, 1, 30),
            (2026, 3, 1),
        ];
        assert_eq!(dates, expected);
        assert!(Stamp::parse(&now()).is_some());
    }

    #[test]
    fn what_fake_pods_write_is_read_back_line_by_line() {
        let mut plan = plan(3, Some(Scenario::CutMidLine));
        plan.writer.lines = 40;
        plan.writer.pace = Pace::Bursts(25);
        plan.writer.shape.long_every = 7;
        plan.writer.shape.long = 40_000;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        File::create(&path).unwrap();
        write_fake_log(&path, "abcd1234", &plan.writer).unwrap();
        let mut truth = Truth::new();
        let of = ("pod", None);
        CriReader::default().read(&path, of, &mut truth).unwrap();
        let written = truth.values().next().unwrap();
        assert_eq!(written.stamps.len(), 40);
        assert!(written.stamps.iter().all(Option::is_some));
    }

    #[test]
    fn the_runtime_of_a_real_pod_takes_the_jobs_script_and_no_other_node() {
        let plan = plan(3, Some(Scenario::NodeKilled));
        let objects = objects(&plan, "space");
        let pod = objects[0]
            .pointer("/spec/template/spec/replicatedJobs/0/template/spec/template/spec")
            .unwrap();
        assert_eq!(pod["nodeSelector"]["kubernetes.io/hostname"], "n2");
        let script = objects[1]["spec"]["trainer"]["command"][2]
            .as_str()
            .unwrap();
        assert!(
            script.contains("awk") && script.contains("/count/attempts"),
            "{script}"
        );
    }
}
