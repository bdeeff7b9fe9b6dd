//! What the commands for beds by hand say, with their exit codes.

use std::fs::Permissions;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use snapbox::cmd::{Command, cargo_bin};
use snapbox::str;
use testbed::{Options, Testbed, is_skipped};

fn testbed(arguments: &[&str]) -> Command {
    Command::new(cargo_bin!("testbed")).args(arguments)
}

#[test]
fn taking_down_what_is_not_up_says_how_to_start_it() {
    testbed(&["down", "--name", "nobody"])
        .assert()
        .code(1)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: the test bed nobody is not up; start it with: cargo xtask cluster up --name nobody

"#]]);
}

#[test]
fn the_environment_of_what_is_not_up_is_an_error() {
    testbed(&["env", "--name", "nobody"])
        .assert()
        .code(1)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: the test bed nobody is not up; start it with: cargo xtask cluster up --name nobody

"#]]);
}

#[test]
fn a_name_that_could_leave_the_folder_is_refused() {
    testbed(&["down", "--name", "../x"]).assert().code(1).stdout_eq(str![]).stderr_eq(str![[r#"
error: naming a test bed `../x` failed: a name has 1 to 20 lower-case letters, digits and dashes; choose another with: --name NAME

"#]]);
}

#[test]
fn an_unknown_release_is_refused_before_anything_is_built() {
    testbed(&["up", "--name", "nobody", "--trainer", "v9.9.9"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'v9.9.9' for '--trainer <TRAINER>': the test bed has v2.0.1, v2.1.0, v2.2.1, v2.3.0

For more information, try '--help'.

"#]]);
}

#[test]
fn everything_that_the_machine_lacks_is_said_at_once() {
    // No Go in the PATH, and somebody who may not do anything, not even look into the folder of the build.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("testbed");
    std::fs::copy(cargo_bin!("testbed"), &program).unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let command = if rustix::process::geteuid().is_root() {
        Command::new("/usr/bin/setpriv")
            .args(["--reuid=65534", "--clear-groups", "--"])
            .arg(&program)
    } else {
        Command::new(&program)
    };
    command
        .args(["up", "--name", "nobody"])
        .env("PATH", "/nonexistent")
        .assert()
        .code(1)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: this machine cannot run the test bed yet:
  missing: root; mend it with: sudo --preserve-env=PATH cargo xtask cluster up
  missing: Go 1.26 or newer; mend it with: curl -fsSL https://go.dev/dl/go1.26.0.linux-[..].tar.gz | tar -C /usr/local -xz && export PATH=/usr/local/go/bin:$PATH

"#]]);
}

#[test]
fn a_bed_is_listed_explained_and_not_started_twice() {
    if is_skipped() {
        return;
    }
    let bed = Testbed::start(&Options::default(), &mut io::stderr()).unwrap();
    let name = bed.name();
    let (_, port) = bed.url().rsplit_once(':').unwrap();
    let status = testbed(&["status"]).output().unwrap();
    let line = BufReader::new(status.stdout.as_slice())
        .lines()
        .map_while(Result::ok)
        .find(|line| line.starts_with(name));
    let line = line.unwrap();
    assert_eq!(
        line.split_once(' ').unwrap().1.trim(),
        format!("https://127.0.0.1:{port}  nodes: 1, fake nodes: 0, trainer: none")
    );

    testbed(&["up", "--name", name]).assert().code(1).stdout_eq(str![]).stderr_eq(format!(
        "error: the test bed {name} is already up; take it down with: cargo xtask cluster down --name {name}\n"
    ));
    testbed(&["env", "--name", name]).assert().success().stderr_eq(str![]).stdout_eq(format!(
        "export KUBECONFIG=/var/cache/kubectl-trainer-testbed/{name}/admin.kubeconfig\nexport PATH=[..]:$PATH\n"
    ));
    testbed(&["logs", "--name", name])
        .assert()
        .success()
        .stderr_eq(str![])
        .stdout_eq(str![[r#"
audit
connect-proxy
containerd-n1
coredns
door
etcd
kube-apiserver
kube-controller-manager
kube-scheduler
kubelet-n1
namespaces-control-plane
namespaces-n1

"#]]);
    let log = std::process::Command::new(cargo_bin!("testbed"))
        .args(["logs", "--name", name, "etcd"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&log.stdout).contains("ready to serve client requests"));
}
