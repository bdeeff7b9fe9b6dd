//! The house rules that a test can hold: who may import whom, who may touch the terminal, the network and the clock,
//! and (in `tidy/documents.rs`) that the documents say what the code does. The other rules are clippy's.

#![expect(
    clippy::unwrap_used,
    reason = "a file of the source that cannot be read fails the test, and says which"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/documents.rs"]
mod documents;

/// The rooms of `src/` and the doors of each: which other rooms it may import from.
const DOORS: &[(&str, &[&str])] = &[
    ("access", &["cluster"]),
    ("apply", &["cluster"]),
    (
        "check",
        &[
            "access",
            "cluster",
            "plugin",
            "releases",
            "runtimes",
            "train_job",
        ],
    ),
    ("cli", &["cluster", "plugin"]),
    ("cluster", &[]),
    (
        "commands",
        &[
            "access",
            "apply",
            "check",
            "cli",
            "cluster",
            "logs",
            "plugin",
            "progress",
            "releases",
            "render",
            "runtimes",
            "train_job",
            "ui",
        ],
    ),
    ("logs", &["cluster", "train_job"]),
    ("plugin", &[]),
    ("progress", &["cluster", "logs", "train_job"]),
    ("releases", &[]),
    (
        "render",
        &[
            "access",
            "apply",
            "check",
            "cluster",
            "logs",
            "plugin",
            "progress",
            "releases",
            "runtimes",
            "train_job",
        ],
    ),
    ("runtimes", &["cluster"]),
    ("train_job", &["cluster"]),
    ("ui", &[]),
];

/// What only one place may do, by the words that do it, and the places.
const RESERVED: &[(&str, &[&str], &[&str])] = &[
    (
        "touch the terminal",
        &[
            "io::stdout",
            "io::stderr",
            "io::stdin",
            "is_terminal",
            "anstream::",
        ],
        &["src/ui"],
    ),
    (
        "end the process",
        &["process::exit", "process::abort"],
        &["src/main.rs"],
    ),
    (
        "read the environment",
        &["env::var", "env::args", "env::vars"],
        &[
            "src/main.rs",
            "src/lib.rs",
            "src/ui",
            "src/cluster",
            "src/commands",
            "src/plugin",
        ],
    ),
    (
        "read the clock",
        &["Timestamp::now", "SystemTime::now"],
        &["src/ui", "src/commands", "src/cluster"],
    ),
    (
        "open connections",
        &["kube::Client", "hyper_util", "hyper_rustls", "TcpStream"],
        &["src/cluster"],
    ),
    (
        "define what a user may type",
        &["clap::"],
        &["src/cli.rs", "src/cli", "src/commands", "src/lib.rs"],
    ),
];

/// Rooms that only think or say: nothing in them waits.
const PURE: &[&str] = &[
    "src/access",
    "src/progress",
    "src/render",
    "src/releases",
    "src/runtimes",
    "src/train_job",
];

/// The longest file; tests and what is generated are not counted.
const LONGEST_FILE: usize = 450;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The text without the test module at its end.
    fn without_tests(&self) -> &str {
        self.text.split("\n#[cfg(test)]").next().unwrap_or_default()
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folders` with one of these endings, sorted by name, paths relative to the workspace.
fn files(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), endings, &mut found);
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn collect(path: &Path, endings: &[&str], found: &mut Vec<Source>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), endings, found);
        }
    } else if path
        .extension()
        .is_some_and(|ending| endings.iter().any(|one| ending == *one))
    {
        let text = fs::read_to_string(path).unwrap();
        found.push(Source {
            path: path.strip_prefix(root()).unwrap().to_owned(),
            text,
        });
    }
}

fn rust_files() -> Vec<Source> {
    files(
        &["src", "testbed/src", "testbed/tests", "xtask/src", "tests"],
        &["rs"],
    )
}

fn markdown() -> Vec<Source> {
    files(
        &[
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
            "docs",
        ],
        &["md"],
    )
}

#[track_caller]
fn none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn every_file_opens_with_what_it_owns() {
    let silent: Vec<_> = rust_files()
        .iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(Source::name)
        .collect();
    none(
        &silent,
        "these files do not open with a `//!` line that says what they own",
    );
}

#[test]
fn no_file_is_too_long_to_read() {
    let length = |file: &Source| file.without_tests().lines().count();
    let long = rust_files()
        .into_iter()
        .filter(|file| !file.is_in(&["src/releases/table.rs", "tests", "testbed/tests"]));
    let long: Vec<_> = long
        .filter(|file| length(file) > LONGEST_FILE)
        .map(|file| format!("{} has {} lines", file.name(), length(&file)))
        .collect();
    none(&long, "split these files by noun");
}

/// The rooms that a file names after `crate::`, in one path or in a group.
fn imported_rooms(text: &str) -> BTreeSet<&str> {
    let mut rooms = BTreeSet::new();
    for (at, found) in text.match_indices("crate::") {
        let rest = &text[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(entries(group).into_iter().map(first_word)),
            None => drop(rooms.insert(first_word(rest))),
        }
    }
    rooms
}

