//! The plugin as people get it: unpacked from an archive by somebody who has an empty home and no rights on this
//! machine, who verifies, makes a namespace ready, follows a job with rows under its lines, presses TAB, and removes it.
//! `KUBECTL_TRAINER_ARCHIVE` names the archive; without it, this build's program is packed.

use std::{
    env, fs, io,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use testbed::{Namespace, Testbed, User};

use crate::{
    completion::{
        shells::are_here,
        terminal::{PROMPT, Terminal},
    },
    reading::run_job,
};

/// An account that nobody has on this machine.
const ACCOUNT: u32 = 61_234;

/// Somebody new, with a folder that nobody else uses.
struct Newcomer {
    folder: TempDir,
    namespace: Namespace,
}

impl Newcomer {
    fn new(bed: &Testbed) -> Self {
        let newcomer = Self {
            folder: tempfile::tempdir().unwrap(),
            namespace: bed.namespace("newcomer").unwrap(),
        };
        let folder = newcomer.folder.path();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(newcomer.home()).unwrap();
        fs::copy(bed.kubectl_path(), folder.join("kubectl")).unwrap();
        fs::copy(archive(folder), newcomer.home().join("plugin.tar.gz")).unwrap();
        let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
        fs::copy(kubeconfig, newcomer.home().join("kubeconfig")).unwrap();
        let start_file = "PS1='> '\n. /usr/share/bash-completion/bash_completion\n. <(kubectl completion bash)\n";
        fs::write(newcomer.home().join(".bashrc"), start_file).unwrap();
        for entry in fs::read_dir(newcomer.home()).unwrap() {
            chown(entry.unwrap().path(), Some(ACCOUNT), Some(ACCOUNT)).unwrap();
        }
        chown(newcomer.home(), Some(ACCOUNT), Some(ACCOUNT)).unwrap();
        newcomer
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A shell of the account, with nothing of this machine's environment.
    fn command_line(&self) -> Vec<String> {
        let home = self.home().display().to_string();
        let folder = self.folder.path().display();
        let words = [
            "setpriv".to_owned(),
            format!("--reuid={ACCOUNT}"),
            format!("--regid={ACCOUNT}"),
            "--clear-groups".to_owned(),
            "env".to_owned(),
            "-i".to_owned(),
            "-C".to_owned(),
            home.clone(),
            format!("HOME={home}"),
            format!("PATH={home}/.local/bin:{folder}:/usr/bin:/bin"),
            format!("KUBECONFIG={home}/kubeconfig"),
            "TERM=screen".to_owned(),
            "LANG=C.UTF-8".to_owned(),
            "bash".to_owned(),
            "--noprofile".to_owned(),
            "-i".to_owned(),
        ];
        words.into()
    }
}

/// The archive to try.
fn archive(folder: &Path) -> PathBuf {
    if let Some(named) = env::var_os("KUBECTL_TRAINER_ARCHIVE") {
        return named.into();
    }
    let built = Path::new(env!("CARGO_BIN_EXE_kubectl-trainer"));
    let stripped = folder.join("program");
    run(Command::new("strip").arg("-o").arg(&stripped).arg(built));
    let out = folder.join("dist");
    let mut dist = Command::new(built.with_file_name("xtask"));
    dist.arg("dist").arg("--binary").arg(&stripped);
    run(dist.arg("--out").arg(&out));
    let files = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut archives = files.filter(|path| path.extension().is_some_and(|ending| ending == "gz"));
    archives.next().unwrap()
}

fn run(command: &mut Command) {
    let ended = command.output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert!(ended.status.success(), "{command:?}: {stdout}{stderr}");
}

/// Types a command, waits until the shell is back, and gives what stands on the screen; it must have ended with `code`.
#[track_caller]
fn type_command(terminal: &Terminal, command: &str, code: u8) -> Vec<String> {
    // What the command before it has left on the screen is not taken for its own.
    let end = format!("end-of-{}", command.len());
    terminal.type_text(&format!("clear; {command}; echo {end} $?"));
    terminal.press(&["Enter"]);
    let screen = terminal.wait_for(command, |screen| {
        let ended = screen.iter().position(|line| line.starts_with(&end));
        ended.is_some_and(|at| screen.get(at + 1).is_some_and(|line| line == PROMPT))
    });
    assert!(screen.contains(&format!("{end} {code}")), "{screen:#?}");
    screen
}

#[track_caller]
fn assert_shown(screen: &[String], text: &str) {
    assert!(
        screen.iter().any(|line| line.contains(text)),
        "{text}: {screen:#?}"
    );
}

#[test]
fn somebody_new_gets_all_of_it_from_the_archive_and_can_take_it_away_again() {
    let Some(bed) = Testbed::shared() else { return };
    if !are_here() {
        return;
    }
    let newcomer = Newcomer::new(&bed);
    let namespace = newcomer.namespace.name();
    let terminal = Terminal::start(newcomer.folder.path(), &newcomer.command_line());
    type_command(
        &terminal,
        "mkdir -p plugin .local/bin && tar -xzf plugin.tar.gz -C plugin",
        0,
    );
    let completer = "plugin/kubectl_complete-trainer";
    type_command(
        &terminal,
        &format!("cp plugin/kubectl-trainer {completer} .local/bin"),
        0,
    );

    let screen = type_command(&terminal, "kubectl trainer completion status", 0);
    assert_shown(&screen, "TAB works behind `kubectl trainer`.");
    let screen = type_command(&terminal, "kubectl trainer verify", 0);
    assert_shown(&screen, "is healthy: all 23 checks passed");
    let screen = type_command(
        &terminal,
        &format!("kubectl trainer bootstrap {namespace}"),
        0,
    );
    assert_shown(&screen, "trainer-submitter");

    let script =
        "n=0; while [ $n -lt 40 ]; do n=$((n+1)); echo line $n.; echo Epoch $n/40; sleep 0.2; done";
    run_job(&bed, &newcomer.namespace, "new-job", 1, script);
    terminal.type_text(&format!(
        "clear; kubectl trainer --namespace={namespace} logs -f new"
    ));
    terminal.press(&["Tab"]);
    terminal.type_text("; echo ended $?");
    terminal.press(&["Enter"]);
    terminal.wait_for("a bar under the lines", |screen| {
        let is_bar = |line: &String| line.starts_with("training") && line.contains('%');
        screen.iter().any(is_bar)
    });
    let screen = terminal.wait_for("the end of the job", |screen| {
        screen.contains(&"ended 0".to_owned())
    });
    assert_shown(&screen, "line 40.");
    assert_shown(&screen, "Complete");

    let files = "kubectl-trainer kubectl_complete-trainer";
    type_command(
        &terminal,
        &format!("(cd .local/bin && rm {files}); rm -r plugin plugin.tar.gz"),
        0,
    );
    let screen = type_command(&terminal, "kubectl trainer version", 1);
    assert_shown(&screen, "unknown command \"trainer\" for \"kubectl\"");
    let left: io::Result<Vec<_>> = fs::read_dir(newcomer.home().join(".local/bin"))
        .unwrap()
        .collect();
    assert_eq!(left.unwrap().len(), 0);
}
