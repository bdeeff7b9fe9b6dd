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
pub(crate) const BEGINNING: &str = "eyJ";

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

/// The words that may be tokens, whoever knows them.
fn token_like(text: &str) -> BTreeSet<String> {
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && !"-_.".contains(it));
    let words = words.filter(|word| word.starts_with(BEGINNING));
    words.map(str::to_owned).collect()
}

/// What the test itself was started with, and with it every process that it starts.
fn inherited() -> BTreeSet<String> {
    token_like(&String::from_utf8_lossy(
        &fs::read("/proc/self/environ").unwrap(),
    ))
}

/// The arguments and the environment of a process, as far as it lived long enough to be read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    arguments: String,
    environment: String,
}

impl Process {
    fn read(folder: &Path) -> Self {
        let text = |name: &str| {
            let bytes = fs::read(folder.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self {
            arguments: text("cmdline"),
            environment: text("environ"),
        }
    }

    fn contains(&self, word: &str) -> bool {
        self.arguments.contains(word) || self.environment.contains(word)
    }
}

/// Looks at all processes again and again. Keeps those that may hold a token, and those whose home is this folder.
struct Watch {
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeSet<Process>>>,
    home: String,
    thread: JoinHandle<()>,
}

impl Watch {
    fn start(home: &Path) -> Self {
        let home = format!("HOME={}\0", home.display());
        let (is_over, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (over, kept, own) = (Arc::clone(&is_over), Arc::clone(&seen), home.clone());
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                look(&kept, &own);
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self {
            is_over,
            seen,
            home,
            thread,
        }
    }

    fn has_seen(&self, tokens: &[String]) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.iter().any(|it| {
            !found(&it.arguments, tokens).is_empty() || !found(&it.environment, tokens).is_empty()
        })
    }

    /// Those of the home.
    fn own(&self) -> Vec<Process> {
        let seen = self.seen.lock().unwrap();
        let own = seen.iter().filter(|it| it.environment.contains(&self.home));
        own.cloned().collect()
    }

    /// What may be a token in the processes of the home, and that nobody gave them from outside.
    fn strange(&self) -> BTreeSet<String> {
        let own = self.own();
        let texts = own.iter().flat_map(|it| [&it.arguments, &it.environment]);
        let words: BTreeSet<_> = texts.flat_map(|text| token_like(text)).collect();
        words.difference(&inherited()).cloned().collect()
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

fn look(kept: &Mutex<BTreeSet<Process>>, home: &str) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let process = Process::read(&entry.path());
        if process.contains(BEGINNING) || process.environment.contains(home) {
            kept.lock().unwrap().insert(process);
        }
    }
}

#[test]
fn a_token_is_in_the_file_that_was_named_and_nowhere_else() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(bed, "leaks");
    let watch = Watch::start(team.folder.path());
    let mut texts = Vec::new();
    let mut run = |words: &[&str]| {
        let output = team
            .access(words)
            .env("HOME", team.folder.path())
            .output()
            .unwrap();
        texts.push((words.join(" "), output.status.code(), said(&output)));
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
    for (words, code, text) in &texts {
        assert!(
            !text.is_empty(),
            "{words} says nothing, so there is nothing to search"
        );
        assert_eq!(
            found(text, &tokens),
            Vec::<String>::new(),
            "{words}: {text}"
        );
        if words.starts_with("verify") {
            // All its checks were made: it found that the account has no rights, and not that it cannot log in.
            assert_eq!(*code, Some(1), "{words}: {text}");
            assert!(text.contains("TRN-ACCESS-MAY-JOBS"), "{words}: {text}");
            let login = "ok       TRN-ACCESS-LOGIN ";
            assert!(text.contains(login), "{words}: {text}");
            // The token that it makes is known to nobody else.
            assert!(!text.contains(BEGINNING), "{words}: {text}");
        }
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
    let own = watch.own();
    assert!(
        own.iter().any(|it| it.arguments.contains("verify")),
        "no process of the plugin was seen"
    );
    assert_eq!(watch.strange(), BTreeSet::new());
    watch.end();
}

#[test]
fn the_token_that_a_program_is_given_stands_on_standard_output_alone() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(bed, "leaks-token");
    let watch = Watch::start(team.folder.path());
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
    let watch = Watch::start(team.folder.path());
    for (token, is_argument) in [(&tokens[0], true), (&tokens[1], false)] {
        let mut planted = Command::new("cat");
        planted
            .env("HOME", team.folder.path())
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
        wait_until("the planted token is seen", || {
            watch.has_seen(token) && watch.strange().contains(&token[0])
        });
        drop(planted.stdin.take());
        planted.wait().unwrap();
    }
    watch.end();
}
