//! `verify --pre`: clusters on which a release can be installed, and each way in which one cannot.
//! One bed without Trainer is for all cases; each makes one trouble and takes it away again.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use snapbox::{cmd::Command, str};
use testbed::{Options, Reach, Rule, Testbed, User, is_skipped};

use crate::{
    causes::{
        ANOTHER_JOBSET, CRD_HELD, DEFINITIONS_ONLY, GRANTS_MISSING, HALF_INSTALLED, JOBSET_TOO_OLD,
        MANAGED_ELSEWHERE, NAMESPACE_QUOTA, NAMESPACE_TERMINATING, NO_NODE, RIGHTS_MISSING,
        RUNTIME_HELD, SERVICE_GONE,
    },
    support::{Trouble, Verified, binary, kubectl, paste, verify, verify_as},
};

const NAMESPACE: &str = "kubeflow-system";
/// How long a change may take until the cluster shows it.
const LIMIT: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(250);

static BARE: Mutex<Option<Testbed>> = Mutex::new(None);

/// The bed without Trainer, which one case has at a time. It ends with this process.
struct Bare(MutexGuard<'static, Option<Testbed>>);

impl Bare {
    fn take() -> Option<Self> {
        if is_skipped() {
            return None;
        }
        let mut bed = BARE.lock().unwrap_or_else(PoisonError::into_inner);
        bed.get_or_insert_with(|| {
            Testbed::start(&Options::default(), &mut std::io::sink()).unwrap()
        });
        Some(Self(bed))
    }
}

impl std::ops::Deref for Bare {
    type Target = Testbed;

    fn deref(&self) -> &Testbed {
        self.0.as_ref().unwrap()
    }
}

/// Looks until exactly these troubles are there.
#[track_caller]
fn expect(bed: &Testbed, expected: &[Trouble<'_>]) -> Verified {
    let start = Instant::now();
    loop {
        let verified = verify(bed, &["--pre"]);
        if verified.troubles() == expected {
            let failures = expected.iter().any(|(_, state, _)| *state == "failed");
            assert_eq!(verified.exit_code, i32::from(failures), "{expected:?}");
            return verified;
        }
        assert!(
            start.elapsed() < LIMIT,
            "expected {expected:?}, found {:#?}",
            verified.problems()
        );
        thread::sleep(PAUSE);
    }
}

/// The report as a person sees it.
fn table(bed: &Testbed) -> Command {
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    Command::from_std(binary())
        .env("KUBECONFIG", kubeconfig)
        .args(["verify", "--pre"])
}

fn apply(bed: &Testbed, object: &Value) {
    bed.apply(&object.to_string()).unwrap();
}

fn namespace(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

/// A controller that asks for no pods.
fn deployment(namespace: &str, image: &str) -> Value {
    let labels = json!({"app": "controller"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "controller", "namespace": namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "manager", "image": image}]},
            },
        },
    })
}

/// A definition that takes any fields.
fn definition(kind: &str, plural: &str, scope: &str) -> Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.trainer.kubeflow.org")},
        "spec": {
            "group": "trainer.kubeflow.org", "scope": scope,
            "names": {"kind": kind, "plural": plural},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

fn held(kind: &str, name: &str) -> Value {
    let finalizers = ["trainer.kubeflow.org/resource-in-use"];
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "default", "finalizers": finalizers},
    })
}

fn wait_established(bed: &Testbed) {
    let arguments = [
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=60s",
    ];
    kubectl(bed, &arguments);
}

fn delete(bed: &Testbed, object: &str) {
    kubectl(bed, &["delete", object, "--timeout=60s"]);
}

