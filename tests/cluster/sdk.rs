//! The real Kubeflow SDK outside the cluster, with the credentials that the plugin makes: two releases of it against two
//! releases of Trainer, as each persona.

mod environment;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{BUSYBOX_IMAGE, CommonBed, Image, Options, PYTHON_IMAGE, Testbed};

use self::environment::{Sdk, V0_3, V0_5};
use crate::{
    bootstrap::{Team, run},
    releases::release,
    reports::reporting_bed,
    support::{apply, kubectl, saved},
};

/// The runtime of these tests.
const RUNTIME: &str = "python-distributed";

/// Trainer 2.1 with Python in its pods.
fn older_bed() -> Option<Testbed> {
    static BED: CommonBed = CommonBed::new(|| Options {
        trainer: Some("v2.1.0".to_owned()),
        images: vec![Image::Python],
        ..Options::default()
    });
    BED.take()
}

/// The released runtime of PyTorch with Python in its place. What the SDK sends is a script for bash that calls torchrun,
/// and the bed's image has neither: both are a line of the shell here.
fn runtime(bed: &Testbed) -> Value {
    let mut runtime = saved(bed, "clustertrainingruntime", "torch-distributed");
    runtime["metadata"] = json!({ "name": RUNTIME, "labels": runtime["metadata"]["labels"] });
    let spec = "/spec/template/spec/replicatedJobs/0/template/spec/template/spec";
    let pod = runtime.pointer_mut(spec).unwrap();
    let programs = json!([{ "name": "programs", "mountPath": "/programs" }]);
    let script = "cd /programs; for it in 'bash sh' 'python python3' 'torchrun python3'; do set -- $it; \
        printf '#!/usr/bin/sh\\nexec %s \"$@\"\\n' $2 > $1; chmod +x $1; done";
    pod["initContainers"] = json!([{
        "name": "programs", "image": BUSYBOX_IMAGE, "command": ["sh", "-c", script], "volumeMounts": programs,
    }]);
    pod["volumes"] = json!([{ "name": "programs", "emptyDir": {} }]);
    let container = &mut pod["containers"][0];
    container["image"] = json!(PYTHON_IMAGE);
    container["env"] =
        json!([{ "name": "PATH", "value": "/programs:/usr/local/bin:/usr/bin:/bin" }]);
    container["volumeMounts"] = programs;
    runtime
}

/// A namespace with the personas and the runtime, and files of their credentials.
struct Scene<'a> {
    team: Team<'a>,
    folder: TempDir,
}

impl<'a> Scene<'a> {
    fn new(bed: &'a Testbed) -> Self {
        let team = Team::new(bed, "sdk");
        team.bootstrap(&["--two-tier", "--persona", "submitter"]);
        for persona in ["viewer", "ci", "admin"] {
            team.bootstrap(&["--persona", persona]);
        }
        let folder = tempfile::tempdir().unwrap();
        make_runtime(bed, team.name());
        Self { team, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `access ...` of the namespace; it has to succeed.
    #[track_caller]
    fn access(&self, words: &[&str]) {
        let place = ["-n", self.team.name()];
        let ended = run(self.team.bed(), &[&["access"], words, &place].concat());
        assert_eq!(ended.code, 0, "{words:?}: {}", ended.err);
    }

    /// A new kubeconfig of a persona.
    fn kubeconfig(&self, persona: &str) -> PathBuf {
        let file = self.file(&format!("{persona}.kubeconfig"));
        let account = format!("trainer-{persona}");
        let path = file.to_str().unwrap();
        self.access(&["kubeconfig", &account, "-f", path, "--force"]);
        file
    }

    /// The calls with a persona's kubeconfig, to be run.
    fn by_kubeconfig(&self, sdk: &Sdk, persona: &str) -> Command {
        let mut calls = sdk.script("calls.py");
        calls.env("RUNTIME", RUNTIME);
        calls.env("KUBECONFIG", self.kubeconfig(persona));
        calls
    }

    /// The calls with a persona's env file and the Python that reads it, to be run.
    fn by_environment(&self, sdk: &Sdk, persona: &str) -> Command {
        let (env, login) = (self.file("its.env"), self.file("login.py"));
        let account = format!("trainer-{persona}");
        self.access(&["env", &account, "-f", env.to_str().unwrap()]);
        self.access(&["env", "-o", "python", "-f", login.to_str().unwrap()]);
        let mut calls = sdk.script_in_shell("calls.py", &env);
        calls.env("RUNTIME", RUNTIME).env("LOGIN", login);
        calls.env("KUBECONFIG", "/dev/null");
        calls
    }
}

/// In the namespace where Trainer looks there first, as the SDK does since 0.4; else in the cluster.
fn make_runtime(bed: &Testbed, namespace: &str) {
    let mut runtime = runtime(bed);
    if release(bed) != "v2.1.0" {
        runtime["kind"] = json!("TrainingRuntime");
        runtime["metadata"]["namespace"] = json!(namespace);
    }
    apply(bed, &runtime);
}

/// A script that runs; its lines go into a file, so that nobody has to read them in time.
struct Started {
    child: std::process::Child,
    lines: PathBuf,
}

fn start(mut command: Command, lines: PathBuf) -> Started {
    command.stdin(Stdio::null());
    command.stdout(File::create(&lines).unwrap());
    command.stderr(File::create(lines.with_extension("err")).unwrap());
    let child = command.spawn().unwrap();
    Started { child, lines }
}

impl Started {
    /// What it said, once it has ended well.
    #[track_caller]
    fn end(mut self) -> Vec<Value> {
        let status = self.child.wait().unwrap();
        let text = fs::read_to_string(&self.lines).unwrap();
        let said = fs::read_to_string(self.lines.with_extension("err")).unwrap();
        assert!(status.success(), "{text}{said}");
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }
}

/// The calls that the API server refused, with what it said. Any other trouble fails.
#[track_caller]
fn refused(calls: &[Value]) -> Vec<(&str, &str)> {
    let refused = calls.iter().filter(|call| call.get("refused").is_some());
    let refused = refused.map(|call| {
        assert_eq!(call["refused"]["status"], 403, "{call}");
        let said = call["refused"]["said"].as_str().unwrap();
        (call["call"].as_str().unwrap(), said)
    });
    refused.collect()
}

fn names<'a>(refused: &[(&'a str, &str)]) -> Vec<&'a str> {
    refused.iter().map(|(name, _)| *name).collect()
}

