//! What a user sees when the way to the API server is bad: a busy server is asked again, everything else is named.
//! Each test has a namespace of its own, and its fault meets only requests for that namespace.

use std::time::Duration;

use snapbox::{assert_data_eq, cmd::Command, str};
use testbed::{ActiveFault, Fault, Matcher, Namespace, Testbed, Times, User};

use crate::plugin::plugin;

/// A namespace whose runtimes cannot be asked for without meeting the fault.
fn meet(bed: &Testbed, fault: Fault, times: Times) -> (Namespace, ActiveFault) {
    let namespace = bed.namespace("faults").unwrap();
    let path_prefix = format!(
        "/apis/trainer.kubeflow.org/v1alpha1/namespaces/{}/",
        namespace.name()
    );
    let matcher = Matcher::Request {
        method: None,
        path_prefix,
    };
    let active = bed
        .between_client_and_server()
        .set(matcher, fault, times)
        .unwrap();
    (namespace, active)
}

/// `runtimes list` of that namespace; the label leaves out the cluster's own.
fn list(bed: &Testbed, namespace: &Namespace) -> Command {
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let words = ["runtimes", "list", "-l", "no=such", "-n", namespace.name()];
    plugin().env("KUBECONFIG", kubeconfig).args(words)
}

#[test]
fn a_server_that_is_busy_twice_is_asked_again() {
    let Some(bed) = Testbed::shared() else { return };
    let (namespace, fault) = meet(&bed, Fault::Answer(503), Times::Next(2));
    list(&bed, &namespace)
        .assert()
        .code(0)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
No runtimes found in the cluster or in namespace faults-[..].

"#]]);
    assert_eq!(fault.hits().unwrap(), None, "both faults were met");
}

#[test]
fn a_server_that_stays_broken_is_named_with_its_code() {
    let Some(bed) = Testbed::shared() else { return };
    let (namespace, _fault) = meet(&bed, Fault::Answer(500), Times::Always);
    list(&bed, &namespace).assert().code(1).stdout_eq(str![]).stderr_eq(str![[r#"
error: cannot list trainingruntimes.trainer.kubeflow.org in namespace faults-[..]: https://127.0.0.1:[..] answered HTTP 500: an error on the server has prevented the request from succeeding
hint: ask the server yourself: kubectl --context admin get --raw /readyz?verbose

"#]]);
}

#[test]
fn an_answer_that_does_not_come_ends_at_the_limit() {
    let Some(bed) = Testbed::shared() else { return };
    let (namespace, _fault) = meet(&bed, Fault::Stall, Times::Always);
    let list = list(&bed, &namespace).args(["--request-timeout", "500ms"]);
    list.assert().code(124).stdout_eq(str![]).stderr_eq(str![[r#"
error: cannot list trainingruntimes.trainer.kubeflow.org in namespace faults-[..]: https://127.0.0.1:[..] gave no answer within 0.5 s
hint: is the server slow? kubectl --context admin get --raw /readyz; a longer wait: --request-timeout=2m

"#]]);
}

#[test]
fn a_slow_answer_is_still_an_answer() {
    let Some(bed) = Testbed::shared() else { return };
    let (namespace, _fault) = meet(
        &bed,
        Fault::Delay(Duration::from_millis(300)),
        Times::Always,
    );
    list(&bed, &namespace)
        .assert()
        .code(0)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
No runtimes found in the cluster or in namespace faults-[..].

"#]]);
}

#[test]
fn a_connection_that_is_cut_is_named() {
    let Some(bed) = Testbed::shared() else { return };
    let (namespace, _fault) = meet(&bed, Fault::Cut, Times::Always);
    let assert = list(&bed, &namespace).assert().code(3).stdout_eq(str![]);
    let stderr = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    // The cluster's own runtimes are asked for on the same connection, and may be the first to miss it.
    let of_cluster = "clustertrainingruntimes.trainer.kubeflow.org:";
    let of_namespace = format!(
        "trainingruntimes.trainer.kubeflow.org in namespace {}:",
        namespace.name()
    );
    assert_data_eq!(
        stderr.replace(of_cluster, &of_namespace),
        str![[r#"
error: cannot list trainingruntimes.trainer.kubeflow.org in namespace faults-[..]: the connection to https://127.0.0.1:[..] broke: connection reset
hint: try again, then compare with: kubectl --context admin get --raw /readyz

"#]]
    );
}
