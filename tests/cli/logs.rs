//! `logs` without a cluster: its help, what it refuses and what it offers in place of it, and runs that were saved.

use std::{fs, path::Path};

use serde_json::Value;
use snapbox::{cmd::OutputAssert as Assert, file, str};
use tempfile::TempDir;

use crate::{plugin::plugin, schemas::assert_follows};

#[test]
fn the_help_names_every_flag_by_what_it_does() {
    plugin()
        .args(["logs", "--help"])
        .assert()
        .code(0)
        .stdout_eq(file!["snapshots/logs_help.stdout"])
        .stderr_eq(str![]);
}

#[test]
fn a_value_that_cannot_be_meant_is_refused_with_what_is_expected() {
    for (arguments, expected) in [
        (
            ["--since", "5"],
            "error: invalid value '5' for '--since <DURATION>': expected a unit, such as 5s, 5m or 5h",
        ),
        (
            ["--since", "soon"],
            "error: invalid value 'soon' for '--since <DURATION>': expected a duration such as 30s, 5m or 1h30m",
        ),
        (
            ["--since-time", "yesterday"],
            "error: invalid value 'yesterday' for '--since-time <TIME>': expected a moment with its zone, such as 2026-11-21T11:55:00Z",
        ),
        (
            ["--tail", "ten"],
            "error: invalid value 'ten' for '--tail <LINES>': expected a number of lines, such as 100, or -1 for all",
        ),
        (
            ["--buffer", "x"],
            "error: invalid value 'x' for '--buffer <SIZE>': expected a size, such as 512MiB or 2GiB",
        ),
        (
            ["--node", "worker-7"],
            "error: invalid value 'worker-7' for '--node <NUMBER>': expected the number of a node of the job: 0 for node-0; for other steps there is --step",
        ),
        (
            ["--include", "loss("],
            r"error: invalid value 'loss(' for '--include <REGEX>': unclosed group; to match it as it stands, put \ before each of . + * ? ( ) | [ ] { } ^ $ \",
        ),
        (
            ["pod/x", "-q"],
            "error: invalid value 'pod/x' for '[JOB]': only TrainJobs have steps; for others: kubectl logs pod/x",
        ),
    ] {
        let output = plugin()
            .arg("logs")
            .args(arguments)
            .assert()
            .code(2)
            .stdout_eq(str![])
            .get_output()
            .clone();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().next(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn progress_is_for_a_job_that_is_followed() {
    for (wish, code) in [("tty", 2), ("plain", 2), ("json", 2)] {
        plugin()
            .args(["logs", "job", "--progress", wish])
            .assert()
            .code(code)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: --progress is for a job that is followed
hint: add --follow

"#]]);
    }
}

#[test]
fn flags_of_other_tools_are_answered_with_what_does_the_same_here() {
    for (words, expected) in [
        (
            ["logs", "job", "--template", "{{.Message}}"],
            "error: --template is not taken here\nhint: -o json has all there is of a line; a program such as jq makes any form of it\n",
        ),
        (
            ["tail", "job", "-l", "app=x"],
            "error: -l is not taken here\nhint: a job's pods are chosen by --step, --node and --container\n",
        ),
    ] {
        plugin()
            .args(words)
            .assert()
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(expected);
    }
}

#[test]
fn flags_that_hold_here_anyway_are_taken() {
    let run = SavedRun::new();
    run.logs(&[
        "--max-log-requests=50",
        "--ignore-errors",
        "--prefix",
        "--all-pods",
        "--no-follow",
        "--only-log-lines",
    ])
        .code(0)
        .stdout_eq(str![[r#"
node-0 | warmup
node-0 | loss=0.750
node-0 | loss=0.250
node-1 | warmed
node-1 | eval

"#]])
        .stderr_eq(str![[r#"
--- lines may be missing from node-0 between 2026-11-21T11:55:01.000000000Z and 2026-11-21T11:55:03.000000000Z (log rotated) ---

"#]]);
}

#[test]
fn wishes_that_exclude_each_other_are_refused() {
    for (arguments, expected) in [
        (
            ["--from", "x", "--follow", "-q"],
            "error: the argument '--from <FOLDER>' cannot be used with '--follow'\n",
        ),
        (
            ["--from", "x", "--save=y", "job"],
            "error: the argument '--from <FOLDER>' cannot be used with: --save <FOLDER> [JOB]\n",
        ),
        (
            ["--since=5m", "--since-time", "2026-11-21T11:55:00Z", "job"],
            "error: the argument '--since <DURATION>' cannot be used with '--since-time <TIME>'\n",
        ),
        (
            ["--follow", "--no-follow", "job", "-q"],
            "error: the argument '--follow' cannot be used with '--no-follow'\n",
        ),
    ] {
        let hint = "hint: leave one of them out; what each is for: kubectl trainer logs --help";
        plugin()
            .arg("logs")
            .args(arguments)
            .assert()
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(format!("{expected}{hint}\n"));
    }
}

#[test]
fn of_the_last_lines_those_since_a_moment_can_be_had() {
    let run = SavedRun::new();
    run.logs(&["-q", "--tail=2", "--since-time", "2026-11-21T11:55:02.5Z"])
        .code(0)
        .stdout_eq(str![[r#"
node-0 | loss=0.250
node-1 | eval

"#]])
        .stderr_eq(str![[r#"
--- lines may be missing from node-0 between 2026-11-21T11:55:01.000000000Z and 2026-11-21T11:55:03.000000000Z (log rotated) ---

"#]]);
}

#[test]
fn a_saved_run_is_shown_without_a_cluster() {
    let run = SavedRun::new();
    run.logs(&[])
        .code(0)
        .stdout_eq(str![[r#"
node-0 | warmup
node-0 | loss=0.750
node-0 | loss=0.250
node-1 | warmed
node-1 | eval

"#]])
        .stderr_eq(str![[r#"
--- lines may be missing from node-0 between 2026-11-21T11:55:01.000000000Z and 2026-11-21T11:55:03.000000000Z (log rotated) ---
2 nodes · 5 lines · 1 reconnect · 1 gap · Failed

"#]]);
}

#[test]
fn a_saved_run_is_merged_and_filtered_as_a_running_one() {
    let run = SavedRun::new();
    run.logs(&["--merge", "-t", "-e", "warm", "-i", "loss|eval"])
        .code(0)
        .stdout_eq(str![[r#"
node-0 | 2026-11-21T11:55:01.000000000Z loss=0.750
node-1 | 2026-11-21T11:55:02.500000000Z eval
node-0 | 2026-11-21T11:55:03.000000000Z loss=0.250

"#]])
        .stderr_eq(str![[r#"
--- lines may be missing from node-0 between 2026-11-21T11:55:01.000000000Z and 2026-11-21T11:55:03.000000000Z (log rotated) ---
2 nodes · 5 lines, 3 shown · 1 reconnect · 1 gap · Failed

"#]]);
    run.logs(&["-o", "raw", "-q", "--node", "1", "--tail", "1"])
        .code(0)
        .stdout_eq(str![[r#"
eval

"#]])
        .stderr_eq(str![]);
    run.logs(&["-q", "--since-time", "2026-11-21T11:55:02Z"])
        .code(0)
        .stdout_eq(str![[r#"
node-0 | loss=0.250
node-1 | warmed
node-1 | eval

"#]])
        .stderr_eq(str![[r#"
--- lines may be missing from node-0 between 2026-11-21T11:55:01.000000000Z and 2026-11-21T11:55:03.000000000Z (log rotated) ---

"#]]);
}

#[test]
fn gaps_are_failures_for_who_says_so() {
    let run = SavedRun::new();
    run.logs(&["--strict", "--only-log-lines", "--tail=0"])
        .code(1)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
--- lines may be missing from node-0 between 2026-11-21T11:55:01.000000000Z and 2026-11-21T11:55:03.000000000Z (log rotated) ---
error: lines may be missing in 1 place

"#]]);
}

#[test]
fn as_json_every_line_is_an_object_of_the_published_schema() {
    let run = SavedRun::new();
    let output = run
        .logs(&["-o", "json"])
        .code(0)
        .stderr_eq(str![])
        .get_output()
        .clone();
    let text = String::from_utf8(output.stdout).unwrap();
    let objects: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for object in &objects {
        assert_follows("logs", object);
    }
    let types: Vec<_> = objects
        .iter()
        .map(|object| object["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "started", "line", "line", "gap", "line", "ended", "started", "line", "line", "summary"
        ]
    );
    let summary = objects.last().unwrap();
    assert_eq!(
        (&summary["lines"], &summary["shown"], &summary["gaps"]),
        (&5.into(), &5.into(), &1.into())
    );
    assert_eq!(summary["outcome"], "Failed");
}

#[test]
fn as_json_there_are_only_lines_for_who_wants_nothing_beside_them() {
    let run = SavedRun::new();
    let output = run
        .logs(&[
            "-o",
            "json",
            "--only-log-lines",
            "-i",
            "loss",
            "-e",
            "0.250",
        ])
        .code(0)
        .stderr_eq(str![])
        .get_output()
        .clone();
    let text = String::from_utf8(output.stdout).unwrap();
    let objects = text.lines().map(serde_json::from_str::<Value>);
    let types: Vec<_> = objects
        .map(|object| object.unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["line", "gap"]);
}

#[test]
fn what_nothing_was_saved_of_is_refused_with_what_there_is() {
    let run = SavedRun::new();
    for (arguments, expected) in [
        (
            ["--step", "nod-0"],
            "error: the saved run has no step \"nod-0\"\nhint: did you mean \"node-0\"?\n",
        ),
        (
            ["--node", "5"],
            "error: the saved run has no step \"node-5\"\nhint: it has: node-0, node-1\n",
        ),
        (
            ["-c", "nope"],
            "error: the saved run has no container that is asked for\nhint: it has: node\n",
        ),
    ] {
        run.logs(&arguments)
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(expected);
    }
}

#[test]
fn a_saved_run_that_was_killed_says_so() {
    let run = SavedRun::new();
    let path = run.path().join("index.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"Failed\"", "null")).unwrap();
    run.logs(&["--strict", "--node", "1"])
        .code(1)
        .stdout_eq(str![[r#"
node-1 | warmed
node-1 | eval

"#]])
        .stderr_eq(str![[r#"
1 node · 2 lines · 0 reconnects · no gaps · cut short at 2026-11-21T11:55:04Z
error: the saved run was cut short at 2026-11-21T11:55:04Z

"#]]);
}

#[test]
fn a_saved_run_whose_names_were_changed_is_refused() {
    let run = SavedRun::new();
    let path = run.path().join("node-0.index");
    let index = fs::read_to_string(&path).unwrap();
    let hostile = index.replacen("\"step\":\"node-0\"", "\"step\":\"\\u001b[2J\"", 1);
    assert_ne!(index, hostile);
    fs::write(&path, hostile).unwrap();
    let output = run.logs(&[]).code(1).stdout_eq(str![]).get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("was changed since: a source has a name that no container has"),
        "{said}"
    );
}

#[test]
fn a_cluster_that_does_not_answer_ends_it_with_3() {
    for command in ["logs", "tail"] {
        plugin()
            .args([command, "job", "--server", "https://127.0.0.1:1"])
            .assert()
            .code(3)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: cannot get trainjobs.trainer.kubeflow.org job in namespace default: nothing listens at https://127.0.0.1:1 (connection refused)
hint: is the cluster running, and is this its address? another context: kubectl config use-context NAME; another address: kubectl config set-cluster NAME --server=https://HOST:PORT

"#]]);
    }
}

#[test]
fn a_folder_without_a_saved_run_is_named() {
    plugin()
        .args(["logs", "--from", "/nonexistent/run"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: /nonexistent/run holds no saved logs: there is no index.json in it
hint: name the folder that was given to --save

"#]]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.json"), "[]").unwrap();
    let output = plugin()
        .args(["logs", "--from"])
        .arg(folder.path())
        .assert()
        .code(1)
        .stdout_eq(str![])
        .get_output()
        .clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("index.json was not written by --save, or was changed since: "),
        "{said}"
    );
}

/// A folder with a saved run.
struct SavedRun(TempDir);

impl SavedRun {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        save_run(folder.path());
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// What `logs --from` makes of it.
    fn logs(&self, arguments: &[&str]) -> Assert {
        let logs = plugin().arg("logs").args(arguments);
        logs.arg("--from").arg(self.path()).assert()
    }
}

/// Two nodes whose clocks agree, and a hole in the first's log.
fn save_run(folder: &Path) {
    let source = |step: &str| {
        format!(
            r#"source 0 {{"step":"{step}","pod":"train-{step}-0-abcde","pod_uid":"u","container":"node","node":"worker","attempt":0,"round":0}}"#
        )
    };
    let header = "kubectl-trainer log index 1";
    let (first, second) = (
        source("node-0"),
        source("node-1").replacen("source 0", "source 1", 1),
    );
    let gap = r#"gap {"after":[1795262101,0],"before":[1795262103,0],"reason":"rotated"}"#;
    let ended = r#"ended {"outcome":"complete","reconnects":1}"#;
    let index = format!(
        "{header}\n{first}\nat 1795262100.000000000\n7 0\n11 1000000000\n{gap}\n11 2000000000\n{ended}\n"
    );
    fs::write(folder.join("node-0.index"), index).unwrap();
    fs::write(
        folder.join("node-0.log"),
        "warmup\nloss=0.750\nloss=0.250\n",
    )
    .unwrap();
    let index = format!("{header}\n{second}\nat 1795262102.000000000\n7 0\n5 500000000\n");
    fs::write(folder.join("node-1.index"), index).unwrap();
    fs::write(folder.join("node-1.log"), "warmed\neval\n").unwrap();
    let run = serde_json::json!({
        "kind": "SavedLogs", "version": 1, "programVersion": "0.1.0",
        "job": "train", "namespace": "team", "context": "c", "server": "https://127.0.0.1:6443",
        "started": "2026-11-21T11:55:00Z", "updated": "2026-11-21T11:55:04Z", "outcome": "Failed",
        "files": [{"name": "node-0", "step": "node-0"}, {"name": "node-1", "step": "node-1"}],
        "sources": [saved_source("node-0", 3, 1), saved_source("node-1", 2, 0)]
    });
    fs::write(folder.join("index.json"), run.to_string()).unwrap();
}

/// What `index.json` says of one source.
fn saved_source(step: &str, lines: u64, gaps: u64) -> Value {
    serde_json::json!({
        "file": step, "step": step, "pod": format!("train-{step}-0-abcde"), "podUid": "u", "container": "node",
        "node": "worker", "attempt": 0, "round": 0, "lines": lines, "bytes": 0, "gaps": gaps, "reconnects": 0,
        "outcome": null
    })
}
