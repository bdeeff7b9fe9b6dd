//! That the documents and every text say what the code does: exit codes, commands, acceptance, decisions.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::{Source, files, markdown, none, root};

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

/// What stands in `code` in a document, outside of its blocks.
fn code_spans(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|prose| prose.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_file_and_test_that_a_document_names_exists() {
    let folders = [
        "src/",
        "tests/",
        "testbed/src/",
        "testbed/tests/",
        "xtask/src/",
    ];
    let exists = |named: &str| match named.split_once("::") {
        Some(_) => proof_exists(named),
        None => root().join(named).exists(),
    };
    let mut missing = Vec::new();
    for file in markdown() {
        let spans = code_spans(&file.text).into_iter();
        let named = spans.filter(|span| span.contains(".rs"));
        let named = named.filter(|span| folders.iter().any(|folder| span.starts_with(folder)));
        let named = named.filter(|span| !exists(span));
        missing.extend(named.map(|span| format!("{}: {span}", file.name())));
    }
    none(&missing, "these documents name what is not there");
}

/// The name that Markdown gives a heading.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    heading
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

fn leads_somewhere(from: &Source, target: &str) -> bool {
    let (path, part) = target.split_once('#').unwrap_or((target, ""));
    let folder = root().join(from.path.parent().unwrap());
    let path = match path {
        "" => root().join(&from.path),
        path => folder.join(path),
    };
    if part.is_empty() {
        return path.exists();
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|heading| anchor(heading) == part)
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut broken = Vec::new();
    let mut links = 0;
    for file in markdown() {
        for (at, found) in file.text.match_indices("](") {
            let rest = &file.text[at + found.len()..];
            let target = &rest[..rest.find(')').unwrap_or(0)];
            links += 1;
            if !target.starts_with("https://") && !leads_somewhere(&file, target) {
                broken.push(format!("{}: {target}", file.name()));
            }
        }
    }
    assert!(links > 50, "{links} links found: the search is broken");
    none(&broken, "these links lead nowhere");
}

/// The words of every text in the source and in the snapshots of the tests, apart by single blanks.
fn all_texts() -> String {
    let files = files(&["src", "tests"], &["rs", "stdout", "stderr", "txt"]);
    let texts = files.iter().map(|file| file.text.replace("\\\n", " "));
    let texts = texts.map(|text| text.replace("\\\"", "\""));
    let words = texts.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    words.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_message_in_the_troubleshooting_is_one_of_the_program() {
    /// Before it stand messages of kubectl and krew.
    const FIRST: &str = "## TAB ";
    let text = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let (_, ours) = text.split_once(FIRST).unwrap();
    let symptoms = ours.lines().filter_map(|line| line.strip_prefix("| "));
    let symptoms = symptoms.filter_map(|row| row.split(" | ").next());
    let spans: Vec<_> = symptoms.flat_map(code_spans).collect();
    let messages = spans
        .iter()
        .filter(|span| span.contains(' ') && !span.starts_with("kubectl "));
    let pieces: Vec<_> = messages
        .flat_map(|message| message.split(['…', '"']))
        .map(|piece| piece.trim_matches([' ', ',']))
        .filter(|piece| piece.len() > 3)
        .collect();
    assert!(pieces.len() > 30, "{pieces:?}");
    let texts = all_texts();
    let unknown = pieces.iter().filter(|piece| !texts.contains(**piece));
    let unknown: Vec<_> = unknown.map(|piece| (*piece).to_owned()).collect();
    none(&unknown, "the program says none of these");
}

/// Numbers of three digits and more, and those with a decimal point.
fn figures(text: &str) -> BTreeSet<&str> {
    let numbers = text.split(|letter: char| !letter.is_ascii_digit() && !".,".contains(letter));
    let numbers = numbers.map(|number| number.trim_matches(['.', ',']));
    let telling = |number: &&str| number.len() > 2;
    numbers.filter(telling).collect()
}

#[test]
fn every_figure_of_the_comparison_is_one_that_was_measured() {
    let read = |name: &str| fs::read_to_string(root().join("docs").join(name)).unwrap();
    let measured = [read("benchmarks.md"), read("acceptance.md")].concat();
    let digits = |text: &str| text.replace(',', "");
    let known: BTreeSet<_> = figures(&measured).into_iter().map(digits).collect();
    let comparison = read("comparison.md");
    let claimed = figures(&comparison);
    assert!(claimed.len() > 25, "{claimed:?}");
    let invented = claimed
        .into_iter()
        .filter(|one| !known.contains(&digits(one)));
    let invented: Vec<_> = invented.map(str::to_owned).collect();
    none(
        &invented,
        "docs/benchmarks.md and docs/acceptance.md have no such figure",
    );
}
