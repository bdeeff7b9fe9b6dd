//! The pages of checks and reasons, and `docs/checks.md`, which is made of them.

use kubectl_trainer::{check::page::pages, render::explain::render_markdown};
use snapbox::{Data, assert_data_eq, file, str};

use crate::plugin::plugin;

/// Written anew, as any snapshot, with `SNAPSHOTS=overwrite cargo test -p kubectl-trainer --test cli`.
#[test]
fn the_document_of_all_checks_says_what_the_code_says() {
    let document: Data = file!["../../docs/checks.md"];
    assert_data_eq!(render_markdown(&pages()), document.raw());
}

#[test]
fn every_check_has_a_page_and_every_reason_too() {
    for page in pages() {
        let text = explained(page.id.0);
        assert!(
            text.starts_with(&format!("{}  {}\n", page.id, page.title)),
            "{text}"
        );
        for reason in page.reasons {
            let text = explained(reason.code);
            assert!(
                text.contains(&format!("{}, given by", reason.code)),
                "{text}"
            );
            assert!(text.contains(page.id.0), "{text}");
        }
    }
}

fn explained(what: &str) -> String {
    let output = plugin()
        .args(["explain", what])
        .assert()
        .code(0)
        .stderr_eq("");
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

#[test]
fn a_reason_is_explained_with_the_checks_that_give_it() {
    plugin()
        .args(["explain", "crashloop"])
        .assert()
        .code(0)
        .stderr_eq(str![])
        .stdout_eq(str![[r#"
CrashLoop, given by TRN-DEPLOYMENTS  The controllers of Trainer and JobSet run
  The controller starts and ends with an error, again and again.
  The quoted line is the last telling one of its log; read all of it with kubectl logs
  --previous.

"#]]);
}

#[test]
fn a_reason_that_any_check_can_give_says_so() {
    plugin()
        .args(["explain", "NotAllowed"])
        .assert()
        .code(0)
        .stderr_eq(str![])
        .stdout_eq(str![[r#"
NotAllowed, given by every check  whatever it looks at
  Your account lacks the named RBAC rule, so this could not be looked at. It says
  nothing about the health of Trainer.
  Ask an administrator for the rule, or have somebody run the check who has it.

"#]]);
}

#[test]
fn a_reason_that_is_nearly_named_is_offered() {
    plugin()
        .args(["explain", "CrashLop"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: there is no check or reason "CrashLop"
hint: did you mean CrashLoop? all checks: kubectl trainer explain

"#]]);
}
