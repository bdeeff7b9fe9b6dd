//! One healthy cluster, seen by callers with few rights, with none, and by those who do not get through.

use std::{fs, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testbed::{Fault, Matcher, Reach, Rule, Testbed, Times, User};

use crate::{
    causes::PROBE_NAMESPACE_MISSING,
    pty::on_terminal,
    schemas::junit_errors,
    support::{
        Trouble, Verified, binary, expect_healthy, failed, skipped, unknown, verify, verify_as,
    },
};

fn all_unknown<'a>(ids: &[&'a str]) -> Vec<Trouble<'a>> {
    ids.iter().map(|id| unknown(id)).collect()
}

#[test]
fn an_administrator_finds_the_cluster_healthy_and_the_report_is_the_same_every_time() {
    let Some(bed) = Testbed::shared() else { return };
    let first = verify(&bed, &[]);
    assert_eq!(
        (first.exit_code, first.troubles()),
        (0, Vec::new()),
        "{:#?}",
        first.problems()
    );
    for _ in 0..5 {
        assert_eq!(verify(&bed, &[]).report, first.report);
    }
}

#[test]
fn a_caller_without_rights_learns_which_rules_are_missing_and_no_check_fails() {
    let Some(bed) = Testbed::shared() else { return };
    let caller = bed
        .kubeconfig(&User::Certificate {
            name: "nobody",
            groups: &[],
        })
        .unwrap();
    let verified = verify_as(&caller, &[]);
    let expected = all_unknown(&[
        "TRN-CRD-SCHEMA",
        "TRN-NAMESPACE",
        "TRN-INSTALLS",
        "TRN-DEPLOYMENTS",
        "TRN-ENDPOINTS",
        "TRN-LEASES",
        "TRN-CONTROLLER-RBAC",
        "TRN-CERTIFICATES",
        "TRN-CA-BUNDLES",
        "TRN-WEBHOOKS",
        "TRN-RUNTIMES",
        "TRN-RUNTIME-PODS",
        "TRN-PROGRESS",
        "TRN-POD-GROUPS",
        "TRN-DATA-CACHE",
        "TRN-STORAGE-CLASS",
        "TRN-ACCELERATORS",
    ]);
    assert_eq!(
        (verified.exit_code, verified.troubles()),
        (4, expected),
        "{:#?}",
        verified.problems()
    );
    for check in verified.report["checks"].as_array().unwrap() {
        for finding in check["findings"].as_array().unwrap() {
            assert!(finding["missingRule"]["verb"].is_string(), "{finding:#}");
        }
    }
}

#[test]
fn a_caller_with_rights_in_one_namespace_still_sees_that_the_webhooks_answer() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("verify-namespace-only").unwrap();
    let rule = |groups, resources| Rule {
        reach: Reach::Namespace,
        groups,
        resources,
        verbs: &["create", "get", "list"],
    };
    let rules = [
        rule(&["trainer.kubeflow.org"], &["trainjobs"]),
        rule(&["jobset.x-k8s.io"], &["jobsets"]),
        rule(&[""], &["pods"]),
    ];
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name: "engineer",
        rules: &rules,
    };
    let verified = verify_as(&bed.kubeconfig(&caller).unwrap(), &["-n", namespace.name()]);
    let first = [
        failed("TRN-NS-ACCESS", "MayNotSubmit"),
        unknown("TRN-NS-QUOTA"),
        unknown("TRN-NS-SERVICE-ACCOUNT"),
    ];
    let others = all_unknown(&[
        "TRN-CRD-SCHEMA",
        "TRN-NAMESPACE",
        "TRN-INSTALLS",
        "TRN-DEPLOYMENTS",
        "TRN-ENDPOINTS",
        "TRN-LEASES",
        "TRN-CONTROLLER-RBAC",
        "TRN-CERTIFICATES",
        "TRN-CA-BUNDLES",
        "TRN-RUNTIMES",
        "TRN-RUNTIME-PODS",
        "TRN-PROGRESS",
        "TRN-POD-GROUPS",
        "TRN-DATA-CACHE",
        "TRN-STORAGE-CLASS",
        "TRN-ACCELERATORS",
    ]);
    assert_eq!(
        (verified.exit_code, verified.troubles()),
        (1, [&first[..], &others].concat()),
        "{:#?}",
        verified.problems()
    );
}

