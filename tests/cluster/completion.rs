//! TAB, as a person presses it: real shells, set up as kubectl's manual says, on a real cluster.

mod direct;
mod ground;
mod nushell;
mod session;
pub(crate) mod shells;
pub(crate) mod terminal;

use std::time::Duration;

use testbed::{Fault, Matcher, Testbed, Times};

use ground::Ground;
use session::{
    Found::{self, Line, Listed},
    Session,
};
use shells::{BASH, FISH, Quotes, Shell, ZSH, are_here};

/// Lines behind `kubectl` that need no cluster, and what TAB makes of each.
const LINES: [(&str, Found<'_>); 12] = [
    (
        "trainer ",
        Listed(&[
            ("logs", "Show the log lines of every node of a TrainJob"),
            ("verify", ""),
            ("version", ""),
        ]),
    ),
    ("trainer ver", Listed(&[("verify", ""), ("version", "")])),
    ("trainer verif", Line("trainer verify ")),
    ("training-jobs verif", Line("training-jobs verify ")),
    (
        "trainer verify --output=j",
        Listed(&[("json", ""), ("junit", "")]),
    ),
    (
        "trainer verify --output=ju",
        Line("trainer verify --output=junit "),
    ),
    (
        "trainer verify --context=fa",
        Line("trainer verify --context=far-away "),
    ),
    (
        "trainer verify --context de",
        Line("trainer verify --context dead "),
    ),
    (
        r"trainer access rotate -f my\ jobs/a",
        Line(r"trainer access rotate -f my\ jobs/a\ file.yaml "),
    ),
    (
        "trainer access rotate -f 'my jobs/a f",
        Line("trainer access rotate -f 'my jobs/a file.yaml' "),
    ),
    (
        "trainer access rotate -f \"my jobs/a f",
        Line("trainer access rotate -f \"my jobs/a file.yaml\" "),
    ),
    ("trainer no-such-command ", Line("trainer no-such-command ")),
];

/// The same with what the cluster has; the namespace stands for NAMESPACE.
const JOB_LINES: [(&str, Found<'_>); 8] = [
    (
        "trainer -n NAMESPACE logs ",
        Listed(&[("llama-evaluate", "Complete"), ("mistral", "Suspended")]),
    ),
    (
        "trainer -n NAMESPACE logs llama-f",
        Line("trainer -n NAMESPACE logs llama-finetune "),
    ),
    (
        "trainer logs --namespace=NAMESPACE mi",
        Line("trainer logs --namespace=NAMESPACE mistral "),
    ),
    (
        "trainer logs -n 'NAMESPACE' llama-",
        Listed(&[
            ("llama-evaluate", "Complete"),
            ("llama-finetune", "Suspended"),
        ]),
    ),
    ("trainer logs m", Line("trainer logs m")),
    (
        "trainer logs -n NAMESPACE",
        Line("trainer logs -n NAMESPACE "),
    ),
    (
        "trainer -n NAMESPACE logs llama-evaluate --step no",
        Line("trainer -n NAMESPACE logs llama-evaluate --step node-0 "),
    ),
    (
        "trainer runtimes show torch-d",
        Line("trainer runtimes show torch-distributed "),
    ),
];

/// Lines behind the plugin's own name.
const DIRECT_LINES: [(&str, &str); 3] = [
    ("kubectl-trainer lo", "kubectl-trainer logs "),
    (
        "kubectl-trainer verify --output=ju",
        "kubectl-trainer verify --output=junit ",
    ),
    (
        "kubectl-trainer verify --context=tw",
        r"kubectl-trainer verify --context=two\ words ",
    ),
];

/// The same in bash. What the shell would run comes so that it does not.
const BASH_LINES: [(&str, &str); 3] = [
    (
        r"kubectl-trainer verify --context \$",
        r"kubectl-trainer verify --context \$\(touch\ x\) ",
    ),
    (
        r"kubectl-trainer verify --context two\ w",
        r"kubectl-trainer verify --context two\ words ",
    ),
    (
        r"kubectl-trainer access rotate -f my\ jobs/a",
        r"kubectl-trainer access rotate -f my\ jobs/a\ file.yaml ",
    ),
];

/// Everything that TAB does behind kubectl, and behind the plugin's own name, in one session of a shell.
fn everything_completes_in(shell: &Shell, more: &[(&str, &str)]) {
    let Some(bed) = Testbed::shared() else { return };
    if !are_here() {
        return;
    }
    let ground = Ground::prepare(&bed, shell.name);
    let namespace = ground.namespace.name();
    let session = Session::open(shell, &ground);
    let fill = |text: &str| format!("kubectl {}", text.replace("NAMESPACE", namespace));
    for (line, found) in LINES.iter().chain(&JOB_LINES) {
        match found {
            Line(expected) => session.expect(&fill(line), &Line(&fill(expected))),
            Listed(words) => session.expect(&fill(line), &Listed(words)),
        }
    }
    expect_words_in_quotes(&session, shell.quotes);
    for (line, completed) in DIRECT_LINES.iter().chain(more) {
        session.expect(line, &Line(completed));
    }
    let (flag, completed) = (
        "kubectl-trainer verify --contex",
        "kubectl-trainer verify --context",
    );
    match shell.name {
        "bash" => session.expect_before("=dead", flag, completed),
        // These put a blank behind what they have completed, whatever follows.
        _ => session.expect(flag, &Line(&format!("{completed} "))),
    }
    expect_patience(&bed, &session, namespace);
}

/// What kubectl's script does with quotes, it does to plugins and to its own commands.
fn expect_words_in_quotes(session: &Session<'_>, quotes: Quotes) {
    for asked in ["get trainjobs", "trainer logs"] {
        let line = format!("kubectl {asked} --context 'two words' llama-f");
        let completed = match quotes {
            Quotes::Kept => format!("{line}inetune "),
            Quotes::Lost => line.clone(),
        };
        session.expect(&line, &Line(&completed));
    }
}

/// A slow cluster is waited for; a silent one and a dead one keep nobody from typing on.
fn expect_patience(bed: &Testbed, session: &Session<'_>, namespace: &str) {
    let path_prefix = format!("/apis/trainer.kubeflow.org/v1alpha1/namespaces/{namespace}/");
    let matcher = Matcher::Request {
        method: None,
        path_prefix,
    };
    let proxy = bed.between_client_and_server();
    let meet = |fault| proxy.set(matcher.clone(), fault, Times::Always).unwrap();
    let line = ["kubectl", "trainer -n", namespace, "logs mi"].join(" ");
    let completed = format!("{line}stral ");
    let slow = meet(Fault::Delay(Duration::from_millis(500)));
    session.expect(&line, &Line(&completed));
    drop(slow);
    let silent = meet(Fault::Stall);
    session.expect_nothing_in_time(&line);
    drop(silent);
    session.expect(&line, &Line(&completed));
    let dead = ["kubectl", "trainer --context dead logs l"].join(" ");
    session.expect_nothing_in_time(&dead);
}

#[test]
fn tab_completes_everything_in_bash() {
    everything_completes_in(&BASH, &BASH_LINES);
}

#[test]
fn tab_completes_everything_in_zsh() {
    everything_completes_in(&ZSH, &[]);
}

#[test]
fn tab_completes_everything_in_fish() {
    everything_completes_in(&FISH, &[]);
}
