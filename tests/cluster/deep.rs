//! `verify --deep` and `bootstrap --test-run` on a cluster: as whom a real training passes, what is said where it cannot
//! run, and that nothing of it stays.

use std::{collections::BTreeSet, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testbed::{Testbed, User};

use crate::{
    audit::entries,
    bootstrap::{Ended, Team, run},
    credentials_kept_secret::BEGINNING,
    own_runtimes,
    support::{
        Lines, Running, Verified, apply, binary, expect_from, failed, kubectl, paste, verify,
        wait_until, warned,
    },
    team::token_in,
    watched::BUSYBOX,
};

const DRY_RUNS: &str = "TRN-DEEP-DRY-RUNS";
const TRAINING: &str = "TRN-DEEP-TRAINING";
const LEFTOVERS: &str = "TRN-DEEP-LEFTOVERS";
const IMAGE: [&str; 2] = ["--deep-image", BUSYBOX];

/// Everything that a trial could leave in the namespace.
fn remains(team: &Team<'_>) -> String {
    let kinds = "trainjobs,jobsets,jobs,pods";
    let names = ["get", kinds, "-n", team.name(), "-o", "name"];
    kubectl(team.bed(), &names)
}

/// `verify --deep` of the team's namespace with these checks only, by the administrator.
fn deep(team: &Team<'_>, only: &str, arguments: &[&str]) -> Verified {
    let own = ["--deep", "-n", team.name(), "--only", only];
    verify(team.bed(), &[&own[..], &IMAGE, arguments].concat())
}

fn facts<'a>(verified: &'a Verified, id: &str) -> Vec<&'a str> {
    let checks = verified.report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == id).unwrap();
    let facts = check["facts"].as_array().unwrap().iter();
    facts.map(|fact| fact.as_str().unwrap()).collect()
}

/// The milestones among the facts, without their times.
fn milestones(verified: &Verified) -> Vec<String> {
    let facts = facts(verified, TRAINING).into_iter().skip(1);
    facts
        .map(|fact| fact.split(" after ").next().unwrap().to_owned())
        .collect()
}

const MILESTONES: [&str; 8] = [
    "accepted",
    "JobSet made",
    "pods made",
    "pods scheduled",
    "images pulled and containers started",
    "complete",
    "log read",
    "removed with all that it became",
];

#[test]
fn whoever_may_submit_trains_on_two_nodes_and_leaves_nothing() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "deep-personas");
    for persona in ["submitter", "ci", "admin", "system"] {
        team.bootstrap(&["--persona", persona]);
        let account = format!("trainer-{persona}");
        // The whole report once, then what differs between the personas.
        let only: &[&str] = match persona {
            "submitter" => &[],
            _ => &["--only", TRAINING],
        };
        let deep = ["--deep", "-n", team.name(), "--service-account", &account];
        let verified = verify(&bed, &[&deep[..], &IMAGE, only].concat());
        assert_eq!(
            verified.troubles(),
            [],
            "{persona}: {:#?}",
            verified.problems()
        );
        assert_eq!(verified.exit_code, 0, "{persona}");
        let expected: Vec<_> = match persona {
            // It may not see JobSets.
            "ci" => MILESTONES
                .into_iter()
                .filter(|it| !it.starts_with("JobSet"))
                .collect(),
            _ => MILESTONES.to_vec(),
        };
        assert_eq!(milestones(&verified), expected, "{persona}");
        assert_eq!(remains(&team), "", "{persona}");
    }
    let every = deep(&team, DRY_RUNS, &[]);
    let runtimes = kubectl(&bed, &["get", "clustertrainingruntimes", "-o", "name"]);
    let count = runtimes.lines().count();
    assert_eq!(
        facts(&every, DRY_RUNS)[0],
        format!("{count} of {count} runtimes")
    );
}