/// What fits on a screen that nobody has made larger.
const SCREEN: usize = 25;

#[test]
fn a_caller_with_few_rights_gets_a_report_that_fits_on_a_screen() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("verify-on-a-screen").unwrap();
    let nobody = User::Certificate {
        name: "nobody",
        groups: &[],
    };
    let rules = [Rule {
        reach: Reach::Namespace,
        groups: &["trainer.kubeflow.org", ""],
        resources: &[
            "trainjobs",
            "trainingruntimes",
            "pods",
            "pods/log",
            "events",
        ],
        verbs: &["create", "get", "list", "delete"],
    }];
    let engineer = User::ServiceAccount {
        namespace: namespace.name(),
        name: "engineer",
        rules: &rules,
    };
    let callers: [(User<'_>, &[&str], &str); 4] = [
        (nobody.clone(), &[], "Cluster"),
        (nobody, &["-n", namespace.name()], "Namespace"),
        (engineer.clone(), &[], "Cluster"),
        (engineer, &["-n", namespace.name()], "Namespace"),
    ];
    for (caller, arguments, first) in callers {
        let kubeconfig = bed.kubeconfig(&caller).unwrap();
        for columns in [80, 200] {
            let words = ["verify", "-q", "--kubeconfig", kubeconfig.to_str().unwrap()];
            let words = [&words[..], arguments].concat();
            let wide = columns.to_string();
            let environment = [("COLUMNS", wide.as_str()), ("NO_COLOR", "1")];
            let text = on_terminal(&words, &environment);
            let lines: Vec<_> = text.lines().collect();
            // A line that is longer than the terminal takes several of its rows.
            let rows = |line: &&str| line.chars().count().div_ceil(columns).max(1);
            let rows: usize = lines.iter().map(rows).sum();
            assert!(rows <= SCREEN, "{rows} rows:\n{text}");
            assert_eq!(lines[0], first, "{text}");
            let unknown = lines.iter().filter(|line| line.contains("? unknown"));
            assert_eq!(unknown.count(), 1, "{text}");
            assert!(text.contains("NotAllowed: you may not "), "{text}");
        }
    }
}

#[test]
fn every_format_is_one_whole_document_for_every_caller() {
    let Some(bed) = Testbed::shared() else { return };
    let admin = bed.kubeconfig(&User::Admin).unwrap();
    let nobody = User::Certificate {
        name: "nobody",
        groups: &[],
    };
    let nobody = bed.kubeconfig(&nobody).unwrap();
    for (caller, exit_code, verdict) in [(admin, 0, "healthy"), (nobody, 4, "unknown")] {
        let text = |format: &str| {
            let output = binary()
                .args(["verify", "-o", format, "--kubeconfig"])
                .arg(&caller)
                .output()
                .unwrap();
            assert_eq!(
                (output.status.code(), output.stderr.len()),
                (Some(exit_code), 0),
                "{format}"
            );
            String::from_utf8(output.stdout).unwrap()
        };
        let json: Value = serde_json::from_str(&text("json")).unwrap();
        let yaml: Value = serde_saphyr::from_str(&text("yaml")).unwrap();
        assert_eq!(yaml, json);
        assert_eq!(json["verdict"], verdict);
        let junit = text("junit");
        assert_eq!(junit_errors(&junit), [] as [String; 0]);
        let junit = quick_junit::Report::deserialize_from_str(&junit).unwrap();
        let unknown = json["summary"]["unknown"].as_u64().unwrap();
        assert_eq!(unknown > 0, verdict == "unknown");
        assert_eq!(
            (junit.tests, junit.failures, junit.errors as u64),
            (json["checks"].as_array().unwrap().len(), 0, unknown)
        );
        assert!(
            text("table")
                .lines()
                .last()
                .unwrap()
                .contains("Kubeflow Trainer on context")
        );
    }
}

