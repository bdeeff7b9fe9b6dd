//! `bootstrap` on a real cluster: what it makes, for whom, and what it never changes.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};
use testbed::{Fault, Matcher, Namespace, Reach, Rule, Testbed, Times, User};

use crate::support::{binary, kubectl, wait_until};

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn ended(output: &Output) -> Ended {
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

pub(crate) fn run_as(kubeconfig: &PathBuf, arguments: &[&str]) -> Ended {
    let mut command = binary();
    command.args(arguments).arg("--kubeconfig").arg(kubeconfig);
    ended(&command.output().unwrap())
}

pub(crate) fn run(bed: &Testbed, arguments: &[&str]) -> Ended {
    run_as(&bed.kubeconfig(&User::Admin).unwrap(), arguments)
}

/// A namespace whose grants in the cluster go with it.
pub(crate) struct Team<'a> {
    bed: &'a Testbed,
    namespace: Namespace,
}

const OF_CLUSTER: &str =
    "clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings";

impl<'a> Team<'a> {
    pub(crate) fn new(bed: &'a Testbed, hint: &str) -> Self {
        Self {
            bed,
            namespace: bed.namespace(hint).unwrap(),
        }
    }

    pub(crate) const fn bed(&self) -> &Testbed {
        self.bed
    }

    pub(crate) fn name(&self) -> &str {
        self.namespace.name()
    }

    /// `bootstrap` of this namespace by the administrator; it has to succeed.
    #[track_caller]
    pub(crate) fn bootstrap(&self, arguments: &[&str]) -> Ended {
        let arguments = [&["bootstrap", self.name()], arguments].concat();
        let ended = run(self.bed, &arguments);
        assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
        ended
    }

    /// What is in the namespace and about it in the cluster, with the versions that every write changes.
    fn versions(&self) -> Vec<String> {
        let columns = "custom-columns=K:.kind,N:.metadata.name,V:.metadata.resourceVersion";
        let here = "serviceaccounts,roles,rolebindings,resourcequotas,limitranges,clusterroles";
        let get = |kinds: &str| {
            let label = ["-l", "app.kubernetes.io/managed-by=kubectl-trainer"];
            let place = [
                "get",
                kinds,
                "-n",
                self.name(),
                "--no-headers",
                "-o",
                columns,
            ];
            kubectl(self.bed, &[&place[..], &label].concat())
        };
        let own = get(here);
        let cluster = get(OF_CLUSTER);
        let about = cluster.lines().filter(|line| line.contains(self.name()));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        own.lines().chain(about).map(words).collect()
    }

    /// Whether an account of this namespace may do something, asked of the server.
    #[track_caller]
    pub(crate) fn may(&self, account: &str, question: &[&str]) -> bool {
        let user = format!("system:serviceaccount:{}:{account}", self.name());
        let as_user = ["auth", "can-i", "--as", &user];
        let arguments = as_user.iter().chain(question);
        let output = self
            .bed
            .kubectl(&arguments.copied().collect::<Vec<_>>())
            .unwrap();
        match String::from_utf8(output.stdout).unwrap().trim() {
            "yes" => true,
            "no" => false,
            other => panic!("{question:?}: {other}"),
        }
    }

    fn caller(&self, name: &str, rules: &[Rule<'_>]) -> PathBuf {
        let caller = User::ServiceAccount {
            namespace: self.name(),
            name,
            rules,
        };
        self.bed.kubeconfig(&caller).unwrap()
    }
}

impl Drop for Team<'_> {
    fn drop(&mut self) {
        for kind in OF_CLUSTER.split(',') {
            let names = self.bed.kubectl(&["get", kind, "-o", "name"]).unwrap();
            let names = String::from_utf8(names.stdout).unwrap();
            let own = names.lines().filter(|name| name.contains(self.name()));
            for name in own {
                drop(self.bed.kubectl(&["delete", name]));
            }
        }
    }
}

