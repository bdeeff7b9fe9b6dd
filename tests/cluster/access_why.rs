//! `access why` on a real cluster: the server's verdict, the bindings behind it, and what comes near.

use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};
use testbed::{Testbed, User};

use crate::{
    bootstrap::{Ended, Team, run, run_as},
    schemas::assert_follows,
    support::{kubectl, paste, wait_until},
};

struct Asked {
    code: i32,
    answer: Value,
}

fn asked(ended: &Ended) -> Asked {
    let answer = serde_json::from_str(&ended.out);
    let answer: Value =
        answer.unwrap_or_else(|error| panic!("{error}: {}{}", ended.out, ended.err));
    assert_follows("access-why", &answer);
    assert_eq!(answer["allowed"], ended.code == 0);
    Asked {
        code: ended.code,
        answer,
    }
}

/// The reasons of what comes near.
fn near(asked: &Asked) -> Vec<&str> {
    let near = asked.answer["almost"].as_array().unwrap().iter();
    near.map(|near| near["reason"].as_str().unwrap()).collect()
}

/// A Role that grants nothing of what it seems to.
fn dead_role(namespace: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": "dead", "namespace": namespace },
        "rules": [
            { "apiGroups": ["trainer.kubeflow.org"], "resources": ["clustertrainingruntimes"], "verbs": ["patch"] },
            { "apiGroups": ["kubeflow.org"], "resources": ["trainjobs"], "verbs": ["update"] },
        ],
    })
}