/// Everything after this check, in the catalogue's order.
fn skipped_after(id: &str) -> Vec<Trouble<'static>> {
    let all = [
        "TRN-API",
        "TRN-IDENTITY",
        "TRN-LEGACY-V1",
        "TRN-CRDS",
        "TRN-CRD-SCHEMA",
        "TRN-NAMESPACE",
        "TRN-INSTALLS",
        "TRN-DEPLOYMENTS",
        "TRN-ENDPOINTS",
        "TRN-LEASES",
        "TRN-CONTROLLER-RBAC",
        "TRN-CERTIFICATES",
        "TRN-CA-BUNDLES",
        "TRN-WEBHOOKS",
        "TRN-RUNTIMES",
        "TRN-RUNTIME-PODS",
        "TRN-PROGRESS",
        "TRN-KUEUE",
        "TRN-POD-GROUPS",
        "TRN-DATA-CACHE",
        "TRN-STORAGE-CLASS",
        "TRN-ACCELERATORS",
    ];
    all.into_iter()
        .skip_while(|other| *other != id)
        .skip(1)
        .map(skipped)
        .collect()
}

/// One failure without which nothing can be known, and everything else not made.
#[track_caller]
fn assert_nothing_is_known(verified: &Verified, id: &str, reason: &str) {
    let expected = [vec![failed(id, reason)], skipped_after(id)].concat();
    assert_eq!(
        (verified.exit_code, verified.troubles()),
        (3, expected),
        "{:#?}",
        verified.problems()
    );
}

/// The administrator's kubeconfig with one thing changed, under a name of its own.
fn changed_kubeconfig(bed: &Testbed, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let admin = fs::read(bed.kubeconfig(&User::Admin).unwrap()).unwrap();
    let mut kubeconfig: Value = serde_json::from_slice(&admin).unwrap();
    change(&mut kubeconfig);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.kubeconfig"));
    fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}

#[test]
fn an_invalid_token_is_not_taken_for_an_unhealthy_cluster() {
    let Some(bed) = Testbed::shared() else { return };
    let path = changed_kubeconfig(&bed, "invalid-token", |kubeconfig| {
        kubeconfig["users"][0]["user"] = json!({"token": "not-a-token"});
    });
    assert_nothing_is_known(&verify_as(&path, &[]), "TRN-IDENTITY", "Unauthorized");
}

#[test]
fn a_server_that_cannot_be_reached_gives_one_whole_report() {
    let Some(bed) = Testbed::shared() else { return };
    let admin = bed.kubeconfig(&User::Admin).unwrap();
    let verified = verify_as(&admin, &["--server", "https://127.0.0.1:1"]);
    assert_nothing_is_known(&verified, "TRN-API", "ConnectionRefused");
}

#[test]
fn a_server_of_another_authority_is_not_trusted() {
    let Some(bed) = Testbed::shared() else { return };
    let stranger = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let path = changed_kubeconfig(&bed, "another-authority", |kubeconfig| {
        let data = STANDARD.encode(stranger.cert.pem());
        let cluster = json!({"server": bed.url(), "certificate-authority-data": data});
        kubeconfig["clusters"][0]["cluster"] = cluster;
    });
    assert_nothing_is_known(&verify_as(&path, &[]), "TRN-API", "CertificateNotTrusted");
}

#[test]
fn a_slow_server_is_waited_for_and_a_silent_one_is_told() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let meet = |fault| {
        let every = Matcher::Request {
            method: None,
            path_prefix: "/".to_owned(),
        };
        let proxy = bed.between_client_and_server();
        proxy.set(every, fault, Times::Always).unwrap()
    };
    let slow = meet(Fault::Delay(Duration::from_millis(300)));
    let verified = verify(&bed, &[]);
    assert_eq!(verified.troubles(), [], "{:#?}", verified.problems());
    drop(slow);
    let silent = meet(Fault::Stall);
    let verified = verify(&bed, &["--request-timeout", "1s"]);
    assert_nothing_is_known(&verified, "TRN-API", "AnswerTimedOut");
    drop(silent);
    expect_healthy(&bed);
}

#[test]
fn a_context_whose_namespace_does_not_exist_is_no_place_for_dry_runs() {
    let Some(bed) = Testbed::shared() else { return };
    let path = changed_kubeconfig(&bed, "no-such-namespace", |kubeconfig| {
        kubeconfig["contexts"][0]["context"]["namespace"] = json!("no-such-namespace");
    });
    let verified = verify_as(&path, &[]);
    assert_eq!(verified.troubles(), PROBE_NAMESPACE_MISSING);
    assert_eq!(verified.exit_code, 1);
}
