//! `access install-roles`: whoever edits a namespace may train in it, once an administrator has installed the roles.

use testbed::Testbed;

use crate::{
    bootstrap::{Team, run},
    support::{kubectl, wait_until},
};

const ROLES: [&str; 7] = [
    "kubectl-trainer-viewer",
    "kubectl-trainer-submitter",
    "kubectl-trainer-admin",
    "kubectl-trainer-cluster-runtimes-view",
    "kubeflow-view",
    "kubeflow-edit",
    "kubeflow-admin",
];

#[test]
fn who_edits_a_namespace_may_train_in_it_once_the_roles_are_installed() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let team = Team::new(&bed, "roles");
    for account in ["editor", "viewer", "notebook"] {
        kubectl(
            &bed,
            &["create", "serviceaccount", account, "-n", team.name()],
        );
    }
    let bind = |name: &str, role: &str| {
        let account = format!("--serviceaccount={}:{name}", team.name());
        let role = format!("--clusterrole={role}");
        let arguments = ["create", "rolebinding", name, "-n", team.name()];
        kubectl(&bed, &[&arguments[..], &[&role, &account]].concat());
    };
    bind("editor", "edit");
    bind("viewer", "view");
    let create = [
        "create",
        "trainjobs.trainer.kubeflow.org",
        "-n",
        team.name(),
    ];
    let list = ["list", "trainjobs.trainer.kubeflow.org", "-n", team.name()];
    assert!(!team.may("editor", &create) && !team.may("viewer", &list));

    let installed = run(
        &bed,
        &[
            "access",
            "install-roles",
            "--aggregate",
            "kubernetes,kubeflow",
        ],
    );
    assert_eq!(installed.code, 0, "{}{}", installed.out, installed.err);
    // The parents are Kubeflow's, so they are bound only now.
    bind("notebook", "kubeflow-edit");
    wait_until("the editor may train", || team.may("editor", &create));
    wait_until("the viewer may look", || team.may("viewer", &list));
    wait_until("the notebook may train", || team.may("notebook", &create));
    assert!(!team.may("viewer", &create));
    assert!(!team.may(
        "editor",
        &[
            "update",
            "trainingruntimes.trainer.kubeflow.org",
            "-n",
            team.name()
        ]
    ));

    let again = run(
        &bed,
        &[
            "access",
            "install-roles",
            "--aggregate",
            "kubernetes,kubeflow",
        ],
    );
    let results: Vec<_> = again
        .out
        .lines()
        .skip(1)
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    assert_eq!(results, ["unchanged"; 7]);
    for role in ROLES {
        kubectl(&bed, &["delete", "clusterrole", role]);
    }
    wait_until("the editor has lost it", || !team.may("editor", &create));
}
