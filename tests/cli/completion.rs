//! What TAB gives: kubectl's protocol under the second name of the binary, and the scripts for shells.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use snapbox::{Data, assert_data_eq, cmd::Command, file, str};
use tempfile::TempDir;

use crate::plugin::{BINARY, plugin, plugin_at};

/// The binary under the name that kubectl asks, in a folder of its own.
fn completion(folder: &TempDir, name: &str) -> Command {
    let path = folder.path().join(name);
    if !path.exists() {
        symlink(BINARY, &path).unwrap();
    }
    plugin_at(&path)
}

/// What kubectl gets for these words.
fn answer(words: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let ended = completion(&folder, "kubectl_complete-trainer")
        .args(words)
        .assert();
    let ended = ended.code(0).stderr_eq("");
    String::from_utf8(ended.get_output().stdout.clone()).unwrap()
}

#[test]
fn kubectl_gets_every_command_with_what_it_is_for_and_no_files() {
    assert_data_eq!(
        answer(&[""]),
        str![[r#"
verify	Check that Kubeflow Trainer is installed and working
logs	Show the log lines of every node of a TrainJob
tail	Follow the log lines of every node: the same as logs --follow
progress	Show how far TrainJobs are
runtimes	Show the training runtimes: the recipes that TrainJobs name
bootstrap	Make a namespace ready for training, with just enough rights for somebody
access	Give service accounts credentials, see which are out, and take them back
explain	Explain a check or a reason: what is looked at, why it matters, and how to mend it
completion	Complete words with TAB: through kubectl, or with a script for your shell
version	Show the versions of the plugin, of Kubernetes and of Kubeflow Trainer
:4

"#]]
    );
}

#[test]
fn a_word_that_is_begun_is_completed_and_nothing_else() {
    assert_data_eq!(
        answer(&["ver"]),
        str![[r#"
verify	Check that Kubeflow Trainer is installed and working
version	Show the versions of the plugin, of Kubernetes and of Kubeflow Trainer
:4

"#]]
    );
    assert_data_eq!(
        answer(&["nothing-like-it"]),
        str![[r#"
:4

"#]]
    );
    assert_data_eq!(
        answer(&["access", "w"]),
        str![[r#"
why	Tell whether somebody may do something, and why, or what is missing
:4

"#]]
    );
}

#[test]
fn values_of_flags_come_without_the_flag() {
    assert_data_eq!(
        answer(&["verify", "--output=j"]),
        str![[r#"
json
junit
:4

"#]]
    );
    assert_data_eq!(
        answer(&["logs", "-o", ""]),
        str![[r#"
text
json
raw
:4

"#]]
    );
    assert_data_eq!(
        answer(&["bootstrap", "team-a", "--persona", "s"]),
        str![[r#"
submitter
system
:4

"#]]
    );
    assert_data_eq!(
        answer(&["bootstrap", "team-a", "--quota", "requests.n"]),
        str![[r#"
requests.nvidia.com/gpu=
:6

"#]]
    );
    assert_data_eq!(
        answer(&["verify", "--only", "TRN-API,TRN-NS-"]),
        str![[r#"
TRN-API,TRN-NS-EXISTS	The namespace exists and takes new objects
TRN-API,TRN-NS-ACCESS	The caller may train in the namespace
TRN-API,TRN-NS-QUOTA	Quotas leave room for a TrainJob
TRN-API,TRN-NS-SERVICE-ACCOUNT	Training pods find their service accounts
TRN-API,TRN-NS-POD-ADMISSION	Pods of the training runtimes are admitted
:4

"#]]
    );
}

#[test]
fn files_and_folders_are_left_to_the_shell() {
    assert_eq!(answer(&["--kubeconfig", ""]), ":0\n");
    assert_eq!(answer(&["access", "rotate", "-f", "x"]), ":0\n");
    assert_eq!(answer(&["logs", "--from", ""]), ":16\n");
}

#[test]
fn the_kubeconfig_gives_contexts_clusters_and_users() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("config");
    let text = "apiVersion: v1\nkind: Config\n\
        contexts:\n- {name: near, context: {cluster: one, user: me, namespace: team-a}}\n\
        - {name: nearer, context: {cluster: two, user: me}}\n\
        clusters:\n- {name: one, cluster: {server: 'https://one.invalid'}}\n\
        users:\n- {name: me, user: {token: secret-token}}\n";
    fs::write(&kubeconfig, text).unwrap();
    let given = |words: &[&str]| {
        let asked = completion(&folder, "kubectl_complete-trainer")
            .env("KUBECONFIG", &kubeconfig)
            .args(words);
        let ended = asked.assert().code(0).stderr_eq("");
        String::from_utf8(ended.get_output().stdout.clone()).unwrap()
    };
    assert_eq!(
        given(&["--context", "ne"]),
        "near\tone, namespace team-a\nnearer\ttwo\n:4\n"
    );
    assert_eq!(
        given(&["verify", "--cluster="]),
        "one\thttps://one.invalid\n:4\n"
    );
    assert_eq!(given(&["verify", "--user", ""]), "me\n:4\n");
}

#[test]
fn without_a_cluster_nothing_is_offered_and_nothing_is_said() {
    assert_eq!(answer(&["logs", ""]), ":4\n");
    assert_eq!(answer(&["-n", ""]), ":4\n");
    assert_eq!(
        answer(&["runtimes", "show", "-s", "127.0.0.1:1", "t"]),
        ":4\n"
    );
    assert_eq!(
        answer(&["logs", "--kubeconfig", "/nonexistent/file", ""]),
        ":4\n"
    );
}

#[test]
fn a_credential_plugin_that_talks_is_not_heard() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("config");
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
        contexts:\n- {name: c, context: {cluster: c, user: u}}\n\
        clusters:\n- {name: c, cluster: {server: 'https://127.0.0.1:1'}}\n\
        users:\n- name: u\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n\
        \u{20}     command: sh\n      args: [-c, 'echo please log in >&2; touch \"$0\"; exit 1', MARK]\n\
        \u{20}     interactiveMode: IfAvailable\n";
    let mark = folder.path().join("ran");
    fs::write(&kubeconfig, text.replace("MARK", mark.to_str().unwrap())).unwrap();
    completion(&folder, "kubectl_complete-trainer")
        .env("KUBECONFIG", &kubeconfig)
        .env("PATH", "/usr/bin:/bin")
        .args(["logs", ""])
        .assert()
        .code(0)
        .stderr_eq("")
        .stdout_eq(":4\n");
    assert!(mark.exists(), "the plugin was not run at all");
}

#[test]
fn the_program_can_be_asked_under_its_own_name_too() {
    plugin()
        .args(["__complete", "runtimes", "s"])
        .assert()
        .code(0)
        .stderr_eq("")
        .stdout_eq(str![[r#"
show	Show one runtime in detail: policy, jobs, containers, resources, volumes
:4

"#]]);
    plugin()
        .args(["__completeNoDesc", "runtimes", "s"])
        .assert()
        .code(0)
        .stderr_eq("")
        .stdout_eq("show\n:4\n");
    plugin()
        .args(["__complete"])
        .assert()
        .code(0)
        .stdout_eq(answer(&[""]));
}

#[test]
fn under_another_plugins_name_it_completes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    completion(&folder, "kubectl_complete-kubeflow_trainer")
        .arg("ver")
        .assert()
        .code(0)
        .stderr_eq("")
        .stdout_eq(answer(&["ver"]));
}

fn script(shell: &str) -> String {
    let ended = plugin()
        .args(["completion", shell])
        .assert()
        .code(0)
        .stderr_eq("");
    String::from_utf8(ended.get_output().stdout.clone()).unwrap()
}

/// Written anew with `SNAPSHOTS=overwrite cargo test -p kubectl-trainer --test cli`.
#[test]
fn the_scripts_that_are_shipped_are_those_that_the_program_prints() {
    let shipped: [(&str, Data); 6] = [
        ("bash", file!["../../completions/kubectl-trainer.bash"]),
        ("zsh", file!["../../completions/_kubectl-trainer"]),
        ("fish", file!["../../completions/kubectl-trainer.fish"]),
        (
            "powershell",
            file!["../../completions/_kubectl-trainer.ps1"],
        ),
        ("elvish", file!["../../completions/kubectl-trainer.elv"]),
        ("nushell", file!["../../completions/kubectl-trainer.nu"]),
    ];
    for (shell, file) in shipped {
        assert_data_eq!(script(shell), file.raw());
    }
}

#[test]
fn a_script_is_for_the_name_that_the_program_has() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("kubectl-kubeflow_trainer");
    symlink(BINARY, &path).unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish", "nushell"] {
        let ended = plugin_at(&path)
            .args(["completion", shell])
            .assert()
            .code(0);
        let text = String::from_utf8(ended.get_output().stdout.clone()).unwrap();
        assert!(text.contains("kubectl-kubeflow_trainer"), "{shell}: {text}");
        // The help in nushell's may speak of the program by its first name.
        assert!(!text.contains("extern kubectl-trainer"), "{shell}: {text}");
        let is_first_name = shell != "nushell" && text.contains("kubectl-trainer");
        assert!(!is_first_name, "{shell}: {text}");
    }
}

#[test]
fn a_shell_that_has_no_script_gets_nothing() {
    plugin()
        .env("KUBECTL_TRAINER_COMPLETE", "tcsh")
        .args(["--", "kubectl-trainer", ""])
        .assert()
        .code(0)
        .stderr_eq("")
        .stdout_eq("");
    plugin()
        .args(["completion", "tcsh"])
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: unrecognized subcommand 'tcsh'

  tip: a similar subcommand exists: 'zsh'

Usage: kubectl trainer completion [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]]);
}

#[test]
fn a_variable_that_was_left_over_silences_no_command() {
    plugin()
        .env("KUBECTL_TRAINER_COMPLETE", "powershell")
        .args(["runtimes", "nonsense"])
        .assert()
        .code(2)
        .stdout_eq("");
}