fn value<'a>(calls: &'a [Value], name: &str) -> &'a Value {
    let call = calls.iter().find(|call| call["call"] == name);
    &call.unwrap_or_else(|| panic!("no {name} in {calls:#?}"))["value"]
}

/// A whole training from the list of runtimes to the job's end, with nothing refused.
#[track_caller]
fn assert_trained(calls: &[Value]) {
    assert_eq!(refused(calls), [], "{calls:#?}");
    let runtimes = value(calls, "list_runtimes").as_array().unwrap();
    assert!(runtimes.contains(&json!(RUNTIME)), "{runtimes:?}");
    assert_eq!(value(calls, "get_runtime"), RUNTIME);
    let job = value(calls, "train");
    assert_eq!(value(calls, "get_job"), job);
    let jobs = value(calls, "list_jobs").as_array().unwrap();
    assert!(jobs.contains(job), "{jobs:?}");
    assert_eq!(value(calls, "wait_for_job_status"), "Complete");
    assert_eq!(
        value(calls, "get_job_logs"),
        &json!(["trained on node 0 of 2"])
    );
    assert_ne!(value(calls, "get_job_events"), &json!([]));
}

/// Everybody who may train does, at the same time, each with a credential of their own. Gives a job that is left.
fn everybody_trains(scene: &Scene<'_>, sdk: &Sdk) -> String {
    let start_as = |persona: &str, file: &str, command: Command| {
        let lines = scene.file(&format!("{persona}-{file}.lines"));
        start(command, lines)
    };
    let mut kept = scene.by_kubeconfig(sdk, "submitter");
    kept.env("KEEP", "yes");
    let kept = start_as("submitter", "kubeconfig", kept);
    let others = ["ci", "admin", "system"];
    let others = others.map(|it| start_as(it, "kubeconfig", scene.by_kubeconfig(sdk, it)));
    let by_snippet = scene.by_environment(sdk, "submitter");
    let by_snippet = start_as("submitter", "environment", by_snippet);
    for started in others.into_iter().chain([by_snippet]) {
        let calls = started.end();
        assert_trained(&calls);
        assert_eq!(calls.last().unwrap()["call"], "delete_job");
    }
    let calls = kept.end();
    assert_trained(&calls);
    value(&calls, "train").as_str().unwrap().to_owned()
}

/// The calls that are refused to a persona who looks at this job.
fn refused_to(scene: &Scene<'_>, sdk: &Sdk, persona: &str, job: &str) -> Vec<Value> {
    let mut calls = scene.by_kubeconfig(sdk, persona);
    calls.env("JOB", job);
    start(calls, scene.file(&format!("{persona}.lines"))).end()
}

/// Who looks sees all of it; who has no rights nothing.
fn others_are_refused(scene: &Scene<'_>, sdk: &Sdk, job: &str) {
    let calls = refused_to(scene, sdk, "viewer", job);
    let found = refused(&calls);
    assert_eq!(names(&found), ["train", "get_job_logs", "delete_job"]);
    assert!(
        found[0].1.contains("cannot create resource \"trainjobs\""),
        "{found:?}"
    );
    assert!(
        found[2].1.contains("cannot delete resource \"trainjobs\""),
        "{found:?}"
    );
    scene.team.bootstrap(&["--persona", "viewer", "--logs"]);
    let calls = refused_to(scene, sdk, "viewer", job);
    assert_eq!(names(&refused(&calls)), ["train", "delete_job"]);
    assert_eq!(
        value(&calls, "get_job_logs"),
        &json!(["trained on node 0 of 2"])
    );
    let calls = refused_to(scene, sdk, "user-code", job);
    assert_eq!(refused(&calls).len(), calls.len(), "{calls:#?}");
}