/// The first words of the table's lines, each once.
fn results(ended: &Ended) -> Vec<&str> {
    let lines = ended.out.lines().skip(1);
    let mut words: Vec<_> = lines.filter_map(|line| line.split("  ").next()).collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-twice");
    let arguments = [
        "--quota",
        "trainjobs=5",
        "--limits",
        "cpu=100m",
        "--two-tier",
        "--persona",
        "submitter",
    ];
    let first = team.bootstrap(&arguments);
    assert!(results(&first).contains(&"created"), "{}", first.out);
    let before = team.versions();
    assert!(before.len() > 15, "{before:?}");
    let second = team.bootstrap(&arguments);
    // The namespace was there before.
    assert_eq!(results(&second), ["kept", "unchanged"], "{}", second.out);
    assert_eq!(team.versions(), before);
}

#[test]
fn looking_first_changes_nothing_and_tells_what_would() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-look");
    let arguments = ["bootstrap", team.name()];
    let look = |flag: &str| run(&bed, &[&arguments[..], &[flag]].concat());
    let planned = look("--dry-run=server");
    assert_eq!(planned.code, 0, "{}", planned.err);
    assert!(results(&planned).contains(&"to create"), "{}", planned.out);
    let diff = look("--diff");
    assert!(diff.out.contains("+ kind: RoleBinding"), "{}", diff.out);
    let own = |versions: Vec<String>| {
        let own = versions.into_iter();
        own.filter(|line| !line.starts_with("ClusterRole "))
            .collect::<Vec<_>>()
    };
    assert_eq!(own(team.versions()), [""; 0]);
    team.bootstrap(&[]);
    // An older version of this program gave fewer rights.
    let export = look("--export").out;
    let older = export.replacen("  - watch\n  - create\n", "  - watch\n", 1);
    assert_ne!(older, export);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("older.yaml");
    std::fs::write(&file, older).unwrap();
    let own = [
        "apply",
        "--server-side",
        "--field-manager=kubectl-trainer",
        "-f",
    ];
    kubectl(&bed, &[&own[..], &[file.to_str().unwrap()]].concat());
    let diff = look("--diff");
    let expected = format!(
        r#"Role {}/kubectl-trainer-submitter
.rules[0].verbs
- ["get","list","watch","patch","delete"]
+ ["get","list","watch","create","patch","delete"]

"#,
        team.name()
    );
    assert_eq!(diff.out, expected);
    let mended = team.bootstrap(&[]);
    assert_eq!(results(&mended), ["changed", "unchanged"]);
    assert!(look("--diff").err.contains("Nothing would change."));
}

#[test]
fn a_submitter_may_train_in_the_namespace_and_nothing_beyond() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-rights");
    let other = Team::new(&bed, "boot-other");
    let made = team.bootstrap(&[]);
    assert!(made.err.contains(&format!(
        "verify -n {0} --service-account {0}/trainer-submitter",
        team.name()
    )));
    let jobs = "trainjobs.trainer.kubeflow.org";
    let here = |verb, resource| vec![verb, resource, "-n", team.name()];
    let mut allowed: Vec<_> = ["create", "get", "list", "watch", "patch", "delete"]
        .map(|verb| here(verb, jobs))
        .to_vec();
    allowed.extend([
        here("get", "trainingruntimes.trainer.kubeflow.org"),
        here("list", "pods"),
        here("get", "pods/log"),
        here("list", "events"),
        vec!["list", "clustertrainingruntimes.trainer.kubeflow.org"],
    ]);
    for question in &allowed {
        assert!(team.may("trainer-submitter", question), "{question:?}");
    }
    let denied = [
        vec!["create", jobs, "-n", other.name()],
        vec!["list", jobs, "-A"],
        here("get", "secrets"),
        here("list", "secrets"),
        here("create", "pods"),
        here("create", "pods/exec"),
        here("update", "trainingruntimes.trainer.kubeflow.org"),
        here("create", "serviceaccounts/token"),
        here("create", "rolebindings"),
        here("deletecollection", jobs),
        vec!["create", "clustertrainingruntimes.trainer.kubeflow.org"],
        vec!["patch", "clustertrainingruntimes.trainer.kubeflow.org"],
        vec!["impersonate", "users"],
    ];
    for question in &denied {
        assert!(!team.may("trainer-submitter", question), "{question:?}");
    }
    // The project's own proof agrees.
    let account = format!("{}/trainer-submitter", team.name());
    let verified = crate::support::verify(&bed, &["--service-account", &account]);
    assert_eq!(verified.exit_code, 0, "{:#?}", verified.problems());
}

