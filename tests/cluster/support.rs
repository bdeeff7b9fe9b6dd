//! Runs `verify` on a bed and compares what it finds with what a test broke.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use testbed::{Testbed, User};

/// How long a fault may take until the cluster shows it.
const VISIBLE_LIMIT: Duration = Duration::from_mins(1);
/// Between two looks at a cluster that does not yet show what is expected.
const PAUSE: Duration = Duration::from_millis(250);

/// One run of `verify -o json`.
pub(crate) struct Verified {
    pub(crate) exit_code: i32,
    pub(crate) report: Value,
}

/// A check that is not ok: id, state, and the reason of its heaviest finding.
pub(crate) type Trouble<'a> = (&'a str, &'a str, &'a str);

pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_kubectl-trainer"))
}

/// Runs what asks a cluster to its end, on this thread.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

/// `verify` as this caller, with further arguments.
pub(crate) fn verify_as(kubeconfig: &PathBuf, arguments: &[&str]) -> Verified {
    let output = binary()
        .arg("verify")
        .args(["-o", "json", "--kubeconfig"])
        .arg(kubeconfig)
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "not one JSON document ({error}): {text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    assert_follows_schema(&report);
    Verified {
        exit_code: output.status.code().unwrap(),
        report,
    }
}

/// Every report that any test sees is held against the published schema.
#[track_caller]
fn assert_follows_schema(report: &Value) {
    let schema = include_str!("../../docs/schemas/verify.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(report)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

pub(crate) fn verify(bed: &Testbed, arguments: &[&str]) -> Verified {
    verify_as(&bed.kubeconfig(&User::Admin).unwrap(), arguments)
}

impl Verified {
    /// What is not ok, in the report's order.
    pub(crate) fn troubles(&self) -> Vec<Trouble<'_>> {
        let problems = self.problems().into_iter();
        problems
            .map(|check| {
                (
                    text(&check["id"]),
                    text(&check["state"]),
                    text(&check["reason"]),
                )
            })
            .collect()
    }

    /// The checks that are not ok, whole.
    pub(crate) fn problems(&self) -> Vec<&Value> {
        self.report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["state"] != "ok")
            .collect()
    }

    pub(crate) fn finding(&self, id: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        &checks.iter().find(|check| check["id"] == id).unwrap()["findings"][0]
    }

    /// The text of a check's heaviest finding.
    pub(crate) fn detail(&self, id: &str) -> &str {
        self.finding(id)["detail"].as_str().unwrap()
    }

    /// The command that a check's heaviest finding prints as its mend.
    pub(crate) fn mend(&self, id: &str) -> &str {
        self.finding(id)["mend"].as_str().unwrap()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(crate) const fn failed<'a>(id: &'a str, reason: &'a str) -> Trouble<'a> {
    (id, "failed", reason)
}

pub(crate) const fn warned<'a>(id: &'a str, reason: &'a str) -> Trouble<'a> {
    (id, "warning", reason)
}

pub(crate) const fn unknown(id: &str) -> Trouble<'_> {
    (id, "unknown", "NotAllowed")
}

pub(crate) const fn skipped(id: &str) -> Trouble<'_> {
    (id, "skipped", "PrerequisiteFailed")
}

