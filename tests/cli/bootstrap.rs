//! `bootstrap` and `access install-roles` as far as they go without a cluster.

use snapbox::{file, str};

use crate::plugin::plugin;

#[test]
fn bootstrap_explains_itself() {
    plugin()
        .args(["bootstrap", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Make a namespace ready for training, with just enough rights for somebody

Usage: kubectl trainer bootstrap [OPTIONS] [NAMESPACE]

Arguments:
  [NAMESPACE]  The namespace; without it, that of the context

Options:
      --persona <PERSONA>              What the rights are for: viewer, submitter (without it), ci,
                                       admin, system, or user-code, which has none
      --service-account <NAME>         Who gets them; also NAMESPACE/NAME. Without it an account of
                                       the persona's name, such as trainer-submitter; may be
                                       repeated
      --for-user <NAME>                A person who gets them, under the name that the API server
                                       knows; may be repeated
      --for-group <NAME>               A group whose members get them; may be repeated
      --logs                           A viewer reads logs too: they may hold secrets
      --core-only                      Leave out the rights that only tell why a job waits, such as
                                       those on queues
      --namespaced-only                Do not ask who may read the cluster's runtimes, and grant
                                       nothing in the cluster
      --quota <RESOURCE=AMOUNT>        What the namespace may have in all, such as
                                       trainjobs=10,requests.cpu=64,requests.nvidia.com/gpu=8
      --limits <RESOURCE=AMOUNT>       What a container gets that does not say what it needs, such
                                       as cpu=1,memory=2Gi
      --two-tier                       Two accounts: one for a platform's own components, and one
                                       without rights for training code
      --system-service-account <NAME>  The platform's account; as NAMESPACE/NAME in a namespace of
                                       its own. Without it trainer-system
      --code-service-account <NAME>    The account of training code; without it trainer-user-code
      --code-secret <NAME>             A Secret that training code may use in two tiers; may be
                                       repeated
  -f, --file <FILE>                    In the end, write a kubeconfig that logs in as the service
                                       account
      --force                          Replace a file that is there
      --test-run                       In the end, log in as the service account with a new
                                       credential and nothing else, and make a real training on two
                                       nodes, which is followed to its end and removed: kubectl
                                       trainer verify --deep
      --deep-runtime <NAME>            The runtime of that training; without it torch-distributed,
                                       or another of nodes alone
      --deep-image <IMAGE>             Its image, in which a shell is enough; without it the
                                       runtime's own
      --deep-timeout <DURATION>        How long it may take; where images are large, the first time
                                       takes longer [default: 5m]
      --dry-run <client|server>        Change nothing: client only lists the objects, server asks
                                       the cluster what would become of each
      --diff                           Show every field that would change, and change nothing
      --export                         Print the objects as YAML, without asking the cluster, and
                                       change nothing
  -o, --output <json|yaml>             Another format, with every object and what became of it
  -h, --help                           Print help (see more with '--help')

Output:
      --color <auto|always|never>  Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
  -q, --quiet                      Only answers and errors
  -v, --v[=<LEVEL>]                Show requests on standard error; -vv (or kubectl's -v=8) with
                                   bodies, without secrets

Connection (the same as kubectl's):
  -n, --namespace <NAME>   Namespace; without it, the context's, else `default`
      --context <NAME>     Context of the kubeconfig; several for verify, runtimes list and access
                           kubeconfig
      --kubeconfig <FILE>  The one kubeconfig file to read; without it, the KUBECONFIG list, else
                           ~/.kube/config

"#]])
        .stderr_eq(str![]);
}

#[test]
fn installing_roles_explains_itself() {
    plugin()
        .args(["access", "install-roles", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Install the cluster's roles for training, once

Usage: kubectl trainer access install-roles [OPTIONS]

Options:
      --aggregate <kubernetes|kubeflow|none>
          Whose holders get these rights too; may be repeated, or a list with commas [default:
          kubernetes]
      --dry-run <client|server>
          Change nothing: client only lists the objects, server asks the cluster what would become
          of each
      --diff
          Show every field that would change, and change nothing
      --export
          Print the objects as YAML, without asking the cluster, and change nothing
  -o, --output <json|yaml>
          Another format, with every object and what became of it
  -h, --help
          Print help (see more with '--help')

Output:
      --color <auto|always|never>  Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
  -q, --quiet                      Only answers and errors
  -v, --v[=<LEVEL>]                Show requests on standard error; -vv (or kubectl's -v=8) with
                                   bodies, without secrets

Connection (the same as kubectl's):
  -n, --namespace <NAME>   Namespace; without it, the context's, else `default`
      --context <NAME>     Context of the kubeconfig; several for verify, runtimes list and access
                           kubeconfig
      --kubeconfig <FILE>  The one kubeconfig file to read; without it, the KUBECONFIG list, else
                           ~/.kube/config

"#]])
        .stderr_eq(str![]);
}

#[test]
fn comparing_explains_itself() {
    plugin()
        .args(["access", "diff", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Show what differs between what was granted in a namespace and what would be granted now

Usage: kubectl trainer access diff [OPTIONS]

Options:
  -h, --help  Print help (see more with '--help')

Output:
      --color <auto|always|never>  Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
  -q, --quiet                      Only answers and errors
  -v, --v[=<LEVEL>]                Show requests on standard error; -vv (or kubectl's -v=8) with
                                   bodies, without secrets

Connection (the same as kubectl's):
  -n, --namespace <NAME>   Namespace; without it, the context's, else `default`
      --context <NAME>     Context of the kubeconfig; several for verify, runtimes list and access
                           kubeconfig
      --kubeconfig <FILE>  The one kubeconfig file to read; without it, the KUBECONFIG list, else
                           ~/.kube/config

"#]])
        .stderr_eq(str![]);
}

#[test]
fn a_kubeconfig_for_people_is_not_made() {
    plugin()
        .args([
            "bootstrap",
            "team-a",
            "--for-user",
            "jane",
            "-f",
            "x.kubeconfig",
        ])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: a kubeconfig is for a service account, and none is named: people log in themselves
hint: leave out -f, and make one for each: kubectl trainer access kubeconfig NAME -n NAMESPACE -f FILE

"#]]);
}

#[test]
fn a_dry_run_of_the_client_lists_what_would_be_applied() {
    plugin()
        .args(["bootstrap", "team-a", "--dry-run=client"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
KIND                 NAMESPACE   NAME
Namespace                        team-a
ServiceAccount       team-a      trainer-submitter
ClusterRole                      kubectl-trainer-cluster-runtimes-view
Role                 team-a      kubectl-trainer-submitter
Role                 team-a      kubectl-trainer-submitter-diagnose
RoleBinding          team-a      kubectl-trainer-submitter-trainer-submitter
RoleBinding          team-a      kubectl-trainer-submitter-diagnose-trainer-submitter
ClusterRoleBinding               kubectl-trainer:team-a:trainer-submitter:cluster-runtimes

"#]])
        .stderr_eq(str![[r#"
The ClusterRoleBinding is not needed where everybody may read ClusterTrainingRuntimes; --namespaced-only leaves it out.

"#]]);
}

#[test]
fn an_export_is_yaml_that_can_be_committed() {
    plugin()
        .args(["bootstrap", "team-a", "--persona", "ci", "--export"])
        .assert()
        .code(0)
        .stdout_eq(file!["snapshots/bootstrap_export.stdout"])
        .stderr_eq(str![]);
}

#[test]
fn an_export_leaves_out_accounts_that_may_be_somebody_elses() {
    plugin()
        .args(["bootstrap", "team-a", "--dry-run=client", "--core-only"])
        .args(["--service-account", "default-editor"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
KIND                 NAMESPACE   NAME
Namespace                        team-a
ClusterRole                      kubectl-trainer-cluster-runtimes-view
Role                 team-a      kubectl-trainer-submitter
RoleBinding          team-a      kubectl-trainer-submitter-default-editor
ClusterRoleBinding               kubectl-trainer:team-a:default-editor:cluster-runtimes

"#]])
        .stderr_eq(str![[r#"
ServiceAccount team-a/default-editor is taken to be there.
The ClusterRoleBinding is not needed where everybody may read ClusterTrainingRuntimes; --namespaced-only leaves it out.

"#]]);
}

#[test]
fn two_tiers_are_two_accounts_and_a_policy() {
    plugin()
        .args(["bootstrap", "team-a", "--two-tier", "--dry-run=client"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
KIND                               NAMESPACE   NAME
Namespace                                      team-a
ServiceAccount                     team-a      trainer-system
ServiceAccount                     team-a      trainer-user-code
ValidatingAdmissionPolicy                      kubectl-trainer-tiers.team-a
ValidatingAdmissionPolicyBinding               kubectl-trainer-tiers.team-a
ClusterRole                                    kubectl-trainer-cluster-runtimes-view
Role                               team-a      kubectl-trainer-system
Role                               team-a      kubectl-trainer-system-diagnose
Role                               team-a      kubectl-trainer-use-trainer-system
RoleBinding                        team-a      kubectl-trainer-system-trainer-system
RoleBinding                        team-a      kubectl-trainer-system-diagnose-trainer-system
RoleBinding                        team-a      kubectl-trainer-use-trainer-system-trainer-system
ClusterRoleBinding                             kubectl-trainer:team-a:trainer-system:cluster-runtimes

"#]])
        .stderr_eq(str![[r#"
The ClusterRoleBinding is not needed where everybody may read ClusterTrainingRuntimes; --namespaced-only leaves it out.

"#]]);
}

#[test]
fn people_and_groups_are_bound_each_by_a_binding_of_their_own() {
    plugin()
        .args(["bootstrap", "team-a", "--persona", "viewer", "--core-only"])
        .args([
            "--for-user",
            "jane@example.com",
            "--for-group",
            "Data Science",
        ])
        .args(["--namespaced-only", "--dry-run=client"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
KIND          NAMESPACE   NAME
Namespace                 team-a
Role          team-a      kubectl-trainer-viewer
RoleBinding   team-a      kubectl-trainer-viewer-user:jane@example.com
RoleBinding   team-a      kubectl-trainer-viewer-group:f25168f39ae8524b

"#]])
        .stderr_eq(str![]);
}

#[test]
fn the_namespaces_of_controllers_are_refused() {
    plugin()
        .args(["bootstrap", "kube-system", "--export"])
        .assert()
        .code(6)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: kube-system is a namespace of controllers: who may train there may run as their accounts
hint: name another namespace; it is made where it is missing: kubectl trainer bootstrap team-a

"#]]);
    for arguments in [
        ["kubeflow-system", "--export", "--persona=viewer"],
        ["team-a", "--export", "--service-account=kube-system/x"],
    ] {
        plugin()
            .arg("bootstrap")
            .args(arguments)
            .assert()
            .code(6)
            .stderr_eq(str![[r#"
error: [..] is a namespace of controllers: who may train there may run as their accounts
...
"#]]);
    }
}

#[test]
fn two_different_namespaces_are_a_slip() {
    plugin()
        .args(["bootstrap", "team-a", "-n", "team-b", "--export"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: two namespaces are named: team-a, and team-b by -n
hint: name one

"#]]);
}

#[test]
fn a_name_that_no_namespace_has_is_refused() {
    plugin()
        .args(["bootstrap", "team.a"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'team.a' for '[NAMESPACE]': a namespace's name has at most 63 letters and no dot

For more information, try '--help'.

"#]]);
}

#[test]
fn an_amount_without_a_resource_is_refused() {
    plugin()
        .args(["bootstrap", "team-a", "--quota", "5", "--export"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value '5' for '--quota <RESOURCE=AMOUNT>': expected RESOURCE=AMOUNT, such as cpu=4

For more information, try '--help'.

"#]]);
}

#[test]
fn one_account_for_both_tiers_is_refused() {
    plugin()
        .args(["bootstrap", "team-a", "--two-tier", "--export"])
        .args([
            "--system-service-account",
            "one",
            "--code-service-account",
            "one",
        ])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: one cannot be the account of both tiers
hint: name another one for training code: --code-service-account NAME

"#]]);
}

#[test]
fn the_installed_roles_are_yaml_that_can_be_committed() {
    plugin()
        .args(["access", "install-roles", "--export"])
        .assert()
        .code(0)
        .stdout_eq(file!["snapshots/install_roles_export.stdout"])
        .stderr_eq(str![]);
}