#[test]
fn who_may_not_submit_is_told_the_rule_and_makes_nothing() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "deep-lacking");
    for persona in ["viewer", "user-code"] {
        team.bootstrap(&["--persona", persona]);
        let account = format!("trainer-{persona}");
        let verified = deep(
            &team,
            &[DRY_RUNS, TRAINING].join(","),
            &["--service-account", &account],
        );
        assert_eq!(verified.exit_code, 1, "{persona}");
        let expected = [
            failed(DRY_RUNS, "RuleMissing"),
            failed(TRAINING, "RuleMissing"),
        ];
        assert_eq!(verified.troubles(), expected, "{persona}");
        let rule = json!({
            "verb": "create", "apiGroup": "trainer.kubeflow.org", "resource": "trainjobs",
            "name": null, "namespace": team.name(),
        });
        for id in [DRY_RUNS, TRAINING] {
            assert_eq!(verified.finding(id)["missingRule"], rule, "{persona}");
        }
        let words = format!(
            "service account {0}/{account} may not create trainjobs.trainer.kubeflow.org in namespace {0}",
            team.name()
        );
        assert_eq!(verified.detail(TRAINING), words);
        assert_eq!(remains(&team), "", "{persona}");
    }
    // The printed command grants what is missing.
    let viewer = ["--service-account", "trainer-viewer"];
    paste(&bed, deep(&team, TRAINING, &viewer).mend(TRAINING));
    expect_from(|| deep(&team, TRAINING, &viewer), (0, &[]));
}

/// A runtime of the namespace whose pods are given these fields.
fn runtime(team: &Team<'_>, name: &str, pod: &Value) {
    let mut runtime = own_runtimes::training_runtime();
    runtime["metadata"]["name"] = json!(name);
    runtime["metadata"]["namespace"] = json!(team.name());
    let template = runtime
        .pointer_mut("/spec/template/spec/replicatedJobs/0/template/spec/template/spec")
        .unwrap();
    for (field, value) in pod.as_object().unwrap() {
        template[field] = value.clone();
    }
    apply(team.bed(), &runtime);
}

/// Pods that no node takes.
fn nowhere() -> Value {
    json!({"nodeSelector": {"testbed/no-such": "node"}})
}

/// Pods that go on after their training is over, and take a while to end.
fn lingering() -> Value {
    let node = json!({"name": "node", "image": BUSYBOX});
    let script = "trap 'sleep 5; exit 0' TERM; while :; do sleep 1; done";
    let beside = json!({"name": "beside", "image": BUSYBOX, "command": ["sh", "-c", script]});
    json!({"containers": [node, beside], "terminationGracePeriodSeconds": 20})
}

/// A run of `verify --deep` that is going to be interrupted.
struct Trial {
    running: Running,
    lines: Lines,
}

impl Trial {
    fn start(team: &Team<'_>, runtime: &str, limit: &str) -> Self {
        let mut command = binary();
        command
            .args(["verify", "--deep", "--only", TRAINING, "-n", team.name()])
            .args(["--deep-runtime", runtime, "--deep-timeout", limit])
            .args(IMAGE)
            .arg("--kubeconfig")
            .arg(team.bed().kubeconfig(&User::Admin).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut running = Running::start(&mut command);
        let lines = Lines::of(running.0.stderr.take());
        Self { running, lines }
    }

    /// Sends the signal as soon as a line has these words.
    #[track_caller]
    fn signal_at(&mut self, words: &str, signal: Signal) {
        let lines = self.lines.by_ref();
        let found = lines.find(|line| line.contains(words));
        assert!(found.is_some(), "no line with {words:?}");
        kill_process(Pid::from_child(&self.running.0), signal).unwrap();
    }
}

#[test]
fn interrupted_at_any_step_it_removes_what_it_made() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "deep-stopped");
    runtime(&team, "nowhere", &nowhere());
    runtime(&team, "lingering", &lingering());
    for (name, limit, step, signal, code) in [
        ("nowhere", "60s", "making TrainJob", Signal::INT, 130),
        ("nowhere", "60s", "no node fits", Signal::TERM, 143),
        ("lingering", "60s", "containers started", Signal::INT, 130),
        ("lingering", "15s", "removing TrainJob", Signal::INT, 130),
    ] {
        let mut trial = Trial::start(&team, name, limit);
        trial.signal_at(step, signal);
        assert_eq!(trial.running.exit_code(), Some(code), "at {step:?}");
        wait_until(step, || remains(&team).is_empty());
    }
    // A terminal that closes sends two signals at once; the second must not keep the job from being removed.
    let mut trial = Trial::start(&team, "nowhere", "60s");
    trial.signal_at("no node fits", Signal::HUP);
    kill_process(Pid::from_child(&trial.running.0), Signal::HUP).unwrap();
    assert_eq!(trial.running.exit_code(), Some(129));
    wait_until("what two signals left is gone", || {
        remains(&team).is_empty()
    });
    // Who does not wait for the removal is told what may be left, and the command.
    let mut trial = Trial::start(&team, "lingering", "60s");
    trial.signal_at("containers started", Signal::INT);
    trial.signal_at("waiting until all of it is gone", Signal::INT);
    assert_eq!(trial.running.exit_code(), Some(130));
    let said: Vec<_> = trial.lines.collect();
    let [error, hint] = said.as_slice() else {
        panic!("{said:?}")
    };
    assert!(
        error.ends_with("may be left behind: its removal was not waited for"),
        "{error}"
    );
    assert!(hint.contains(" --kubeconfig"), "{hint}");
    paste(&bed, hint.strip_prefix("hint: remove it: ").unwrap());
    wait_until("all of it is gone", || remains(&team).is_empty());
}

