//! That the documents and every text say what the code does: exit codes, commands, acceptance, decisions.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::{files, markdown, none, root};

/// The rows of the exit-code table of a document: code and meaning.
fn exit_code_rows(document: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let cells = text.lines().filter_map(|line| {
        line.strip_prefix("| ")?
            .strip_suffix(" |")?
            .split_once(" | ")
    });
    let rows = cells.filter(|(code, _)| code.parse::<u8>().is_ok());
    rows.map(|(code, meaning)| (code.to_owned(), meaning.to_owned()))
        .collect()
}

#[test]
fn the_exit_codes_are_the_same_in_the_code_the_readme_and_the_markdown() {
    let documented = exit_code_rows("docs/exit-codes.md");
    assert_eq!(
        documented,
        exit_code_rows("README.md"),
        "README.md and docs/exit-codes.md"
    );
    let code = fs::read_to_string(root().join("src/error.rs")).unwrap();
    let in_code: BTreeSet<_> = code
        .lines()
        .filter_map(|line| {
            line.trim()
                .split_once(" => ")?
                .1
                .strip_suffix(',')?
                .parse::<u8>()
                .ok()
        })
        .collect();
    let in_documents: BTreeSet<_> = documented
        .iter()
        .map(|(code, _)| code.parse::<u8>().unwrap())
        .filter(|code| *code != 0)
        .collect();
    assert_eq!(in_code, in_documents, "src/error.rs and docs/exit-codes.md");
}

/// What follows `kubectl trainer` in a text: up to the end of a quotation, of a column, or of what a usage line
/// leaves open.
fn quoted_commands(text: &str) -> Vec<String> {
    const ENDS: [&str; 13] = [
        "`", "\n", "\"", "'", "(", ")", "[", ",", ";", "|", "#", "{", "  ",
    ];
    let pieces = text.match_indices("kubectl trainer ").map(|(at, found)| {
        let rest = &text[at + found.len()..];
        let ends = ENDS.iter().filter_map(|end| rest.find(end));
        let words = &rest[..ends.min().unwrap_or(rest.len())];
        let words = words.trim_end_matches(['.', ' ', ':', '\\']);
        // A placeholder such as <NAME> is as good a value as any.
        words.replace(['<', '>'], "")
    });
    pieces.filter(|words| !words.is_empty()).collect()
}

/// A placeholder such as NAME in the letters that a name may have; flags as they are.
fn argument(word: &str) -> String {
    if word.starts_with('-') {
        return word.to_owned();
    }
    word.to_ascii_lowercase()
}

#[test]
fn every_kubectl_trainer_command_in_any_text_parses() {
    let mut wrong = Vec::new();
    let texts = files(
        &["src", "tests", "xtask/src"],
        &["rs", "stdout", "stderr", "txt"],
    );
    let texts = texts
        .into_iter()
        .filter(|file| !file.is_in(&["tests/tidy.rs", "tests/tidy"]))
        .chain(markdown());
    let unique: BTreeSet<_> = texts
        .flat_map(|file| {
            quoted_commands(&file.text)
                .into_iter()
                .map(move |words| (words, file.name()))
        })
        .collect();
    assert!(
        unique.len() > 3,
        "no commands found in any text: the search is broken"
    );
    for (words, file) in unique.iter().filter(|(words, _)| {
        words.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '-')
    }) {
        let ended = Command::new(env!("CARGO_BIN_EXE_kubectl-trainer"))
            .args(words.split_whitespace().map(argument))
            .arg("--help")
            .output()
            .unwrap();
        if !ended.status.success() {
            wrong.push(format!("{file}: kubectl trainer {words}"));
        }
    }
    none(&wrong, "these commands do not parse");
}

/// One row of the acceptance tables.
struct Row {
    what: String,
    proof: String,
    commit: String,
}

fn acceptance_rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/acceptance.md")).unwrap();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| what |"));
    let cells = lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    // Beside the four cells, a split finds the nothing before the first bar and after the last.
    let rows = cells.filter(|cells| cells.len() == 6);
    rows.map(|cells| Row {
        what: cells[1].to_owned(),
        proof: cells[2].to_owned(),
        commit: cells[4].to_owned(),
    })
    .collect()
}

