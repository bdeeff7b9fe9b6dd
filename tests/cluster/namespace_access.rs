//! May this caller, or that service account, train here? Asked by those who may, and by those who lack something.

use testbed::{Namespace, Reach, Rule, Testbed, User};

use crate::{
    causes::{
        ACCOUNT_ASKED_ABOUT_MISSING, ACCOUNT_MAY_DO_NOTHING, MAY_DO_NOTHING,
        MAY_NOT_ASK_ABOUT_OTHERS, MAY_NOT_FOLLOW, MAY_NOT_READ_CLUSTER_RUNTIMES, MAY_NOT_READ_LOGS,
        MAY_NOT_SEE_EVENTS, MAY_NOT_SUBMIT, MAY_ONLY_READ, MAY_TRAIN,
    },
    support::{Verified, expect_from, failed, kubectl, paste, unknown, verify, verify_as},
};

/// What a namespace-only caller asks about: nothing of the cluster as a whole.
const ONLY_NAMESPACE: [&str; 2] = [
    "--only",
    "TRN-NS-EXISTS,TRN-NS-ACCESS,TRN-NS-QUOTA,TRN-NS-SERVICE-ACCOUNT,TRN-NS-POD-ADMISSION",
];

const TRAINER: &[&str] = &["trainer.kubeflow.org"];
const CORE: &[&str] = &[""];
const REVIEWS: &[&str] = &["authorization.k8s.io"];

const fn rule(
    reach: Reach,
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Rule<'static> {
    Rule {
        reach,
        groups,
        resources,
        verbs,
    }
}

const SUBMIT: Rule<'static> = rule(
    Reach::Namespace,
    TRAINER,
    &["trainjobs"],
    &["create", "get", "list", "delete"],
);
const READ: Rule<'static> = rule(
    Reach::Namespace,
    TRAINER,
    &["trainjobs", "trainingruntimes"],
    &["get", "list"],
);
const CLUSTER_RUNTIMES: Rule<'static> = rule(
    Reach::Cluster,
    TRAINER,
    &["clustertrainingruntimes"],
    &["get", "list"],
);
const PODS: Rule<'static> = rule(Reach::Namespace, CORE, &["pods"], &["list"]);
const LOGS: Rule<'static> = rule(Reach::Namespace, CORE, &["pods/log"], &["get"]);
const EVENTS: Rule<'static> = rule(Reach::Namespace, CORE, &["events"], &["list"]);

/// A service account `NAME` of the namespace with these rules, looking at its namespace.
fn look_as(bed: &Testbed, namespace: &Namespace, name: &str, rules: &[Rule<'_>]) -> Verified {
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name,
        rules,
    };
    let caller = bed.kubeconfig(&caller).unwrap();
    verify_as(
        &caller,
        &[&["-n", namespace.name()], &ONLY_NAMESPACE[..]].concat(),
    )
}

#[test]
fn who_has_just_the_rights_of_the_sdk_may_train() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("access-submitter").unwrap();
    let rules = [SUBMIT, READ, CLUSTER_RUNTIMES, PODS, LOGS, EVENTS];
    expect_from(
        || look_as(&bed, &namespace, "submitter", &rules),
        (0, MAY_TRAIN),
    );
}

#[test]
fn who_may_only_read_is_told_that_submitting_is_what_they_lack() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("access-viewer").unwrap();
    let rules = [READ, CLUSTER_RUNTIMES, PODS, LOGS, EVENTS];
    let verified = expect_from(
        || look_as(&bed, &namespace, "viewer", &rules),
        (1, MAY_ONLY_READ),
    );
    let expected = format!(
        "you may not create, delete trainjobs in namespace {}",
        namespace.name()
    );
    assert_eq!(verified.detail("TRN-NS-ACCESS"), expected);
}