#[test]
fn what_cannot_run_or_is_refused_is_explained_and_what_was_left_is_told() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "deep-stalled");
    runtime(&team, "nowhere", &nowhere());
    let stalled = deep(
        &team,
        TRAINING,
        &["--deep-runtime", "nowhere", "--deep-timeout", "15s"],
    );
    assert_eq!(stalled.exit_code, 1);
    assert_eq!(stalled.troubles(), [failed(TRAINING, "TrainingStalled")]);
    let detail = stalled.detail(TRAINING);
    let beginning =
        "not over within 15 s; it had come to \"pods made\": node-0 and node-1: no node fits: 0/";
    assert!(detail.starts_with(beginning), "{detail}");
    assert_eq!(milestones(&stalled).last().unwrap(), MILESTONES[7]);
    assert_eq!(remains(&team), "");

    let other = deep(&team, TRAINING, &["--deep-runtime", "no-such"]);
    assert_eq!(other.troubles(), [failed(TRAINING, "RuntimeNotFound")]);

    refuse_runtime(&team, "nowhere");
    let refused = expect_from(
        || deep(&team, DRY_RUNS, &[]),
        (1, &[failed(DRY_RUNS, "RuntimeRefused")]),
    );
    let detail = refused.detail(DRY_RUNS);
    let beginning = format!("a TrainJob of {}/nowhere is refused: ", team.name());
    assert!(detail.starts_with(&beginning), "{detail}");
    assert!(detail.contains("not with this one"), "{detail}");

    let left = json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {"name": "kubectl-trainer-deep-killed", "namespace": team.name(), "labels": {
            "app.kubernetes.io/managed-by": "kubectl-trainer", "kubectl-trainer.dev/trial": "deep",
        }},
        "spec": {"suspend": true, "runtimeRef": {"name": "torch-distributed"}},
    });
    apply(&bed, &left);
    let found = deep(&team, LEFTOVERS, &[]);
    assert_eq!(found.troubles(), [warned(LEFTOVERS, "LeftBehind")]);
    assert!(
        found
            .detail(LEFTOVERS)
            .contains("kubectl-trainer-deep-killed, made ")
    );
    paste(&bed, found.mend(LEFTOVERS));
    wait_until("what was left is gone", || remains(&team).is_empty());
}

/// A policy of the cluster, for this namespace alone, against TrainJobs of one runtime.
fn refuse_runtime(team: &Team<'_>, runtime: &str) {
    let name = format!("deep.{}", team.name());
    let version = "admissionregistration.k8s.io/v1";
    let rule = json!({
        "apiGroups": ["trainer.kubeflow.org"], "apiVersions": ["*"], "operations": ["CREATE"],
        "resources": ["trainjobs"],
    });
    apply(
        team.bed(),
        &json!({
            "apiVersion": version, "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{
                    "expression": format!("object.spec.runtimeRef.name != '{runtime}'"),
                    "message": "not with this one",
                }],
            },
        }),
    );
    let own = json!({"matchLabels": {"kubernetes.io/metadata.name": team.name()}});
    apply(
        team.bed(),
        &json!({
            "apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name, "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": own},
            },
        }),
    );
}

/// Credentials that are out.
fn credentials(team: &Team<'_>) -> String {
    let label = "kubectl-trainer.dev/credential";
    let names = [
        "get",
        "secrets",
        "-n",
        team.name(),
        "-l",
        label,
        "-o",
        "name",
    ];
    kubectl(team.bed(), &names)
}