/// Whether `FILE::TEST`, `cargo xtask bench NAME` or another command of xtask is there.
fn proof_exists(proof: &str) -> bool {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_default();
    if let Some((file, test)) = proof.split_once("::") {
        return read(file).contains(&format!("fn {test}()"));
    }
    match proof.strip_prefix("cargo xtask bench ") {
        Some(name) => {
            let files = [format!("{name}.rs"), format!("{name}/mod.rs")];
            let bench = root().join("xtask/src/bench");
            files.iter().any(|file| bench.join(file).is_file())
        }
        None => proof
            .strip_prefix("cargo xtask ")
            .is_some_and(|name| root().join(format!("xtask/src/{name}.rs")).is_file()),
    }
}

#[test]
fn every_row_of_the_acceptance_table_names_a_test_or_bench_that_exists() {
    let rows = acceptance_rows();
    assert!(rows.len() >= 34, "the table has lost rows: {}", rows.len());
    let shown = rows.iter().filter(|row| row.proof != "not yet");
    let wrong = shown.filter(|row| {
        let named: Vec<_> = row.proof.split('`').skip(1).step_by(2).collect();
        named.is_empty() || row.commit.is_empty() || !named.into_iter().all(proof_exists)
    });
    let wrong: Vec<_> = wrong
        .map(|row| format!("{}: {}", row.what, row.proof))
        .collect();
    none(&wrong, "these rows name nothing that exists, or no commit");
}

#[test]
fn every_proof_in_the_list_of_threats_exists() {
    let text = fs::read_to_string(root().join("docs/threats.md")).unwrap();
    let tries = fs::read_to_string(root().join("tests/cluster/attacks/tries.rs")).unwrap();
    let tiers = fs::read_to_string(root().join("tests/cluster/two_tiers.rs")).unwrap();
    let is_tried = |name: &str| match name.strip_prefix("train with ") {
        Some(what) => tiers.contains(&format!("\"{what}\"")),
        None => tries.contains(&format!("\"{name}\"")),
    };
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|line| line.trim_end_matches(" |").rsplit('|').next());
    let cells: Vec<_> = cells.filter(|cell| cell.trim() != "shown by").collect();
    assert!(cells.len() > 15, "the list has lost rows: {}", cells.len());
    let proofs = cells.iter().map(|cell| cell.split('`').skip(1).step_by(2));
    let unproven = proofs.clone().filter(|proofs| proofs.clone().count() == 0);
    assert_eq!(unproven.count(), 0, "a row names no proof");
    let missing = proofs.flatten().filter(|proof| {
        let exists = if proof.contains("::") {
            proof_exists(proof)
        } else {
            is_tried(proof)
        };
        !exists
    });
    let missing: Vec<_> = missing.map(str::to_owned).collect();
    none(
        &missing,
        "the list of threats names these, and they do not exist",
    );
}

#[test]
fn every_decision_is_in_the_index() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let missing = files(&["docs/adr"], &["md"])
        .into_iter()
        .map(|file| file.name());
    none(
        &missing
            .filter(|name| !architecture.contains(name.as_str()))
            .collect::<Vec<_>>(),
        "ARCHITECTURE.md does not link these",
    );
}

#[test]
fn the_recorded_session_in_the_readme_is_there_and_moves() {
    const FILE: &str = "docs/two-nodes.svg";
    const MOST_BYTES: usize = 300_000;
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&format!("]({FILE})")), "README.md");
    let film = fs::read_to_string(root().join(FILE)).unwrap();
    assert!(film.len() < MOST_BYTES, "{} bytes", film.len());
    let pictures = film.matches("<g transform=").count();
    let moments = film.matches("%{transform:").count();
    assert!(pictures > 10, "{pictures} pictures");
    assert_eq!(pictures, moments);
    for shown in ["logs -f two-nodes", "node-0", "node-1", "training "] {
        assert!(film.contains(shown), "{shown}");
    }
}