#[test]
fn a_user_without_rights_gets_them_all_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("access-nobody").unwrap();
    let user = format!("jane@{}", namespace.name());
    let arguments = ["-n", namespace.name(), "--as", &user];
    let look = || verify(&bed, &[&arguments[..], &ONLY_NAMESPACE].concat());
    let verified = expect_from(look, (1, MAY_DO_NOTHING));
    // Nothing was found to be wrong with the installation.
    let message = verified.report["message"].as_str().unwrap();
    assert!(
        message.starts_with("Kubeflow Trainer on context admin cannot be used in this namespace"),
        "{message}"
    );
    paste(&bed, verified.mend("TRN-NS-ACCESS"));
    expect_from(look, (0, MAY_TRAIN));
}

#[test]
fn who_may_not_read_namespaces_still_learns_that_one_is_missing_or_going() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("access-blind").unwrap();
    let rules = [rule(Reach::Cluster, TRAINER, &["trainjobs"], &["create"])];
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name: "maker",
        rules: &rules,
    };
    let caller = bed.kubeconfig(&caller).unwrap();
    let look = |namespace: &str| verify_as(&caller, &["-n", namespace, "--only", "TRN-NS-EXISTS"]);
    expect_from(|| look(namespace.name()), (0, &[]));
    let missing = failed("TRN-NS-EXISTS", "Missing");
    expect_from(|| look("no-such-namespace"), (1, &[missing]));
    let going = bed.namespace("access-going").unwrap();
    let keep = r#"{"metadata":{"finalizers":["example.com/keeps-it"]}}"#;
    let free = r#"{"metadata":{"finalizers":null}}"#;
    let patch = |patch| {
        let object = [
            "patch",
            "configmap",
            "kube-root-ca.crt",
            "--type=merge",
            "-p",
        ];
        let arguments = ["-n", going.name()]
            .into_iter()
            .chain(object)
            .chain([patch]);
        kubectl(&bed, &arguments.collect::<Vec<_>>());
    };
    patch(keep);
    kubectl(&bed, &["delete", "namespace", going.name(), "--wait=false"]);
    let terminating = failed("TRN-NS-EXISTS", "Terminating");
    expect_from(|| look(going.name()), (1, &[terminating]));
    patch(free);
}

#[test]
fn who_may_not_create_pods_is_told_what_the_namespaces_label_refuses() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("access-label").unwrap();
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl(&bed, &["label", "namespace", namespace.name(), label]);
    let rules = [
        CLUSTER_RUNTIMES,
        rule(Reach::Namespace, CORE, &["namespaces"], &["get"]),
    ];
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name: "reader",
        rules: &rules,
    };
    let caller = bed.kubeconfig(&caller).unwrap();
    let look = || {
        let only = ["--only", "TRN-NS-POD-ADMISSION"];
        let skip = ["--skip", "TRN-NS-QUOTA,TRN-NS-SERVICE-ACCOUNT"];
        verify_as(
            &caller,
            &[&["-n", namespace.name()], &only[..], &skip].concat(),
        )
    };
    let refused = failed("TRN-NS-POD-ADMISSION", "PodSecurity");
    let verified = expect_from(look, (1, &[refused]));
    let detail = verified.detail("TRN-NS-POD-ADMISSION");
    assert!(
        detail.starts_with("pods of all 8 runtimes are refused"),
        "{detail}"
    );
}

/// What an administrator learns about a service account of the namespace.
fn ask_about(bed: &Testbed, namespace: &Namespace, account: &str) -> Verified {
    let account = format!("{}/{account}", namespace.name());
    verify(bed, &["--service-account", &account])
}