#[test]
fn on_a_clean_cluster_an_administrator_may_install() {
    let Some(bed) = Bare::take() else { return };
    expect(&bed, &[]);
    table(&bed)
        .assert()
        .success()
        .stderr_eq(str![])
        .stdout_eq(str![[r#"
Cluster
  ✓ ok       The API server answers and is 1.31 or newer  v1.[..]
  ✓ ok       The API server knows who you are             you are admin
Custom resource definitions
  ✓ ok       No older Kubeflow training API is left over  none found
Installation
  ✓ ok       You may apply a release of Trainer           you may do everything
  ✓ ok       Nothing is left over that stands in the way  none found
  ✓ ok       No half installation of Trainer is there     nothing of Trainer is there
  ✓ ok       The namespace takes the controllers          kubeflow-system does not exist; the release makes it
  ✓ ok       No other JobSet is installed                 none; the release brings 0.12.0
  ✓ ok       A node has room for the controllers          node n1 has it

The cluster of context admin is ready for Kubeflow Trainer: all 9 checks passed.

"#]]);
}

#[test]
fn a_cluster_with_a_healthy_trainer_is_as_ready_as_a_clean_one() {
    let Some(bed) = Testbed::shared() else { return };
    let verified = expect(&bed, &[]);
    let facts = |id: &str| {
        let checks = verified.report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap()["facts"][0].clone()
    };
    assert_eq!(
        facts("TRN-PRE-INSTALLED"),
        "Trainer 2.3.0 in kubeflow-system"
    );
    assert_eq!(
        facts("TRN-PRE-JOBSET"),
        "JobSet 0.12.0 belongs to the installation in kubeflow-system"
    );
}

#[test]
fn an_installation_that_helm_keeps_is_told() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let annotate = |value: &str| {
        let object = "deployment/kubeflow-trainer-controller-manager";
        kubectl(&bed, &["-n", NAMESPACE, "annotate", object, value]);
    };
    annotate("meta.helm.sh/release-name=my-trainer");
    let verified = expect(&bed, MANAGED_ELSEWHERE);
    let detail = verified.detail("TRN-PRE-INSTALLED");
    assert!(
        detail.ends_with("is kept by Helm (release my-trainer)"),
        "{detail}"
    );
    annotate("meta.helm.sh/release-name-");
    expect(&bed, &[]);
}

#[test]
fn a_caller_without_the_rights_is_given_them_by_the_printed_command() {
    let Some(bed) = Bare::take() else { return };
    let everything = |verbs: &'static [&'static str]| Rule {
        reach: Reach::Cluster,
        groups: &["*"],
        resources: &["*"],
        verbs,
    };
    let look = |name, verbs| {
        let rules = [everything(verbs)];
        let caller = User::ServiceAccount {
            namespace: "default",
            name,
            rules: &rules,
        };
        verify_as(&bed.kubeconfig(&caller).unwrap(), &["--pre"])
    };
    let reader = look("reader", &["get", "list"]);
    assert_eq!(
        (reader.exit_code, reader.troubles()),
        (1, RIGHTS_MISSING.to_vec())
    );
    let detail = reader.detail("TRN-PRE-RIGHTS");
    assert!(
        detail.contains(" customresourcedefinitions.apiextensions.k8s.io,"),
        "{detail}"
    );
    let writer = look("writer", &["get", "list", "create", "patch"]);
    assert_eq!(
        (writer.exit_code, writer.troubles()),
        (1, GRANTS_MISSING.to_vec())
    );
    let advice = writer.problems()[0]["findings"][0]["advice"]
        .as_str()
        .unwrap();
    let (_, command) = advice.split_once(": ").unwrap();
    paste(&bed, command);
    let writer = look("writer", &["get", "list", "create", "patch"]);
    assert_eq!((writer.exit_code, writer.troubles()), (0, Vec::new()));
    delete(&bed, "clusterrolebinding/trainer-installer");
}

#[test]
fn webhook_configurations_without_their_service_are_deleted_by_the_printed_mend() {
    let Some(bed) = Bare::take() else { return };
    apply(
        &bed,
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "validator.trainer.kubeflow.org"},
            "webhooks": [{
                "name": "validator.trainjob.trainer.kubeflow.org",
                "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "clientConfig": {"service": {"namespace": NAMESPACE, "name": "kubeflow-trainer-controller-manager"}},
                "rules": [{
                    "apiGroups": ["trainer.kubeflow.org"], "apiVersions": ["*"],
                    "operations": ["CREATE"], "resources": ["trainjobs"],
                }],
            }],
        }),
    );
    let verified = expect(&bed, SERVICE_GONE);
    paste(&bed, verified.mend("TRN-PRE-LEFTOVERS"));
    expect(&bed, &[]);
}

#[test]
fn half_an_installation_is_told_by_its_parts() {
    let Some(bed) = Bare::take() else { return };
    apply(&bed, &namespace("ml", &json!({})));
    apply(
        &bed,
        &deployment(
            "ml",
            "ghcr.io/kubeflow/trainer/trainer-controller-manager:v2.2.1",
        ),
    );
    let verified = expect(&bed, HALF_INSTALLED);
    let detail = verified.detail("TRN-PRE-INSTALLED");
    assert!(
        detail.contains("Deployment ml/controller; missing:"),
        "{detail}"
    );
    delete(&bed, "namespace/ml");
    expect(&bed, &[]);
}