#[test]
fn what_is_allowed_is_told_with_every_binding_and_what_is_not_with_what_comes_near() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "access-why");
    team.bootstrap(&[]);
    let account = format!("{}/trainer-submitter", team.name());
    let words = ["access", "why"];
    let about = ["--service-account", &account];
    let why = |question: &[&str]| run(&bed, &[&words[..], question, &about[..]].concat());
    let as_json = |question: &[&str]| asked(&why(&[question, &["-o", "json"]].concat()));
    wait_until("the grant", || why(&["create", "trainjob"]).code == 0);
    for resource in ["trainjobs", "TrainJob", "trainjobs.trainer.kubeflow.org"] {
        let asked = as_json(&["create", resource]);
        assert_eq!(asked.code, 0, "{resource}");
        let granting = &asked.answer["grantedBy"];
        assert_eq!(granting.as_array().unwrap().len(), 1, "{granting:#}");
        assert_eq!(granting[0]["role"], "kubectl-trainer-submitter");
    }
    for question in [["get", "po"], ["get", "pods/log"], ["list", "ev"]] {
        assert_eq!(as_json(&question).code, 0, "{question:?}");
    }
    // The cluster's runtimes, by a binding of the cluster.
    let asked = as_json(&["list", "clustertrainingruntimes"]);
    assert_eq!(asked.code, 0);
    assert_eq!(asked.answer["question"]["namespace"], Value::Null);
    assert_eq!(asked.answer["grantedBy"][0]["kind"], "ClusterRoleBinding");
    let refused = why(&["update", "trainingruntimes"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    let file = kubeconfig.to_str().unwrap();
    assert_data_eq!(
        refused
            .out
            .replace(team.name(), "team-a")
            .replace(file, "admin.json"),
        str![[r#"
no: service account team-a/trainer-submitter may not update trainingruntimes of trainer.kubeflow.org in namespace team-a
Almost
  Role team-a/kubectl-trainer-submitter allows get, list, watch there, and not update
Bound here
  ClusterRoleBinding kubectl-trainer:team-a:trainer-submitter:cluster-runtimes of ClusterRole kubectl-trainer-cluster-runtimes-view to ServiceAccount team-a/trainer-submitter
  RoleBinding team-a/kubectl-trainer-submitter-diagnose-trainer-submitter of Role team-a/kubectl-trainer-submitter-diagnose to ServiceAccount team-a/trainer-submitter
  RoleBinding team-a/kubectl-trainer-submitter-trainer-submitter of Role team-a/kubectl-trainer-submitter to ServiceAccount team-a/trainer-submitter
Personas that have it: system, admin; an administrator grants the least with
  kubectl trainer --kubeconfig admin.json bootstrap team-a --persona system --service-account trainer-submitter

"#]]
    );
    // In another namespace than the one where it is granted.
    let elsewhere = as_json(&["create", "trainjobs", "-n", "kube-system"]);
    assert_eq!(
        (elsewhere.code, near(&elsewhere)),
        (1, vec!["OtherNamespace"])
    );
    // A rule about what belongs to the cluster, in a Role, and one of another group.
    bed.apply(&dead_role(team.name()).to_string()).unwrap();
    let subject = format!("--serviceaccount={}:trainer-submitter", team.name());
    kubectl(
        &bed,
        &[
            "create",
            "rolebinding",
            "dead",
            "--role=dead",
            &subject,
            "-n",
            team.name(),
        ],
    );
    let dead = as_json(&["patch", "clustertrainingruntimes"]);
    assert_eq!(dead.code, 1);
    assert!(near(&dead).contains(&"DeadRule"), "{:#}", dead.answer);
    let group = as_json(&["update", "trainjobs"]);
    assert_eq!(group.code, 1);
    assert!(near(&group).contains(&"OtherGroup"), "{:#}", group.answer);
    // No persona may exec; the commands that are shown grant just that.
    let exec = as_json(&["create", "pods/exec"]);
    assert_eq!(exec.answer["grantWith"][0]["persona"], Value::Null);
    let commands = exec.answer["grantWith"][0]["commands"].as_array().unwrap();
    for command in commands {
        paste(&bed, command.as_str().unwrap());
    }
    wait_until("the role that was pasted", || {
        as_json(&["create", "pods/exec"]).code == 0
    });
}

#[test]
fn who_may_read_no_roles_gets_the_verdict_and_is_told_what_was_not_read() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "access-why-own");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("viewer");
    team.bootstrap(&["--persona", "viewer", "-f", file.to_str().unwrap()]);
    wait_until("the grant", || {
        run_as(&file, &["access", "why", "list", "trainjobs"]).code == 0
    });
    let allowed = run_as(&file, &["access", "why", "list", "trainjobs"]);
    assert_data_eq!(
        allowed.out.replace(team.name(), "team-a"),
        str![[r#"
yes: you (system:serviceaccount:team-a:trainer-viewer) may list trainjobs of trainer.kubeflow.org in namespace team-a
Granted by
  the server says: RBAC: allowed by RoleBinding "kubectl-trainer-viewer-trainer-viewer/team-a" of Role "kubectl-trainer-viewer" to ServiceAccount "trainer-viewer/team-a"
Not read, so there may be more
  you may not list clusterroles.rbac.authorization.k8s.io at the cluster scope
  you may not list clusterrolebindings.rbac.authorization.k8s.io at the cluster scope
  you may not list roles.rbac.authorization.k8s.io in namespace team-a
  you may not list rolebindings.rbac.authorization.k8s.io in namespace team-a

"#]]
    );
    let refused = asked(&run_as(
        &file,
        &["access", "why", "create", "trainjobs", "-o", "json"],
    ));
    assert_eq!(refused.code, 1);
    assert_eq!(refused.answer["notRead"].as_array().unwrap().len(), 4);
    let ways = refused.answer["grantWith"].as_array().unwrap().iter();
    let personas: Vec<_> = ways.map(|way| way["persona"].as_str().unwrap()).collect();
    assert_eq!(personas, ["ci", "submitter", "system", "admin"]);
    // About somebody else it may not ask.
    let other = format!("{}/default", team.name());
    let other = run_as(
        &file,
        &[
            "access",
            "why",
            "list",
            "trainjobs",
            "--service-account",
            &other,
        ],
    );
    assert_eq!(other.code, 4, "{}", other.err);
}

#[test]
fn a_resource_or_a_part_that_is_not_there_is_named_with_those_that_are() {
    let Some(bed) = Testbed::shared() else { return };
    let unknown = run(&bed, &["access", "why", "get", "trainjbos"]);
    assert_eq!(unknown.code, 5);
    assert_data_eq!(
        unknown.err,
        str![[r#"
error: the server serves no resource "trainjbos"
hint: did you mean trainjobs? all resources: kubectl --context admin --kubeconfig [..] api-resources

"#]]
    );
    let part = run(&bed, &["access", "why", "get", "pods/logs"]);
    assert_eq!(part.code, 5);
    assert_data_eq!(
        part.err,
        str![[r#"
error: pods have no part "logs"
hint: parts of pods: attach, [..], log, [..]; a name stands by itself: pods NAME

"#]]
    );
}