#[test]
fn two_namespaces_in_turn_both_keep_the_clusters_runtimes() {
    let Some(bed) = Testbed::shared() else { return };
    let (one, two) = (Team::new(&bed, "boot-one"), Team::new(&bed, "boot-two"));
    let question = ["list", "clustertrainingruntimes.trainer.kubeflow.org"];
    one.bootstrap(&[]);
    two.bootstrap(&[]);
    assert!(one.may("trainer-submitter", &question));
    assert!(two.may("trainer-submitter", &question));
}

#[test]
fn nothing_is_bound_in_the_cluster_where_everybody_may_read_the_runtimes() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-read-all");
    let everybody = format!("{}-everybody", team.name());
    let group = format!("--group=system:serviceaccounts:{}", team.name());
    let role = "--clusterrole=view-runtimes-of-all";
    let runtimes = "--resource=clustertrainingruntimes.trainer.kubeflow.org";
    drop(bed.kubectl(&[
        "create",
        "clusterrole",
        "view-runtimes-of-all",
        "--verb=get,list",
        runtimes,
    ]));
    kubectl(
        &bed,
        &["create", "clusterrolebinding", &everybody, role, &group],
    );
    let made = team.bootstrap(&[]);
    assert!(!made.out.contains("ClusterRoleBinding"), "{}", made.out);
    let note = format!(
        "The service account {}/trainer-submitter may read the cluster's runtimes already: allowed by ClusterRoleBinding \"{everybody}\"",
        team.name()
    );
    assert!(made.err.contains(&note), "{}", made.err);
}

#[test]
fn an_account_that_is_there_is_bound_and_never_changed() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-editor");
    kubectl(
        &bed,
        &[
            "create",
            "serviceaccount",
            "default-editor",
            "-n",
            team.name(),
        ],
    );
    let get = || {
        let place = ["get", "serviceaccount", "default-editor", "-n", team.name()];
        kubectl(
            &bed,
            &[&place[..], &["-o", "json", "--show-managed-fields"]].concat(),
        )
    };
    let before = get();
    let made = team.bootstrap(&[
        "--service-account",
        "default-editor",
        "--for-user",
        "jane@example.com",
        "--for-group",
        "Data Science",
    ]);
    assert!(made.out.contains("kept"), "{}", made.out);
    assert!(
        made.out
            .contains("kubectl-trainer-submitter-user:jane@example.com")
    );
    assert_eq!(get(), before);
    assert!(team.may(
        "default-editor",
        &[
            "create",
            "trainjobs.trainer.kubeflow.org",
            "-n",
            team.name()
        ]
    ));
    let as_member = [
        "auth",
        "can-i",
        "create",
        "trainjobs.trainer.kubeflow.org",
        "-n",
        team.name(),
        "--as",
        "ann",
        "--as-group",
        "Data Science",
    ];
    assert_eq!(kubectl(&bed, &as_member).trim(), "yes");
}