/// The entries of a group of imports, up to its closing brace; what is nested stays inside its entry.
fn entries(group: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(group[start..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(group[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    // A comma after the last entry leaves an empty one.
    found.retain(|entry| !entry.is_empty());
    found
}

fn first_word(path: &str) -> &str {
    let end = path.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    &path[..end.unwrap_or(path.len())]
}

#[test]
fn grouped_imports_are_seen() {
    let text =
        "use crate::{\n    check::{self, engine},\n    cluster::Failure,\n};\ncrate::ui::open();";
    let expected = BTreeSet::from(["check", "cluster", "ui"]);
    assert_eq!(imported_rooms(text), expected);
}

#[test]
fn rooms_import_only_through_their_doors() {
    let mut broken = Vec::new();
    let rooms: Vec<_> = DOORS.iter().map(|(room, _)| *room).collect();
    for (room, doors) in DOORS {
        for file in files(&[&format!("src/{room}")], &["rs"]) {
            for other in imported_rooms(file.without_tests()) {
                if other != *room && rooms.contains(&other) && !doors.contains(&other) {
                    broken.push(format!("{} imports from {other}", file.name()));
                }
            }
        }
    }
    none(&broken, "walk through the doors of tests/tidy.rs only");
}

#[test]
fn every_room_has_its_doors_named() {
    let named: BTreeSet<_> = DOORS.iter().map(|(room, _)| (*room).to_owned()).collect();
    let rooms = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap());
    let rooms: BTreeSet<_> = rooms
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(named, rooms);
}

#[test]
fn what_is_reserved_to_one_place_happens_only_there() {
    let mut broken = Vec::new();
    for (deed, words, places) in RESERVED {
        for file in files(&["src"], &["rs"])
            .iter()
            .filter(|file| !file.is_in(places))
        {
            let code = file
                .without_tests()
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let used: Vec<_> = words
                .iter()
                .filter(|word| code.clone().any(|line| line.contains(**word)))
                .collect();
            for word in used {
                broken.push(format!("{} may not {deed} ({word})", file.name()));
            }
        }
    }
    none(&broken, "these deeds belong to one place each");
}

#[test]
fn rooms_that_only_think_never_wait() {
    let waiting = files(PURE, &["rs"])
        .into_iter()
        .filter(|file| file.text.contains("async fn"));
    none(
        &waiting.map(|file| file.name()).collect::<Vec<_>>(),
        "fetch elsewhere; these rooms are pure",
    );
}

#[test]
fn nothing_is_left_for_later_and_no_machine_is_named() {
    let marks = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["XX", "X:"].concat(),
        ["/wo", "rk/"].concat(),
        ["proxy.golang", ".org"].concat(),
    ];
    let mut found = Vec::new();
    for file in rust_files().iter().chain(&markdown()) {
        for mark in marks
            .iter()
            .filter(|mark| file.text.contains(mark.as_str()))
        {
            found.push(format!("{} says {mark}", file.name()));
        }
    }
    none(
        &found,
        "an issue or nothing; and the project speaks of itself alone",
    );
}

#[test]
fn every_dependency_is_used() {
    let manifests = [
        ("Cargo.toml", vec!["src", "build.rs", "tests"]),
        ("testbed/Cargo.toml", vec!["testbed/src", "testbed/tests"]),
        ("xtask/Cargo.toml", vec!["xtask/src"]),
    ];
    let mut idle = Vec::new();
    let mut used = BTreeSet::new();
    for (manifest, folders) in manifests {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        let existing: Vec<_> = folders
            .into_iter()
            .filter(|folder| root().join(folder).exists())
            .collect();
        let code: String = files(&existing, &["rs"])
            .iter()
            .map(|file| file.text.as_str())
            .collect();
        for name in dependencies(&text, &PACKAGE_TABLES) {
            if !names_crate(&code, &name.replace('-', "_")) {
                idle.push(format!("{manifest}: {name}"));
            }
            used.insert(name);
        }
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let declared = dependencies(&workspace, &["[workspace.dependencies]"]);
    idle.extend(declared.into_iter().filter(|name| !used.contains(name)));
    none(&idle, "remove what nothing uses");
}

const PACKAGE_TABLES: [&str; 4] = [
    "[dependencies]",
    "[target.'cfg(target_os = \"linux\")'.dependencies]",
    "[dev-dependencies]",
    "[build-dependencies]",
];

/// Whether code uses a crate by its name: `NAME::`, and not as the end of a longer name.
fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':')
    })
}

/// The names in these tables of a manifest.
fn dependencies(manifest: &str, tables: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = tables.contains(&line);
        } else if inside
            && let Some(end) = line
                .find(['.', ' ', '='])
                .filter(|end| *end > 0 && !line.starts_with('#'))
        {
            names.push(line[..end].to_owned());
        }
    }
    names
}
