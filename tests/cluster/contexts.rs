//! Several contexts at once: an administrator, somebody without rights, and a cluster that is gone.

use std::{path::Path, process::Output};

use serde_json::{Value, json};
use testbed::{Testbed, User};

use crate::{
    schemas::{assert_follows, junit_errors},
    support::binary,
};

/// Three kubeconfigs, joined as kubectl joins them: contexts `admin`, `nobody` and `gone`.
fn kubeconfigs(bed: &Testbed) -> String {
    let admin = bed.kubeconfig(&User::Admin).unwrap();
    let nobody = User::Certificate {
        name: "nobody",
        groups: &[],
    };
    let nobody = bed.kubeconfig(&nobody).unwrap();
    let gone = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gone.kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "gone", "user": {"token": "any"}}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "gone"}}],
    });
    std::fs::write(&gone, config.to_string()).unwrap();
    [admin, nobody, gone]
        .map(|path| path.display().to_string())
        .join(":")
}

fn run(bed: &Testbed, words: &[&str]) -> Output {
    binary()
        .args(words)
        .args([
            "--context",
            "admin",
            "--context",
            "nobody",
            "--context",
            "gone",
        ])
        .env("KUBECONFIG", kubeconfigs(bed))
        .output()
        .unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn each_context_has_its_own_report_and_the_worst_decides() {
    let Some(bed) = Testbed::shared() else { return };
    let output = run(&bed, &["verify", "-o", "json"]);
    // Unreachable (3) is worse than unknown (4).
    assert_eq!(output.status.code(), Some(3));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_follows("verify-list", &list);
    let items = list["items"].as_array().unwrap();
    let verdicts: Vec<_> = items
        .iter()
        .map(|item| {
            (
                item["context"].as_str().unwrap(),
                item["verdict"].as_str().unwrap(),
                item["exitCode"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("admin", "healthy", 0),
        ("nobody", "unknown", 4),
        ("gone", "unreachable", 3),
    ];
    assert_eq!(verdicts, expected, "{list:#}");
    for finding in items[1]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|check| check["findings"].as_array().unwrap())
    {
        let question = finding["mend"].as_str().unwrap();
        assert!(
            question.starts_with("kubectl --context nobody auth can-i"),
            "{question}"
        );
    }
    let junit = text(run(&bed, &["verify", "-o", "junit"]).stdout);
    assert_eq!(junit_errors(&junit), [] as [String; 0]);
}

#[test]
fn contexts_stand_side_by_side_and_their_findings_below() {
    let Some(bed) = Testbed::shared() else { return };
    let table = text(run(&bed, &["verify", "--only", "TRN-CRD-SCHEMA"]).stdout);
    let mut lines = table.lines();
    let matrix: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(matrix[0].ends_with("admin      nobody     gone"), "{table}");
    let row = |id: &str| {
        *matrix
            .iter()
            .find(|line| line.starts_with(&format!("{id} ")))
            .unwrap()
    };
    assert!(
        row("TRN-API").ends_with("✓ ok       ✓ ok       ✗ failed"),
        "{table}"
    );
    assert!(
        row("TRN-CRD-SCHEMA").ends_with("✓ ok       ? unknown  - skipped"),
        "{table}"
    );
    let rest: Vec<_> = lines.collect();
    let contexts: Vec<_> = rest
        .iter()
        .filter(|line| line.starts_with("Context "))
        .collect();
    assert_eq!(contexts, [&"Context nobody", &"Context gone"]);
    let mut last = rest.iter().rev();
    assert!(
        last.next()
            .unwrap()
            .starts_with("Nothing is known of Kubeflow Trainer on context gone")
    );
    assert!(
        last.nth(1)
            .unwrap()
            .starts_with("Kubeflow Trainer on context admin was looked at only in part")
    );
}

#[test]
fn runtimes_are_listed_with_their_context_and_what_cannot_be_listed_is_told() {
    let Some(bed) = Testbed::shared() else { return };
    let output = run(&bed, &["runtimes", "list"]);
    assert_eq!(output.status.code(), Some(3));
    let (table, errors) = (text(output.stdout), text(output.stderr));
    assert!(table.starts_with("CONTEXT   NAME"), "{table}");
    assert!(
        table
            .lines()
            .skip(1)
            .all(|line| line.starts_with("admin     ")),
        "{table}"
    );
    assert!(table.lines().count() > 8, "{table}");
    for context in ["nobody", "gone"] {
        assert!(
            errors.contains(&format!("error: context {context}: ")),
            "{errors}"
        );
    }
    let json = run(&bed, &["runtimes", "list", "-o", "json"]);
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_follows("runtimes-list", &document);
    let counts: Vec<_> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (
                item["exitCode"].as_u64().unwrap(),
                item["runtimes"].as_array().unwrap().is_empty(),
            )
        })
        .collect();
    assert_eq!(counts, [(0, false), (4, true), (3, true)]);
}

#[test]
fn a_wait_ends_for_all_and_names_the_context_that_is_waited_for() {
    let Some(bed) = Testbed::shared() else { return };
    let output = run(&bed, &["verify", "--only", "TRN-API", "--wait", "1s"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        text(output.stderr),
        "gone: waiting for TRN-API (ConnectionRefused)\n"
    );
}
