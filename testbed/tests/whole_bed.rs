//! A bed with Trainer as tests use it: jobs run, users are who they say, fake nodes play along, and an exclusive bed
//! comes back as released.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output};

use testbed::{Options, Reach, Rule, Testbed, User, is_skipped};

/// Two nodes that find each other by name and then say that they are done.
const TWO_NODES: &str = r#"
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata: {name: pair, namespace: NAMESPACE}
spec:
  runtimeRef: {name: torch-distributed}
  trainer:
    numNodes: 2
    image: docker.io/library/busybox:1.35
    command: [sh, -c]
    args: ["until getent hosts $PET_MASTER_ADDR; do sleep 1; done; echo node $PET_NODE_RANK of $PET_NNODES is done"]
"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// kubectl with a kubeconfig of the caller's choice.
fn kubectl_as(bed: &Testbed, kubeconfig: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(bed.kubectl_path());
    command
        .env("KUBECONFIG", kubeconfig)
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_train_job_runs_on_two_pods_to_its_end() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("pair").unwrap();
    bed.apply(&TWO_NODES.replace("NAMESPACE", namespace.name()))
        .unwrap();
    let complete = [
        "--namespace",
        namespace.name(),
        "wait",
        "trainjob/pair",
        "--for=condition=Complete",
        "--timeout=120s",
    ];
    let waited = bed.kubectl(&complete).unwrap();
    assert!(waited.status.success(), "{}", text(&waited.stderr));
    let logs = [
        "--namespace",
        namespace.name(),
        "logs",
        "--selector=jobset.sigs.k8s.io/jobset-name=pair",
        "--tail=-1",
    ];
    let logs = text(&bed.kubectl(&logs).unwrap().stdout);
    for rank in 0..2 {
        assert!(
            logs.contains(&format!("node {rank} of 2 is done")),
            "{logs}"
        );
    }
}

#[test]
fn a_service_account_may_do_what_its_rules_say_and_nothing_else() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("rules").unwrap();
    let rules = [
        Rule {
            reach: Reach::Namespace,
            groups: &[""],
            resources: &["pods"],
            verbs: &["list"],
        },
        Rule {
            reach: Reach::Cluster,
            groups: &[""],
            resources: &["nodes"],
            verbs: &["list"],
        },
    ];
    let user = User::ServiceAccount {
        namespace: namespace.name(),
        name: "reader",
        rules: &rules,
    };
    let kubeconfig = bed.kubeconfig(&user).unwrap();
    let get = |arguments: &[&str]| {
        kubectl_as(&bed, &kubeconfig, &[&["get"], arguments].concat())
            .status
            .code()
    };
    assert_eq!(get(&["pods", "--namespace", namespace.name()]), Some(0));
    assert_eq!(get(&["nodes"]), Some(0));
    assert_eq!(get(&["secrets", "--namespace", namespace.name()]), Some(1));
    assert_eq!(get(&["pods", "--namespace", "default"]), Some(1));
}

#[test]
fn a_client_certificate_names_its_user_and_group_through_the_door() {
    let Some(bed) = Testbed::shared() else { return };
    let user = User::Certificate {
        name: "jane@example.org",
        groups: &["researchers"],
    };
    let kubeconfig = bed.kubeconfig(&user).unwrap();
    let whoami = kubectl_as(
        &bed,
        &kubeconfig,
        &["auth", "whoami", "--output=jsonpath={.status.userInfo}"],
    );
    let whoami = text(&whoami.stdout);
    let two = User::Certificate {
        name: "joe",
        groups: &["one", "two"],
    };
    assert!(
        bed.kubeconfig(&two)
            .unwrap_err()
            .to_string()
            .contains("one group only")
    );
    for part in ["jane@example.org", "researchers", "system:authenticated"] {
        assert!(whoami.contains(part), "{part}: {whoami}");
    }
}

#[test]
fn an_exclusive_bed_is_as_released_whatever_the_test_before_did() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let done = |arguments: &[&str]| {
        let output = bed.kubectl(arguments).unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    };
    let deployment = "deployment/kubeflow-trainer-controller-manager";
    done(&[
        "--namespace",
        "kubeflow-system",
        "scale",
        deployment,
        "--replicas=0",
    ]);
    done(&["delete", "clustertrainingruntime", "torch-distributed"]);
    done(&[
        "delete",
        "validatingwebhookconfiguration",
        "jobset-validating-webhook-configuration",
    ]);
    done(&[
        "create",
        "clusterrole",
        "kept",
        "--verb=get",
        "--resource=pods",
    ]);
    let stranger = r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"pytorchjobs.kubeflow.org"},
        "spec":{"group":"kubeflow.org","scope":"Namespaced","names":{"plural":"pytorchjobs","singular":"pytorchjob","kind":"PyTorchJob"},
        "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}"#;
    bed.apply(stranger).unwrap();
    assert!(bed.probe_webhooks().is_err(), "the bed is broken now");
    drop(bed);

    let bed = Testbed::exclusive().unwrap();
    bed.probe_webhooks().unwrap();
    let found =
        |kind: &str, name: &str| bed.kubectl(&["get", kind, name]).unwrap().status.success();
    assert!(found("clusterrole", "kept"), "what hurts nobody stays");
    assert!(found("clustertrainingruntime", "torch-distributed"));
    assert!(found(
        "validatingwebhookconfiguration",
        "jobset-validating-webhook-configuration"
    ));
    assert!(!found(
        "customresourcedefinition",
        "pytorchjobs.kubeflow.org"
    ));
}

#[test]
fn pods_on_fake_nodes_run_and_say_what_the_test_writes() {
    if is_skipped() {
        return;
    }
    let options = Options {
        fake_nodes: 2,
        ..Options::default()
    };
    let bed = Testbed::start(&options, &mut io::stderr()).unwrap();
    let namespace = bed.namespace("fake").unwrap();
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"fake","namespace":"NAMESPACE"},
        "spec":{"nodeName":"fake-2","containers":[{"name":"main","image":"testbed/fake:1"}]}}"#;
    bed.apply(&pod.replace("NAMESPACE", namespace.name()))
        .unwrap();
    namespace.wait_phase("fake", "Running", 30).unwrap();
    let mut log = File::options().append(true).open(bed.fake_log()).unwrap();
    writeln!(
        log,
        "2026-01-31T12:00:00.000000000Z stdout F a line of a fake container"
    )
    .unwrap();
    let logs = bed
        .kubectl(&["--namespace", namespace.name(), "logs", "fake"])
        .unwrap();
    assert_eq!(
        text(&logs.stdout),
        "a line of a fake container\n",
        "{}",
        text(&logs.stderr)
    );
}
