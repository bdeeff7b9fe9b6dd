//! TAB behind the plugin's own name, in shells for which kubectl has no script.

use std::{env, fs, process::Command};

use testbed::{Testbed, record_skip};

use super::{
    ground::Ground,
    nushell,
    session::{
        Found::{Line, Listed},
        Session,
    },
    shells::{ELVISH, NUSHELL, are_here},
};
use crate::support::binary;

#[test]
fn tab_completes_the_plugin_in_elvish() {
    let Some(bed) = Testbed::shared() else { return };
    if !are_here() {
        return;
    }
    let ground = Ground::prepare(&bed, ELVISH.name);
    let session = Session::open(&ELVISH, &ground);
    session.expect("kubectl-trainer lo", &Line("kubectl-trainer logs"));
    let both = [("verify", ""), ("version", "")];
    session.expect("kubectl-trainer ver", &Listed(&both));
    let both = [("json", ""), ("junit", "")];
    session.expect("kubectl-trainer verify --output=j", &Listed(&both));
    let context = "kubectl-trainer verify --context tw";
    session.expect(context, &Listed(&[("two words", "")]));
    let jobs = [("llama-evaluate", ""), ("llama-finetune", "")];
    let namespace = ground.namespace.name();
    let line = format!("kubectl-trainer -n {namespace} logs llama-");
    session.expect(&line, &Listed(&jobs));
}

#[test]
fn tab_completes_words_that_need_no_cluster_in_nushell() {
    let Some(bed) = Testbed::shared() else { return };
    if !are_here() {
        return;
    }
    let Some(program) = nushell::provide() else {
        return;
    };
    let ground = Ground::prepare(&bed, NUSHELL.name);
    ground.link(&program, NUSHELL.name);
    let script = binary().args(["completion", "nushell"]).output().unwrap();
    let folder = ground.folder.join("home/.config/nushell");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("kubectl-trainer.nu"), script.stdout).unwrap();
    let session = Session::open(&NUSHELL, &ground);
    session.expect("kubectl-trainer lo", &Line("kubectl-trainer logs "));
    let both = [
        (
            "kubectl-trainer verify",
            "Check that Kubeflow Trainer is installed and working",
        ),
        ("kubectl-trainer version", ""),
    ];
    session.expect("kubectl-trainer ver", &Listed(&both));
    let both = [("json", ""), ("junit", "")];
    session.expect("kubectl-trainer verify --output j", &Listed(&both));
}

/// PowerShell completes without a terminal too, when it is asked for what TAB would give.
const ASKED: &str = "kubectl completion powershell | Out-String | Invoke-Expression
    kubectl-trainer completion powershell | Out-String | Invoke-Expression
    foreach ($line in ('kubectl ' + 'trainer verif'), 'kubectl-trainer lo') {
        [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches |
            ForEach-Object { $_.CompletionText.Trim() }
    }";

#[test]
fn tab_completes_the_plugin_in_powershell() {
    let Some(bed) = Testbed::shared() else { return };
    let path = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&path).any(|folder| folder.join("pwsh").is_file()) {
        return record_skip("PowerShell (pwsh) is not installed");
    }
    let ground = Ground::prepare(&bed, "pwsh");
    let folders = [ground.folder.join("bin")];
    let folders = folders.into_iter().chain(env::split_paths(&path));
    let output = Command::new("pwsh")
        .args(["-NoLogo", "-NoProfile", "-Command", ASKED])
        .env("PATH", env::join_paths(folders).unwrap())
        .env("KUBECONFIG", ground.folder.join("kubeconfig"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<_> = text.split_whitespace().collect();
    assert_eq!(words, ["verify", "logs"], "{output:?}");
}