/// Looks until exactly these troubles are there, and ends with 1 if one of them is a failure.
#[track_caller]
pub(crate) fn expect(bed: &Testbed, expected: &[Trouble<'_>]) -> Verified {
    let start = Instant::now();
    loop {
        let verified = verify(bed, &[]);
        let found = verified.troubles();
        if found == expected {
            let failures = expected.iter().any(|(_, state, _)| *state == "failed");
            assert_eq!(verified.exit_code, i32::from(failures), "{expected:?}");
            return verified;
        }
        assert!(
            start.elapsed() < VISIBLE_LIMIT,
            "expected {expected:?}, found {:#?}",
            verified.problems()
        );
        thread::sleep(PAUSE);
    }
}

/// As [`expect`], and until a check's heaviest finding says this too: a log can be read only a moment after its
/// container has ended.
#[track_caller]
pub(crate) fn expect_words(bed: &Testbed, expected: &[Trouble<'_>], id: &str, words: &str) {
    let start = Instant::now();
    loop {
        let verified = expect(bed, expected);
        let detail = verified.detail(id);
        if detail.contains(words) {
            return;
        }
        assert!(start.elapsed() < VISIBLE_LIMIT, "no {words:?} in {detail}");
        thread::sleep(PAUSE);
    }
}

/// Looks in this way until it ends with this code and exactly these troubles.
#[track_caller]
pub(crate) fn expect_from(
    look: impl Fn() -> Verified,
    expected: (i32, &[Trouble<'_>]),
) -> Verified {
    let start = Instant::now();
    loop {
        let verified = look();
        if (verified.exit_code, verified.troubles().as_slice()) == expected {
            return verified;
        }
        assert!(
            start.elapsed() < VISIBLE_LIMIT,
            "expected {expected:?}, found {} and {:#?}",
            verified.exit_code,
            verified.problems()
        );
        thread::sleep(PAUSE);
    }
}

/// Waits until a cluster shows this, which a test needs before it looks.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_shown: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_shown() {
        assert!(
            start.elapsed() < VISIBLE_LIMIT,
            "{what}: not within a minute"
        );
        thread::sleep(PAUSE);
    }
}

/// Waits with `verify --wait` until nothing fails any more, then until a rollout is over that may still go on.
#[track_caller]
pub(crate) fn expect_healthy(bed: &Testbed) {
    let verified = verify(bed, &["--wait", "90s"]);
    assert_eq!(verified.exit_code, 0, "{:#?}", verified.problems());
    expect(bed, &[]);
}

/// Runs a printed mend in a shell, as a user would paste it.
#[track_caller]
pub(crate) fn paste(bed: &Testbed, command: &str) {
    let kubectl = bed.kubectl_path().parent().unwrap().to_owned();
    let path = format!(
        "{}:{}",
        kubectl.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let output = Command::new("sh")
        .args(["-c", command])
        .env("PATH", path)
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Applies an object that may use a runtime made just now, of which Trainer's webhook hears a moment later.
#[track_caller]
pub(crate) fn apply(bed: &Testbed, object: &Value) {
    let start = Instant::now();
    while let Err(error) = bed.apply(&object.to_string()) {
        let is_early = error.to_string().contains("must be created before");
        assert!(is_early && start.elapsed() < VISIBLE_LIMIT, "{error}");
        thread::sleep(PAUSE);
    }
}

/// kubectl as the administrator; it has to succeed.
#[track_caller]
pub(crate) fn kubectl(bed: &Testbed, arguments: &[&str]) -> String {
    let output = bed.kubectl(arguments).unwrap();
    assert!(
        output.status.success(),
        "kubectl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// An object as it is, without what would keep it from being created again.
#[track_caller]
pub(crate) fn saved(bed: &Testbed, kind: &str, name: &str) -> Value {
    let mut object: Value =
        serde_json::from_str(&kubectl(bed, &["get", kind, name, "-o", "json"])).unwrap();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in [
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
    ] {
        metadata.remove(field);
    }
    object
}

/// A program that goes on until it ends by itself, at the latest with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < VISIBLE_LIMIT, "the program goes on");
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What a program writes, line by line, as it comes. Whoever waits for a line that does not come fails.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    pub(crate) fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let (sender, lines) = mpsc::channel();
        let stream = stream.unwrap();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                // A terminal whose other side is gone ends with an error.
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }
}

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        match self.0.recv_timeout(VISIBLE_LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no further line within a minute"),
        }
    }
}

/// `kubectl proxy`: a server without TLS, and so without HTTP/2. Ends with the test.
pub(crate) struct PlainServer {
    _process: Running,
    pub(crate) url: String,
}

impl PlainServer {
    pub(crate) fn start(bed: &Testbed) -> Self {
        let mut command = bed.kubectl_command();
        command.args(["proxy", "--port=0"]).stdout(Stdio::piped());
        let mut process = Running::start(&mut command);
        let line = Lines::of(process.0.stdout.take()).next().unwrap();
        let address = line.trim().rsplit_once(' ').unwrap().1;
        Self {
            url: format!("http://{address}"),
            _process: process,
        }
    }
}
