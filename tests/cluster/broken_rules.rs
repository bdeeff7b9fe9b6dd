//! Clusters whose controllers may not do what they have to: roles, rules, bindings and accounts.

use serde_json::json;
use testbed::{Reach, Rule, Testbed, User};

use crate::{
    causes::{
        BINDING_ELSEWHERE, BINDING_MISSING, CONTROLLER_ACCOUNT_MISSING, ROLE_MISSING, RULE_MISSING,
    },
    support::{Verified, expect, expect_healthy, kubectl, paste, unknown, verify_as},
};

const ID: &str = "TRN-CONTROLLER-RBAC";
const ROLE: &str = "jobset-manager-role";
const BINDING: &str = "jobset-manager-rolebinding";
const ACCOUNT: &str = "kubeflow-system/jobset-controller-manager";

#[track_caller]
fn assert_detail(verified: &Verified, expected: &str) {
    assert_eq!(verified.detail(ID), expected);
}

#[test]
fn a_rule_that_was_taken_away_is_given_back_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let role = kubectl(&bed, &["get", "clusterrole", ROLE, "-o", "json"]);
    let role: serde_json::Value = serde_json::from_str(&role).unwrap();
    let rules = role["rules"].as_array().unwrap();
    let is_jobs = |rule: &serde_json::Value| rule["resources"] == json!(["jobs"]);
    let place = rules.iter().position(is_jobs).unwrap();
    let verbs = format!("/rules/{place}/verbs");
    let patch = json!([{"op": "replace", "path": verbs, "value": ["get", "list", "watch"]}]);
    let patch = patch.to_string();
    kubectl(
        &bed,
        &["patch", "clusterrole", ROLE, "--type=json", "-p", &patch],
    );
    let verified = expect(&bed, RULE_MISSING);
    let missing = "create, delete, patch, update jobs.batch";
    assert_detail(
        &verified,
        &format!("service account {ACCOUNT} may not {missing}: ClusterRole {ROLE} lacks the rule"),
    );
    paste(&bed, verified.mend(ID));
    expect_healthy(&bed);
}

#[test]
fn a_role_that_is_gone_is_made_anew_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(&bed, &["delete", "clusterrole", ROLE]);
    let verified = expect(&bed, ROLE_MISSING);
    let detail = verified.detail(ID);
    assert!(
        detail.starts_with(&format!("ClusterRole {ROLE} does not exist")),
        "{detail}"
    );
    paste(&bed, verified.mend(ID));
    expect_healthy(&bed);
}

#[test]
fn a_binding_of_another_namespaces_account_is_corrected_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let patch = json!([{"op": "replace", "path": "/subjects/0/namespace", "value": "kubeflow"}]);
    let patch = patch.to_string();
    kubectl(
        &bed,
        &[
            "patch",
            "clusterrolebinding",
            BINDING,
            "--type=json",
            "-p",
            &patch,
        ],
    );
    let verified = expect(&bed, BINDING_ELSEWHERE);
    assert_detail(
        &verified,
        &format!(
            "ClusterRoleBinding {BINDING} binds ClusterRole {ROLE} to service account \
             kubeflow/jobset-controller-manager, but the controller runs as {ACCOUNT}"
        ),
    );
    paste(&bed, verified.mend(ID));
    expect_healthy(&bed);
}

#[test]
fn a_role_that_nobody_binds_is_bound_by_the_printed_mend() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    kubectl(&bed, &["delete", "clusterrolebinding", BINDING]);
    let verified = expect(&bed, BINDING_MISSING);
    let detail = verified.detail(ID);
    let expected = format!("nothing binds ClusterRole {ROLE} to service account {ACCOUNT}");
    assert!(detail.starts_with(&expected), "{detail}");
    paste(&bed, verified.mend(ID));
    expect_healthy(&bed);
}

#[test]
fn an_account_that_is_gone_is_made_anew_by_the_printed_mend_and_its_pods_restarted() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let (namespace, name) = ACCOUNT.split_once('/').unwrap();
    kubectl(&bed, &["-n", namespace, "delete", "serviceaccount", name]);
    let verified = expect(&bed, CONTROLLER_ACCOUNT_MISSING);
    assert_detail(
        &verified,
        &format!("service account {ACCOUNT} does not exist"),
    );
    paste(&bed, verified.mend(ID));
    let advice = verified.finding(ID)["advice"].as_str().unwrap();
    let (_, restart) = advice.split_once(": ").unwrap();
    paste(&bed, restart);
    expect_healthy(&bed);
}

const LOOK: &[&str] = &["get", "list"];

/// Nothing is broken here: the rights of others can be asked for where roles and bindings may not be read.
#[test]
fn who_may_not_read_bindings_asks_for_every_right_and_who_may_not_ask_learns_what_is_missing() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("asks-for-rights").unwrap();
    let rule = |groups, resources, verbs| Rule {
        reach: Reach::Cluster,
        groups,
        resources,
        verbs,
    };
    let kinds = &[
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
    ];
    let rules = [
        rule(
            &["authorization.k8s.io"],
            &["subjectaccessreviews"],
            &["create"],
        ),
        rule(&["admissionregistration.k8s.io"], kinds, LOOK),
        rule(&["apps"], &["deployments"], LOOK),
    ];
    let verify = |name, rules| {
        let caller = User::ServiceAccount {
            namespace: namespace.name(),
            name,
            rules,
        };
        verify_as(&bed.kubeconfig(&caller).unwrap(), &["--only", ID])
    };
    let asks = verify("asks", &rules);
    let found = (asks.exit_code, asks.troubles());
    assert_eq!(found, (0, Vec::new()), "{:#?}", asks.problems());
    let silent = verify("silent", &rules[1..]);
    let found = (silent.exit_code, silent.troubles());
    assert_eq!(found, (4, vec![unknown(ID)]), "{:#?}", silent.problems());
    let detail = silent.detail(ID);
    assert!(detail.contains("clusterrolebindings"), "{detail}");
}