#[test]
fn what_another_manager_has_made_is_named_and_nothing_at_all_is_changed() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-foreign");
    let name = "kubectl-trainer-submitter-trainer-submitter";
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": name, "namespace": team.name() },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "kubectl-trainer-submitter" },
        "subjects": [{ "kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io" }],
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foreign-binding.json");
    std::fs::write(&file, binding.to_string()).unwrap();
    let apply = ["apply", "--server-side", "--field-manager=flux", "-f"];
    kubectl(&bed, &[&apply[..], &[file.to_str().unwrap()]].concat());
    let before = kubectl(
        &bed,
        &[
            "get",
            "rolebinding",
            name,
            "-n",
            team.name(),
            "-o",
            "json",
            "--show-managed-fields",
        ],
    );
    let refused = run(&bed, &["bootstrap", team.name()]);
    assert_eq!(refused.code, 6, "{}", refused.out);
    let words = format!("RoleBinding {}/{name}: flux has set .subjects", team.name());
    assert!(refused.err.contains(&words), "{}", refused.err);
    assert!(
        refused.err.contains("is in the way; nothing was changed"),
        "{}",
        refused.err
    );
    let after = kubectl(
        &bed,
        &[
            "get",
            "rolebinding",
            name,
            "-n",
            team.name(),
            "-o",
            "json",
            "--show-managed-fields",
        ],
    );
    assert_eq!(after, before);
    assert!(!team.may(
        "trainer-submitter",
        &[
            "create",
            "trainjobs.trainer.kubeflow.org",
            "-n",
            team.name()
        ]
    ));
}

/// What whoever owns a Kubeflow profile holds, of all that matters here (kubeflow-admin of release 1.11).
const PROFILE_OWNER: &[(&[&str], &[&str], &[&str])] = &[
    (
        &["trainer.kubeflow.org"],
        &["trainjobs"],
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    (
        &["trainer.kubeflow.org"],
        &["trainingruntimes"],
        &["get", "list", "watch"],
    ),
    (
        &[""],
        &[
            "pods",
            "pods/log",
            "events",
            "resourcequotas",
            "limitranges",
            "namespaces",
            "serviceaccounts",
        ],
        &["get", "list", "watch"],
    ),
    (&[""], &["serviceaccounts"], &["create", "patch", "delete"]),
    (&["batch"], &["jobs"], &["get", "list", "watch"]),
    (
        &["rbac.authorization.k8s.io"],
        &["roles", "rolebindings"],
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    (
        &["authorization.k8s.io"],
        &["localsubjectaccessreviews"],
        &["create"],
    ),
];

#[test]
fn who_may_not_grant_all_grants_the_rest_and_hands_the_others_to_an_administrator() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-owner");
    let rule = |(groups, resources, verbs): &(
        &'static [&'static str],
        &'static [&'static str],
        &'static [&'static str],
    )| Rule {
        reach: Reach::Namespace,
        groups,
        resources,
        verbs,
    };
    let rules: Vec<_> = PROFILE_OWNER.iter().map(rule).collect();
    let owner = team.caller("owner", &rules);
    let partly = run_as(&owner, &["bootstrap", team.name()]);
    assert_eq!(partly.code, 4, "{}{}", partly.out, partly.err);
    let submit = [
        "create",
        "trainjobs.trainer.kubeflow.org",
        "-n",
        team.name(),
    ];
    assert!(team.may("trainer-submitter", &submit), "{}", partly.out);
    let lacking = "Role {}/kubectl-trainer-submitter-diagnose: nobody may grant rights that they do not hold, and you lack";
    assert!(
        partly.err.contains(&lacking.replace("{}", team.name())),
        "{}",
        partly.err
    );
    assert!(partly.err.contains("jobset.x-k8s.io"), "{}", partly.err);
    assert!(
        !partly.err.contains("Resources:[\"trainjobs\"]"),
        "{}",
        partly.err
    );
    // Nothing is half there.
    let read_jobsets = ["list", "jobsets.jobset.x-k8s.io", "-n", team.name()];
    assert!(!team.may("trainer-submitter", &read_jobsets));
    // What is printed is what an administrator pastes.
    let (_, command) = partly.out.split_once("\n\n").unwrap();
    assert!(command.starts_with("kubectl "), "{command}");
    let as_admin = command.replacen("kubectl --kubeconfig", "kubectl --ignored", 1);
    let as_admin = as_admin.replacen(&format!("--ignored {} ", owner.display()), "", 1);
    crate::support::paste(&bed, &as_admin);
    assert!(team.may("trainer-submitter", &read_jobsets));
    // With that done, only what the owner may not even read is left.
    let again = run_as(&owner, &["bootstrap", team.name(), "--namespaced-only"]);
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
}

