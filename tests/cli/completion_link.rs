//! `completion install|uninstall|status` in folders of the test's own, with the real kubectl on the `PATH` where there is
//! one.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use snapbox::{Assert, Redactions, assert::DEFAULT_ACTION_ENV, cmd::OutputAssert, str};
use tempfile::TempDir;
use testbed::Testbed;

use crate::plugin::{BINARY, plugin_at};

/// A machine with a home, in which the plugin is in `bin`.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for folder in ["bin", "home/.local/bin", "elsewhere"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        symlink(BINARY, machine.path("bin/kubectl-trainer")).unwrap();
        machine
    }

    /// Beside it the kubectl of a bed.
    fn with_kubectl(bed: &Testbed) -> Self {
        let machine = Self::new();
        symlink(bed.kubectl_path(), machine.path("bin/kubectl")).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn completion(&self, words: &[&str]) -> OutputAssert {
        self.completion_of("bin/kubectl-trainer", words)
    }

    fn completion_of(&self, program: &str, words: &[&str]) -> OutputAssert {
        let folders = [self.path("bin"), self.path("home/.local/bin")];
        let mut redactions = Redactions::new();
        redactions
            .insert("[MACHINE]", self.folder.path().display().to_string())
            .unwrap();
        redactions.insert("[BINARY]", BINARY).unwrap();
        plugin_at(&self.path(program))
            .with_assert(
                Assert::new()
                    .action_env(DEFAULT_ACTION_ENV)
                    .redact_with(redactions),
            )
            .env("HOME", self.path("home"))
            .env("PATH", std::env::join_paths(folders).unwrap())
            .arg("completion")
            .args(words)
            .assert()
    }

    /// Where a link leads.
    fn link(&self, name: &str) -> Option<PathBuf> {
        fs::read_link(self.path(name)).ok()
    }

    fn write_script(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn the_file_is_made_beside_the_plugin_and_kubectl_itself_proves_it() {
    let Some(bed) = Testbed::shared() else {
        return;
    };
    let machine = Machine::with_kubectl(&bed);
    machine
        .completion(&["status"])
        .code(1)
        .stdout_eq(str![[r#"
TAB does not work behind `kubectl trainer`.
  kubectl     [MACHINE]/bin/kubectl
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  none

"#]])
        .stderr_eq(str![[r#"
error: there is no kubectl_complete-trainer on the PATH, which kubectl would ask
hint: make it with: kubectl trainer completion install

"#]]);
    machine
        .completion(&["install"])
        .code(0)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is made.
TAB works behind `kubectl trainer`.
  kubectl     [MACHINE]/bin/kubectl
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]])
        .stderr_eq(str![[r#"
Your shell has to complete kubectl itself, too: see kubectl completion --help

"#]]);
    assert_eq!(
        machine.link("bin/kubectl_complete-trainer").as_deref(),
        Some(Path::new("kubectl-trainer"))
    );
    machine
        .completion(&["install"])
        .code(0)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is there already.
TAB works behind `kubectl trainer`.
  kubectl     [MACHINE]/bin/kubectl
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]])
        .stderr_eq(str![[r#"
Your shell has to complete kubectl itself, too: see kubectl completion --help

"#]]);
    machine
        .completion(&["status"])
        .code(0)
        .stdout_eq(str![[r#"
TAB works behind `kubectl trainer`.
  kubectl     [MACHINE]/bin/kubectl
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]])
        .stderr_eq(str![[r#"
Your shell has to complete kubectl itself, too: see kubectl completion --help

"#]]);
    machine
        .completion(&["uninstall"])
        .code(0)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is removed.

"#]])
        .stderr_eq("");
    assert_eq!(machine.link("bin/kubectl_complete-trainer"), None);
    machine
        .completion(&["uninstall"])
        .code(0)
        .stdout_eq(str![[r#"
There is no kubectl_complete-trainer on the PATH.

"#]])
        .stderr_eq("");
}

#[test]
fn a_script_of_somebody_elses_that_answers_is_left_alone_and_works() {
    let Some(bed) = Testbed::shared() else {
        return;
    };
    let machine = Machine::with_kubectl(&bed);
    let script = format!("#!/bin/sh\nexec {BINARY} __complete \"$@\"\n");
    machine.write_script("bin/kubectl_complete-trainer", &script);
    machine.completion(&["status"]).code(0);
    machine.completion(&["install"]).code(0).stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is there already.
TAB works behind `kubectl trainer`.
  kubectl     [MACHINE]/bin/kubectl
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]]);
    machine
        .completion(&["uninstall"])
        .code(6)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: [MACHINE]/bin/kubectl_complete-trainer is not a link to this plugin
hint: see what it is, and remove it by hand

"#]]);
    assert!(machine.path("bin/kubectl_complete-trainer").exists());
    machine
        .completion(&["install", "--force"])
        .code(0)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is made.
TAB works behind `kubectl trainer`.
  kubectl     [MACHINE]/bin/kubectl
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]]);
    machine.completion(&["uninstall"]).code(0);
}

#[test]
fn a_script_that_does_not_answer_is_found_out_by_asking() {
    let Some(bed) = Testbed::shared() else {
        return;
    };
    let machine = Machine::with_kubectl(&bed);
    machine.write_script("bin/kubectl_complete-trainer", "#!/bin/sh\nexit 3\n");
    machine
        .completion(&["status"])
        .code(1)
        .stdout_eq(str![[r#"
TAB does not work behind `kubectl trainer`.
  kubectl     [MACHINE]/bin/kubectl
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]])
        .stderr_eq(str![[r#"
error: [MACHINE]/bin/kubectl_complete-trainer gives kubectl none of the plugin's words
hint: put this plugin's in its place: kubectl trainer completion install --force

"#]]);
}

#[test]
fn another_name_of_the_plugin_has_a_file_of_its_own() {
    let Some(bed) = Testbed::shared() else {
        return;
    };
    let machine = Machine::with_kubectl(&bed);
    symlink(BINARY, machine.path("bin/kubectl-kubeflow_trainer")).unwrap();
    machine
        .completion_of("bin/kubectl-kubeflow_trainer", &["install"])
        .code(0)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-kubeflow_trainer is made.
TAB works behind `kubectl kubeflow-trainer`.
  kubectl     [MACHINE]/bin/kubectl
  plugin      [MACHINE]/bin/kubectl-kubeflow_trainer
  completion  [MACHINE]/bin/kubectl_complete-kubeflow_trainer

"#]]);
    assert_eq!(
        machine
            .link("bin/kubectl_complete-kubeflow_trainer")
            .as_deref(),
        Some(Path::new("kubectl-kubeflow_trainer"))
    );
    assert_eq!(machine.link("bin/kubectl_complete-trainer"), None);
}

#[test]
fn without_kubectl_or_the_plugin_on_the_path_that_is_what_is_told() {
    let machine = Machine::new();
    machine
        .completion(&["status"])
        .code(1)
        .stdout_eq(str![[r#"
TAB does not work behind `kubectl trainer`.
  kubectl     not on the PATH
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  none

"#]])
        .stderr_eq(str![[r#"
error: there is no kubectl on the PATH
hint: put kubectl into a folder of the PATH

"#]]);
    symlink(BINARY, machine.path("elsewhere/kubectl-trainer")).unwrap();
    fs::remove_file(machine.path("bin/kubectl-trainer")).unwrap();
    machine
        .completion_of("elsewhere/kubectl-trainer", &["install"])
        .code(5)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: kubectl does not find kubectl-trainer on the PATH
hint: put the program into a folder of the PATH under that name, then run this again

"#]]);
}

#[test]
fn a_folder_that_the_path_has_not_is_refused_and_one_that_it_has_is_taken() {
    let machine = Machine::new();
    let elsewhere = machine.path("elsewhere").display().to_string();
    let refused = machine.completion(&["install", "--folder", &elsewhere]);
    refused.code(2).stdout_eq("").stderr_eq(str![[r#"
error: [MACHINE]/elsewhere is not on the PATH, so kubectl would not find kubectl_complete-trainer there
hint: name a folder of the PATH, or leave --folder out

"#]]);
    let home = machine.path("home/.local/bin").display().to_string();
    // There is no kubectl to prove it, which is told after it is made.
    machine
        .completion(&["install", "--folder", &home])
        .code(1)
        .stdout_eq(str![[r#"
[MACHINE]/home/.local/bin/kubectl_complete-trainer is made.
TAB does not work behind `kubectl trainer`.
  kubectl     not on the PATH
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/home/.local/bin/kubectl_complete-trainer

"#]]);
    assert_eq!(
        machine.link("home/.local/bin/kubectl_complete-trainer"),
        Some(machine.path("bin/kubectl-trainer"))
    );
}

#[test]
fn a_link_whose_plugin_is_gone_or_another_copy_is_told_and_made_anew() {
    let machine = Machine::new();
    let link = machine.path("bin/kubectl_complete-trainer");
    symlink("/nonexistent/kubectl-trainer", &link).unwrap();
    machine.completion(&["status"]).code(1).stdout_eq(str![[r#"
TAB does not work behind `kubectl trainer`.
  kubectl     not on the PATH
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]]);
    machine.completion(&["install"]);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("kubectl-trainer"));
    fs::remove_file(&link).unwrap();
    fs::copy(BINARY, machine.path("elsewhere/kubectl-trainer")).unwrap();
    symlink(machine.path("elsewhere/kubectl-trainer"), &link).unwrap();
    machine.completion(&["status"]).code(1).stdout_eq(str![[r#"
TAB does not work behind `kubectl trainer`.
  kubectl     not on the PATH
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer -> [MACHINE]/elsewhere/kubectl-trainer

"#]]);
    machine
        .completion(&["uninstall"])
        .code(0)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is removed.

"#]]);
}

#[test]
fn a_typing_error_takes_nothing_away() {
    let machine = Machine::new();
    let link = machine.path("bin/kubectl_complete-trainer");
    symlink("/nonexistent/kubectl-trainer", &link).unwrap();
    machine
        .completion(&["install", "--folder", "/nonexistent"])
        .code(2);
    assert!(link.symlink_metadata().is_ok());
}

#[test]
fn folders_are_taken_however_they_are_spelled_and_counted_once() {
    let machine = Machine::new();
    // As /bin is /usr/bin.
    fs::remove_dir(machine.path("home/.local/bin")).unwrap();
    symlink(machine.path("bin"), machine.path("home/.local/bin")).unwrap();
    let folder = machine.path("elsewhere/../bin").display().to_string();
    machine
        .completion(&["install", "--folder", &folder])
        .code(1)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is made.
TAB does not work behind `kubectl trainer`.
  kubectl     not on the PATH
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]]);
    machine
        .completion(&["uninstall"])
        .code(0)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is removed.

"#]]);
}

#[test]
fn a_file_that_is_found_first_is_told_after_the_link_is_made() {
    let machine = Machine::new();
    machine.write_script("bin/kubectl_complete-trainer", "#!/bin/sh\n");
    let home = machine.path("home/.local/bin").display().to_string();
    let ended = machine.completion(&["install", "--folder", &home]);
    ended.code(1).stdout_eq("").stderr_eq(str![[r#"
error: [MACHINE]/home/.local/bin/kubectl_complete-trainer is made, and kubectl finds [MACHINE]/bin/kubectl_complete-trainer before it
hint: remove the other one, or put this one's folder before it on the PATH

"#]]);
}

#[test]
fn a_folder_of_that_name_is_no_obstacle() {
    let machine = Machine::new();
    fs::create_dir(machine.path("home/.local/bin/kubectl_complete-trainer")).unwrap();
    machine.completion(&["install"]).code(1).stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is made.
TAB does not work behind `kubectl trainer`.
  kubectl     not on the PATH
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]]);
    machine
        .completion(&["uninstall"])
        .code(0)
        .stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is removed.

"#]]);
}

#[test]
fn a_link_to_the_script_of_an_archive_is_not_taken_for_another_copy() {
    let machine = Machine::new();
    fs::create_dir(machine.path("archive")).unwrap();
    machine.write_script("archive/kubectl_complete-trainer", "#!/bin/sh\n");
    let link = machine.path("bin/kubectl_complete-trainer");
    symlink(machine.path("archive/kubectl_complete-trainer"), link).unwrap();
    machine.completion(&["install"]).code(1).stdout_eq(str![[r#"
[MACHINE]/bin/kubectl_complete-trainer is there already.
TAB does not work behind `kubectl trainer`.
  kubectl     not on the PATH
  plugin      [MACHINE]/bin/kubectl-trainer
  completion  [MACHINE]/bin/kubectl_complete-trainer

"#]]);
}

#[test]
fn the_program_itself_is_never_removed() {
    let machine = Machine::new();
    fs::remove_file(machine.path("bin/kubectl-trainer")).unwrap();
    fs::copy(BINARY, machine.path("bin/kubectl_complete-trainer")).unwrap();
    symlink(
        "kubectl_complete-trainer",
        machine.path("bin/kubectl-trainer"),
    )
    .unwrap();
    machine.completion(&["uninstall"]).code(6).stdout_eq("");
    machine
        .completion(&["install", "--force"])
        .code(6)
        .stdout_eq("");
    assert!(machine.link("bin/kubectl_complete-trainer").is_none());
    assert!(machine.path("bin/kubectl_complete-trainer").is_file());
}