#[test]
fn each_thing_that_a_service_account_lacks_is_told_apart_and_granted_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("access-accounts").unwrap();
    let cases = [
        ("idle", vec![], 1, ACCOUNT_MAY_DO_NOTHING),
        (
            "shy",
            vec![READ, CLUSTER_RUNTIMES, PODS, LOGS, EVENTS],
            1,
            MAY_NOT_SUBMIT,
        ),
        (
            "narrow",
            vec![SUBMIT, READ, PODS, LOGS, EVENTS],
            1,
            MAY_NOT_READ_CLUSTER_RUNTIMES,
        ),
        (
            "blind",
            vec![SUBMIT, READ, CLUSTER_RUNTIMES, LOGS, EVENTS],
            1,
            MAY_NOT_FOLLOW,
        ),
        (
            "deaf",
            vec![SUBMIT, READ, CLUSTER_RUNTIMES, PODS, EVENTS],
            0,
            MAY_NOT_READ_LOGS,
        ),
        (
            "late",
            vec![SUBMIT, READ, CLUSTER_RUNTIMES, PODS, LOGS],
            0,
            MAY_NOT_SEE_EVENTS,
        ),
    ];
    for (name, rules, exit_code, cause) in cases {
        let account = User::ServiceAccount {
            namespace: namespace.name(),
            name,
            rules: &rules,
        };
        bed.kubeconfig(&account).unwrap();
        let look = || ask_about(&bed, &namespace, name);
        let verified = expect_from(look, (exit_code, cause));
        paste(&bed, verified.mend("TRN-NS-ACCESS"));
        expect_from(look, (0, &[]));
    }
}

#[test]
fn a_service_account_that_does_not_exist_is_created_by_the_printed_mend() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("access-absent").unwrap();
    let look = || ask_about(&bed, &namespace, "absent");
    let verified = expect_from(look, (1, ACCOUNT_ASKED_ABOUT_MISSING));
    paste(&bed, verified.mend("TRN-NS-ACCESS"));
    expect_from(look, (1, ACCOUNT_MAY_DO_NOTHING));
}

/// A caller with these rights asks about an account that may train.
fn ask_as(bed: &Testbed, namespace: &Namespace, name: &str, rules: &[Rule<'_>]) -> Verified {
    let caller = User::ServiceAccount {
        namespace: namespace.name(),
        name,
        rules,
    };
    let caller = bed.kubeconfig(&caller).unwrap();
    let only = ["--only", "TRN-NS-ACCESS", "--skip", "TRN-NS-EXISTS"];
    let arguments = ["--service-account", "trainer", "-n", namespace.name()];
    verify_as(&caller, &[&arguments[..], &only].concat())
}

#[test]
fn a_service_account_is_asked_about_in_whichever_way_the_caller_may() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("access-ways").unwrap();
    let rules = [SUBMIT, READ, CLUSTER_RUNTIMES, PODS, LOGS, EVENTS];
    let trainer = User::ServiceAccount {
        namespace: namespace.name(),
        name: "trainer",
        rules: &rules,
    };
    bed.kubeconfig(&trainer).unwrap();
    let impersonate = [rule(
        Reach::Namespace,
        CORE,
        &["serviceaccounts"],
        &["impersonate"],
    )];
    let review = [rule(
        Reach::Cluster,
        REVIEWS,
        &["subjectaccessreviews"],
        &["create"],
    )];
    let local = [rule(
        Reach::Namespace,
        REVIEWS,
        &["localsubjectaccessreviews"],
        &["create"],
    )];
    let ask = |name: &str, rules: &[Rule<'_>]| ask_as(&bed, &namespace, name, rules);
    expect_from(|| ask("impersonator", &impersonate), (0, &[]));
    expect_from(|| ask("reviewer", &review), (0, &[]));
    let verified = expect_from(|| ask("neighbour", &local), (4, MAY_NOT_ASK_ABOUT_OTHERS));
    let missing = |verified: &Verified| {
        let rule = &verified.problems()[0]["findings"][0]["missingRule"];
        format!("{} {}", rule["verb"], rule["resource"]).replace('"', "")
    };
    assert_eq!(missing(&verified), "create subjectaccessreviews");
    let verified = expect_from(|| ask("stranger", &[]), (4, &[unknown("TRN-NS-ACCESS")]));
    assert_eq!(missing(&verified), "impersonate serviceaccounts");
}