#[test]
fn kept_definitions_are_no_obstacle_until_finalizers_hold_them() {
    let Some(bed) = Bare::take() else { return };
    apply(&bed, &definition("TrainJob", "trainjobs", "Namespaced"));
    let runtimes = definition(
        "ClusterTrainingRuntime",
        "clustertrainingruntimes",
        "Cluster",
    );
    apply(&bed, &runtimes);
    wait_established(&bed);
    expect(&bed, DEFINITIONS_ONLY);

    let mut runtime = held("ClusterTrainingRuntime", "torch-distributed");
    runtime["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    apply(&bed, &runtime);
    let runtime = "clustertrainingruntime/torch-distributed";
    kubectl(&bed, &["delete", runtime, "--wait=false"]);
    let verified = expect(&bed, RUNTIME_HELD);
    paste(&bed, verified.mend("TRN-PRE-LEFTOVERS"));
    expect(&bed, DEFINITIONS_ONLY);

    apply(&bed, &held("TrainJob", "old"));
    kubectl(
        &bed,
        &[
            "delete",
            "crd/trainjobs.trainer.kubeflow.org",
            "--wait=false",
        ],
    );
    let verified = expect(&bed, CRD_HELD);
    assert!(
        verified
            .detail("TRN-PRE-LEFTOVERS")
            .ends_with("default/old")
    );
    paste(&bed, verified.mend("TRN-PRE-LEFTOVERS"));
    delete(&bed, "crd/clustertrainingruntimes.trainer.kubeflow.org");
    expect(&bed, &[]);
}

#[test]
fn a_namespace_takes_the_controllers_under_pod_security_but_not_past_a_quota() {
    let Some(bed) = Bare::take() else { return };
    let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    apply(&bed, &namespace(NAMESPACE, &restricted));
    kubectl(
        &bed,
        &[
            "-n",
            NAMESPACE,
            "wait",
            "--for=create",
            "serviceaccount/default",
        ],
    );
    expect(&bed, &[]);
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": NAMESPACE},
        "spec": {"hard": {"pods": "0"}},
    });
    apply(&bed, &quota);
    expect(&bed, NAMESPACE_QUOTA);

    let holder = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "holder", "namespace": NAMESPACE, "finalizers": ["example.com/hold"]},
    });
    apply(&bed, &holder);
    kubectl(&bed, &["delete", "namespace", NAMESPACE, "--wait=false"]);
    let verified = expect(&bed, NAMESPACE_TERMINATING);
    let detail = verified.detail("TRN-PRE-NAMESPACE");
    assert!(detail.contains(NAMESPACE), "{detail}");
    let free = "{\"metadata\":{\"finalizers\":null}}";
    kubectl(
        &bed,
        &[
            "-n",
            NAMESPACE,
            "patch",
            "configmap/holder",
            "--type=merge",
            "-p",
            free,
        ],
    );
    kubectl(
        &bed,
        &[
            "wait",
            "--for=delete",
            "namespace/kubeflow-system",
            "--timeout=60s",
        ],
    );
    expect(&bed, &[]);
}

#[test]
fn another_jobset_is_judged_by_its_version() {
    let Some(bed) = Bare::take() else { return };
    apply(&bed, &namespace("jobset-system", &json!({})));
    let jobset = |tag: &str| {
        let image = format!("registry.k8s.io/jobset/jobset:{tag}");
        apply(&bed, &deployment("jobset-system", &image));
    };
    jobset("v0.11.0");
    let verified = expect(&bed, ANOTHER_JOBSET);
    assert_eq!(
        verified.detail("TRN-PRE-JOBSET"),
        "JobSet 0.11.0 is already installed in namespace jobset-system"
    );
    jobset("v0.7.3");
    expect(&bed, JOBSET_TOO_OLD);
    delete(&bed, "namespace/jobset-system");
    expect(&bed, &[]);
}

#[test]
fn a_cluster_whose_only_node_is_cordoned_takes_no_controllers() {
    let Some(bed) = Bare::take() else { return };
    kubectl(&bed, &["cordon", "n1"]);
    let verified = expect(&bed, NO_NODE);
    assert_eq!(
        verified.detail("TRN-PRE-NODES"),
        "the only node cannot take the controllers: n1 is cordoned"
    );
    table(&bed)
        .assert()
        .code(1)
        .stderr_eq(str![])
        .stdout_eq(str![[r#"
Cluster
  ✓ ok       The API server answers and is 1.31 or newer  v1.[..]
  ✓ ok       The API server knows who you are             you are admin
Custom resource definitions
  ✓ ok       No older Kubeflow training API is left over  none found
Installation
  ✓ ok       You may apply a release of Trainer           you may do everything
  ✓ ok       Nothing is left over that stands in the way  none found
  ✓ ok       No half installation of Trainer is there     nothing of Trainer is there
  ✓ ok       The namespace takes the controllers          kubeflow-system does not exist; the release makes it
  ✓ ok       No other JobSet is installed                 none; the release brings 0.12.0
  ✗ failed   A node has room for the controllers
             NoNode: the only node cannot take the controllers: n1 is cordoned
             mend: kubectl describe nodes
             see:  kubectl trainer explain TRN-PRE-NODES

The cluster of context admin is not ready for Kubeflow Trainer: 1 failed (TRN-PRE-NODES), 8 ok.

"#]]);
    kubectl(&bed, &["uncordon", "n1"]);
    expect(&bed, &[]);
}
