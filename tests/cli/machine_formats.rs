//! Answers for programs that no other test holds against a schema, and the list of all schemas.

use std::{collections::BTreeSet, fs, path::PathBuf};

use clap::Command;
use kubectl_trainer::cli;
use serde_json::Value;
use testbed::{Testbed, User};

use crate::{plugin::plugin, schemas::assert_follows};

/// The values of flags with which an answer is for programs.
const FOR_PROGRAMS: [&str; 4] = ["json", "yaml", "junit", "exec-credential"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

fn list() -> String {
    fs::read_to_string(folder().join("README.md")).unwrap()
}

/// `COMMAND --flag VALUE` for every answer that is for programs, as the list names it.
fn answers(words: &[&str], command: &Command) -> Vec<String> {
    let flags = [("output", "-o"), ("progress", "--progress")];
    let of_this = flags.iter().flat_map(|(id, flag)| {
        let argument = command.get_arguments().find(|one| one.get_id() == id);
        let values = argument.map(clap::Arg::get_possible_values);
        let values = values.into_iter().flatten();
        let values = values.filter(|value| FOR_PROGRAMS.contains(&value.get_name()));
        values.map(move |value| format!("{} {flag} {}", words.join(" "), value.get_name()))
    });
    let below = command.get_subcommands().filter(|one| !one.is_hide_set());
    let below = below.flat_map(|one| answers(&[words, &[one.get_name()]].concat(), one));
    of_this.chain(below).collect()
}

#[test]
fn every_answer_for_programs_is_in_the_list_of_schemas() {
    let list = list();
    let answers = answers(&[], &cli::command("kubectl trainer"));
    assert!(answers.len() > 20, "{answers:?}");
    let missing: Vec<_> = answers
        .iter()
        .map(|answer| answer.trim_start())
        .filter(|answer| !list.contains(&format!("`{answer}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_list_names_every_schema_with_a_test() {
    let list = list();
    let files = fs::read_dir(folder()).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = files.filter(|name| name != "README.md").collect();
    let rows = list
        .lines()
        .filter(|line| line.starts_with("| `") || line.starts_with("| the "));
    let cells: Vec<Vec<_>> = rows.map(|row| row.split(" | ").collect()).collect();
    let linked = cells.iter().map(|cells| {
        let link = cells[1].split_once("](").unwrap().1;
        link.trim_end_matches(')').to_owned()
    });
    assert_eq!(linked.collect::<BTreeSet<_>>(), files);
    // That each test exists is one of the house rules.
    let tested = cells.iter().filter(|cells| cells[2].contains(".rs::"));
    assert_eq!(tested.count(), cells.len());
}

/// What the plugin prints for programs, with the code that it ends with.
fn answer(kubeconfig: Option<PathBuf>, code: i32, words: &[&str]) -> Vec<u8> {
    let mut command = plugin().args(words);
    if let Some(path) = kubeconfig {
        command = command.env("KUBECONFIG", path);
    }
    command.assert().code(code).get_output().stdout.clone()
}

fn json(kubeconfig: Option<PathBuf>, words: &[&str]) -> Value {
    serde_json::from_slice(&answer(kubeconfig, 0, words)).unwrap()
}

fn yaml(kubeconfig: Option<PathBuf>, words: &[&str]) -> Value {
    let text = String::from_utf8(answer(kubeconfig, 0, words)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn a_version_is_a_document_with_and_without_a_cluster() {
    let client = json(None, &["version", "--client", "-o", "json"]);
    assert_follows("version", &client);
    assert_eq!(client.get("cluster"), None);
    let unreachable = ["version", "--server", "https://127.0.0.1:1", "-o"];
    let alone = json(None, &[&unreachable[..], &["json"]].concat());
    assert_follows("version", &alone);
    assert_eq!(alone["cluster"]["problems"].as_array().unwrap().len(), 1);
    assert_eq!(yaml(None, &[&unreachable[..], &["yaml"]].concat()), alone);
    let mut wrong = alone;
    wrong["cluster"]["kubernetes"] = "1.36".into();
    assert!(!crate::schemas::validator("version").is_valid(&wrong));
    let Some(bed) = Testbed::shared() else { return };
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let whole = json(Some(kubeconfig), &["version", "-o", "json"]);
    assert_follows("version", &whole);
    assert_eq!(whole["cluster"]["trainer"]["version"], "2.3.0");
}

#[test]
fn runtimes_are_objects_as_kubectl_prints_them() {
    let Some(bed) = Testbed::shared() else { return };
    let kubeconfig = || Some(bed.kubeconfig(&User::Admin).unwrap());
    let asked: [(&[&str], &str); 3] = [
        (&["list"], "List"),
        (&["list", "-l", "no=such"], "List"),
        (&["show", "torch-distributed"], "ClusterTrainingRuntime"),
    ];
    for (words, kind) in asked {
        let words = [&["runtimes"], words].concat();
        let document = json(kubeconfig(), &[&words[..], &["-o", "json"]].concat());
        assert_follows("runtimes", &document);
        assert_eq!(document["kind"], kind);
        let other = yaml(kubeconfig(), &[&words[..], &["-o", "yaml"]].concat());
        assert_eq!(other, document);
    }
}

#[test]
fn objects_that_are_only_listed_are_one_list() {
    let commands: [&[&str]; 2] = [&["bootstrap", "team-a"], &["access", "install-roles"]];
    for command in commands {
        let words = [command, &["--dry-run=client", "-o", "json"]].concat();
        let document = json(None, &words);
        assert_follows("objects", &document);
        let kinds = document["items"].as_array().unwrap().iter();
        let kinds: Vec<_> = kinds
            .map(|object| object["kind"].as_str().unwrap())
            .collect();
        assert!(kinds.iter().any(|kind| kind.ends_with("Role")), "{kinds:?}");
    }
}

#[test]
fn what_would_become_of_each_object_is_the_same_document_in_json_and_yaml() {
    let Some(bed) = Testbed::shared() else { return };
    let kubeconfig = || Some(bed.kubeconfig(&User::Admin).unwrap());
    let commands: [&[&str]; 2] = [
        &["bootstrap", "would-be"],
        &["access", "install-roles", "--aggregate", "none"],
    ];
    for command in commands {
        let words = [command, &["--dry-run=server", "-o"]].concat();
        let document = json(kubeconfig(), &[&words[..], &["json"]].concat());
        assert_follows("changes", &document);
        assert!(!document["steps"].as_array().unwrap().is_empty());
        let other = yaml(kubeconfig(), &[&words[..], &["yaml"]].concat());
        assert_eq!(other, document);
    }
}

#[test]
fn a_proof_of_a_credential_is_one_document_in_every_format() {
    let Some(bed) = Testbed::shared() else { return };
    let nobody = User::ServiceAccount {
        namespace: "default",
        name: "nobody",
        rules: &[],
    };
    let kubeconfig = || Some(bed.kubeconfig(&nobody).unwrap());
    let words = ["access", "verify", "--persona", "viewer", "-o"];
    let text = |format: &str| answer(kubeconfig(), 1, &[&words[..], &[format]].concat());
    let document: Value = serde_json::from_slice(&text("json")).unwrap();
    assert_follows("verify", &document);
    assert_eq!(document["exitCode"], 1);
    let junit = String::from_utf8(text("junit")).unwrap();
    assert_eq!(crate::schemas::junit_errors(&junit), [] as [String; 0]);
    let yaml: Value = serde_saphyr::from_slice(&text("yaml")).unwrap();
    assert_eq!(
        yaml["checks"].as_array().unwrap().len(),
        document["checks"].as_array().unwrap().len()
    );
}
