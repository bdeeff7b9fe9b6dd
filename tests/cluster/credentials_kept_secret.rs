//! Tokens are where they were asked for, and nowhere else: not in what the plugin says, not in its arguments or
//! environment, not in other files. Each search also finds a token that was planted.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use testbed::Testbed;

use crate::{
    support::wait_until,
    team::{ACCOUNT, Team, token_in},
};

/// How every token begins.
const BEGINNING: &str = "eyJ";

/// Forms in which a token would be of use to a finder: itself, in base64, and its signature alone.
fn forms(token: &str) -> [String; 3] {
    let signature = token.rsplit('.').next().unwrap();
    [
        token.to_owned(),
        BASE64_STANDARD.encode(token),
        signature.to_owned(),
    ]
}

/// The tokens of which a form stands in the text.
fn found(text: &str, tokens: &[String]) -> Vec<String> {
    let shown = |token: &&String| forms(token).iter().any(|form| text.contains(form));
    tokens.iter().filter(shown).cloned().collect()
}

fn said(output: &Output) -> String {
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

/// Every file below a folder that holds one of the tokens.
fn files_with(folder: &Path, tokens: &[String]) -> BTreeSet<PathBuf> {
    let mut holders = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holders.extend(files_with(&path, tokens));
        } else if !found(&String::from_utf8_lossy(&fs::read(&path).unwrap()), tokens).is_empty() {
            holders.insert(path);
        }
    }
    holders
}

/// Looks at the arguments and the environment of all processes again and again, and keeps what may hold a token.
struct Watch {
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeSet<String>>>,
    thread: JoinHandle<()>,
}

impl Watch {
    fn start() -> Self {
        let (is_over, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (over, kept) = (Arc::clone(&is_over), Arc::clone(&seen));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                look(&kept);
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self {
            is_over,
            seen,
            thread,
        }
    }

    fn has_seen(&self, tokens: &[String]) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.iter().any(|text| !found(text, tokens).is_empty())
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

fn look(kept: &Mutex<BTreeSet<String>>) {
    for process in fs::read_dir("/proc").unwrap().flatten() {
        for name in ["cmdline", "environ"] {
            // Processes end while they are looked at.
            let text = fs::read(process.path().join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            if text.contains(BEGINNING) {
                kept.lock().unwrap().insert(text);
            }
        }
    }
}

#[test]
fn a_token_is_in_the_file_that_was_named_and_nowhere_else() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(bed, "leaks");
    let watch = Watch::start();
    let mut texts = Vec::new();
    let mut run = |words: &[&str]| {
        let output = team
            .access(words)
            .env("HOME", team.folder.path())
            .output()
            .unwrap();
        texts.push((words.join(" "), said(&output)));
    };
    run(&["kubeconfig", ACCOUNT, "-f", "ci", "-vv", "-o", "json"]);
    run(&["env", ACCOUNT, "-f", "ci.env", "-vv"]);
    run(&[
        "kubeconfig",
        ACCOUNT,
        "-f",
        "long",
        "--token-type",
        "secret",
        "-vv",
    ]);
    let old = token_in(&team.file("ci"));
    run(&["rotate", "-f", "ci", "--overlap", "1s", "-vv"]);
    run(&["kubeconfig", ACCOUNT, "-f", "ci", "-vv"]);
    run(&["verify", "--kubeconfig", "ci", "--persona", "ci", "-vv"]);
    run(&["verify", ACCOUNT, "--persona", "ci", "-vv"]);
    run(&["token", "no-such-account", "-vv"]);
    run(&["list", "-vv"]);
    run(&["list", "-o", "json", "-vv"]);
    run(&["revoke", "--service-account", ACCOUNT, "-vv", "--yes"]);
    let env = fs::read_to_string(team.file("ci.env")).unwrap();
    let env = env
        .lines()
        .find_map(|line| line.strip_prefix("K8S_SERVICE_ACCOUNT_TOKEN="));
    let tokens = [
        old,
        env.unwrap().to_owned(),
        token_in(&team.file("ci")),
        token_in(&team.file("long")),
    ];
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), 4);
    for (words, text) in &texts {
        assert!(
            !text.is_empty(),
            "{words} says nothing, so there is nothing to search"
        );
        assert_eq!(
            found(text, &tokens),
            Vec::<String>::new(),
            "{words}: {text}"
        );
        // The token that `verify` makes is known to nobody else.
        assert!(
            !words.starts_with("verify") || !text.contains(BEGINNING),
            "{words}: {text}"
        );
    }
    let holders = ["ci", "ci.env", "long"].map(|name| team.file(name));
    assert_eq!(
        files_with(team.folder.path(), &tokens),
        BTreeSet::from(holders)
    );
    assert!(
        !watch.has_seen(&tokens),
        "a token stood in a process's arguments or environment"
    );
    watch.end();
}

#[test]
fn the_token_that_a_program_is_given_stands_on_standard_output_alone() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(bed, "leaks-token");
    let watch = Watch::start();
    for format in ["token", "json", "exec-credential"] {
        let output = team.run(&["token", ACCOUNT, "-o", format, "-vv"]);
        let answer = String::from_utf8(output.stdout).unwrap();
        let token = answer
            .split(['"', '\n'])
            .find(|word| word.starts_with(BEGINNING));
        let tokens = [token.unwrap().to_owned()];
        let beside = String::from_utf8(output.stderr).unwrap();
        assert!(
            beside.contains("/token"),
            "{format}: the request is not shown: {beside}"
        );
        assert_eq!(
            found(&beside, &tokens),
            Vec::<String>::new(),
            "{format}: {beside}"
        );
        assert!(!watch.has_seen(&tokens), "{format}");
    }
    watch.end();
}

#[test]
fn each_search_finds_a_token_that_was_planted() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(bed, "leaks-planted");
    let tokens = [team.token(), team.token()];
    for form in forms(&tokens[0]) {
        assert_eq!(
            found(&format!("error: {form}!"), &tokens),
            [tokens[0].clone()]
        );
    }
    fs::create_dir(team.file("deep")).unwrap();
    fs::write(team.file("deep/planted"), format!("x{}", tokens[1])).unwrap();
    let holders = BTreeSet::from([team.file("deep/planted")]);
    assert_eq!(files_with(team.folder.path(), &tokens), holders);
    let watch = Watch::start();
    for (token, is_argument) in [(&tokens[0], true), (&tokens[1], false)] {
        let mut planted = Command::new("cat");
        planted
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if is_argument {
            planted.args(["-", token.as_str()]);
        } else {
            planted.env("PLANTED", token);
        }
        let mut planted = planted.spawn().unwrap();
        let token = std::slice::from_ref(token);
        wait_until("the planted token is seen", || watch.has_seen(token));
        drop(planted.stdin.take());
        planted.wait().unwrap();
    }
    watch.end();
}