#[test]
fn the_newer_sdk_trains_with_every_credential_and_is_refused_exactly_what_it_should() {
    let Some(bed) = reporting_bed() else { return };
    let Some(sdk) = Sdk::provide(&V0_5) else {
        return;
    };
    let scene = Scene::new(&bed);
    let job = everybody_trains(&scene, &sdk);
    others_are_refused(&scene, &sdk, &job);
    // The SDK looks for the namespace's runtime before the cluster's, and gives up when it may not.
    let role = ["role", "kubectl-trainer-submitter", "-n", scene.team.name()];
    let rules = kubectl(&bed, &[&["get"][..], &role, &["-o", "json"]].concat());
    let mut rules: Value = serde_json::from_str(&rules).unwrap();
    let rules = rules["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["resources"] != json!(["trainingruntimes"]));
    let patch = json!({ "rules": rules }).to_string();
    kubectl(
        &bed,
        &[&["patch"][..], &role, &["--type=merge", "-p", &patch]].concat(),
    );
    let calls = refused_to(&scene, &sdk, "submitter", &job);
    let found = refused(&calls);
    let all_but_deleting = &names(&found)[..];
    assert_eq!(
        all_but_deleting,
        [
            "list_runtimes",
            "get_runtime",
            "train",
            "get_job",
            "list_jobs",
            "wait_for_job_status",
            "get_job_logs",
            "get_job_events"
        ]
    );
    for (call, said) in found {
        assert!(
            said.contains("resource \"trainingruntimes\""),
            "{call}: {said}"
        );
    }
}

#[test]
fn the_older_sdk_trains_with_every_credential_on_an_older_trainer() {
    let Some(bed) = older_bed() else { return };
    let Some(sdk) = Sdk::provide(&V0_3) else {
        return;
    };
    let scene = Scene::new(&bed);
    let job = everybody_trains(&scene, &sdk);
    others_are_refused(&scene, &sdk, &job);
}

/// One kubeconfig of two, each with the name of its cluster as the name of its context.
fn joined(of: [(&str, &Path); 2]) -> Value {
    let mut joined = json!({
        "apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": [],
    });
    for (name, file) in of {
        let text = fs::read_to_string(file).unwrap();
        let one: Value = serde_saphyr::from_str(&text).unwrap();
        let entry =
            |list: &str, field: &str| json!({ "name": name, field: one[list][0][field].clone() });
        let mut context = entry("contexts", "context");
        context["context"]["cluster"] = json!(name);
        context["context"]["user"] = json!(name);
        let parts = [
            ("clusters", entry("clusters", "cluster")),
            ("users", entry("users", "user")),
            ("contexts", context),
        ];
        for (list, part) in parts {
            joined[list].as_array_mut().unwrap().push(part);
        }
    }
    joined
}

#[test]
fn clients_as_guides_write_them_train_on_two_clusters_at_the_same_time() {
    let (Some(newer), Some(older)) = (reporting_bed(), older_bed()) else {
        return;
    };
    let Some(sdk) = Sdk::provide(&V0_5) else {
        return;
    };
    let (dev, prod) = (Scene::new(&newer), Scene::new(&older));
    let files = [&dev, &prod].map(|scene| scene.kubeconfig("submitter"));
    let both = dev.file("clusters.kubeconfig");
    let contexts = joined([("dev", &files[0]), ("prod", &files[1])]);
    fs::write(&both, contexts.to_string()).unwrap();
    let variables = dev.file("dev.env");
    dev.access(&[
        "env",
        "trainer-submitter",
        "-f",
        variables.to_str().unwrap(),
    ]);
    let mut clients = sdk.script_in_shell("clients.py", &variables);
    clients.env("RUNTIME", RUNTIME).env("CLUSTERS", &both);
    clients.env("NAMESPACE_DEV", dev.team.name());
    clients.env("NAMESPACE_PROD", prod.team.name());
    clients.env("KUBECONFIG", "/dev/null");
    let steps = start(clients, dev.file("clients.lines")).end();
    let step = |name: &str, cluster: &str| {
        let is_it = |step: &&Value| step["step"] == name && step["cluster"] == cluster;
        steps
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{name} {cluster}: {steps:#?}"))
    };
    assert_eq!(steps[0]["runtimes"], step("runtimes", "dev")["runtimes"]);
    for cluster in ["dev", "prod"] {
        let runtimes = step("runtimes", cluster)["runtimes"].as_array().unwrap();
        assert!(runtimes.contains(&json!(RUNTIME)), "{runtimes:?}");
        assert_eq!(step("jobs", cluster)["own"], true);
        let trained = step("trained", cluster);
        assert_eq!(
            (&trained["status"], &trained["logs"]),
            (&json!("Complete"), &json!(["rank 0 of 2"]))
        );
    }
}