fn test_run(team: &Team<'_>, arguments: &[&str]) -> Ended {
    let own = ["bootstrap", team.name(), "--test-run"];
    run(team.bed(), &[&own[..], &IMAGE, arguments].concat())
}

/// Who made TrainJobs in the namespace, by the bed's audit log.
fn makers(team: &Team<'_>) -> BTreeSet<String> {
    let is_made = |entry: &&Value| {
        let uri = entry["requestURI"].as_str().unwrap_or_default();
        let is_create = entry["verb"] == "create" && entry["objectRef"]["resource"] == "trainjobs";
        is_create && !uri.contains("dryRun")
    };
    let entries = entries(team.bed(), team.name());
    let names = entries.iter().filter(is_made);
    names
        .map(|entry| entry["user"]["username"].as_str().unwrap().to_owned())
        .collect()
}

fn shows_a_token(ended: &Ended) -> bool {
    [&ended.out, &ended.err]
        .iter()
        .any(|text| text.contains(BEGINNING))
}

#[test]
fn a_bootstrap_is_tried_with_nothing_but_a_new_credential() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "deep-bootstrap");
    let tried = test_run(&team, &["-vv"]);
    assert_eq!(tried.code, 0, "{}{}", tried.out, tried.err);
    assert!(tried.err.contains("/token"), "{}", tried.err);
    assert!(!shows_a_token(&tried), "{}", tried.err);
    let account = format!(
        "Test run as service account {}/trainer-submitter",
        team.name()
    );
    assert!(tried.err.contains(&account), "{}", tried.err);
    assert!(
        tried.out.contains("✓ ok       TRN-DEEP-TRAINING"),
        "{}",
        tried.out
    );
    assert_eq!(remains(&team), "");
    assert_eq!(credentials(&team), "");
    let user = format!("system:serviceaccount:{}:trainer-submitter", team.name());
    wait_until("the training is in the audit log", || {
        !makers(&team).is_empty()
    });
    assert_eq!(makers(&team), BTreeSet::from([user]));
    // With a file, its credential is the one that is tried; in two tiers the submitter is.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ci.kubeconfig");
    let file = file.to_str().unwrap();
    let two = ["--two-tier", "--persona", "ci", "-vv", "-f", file];
    let tried = test_run(&team, &two);
    assert_eq!(tried.code, 0, "{}{}", tried.out, tried.err);
    assert!(token_in(file.as_ref()).starts_with(BEGINNING));
    assert!(!shows_a_token(&tried), "{}", tried.err);
    let account = format!("Test run as service account {}/trainer-ci", team.name());
    assert!(tried.err.contains(&account), "{}", tried.err);
    assert_eq!(credentials(&team).lines().count(), 1);
    assert_eq!(remains(&team), "");
    // Where it is not enough, that is what it ends with.
    let full = test_run(&team, &["--quota", "trainjobs=0"]);
    assert_eq!(full.code, 1, "{}{}", full.out, full.err);
    assert!(full.out.contains("RuntimeRefused"), "{}", full.out);
    assert!(full.out.contains("quota: kubectl-trainer"), "{}", full.out);
    assert_eq!(remains(&team), "");
}

#[test]
fn a_test_run_that_is_interrupted_takes_job_and_credential_back() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "deep-test-stop");
    runtime(&team, "nowhere", &nowhere());
    let mut command = binary();
    command
        .args(["bootstrap", team.name(), "--test-run"])
        .args(["--deep-runtime", "nowhere"])
        .args(IMAGE)
        .arg("--kubeconfig")
        .arg(bed.kubeconfig(&User::Admin).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut running = Running::start(&mut command);
    let mut lines = Lines::of(running.0.stderr.take());
    assert!(lines.any(|line| line.contains("no node fits")));
    kill_process(Pid::from_child(&running.0), Signal::INT).unwrap();
    assert_eq!(running.exit_code(), Some(130));
    assert_eq!(remains(&team), "");
    assert_eq!(credentials(&team), "");
}

#[test]
fn a_test_run_of_somebody_who_may_not_train_is_refused_before_anything_is_made() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "deep-test-refused");
    let refused = test_run(&team, &["--persona", "viewer"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    let roles = ["get", "roles", "-n", team.name(), "-o", "name"];
    assert_eq!(kubectl(&bed, &roles), "");
}