#[test]
fn who_interrupts_it_learns_how_far_it_came_and_goes_on_with_the_same_command() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-stop");
    let binding = "kubectl-trainer-submitter-trainer-submitter";
    let write = Matcher::Request {
        method: Some("PATCH".to_owned()),
        path_prefix: format!(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings/{binding}?fieldManager",
            team.name()
        ),
    };
    let proxy = bed.between_client_and_server();
    let stalled = proxy.set(write, Fault::Stall, Times::Always).unwrap();
    let mut command = binary();
    command
        .args(["bootstrap", team.name(), "--core-only", "--namespaced-only"])
        .arg("--kubeconfig")
        .arg(bed.kubeconfig(&User::Admin).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let process = command.spawn().unwrap();
    wait_until("a write that gets no answer", || {
        stalled.hits().unwrap() == Some(1)
    });
    let id = Pid::from_raw(process.id().try_into().unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let stopped = ended(&process.wait_with_output().unwrap());
    assert_eq!(stopped.code, 130, "{}{}", stopped.out, stopped.err);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let table: Vec<_> = stopped.out.lines().map(words).collect();
    let here = team.name();
    let expected = [
        "RESULT KIND NAMESPACE NAME".to_owned(),
        format!("kept Namespace {here}"),
        format!("created ServiceAccount {here} trainer-submitter"),
        format!("created Role {here} kubectl-trainer-submitter"),
        format!("interrupted RoleBinding {here} {binding}"),
    ];
    assert_eq!(table, expected);
    assert_data_eq!(
        stopped.err,
        str![[r#"
error: stopped after 2 of 3 objects
hint: the same command goes on where it stopped

"#]]
    );
    drop(stalled);
    // The server may have got the interrupted request after all.
    let arguments = ["--core-only", "--namespaced-only"];
    team.bootstrap(&arguments);
    let again = team.bootstrap(&arguments);
    assert_eq!(results(&again), ["kept", "unchanged"], "{}", again.out);
}

#[test]
fn exported_objects_are_the_objects_that_are_made() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-export");
    let arguments = ["--two-tier", "--persona", "admin", "--quota", "pods=9"];
    let export = team.bootstrap(&[&arguments[..], &["--export"]].concat());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exported.yaml");
    std::fs::write(&file, &export.out).unwrap();
    let apply = ["apply", "--server-side", "-f"];
    kubectl(&bed, &[&apply[..], &[file.to_str().unwrap()]].concat());
    let before = team.versions();
    let run = team.bootstrap(&arguments);
    assert_eq!(results(&run), ["unchanged"], "{}", run.out);
    assert_eq!(team.versions(), before);
}

#[test]
fn a_program_reads_what_was_done_with_each_object() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-json");
    let made = team.bootstrap(&["-o", "json"]);
    let document: Value = serde_json::from_str(&made.out).unwrap();
    crate::schemas::assert_follows("changes", &document);
    assert_eq!(document["exitCode"], 0);
    assert_eq!(document["steps"][0]["result"], "kept");
    assert_eq!(document["steps"][1]["object"]["kind"], "ServiceAccount");
    assert_eq!(made.err, "");
}

#[test]
fn a_namespace_that_is_missing_is_made() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-absent");
    let name = format!("{}-new", team.name());
    let made = run(&bed, &["bootstrap", &name, "--persona", "viewer"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let first: Vec<_> = made
        .out
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(first, ["created", "Namespace", &name]);
    let again = run(&bed, &["bootstrap", &name, "--persona", "viewer"]);
    assert_eq!(results(&again), ["unchanged"]);
    kubectl(&bed, &["delete", "namespace", &name, "--wait=false"]);
}
